//! What an operator does about members that are down: see why, and say that they will not come back.

mod support;

use support::{Agent, Site};

/// Agents of these names that all hold each other alive.
fn joined(site: &Site, names: &[&str]) -> Vec<Agent> {
    let mut agents = vec![site.start(names[0], &[])];
    for name in &names[1..] {
        let contact = agents[0].addr().to_string();
        agents.push(site.start(name, &["--join", &contact]));
    }
    agents.iter().for_each(|agent| agent.wait_for_alive(names));
    agents
}

#[test]
fn a_member_that_is_down_tells_who_accused_it_who_confirmed_and_when() {
    let site = Site::new();
    let mut agents = joined(&site, &["a", "b", "c", "d"]);
    agents.pop().unwrap().kill();
    for agent in &agents {
        agent.wait("d down", |agent| (agent.status_of("d").as_deref() == Some("down")).then_some(()));
    }
    let reasons: Vec<_> = agents.iter().map(|agent| agent.ask(&["members", "--why", "d"])["members"].clone()).collect();
    for reason in &reasons {
        assert_eq!(reason.as_array().unwrap().len(), 1);
        let why = &reason[0]["why"];
        assert!(["a", "b", "c"].contains(&why["verdict"]["by"]["name"].as_str().unwrap()), "{why}");
        assert!(why["down_ms"].as_u64().is_some_and(|ms| ms < 60_000), "{why}");
    }
    let decided = agents
        .iter()
        .zip(&reasons)
        .find(|(agent, reason)| reason[0]["why"]["verdict"]["by"]["name"] == agent.name.as_str());
    let (decider, reason) = decided.expect("somebody decided");
    assert_eq!(reason[0]["why"]["verdict"]["confirmed"].as_array().unwrap().len(), 3, "{reason}");
    let text = decider.run(&["members", "--why", "d"]).ok().stdout;
    let wanted = ["held down", " ago, by ", "accused by ", "no answer to "];
    assert!(wanted.iter().all(|words| text.contains(words)), "{text}");
}

#[test]
fn a_live_member_is_said_to_be_heard_and_an_unknown_one_is_refused() {
    let site = Site::new();
    let agents = joined(&site, &["a", "b"]);
    agents[0].poll("b measured", |agent| {
        let why = &agent.ask(&["members", "--why", "b"])["members"][0]["why"];
        (why["verdict"].is_null() && why["pinged_ms"].is_u64() && why["round_trip_us"].is_u64()).then_some(())
    });
    let text = agents[0].run(&["members", "--why"]).ok().stdout;
    assert!(
        text.contains("this agent") && text.contains("its last ping ") && text.contains("answers within"),
        "{text}"
    );
    agents[0].run(&["members", "--why", "nobody"]).refused(1, &["nobody", "hint", "--all"]);
}

#[test]
fn a_member_that_is_down_is_made_to_leave_everywhere_and_a_live_one_is_not() {
    let site = Site::new();
    let mut agents = joined(&site, &["a", "b", "c"]);
    agents[0].run(&["force-leave", "b"]).refused(1, &["not down", "hint", "gossip leave"]);
    agents[0].run(&["force-leave", "a"]).refused(1, &["this agent", "gossip leave"]);
    agents[0].run(&["force-leave", "nobody"]).refused(1, &["nobody", "hint"]);
    agents.pop().unwrap().kill();
    agents[0].wait("c down", |agent| (agent.status_of("c").as_deref() == Some("down")).then_some(()));
    let answer = agents[0].ask(&["force-leave", "c"]);
    assert_eq!((&answer["name"], &answer["left"]), (&"c".into(), &true.into()));
    for agent in &agents {
        agent.wait("c left", |agent| (agent.status_of("c").as_deref() == Some("left")).then_some(()));
    }
    let text = agents[0].run(&["members", "--why", "c"]).ok().stdout;
    assert!(text.contains("marked as left; before, held down"), "{text}");
    let id = answer["id"].as_str().unwrap();
    assert_eq!(agents[1].run(&["force-leave", id]).ok().stdout, "c is marked as left\n");
}
