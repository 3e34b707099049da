//! The demonstration and the simulator as commands.

mod support;

use support::{Site, gossip};

const TINY: &str = "name = \"tiny\"\nnodes = 3\nduration = \"20s\"\npreset = \"lan\"\n\
                    [network]\nlatency = { fixed = \"10ms\" }\n[join]\nvia = [\"n0\"]\nevery = \"10ms\"\n";

#[test]
fn a_small_demonstration_reaches_its_end_and_reports_every_phase() {
    let report = gossip(&["demo", "--nodes", "8", "--json"]).ok().json();
    assert_eq!((&report["ok"], &report["nodes"]), (&true.into(), &8.into()));
    let phases: Vec<&str> = report["phases"].as_array().unwrap().iter().map(|p| p["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["join", "import", "broadcast", "delete", "crash", "return"]);
    for phase in report["phases"].as_array().unwrap() {
        assert!(phase["seconds"].is_number() && phase["bytes"].as_u64().unwrap() > 0, "{phase}");
    }
}

#[test]
fn a_demonstration_takes_an_object_or_an_array() {
    let site = Site::new();
    let object: Vec<String> = (0..25).map(|i| format!("\"key-{i}\": {{\"n\": {i}}}")).collect();
    let object = site.file("object.json", format!("{{{}}}", object.join(",")));
    assert_eq!(gossip(&["demo", "--nodes", "5", "--data", &object, "--json"]).ok().json()["entries"], 25);
    let broken = site.file("broken.json", "[{\"name\": \"a\"},]");
    gossip(&["demo", "--data", &broken]).refused(2, &[&broken, "line 1"]);
    let few = site.file("few.json", "{\"a\": 1}");
    gossip(&["demo", "--data", &few]).refused(2, &["at least"]);
}

#[test]
fn a_scenario_runs_for_each_seed_and_repeats_byte_for_byte() {
    let site = Site::new();
    let file = site.file("tiny.toml", TINY);
    let run = || gossip(&["sim", "run", &file, "--seeds", "3..5", "--json"]).ok();
    let first = run();
    let seeds: Vec<u64> =
        first.json()["seeds"].as_array().unwrap().iter().map(|s| s["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds, [3, 4, 5]);
    assert_eq!(first.stdout, run().stdout);
    assert!(gossip(&["sim", "run", &file]).ok().stdout.contains("tiny"));
}

#[test]
fn a_setting_changes_the_scenario() {
    let site = Site::new();
    let file = site.file("tiny.toml", TINY);
    assert_eq!(gossip(&["sim", "run", &file, "--set", "nodes=5", "--json"]).ok().json()["nodes"], 5);
}

#[test]
fn a_bad_scenario_is_refused_by_file_line_and_key() {
    let site = Site::new();
    let file = site.file("bad.toml", TINY.replace("[join]", "los = 0.1\n[join]"));
    gossip(&["sim", "run", &file]).refused(2, &[&format!("{file}:7"), "los"]);
    let good = site.file("good.toml", TINY);
    gossip(&["sim", "run", &good, "--set", "network.latncy=5ms"]).refused(2, &["latncy"]);
    gossip(&["sim", "run", "no-such-scenario"]).refused(2, &["no-such-scenario", "gossip sim list"]);
    gossip(&["sim", "run", &site.arg("missing.toml")]).refused(2, &["missing.toml"]);
}

#[test]
fn what_is_built_in_is_listed() {
    let listed = gossip(&["sim", "list", "--json"]).ok().json();
    let names: Vec<&str> =
        listed["scenarios"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"join-256") && names.contains(&"crash-256"), "{names:?}");
    let text = gossip(&["sim", "list"]).ok().stdout;
    assert!(names.iter().all(|name| text.contains(name)), "{text}");
}
