//! Races for keys through storms: a hundred of the ten thousand that the floors run.

use gossip_sim::{Scenario, Value, builtin, run};

#[test]
fn storms_bring_back_lose_and_part_nothing() {
    let text = builtin().iter().find(|(name, _)| *name == "kv/storm").expect("the scenario comes with the crate").1;
    for seed in 1..=100 {
        let mut scenario = Scenario::parse(text, "kv/storm").unwrap_or_else(|error| panic!("{error}"));
        let nodes = (5 + seed % 4).to_string();
        scenario.set_all([("nodes", nodes.as_str())]).unwrap_or_else(|error| panic!("{error}"));
        let report = run(&scenario, seed, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"));
        for metric in ["kv.resurrected", "kv.lost", "kv.diverged"] {
            let value = report.metrics[metric].map(Value::as_f64);
            assert_eq!(value, Some(0.0), "{metric}, {nodes} nodes, seed {seed}");
        }
    }
}
