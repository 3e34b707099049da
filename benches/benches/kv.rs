//! The map: a local write, and a full packet of another member's entries, new and known.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gossip_benches::known::{Known, Sent};
use gossip_benches::samples;
use gossip_core::kv::Scope;
use gossip_core::wire::{Section, kv};

const VALUE: [u8; 64] = [5; 64];

fn set(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kv/set, 64 bytes");
    let mut known = Known::new(64);
    let mut number = 0;
    group.bench_function("one of 10 000 keys", |bench| {
        bench.iter(|| {
            number = (number + 1) % 10_000;
            known.node.kv_mut(known.now).set(Scope::Shared, &samples::key(number), &VALUE)
        });
    });
    group.bench_function("and sent", |bench| {
        bench.iter(|| {
            number = (number + 1) % 10_000;
            let written = known.node.kv_mut(known.now).set(Scope::Shared, &samples::key(number), &VALUE);
            known.pass(Duration::from_millis(10));
            (written, known.answer(), known.node.poll_event())
        });
    });
    group.finish();
}

fn delta(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kv/full delta, 64 bytes a value");
    let known = Known::new(64);
    let (packets, entries) = deltas(&known);
    group.throughput(Throughput::Elements(entries));
    group.bench_function("all new", |bench| {
        bench.iter_custom(|times| {
            let (mut left, mut spent) = (times as usize, Duration::ZERO);
            while left > 0 {
                let (mut known, mut packets) = (Known::new(64), packets.clone());
                let used = packets.len().min(left);
                let start = Instant::now();
                for packet in &mut packets[..used] {
                    known.handle(packet);
                    while known.node.poll_event().is_some() {}
                }
                spent += start.elapsed();
                left -= used;
            }
            spent
        });
    });
    let mut known = known;
    let mut packet = packets[0].clone();
    known.handle(&mut packet);
    group.bench_function("all known", |bench| bench.iter(|| known.handle(&mut packet)));
    group.finish();
}

/// A hundred full deltas of one writer in their order, and how many entries each holds.
fn deltas(known: &Known) -> (Vec<Sent>, u64) {
    let (mut packets, mut next, mut entries) = (Vec::new(), 1, 0);
    for _ in 0..100 {
        let packet = known.write(1, true, |packet| samples::delta(packet, next, usize::MAX).expect("a delta fits"));
        let through = known.sections(&packet.bytes).find_map(|section| match section {
            Section::Kv(kv::Section::Delta(delta)) => Some(delta.through),
            _ => None,
        });
        let through = through.expect("it holds a delta");
        entries = through + 1 - next;
        next = through + 1;
        packets.push(packet);
    }
    (packets, entries)
}

criterion_group!(benches, set, delta);
criterion_main!(benches);
