//! The API on a TCP port: the same as on the socket, closed to web pages and, unless allowed, to other machines.

mod support;

use std::io::Read as _;
use std::net::TcpStream;

use serde_json::json;
use support::{Agent, Site};

fn start(site: &Site) -> Agent {
    site.start("a", &["--http", "127.0.0.1:0"])
}

#[test]
fn a_port_answers_as_the_socket_does() {
    let site = Site::new();
    let agent = start(&site);
    let written = agent.http_json("PUT", "/v1/key", &json!({ "key": "k", "value": "v" }));
    assert_eq!((written.status, written.kind.as_str()), (200, "application/json"));
    assert_eq!(agent.run(&["get", "k"]).ok().stdout, "v\n");
    assert_eq!(agent.http_get("/v1/key?key=k").json(), agent.ask(&["get", "k"]));
    assert_eq!(agent.ask(&["info"])["http"], agent.ready["http"]);
    assert_eq!(agent.http("DELETE", "/v1/key?key=k", &[("X-Gossip-Request", "1")], "").status, 200);
    let missing = agent.http_get("/v1/key?key=k");
    assert_eq!((missing.status, &missing.json()["exit"]), (404, &1.into()));
}

#[test]
fn a_web_page_can_neither_write_nor_read_and_that_is_counted() {
    let site = Site::new();
    let agent = start(&site);
    let (body, json) = (r#"{"key": "k", "value": "v"}"#, ("Content-Type", "application/json"));
    for headers in [&[][..], &[("Content-Type", "text/plain")], &[json, ("Origin", "http://example.net")]] {
        let answer = agent.http("PUT", "/v1/key", headers, body);
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(answer.json()["hint"].is_string());
    }
    assert_eq!(agent.http("GET", "/v1/keys", &[("Host", "rebound.example.net")], "").status, 403);
    assert_eq!(agent.http("POST", "/v1/leave", &[], "").status, 403);
    assert_eq!(agent.run(&["get", "k"]).code, 1);
    let refused = agent.ask(&["info"])["http_refused"].clone();
    assert_eq!(refused, json!({ "origin": 1, "host": 1, "unmarked": 3, "too_many_connections": 0 }));
}

#[test]
fn an_address_that_other_machines_reach_must_be_allowed() {
    let site = Site::new();
    site.agent_that_fails("a", &["--http", "0.0.0.0:0"]).refused(2, &["--http 0.0.0.0:0", "--http-allow-remote"]);
    let agent = site.start("b", &["--http", "0.0.0.0:0", "--http-allow-remote"]);
    assert!(agent.log().contains("without a password"), "{}", agent.log());
}

#[test]
fn a_port_in_use_is_refused_by_address() {
    let site = Site::new();
    let agent = start(&site);
    let addr = agent.ready["http"].as_str().unwrap();
    site.agent_that_fails("b", &["--http", addr]).refused(1, &[addr, "hint"]);
}

#[test]
fn what_is_not_there_or_too_long_is_refused() {
    let site = Site::new();
    let agent = start(&site);
    assert_eq!(agent.http_get("/").status, 404);
    assert_eq!(agent.http_json("PATCH", "/v1/key", &json!({})).status, 405);
    let long = json!({ "key": "k", "value": "x".repeat(1 << 20) });
    assert_eq!(agent.http_json("PUT", "/v1/key", &long).status, 413);
    assert_eq!(agent.http_json("PUT", "/v1/key", &json!({ "key": "k" })).status, 400);
}

#[test]
fn a_topic_that_begins_with_a_zero_byte_is_refused() {
    let site = Site::new();
    let agent = start(&site);
    let answer = agent.http_json("POST", "/v1/publish", &json!({ "topic": "\0kv", "payload": "p" }));
    assert_eq!(answer.status, 400);
    assert!(answer.json()["hint"].as_str().unwrap().contains("zero byte"));
}

#[test]
fn one_connection_too_many_is_closed_and_the_others_are_served() {
    let site = Site::new();
    let agent = start(&site);
    let silent: Vec<TcpStream> = (0..64).map(|_| agent.connect()).collect();
    // Closed or reset: nothing is read either way.
    assert!(!matches!(agent.connect().read(&mut [0]), Ok(1..)));
    assert_eq!(agent.ask(&["info"])["http_refused"]["too_many_connections"], 1);
    drop(silent);
    agent.poll("a connection free", |agent| {
        let mut stream = agent.connect();
        std::io::Write::write_all(&mut stream, b"GET /v1/info HTTP/1.0\r\n\r\n").ok()?;
        matches!(stream.read(&mut [0; 9]), Ok(9)).then_some(())
    });
}
