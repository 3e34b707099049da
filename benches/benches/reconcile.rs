//! What it costs to find out what two sets differ in: bytes as a table, beside others with the feature `peers`; then the
//! time that index and comparison take.

use std::collections::BTreeMap;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gossip_benches::sets::{Cost, Layout, Set, merkle, ours, pair};

const DATAGRAM: usize = 1200;
/// Longer than any message is.
const STREAM: usize = 65_536;
/// For each figure; three with a million keys.
const SEEDS: u64 = 9;

/// What the seeds cost, cheapest first.
fn costs(n: usize, differ: usize, layout: Layout, cost: impl Fn(u64, &[Set; 2]) -> Cost) -> Vec<Cost> {
    let seeds = if n < 1_000_000 { SEEDS } else { 3 };
    let mut costs: Vec<Cost> = (0..seeds).map(|seed| cost(seed, &pair(seed, n, differ, layout))).collect();
    costs.sort_by_key(Cost::total);
    costs
}

fn ours(budget: usize, differ: usize) -> impl Fn(u64, &[Set; 2]) -> Cost {
    move |seed, [a, b]| {
        let (cost, found) = ours::compare(seed as u32 * 7919, budget, &ours::index(a), &ours::index(b));
        // Of a million keys some share their hash with one that differs.
        assert!((differ..=differ + differ / 100).contains(&found), "seed {seed}: {found}");
        cost
    }
}

/// Median and worst of one way to compare.
fn row(name: &str, costs: &[Cost]) {
    let (median, worst) = (costs[costs.len() / 2], costs[costs.len() - 1]);
    println!(
        "| {name:<32} | {:>10} | {:>9} | {:>10} | {:>8} |",
        median.bytes, median.wants, worst.bytes, median.messages
    );
}

fn table(n: usize, differ: usize, layout: Layout) {
    println!("\n{n} keys of 16 bytes, {differ} with another version, {layout:?}");
    println!("| bytes until the difference is known | both ways | wants | worst seed | messages |");
    println!("|---|---|---|---|---|");
    let by_stream = costs(n, differ, layout, ours(STREAM, differ));
    row("gossip-reconcile, one stream", &by_stream);
    for budget in [DATAGRAM, 508] {
        row(&format!("gossip-reconcile, {budget} B"), &costs(n, differ, layout, ours(budget, differ)));
    }
    row("hash list, 8 B each", &[Cost { bytes: 8 * n, asked: 0, wants: 8 * differ, messages: 1 }]);
    row(
        "Merkle tree, 16 ways",
        &costs(n, differ, layout, |_, [a, b]| merkle::compare(&merkle::Merkle::new(a), &merkle::Merkle::new(b))),
    );
    #[cfg(feature = "peers")]
    peers(n, differ, layout);
}

#[cfg(feature = "peers")]
fn peers(n: usize, differ: usize, layout: Layout) {
    use gossip_benches::sets::peers::{
        compare_merkle_search_tree, compare_negentropy, compare_riblt, merkle_search_tree, negentropy,
    };
    for (name, frame) in [("negentropy", 0), ("negentropy, frames of 4 096 B", 4096)] {
        row(name, &costs(n, differ, layout, |_, [a, b]| compare_negentropy(frame, &negentropy(a), &negentropy(b))));
    }
    if n <= 100_000 && differ <= 100 {
        row("riblt, 17 B a symbol", &costs(n, differ, layout, |_, [a, b]| compare_riblt(differ, a, b)));
    }
    if n <= 100_000 {
        row(
            "merkle-search-tree",
            &costs(n, differ, layout, |_, [a, b]| {
                compare_merkle_search_tree(&merkle_search_tree(a), &merkle_search_tree(b), b)
            }),
        );
    }
}

/// The worst of any number of differences, beside a list of all hashes: 8 bytes for each key.
fn any_difference(n: usize, layout: Layout) {
    let (mut worst, mut datagrams) = ((0.0, 0), 0.0_f64);
    let mut differ = 1;
    while differ <= n {
        for seed in 0..SEEDS {
            let sets = pair(seed, n, differ, layout);
            let [stream, datagram] = [STREAM, DATAGRAM].map(|budget| ours(budget, differ)(seed, &sets));
            let ratio = datagram.bytes as f64 / (8 * n) as f64;
            worst = if ratio > worst.0 { (ratio, differ) } else { worst };
            datagrams = datagrams.max(datagram.bytes as f64 / stream.bytes as f64);
        }
        differ += 1 + differ / 4;
    }
    println!("| {n:>7} | {layout:?} | {:.2} at {} | {datagrams:.3} |", worst.0, worst.1);
}

fn bytes(_: &mut Criterion) {
    use Layout::{Clustered, Scattered};
    // Not what was asked for if one of the timings is named.
    if std::env::args().any(|arg| arg.starts_with("reconcile/")) {
        return;
    }
    for (n, differ, layout) in [
        (10_000, 0, Scattered),
        (10_000, 1, Scattered),
        (10_000, 100, Scattered),
        (10_000, 1000, Scattered),
        (100_000, 1, Scattered),
        (100_000, 100, Scattered),
        (100_000, 1000, Scattered),
        (100_000, 10_000, Scattered),
        (100_000, 100, Clustered),
        (100_000, 1000, Clustered),
        (100_000, 10_000, Clustered),
        (1_000_000, 0, Scattered),
        (1_000_000, 1, Scattered),
        (1_000_000, 1000, Scattered),
    ] {
        table(n, differ, layout);
    }
    println!("\nAny number of differences, in datagrams of {DATAGRAM} B");
    println!("| keys | layout | worst, of a hash list | worst, of one stream |\n|---|---|---|---|");
    for n in [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] {
        any_difference(n, Scattered);
        any_difference(n, Clustered);
    }
}

fn upkeep(criterion: &mut Criterion) {
    for n in [100_000, 1_000_000] {
        let [set, changed] = pair(1, n, n, Layout::Scattered);
        let mut group = criterion.benchmark_group(format!("reconcile/{n} keys"));
        let mut index = ours::index(&set);
        let slots: Vec<_> = changed.keys().filter_map(|key| index.slot(key)).collect();
        let mut at = 0;
        group.bench_function("a new version", |bench| {
            bench.iter(|| {
                at += 1;
                // Neighbours in this order are far apart in memory.
                index.set_version(slots[(at * 7919) % slots.len()], &at.to_be_bytes())
            });
        });
        let mut out: Vec<_> = changed.keys().step_by(n / 1000).copied().collect();
        out.sort_by_key(|key| key[15]);
        group.bench_function("a key removed and added", |bench| {
            bench.iter(|| {
                at += 1;
                let key = out[at % out.len()];
                (index.remove(&key), index.insert(key, b"1"))
            });
        });
        group.finish();
    }
}

fn find(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reconcile/find, both sides");
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    for (n, differ) in [(100_000, 0), (100_000, 1), (100_000, 100), (1_000_000, 100), (1_000_000, 1000)] {
        let [a, b] = pair(1, n, differ, Layout::Scattered);
        let (a, b) = (ours::index(&a), ours::index(&b));
        let mut seed = 0;
        group.bench_function(BenchmarkId::from_parameter(format!("{differ} of {n}")), |bench| {
            bench.iter(|| {
                seed += 1;
                ours::compare(seed, DATAGRAM, &a, &b)
            });
        });
    }
    group.finish();
}

/// What a key takes on the heap, in the index and in a map of keys to a version of eight bytes.
fn memory(_: &mut Criterion) {
    let [set, _] = pair(1, 1_000_000, 0, Layout::Scattered);
    let mut held = [0, 0];
    for (at, held) in held.iter_mut().enumerate() {
        let counted = allocation_counter::measure(|| {
            // Kept, so that it is counted.
            if at == 0 {
                std::mem::forget(ours::index(&set));
            } else {
                std::mem::forget(set.iter().map(|(key, version)| (*key, *version)).collect::<BTreeMap<_, _>>());
            }
        });
        *held = counted.bytes_current / 1_000_000;
    }
    println!(
        "\n1 000 000 keys of 16 bytes: {} bytes each in the index, {} in a BTreeMap with versions",
        held[0], held[1]
    );
}

criterion_group!(benches, bytes, memory, upkeep, find);
criterion_main!(benches);
