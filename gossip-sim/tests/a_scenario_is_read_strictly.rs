//! What a scenario may say, and how each mistake is named: file, line, key.

use std::time::Duration;

use gossip_sim::Scenario;

const SOUND: &str = r#"name = "t"
nodes = 8
duration = "120s"
preset = "lan"
[config]
"membership.fanout" = 3
[network]
latency = { uniform = ["5ms", "50ms"] }
loss = 0.1
duplicate = 0.01
corrupt = 0.01
reorder = "5ms"
rate = "10Mbit/s"
stream = false
[driver]
order = "timers"
[join]
via = ["n0", "n7"]
every = "10ms"
warm = false
[[event]]
at = "10s"
crash = { count = 2 }
[[event]]
at = "70s"
restart = { fraction = 0.1, down = "3s", spread = "5s", state = "old" }
[[event]]
at = "20s"
leave = { nodes = ["n3"] }
[[event]]
at = "20s"
partition = { groups = [0.5, 0.5], lasts = "10s" }
[[event]]
at = "20s"
partition = { groups = [["n1", "n2"], ["n3"]], lasts = "10s" }
[[event]]
at = "30s"
broadcast = { from = ["n1", "n3"], times = 4, every = "5s", bytes = 256, class = "normal", topic = "t", warmup = 2 }
[[event]]
at = "30s"
kv = { on = "n5", op = "set", keys = 10, values = 32, times = 2, every = "1s", shared = false }
[[event]]
at = "40s"
kv = { on = "random", op = "delete", keys = 10 }
[[event]]
at = "50s"
pause = { fraction = 0.1, stop = "8s", run = "2s", lasts = "20s" }
[[event]]
at = "50s"
lag = { count = 1, of = "healthy", delay = "10s", lasts = "20s" }
[[event]]
at = "50s"
link = { fraction = 0.01, egress_loss = 0.8, ingress_loss = 0.0, lasts = "20s" }
[[event]]
at = "50s"
clock = { count = 3, wall = "+10m" }
[[event]]
at = "50s"
clock = { count = 3, monotonic = "-1s" }
[[event]]
at = "50s"
churn = { per_minute = 0.2, lasts = "20s" }
[[event]]
at = "50s"
byzantine = { fraction = 0.1, behaviour = "forge" }
[[event]]
at = "50s"
byzantine = { nodes = ["n1"], behaviour = "forge_down", lasts = "10s" }
[[event]]
at = "60s"
loss = 0.2
"#;

/// What the parser says about the sound text with one line replaced.
fn message(line: usize, by: &str) -> String {
    let mut lines = SOUND.lines().collect::<Vec<_>>();
    lines[line - 1] = by;
    match Scenario::parse(&lines.join("\n"), "f.toml") {
        Ok(_) => panic!("`{by}` passed"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_word_that_is_built_is_understood() {
    let scenario = Scenario::parse(SOUND, "f.toml").unwrap();
    assert_eq!((scenario.name(), scenario.nodes(), scenario.duration()), ("t", 8, Duration::from_secs(120)));
}

#[test]
fn a_mistake_is_named_with_file_line_and_key() {
    for (line, by, start, part) in [
        (1, "", "f.toml:1: name:", "missing"),
        (1, "nmae = \"t\"", "f.toml:1: name:", "missing"),
        (2, "nodes = 0", "f.toml:2: nodes:", "impossible"),
        (2, "nodes = \"8\"", "f.toml:2: nodes:", "whole number"),
        (3, "duration = \"120 parsecs\"", "f.toml:3: duration:", "no duration"),
        (3, "duration = 120", "f.toml:3: duration:", "unit"),
        (3, "duration = \"0s\"", "f.toml:3: duration:", "longer"),
        (3, "duration = \"60ms\"", "f.toml:22: event[0].at:", "after the end"),
        (4, "preset = \"LAN\"", "f.toml:4: preset:", "local, lan or wan"),
        (4, "perset = \"lan\"", "f.toml:4: perset:", "did you mean `preset`?"),
        (6, "\"membership.fanuot\" = 3", "f.toml:6: config.membership.fanuot:", "`membership.fanout`"),
        (6, "membership.fanout = 99", "f.toml:6: config.membership.fanout:", "between 1 and 16"),
        (6, "\"membership.probe_interval\" = \"1\"", "f.toml:6: config.membership.probe_interval:", "no duration"),
        (8, "latency = \"5ms\"", "f.toml:8: network.latency:", "table"),
        (8, "latency = { uniform = [\"50ms\", \"5ms\"] }", "f.toml:8: network.latency.uniform:", "shorter one first"),
        (8, "latency = { fixed = \"5ms\", per_pair = [\"5ms\", \"5ms\"] }", "f.toml:8: network.latency:", "one of"),
        (8, "latency = { plane = [\"50ms\", \"5ms\"] }", "f.toml:8: network.latency.plane:", "shorter one first"),
        (8, "latncy = { fixed = \"5ms\" }", "f.toml:7: network.latency:", "missing"),
        (9, "losss = 0.1", "f.toml:9: network.losss:", "did you mean `loss`?"),
        (9, "loss = 1.5", "f.toml:9: network.loss:", "from 0 to 1"),
        (9, "loss = -1", "f.toml:9: network.loss:", "from 0 to 1"),
        (9, "loss = nan", "f.toml:9: network.loss:", "from 0 to 1"),
        (13, "rate = \"10MB\"", "f.toml:13: network.rate:", "no rate"),
        (14, "stream = true", "f.toml:14: network.stream:", "not built yet"),
        (16, "order = \"fifo\"", "f.toml:16: driver.order:", "inputs, timers or random"),
        (16, "rounds = 1", "f.toml:16: driver.rounds:", "true or false"),
        (16, "round = true", "f.toml:16: driver.round:", "did you mean `rounds`?"),
        (18, "via = [\"n8\"]", "f.toml:18: join.via[0]:", "n0 to n7"),
        (18, "via = [\"n1\", \"n1\"]", "f.toml:18: join.via[1]:", "twice"),
        (18, "via = []", "f.toml:18: join.via:", "at least one"),
        (19, "every = \"60s\"", "f.toml:3: duration:", "before the last node joins"),
        (20, "warm = 1979-05-27", "f.toml:20: join.warm:", "true or false"),
        (22, "", "f.toml:21: event[0].at:", "missing"),
        (22, "at = \"121s\"", "f.toml:22: event[0].at:", "after the end"),
    ] {
        let message = message(line, by);
        assert!(message.starts_with(start) && message.contains(part), "`{by}`: {message}");
    }
}

#[test]
fn a_mistake_in_an_event_is_named_too() {
    for (line, by, start, part) in [
        (23, "crash = { count = 9 }", "f.toml:23: event[0].crash.count:", "from 1 to 8"),
        (23, "crash = { count = 1, fraction = 0.5 }", "f.toml:23: event[0].crash:", "once"),
        (23, "crash = {}", "f.toml:23: event[0].crash:", "must say who"),
        (23, "crash = { fraction = 0 }", "f.toml:23: event[0].crash.fraction:", "more than 0"),
        (23, "crash = { number = 1 }", "f.toml:23: event[0].crash:", "must say who"),
        (23, "crash = { count = 1, hard = true }", "f.toml:23: event[0].crash.hard:", "unknown key"),
        (23, "crahs = { count = 1 }", "f.toml:21: event[0]:", "did you mean `crash`?"),
        (23, "", "f.toml:21: event[0]:", "what happens"),
        (23, "crash = { count = 1, of = \"sick\" }", "f.toml:23: event[0].crash.of:", "live or healthy"),
        (23, "pause = { count = 1 }", "f.toml:23: event[0].pause.stop:", "missing"),
        (
            23,
            "pause = { count = 1, stop = \"2s\", run = \"0s\" }",
            "f.toml:23: event[0].pause.run:",
            "longer than nothing",
        ),
        (23, "lag = { count = 1, delay = \"2s\" }", "f.toml:23: event[0].lag.lasts:", "missing"),
        (23, "link = { count = 1, lasts = \"9s\" }", "f.toml:23: event[0].link:", "must lose something"),
        (
            23,
            "link = { count = 1, egress_loss = 2, lasts = \"9s\" }",
            "f.toml:23: event[0].link.egress_loss:",
            "0 to 1",
        ),
        (23, "clock = { count = 1 }", "f.toml:23: event[0].clock:", "which clock"),
        (23, "clock = { count = 1, wall = \"+1 day\" }", "f.toml:23: event[0].clock.wall:", "no duration"),
        (
            23,
            "clock = { count = 1, monotonic = \"-1m\" }",
            "f.toml:23: event[0].clock.monotonic:",
            "before the beginning",
        ),
        (23, "churn = { per_minute = 2, lasts = \"1h\" }", "f.toml:23: event[0].churn.per_minute:", "0 to 1"),
        (23, "churn = { per_minute = 1, lasts = \"999h\" }", "f.toml:3: duration:", "at most 10000"),
        (
            23,
            "byzantine = { count = 1, behaviour = \"lie\" }",
            "f.toml:23: event[0].byzantine.behaviour:",
            "not built yet",
        ),
        (23, "byzantine = { count = 1, behaviour = \"x\" }", "f.toml:23: event[0].byzantine.behaviour:", "forge"),
        (23, "aggregate = { of = \"load\", kind = \"mean\" }", "f.toml:23: event[0].aggregate:", "not built yet"),
        (26, "restart = { count = 1 }", "f.toml:26: event[1].restart.down:", "missing"),
        (26, "restart = { count = 1, down = \"1s\", state = \"new\" }", "f.toml:26: event[1].restart.state:", "or old"),
        (26, "restart = { count = 1, down = \"0s\" }", "f.toml:26: event[1].restart.down:", "at least 1ms"),
        (26, "crash = { count = 1 }\nleave = { count = 1 }", "f.toml:27: event[1].leave:", "write two"),
        (32, "partition = { groups = [0.5, 0.6], lasts = \"1s\" }", "f.toml:32: event[3].partition.groups:", "whole"),
        (
            32,
            "partition = { groups = [0.5, [\"n1\"]], lasts = \"1s\" }",
            "f.toml:32: event[3].partition.groups:",
            "all",
        ),
        (
            35,
            "partition = { groups = [[\"n1\"], [\"n1\"]], lasts = \"1s\" }",
            "f.toml:35: event[4].partition",
            "two groups",
        ),
        (38, "broadcast = { times = 4, warmup = 5 }", "f.toml:38: event[5].broadcast.warmup:", "from 0 to 4"),
        (38, "broadcast = { class = \"calm\" }", "f.toml:38: event[5].broadcast.class:", "urgent, normal or bulk"),
        (38, "broadcast = { from = [\"n1\", \"n99\"] }", "f.toml:38: event[5].broadcast.from[1]:", "no node `n99`"),
        (38, "broadcast = { from = [] }", "f.toml:38: event[5].broadcast.from:", "at least one"),
        (38, "loss = 1.2", "f.toml:38: event[5].loss:", "from 0 to 1"),
        (38, "loss = { count = 1 }", "f.toml:38: event[5].loss:", "a number from 0 to 1"),
        (38, "broadcast = { form = \"all\" }", "f.toml:38: event[5].broadcast.form:", "did you mean `from`?"),
        (41, "kv = { op = \"set\" }", "f.toml:41: event[6].kv.keys:", "missing"),
        (41, "kv = { op = \"put\", keys = 1 }", "f.toml:41: event[6].kv.op:", "insert, remove or race"),
        (41, "kv = { op = \"set\", keys = 1, on = \"none\" }", "f.toml:41: event[6].kv.on:", "no node"),
    ] {
        let message = message(line, by);
        assert!(message.starts_with(start) && message.contains(part), "`{by}`: {message}");
    }
}

#[test]
fn an_old_snapshot_must_have_had_time_to_be_taken() {
    let message = message(25, "at = \"50s\"");
    assert!(message.starts_with("f.toml:26: event[1].restart.state:"), "{message}");
}

#[test]
fn what_is_set_over_the_file_is_checked_like_the_file() {
    let mut scenario = Scenario::parse(SOUND, "f.toml").unwrap();
    scenario.set("nodes", "64").unwrap();
    scenario.set("duration", "5m").unwrap();
    scenario.set("config.membership.probe_interval", "2s").unwrap();
    assert_eq!((scenario.nodes(), scenario.duration()), (64, Duration::from_secs(300)));
    for (path, value, part) in [
        ("network.lsos", "0.1", "network.lsos: unknown key, did you mean `loss`?"),
        ("network.loss", "lots", "network.loss: must be a number"),
        ("event.99.at", "1s", "`99` is no index here: there are 17"),
        ("nodes 3", "1", "is no path"),
    ] {
        let error = scenario.set(path, value).unwrap_err();
        assert_eq!(error.line(), None);
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(scenario.nodes(), 64, "a refused value left a trace");
}

#[test]
fn values_that_need_each_other_are_set_at_once() {
    let mut scenario = Scenario::parse(
        "name = \"t\"\nnodes = 8\nduration = \"9s\"\n[join]\nvia = [\"n7\"]\n[network]\nlatency = { fixed = \"1ms\" }",
        "f.toml",
    )
    .unwrap();
    assert!(scenario.set("nodes", "4").is_err());
    scenario.set_all([("nodes", "4"), ("join.via", "[\"n3\"]")]).unwrap();
    assert_eq!(scenario.nodes(), 4);
}

#[test]
fn an_unknown_key_that_is_empty_is_named_as_toml_writes_it() {
    let message = message(9, "\"\" = 1");
    assert_eq!(message, "f.toml:9: network.\"\": unknown key");
    let mut scenario = Scenario::parse(SOUND, "f.toml").unwrap();
    let error = scenario.set("\"\"", "1").unwrap_err();
    assert_eq!(error.to_string(), "f.toml, set over it: \"\": unknown key");
}
