//! Keys and messages by command, on two agents.

mod support;

use support::{Agent, Site};

fn two(site: &Site) -> (Agent, Agent) {
    let first = site.start("a", &[]);
    let second = site.start("b", &["--join", first.addr()]);
    for agent in [&first, &second] {
        agent.wait_for_alive(&["a", "b"]);
    }
    (first, second)
}

#[test]
fn a_shared_key_is_read_written_and_deleted_anywhere() {
    let site = Site::new();
    let (a, b) = two(&site);
    let version = a.run(&["set", "greeting", "grüß dich"]).ok().stdout;
    assert_eq!(version.trim().split('.').count(), 3, "a write prints its version: {version}");
    b.wait("the key", |agent| (agent.run(&["get", "greeting"]).code == 0).then_some(()));
    assert_eq!(b.run(&["get", "greeting"]).ok().stdout, "grüß dich\n");
    assert_eq!(b.ask(&["get", "greeting"])["version"], version.trim());
    assert_eq!(b.run(&["list"]).ok().stdout, "greeting\tgrüß dich\n");

    assert!(b.ask(&["delete", "greeting"])["version"].is_string());
    a.wait("the key gone", |agent| (agent.run(&["get", "greeting"]).code == 1).then_some(()));
    b.run(&["delete", "greeting"]).refused(1, &["greeting", "hint"]);
}

#[test]
fn an_own_key_is_shown_with_its_owner_and_nobody_else_may_write_it() {
    let site = Site::new();
    let (a, b) = two(&site);
    a.run(&["set", "--own", "port", "80"]).ok();
    a.run(&["set", "port", "81"]).ok();
    b.wait("both keys", |agent| (agent.ask(&["list"])["entries"].as_array()?.len() == 2).then_some(()));
    assert_eq!(b.run(&["get", "@a/port"]).ok().stdout, "80\n");
    assert_eq!(a.run(&["get", "--own", "port"]).ok().stdout, "80\n");
    assert_eq!(b.run(&["get", "port"]).ok().stdout, "81\n");
    assert_eq!(b.run(&["list", "@"]).ok().stdout, "@a/port\t80\n");
    b.run(&["set", "@a/port", "82"]).refused(2, &["@a/port", "hint"]);
    b.run(&["delete", "@a/port"]).refused(2, &["@a/port"]);
    a.run(&["set", "@a/port", "83"]).ok();
    b.wait("the new value", |agent| (agent.run(&["get", "@a/port"]).stdout == "83\n").then_some(()));
    assert_eq!(b.run(&["export"]).ok().json(), serde_json::json!({ "port": 81 }));
    assert_eq!(b.run(&["export", "--all"]).ok().json(), serde_json::json!({ "@a/port": 83, "port": 81 }));
}

#[test]
fn a_value_and_a_file_can_come_from_standard_input() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    agent.run_with_input(&["set", "k", "-"], "two\nlines").ok();
    assert_eq!(agent.run(&["get", "k"]).ok().stdout, "two\nlines\n");
    agent.run_with_input(&["import", "-"], "{\"x\": {\"y\": [1, 2]}, \"z\": \"5\"}").ok();
    let exported = agent.run(&["export"]).ok().json();
    assert_eq!(exported, serde_json::json!({ "k": "two\nlines", "x": { "y": [1, 2] }, "z": "5" }));
}

#[test]
fn the_sample_needs_no_file() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let imported = agent.ask(&["import", "--sample"])["imported"].as_u64().unwrap();
    assert!(imported >= 100);
    assert_eq!(agent.run(&["export"]).ok().json().as_object().unwrap().len() as u64, imported);
}

#[test]
fn a_message_reaches_subscribers_here_and_elsewhere() {
    let site = Site::new();
    let (a, b) = two(&site);
    let readers = [a.stream(&["subscribe", "deploy"]), b.stream(&["subscribe", "deploy"])];
    for reader in &readers {
        reader.next("the start", |line| line["event"] == "start");
    }
    a.run(&["publish", "other", "--text", "not for them"]).ok();
    let version = a.ask(&["publish", "deploy", "--text", "v1.4 ist da"])["version"].clone();
    for reader in &readers {
        let message = reader.next("the message", |line| line["event"] == "message");
        assert_eq!((&message["topic"], &message["payload"]), (&"deploy".into(), &"v1.4 ist da".into()));
        assert_eq!((&message["from"], &message["version"]), (&"a".into(), &version));
    }
}

#[test]
fn events_tell_of_members_and_keys() {
    let site = Site::new();
    let a = site.start("a", &[]);
    let events = a.stream(&["events"]);
    events.next("the start", |line| line["event"] == "start");
    let b = site.start("b", &["--join", a.addr()]);
    let up =
        events.next("b", |line| line["event"] == "member" && line["change"] == "up" && line["id"] == b.ready["id"]);
    assert_eq!((&up["addr"], &up["generation"]), (&b.addr().into(), &b.generation().into()));
    b.run(&["set", "k", "v"]).ok();
    let key = events.next("the key", |line| line["event"] == "key");
    assert_eq!((&key["key"], &key["value"], &key["deleted"]), (&"k".into(), &"v".into(), &false.into()));
    b.run(&["delete", "k"]).ok();
    events.next("the end of the key", |line| line["event"] == "key" && line["deleted"] == true);
}

#[test]
fn a_stream_with_a_count_ends_by_itself() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let reader = agent.stream(&["subscribe", "--count", "1"]);
    reader.next("the start", |line| line["event"] == "start");
    agent.run(&["publish", "t", "--text", "p"]).ok();
    assert_eq!(reader.next("the message", |line| line["event"] == "message")["payload"], "p");
    assert_eq!(reader.next_before(std::time::Instant::now() + support::PATIENCE), None);
}

#[test]
fn a_publisher_learns_how_far_its_message_got() {
    let site = Site::new();
    let (a, b) = two(&site);
    let reader = b.stream(&["subscribe", "--count", "1"]);
    reader.next("the start", |line| line["event"] == "start");
    let file = site.file("note.txt", "from a file");
    let options = ["--class", "urgent", "--expires", "10s", "--key", "k", "--ordered", "--wait-coverage", "1"];
    let told = a.ask(&[&["publish", "t", &file][..], &options].concat());
    let coverage = &told["coverage"];
    assert_eq!((&coverage["reached"], &coverage["have"], &coverage["members"]), (&true.into(), &1.into(), &1.into()));
    assert_eq!((&coverage["estimate"], &coverage["at_least"]), (&1.0.into(), &1.0.into()));
    assert_eq!(reader.next("the message", |line| line["event"] == "message")["payload"], "from a file");
}

#[test]
fn a_message_is_any_bytes_of_a_file_or_of_standard_input() {
    let site = Site::new();
    let (a, b) = two(&site);
    let reader = b.stream(&["subscribe", "t"]);
    reader.next("the start", |line| line["event"] == "start");
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    a.run(&["publish", "t", &site.file("any.bin", &bytes)]).ok();
    let message = reader.next("the file", |line| line["event"] == "message");
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(message["payload"].is_null() && message["payload_hex"] == digits);
    a.run_with_input(&["publish", "t", "-"], "of a pipe\n").ok();
    assert_eq!(reader.next("the pipe", |line| line["event"] == "message")["payload"], "of a pipe\n");
    a.run(&["publish", "t", "v1.4 is out"]).refused(2, &["cannot read v1.4 is out", "--text"]);
}

#[test]
fn a_publisher_that_is_alone_is_told_that_nobody_heard_it() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let events = agent.stream(&["events", "--only", "unacknowledged"]);
    events.next("the start", |line| line["event"] == "start");
    let told = agent.ask(&["publish", "t", "--text", "p", "--wait-coverage", "0.99"]);
    assert_eq!((&told["coverage"]["members"], &told["coverage"]["reached"]), (&0.into(), &true.into()));
    assert_eq!(events.next("it", |line| line["event"] == "unacknowledged")["version"], told["version"]);
}

#[test]
fn a_share_that_is_not_reached_in_time_is_code_4() {
    let site = Site::new();
    let (a, b) = two(&site);
    b.kill();
    let ended = a.run(&["publish", "t", "--text", "p", "--wait-coverage", "1", "--timeout", "300ms"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stderr.contains("0 of 1 members") && ended.stderr.contains("hint: it goes on"), "{ended:?}");
}

#[test]
fn options_of_publish_that_cannot_be_are_refused() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    for (options, why) in [
        (&["--wait-coverage", "1.5"][..], "0.99"),
        (&["--timeout", "1s"], "--wait-coverage"),
        (&["--key", ""], "1 to 64 bytes"),
        (&["x"], "FILE"),
    ] {
        agent.run(&[&["publish", "t", "--text", "p"][..], options].concat()).refused(2, &[why]);
    }
}

#[test]
fn a_message_is_taken_back_once_and_by_its_own_agent() {
    let site = Site::new();
    let (a, b) = two(&site);
    let published = a.ask(&["publish", "t", "--text", "p"]);
    let message = published["version"].as_str().unwrap();
    b.run(&["cancel", message]).refused(2, &["not one that this node sent", "hint"]);
    let told = a.ask(&["cancel", message]);
    assert_eq!(told["version"], published["version"]);
    assert!(told["taken_back_by"].is_string());
    a.run(&["cancel", message]).refused(1, &["taken back before"]);
    a.run(&["cancel", "nonsense"]).refused(2, &["is no message", "gossip publish"]);
}

#[test]
fn an_agent_that_takes_some_topics_shows_nothing_of_others() {
    let site = Site::new();
    let a = site.start("a", &[]);
    site.file("gossip.toml", "preset = \"local\"\n[broadcast]\ntopics = [\"wanted\"]\n");
    let b = site.start("b", &["--join", a.addr()]);
    for agent in [&a, &b] {
        agent.wait_for_alive(&["a", "b"]);
    }
    let reader = b.stream(&["subscribe"]);
    reader.next("the start", |line| line["event"] == "start");
    for topic in ["other", "wanted", "other", "wanted"] {
        a.run(&["publish", topic, "--text", "p", "--ordered"]).ok();
    }
    for _ in 0..2 {
        assert_eq!(reader.next("a message", |line| line["event"] == "message")["topic"], "wanted");
    }
}
