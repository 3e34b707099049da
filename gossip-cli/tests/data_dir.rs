//! What survives a process, and what happens when it was damaged.

mod support;

use std::fs;

use serde_json::Value;
use support::{Agent, Site};

fn start(site: &Site) -> Agent {
    site.start("a", &["--data-dir", &site.arg("data")])
}

#[test]
fn own_keys_and_a_higher_generation_survive_a_kill() {
    let site = Site::new();
    let agent = start(&site);
    let before = agent.generation();
    agent.run(&["set", "--own", "port", "8080"]).ok();
    agent.kill();
    let agent = start(&site);
    assert!(agent.generation() > before);
    assert_eq!(agent.run(&["get", "@a/port"]).ok().stdout, "8080\n");
    agent.run(&["set", "--own", "port", "8081"]).ok();
    assert_eq!(agent.run(&["get", "@a/port"]).ok().stdout, "8081\n");
}

#[test]
fn the_member_list_survives_so_that_no_contact_is_needed_again() {
    let site = Site::new();
    let (a, b) = (start(&site), site.start("b", &[]));
    a.ask(&["join", b.addr()]);
    a.wait_for_alive(&["b"]);
    b.wait_for_alive(&["a"]);
    a.signal(rustix::process::Signal::TERM);
    let mut a = a;
    assert_eq!(a.ended(), 0);
    let again = start(&site);
    again.wait_for_alive(&["a", "b"]);
    b.wait("a back", |agent| (agent.sees("a")?["generation"] == again.generation()).then_some(()));
}

#[test]
fn a_second_agent_in_one_folder_is_refused() {
    let site = Site::new();
    let _agent = start(&site);
    site.agent_that_fails("b", &["--data-dir", &site.arg("data")]).refused(1, &["another agent", "data", "hint"]);
}

#[test]
fn another_name_in_one_folder_is_refused() {
    let site = Site::new();
    start(&site).kill();
    site.agent_that_fails("b", &["--data-dir", &site.arg("data")]).refused(2, &["belongs to `a`", "hint"]);
}

#[test]
fn every_damage_is_refused_by_file_and_repairs_nothing_silently() {
    let site = Site::new();
    let agent = start(&site);
    agent.run(&["set", "--own", "port", "8080"]).ok();
    agent.kill();
    for name in ["identity.json", "state.bin"] {
        let file = site.path("data").join(name);
        let good = fs::read(&file).unwrap();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        for bad in [Vec::new(), good[..good.len() / 2].to_vec(), flipped, b"garbage".to_vec()] {
            fs::write(&file, &bad).unwrap();
            let ended = site.agent_that_fails("a", &["--data-dir", &site.arg("data")]);
            ended.refused(1, &[&file.display().to_string(), "damaged", "hint"]);
            assert_eq!(fs::read(&file).unwrap(), bad, "the evidence was changed");
        }
        fs::write(&file, &good).unwrap();
    }
    assert_eq!(start(&site).run(&["get", "@a/port"]).ok().stdout, "8080\n");
}

#[test]
fn a_folder_that_cannot_be_one_is_refused() {
    let site = Site::new();
    let file = site.file("file", "");
    site.agent_that_fails("a", &["--data-dir", &file]).refused(1, &[&file, "hint"]);
}

#[test]
fn info_tells_what_the_disk_holds_and_has_done() {
    let site = Site::new();
    let agent = site.start("a", &["--data-dir", &site.arg("data")]);
    agent.run(&["set", "k", "v"]).ok();
    let disk = agent.ask(&["info"])["disk"].clone();
    assert!(disk["bytes"].as_u64().unwrap() > 0 && disk["commits"].as_u64().unwrap() >= 1, "{disk}");
    assert_eq!(
        (&disk["writes_waiting"], &disk["refusing"], &disk["last_error"]),
        (&0.into(), &false.into(), &Value::Null)
    );
    agent.poll("a snapshot", |agent| agent.ask(&["info"])["disk"]["snapshots"].as_u64().filter(|count| *count > 0));
    assert!(site.start("b", &[]).ask(&["info"])["disk"].is_null());
}
