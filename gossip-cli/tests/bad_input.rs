//! Whatever is wrong with the input: a clear error, the right exit code, and nothing has happened.

mod support;

use std::net::UdpSocket;
use std::time::Instant;

use support::{Site, gossip};

#[test]
fn an_unknown_configuration_key_is_refused_by_file_line_and_key() {
    let site = Site::new();
    let file = site.file("bad.toml", "cluster = \"x\"\n\n[membership]\nprobe_intervall = \"1s\"\n");
    let ended = gossip(&["agent", "--config", &file, "--bind", "127.0.0.1:0", "--socket", &site.arg("s")]);
    ended.refused(2, &[&format!("{file}:4"), "membership.probe_intervall", "did you mean", "hint"]);
}

#[test]
fn a_configuration_that_no_node_can_run_with_is_refused() {
    let site = Site::new();
    let file = site.file("bad.toml", "[transport]\ndatagram_mtu = 100\n");
    gossip(&["agent", "--config", &file, "--socket", &site.arg("s")])
        .refused(2, &[&format!("{file}:2"), "transport.datagram_mtu"]);
    gossip(&["agent", "--cluster", &"x".repeat(65), "--socket", &site.arg("s")]).refused(2, &["--cluster", "64"]);
}

#[test]
fn a_port_in_use_is_refused_by_address() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let ended = site.agent_that_fails("b", &["--bind", agent.addr()]);
    ended.refused(1, &[agent.addr(), "hint"]);
    assert!(!site.path("b.sock").exists());
}

#[test]
fn a_contact_that_cannot_be_resolved_is_refused_by_name() {
    let site = Site::new();
    site.agent_that_fails("a", &["--join", "no-such-host.invalid:7946"]).refused(2, &["no-such-host.invalid", "hint"]);
    let agent = site.start("b", &[]);
    agent.run(&["join", "no-such-host.invalid"]).refused(2, &["no-such-host.invalid"]);
}

#[test]
fn a_join_that_nobody_answers_fails() {
    let site = Site::new();
    site.file("gossip.toml", "preset = \"local\"\n[membership]\njoin_timeout = \"500ms\"\n");
    let agent = site.start("a", &[]);
    // Bound, so that nobody else gets the port, and silent.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let contact = silent.local_addr().unwrap().to_string();
    agent.run(&["join", &contact]).refused(1, &[&contact, "hint"]);
}

#[test]
fn an_unspecified_address_needs_to_know_what_to_advertise() {
    let site = Site::new();
    site.agent_that_fails("a", &["--bind", "0.0.0.0:0"]).refused(2, &["0.0.0.0", "--advertise"]);
    let agent = site.start("b", &["--bind", "0.0.0.0:0", "--advertise", "127.0.0.1"]);
    assert!(agent.addr().starts_with("127.0.0.1:") && !agent.addr().ends_with(":0"), "{}", agent.addr());
    assert!(agent.log().contains("not sealed"), "{}", agent.log());
    let other = site.start("c", &["--bind", "0.0.0.0:0", "--join", agent.addr()]);
    assert!(other.addr().starts_with("127.0.0.1:"), "{}", other.addr());
}

#[test]
fn a_value_of_70_kilobytes_is_refused_with_the_limit() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let ended = agent.run(&["set", "big", &"x".repeat(70_000)]);
    ended.refused(2, &["big", "at most", "hint"]);
    agent.run(&["get", "big"]).refused(1, &["big"]);
}

#[test]
fn invalid_json_imports_nothing_and_is_refused_by_line_and_column() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let file = site.file("bad.json", "{\n  \"good\": 1,\n  \"bad\": oops\n}\n");
    agent.run(&["import", &file]).refused(2, &[&file, "line 3, column 10", "nothing was imported"]);
    assert_eq!(agent.ask(&["list"])["entries"], serde_json::json!([]));
}

#[test]
fn an_import_with_one_wrong_entry_imports_nothing() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let big = site.file("big.json", format!("{{\"a\": 1, \"big\": \"{}\", \"z\": 2}}", "x".repeat(70_000)));
    agent.run(&["import", &big]).refused(2, &["big", "nothing was imported"]);
    let reserved = site.file("reserved.json", "{\"a\": 1, \"@b/c\": 2}");
    agent.run(&["import", &reserved]).refused(2, &["@b/c", "nothing was imported"]);
    let keyless = site.file("keyless.json", "[{\"name\": \"a\"}, {\"nam\": \"b\"}]");
    agent.run(&["import", &keyless, "--key", "name"]).refused(2, &["column 17", "`name`"]);
    agent.run(&["import", &keyless]).refused(2, &["--key"]);
    agent.run(&["import", &site.arg("missing.json")]).refused(2, &["missing.json"]);
    assert_eq!(agent.ask(&["list"])["entries"], serde_json::json!([]));
}

#[test]
fn random_bytes_are_dropped_and_counted() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut noise = 0x9e37_79b9_u32;
    for length in 0..100 {
        let bytes: Vec<u8> = (0..length * 5)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            })
            .collect();
        socket.send_to(&bytes, agent.addr()).unwrap();
    }
    let deadline = Instant::now() + support::PATIENCE;
    loop {
        let stats = agent.ask(&["info"])["stats"].clone();
        let dropped = ["dropped_checksum", "dropped_version", "dropped_malformed"].iter();
        if dropped.map(|name| stats[*name].as_u64().unwrap()).sum::<u64>() == 100 {
            break;
        }
        assert!(Instant::now() < deadline, "{stats}");
    }
    agent.run(&["set", "still", "alive"]).ok();
}

#[test]
fn keys_and_messages_that_cannot_be_are_refused() {
    let site = Site::new();
    let agent = site.start("a", &[]);
    agent.run(&["set", &"k".repeat(256), "v"]).refused(2, &["255"]);
    agent.run(&["set", "@nobody", "v"]).refused(2, &["@NAME/KEY"]);
    agent.run(&["get", "missing"]).refused(1, &["missing"]);
    agent.run(&["publish", &"t".repeat(256), "--text", "p"]).refused(2, &["at most"]);
    agent.run(&["publish", "t", "--ordered", "--text", &"p".repeat(70_000)]).refused(2, &["at most", "datagram"]);
}

#[test]
fn names_and_tags_that_cannot_be_are_refused() {
    let site = Site::new();
    let agent = |args: &[&str]| gossip(&[&["agent", "--socket", &site.arg("s")], args].concat());
    agent(&["--name", "a/b"]).refused(2, &["a/b", "hint"]);
    agent(&["--tag", "role"]).refused(2, &["role", "KEY=VALUE"]);
    agent(&["--tag", &format!("k={}", "v".repeat(600))]).refused(2, &["512", "hint"]);
    agent(&["--bind", "nowhere"]).refused(2, &["--bind nowhere"]);
}

#[test]
fn a_second_agent_at_one_socket_is_refused() {
    let site = Site::new();
    let _agent = site.start("a", &[]);
    site.agent_that_fails("a", &[]).refused(1, &["another agent", "hint"]);
}
