//! `set --wait` and `delete --wait`: answered when others have the write, with who has it and who has not.

mod support;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Agent, Ended, Site};

/// Agents `a` to `e` that know each other, and are slow to give a silent one up.
fn five(site: &Site, more: &[&str]) -> Vec<Agent> {
    site.file("gossip.toml", "preset = \"local\"\n[membership.suspicion]\npatience = \"60s\"\n");
    let mut agents = vec![site.start("a", more)];
    for name in ["b", "c", "d", "e"] {
        agents.push(site.start(name, &["--join", agents[0].addr()]));
    }
    agents.iter().for_each(|agent| agent.wait_for_alive(&["a", "b", "c", "d", "e"]));
    agents
}

fn timed_out(ended: &Ended) {
    assert_eq!(ended.code, 4, "{ended:?}");
}

#[test]
fn all_others_are_named_and_really_have_it() {
    let site = Site::new();
    let agents = five(&site, &["--data-dir", &site.arg("data")]);
    let answer = agents[0].ask(&["set", "k", "v", "--wait", "all", "--timeout", "20s"]);
    assert_eq!(answer["acks"], json!({ "enough": true, "have": ["b", "c", "d", "e"], "missing": [] }));
    for agent in &agents {
        assert_eq!(agent.ask(&["get", "k"])["version"], answer["version"], "{}", agent.name);
    }
    let text = agents[1].run(&["delete", "k", "--wait", "all"]).ok().stdout;
    assert_eq!(text.lines().last(), Some("acknowledged by 4 of 4: a c d e"));
    for agent in &agents {
        agent.run(&["get", "k"]).refused(1, &["no key"]);
    }
}

#[test]
fn who_is_stopped_is_named_and_a_majority_does_without_it() {
    let site = Site::new();
    let agents = five(&site, &[]);
    agents[3].signal(Signal::STOP);
    let all = agents[0].run(&["--json", "set", "k", "v", "--wait", "all", "--timeout", "500ms"]);
    timed_out(&all);
    assert_eq!(all.json()["acks"], json!({ "enough": false, "have": ["b", "c", "e"], "missing": ["d"] }));
    let error: Value = serde_json::from_str(&all.stderr).unwrap();
    assert!(error["error"].as_str().unwrap().contains("missing: d"), "{error}");
    assert_eq!(error["exit"], 4);

    let most = agents[0].ask(&["set", "k", "v", "--wait", "majority"]);
    assert_eq!(most["acks"]["enough"], true);
    assert!(most["acks"]["have"].as_array().unwrap().len() >= 2, "{most}");
    agents[0].run(&["set", "k", "v", "--wait", "3"]).ok();
    let text = agents[0].run(&["set", "k", "v", "--wait", "4", "--timeout", "300ms"]);
    timed_out(&text);
    let lines: Vec<&str> = text.stdout.lines().collect();
    assert_eq!(lines[1..], ["acknowledged by 3 of 4: b c e", "missing: d"]);

    // A write that nobody waits for any more goes on spreading.
    agents[3].signal(Signal::CONT);
    let version = text.stdout.lines().next().unwrap();
    agents[3].wait("the last write", |agent| (agent.ask(&["get", "k"])["version"] == version).then_some(()));
}

#[test]
fn who_is_killed_while_it_is_awaited_is_named() {
    let site = Site::new();
    let mut agents = five(&site, &[]);
    agents.remove(4).kill();
    let answer = agents[0].run(&["--json", "set", "k", "v", "--wait", "all", "--timeout", "500ms"]);
    timed_out(&answer);
    assert_eq!(answer.json()["acks"]["missing"], json!(["e"]));
}

#[test]
fn alone_only_a_number_cannot_be_met_and_writes_nothing() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    for wait in ["all", "majority"] {
        let answer = agent.ask(&["set", "k", "v", "--wait", wait]);
        assert_eq!(answer["acks"], json!({ "enough": true, "have": [], "missing": [] }));
    }
    agent.run(&["set", "n", "v", "--wait", "1"]).refused(1, &["nothing was written", "only 0 other members"]);
    agent.run(&["get", "n"]).refused(1, &["no key"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let site = Site::new();
    let agent = site.start("a", &["--http", "127.0.0.1:0"]);
    agent.run(&["set", "k", "v", "--wait", "0"]).refused(2, &["--wait", "majority"]);
    agent.run(&["set", "k", "v", "--wait", "some"]).refused(2, &["--wait"]);
    agent.run(&["set", "k", "v", "--wait", "all", "--timeout", "5"]).refused(2, &["--timeout", "500ms or 5s"]);
    agent.run(&["set", "k", "v", "--wait", "all", "--timeout", "2m"]).refused(2, &["timeout_ms", "60000"]);
    agent.run(&["set", "k", "v", "--timeout", "5s"]).refused(2, &["--wait"]);
    for body in [json!({ "wait": "none" }), json!({ "wait": "all", "timeout_ms": 0 }), json!({ "timeout_ms": 5 })] {
        let mut body = body;
        (body["key"], body["value"]) = ("k".into(), "v".into());
        assert_eq!(agent.http_json("PUT", "/v1/key", &body).status, 400, "{body}");
    }
    assert_eq!(agent.ask(&["list"])["entries"], json!([]));
}
