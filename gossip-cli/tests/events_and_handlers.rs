//! What an agent tells of what happens: to readers, and to handlers that it runs.

mod support;

use std::fs::File;
use std::io::Write as _;

use support::{Agent, Site};

#[test]
fn a_stream_of_one_kind_shows_nothing_else() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let reader = agent.stream(&["events", "--only", "message", "--count", "1"]);
    reader.next("the start", |line| line["event"] == "start");
    agent.run(&["set", "k", "v"]).ok();
    agent.run(&["publish", "t", "--text", "p"]).ok();
    assert_eq!(reader.next("an event", |_| true)["event"], "message");
}

#[test]
fn an_unknown_kind_is_refused() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    agent.run(&["events", "--only", "membr"]).refused(2, &["membr", "member"]);
}

#[test]
fn a_handler_runs_on_events_of_its_kind_and_can_ask_its_agent() {
    let site = Site::new();
    let command = format!("message='{}' set seen -", env!("CARGO_BIN_EXE_gossip"));
    let agent = site.start("a", &["--on-event", &command]);
    agent.run(&["publish", "t", "--text", "hello"]).ok();
    let seen = agent.wait("the handler's key", |agent| {
        let ended = agent.run(&["get", "seen"]);
        (ended.code == 0).then_some(ended.stdout)
    });
    let event: serde_json::Value = serde_json::from_str(&seen).unwrap();
    assert_eq!((&event["event"], &event["payload"]), (&"message".into(), &"hello".into()));
    agent.poll("the handler counted", |agent| (agent.ask(&["info"])["on_event"]["succeeded"] == 1).then_some(()));
}

#[test]
fn a_handler_finds_its_event_and_its_agent() {
    let site = Site::new();
    let command = format!("message=(cat; echo $GOSSIP_EVENT $GOSSIP_NAME $GOSSIP_SOCKET) > '{}'", site.arg("out"));
    let agent = site.start("a", &["--on-event", &command]);
    agent.run(&["publish", "t", "--text", "hello"]).ok();
    agent.poll("the handler counted", |agent| (agent.ask(&["info"])["on_event"]["succeeded"] == 1).then_some(()));
    let out = std::fs::read_to_string(site.path("out")).unwrap();
    let (event, context) = out.split_once('\n').unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(event).unwrap()["payload"], "hello");
    assert_eq!(context, format!("message a {}\n", site.arg("a.sock")));
}

#[test]
fn a_handler_need_not_read_its_event() {
    let site = Site::new();
    let agent = site.start("a", &["--on-event", "message=exec <&-"]);
    agent.run(&["publish", "t", "--text", &"x".repeat(1000)]).ok();
    agent.poll("the handler counted", |agent| (agent.ask(&["info"])["on_event"]["succeeded"] == 1).then_some(()));
}

#[test]
fn a_handler_that_takes_too_long_is_killed_with_all_that_it_started() {
    let site = Site::new();
    let pipe = site.path("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    let command = format!("message=exec > '{}'; echo begun; sleep 1000 & sleep 1000", pipe.display());
    let table = format!("[agent]\non_event = [\"{command}\"]\non_event_seconds = 1\n");
    site.file("gossip.toml", format!("preset = \"local\"\n{table}"));
    let agent = site.start("a", &[]);
    agent.run(&["publish", "t", "--text", "p"]).ok();
    // The pipe ends when nobody is left who could write to it.
    assert_eq!(std::fs::read_to_string(&pipe).unwrap(), "begun\n");
    agent.poll("the kill counted", |agent| (agent.ask(&["info"])["on_event"]["timed_out"] == 1).then_some(()));
}

#[test]
fn a_handler_that_fails_is_counted_and_logged() {
    let site = Site::new();
    let agent = site.start("a", &["--on-event", "message=exit 7"]);
    agent.run(&["publish", "t", "--text", "hello"]).ok();
    agent.poll("the failure counted", |agent| (agent.ask(&["info"])["on_event"]["failed"] == 1).then_some(()));
    assert!(agent.log().contains("exit 7"), "{}", agent.log());
}

#[test]
fn an_agent_that_leaves_tells_its_handler_before_it_ends() {
    let site = Site::new();
    let command = format!("left=cat > '{}'", site.arg("left.json"));
    let mut agent = site.start("a", &["--on-event", &command]);
    agent.signal(rustix::process::Signal::TERM);
    assert_eq!(agent.ended(), 0);
    assert_eq!(std::fs::read_to_string(site.path("left.json")).unwrap(), "{\"event\":\"left\"}\n");
}

#[test]
fn a_handler_of_an_unknown_kind_is_refused_at_the_start() {
    let site = Site::new();
    site.agent_that_fails("a", &["--on-event", "membr=true"]).refused(2, &["--on-event", "membr", "hint"]);
}

#[test]
fn handlers_that_are_too_slow_cost_events_and_nothing_else() {
    let site = Site::new();
    let pipe = site.path("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    // Each run waits until somebody writes to the pipe.
    let command = format!("message=read x < '{}'", pipe.display());
    let limits = "on_event_at_once = 2\non_event_waiting = 3\n";
    site.file("gossip.toml", format!("preset = \"local\"\n[agent]\non_event = [\"{command}\"]\n{limits}"));
    let agent = site.start("a", &[]);
    for _ in 0..9 {
        agent.run(&["publish", "t", "--text", "p"]).ok();
    }
    let counted = |agent: &Agent| agent.ask(&["info"])["on_event"].clone();
    agent.poll("the rest dropped", |agent| (counted(agent)["dropped"] == 4).then_some(()));
    let now = counted(&agent);
    assert_eq!((&now["running"], &now["waiting"]), (&2.into(), &3.into()));
    assert!(agent.log().contains("too slow"), "{}", agent.log());
    // Opened for both, so that it neither waits for a reader nor lets one see an end.
    let mut gate = File::options().read(true).write(true).open(&pipe).unwrap();
    gate.write_all(b"\n\n\n\n\n").unwrap();
    agent.poll("all that waited run", |agent| (counted(agent)["succeeded"] == 5).then_some(()));
}

#[test]
fn of_two_agents_of_one_name_the_later_goes_on_and_the_other_says_why_it_ends() {
    let site = Site::new();
    let contact = site.start("contact", &[]);
    let mut first = site.start("twin", &["--join", contact.addr()]);
    contact.wait_for_alive(&["twin"]);
    let (told, own) = (contact.stream(&["events", "--only", "namesake"]), first.stream(&["events"]));
    told.next("the start", |line| line["event"] == "start");
    own.next("the start", |line| line["event"] == "start");

    let mut args = site.agent_args("second", &["--join", contact.addr()]);
    let name = args.iter().position(|arg| arg == "--name").unwrap();
    args[name + 1] = "twin".into();
    let second = Agent::spawn_by(&site, "second", &["env"], &args);
    for reader in [&own, &told] {
        let event = reader.next("a namesake", |line| line["event"] == "namesake");
        assert_eq!((&event["id"], &event["addr"]), (&second.ready["id"], &second.addr().into()));
        assert_eq!((&event["loser_addr"], &event["generation"]), (&first.addr().into(), &second.generation().into()));
    }
    assert_eq!(first.ended(), 5);
    let log = first.log();
    assert!(log.contains("bears this one's name") && log.contains(second.addr()), "{log}");
    assert_eq!(contact.sees("twin").unwrap()["addr"], second.addr());
    second.wait_for_alive(&["contact", "twin"]);
}
