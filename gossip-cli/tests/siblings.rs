//! Values that members wrote at the same time.

mod support;

use support::{Agent, Site};

/// Two members that have written `k` before they met.
fn apart(site: &Site) -> (Agent, Agent) {
    let (a, b) = (site.start("a", &[]), site.start("b", &[]));
    a.run(&["set", "k", "of a"]).ok();
    b.run(&["set", "k", "of b"]).ok();
    a.run(&["join", b.addr()]).ok();
    for agent in [&a, &b] {
        agent.wait("both values", |agent| (versions(agent).len() == 2).then_some(()));
    }
    (a, b)
}

fn versions(agent: &Agent) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_string();
    let siblings = agent.ask(&["siblings", "k"])["siblings"].as_array().expect("siblings").clone();
    siblings.iter().map(|sibling| (text(&sibling["value"]), text(&sibling["version"]))).collect()
}

#[test]
fn siblings_are_shown_until_one_is_picked() {
    let site = Site::new();
    let (a, b) = apart(&site);
    let mut values = versions(&a);
    values.sort();
    assert_eq!([&values[0].0, &values[1].0], ["of a", "of b"]);
    let got = a.run(&["get", "k"]).ok();
    assert!(got.stdout.starts_with("of ") && got.stderr.contains("gossip siblings"), "{got:?}");
    assert_eq!(a.ask(&["get", "k"])["versions"].as_array().map(Vec::len), Some(2));
    let lines = a.run(&["siblings", "k"]).ok().stdout;
    assert!(lines.lines().any(|line| line == format!("{}\tof a", values[0].1)), "{lines}");

    a.run(&["set", "k", "v", "--if-version", &values[0].1]).refused(7, &["same time", "gossip resolve"]);
    a.run(&["resolve", "k", "--pick", &values[1].1]).ok();
    assert_eq!(versions(&a).iter().map(|(value, _)| &value[..]).collect::<Vec<_>>(), ["of b"]);
    a.run(&["resolve", "k", "--pick", &values[0].1]).refused(7, &["no value of version", "hint"]);
    b.wait("one value", |agent| (agent.run(&["siblings", "k"]).stdout.lines().count() == 1).then_some(()));
    assert_eq!(b.run(&["get", "k"]).ok().stderr, "");
}

#[test]
fn a_new_value_resolves_them() {
    let site = Site::new();
    let (a, b) = apart(&site);
    b.run(&["resolve", "k", "of both"]).ok();
    a.wait("one value", |agent| (agent.run(&["get", "k"]).stdout == "of both\n").then_some(()));
    assert_eq!(versions(&a).len(), 1);
    a.run(&["resolve", "not-k", "v"]).refused(1, &["no key"]);
    a.run(&["resolve", "k"]).refused(2, &["VALUE"]);
}

#[test]
fn a_counter_has_none() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    agent.run(&["incr", "k"]).ok();
    let ended = agent.run(&["siblings", "k"]).ok();
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("counter"), "{ended:?}");
}
