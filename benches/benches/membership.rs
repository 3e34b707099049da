//! What one node does with a ping, and with a full packet of gossip, in clusters of three sizes; with the feature
//! `peers`, what foca does with the same, so that ratios can be read from one run.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gossip_benches::known::{Known, Sent};
use gossip_benches::{SIZES, scattered};

/// So many members take turns in sending pings.
const SENDERS: usize = 64;

fn ping(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("membership/ping handled, ack sent");
    for size in SIZES {
        let mut known = Known::new(size);
        let mut pings: Vec<Sent> = scattered(size - 1).take(SENDERS).map(|at| known.ping(at + 1)).collect();
        let (len, _) = known.turn(&mut pings[0]);
        assert!((1..64).contains(&len), "an ack and nothing else");
        let mut turns = (0..SENDERS).cycle();
        group.bench_function(BenchmarkId::new("gossip", size), |bench| {
            bench.iter(|| known.reply(&mut pings[turns.next().unwrap_or(0)]));
        });
        // As a driver does it: polled until nothing is left to send, and the timer read.
        group.bench_function(BenchmarkId::new("gossip, with the driver's polls", size), |bench| {
            bench.iter(|| known.turn(&mut pings[turns.next().unwrap_or(0)]));
        });
        #[cfg(feature = "peers")]
        {
            let mut foca = gossip_benches::peer_foca::KnownFoca::new(size);
            let pings: Vec<_> = scattered(size - 1).take(SENDERS).map(|at| foca.ping(at + 1)).collect();
            assert_eq!(foca.turn(&pings[0]), 1, "an ack and nothing else");
            group.bench_function(BenchmarkId::new("foca", size), |bench| {
                bench.iter(|| foca.turn(&pings[turns.next().unwrap_or(0)]));
            });
        }
    }
    group.finish();
}

fn known_gossip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("membership/full packet, all known");
    for size in SIZES {
        let mut known = Known::new(size);
        let (mut packet, updates) = known.known_updates();
        group.throughput(Throughput::Elements(updates as u64));
        group.bench_function(BenchmarkId::new("gossip", size), |bench| bench.iter(|| known.turn(&mut packet)));
        #[cfg(feature = "peers")]
        {
            let mut foca = gossip_benches::peer_foca::KnownFoca::new(size);
            let (packet, updates) = foca.known_updates();
            group.throughput(Throughput::Elements(updates as u64));
            group.bench_function(BenchmarkId::new("foca", size), |bench| bench.iter(|| foca.turn(&packet)));
        }
    }
    group.finish();
}

fn new_gossip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("membership/full packet, all new");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1));
    for size in SIZES {
        let sample = Known::new(size);
        let (packets, updates) = new_packets(size, |members| sample.updates(members));
        group.throughput(Throughput::Elements(updates as u64));
        group.bench_function(BenchmarkId::new("gossip", size), |bench| {
            let fresh = || (Known::new(size), packets.clone());
            bench.iter_custom(|times| measure_new(times, fresh, |known, packet| known.handle(packet)));
        });
        #[cfg(feature = "peers")]
        {
            use gossip_benches::peer_foca::KnownFoca;
            let sample = KnownFoca::new(size);
            let (packets, updates) = new_packets(size, |members| sample.updates(members));
            group.throughput(Throughput::Elements(updates as u64));
            group.bench_function(BenchmarkId::new("foca", size), |bench| {
                let fresh = || (KnownFoca::new(size), packets.clone());
                bench.iter_custom(|times| measure_new(times, fresh, |foca, packet| _ = foca.turn(packet)));
            });
        }
    }
    group.finish();
}

/// Full packets about members that a node of `size` does not know yet, so many that it grows by an eighth; and how many
/// updates each holds.
fn new_packets<T>(size: usize, write: impl Fn(Box<dyn Iterator<Item = usize>>) -> (T, usize)) -> (Vec<T>, usize) {
    let (mut packets, mut next, mut most) = (Vec::new(), size, 0);
    while packets.is_empty() || next < size + size / 8 {
        let (packet, updates) = write(Box::new(next..));
        packets.push(packet);
        next += updates;
        most = most.max(updates);
    }
    (packets, most)
}

/// The time that `times` packets take, each of which is new to the node: a fresh one is made whenever they are used up.
fn measure_new<N, T>(times: u64, fresh: impl Fn() -> (N, Vec<T>), handle: impl Fn(&mut N, &mut T)) -> Duration {
    let (mut left, mut spent) = (times, Duration::ZERO);
    while left > 0 {
        let (mut node, mut packets) = fresh();
        let used = packets.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let start = Instant::now();
        packets[..used].iter_mut().for_each(|packet| handle(&mut node, packet));
        spent += start.elapsed();
        left -= used as u64;
    }
    spent
}

criterion_group!(benches, ping, known_gossip, new_gossip);
criterion_main!(benches);
