//! `max_bytes_per_second`: where not all can be sent, what detection waits for goes first.

mod cluster;

use std::time::Duration;

use cluster::Cluster;
use gossip_core::{Config, Event, MemberChange};

/// Eight members with the smallest budget, whose metadata changes faster than that budget can carry.
fn overloaded(seconds: u64) -> Cluster {
    let mut cluster = Cluster::joined(8, &Config { max_bytes_per_second: 1000, ..Config::lan() });
    cluster.run(5);
    cluster.events.clear();
    for round in 0..5 * seconds {
        for at in 1..=8 {
            let now = cluster.now;
            cluster.node(at).set_metadata(now, &[round as u8; 512]).unwrap();
        }
        cluster.run_for(Duration::from_millis(200));
    }
    cluster
}

#[test]
fn members_with_too_small_a_budget_still_answer_pings() {
    let cluster = overloaded(60);
    for (at, node) in &cluster.nodes {
        let stats = node.stats();
        assert!(stats.pauses > 0, "{at} had enough");
        assert_eq!((stats.verdicts, node.members().live()), (0, 8), "at {at}");
    }
    let down =
        |event: &Event<u64>| matches!(event, Event::Members(of) if of.iter().any(|of| of.change == MemberChange::Down));
    assert!(!cluster.events.values().flatten().any(down));
    let suspicions: u64 = cluster.nodes.values().map(|node| node.stats().suspicions).sum();
    println!("{suspicions} suspicions");
    assert_eq!(suspicions, 0);
}

#[test]
fn a_crash_is_noticed_over_too_small_a_budget() {
    let mut cluster = overloaded(10);
    cluster.crash(8);
    cluster.until(20, "all hold the crashed member down", |cluster| {
        cluster.nodes.values().all(|node| node.members().live() == 7)
    });
}
