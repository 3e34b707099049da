//! Writes that want the key to be as they know it, and keys that expire.

mod support;

use serde_json::json;
use support::Site;

#[test]
fn a_write_that_expects_something_else_is_code_7_and_changes_nothing() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let version = |args: &[&str]| agent.run(args).ok().stdout.trim().to_string();
    let first = version(&["set", "k", "1", "--if-absent"]);
    agent.run(&["set", "k", "2", "--if-absent"]).refused(7, &[&first, "hint"]);
    let second = version(&["set", "k", "2", "--if-version", &first]);
    agent.run(&["set", "k", "3", "--if-version", &first]).refused(7, &[&second, "hint"]);
    agent.run(&["delete", "k", "--if-version", &first]).refused(7, &[&second]);
    assert_eq!(agent.run(&["get", "k"]).ok().stdout, "2\n");
    agent.run(&["delete", "k", "--if-version", &second]).ok();
    agent.run(&["set", "k", "3", "--if-version", &second]).refused(7, &["not there"]);
    agent.run(&["delete", "k", "--if-version", &second]).refused(7, &["not there"]);
    agent.run(&["set", "k", "3", "--if-version", "second"]).refused(2, &["`second`", "hint"]);
    agent.run(&["set", "n", "3", "--type", "max", "--if-absent"]).ok();
    agent.run(&["set", "n", "4", "--type", "max", "--if-absent"]).refused(7, &["nothing was written"]);
}

#[test]
fn a_refused_expectation_is_status_412() {
    let site = Site::new();
    let agent = site.start("a", &["--http", "127.0.0.1:0"]);
    let put = |more: serde_json::Value| {
        let mut body = json!({ "key": "k", "value": "v" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        agent.http_json("PUT", "/v1/key", &body)
    };
    assert_eq!(put(json!({ "if_absent": true })).status, 200);
    let refused = put(json!({ "if_absent": true }));
    assert_eq!((refused.status, &refused.json()["exit"]), (412, &7.into()));
    assert_eq!(put(json!({ "if_absent": true, "if_version": "0011aabb.1.2" })).status, 400);
    assert_eq!(put(json!({ "expires_ms": 0 })).status, 400);
    assert_eq!(put(json!({ "pick": "0011aabb.1.2" })).status, 400);
}

#[test]
fn a_key_that_expires_is_gone_everywhere() {
    let site = Site::new();
    let a = site.start("a", &[]);
    let b = site.start("b", &["--join", a.addr()]);
    b.wait_for_alive(&["a", "b"]);
    let changes = b.stream(&["watch"]);
    changes.next("the start", |line| line["event"] == "start");
    a.run(&["set", "stays", "v", "--expires", "1h"]).ok();
    a.run(&["incr", "lease", "--expires", "300ms"]).ok();
    b.wait("the key", |agent| (agent.run(&["get", "stays"]).code == 0).then_some(()));
    let left = b.ask(&["get", "stays"])["expires_ms"].as_u64().expect("a time");
    assert!((3_000_000..=3_600_000).contains(&left), "{left}");
    changes.next("its end", |line| line["key"] == "lease" && line["deleted"] == true);
    for agent in [&a, &b] {
        agent.wait("its end", |agent| (agent.run(&["get", "lease"]).code == 1).then_some(()));
    }
    // Written again without a time, it stays.
    a.run(&["set", "stays", "w"]).ok();
    assert!(a.ask(&["get", "stays"])["expires_ms"].is_null());
}
