//! What scripts rely on: exit codes, JSON on request, help.

mod support;

use support::{Site, gossip};

#[test]
fn bad_usage_is_code_2() {
    for args in [&["nonsense"][..], &["get"], &["members", "--status", "dead"], &["sim", "run", "x", "--seeds", "9..1"]]
    {
        assert_eq!(gossip(args).code, 2, "{args:?}");
    }
}

#[test]
fn without_an_agent_every_client_command_is_code_3_with_a_hint() {
    let site = Site::new();
    let (socket, file) = (site.arg("none.sock"), site.file("f.json", "{}"));
    for args in [
        &["members"][..],
        &["info"],
        &["join", "127.0.0.1:1"],
        &["leave"],
        &["force-leave", "a"],
        &["set", "k", "v"],
        &["get", "k"],
        &["delete", "k"],
        &["incr", "k", "-1"],
        &["add", "k", "e"],
        &["remove", "k", "e"],
        &["siblings", "k"],
        &["resolve", "k", "v"],
        &["list"],
        &["import", &file],
        &["export"],
        &["diff", "b"],
        &["publish", "t", "--text", "p"],
        &["subscribe"],
        &["reachability"],
        &["events"],
    ] {
        gossip(&[&["--socket", &socket], args].concat()).refused(3, &[&socket, "gossip agent"]);
    }
}

#[test]
fn errors_are_json_too_if_asked() {
    let site = Site::new();
    let ended = gossip(&["--json", "--socket", &site.arg("none.sock"), "info"]);
    let error: serde_json::Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(error["exit"], 3);
    assert!(error["error"].is_string() && error["hint"].is_string());
}

#[test]
fn bad_usage_is_json_too_if_asked() {
    let ended = gossip(&["--json", "members", "--status", "dead"]);
    let error: serde_json::Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!((ended.code, &error["exit"]), (2, &2.into()));
    assert!(error["error"].as_str().unwrap().contains("dead"), "{error}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let ended = support::gossip_without_reader(&["config", "default"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}

#[test]
fn the_template_is_printed_as_text_and_the_default_as_json() {
    assert!(gossip(&["config", "default"]).ok().stdout.contains("# probe_interval = \"1s\""));
    assert_eq!(gossip(&["config", "default", "--json"]).ok().json()["membership"]["probe_interval"], "1s");
}

#[test]
fn an_agent_runs_with_the_template_as_its_configuration() {
    let site = Site::new();
    site.file("gossip.toml", gossip(&["config", "default"]).ok().stdout);
    let agent = site.start("a", &[]);
    assert_eq!(agent.ask(&["info"])["name"], "a");
}

#[test]
fn without_a_name_the_agent_takes_the_host_and_a_suffix() {
    let site = Site::new();
    let name = |socket: &str| {
        let agent = site.start_unnamed(socket);
        agent.ready["name"].as_str().unwrap().to_string()
    };
    let (first, second) = (name("one"), name("two"));
    assert_ne!(first, second);
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().split('.').next().unwrap_or_default().to_string();
    assert!(first.starts_with(&host) || first.starts_with("node"), "{first} on {host}");
}
