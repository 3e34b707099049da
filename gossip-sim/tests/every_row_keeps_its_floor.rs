//! The scenarios that come with the crate, in full but for the largest, with two seeds: each keeps its floor.

use gossip_sim::{Report, Scenario, Summary, Value, builtin, run};

/// Both seeds of a scenario, summed up.
fn report(name: &str) -> Report {
    let (_, text) = builtin().iter().find(|(builtin, _)| *builtin == name).unwrap_or_else(|| panic!("no {name}"));
    let scenario = Scenario::parse(text, name).unwrap_or_else(|error| panic!("{error}"));
    let run = |seed| run(&scenario, seed, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"));
    Report::new(&scenario, vec![run(1), run(2)])
}

/// The worst of a metric over the seeds is at most this, and none is unfinished.
fn at_most(report: &Report, metric: &str, most: f64) {
    let Some(Summary { max, unfinished, .. }) = report.summary.get(metric) else { panic!("no {metric}: {report}") };
    assert_eq!(*unfinished, 0, "{metric} of {report}");
    assert!(max.map(Value::as_f64).is_some_and(|max| max <= most), "{metric} over {most} in {report}");
}

#[test]
fn two_hundred_and_fifty_six_nodes_join_within_ten_seconds() {
    at_most(&report("join-256"), "join.t100_s", 10.0);
}

#[test]
fn a_crash_is_known_to_all_within_twenty_seconds() {
    for name in ["crash-256", "crash-256-loss10"] {
        let report = report(name);
        at_most(&report, "detect.all_down_s", 20.0);
        at_most(&report, "accuracy.live_killed", 0.0);
    }
}

#[test]
fn a_quiet_cluster_sends_little_and_accuses_nobody() {
    let report = report("steady-256");
    at_most(&report, "traffic.bytes_per_node_s", 200.0);
    at_most(&report, "accuracy.live_killed", 0.0);
}

#[test]
fn a_broadcast_reaches_all_and_each_once() {
    for name in ["broadcast-256", "broadcast-256-loss10"] {
        let report = report(name);
        at_most(&report, "broadcast.duplicated", 0.0);
        for seed in &report.seeds {
            assert_eq!(seed.metrics["broadcast.reach_min"], Some(Value::Real(1.0)), "{name}, seed {}", seed.seed);
        }
    }
}

#[test]
fn a_partition_heals_within_a_minute() {
    at_most(&report("partition-64"), "heal_s", 60.0);
}

#[test]
fn the_map_loses_nothing_and_brings_nothing_back() {
    let report = report("kv-64-loss10-corrupt1");
    for metric in ["kv.resurrected", "kv.lost", "kv.diverged"] {
        at_most(&report, metric, 0.0);
    }
}
