//! Agents with and without a stream lane.

mod support;

use std::net::{TcpListener, TcpStream};

use serde_json::json;
use support::Site;

#[test]
fn an_agent_without_a_stream_lane_opens_no_tcp_port_and_gets_everything() {
    let site = Site::new();
    let with = site.start("a", &[]);
    // More than are pushed: the rest is compared and sent.
    let entries: serde_json::Map<_, _> =
        (0..3000).map(|number| (format!("key-{number}"), "a value of some length ".repeat(10).into())).collect();
    let file = site.file("keys.json", serde_json::Value::Object(entries).to_string());
    with.run(&["import", &file]).ok();

    let also_with = site.start("b", &["--join", with.addr()]);
    let has_all = |agent: &support::Agent| (agent.ask(&["info"])["kv"]["entries"] == json!(3000)).then_some(());
    also_with.wait("all keys", has_all);
    let without = site.start("c", &["--join", with.addr(), "--no-stream"]);
    without.wait("all keys", has_all);
    assert!(TcpStream::connect(with.addr()).is_ok());
    assert!(TcpStream::connect(without.addr()).is_err());
    let info = without.ask(&["info"]);
    assert_eq!((&info["stats"]["frames_received"], &info["transport"]["accepted"]), (&json!(0), &json!(0)));
    assert!(also_with.ask(&["info"])["stats"]["frames_received"].as_u64() > Some(0));
}

#[test]
fn a_port_that_is_taken_for_tcp_is_refused_with_a_hint() {
    let site = Site::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    site.agent_that_fails("a", &["--bind", &addr]).refused(1, &["TCP", &addr, "--no-stream"]);
}
