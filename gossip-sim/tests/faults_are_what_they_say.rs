//! Each fault in a small cluster of real nodes, where its effect is plain. Messages show what a node hears and when.

use gossip_sim::{Scenario, SeedReport, Value, run};

const SEED: u64 = 1;

/// Eight nodes over a perfect network of 10 ms, where a message takes a hop or a few.
fn report(seconds: u64, events: &str) -> SeedReport {
    let text = format!(
        "name = \"t\"\nnodes = 8\nduration = \"{seconds}s\"\n[network]\nlatency = {{ fixed = \"10ms\" }}\n[driver]\norder = \"inputs\"\n[config]\n\"broadcast.fanout\" = 16\n{events}"
    );
    let scenario = Scenario::parse(&text, "t.toml").unwrap_or_else(|error| panic!("{error}"));
    run(&scenario, SEED, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"))
}

fn figure(report: &SeedReport, name: &str) -> Option<f64> {
    report.metrics.get(name).unwrap_or_else(|| panic!("no {name}")).map(Value::as_f64)
}

fn event(at: &str, what: &str) -> String {
    format!("[[event]]\nat = \"{at}\"\n{what}\n")
}

fn broadcast(at: &str, from: &str) -> String {
    event(at, &format!("broadcast = {{ from = \"{from}\", bytes = 50 }}"))
}

/// Stopped all the while: a cycle is much longer than the fault, and this seed's phase is not in its last seconds.
fn pause(at: &str, nodes: &str, lasts: &str) -> String {
    event(at, &format!("pause = {{ nodes = [{nodes}], stop = \"1h\", run = \"1ms\", lasts = \"{lasts}\" }}"))
}

#[test]
fn a_stopped_process_reads_what_its_socket_kept_the_moment_it_runs_again() {
    let report = report(30, &(pause("10s", "\"n5\"", "1s") + &broadcast("10001ms", "n0")));
    assert_eq!(figure(&report, "broadcast.reach_min"), Some(1.0));
    assert_eq!(figure(&report, "broadcast.t100_ms"), Some(999.0));
}

#[test]
fn a_stopped_process_says_nothing() {
    let report = report(30, &(pause("10s", "\"n5\"", "5s") + &broadcast("11s", "n5")));
    assert_eq!(figure(&report, "broadcast.rounds"), Some(0.0), "it cannot even begin");
    let silent = self::report(90, &pause("10s", "\"n5\"", "60s"));
    assert!(figure(&silent, "accuracy.faulted_killed_max").is_some_and(|kills| kills >= 1.0), "{silent:?}");
    assert_eq!(figure(&silent, "accuracy.live_killed"), Some(0.0));
    assert_eq!(figure(&silent, "accuracy.pairs_up_end"), Some(1.0));
    assert!(figure(&silent, "pause.back_s").is_some_and(|seconds| seconds > 0.0), "{silent:?}");
}

#[test]
fn a_process_that_stops_and_runs_in_turn_runs_in_turn() {
    let turns = event("10s", "pause = { nodes = [\"n5\"], stop = \"400ms\", run = \"400ms\", lasts = \"40s\" }");
    let often = event("10s", "broadcast = { from = \"n0\", times = 100, every = \"370ms\", bytes = 50 }");
    let report = report(60, &(turns + &often));
    let slowest = figure(&report, "broadcast.t100_max_ms").unwrap();
    assert!(slowest >= 350.0, "{slowest} ms: it was stopped for 400 ms at a time");
    let mean = figure(&report, "broadcast.t100_ms").unwrap();
    assert!((50.0..300.0).contains(&mean), "{mean} ms: it runs half of the time");
}

#[test]
fn a_late_node_reads_each_packet_late_and_its_timers_run_on_time() {
    let lag = event("10s", "lag = { nodes = [\"n5\"], delay = \"3s\", lasts = \"60s\" }");
    let report = report(60, &(lag.clone() + &broadcast("10001ms", "n0")));
    let late = figure(&report, "broadcast.t100_ms").unwrap();
    assert!((3010.0..=3030.0).contains(&late), "{late} ms: 3 s late after a hop or a few");
    let prompt = self::report(60, &(lag + &broadcast("10001ms", "n5")));
    let prompt = figure(&prompt, "broadcast.t50_ms").unwrap();
    assert!(prompt < 100.0, "{prompt} ms: what a late node sends is not late");
}

#[test]
fn a_late_node_that_recovers_reads_at_once_what_waited() {
    let lag = event("10s", "lag = { nodes = [\"n5\"], delay = \"10s\", lasts = \"1s\" }");
    let report = report(60, &(lag + &broadcast("10001ms", "n0")));
    assert_eq!(figure(&report, "broadcast.t100_ms"), Some(999.0));
}

#[test]
fn a_mute_node_hears_and_a_deaf_one_is_heard() {
    for (loss, heard, hears) in [("egress_loss", 0.0, 1.0), ("ingress_loss", 1.0, 6.0 / 7.0)] {
        let link = event("10s", &format!("link = {{ nodes = [\"n5\"], {loss} = 1.0, lasts = \"20s\" }}"));
        let from = report(13, &(link.clone() + &broadcast("10s", "n5")));
        assert_eq!(figure(&from, "broadcast.reach_min"), Some(heard), "{loss}");
        let to = report(13, &(link + &broadcast("10s", "n0")));
        assert_eq!(figure(&to, "broadcast.reach_min"), Some(hears), "{loss}");
    }
}

#[test]
fn a_link_that_is_whole_again_loses_nothing() {
    let link = event("10s", "link = { nodes = [\"n5\"], egress_loss = 1.0, lasts = \"500ms\" }");
    let report = report(20, &(link + &broadcast("11s", "n5")));
    assert_eq!(figure(&report, "broadcast.reach_min"), Some(1.0));
}

#[test]
fn a_node_whose_time_jumps_ahead_handles_its_timers_at_once() {
    // n5 misses a message; the others would repeat it for 150 s by their own clocks.
    let cut = event("10s", "link = { nodes = [\"n5\"], egress_loss = 1.0, ingress_loss = 1.0, lasts = \"1s\" }");
    let others = "\"n0\", \"n1\", \"n2\", \"n3\", \"n4\", \"n6\", \"n7\"";
    let jump = |by: &str| event("10500ms", &format!("clock = {{ nodes = [{others}], monotonic = \"{by}\" }}"));
    for (by, reach) in [("+10m", 6.0 / 7.0), ("+1s", 1.0)] {
        let report = report(60, &(cut.clone() + &broadcast("10200ms", "n0") + &jump(by)));
        assert_eq!(figure(&report, "broadcast.reach_min"), Some(reach), "{by}");
    }
}

#[test]
fn a_node_that_restarts_with_its_wall_clock_back_still_finds_its_place() {
    let back = event("10s", "clock = { nodes = [\"n5\"], wall = \"-1h\" }");
    let restart = event("20s", "restart = { nodes = [\"n5\"], down = \"3s\", state = \"lost\" }");
    let report = report(60, &(back + &restart));
    assert!(figure(&report, "restart.t100_s").is_some(), "{report:?}");
}

#[test]
fn churn_replaces_nodes_by_new_ones_that_all_get_to_know() {
    let report = report(120, &event("20s", "churn = { per_minute = 0.5, lasts = \"60s\" }"));
    assert_eq!(figure(&report, "accuracy.pairs_up_end"), Some(1.0));
    // Eight at the beginning, four more that came, one of them this node itself.
    assert!(figure(&report, "churn.rows_max").is_some_and(|rows| (9.0..=12.0).contains(&rows)), "{report:?}");
    assert_eq!(figure(&report, "accuracy.down_events_healthy"), Some(0.0));
}

#[test]
fn metadata_is_that_long_and_travels() {
    let join = |bytes: usize| format!("[join]\nmetadata = {bytes}\n");
    let (none, much) = (report(40, &join(0)), report(40, &join(512)));
    let bytes = |report: &SeedReport| figure(report, "join.bytes_per_node").unwrap();
    assert!(bytes(&much) > bytes(&none) + 512.0, "{} and {}", bytes(&much), bytes(&none));
}

#[test]
fn a_forger_is_at_work_for_as_long_as_it_should() {
    let forge = |lasts: &str| event("40s", &format!("byzantine = {{ count = 1, behaviour = \"forge\", {lasts} }}"));
    let (short, long) = (report(140, &forge("lasts = \"5s\"")), report(140, &forge("lasts = \"100s\"")));
    let bytes = |report: &SeedReport| figure(report, "traffic.bytes_per_node_s").unwrap();
    // Three packets of about 50 bytes each second from one of eight nodes, at least.
    assert!(bytes(&long) > bytes(&short) + 10.0, "{} and {}", bytes(&long), bytes(&short));
}

#[test]
fn a_crash_of_the_healthy_spares_whom_another_fault_touched() {
    let lag = event(
        "10s",
        "lag = { nodes = [\"n0\", \"n1\", \"n2\", \"n3\", \"n4\", \"n5\"], delay = \"1ms\", lasts = \"1s\" }",
    );
    let crash = event("12s", "crash = { count = 2, of = \"healthy\" }");
    let load = event("13s", "broadcast = { from = \"all\", bytes = 50 }");
    let report = report(60, &(lag + &crash + &load));
    // The six that were late once are live still, and none of them is down to anybody.
    assert_eq!(figure(&report, "broadcast.rounds"), Some(6.0));
    assert_eq!(figure(&report, "accuracy.faulted_killed"), Some(0.0));
}
