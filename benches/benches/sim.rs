//! How many packets the simulator carries in a second: real nodes, network and metrics in one thread.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gossip_sim::{Scenario, SeedReport};

const NODES: u64 = 64;
/// Nodes start and find each other, in 30 s; then nothing happens for five minutes, whose packets are counted.
const SCENARIO: &str = "\
name = \"bench\"
nodes = 64
duration = \"330s\"
[network]
latency = { uniform = [\"5ms\", \"50ms\"] }
";
const STEADY_SECONDS: u64 = 300;

fn sim(criterion: &mut Criterion) {
    let scenario = Scenario::parse(SCENARIO, "bench.toml").expect("the scenario is valid");
    let run = || gossip_sim::run(&scenario, 1, &mut |_| ()).expect("nodes keep their promises");
    let mut group = criterion.benchmark_group("sim");
    group.sample_size(10).measurement_time(Duration::from_secs(5)).throughput(Throughput::Elements(packets(&run())));
    group.bench_function("64 nodes, 330 s of virtual time", |bench| bench.iter(run));
    group.finish();
}

/// What was sent while nothing happened; the few thousand packets of the beginning are not counted.
fn packets(report: &SeedReport) -> u64 {
    let rate = report.metrics.get("traffic.packets_per_node_s").copied().flatten();
    let rate = rate.expect("a scenario of this length is measured").as_f64();
    (rate * (NODES * STEADY_SECONDS) as f64) as u64
}

criterion_group!(benches, sim);
criterion_main!(benches);
