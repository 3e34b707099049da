//! `gossip diff`: what differs between two agents, and what it took to find it.

mod support;

use serde_json::{Value, json};
use support::{Agent, Site};

/// Two agents that wrote in former lives, before they met, and compare only if they are told to.
fn apart(site: &Site) -> (Agent, Agent) {
    site.file("gossip.toml", "preset = \"local\"\n[broadcast]\nenabled = false\n[kv]\nsync_interval = \"1h\"\n");
    let started = |name: &str| site.start(name, &["--data-dir", &site.arg(&format!("{name}-data"))]);
    for name in ["a", "b"] {
        let agent = started(name);
        agent.run(&["set", "both", name]).ok();
        agent.run(&["set", &format!("of-{name}"), "v"]).ok();
        agent.run(&["set", "--own", "port", "1"]).ok();
        agent.kill();
    }
    let (a, b) = (started("a"), started("b"));
    b.run(&["join", a.addr()]).ok();
    [&a, &b].iter().for_each(|agent| agent.wait_for_alive(&["a", "b"]));
    (a, b)
}

fn keys(answer: &Value) -> Vec<(String, usize, usize)> {
    let count = |side: &Value| side.as_array().unwrap().len();
    let named = |key: &Value| (key["key"].as_str().unwrap().to_string(), count(&key["here"]), count(&key["there"]));
    answer["keys"].as_array().unwrap().iter().map(named).collect()
}

#[test]
fn what_differs_is_named_once_and_exchanged() {
    let site = Site::new();
    let (a, b) = apart(&site);
    let of_a = a.ask(&["get", "both"])["version"].clone();
    let of_b = b.ask(&["get", "both"])["version"].clone();
    let ended = a.run(&["--json", "diff", "b"]);
    assert_eq!(ended.code, 8, "{ended:?}");
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
    let expected = [("both", 1, 1), ("of-a", 1, 0), ("of-b", 0, 1), ("@b/port", 0, 1), ("@a/port", 1, 0)];
    let mut named = keys(&answer);
    named.sort();
    let mut expected = expected.map(|(key, here, there)| (key.to_string(), here, there)).to_vec();
    expected.sort();
    assert_eq!(named, expected, "{answer}");
    assert_eq!((&answer["keys"][0]["here"], &answer["keys"][0]["there"]), (&json!([of_a]), &json!([of_b])));
    let counts = ["only_here", "only_there", "different"].map(|field| answer[field].clone());
    assert_eq!(counts, [2, 2, 1].map(Value::from));
    assert_eq!((&answer["complete"], &answer["way"], &answer["member"]), (&true.into(), &"ranges".into(), &"b".into()));
    assert!(answer["exchange"]["bytes_sent"].as_u64() > Some(0), "{answer}");
    assert!(ended.stderr.contains("5 keys differ from b"), "{}", ended.stderr);

    b.wait("both values", |agent| (agent.ask(&["siblings", "both"])["siblings"].as_array()?.len() == 2).then_some(()));
    let text = b.run(&["diff", "a"]).ok().stdout;
    assert!(text.starts_with("the same as a: found by fingerprint") && text.lines().count() == 1, "{text}");
    assert_eq!(a.ask(&["diff", "b"])["equal"], true);
}

#[test]
fn as_many_keys_are_shown_as_are_asked_for_and_all_are_counted() {
    let site = Site::new();
    let (a, _b) = apart(&site);
    let ended = a.run(&["diff", "b", "--limit", "1"]);
    assert_eq!(ended.code, 8, "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(
        lines[0].starts_with("KEY") && lines[1].starts_with("both ") && lines[2].starts_with("found by "),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 3);
    assert!(ended.stderr.contains("5 keys differ") && ended.stderr.contains("2 only there"), "{}", ended.stderr);
}

#[test]
fn who_is_not_there_or_does_not_answer_is_no_equal() {
    let site = Site::new();
    let (a, b) = apart(&site);
    a.run(&["diff", "c"]).refused(1, &["no member \"c\"", "gossip members"]);
    a.run(&["diff", "a"]).refused(2, &["this agent itself"]);
    a.run(&["diff", "b", "--timeout", "2h"]).refused(2, &["60000"]);
    b.kill();
    let ended = a.run(&["diff", "b", "--timeout", "300ms"]);
    ended.refused(1, &["\"b\"", "gossip members"]);
}
