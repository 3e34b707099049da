//! Counters, sets, maps and so on, by command.

mod support;

use serde_json::{Value, json};
use support::{Agent, Site};

fn two(site: &Site) -> (Agent, Agent) {
    let first = site.start("a", &[]);
    let second = site.start("b", &["--join", first.addr()]);
    for agent in [&first, &second] {
        agent.wait_for_alive(&["a", "b"]);
    }
    (first, second)
}

#[track_caller]
fn becomes(agent: &Agent, key: &str, printed: &str) {
    agent.wait(printed, |agent| (agent.run(&["get", key]).stdout == printed).then_some(()));
}

#[test]
fn what_two_members_count_adds_up() {
    let site = Site::new();
    let (a, b) = two(&site);
    assert_eq!(a.run(&["incr", "visits"]).ok().stdout, "1\n");
    assert_eq!(a.run(&["incr", "visits", "9"]).ok().stdout, "10\n");
    let told = b.ask(&["incr", "visits", "-3", "--wait", "all"]);
    assert_eq!((&told["type"], &told["acks"]["enough"]), (&"counter".into(), &true.into()));
    becomes(&a, "visits", "7\n");
    becomes(&b, "visits", "7\n");
    let shown = a.ask(&["get", "visits"]);
    assert_eq!((&shown["type"], &shown["value"]), (&"counter".into(), &7.into()));
    assert!(shown["version"].is_string() && shown["siblings"].is_null() && shown["expires_ms"].is_null(), "{shown}");
    assert_eq!(a.run(&["list"]).ok().stdout, "visits\t7\tcounter\n");
}

#[test]
fn elements_come_and_go_on_any_member() {
    let site = Site::new();
    let (a, b) = two(&site);
    a.run(&["add", "tags", "red", "blue", "green"]).ok();
    becomes(&b, "tags", "blue\ngreen\nred\n");
    b.run(&["remove", "tags", "red", "not there"]).ok();
    becomes(&a, "tags", "blue\ngreen\n");
    assert_eq!(a.ask(&["get", "tags"])["value"], json!(["blue", "green"]));
    assert_eq!(a.run(&["list", "tags"]).ok().stdout, "tags\t[\"blue\",\"green\"]\tset\n");
    let emptied = a.ask(&["remove", "tags", "blue", "green"]);
    assert!(emptied["type"].is_null() && emptied["version"].is_string(), "{emptied}");
    a.run(&["get", "tags"]).refused(1, &["no key"]);
    a.run(&["remove", "tags", "blue"]).refused(1, &["no key \"tags\"", "hint"]);
    a.run(&["add", "revoked", "k1", "--type", "strict-set"]).ok();
    assert_eq!(a.ask(&["remove", "revoked", "k1", "--type", "strict-set"])["value"], json!([]));
}

#[test]
fn numbers_and_flags_are_set_with_their_type() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let set = |key: &str, value: &str, kind: &str| agent.ask(&["set", key, value, "--type", kind])["value"].clone();
    assert_eq!(set("high", "5", "max"), 5);
    assert_eq!(set("high", "3", "max"), 5);
    assert_eq!(set("low", "5", "min"), 5);
    assert_eq!(set("low", "-3", "min"), -3);
    assert_eq!(set("on", "true", "flag"), true);
    assert_eq!(set("on", "false", "flag"), Value::Null);
    assert_eq!(set("off", "false", "strict-flag"), false);
    for number in ["10", "20", "30"] {
        set("times", number, "sketch");
    }
    let times = agent.ask(&["get", "times"])["value"].clone();
    assert_eq!(
        (&times["count"], &times["min"], &times["p50"], &times["max"]),
        (&3.into(), &10.into(), &20.into(), &30.into())
    );
    assert_eq!(agent.run(&["get", "off"]).ok().stdout, "false\n");
    agent.run(&["set", "high", "x", "--type", "max"]).refused(2, &["`x`"]);
    agent.run(&["set", "on", "yes", "--type", "flag"]).refused(2, &["`yes`", "true"]);
}

#[test]
fn fields_of_a_map_are_written_one_by_one() {
    let site = Site::new();
    let (a, b) = two(&site);
    a.run(&["set", "anna", "Anna", "--field", "name"]).ok();
    b.wait("the field", |agent| (agent.run(&["get", "anna"]).code == 0).then_some(()));
    assert_eq!(b.run(&["incr", "anna", "2", "--field", "logins", "--field", "web"]).ok().stdout, "2\n");
    b.run(&["add", "anna", "admin", "--field", "groups"]).ok();
    let whole = json!({ "groups": ["admin"], "logins": { "web": 2 }, "name": "Anna" });
    a.wait("all fields", |agent| (agent.run(&["get", "anna"]).json() == whole).then_some(()));
    assert_eq!(a.run(&["list"]).ok().stdout, format!("anna\t{whole}\tmap\n"));
    assert_eq!(a.ask(&["get", "anna"])["value"]["logins"]["value"]["web"], json!({ "type": "counter", "value": 2 }));
    a.run(&["delete", "anna", "--field", "groups"]).ok();
    assert_eq!(a.run(&["get", "anna"]).ok().json(), json!({ "logins": { "web": 2 }, "name": "Anna" }));
    a.run(&["delete", "anna", "--field", "groups"]).refused(1, &["no such field", "hint"]);
    a.run(&["incr", "anna", "--field", "name"]).refused(1, &["\"name\"", "register", "counter", "hint"]);
}

#[test]
fn maps_that_are_too_deep_are_refused() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let fields = ["--field", "f"].repeat(9);
    agent.run(&[&["set", "k", "v"], &fields[..]].concat()).refused(2, &["8 deep", "--field"]);
    agent.run(&[&["set", "k", "v"], &fields[2..]].concat()).ok();
}

#[test]
fn a_change_of_another_type_is_refused_and_a_text_takes_the_place_of_all() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    agent.run(&["set", "k", "text"]).ok();
    agent.run(&["incr", "k"]).refused(1, &["register", "counter", "hint"]);
    agent.run(&["add", "k", "e"]).refused(1, &["register", "set"]);
    assert_eq!(agent.run(&["get", "k"]).ok().stdout, "text\n");
    agent.run(&["delete", "k"]).ok();
    agent.run(&["incr", "k"]).ok();
    agent.run(&["set", "k", "text"]).ok();
    assert_eq!(agent.ask(&["get", "k"])["type"], "register");
}

#[test]
fn watchers_and_events_tell_of_typed_keys() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    agent.run(&["incr", "n"]).ok();
    let (watch, events) = (agent.stream(&["list", "--watch"]), agent.stream(&["events", "--only", "key"]));
    let listed = watch.next("n", |line| line["event"] == "key");
    assert_eq!((&listed["type"], &listed["value"]), (&"counter".into(), &1.into()));
    events.next("the start", |line| line["event"] == "start");
    agent.run(&["incr", "n"]).ok();
    agent.run(&["add", "s", "e"]).ok();
    for reader in [&watch, &events] {
        let n = reader.next("n", |line| line["key"] == "n");
        assert_eq!((&n["value"], &n["deleted"]), (&2.into(), &false.into()));
        assert_eq!(reader.next("s", |line| line["key"] == "s")["value"], json!(["e"]));
    }
}

#[test]
fn an_export_of_all_types_is_imported_as_it_was() {
    let site = Site::new();
    let (a, b) = (site.start("a", &[]), site.start("b", &[]));
    a.run(&["set", "text", "{\"$gossip\": 1}"]).ok();
    a.run(&["incr", "n", "-5"]).ok();
    a.run(&["add", "s", "x", "y"]).ok();
    a.run(&["add", "t", "x", "--type", "strict-set"]).ok();
    a.run(&["set", "on", "true", "--type", "flag"]).ok();
    a.run(&["set", "off", "false", "--type", "strict-flag"]).ok();
    a.run(&["set", "high", "7", "--type", "max"]).ok();
    a.run(&["set", "m", "v", "--field", "f", "--field", "g"]).ok();
    a.run(&["set", "times", "7", "--type", "sketch"]).ok();
    let exported = a.run(&["export"]).ok();
    assert!(exported.stderr.contains("1 keys were left out"), "{exported:?}");
    assert_eq!(exported.json()["n"], json!({ "$gossip": { "type": "counter", "value": -5 } }));
    // Twice, and over what is there: it replaces.
    b.run(&["add", "s", "z"]).ok();
    for _ in 0..2 {
        assert_eq!(
            b.run_with_input(&["import", "-"], &exported.stdout).ok().stdout.split(',').next(),
            Some("imported 8 entries")
        );
        assert_eq!(b.run(&["export"]).ok().stdout, exported.stdout);
    }
    b.run_with_input(&["import", "-"], "{\"k\": {\"$gossip\": {\"type\": \"tree\"}}}").refused(2, &["line 1", "tree"]);
}
