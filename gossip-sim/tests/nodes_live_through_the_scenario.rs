//! Real nodes in small clusters, where what must come out is plain.

use gossip_sim::{Scenario, SeedReport, Value, run};

const SEED: u64 = 1;

/// Eight nodes over a perfect network of 10 ms.
fn report(events: &str, values: &[(&str, &str)]) -> SeedReport {
    let text = format!(
        "name = \"t\"\nnodes = 8\nduration = \"120s\"\n[network]\nlatency = {{ fixed = \"10ms\" }}\n[join]\nevery = \"10ms\"\n{events}"
    );
    let mut scenario = Scenario::parse(&text, "t.toml").unwrap_or_else(|error| panic!("{error}"));
    scenario.set_all(values.iter().copied()).unwrap_or_else(|error| panic!("{error}"));
    run(&scenario, SEED, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"))
}

fn figure(report: &SeedReport, name: &str) -> Option<f64> {
    report.metrics.get(name).unwrap_or_else(|| panic!("no {name}")).map(Value::as_f64)
}

fn event(at: &str, what: &str) -> String {
    format!("[[event]]\nat = \"{at}\"\n{what}\n")
}

#[test]
fn on_a_perfect_network_all_find_each_other_and_nobody_is_accused() {
    let report = report("", &[]);
    assert!(figure(&report, "join.t100_s").is_some_and(|seconds| seconds < 5.0), "{report:?}");
    assert_eq!(figure(&report, "accuracy.pairs_up_end"), Some(1.0));
    assert_eq!(figure(&report, "accuracy.down_events_healthy"), Some(0.0));
}

#[test]
fn nodes_that_are_warm_know_each_other_from_the_start_and_notice_who_dies() {
    let events = event("1ms", "broadcast = { bytes = 50 }") + &event("20s", "crash = { count = 1 }");
    let report = report(&events, &[("join.warm", "true")]);
    assert!(report.metrics.keys().all(|name| !name.starts_with("join.")), "{report:?}");
    // It takes no time only where there is nobody to reach.
    assert!(figure(&report, "broadcast.t100_ms").is_some_and(|ms| ms > 0.0), "{report:?}");
    assert_eq!(figure(&report, "accuracy.down_events_healthy"), Some(0.0));
    assert!(figure(&report, "detect.all_down_s").is_some(), "{report:?}");
}

#[test]
fn a_network_that_loses_or_damages_everything_joins_nobody() {
    for (path, value) in [("network.loss", "1.0"), ("network.corrupt", "1.0")] {
        let report = report("", &[(path, value)]);
        assert_eq!(figure(&report, "join.t100_s"), None, "{path}");
        assert_eq!(figure(&report, "accuracy.pairs_up_end"), Some(0.0), "{path}");
    }
}

#[test]
fn packets_that_all_arrive_twice_deliver_once() {
    let broadcast = "broadcast = { from = \"all\", times = 3, every = \"2s\", bytes = 50 }";
    let report = report(&event("10s", broadcast), &[("network.duplicate", "1.0")]);
    assert_eq!(figure(&report, "broadcast.rounds"), Some(24.0));
    assert_eq!(figure(&report, "broadcast.reach_min"), Some(1.0));
    assert_eq!(figure(&report, "broadcast.duplicated"), Some(0.0));
}

#[test]
fn a_crash_is_silent_and_noticed_by_all() {
    let report = report(&event("20s", "crash = { count = 2 }"), &[]);
    assert!(figure(&report, "detect.first_suspect_s").is_some_and(|seconds| seconds > 0.1), "{report:?}");
    assert!(figure(&report, "detect.all_down_s").is_some(), "{report:?}");
    assert_eq!(figure(&report, "accuracy.live_killed"), Some(0.0));
}

#[test]
fn who_leaves_is_not_seen_as_failed() {
    let report = report(&event("20s", "leave = { nodes = [\"n0\", \"n5\"] }"), &[]);
    assert_eq!(figure(&report, "accuracy.down_events_healthy"), Some(0.0));
    assert_eq!(figure(&report, "accuracy.live_killed"), Some(0.0));
    assert_eq!(figure(&report, "accuracy.pairs_up_end"), Some(1.0));
}

#[test]
fn the_sides_of_a_partition_exchange_nothing_and_find_each_other_again() {
    let partition = event("20s", "partition = { groups = [[\"n0\", \"n1\"], [\"n2\"]], lasts = \"20s\" }");
    let broadcast = |at: &str| event(at, "broadcast = { from = \"n0\", bytes = 50 }");
    let apart = report(&(partition.clone() + &broadcast("30s")), &[("duration", "39s")]);
    // n0 reaches n1, and none of the six others.
    assert_eq!(figure(&apart, "broadcast.reach_min"), Some(1.0 / 7.0));
    assert_eq!(figure(&apart, "heal_s"), None);
    let healed = report(&partition, &[]);
    assert!(figure(&healed, "heal_s").is_some(), "{healed:?}");
}

#[test]
fn the_restarted_come_back_whatever_they_remember() {
    for state in ["lost", "kept", "old"] {
        let restart = format!("restart = {{ count = 2, down = \"3s\", spread = \"2s\", state = \"{state}\" }}");
        let report = report(&event("65s", &restart), &[]);
        assert!(figure(&report, "restart.t100_s").is_some(), "{state}: {report:?}");
        assert_eq!(figure(&report, "accuracy.live_killed"), Some(0.0), "{state}");
    }
}

#[test]
fn what_only_the_restarted_knew_is_kept_if_its_state_is() {
    let set = event("20s", "kv = { on = \"n5\", op = \"set\", keys = 10 }");
    let alone = event("19s", "partition = { groups = [[\"n5\"]], lasts = \"5s\" }");
    let restart =
        |state: &str| event("21s", &format!("restart = {{ nodes = [\"n5\"], down = \"1s\", state = \"{state}\" }}"));
    for (state, arrives) in [("kept", true), ("lost", false)] {
        let report = report(&(alone.clone() + &set + &restart(state)), &[]);
        // Nobody that kept its state held what was lost: the oracle excuses that, but the writes never arrive anywhere.
        assert_eq!(figure(&report, "kv.lost"), Some(0.0), "{state}");
        assert_eq!(figure(&report, "kv.t100_ms").is_some(), arrives, "{state}: {report:?}");
        assert_eq!(figure(&report, "kv.diverged"), Some(0.0), "{state}");
    }
}

#[test]
fn written_keys_are_everywhere_and_deleted_ones_nowhere() {
    let set = event("10s", "kv = { op = \"set\", keys = 50 }");
    let delete = event("20s", "kv = { op = \"delete\", keys = 20 }");
    let report = report(&(set + &delete), &[("network.loss", "0.1")]);
    for name in ["kv.resurrected", "kv.lost", "kv.diverged"] {
        assert_eq!(figure(&report, name), Some(0.0), "{name}");
    }
    assert!(figure(&report, "kv.converged_s").is_some_and(|seconds| seconds < 10.0), "{report:?}");
}

#[test]
fn a_value_that_nodes_refuse_fails_the_run_with_its_seed() {
    let text = "name = \"t\"\nnodes = 2\nduration = \"9s\"\n[network]\nlatency = { fixed = \"1ms\" }\n[[event]]\nat = \"5s\"\nkv = { op = \"set\", keys = 1, values = 70000 }";
    let scenario = Scenario::parse(text, "t.toml").unwrap();
    let error = run(&scenario, 7, &mut |_| ()).unwrap_err();
    assert_eq!(error.seed, 7);
    assert!(error.to_string().contains("refused to write k0"), "{error}");
}
