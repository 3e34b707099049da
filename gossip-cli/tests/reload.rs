//! SIGHUP and `config check`: what a changed file changes, and what it does not.

mod support;

use serde_json::{Value, json};
use support::{Agent, Site, gossip};

const BASE: &str = "preset = \"local\"\n";

/// Makes the agent read the file again and waits for what it says about that.
fn reload(site: &Site, agent: &Agent, file: &str) -> Value {
    let events = agent.stream(&["events", "--only", "reload"]);
    events.next("the start", |line| line["event"] == "start");
    site.file("gossip.toml", format!("{BASE}{file}"));
    agent.signal(rustix::process::Signal::HUP);
    events.next("the reload", |line| line["event"] == "reload")
}

#[test]
fn tags_change_for_every_member_without_a_restart() {
    let site = Site::new();
    let (a, b) = (site.start("a", &["--tag", "zone=x"]), site.start("b", &[]));
    a.ask(&["join", b.addr()]);
    b.wait("a's first tags", |b| (b.sees("a")?["tags"] == json!({ "zone": "x" })).then_some(()));
    let told = reload(&site, &a, "[agent]\ntags = { role = \"web\", zone = \"y\" }\n");
    assert_eq!(told, json!({ "event": "reload", "changed": ["agent.tags.role"], "needs_restart": [] }));
    // The command line wins over the file.
    b.wait("a's new tags", |b| (b.sees("a")?["tags"] == json!({ "role": "web", "zone": "x" })).then_some(()));
    assert_eq!(a.ask(&["info"])["tags"], json!({ "role": "web", "zone": "x" }));
}

#[test]
fn the_log_level_changes_without_a_restart() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let told = reload(&site, &agent, "[agent]\nlog = \"error\"\n");
    assert_eq!(told["changed"], json!(["agent.log"]));
    let length = agent.log().len();
    reload(&site, &agent, "[agent]\nlog = \"error\"\ntags = { a = \"b\" }\n");
    assert_eq!(agent.log().len(), length, "{}", agent.log());
}

#[test]
fn handlers_change_without_a_restart() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let command = format!("message='{}' set seen -", env!("CARGO_BIN_EXE_gossip"));
    reload(&site, &agent, &format!("[agent]\non_event = [\"{command}\"]\n"));
    agent.run(&["publish", "t", "--text", "p"]).ok();
    agent.wait("the handler's key", |agent| (agent.run(&["get", "seen"]).code == 0).then_some(()));
}

#[test]
fn http_begins_moves_and_ends_without_a_restart() {
    let site = Site::new();
    let mut agent = site.start("a", &[]);
    assert_eq!(agent.ready["http"], Value::Null);
    reload(&site, &agent, "[agent]\nhttp = \"127.0.0.1:0\"\n");
    let first = agent.ask(&["info"])["http"].clone();
    agent.ready["http"] = first.clone();
    assert_eq!(agent.http_get("/v1/info").status, 200);
    reload(&site, &agent, "[agent]\nhttp = \"[::1]:0\"\n");
    agent.ready["http"] = agent.ask(&["info"])["http"].clone();
    assert_ne!(agent.ready["http"], first);
    assert_eq!(agent.http_get("/v1/info").status, 200);
    reload(&site, &agent, "");
    assert_eq!(agent.ask(&["info"])["http"], Value::Null);
}

#[test]
fn what_needs_a_restart_is_named_and_stays() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let told = reload(&site, &agent, "cluster = \"other\"\n[kv]\nfanout = 7\n");
    assert_eq!(told, json!({ "event": "reload", "changed": [], "needs_restart": ["cluster", "kv.fanout"] }));
    assert_eq!(agent.ask(&["info"])["cluster"], "");
    assert!(agent.log().contains("kv.fanout stays"), "{}", agent.log());
}

#[test]
fn a_wrong_file_or_one_that_cannot_be_had_changes_nothing() {
    let site = Site::new();
    let (agent, other) = (site.start("a", &[]), site.start("b", &["--http", "127.0.0.1:0"]));
    let told = reload(&site, &agent, "[agent]\ntags = { a = \"b\" }\nlgo = \"debug\"\n");
    assert!(told["error"].as_str().unwrap().contains("gossip.toml:4: agent.lgo"), "{told}");
    let taken = other.ready["http"].as_str().unwrap();
    let told = reload(&site, &agent, &format!("[agent]\ntags = {{ a = \"b\" }}\nhttp = \"{taken}\"\n"));
    assert!(told["error"].as_str().unwrap().contains(taken), "{told}");
    let info = agent.ask(&["info"]);
    assert_eq!((&info["tags"], &info["reloads"]), (&json!({}), &json!({ "failed": 2, "succeeded": 0 })));
}

#[test]
fn a_check_says_what_a_file_would_change_and_how() {
    let site = Site::new();
    let agent = site.start("a", &["--tag", "zone=x"]);
    let text = format!("{BASE}[agent]\nlog = \"debug\"\ntags = {{ zone = \"y\" }}\n[kv]\nfanout = 7\n");
    let file = site.file("new.toml", text);
    let answer = agent.ask(&["config", "check", &file]);
    let change = |key: &str, from: Value, to: Value, applies: &str| json!({ "key": key, "from": from, "to": to, "applies": applies });
    assert_eq!(
        answer["changes"],
        json!([
            change("agent.log", json!("info"), json!("debug"), "reload"),
            change("agent.tags.zone", json!("x"), json!("y"), "never"),
            change("kv.fanout", json!(3), json!(7), "restart"),
        ])
    );
    let text = agent.run(&["config", "check", &file]).ok().stdout;
    assert!(text.contains("needs a restart") && text.contains("on SIGHUP"), "{text}");
}

#[test]
fn without_an_agent_a_check_compares_with_the_defaults() {
    let site = Site::new();
    let file = site.file("new.toml", "[agent]\nlog = \"debug\"\n");
    let answer = gossip(&["--json", "--socket", &site.arg("none.sock"), "config", "check", &file]).ok().json();
    assert_eq!(answer["agent"], Value::Null);
    assert_eq!(answer["changes"], json!([{ "key": "agent.log", "from": "info", "to": "debug", "applies": "start" }]));
}

#[test]
fn a_check_refuses_what_an_agent_would_refuse() {
    let site = Site::new();
    for (text, word) in [
        ("[agent]\nhttp = \"0.0.0.0\"\n", "agent.http"),
        ("[agent]\non_event = [\"membr=x\"]\n", "membr"),
        ("[agent]\ntags = { \"a=b\" = \"\" }\n", "a=b"),
        ("[kv]\nfanout = 99\n", "kv.fanout"),
    ] {
        let file = site.file("new.toml", text);
        gossip(&["--socket", &site.arg("none.sock"), "config", "check", &file]).refused(2, &[word, "hint"]);
    }
}
