//! `send` and `inbox` between agents.

mod support;

use serde_json::Value;
use support::{Agent, Site};

fn three(site: &Site) -> [Agent; 3] {
    let a = site.start("a", &[]);
    let [b, c] = ["b", "c"].map(|name| site.start(name, &["--join", a.addr()]));
    for agent in [&a, &b, &c] {
        agent.wait_for_alive(&["a", "b", "c"]);
    }
    [a, b, c]
}

/// The data of so many messages, which are there or will come.
fn read(agent: &Agent, count: &str) -> Vec<Value> {
    let ended = agent.run(&["--json", "inbox", "--count", count]).ok();
    let lines = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == "direct").map(|line| line["data"].clone()).collect()
}

#[test]
fn a_message_is_read_by_the_member_that_it_is_for_and_by_nobody_else() {
    let site = Site::new();
    let [a, b, c] = three(&site);
    let reader = c.stream(&["inbox"]);
    reader.next("the start", |line| line["event"] == "start");
    assert_eq!(a.run_with_input(&["send", "b"], "hello\n").ok().stdout, "delivered to b\n");
    a.run_with_input(&["send", "c"], "to c").ok();
    assert_eq!(b.run(&["inbox", "--count", "1"]).ok().stdout, "a: hello\n");
    let message = reader.next("the message", |_| true);
    assert_eq!((&message["event"], &message["from"]), (&"direct".into(), &"a".into()));
    assert_eq!((&message["id"], &message["data"]), (&a.sees("a").unwrap()["id"], &"to c".into()));
}

#[test]
fn messages_wait_for_a_reader_which_takes_no_more_than_it_shows() {
    let site = Site::new();
    let [a, b, _c] = three(&site);
    for data in ["1", "2", "3"] {
        a.run_with_input(&["send", "b"], data).ok();
    }
    assert_eq!(read(&b, "2"), ["1", "2"]);
    assert_eq!(read(&b, "1"), ["3"]);
}

#[test]
fn an_inbox_has_one_reader_at_a_time() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let reader = agent.stream(&["inbox"]);
    reader.next("the start", |line| line["event"] == "start");
    agent.run(&["inbox"]).refused(1, &["somebody reads the inbox already", "hint"]);
    drop(reader);
    agent.run_with_input(&["send", "a"], "x").ok();
    agent.poll("the inbox is free", |agent| (agent.run(&["inbox", "--count", "1"]).code == 0).then_some(()));
}

#[test]
fn a_file_of_any_bytes_is_sent_to_a_member_by_its_id() {
    let site = Site::new();
    let [a, b, _c] = three(&site);
    site.file("bytes", b"\x00\xff");
    let id = a.sees("b").unwrap()["id"].as_str().unwrap().to_string();
    let answer = a.ask(&["send", &id, &site.arg("bytes")]);
    assert_eq!((&answer["to"], &answer["delivered"]), (&"b".into(), &true.into()));
    assert_eq!(b.run(&["inbox", "--count", "1"]).ok().stdout, "a: 00ff\n");
}

#[test]
fn a_file_too_long_for_a_datagram_is_sent_by_the_stream_lane_if_both_have_one() {
    let site = Site::new();
    let [a, b, _c] = three(&site);
    let without = site.start("d", &["--join", a.addr(), "--no-stream"]);
    a.wait_for_alive(&["a", "b", "c", "d"]);
    without.wait_for_alive(&["a", "b", "c", "d"]);
    let contents = "a line of a long file\n".repeat(2000);
    let file = site.file("long.txt", &contents);
    assert_eq!(a.run(&["send", "b", &file]).ok().stdout, "delivered to b\n");
    assert_eq!(read(&b, "1"), [contents]);
    a.run_with_input(&["send", "d"], "short").ok();
    a.run(&["send", "d", &file]).refused(2, &["too large", "stream lane"]);
    without.run(&["send", "a", &file]).refused(2, &["too large", "stream lane"]);
}

#[test]
fn what_cannot_be_sent_is_refused_with_the_reason() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    agent.run(&["send", "nobody"]).refused(1, &["nobody", "gossip members"]);
    agent.run(&["send", "a", &site.arg("no-such-file")]).refused(2, &["no-such-file"]);
    agent.run_with_input(&["send", "a"], &"x".repeat(70_000)).refused(2, &["too large", "hint"]);
}

#[test]
fn a_member_that_is_gone_is_why_a_message_is_not_delivered() {
    let site = Site::new();
    let [a, b, c] = three(&site);
    b.kill();
    let ended = a.run_with_input(&["send", "b"], "x");
    ended.refused(1, &["not delivered to b", "hint"]);
    assert!(ended.stderr.contains("failed") || ended.stderr.contains("did not answer"), "{}", ended.stderr);
    c.run(&["leave"]).ok();
    a.wait("c left", |agent| (agent.status_of("c").as_deref() == Some("left")).then_some(()));
    a.run_with_input(&["send", "c"], "x").refused(1, &["not delivered to c", "has left"]);
    let info = a.ask(&["info"]);
    assert_eq!((&info["stats"]["direct_failed"], &info["direct"]["pending"]), (&1.into(), &0.into()));
}

#[test]
fn an_inbox_that_is_full_refuses_and_holds_no_query_up() {
    let site = Site::new();
    let agent = site.start("a", &["--http", "127.0.0.1:0", "--on-query", "x=echo y"]);
    let send = |number: u32| {
        let body = serde_json::json!({ "to": "a", "data": number.to_string() });
        agent.http_json("POST", "/v1/send", &body).status
    };
    assert!((0..1024).all(|number| send(number) == 200));
    assert_eq!(send(1024), 409);
    agent.run_with_input(&["send", "a"], "x").refused(1, &["the member's inbox is full", "gossip inbox"]);
    assert_eq!(agent.run(&["query", "x"]).ok().stdout, "a: y\n");
    let all: Vec<Value> = (0..1024).map(|number: u32| number.to_string().into()).collect();
    assert_eq!(read(&agent, "1024"), all);
    agent.run_with_input(&["send", "a"], "x").ok();
}
