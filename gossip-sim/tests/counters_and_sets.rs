//! What nodes change at the same time: counters, and sets whose elements come and go.

use gossip_sim::{Scenario, Value, run};

const TEXT: &str = r#"
name = "typed"
nodes = 5
duration = "60s"
preset = "lan"

[network]
latency = { uniform = ["5ms", "50ms"] }

[[event]]
at = "10s"
kv = { op = "add", keys = 3, times = 70, every = "200ms" }
[[event]]
at = "10s"
kv = { on = "all", op = "insert", keys = 2, times = 10, every = "1s" }
[[event]]
at = "10500ms"
kv = { on = "all", op = "remove", keys = 2, times = 5, every = "2s" }
"#;

#[test]
fn what_was_counted_and_added_is_there_and_what_was_removed_is_gone() {
    for seed in 1..=10 {
        let scenario = Scenario::parse(TEXT, "typed").unwrap_or_else(|error| panic!("{error}"));
        let report = run(&scenario, seed, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"));
        for metric in ["kv.resurrected", "kv.lost", "kv.diverged"] {
            assert_eq!(report.metrics[metric].map(Value::as_f64), Some(0.0), "{metric}, seed {seed}");
        }
    }
}
