//! `query` and the handlers that answer it.

mod support;

use serde_json::Value;
use support::{Agent, Ended, Site};

/// The lines that a query prints.
fn lines(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The answers by member, and the last line.
fn query(agent: &Agent, args: &[&str]) -> (Vec<(String, Value)>, Value) {
    let ended = agent.run(&[&["--json", "query"], args].concat());
    let mut lines = lines(&ended);
    let end = lines.pop().unwrap_or_else(|| panic!("{ended:?}"));
    assert_eq!((&lines[0]["event"], &end["event"]), (&"start".into(), &"end".into()), "{ended:?}");
    let answers = lines.into_iter().filter(|line| line["event"] == "answer");
    let mut answers: Vec<_> = answers.map(|line| (line["from"].as_str().unwrap().to_string(), line)).collect();
    answers.sort_by(|a, b| a.0.cmp(&b.0));
    (answers, end)
}

fn three(site: &Site, more: [&[&str]; 3]) -> [Agent; 3] {
    let a = site.start("a", more[0]);
    let [b, c] =
        [("b", more[1]), ("c", more[2])].map(|(name, more)| site.start(name, &[&["--join", a.addr()], more].concat()));
    for agent in [&a, &b, &c] {
        agent.wait_for_alive(&["a", "b", "c"]);
    }
    [a, b, c]
}

#[test]
fn members_with_a_handler_answer_and_all_are_counted() {
    let site = Site::new();
    let handler: &[&str] = &["--on-query", "echo=echo $GOSSIP_NAME; cat"];
    let [a, _b, _c] = three(&site, [handler, handler, &[]]);
    let (answers, end) = query(&a, &["echo", "with\ndata"]);
    let said: Vec<_> = answers.iter().map(|(from, line)| (from.as_str(), line["data"].as_str().unwrap())).collect();
    assert_eq!(said, [("a", "a\nwith\ndata"), ("b", "b\nwith\ndata")]);
    let expected = serde_json::json!({
        "event": "end", "asked": 3, "acknowledged": 3, "answered": 2, "failed": 0, "no_handler": 1
    });
    assert_eq!(end, expected);
}

#[test]
fn answers_are_printed_with_their_members_and_the_counts_beside() {
    let site = Site::new();
    let agent = site.start("a", &["--on-query", "echo=cat"]);
    let ended = agent.run_with_input(&["query", "echo", "-"], "one\ntwo\n").ok();
    assert_eq!(ended.stdout, "a: one\na: two\n");
    assert!(ended.stderr.contains("asked 1, acknowledged 1, answered 1"), "{}", ended.stderr);
}

#[test]
fn only_members_with_the_tags_are_asked() {
    let site = Site::new();
    let handler = ["--on-query", "who=echo $GOSSIP_NAME"];
    let web = [&handler[..], &["--tag", "role=web"]].concat();
    let [a, _b, _c] = three(&site, [&handler, &web, &handler]);
    a.wait("the tag", |agent| (agent.sees("b")?["tags"]["role"] == "web").then_some(()));
    let (answers, end) = query(&a, &["who", "--tag", "role=web"]);
    assert_eq!((answers.len(), answers[0].0.as_str(), &end["asked"]), (1, "b", &1.into()));
    a.run(&["query", "who", "--tag", "role=none"]).refused(1, &["no answer: asked 0"]);
}

#[test]
fn a_handler_that_fails_or_says_too_much_is_answered_as_such() {
    let site = Site::new();
    let agent = site.start("a", &["--on-query", "bad=exit 7", "--on-query", "much=head -c 100000 /dev/zero"]);
    for (name, why) in [("bad", "the handler failed"), ("much", "the answer is longer than")] {
        let ended = agent.run(&["query", name]);
        ended.refused(1, &["warning: a: ", why, "no answer: asked 1, acknowledged 1, answered 0", "hint"]);
    }
    agent.run(&["query", "none"]).refused(1, &["no answer", "--on-query"]);
    let info = agent.ask(&["info"]);
    let ran = ["failed", "succeeded"].map(|how| info["on_query"][how].as_u64().unwrap());
    assert_eq!(ran.iter().sum::<u64>(), 2);
}

#[test]
fn a_handler_that_takes_too_long_is_killed_and_the_query_ends_in_time() {
    let site = Site::new();
    let agent = site.start("a", &["--on-query", "slow=sleep 1000"]);
    agent.run(&["query", "slow", "--timeout", "200ms"]).refused(1, &["asked 1, acknowledged 1, answered 0"]);
    agent.poll("the kill counted", |agent| (agent.ask(&["info"])["on_query"]["timed_out"] == 1).then_some(()));
}

#[test]
fn queries_are_no_messages_and_their_topic_is_refused() {
    let site = Site::new();
    let [a, b, _c] = three(&site, [&[], &[], &[]]);
    let reader = b.stream(&["subscribe"]);
    reader.next("the start", |line| line["event"] == "start");
    a.run(&["query", "x"]);
    a.run(&["publish", "@gossip/query", "--text", "x"]).refused(2, &["@gossip/", "hint"]);
    a.run(&["publish", "t", "--text", "p"]).ok();
    assert_eq!(reader.next("a message", |_| true)["topic"], "t");
}

#[test]
fn a_wrong_handler_or_question_is_refused() {
    let site = Site::new();
    for handler in ["uptime", "a b=x", "=x"] {
        site.agent_that_fails("a", &["--on-query", handler]).refused(2, &["--on-query", "hint"]);
    }
    let agent = site.start("a", &[]);
    agent.run(&["query", "a b"]).refused(2, &["a b", "hint"]);
    agent.run(&["query", "x", "--timeout", "2h"]).refused(2, &["1 h"]);
    agent.run(&["query", "x", &"y".repeat(70_000)]).refused(2, &["too large", "hint"]);
}

#[test]
fn a_reload_changes_who_answers() {
    let site = Site::new();
    let file =
        |handlers: &str| site.file("gossip.toml", format!("preset = \"local\"\n[agent]\non_query = [{handlers}]\n"));
    file("");
    let agent = site.start("a", &[]);
    agent.run(&["query", "x"]).refused(1, &["no answer"]);
    let events = agent.stream(&["events", "--only", "reload"]);
    events.next("the start", |line| line["event"] == "start");
    file("\"x=echo y\"");
    agent.signal(rustix::process::Signal::HUP);
    events.next("the reload", |line| line["event"] == "reload");
    assert_eq!(agent.run(&["query", "x"]).ok().stdout, "a: y\n");
}
