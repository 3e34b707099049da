//! `watch` and `list --watch`: every change in order, from now or from a revision; who is too slow is told.

mod support;

use std::collections::BTreeMap;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Lines, Site};

/// The next line that tells a change or that some were missed.
#[track_caller]
fn next(lines: &Lines) -> Value {
    lines.next("a change", |line| line["event"] != "start" && line["event"] != "listed")
}

fn key_and_value(line: &Value) -> (String, Option<String>) {
    let value = (line["deleted"] == false).then(|| line["value"].as_str().unwrap().to_string());
    (line["key"].as_str().unwrap().to_string(), value)
}

fn started(lines: &Lines) -> String {
    lines.next("the start", |line| line["event"] == "start")["revision"].as_str().unwrap().to_string()
}

#[test]
fn changes_here_and_elsewhere_come_in_order_with_rising_revisions() {
    let site = Site::new();
    let a = site.start("a", &[]);
    let b = site.start("b", &["--join", a.addr()]);
    a.wait_for_alive(&["b"]);
    b.wait_for_alive(&["a"]);
    let lines = a.stream(&["watch", "x/"]);
    let mut last = started(&lines);
    a.run(&["set", "other", "0"]).ok();
    let mut revisions = Vec::new();
    for (agent, args, expected) in [
        (&a, &["set", "x/1", "one"][..], ("x/1", Some("one"))),
        (&b, &["set", "x/2", "two"], ("x/2", Some("two"))),
        (&a, &["delete", "x/1"], ("x/1", None)),
        (&b, &["set", "x/2", "again"], ("x/2", Some("again"))),
    ] {
        let version = agent.ask(args)["version"].clone();
        let line = next(&lines);
        assert_eq!(key_and_value(&line), (expected.0.to_string(), expected.1.map(ToString::to_string)));
        assert_eq!(line["version"], version);
        let revision = line["revision"].as_str().unwrap().to_string();
        let number = |revision: &str| revision.rsplit_once('-').unwrap().1.parse::<u64>().unwrap();
        assert!(number(&last) < number(&revision), "{last} before {revision}");
        last.clone_from(&revision);
        revisions.push(revision);
    }
    // After any of them it goes on with what came later: each key once, as it is now.
    let from = a.run(&["watch", "x/", "--from", &revisions[0], "--count", "2"]).ok().stdout;
    assert_eq!(from, format!("{}  x/1 deleted\n{}  x/2 = again\n", revisions[2], revisions[3]));
    let from = a.stream(&["watch", "--from", &revisions[3]]);
    assert_eq!(started(&from), revisions[3]);
    a.run(&["set", "later", "1"]).ok();
    assert_eq!(key_and_value(&next(&from)).0, "later");
}

#[test]
fn own_keys_are_watched_by_their_owners_name_and_by_their_own() {
    let site = Site::new();
    let a = site.start("a", &[]);
    let (own, named, all) = (a.stream(&["watch", "--own", "po"]), a.stream(&["watch", "@a/"]), a.stream(&["watch"]));
    [&own, &named, &all].into_iter().for_each(|lines| drop(started(lines)));
    a.run(&["set", "port", "shared"]).ok();
    a.run(&["set", "--own", "host", "h"]).ok();
    a.run(&["set", "--own", "port", "1"]).ok();
    assert_eq!(key_and_value(&next(&own)).0, "@a/port");
    assert_eq!([next(&named), next(&named)].map(|line| key_and_value(&line).0), ["@a/host", "@a/port"]);
    assert_eq!([next(&all), next(&all)].map(|line| key_and_value(&line).0), ["port", "@a/host"]);
}

#[test]
fn a_list_goes_on_with_changes_without_a_gap_or_a_repetition() {
    let site = Site::new();
    let a = site.start("a", &[]);
    let writer = a.stream(&["events", "--only", "key"]);
    writer.next("the start", |line| line["event"] == "start");
    // Lists that begin while keys are written: what they print adds up to what was written, each write once.
    let many: BTreeMap<String, String> = (0..3000).map(|number| (format!("k{number:04}"), "v".into())).collect();
    let file = site.file("many.json", serde_json::to_string(&many).unwrap());
    let import = std::thread::scope(|scope| {
        let import = scope.spawn(|| a.ask(&["import", &file]));
        writer.next("the first of them", |line| line["event"] == "key");
        let lists: Vec<Lines> = (0..4).map(|_| a.stream(&["list", "--watch"])).collect();
        for lines in &lists {
            let mut seen = BTreeMap::new();
            while seen.len() < many.len() {
                let line = next(lines);
                assert_eq!(line["event"], "key", "{line}");
                let times = seen.entry(line["version"].to_string()).or_insert(0);
                *times += 1;
                assert_eq!(*times, 1, "told twice: {line}");
            }
        }
        import.join().unwrap()
    });
    assert_eq!(import["imported"], 3000);
    let text = a.stream_of_text(&["list", "k000", "--watch"]);
    let listed: Vec<String> = (0..10).map(|_| text.next_line()).collect();
    assert_eq!((listed[0].as_str(), listed[9].as_str()), ("k0000\tv", "k0009\tv"));
    a.run(&["delete", "k0003"]).ok();
    assert!(text.next_line().ends_with("  k0003 deleted"));
}

#[test]
fn who_is_too_slow_is_told_how_much_it_missed_and_then_goes_on() {
    let site = Site::new();
    site.file("gossip.toml", "preset = \"local\"\n[agent]\nwatch_history = 16\n");
    let a = site.start("a", &[]);
    let lines = a.stream(&["watch"]);
    started(&lines);
    lines.signal(Signal::STOP);
    // More than the pipes and sockets in between hold.
    let many: BTreeMap<String, String> = (0..6000).map(|number| (format!("k{number:04}"), "v".repeat(900))).collect();
    let file = site.file("many.json", serde_json::to_string(&many).unwrap());
    a.run(&["import", &file]).ok();
    a.run(&["set", "last", "v"]).ok();
    lines.signal(Signal::CONT);
    let (mut told, mut missed) = (0, 0);
    loop {
        let line = next(&lines);
        match line["event"].as_str().unwrap() {
            "lagged" => missed += line["missed"].as_u64().unwrap(),
            _ if line["key"] == "last" => break,
            _ => told += 1,
        }
    }
    assert_eq!((missed > 0, told + missed), (true, 6000));
}

#[test]
fn a_key_that_is_written_again_and_again_is_told_to_a_slow_reader_as_it_is_now() {
    let site = Site::new();
    let a = site.start("a", &[]);
    let start = started(&a.stream(&["watch"]));
    for value in 0..50 {
        a.run(&["set", "busy", &value.to_string()]).ok();
    }
    let lines = a.stream(&["watch", "--from", &start]);
    assert_eq!(key_and_value(&next(&lines)), ("busy".into(), Some("49".into())));
    a.run(&["set", "other", "v"]).ok();
    assert_eq!(key_and_value(&next(&lines)).0, "other");
}

#[test]
fn a_revision_that_is_gone_foreign_or_none_is_refused_with_the_reason() {
    let site = Site::new();
    site.file("gossip.toml", "preset = \"local\"\n[agent]\nwatch_history = 16\n");
    let (a, b) = (site.start("a", &["--http", "127.0.0.1:0"]), site.start("b", &[]));
    let start = started(&a.stream(&["watch"]));
    (0..39).for_each(|number| drop(a.ask(&["set", &format!("k{number}"), "v"])));
    let last = a.ask(&["set", "last", "v"]);
    let version = last["version"].as_str().unwrap();
    a.run(&["watch", "--from", &start]).refused(1, &["no longer known", "the oldest is 24", "list --watch"]);
    let foreign = started(&b.stream(&["watch"]));
    a.run(&["watch", "--from", &foreign]).refused(1, &["another agent or another run"]);
    a.run(&["watch", "--from", version]).refused(2, &["is no revision", "not the version of a write"]);
    let future = format!("{}-999", start.rsplit_once('-').unwrap().0);
    a.run(&["watch", "--from", &future]).refused(2, &["still to come"]);
    assert_eq!(a.http_get(&format!("/v1/watch?list=true&from={start}")).status, 400);
    // Raised while it runs, it keeps more.
    site.file("gossip.toml", "preset = \"local\"\n[agent]\nwatch_history = 1000\n");
    let events = a.stream(&["events", "--only", "reload"]);
    events.next("the start", |line| line["event"] == "start");
    a.signal(Signal::HUP);
    assert_eq!(events.next("the reload", |line| line["event"] == "reload")["changed"], json!(["agent.watch_history"]));
    let start = started(&a.stream(&["watch"]));
    (0..40).for_each(|number| drop(a.ask(&["set", &format!("k{number}"), "w"])));
    assert_eq!(a.run(&["watch", "--from", &start, "--count", "40"]).ok().stdout.lines().count(), 40);
}

#[test]
fn a_watch_ends_with_its_agent() {
    let site = Site::new();
    let mut a = site.start("a", &[]);
    let lines = a.stream(&["watch"]);
    started(&lines);
    a.run(&["set", "k", "v"]).ok();
    a.run(&["leave"]).ok();
    assert_eq!((key_and_value(&next(&lines)).0.as_str(), lines.ended()), ("k", 1));
    a.ended();
}
