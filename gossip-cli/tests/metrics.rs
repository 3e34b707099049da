//! `/metrics`, read by a parser of the format.

mod support;

use std::collections::BTreeMap;

use prometheus_parse::{Sample, Scrape, Value};
use support::{Agent, Site};

fn scrape(agent: &Agent) -> (String, Vec<Sample>) {
    let answer = agent.http_get("/metrics");
    assert_eq!((answer.status, answer.kind.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    let samples = Scrape::parse(answer.body.lines().map(|line| Ok(line.to_string()))).unwrap().samples;
    (answer.body, samples)
}

fn value(samples: &[Sample], name: &str, label: Option<(&str, &str)>) -> f64 {
    let fits = |sample: &&Sample| {
        sample.metric == name && label.is_none_or(|(label, text)| sample.labels.get(label) == Some(text))
    };
    match samples.iter().find(fits).unwrap_or_else(|| panic!("no {name} {label:?}")).value {
        Value::Counter(value) | Value::Gauge(value) => value,
        ref other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn every_line_is_a_sample_with_help_and_type_by_the_conventions() {
    let site = Site::new();
    let agent = site.start("a", &["--http", "127.0.0.1:0"]);
    let (text, samples) = scrape(&agent);
    assert_eq!(samples.len(), text.lines().filter(|line| !line.starts_with('#')).count(), "the parser skipped lines");
    let mut kinds = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert_eq!(kinds.insert(name, kind), None, "{name} has two types");
        assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
    }
    for sample in &samples {
        let name = sample.metric.as_str();
        assert!(name.starts_with("gossip_"), "{name}");
        let kind = kinds.get(name).unwrap_or_else(|| panic!("{name} has no type"));
        assert_eq!(*kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
        for (label, _) in sample.labels.iter() {
            assert!(["reason", "result", "status", "version"].contains(&label.as_str()), "{name} has {label}");
        }
    }
}

#[test]
fn the_documentation_names_every_metric() {
    let site = Site::new();
    let agent = site.start("a", &["--http", "127.0.0.1:0"]);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/agent.md");
    let page = std::fs::read_to_string(page).unwrap();
    for sample in scrape(&agent).1 {
        let name = &sample.metric;
        assert!(page.contains(&format!("`{name}`")) || page.contains(&format!("`{name}{{")), "{name}");
    }
}

#[test]
fn every_counter_of_the_node_and_its_transport_is_there() {
    let site = Site::new();
    let agent = site.start("a", &["--http", "127.0.0.1:0"]);
    let (_, samples) = scrape(&agent);
    let info = agent.ask(&["info"]);
    let dropped = samples.iter().filter(|sample| sample.metric == "gossip_packets_dropped_total").count();
    let packets = ["checksum", "version", "malformed", "unknown_sender", "not_for_us"];
    assert_eq!(dropped, packets.len());
    for reason in packets {
        let field = format!("dropped_{reason}");
        let shown = info["stats"][&field].as_f64().unwrap();
        assert_eq!(value(&samples, "gossip_packets_dropped_total", Some(("reason", reason))), shown);
    }
    let own = ["gossip_handler", "gossip_http", "gossip_config", "gossip_query"];
    let of_the_node = |sample: &&Sample| {
        matches!(sample.value, Value::Counter(_)) && !own.iter().any(|prefix| sample.metric.starts_with(prefix))
    };
    let shown = ["stats", "transport"].map(|part| info[part].as_object().unwrap().len());
    assert_eq!(samples.iter().filter(of_the_node).count(), shown[0] + shown[1]);
}

#[test]
fn the_gauges_are_what_info_says() {
    let site = Site::new();
    let first = site.start("b", &[]);
    let agent = site.start("a", &["--http", "127.0.0.1:0", "--join", first.addr()]);
    agent.wait_for_alive(&["a", "b"]);
    agent.run(&["set", "k", "v"]).ok();
    agent.run(&["set", "gone", "v"]).ok();
    agent.run(&["delete", "gone"]).ok();
    agent.run(&["publish", "t", "--text", "p"]).ok();
    let (_, samples) = scrape(&agent);
    assert_eq!(value(&samples, "gossip_members", Some(("status", "alive"))), 2.0);
    assert_eq!(value(&samples, "gossip_members", Some(("status", "down"))), 0.0);
    assert_eq!(value(&samples, "gossip_kv_entries", None), 1.0);
    assert_eq!(value(&samples, "gossip_kv_tombstones", None), 1.0);
    // The published one, and one to three of the map's writes, which may go together.
    let kept = value(&samples, "gossip_broadcast_history_messages", None);
    assert!((2.0..=4.0).contains(&kept), "{kept}");
    assert!(value(&samples, "gossip_packets_sent_total", None) > 0.0);
    let started = value(&samples, "gossip_process_start_time_seconds", None);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - 600.0..=now).contains(&started), "{started}");
}
