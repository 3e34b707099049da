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

const MILLION: u32 = 1_000_000;

/// Sixteen bytes each.
fn one_of_million(number: u32) -> [u8; 16] {
    let mut key = *b"service/00000000";
    key[12..].copy_from_slice(&number.to_be_bytes());
    key
}

/// A million keys of 16 bytes with values of 32: what each takes, and what a write of one more value takes.
fn million(criterion: &mut Criterion) {
    let mut known = Known::new(2);
    let memory = allocation_counter::measure(|| {
        for number in 0..MILLION {
            let written = known.node.kv_mut(known.now).set(Scope::Shared, &one_of_million(number), &[7; 32]);
            assert!(written.is_ok());
            while known.node.poll_event().is_some() {}
        }
    });
    let each = memory.bytes_current as f64 / f64::from(MILLION);
    println!(
        "a key of 16 bytes and a value of 32 take {each:.1} bytes, {:.2} times what they have and 64",
        each / 112.0
    );
    let mut number = 0_u32;
    criterion.bench_function("kv/set, 32 bytes/one of 1 000 000 keys", |bench| {
        bench.iter(|| {
            number = number.wrapping_add(7919) % MILLION;
            let written = known.node.kv_mut(known.now).set(Scope::Shared, &one_of_million(number), &[8; 32]);
            while known.node.poll_event().is_some() {}
            written
        });
    });
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

criterion_group!(benches, set, delta, million);
criterion_main!(benches);
