//! Each scenario that comes with the crate, small and quick: it runs to its end, measures what it is for, and what must
//! hold at any size holds.

use std::collections::BTreeSet;

use gossip_sim::{Report, Scenario, Value, builtin, run};

const SEED: u64 = 1;

/// What must come out whatever the size.
fn floors(name: &str) -> &'static [(&'static str, f64)] {
    match name {
        "join-256" => &[("join.t100_s", 10.0)],
        "crash-256" | "crash-256-loss10" => &[("detect.all_down_s", 20.0)],
        "steady-256" | "scale-1000" => &[("accuracy.live_killed", 0.0)],
        "broadcast/textbook-rumour" => &[("broadcast.duplicated", 0.0), ("broadcast.gossip_rounds_max", 40.0)],
        name if name.starts_with("broadcast") => &[("broadcast.duplicated", 0.0), ("broadcast.t100_max_ms", 15_000.0)],
        "partition-64" => &[("heal_s", 20.0)],
        name if name.starts_with("kv") => &[("kv.resurrected", 0.0), ("kv.lost", 0.0), ("kv.diverged", 0.0)],
        "membership/churn" => &[],
        "membership/join" => &[("join.t100_s", 10.0)],
        "membership/split-three" | "membership/partition" => &[("heal_s", 20.0)],
        "membership/restart-all" | "membership/restart-old" => &[("restart.t100_s", 20.0)],
        "membership/crash" | "membership/group-crash" => &[("detect.all_down_s", 30.0)],
        "membership/steady" => &[("accuracy.live_killed", 0.0)],
        // The crash at the end of these has too little time left to be judged by.
        name if name.starts_with("membership/") => &[("join.t100_s", 10.0)],
        other => panic!("{other} has no floor here"),
    }
}

#[test]
fn every_scenario_runs_shortened_and_keeps_what_holds_at_any_size() {
    for (name, text) in builtin() {
        let scenario = Scenario::parse(text, name).unwrap_or_else(|error| panic!("{error}")).shortened();
        let report = run(&scenario, SEED, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"));
        for (metric, most) in floors(name) {
            let value = report.metrics.get(metric).copied().flatten().map(Value::as_f64);
            assert!(value.is_some_and(|value| value <= *most), "{name}, seed {SEED}: {metric} is {value:?}");
        }
        if *name == "broadcast/textbook-rumour" {
            let reach = report.metrics["broadcast.reach_mean"].unwrap().as_f64();
            assert!((0.9..1.0).contains(&reach), "{name}, seed {SEED}: that some miss it is the nature of this");
        } else if name.starts_with("broadcast") {
            let reach = report.metrics["broadcast.reach_min"];
            assert_eq!(reach, Some(Value::Real(1.0)), "{name}, seed {SEED}");
        }
        assert_eq!(Report::new(&scenario, vec![report]).nodes, scenario.nodes());
    }
}

#[test]
fn progress_is_told_in_order_up_to_the_end() {
    let (name, text) = builtin()[0];
    let scenario = Scenario::parse(text, name).unwrap().shortened();
    let mut told = Vec::new();
    run(&scenario, SEED, &mut |progress| told.push(progress.at)).unwrap();
    assert!(told.is_sorted() && told.len() <= 110, "{} calls", told.len());
    assert_eq!(told.last(), Some(&scenario.duration()));
}

#[test]
fn a_shortened_scenario_measures_the_same_metrics() {
    let names = |scenario: &Scenario| -> BTreeSet<&'static str> {
        let names = run(scenario, SEED, &mut |_| ()).unwrap().metrics.into_keys();
        // Less time may have no steady part.
        names.filter(|name| !name.starts_with("traffic.")).collect()
    };
    let mut scenario =
        Scenario::parse(builtin().iter().find(|(name, _)| *name == "partition-64").unwrap().1, "p").unwrap();
    scenario.set_all([("nodes", "8"), ("duration", "150s")]).unwrap();
    assert_eq!(names(&scenario.shortened()), names(&scenario));
}
