//! Five agents as processes: they find each other, share a catalogue, and notice who died and who left.

mod support;

use rustix::process::Signal;
use support::{Agent, Site, catalogue, expected_export};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Five agents, joined through the first, that all hold each other alive.
fn five(site: &Site) -> Vec<Agent> {
    let mut agents = vec![site.start(NAMES[0], &[])];
    for name in &NAMES[1..] {
        let contact = agents[0].addr().to_string();
        agents.push(site.start(name, &["--join", &contact, "--data-dir", &site.arg(&format!("{name}.data"))]));
    }
    for agent in &agents {
        agent.wait_for_alive(&NAMES);
    }
    agents
}

#[test]
fn what_one_imports_another_exports() {
    let site = Site::new();
    let agents = five(&site);
    let file = catalogue();
    let expected = expected_export(&file);
    let path = file.display().to_string();
    let is_array = std::fs::read_to_string(&file).unwrap().trim_start().starts_with('[');
    let key: &[&str] = if is_array { &["--key", "name"] } else { &[] };
    let imported = agents[1].ask(&[&["import", &path], key].concat());
    assert_eq!(imported["imported"].as_u64().unwrap() as usize, expected.as_object().unwrap().len());

    let count = expected.as_object().unwrap().len();
    agents[4].wait("the whole catalogue", |agent| {
        (agent.ask(&["info"])["kv"]["entries"].as_u64() == Some(count as u64)).then_some(())
    });
    let export = agents[4].run(&["export"]).ok();
    assert!(export.json() == expected, "the export differs from what was imported");
    let keys: Vec<&str> =
        export.stdout.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next()).collect();
    assert!(keys.is_sorted() && keys.len() == count, "keys are not sorted line by line");
}

#[test]
fn a_killed_agent_is_down_everywhere_and_returns_under_a_new_generation() {
    let site = Site::new();
    let mut agents = five(&site);
    let victim = agents.pop().unwrap();
    let before = victim.generation();
    victim.kill();
    for agent in &agents {
        agent.wait("e down", |agent| (agent.status_of("e").as_deref() == Some("down")).then_some(()));
        let shown = agent.ask(&["members"]);
        assert!(!shown.to_string().contains("\"name\":\"e\""), "members without --all shows who is down");
    }

    let contact = agents[0].addr().to_string();
    let again = site.start("e", &["--join", &contact, "--data-dir", &site.arg("e.data")]);
    assert!(again.generation() > before);
    for agent in &agents {
        agent.wait("e back", |agent| {
            let member = agent.sees("e")?;
            (member["status"] == "alive" && member["generation"] == again.generation()).then_some(())
        });
    }
}

#[test]
fn an_agent_that_gets_sigterm_has_left_and_not_failed() {
    let site = Site::new();
    let mut agents = five(&site);
    let mut leaver = agents.pop().unwrap();
    let stories: Vec<_> = agents.iter().map(|agent| agent.stream(&["events"])).collect();
    for story in &stories {
        story.next("the stream's start", |line| line["event"] == "start");
    }
    leaver.signal(Signal::TERM);
    assert_eq!(leaver.ended(), 0);
    for (agent, story) in agents.iter().zip(&stories) {
        let end =
            story.next("e's end", |line| line["name"] == "e" && (line["change"] == "left" || line["change"] == "down"));
        assert_eq!(end["change"], "left", "{} saw a failure", agent.name);
        assert_eq!(agent.status_of("e").as_deref(), Some("left"));
    }
    assert!(!site.path("e.sock").exists(), "the socket is removed");
}

#[test]
fn tags_and_names_filter_the_members() {
    let site = Site::new();
    let first = site.start("web-1", &["--tag", "role=web", "--tag", "zone=süd"]);
    let contact = first.addr().to_string();
    let second = site.start("db-1", &["--join", &contact, "--tag", "role=db"]);
    first.wait_for_alive(&["web-1", "db-1"]);
    second.wait_for_alive(&["web-1", "db-1"]);
    let names = |args: &[&str]| -> Vec<String> {
        let answer = second.ask(&[&["members"], args].concat());
        answer["members"].as_array().unwrap().iter().map(|member| member["name"].as_str().unwrap().into()).collect()
    };
    assert_eq!(names(&[]), ["db-1", "web-1"]);
    assert_eq!(names(&["--tag", "role=web"]), ["web-1"]);
    assert_eq!(names(&["--tag", "role=web", "--tag", "zone=nord"]), [""; 0]);
    assert_eq!(names(&["--name", "db*"]), ["db-1"]);
    assert_eq!(names(&["--status", "down"]), [""; 0]);
    let row = second.sees("web-1").unwrap();
    assert_eq!((&row["tags"]["zone"], &row["addr"]), (&"süd".into(), &contact.as_str().into()));
    assert_eq!(row["id"].as_str().unwrap().len(), 32);
}

#[test]
fn an_agent_joins_and_leaves_on_command() {
    let site = Site::new();
    let first = site.start("a", &[]);
    let mut second = site.start("b", &[]);
    let joined = second.ask(&["join", first.addr()]);
    assert_eq!((&joined["joined"], &joined["contact"]), (&true.into(), &first.addr().into()));
    first.wait_for_alive(&["a", "b"]);
    assert_eq!(second.ask(&["leave"])["left"], true);
    assert_eq!(second.ended(), 0);
    first.wait("b left", |agent| (agent.status_of("b").as_deref() == Some("left")).then_some(()));
}

#[test]
fn agents_of_different_clusters_refuse_and_count_each_others_packets() {
    let site = Site::new();
    let first = site.start("a", &["--cluster", "one"]);
    let second = site.start("b", &["--cluster", "two", "--join", first.addr()]);
    let deadline = std::time::Instant::now() + support::PATIENCE;
    while first.ask(&["info"])["stats"]["dropped_checksum"] == 0 {
        assert!(std::time::Instant::now() < deadline, "no packet of the other cluster was counted");
    }
    assert_eq!(first.status_of("b"), None);
    assert_eq!(second.status_of("a"), None);
}

#[test]
fn each_agent_tells_how_far_the_others_are_the_nearest_first() {
    let site = Site::new();
    let agents = five(&site);
    let near = agents[0].poll("four measured round trips", |agent| {
        let answer = agent.ask(&["rtt"]);
        let rtts: Vec<f64> = answer["members"].as_array()?.iter().filter_map(|row| row["rtt_ms"].as_f64()).collect();
        (rtts.len() == 4).then_some(rtts)
    });
    assert!(near.is_sorted() && near.iter().all(|rtt| (0.0..1000.0).contains(rtt)), "{near:?}");
    let between = agents[0]
        .poll("an estimate between two others", |agent| agent.ask(&["rtt", "b", "c"])["members"][0]["rtt_ms"].as_f64());
    assert!((0.0..1000.0).contains(&between), "{between} ms over loopback");
    let shown = agents[0].run(&["rtt", "b"]).ok().stdout;
    assert!(shown.contains("FROM") && shown.contains(" ms"), "{shown}");
    agents[0].run(&["rtt", "nobody"]).refused(1, &["nobody", "gossip members"]);
}
