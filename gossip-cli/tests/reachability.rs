//! Members asked in all directions who gets through to whom.

mod support;

use serde_json::{Value, json};
use support::relay::Relay;
use support::{Agent, Site};

/// What an agent finds out, and the exit code.
fn found(agent: &Agent, timeout: &str) -> (Value, i32) {
    let ended = agent.run(&["--json", "reachability", "--timeout", timeout]);
    (ended.json(), ended.code)
}

#[test]
fn members_that_all_hear_each_other_are_said_to() {
    let site = Site::new();
    let first = site.start("a", &[]);
    let others = ["b", "c", "d"].map(|name| site.start(name, &["--join", first.addr()]));
    let names = ["a", "b", "c", "d"];
    [&first].into_iter().chain(&others).for_each(|agent| agent.wait_for_alive(&names));
    let (answer, code) = found(&others[0], "20s");
    assert_eq!((code, &answer["reachable"], &answer["working"]), (0, &true.into(), &12.into()), "{answer}");
    assert_eq!((&answer["asked"], &answer["answered"], &answer["sampled"]), (&4.into(), &4.into(), &false.into()));
    let text = first.run(&["reachability"]).ok().stdout;
    assert_eq!(text, "everybody is reachable: asked 4, answered 4, working links 12\n");
}

#[test]
fn a_killed_agent_is_named_as_unreachable_before_and_after_it_is_held_down() {
    let site = Site::new();
    let first = site.start("a", &[]);
    let [second, third] = ["b", "c"].map(|name| site.start(name, &["--join", first.addr()]));
    [&first, &second].iter().for_each(|agent| agent.wait_for_alive(&["a", "b", "c"]));
    third.kill();
    let (answer, code) = found(&first, "2s");
    let named = [&answer["unheard"], &answer["down"]].iter().filter(|list| ***list == json!(["c"])).count();
    assert_eq!((code, named, &answer["answered"]), (1, 1, &2.into()), "{answer}");
    first.wait("c down", |agent| (agent.status_of("c").as_deref() == Some("down")).then_some(()));
    let (answer, code) = found(&first, "2s");
    assert_eq!((code, &answer["down"], &answer["unheard"]), (1, &json!(["c"]), &json!([])), "{answer}");
    let ended = first.run(&["reachability", "--timeout", "2s"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stdout.contains("unreachable: it is held down"), "{}", ended.stdout);
    assert!(ended.stderr.contains("not everybody") && ended.stderr.contains("force-leave"), "{}", ended.stderr);
}

#[test]
fn a_link_that_carries_in_one_direction_is_named_with_its_direction_wherever_it_is_asked() {
    let site = Site::new();
    let relay = Relay::new(3);
    let agents = relay.start(&site, &["a", "b", "c"]);
    agents.iter().for_each(|agent| agent.wait_for_alive(&["a", "b", "c"]));
    relay.cut(0, 1);
    // Of one that is not behind the link, of one that cannot hear, and of one that is not heard.
    for agent in [&agents[2], &agents[1], &agents[0]] {
        let (answer, code) = found(agent, "5s");
        let expected = json!([{ "from": "a", "to": "b", "back": true }]);
        assert_eq!(
            (code, &answer["broken"], &answer["answered"]),
            (1, &expected, &3.into()),
            "{}: {answer}",
            agent.name
        );
    }
}

#[test]
fn a_wrong_time_and_missing_lanes_are_refused() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    agent.run(&["reachability", "--timeout", "2h"]).refused(2, &["100 ms and 60 s"]);
    site.file("gossip.toml", "preset = \"local\"\n[direct]\nenabled = false\n");
    let deaf = site.start("b", &[]);
    deaf.run(&["reachability"]).refused(1, &["direct.enabled"]);
    assert_eq!(
        agent.run(&["reachability"]).ok().stdout,
        "everybody is reachable: asked 1, answered 1, working links 0\n"
    );
}
