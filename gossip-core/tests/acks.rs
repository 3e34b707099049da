//! Who has acknowledged a write: all that were alive, soon, also on a network that loses; who cannot is named.

#![cfg(feature = "reports")]

mod cluster;

use std::time::Duration;

use cluster::{Cluster, id};
use gossip_core::kv::{KvError, Quorum, Scope, Version};
use gossip_core::{Config, Event, NodeId};

const SHARED: Scope = Scope::Shared;

/// Sets a shared key at node 1 and awaits its acknowledgements.
fn write(cluster: &mut Cluster, key: &str, quorum: Quorum) -> Version {
    let now = cluster.now;
    let mut kv = cluster.node(1).kv_mut(now);
    let version = kv.set(SHARED, key.as_bytes(), &[7; 100]).unwrap();
    kv.await_acks(version, quorum).unwrap();
    version
}

fn enough(cluster: &Cluster, version: Version) -> bool {
    cluster.nodes[&1].kv().acks(version).unwrap().is_enough()
}

fn missing(cluster: &Cluster, version: Version) -> Vec<NodeId> {
    cluster.nodes[&1].kv().acks(version).unwrap().missing().collect()
}

fn told(cluster: &Cluster, version: Version) -> usize {
    let events = cluster.events[&1].iter();
    events.filter(|event| **event == Event::Acknowledged(version)).count()
}

/// How long that takes, in milliseconds.
fn time_until_enough(cluster: &mut Cluster, version: Version) -> u128 {
    let start = cluster.now;
    cluster.until(20, "acknowledged", |cluster| enough(cluster, version));
    cluster.now.since(start).as_millis()
}

#[test]
fn all_acknowledge_in_one_round_trip_where_nothing_is_lost() {
    let mut cluster = Cluster::joined(5, &Config::local());
    let version = write(&mut cluster, "k", Quorum::All);
    assert_eq!(missing(&cluster, version).len(), 4);
    let took = time_until_enough(&mut cluster, version);
    assert!(took <= 12, "{took} ms at a latency of 5 ms");
    cluster.run(1);
    assert_eq!((missing(&cluster, version), told(&cluster, version)), (vec![], 1));
    // Each really has it.
    assert!((2..=5).all(|at| cluster.nodes[&at].kv().get(SHARED, b"k").is_some_and(|entry| entry.version == version)));
}

#[test]
fn a_tenth_lost_costs_a_retry_or_two() {
    let mut cluster = Cluster::joined(5, &Config::local());
    // A tenth, without a pattern that questions and answers could follow.
    cluster.lost = |packet| cluster::is_lost(packet, 100);
    let mut times: Vec<u128> = (0..100)
        .map(|number| {
            let version = write(&mut cluster, &format!("k{number}"), Quorum::All);
            let took = time_until_enough(&mut cluster, version);
            let now = cluster.now;
            cluster.node(1).kv_mut(now).forget_acks(version);
            took
        })
        .collect();
    times.sort_unstable();
    assert!(times[50] <= 40 && times[99] <= 400, "{times:?}");
}

#[test]
fn many_writes_at_a_time_are_acknowledged_together() {
    let mut cluster = Cluster::joined(5, &Config::lan());
    cluster.lost = |packet| packet % 7 == 0;
    let versions: Vec<Version> =
        (0..200).map(|number| write(&mut cluster, &format!("k{number}"), Quorum::All)).collect();
    let before = cluster.nodes[&1].stats().packets_sent;
    cluster.until(5, "all acknowledged", |cluster| versions.iter().all(|version| enough(cluster, *version)));
    let sent = cluster.nodes[&1].stats().packets_sent - before;
    assert!(sent < 4 * 200, "{sent} packets for 200 writes and four members");
    assert!(versions.iter().all(|version| told(&cluster, *version) == 1));
}

#[test]
fn who_fails_meanwhile_is_named_and_counts_again_when_it_is_back() {
    let mut cluster = Cluster::joined(5, &Config::local());
    cluster.cut = |a, b| (a == 4) != (b == 4);
    let (all, majority) = (write(&mut cluster, "all", Quorum::All), write(&mut cluster, "most", Quorum::Majority));
    cluster.run(10);
    assert!(cluster.status(4, 1).is_none_or(|status| !status.is_live()), "it is down");
    assert_eq!((enough(&cluster, all), missing(&cluster, all)), (false, vec![id(4)]));
    assert!(enough(&cluster, majority));
    cluster.cut = |_, _| false;
    cluster.until(20, "acknowledged", |cluster| enough(cluster, all));
    assert_eq!(told(&cluster, all), 1);
}

#[test]
fn who_joins_later_is_not_waited_for() {
    let mut cluster = Cluster::joined(3, &Config::local());
    cluster.cut = |a, b| (a == 3) != (b == 3);
    let version = write(&mut cluster, "k", Quorum::All);
    cluster.start(4, 1, Config::local());
    let now = cluster.now;
    cluster.node(4).join(now, 1).unwrap();
    cluster.run(5);
    assert!(cluster.nodes[&4].kv().get(SHARED, b"k").is_some());
    assert_eq!(missing(&cluster, version), [id(3)]);
}

#[test]
fn a_write_that_was_written_over_meanwhile_is_acknowledged_too() {
    let mut cluster = Cluster::joined(3, &Config::local());
    cluster.cut = |a, b| (a == 1) != (b == 1);
    let first = write(&mut cluster, "k", Quorum::All);
    let second = write(&mut cluster, "k", Quorum::All);
    let healed = cluster.now + Duration::from_millis(100);
    cluster.until(1, "a while has passed", |cluster| cluster.now >= healed);
    assert_eq!((missing(&cluster, first).len(), missing(&cluster, second).len()), (2, 2));
    cluster.cut = |_, _| false;
    // Nobody has the first any more, so it takes a delta that says so: at the next question, not at the next comparison.
    let took = time_until_enough(&mut cluster, first).max(time_until_enough(&mut cluster, second));
    assert!(took <= 120, "{took} ms");
}

#[test]
fn who_answers_but_has_no_room_for_it_does_not_acknowledge() {
    let mut cluster = Cluster::joined(2, &Config::local());
    let mut small = Config::local();
    small.kv.max_entries = 16;
    cluster.start(3, 1, small);
    let now = cluster.now;
    cluster.node(3).join(now, 1).unwrap();
    cluster.until(5, "it is in", |cluster| cluster.nodes.values().all(|node| node.members().live() == 3));
    for number in 0..16 {
        let version = write(&mut cluster, &format!("k{number}"), Quorum::All);
        time_until_enough(&mut cluster, version);
    }
    let version = write(&mut cluster, "one too many", Quorum::All);
    cluster.run(2);
    assert_eq!((missing(&cluster, version), cluster.nodes[&1].members().live()), (vec![id(3)], 3));
}

#[test]
fn the_longest_value_of_one_datagram_and_the_longest_at_all_are_acknowledged() {
    let mut cluster = Cluster::joined(3, &Config::local());
    let now = cluster.now;
    let mut kv = cluster.node(1).kv_mut(now);
    let Err(KvError::TooLarge { max }) = kv.set(SHARED, &[b'k'; 255], &[0; 70_000]) else { panic!("taken") };
    // What goes in parts takes a few round trips of 10 ms more.
    for (len, most) in [(750, 50), (max, 200)] {
        let now = cluster.now;
        let mut kv = cluster.node(1).kv_mut(now);
        let version = kv.set(SHARED, &[b'k'; 255], &vec![1; len]).unwrap();
        kv.await_acks(version, Quorum::All).unwrap();
        let took = time_until_enough(&mut cluster, version);
        assert!(took < most, "{len} bytes: {took} ms");
    }
}

#[test]
fn a_small_count_is_met_before_all_have_it() {
    let mut cluster = Cluster::joined(5, &Config::local());
    cluster.cut = |a, b| a > 3 || b > 3;
    let version = write(&mut cluster, "k", Quorum::Count(2));
    cluster.until(1, "acknowledged", |cluster| enough(cluster, version));
    let have: Vec<NodeId> = cluster.nodes[&1].kv().acks(version).unwrap().have().collect();
    let mut expected = [id(2), id(3)];
    expected.sort_unstable();
    assert_eq!(have, expected);
}

#[test]
fn alone_there_is_nobody_to_wait_for() {
    let mut cluster = Cluster::joined(1, &Config::local());
    for quorum in [Quorum::All, Quorum::Majority] {
        let version = write(&mut cluster, "k", quorum);
        assert!(enough(&cluster, version));
    }
    let now = cluster.now;
    let kv = cluster.node(1).kv_mut(now);
    assert_eq!(kv.check_await(Quorum::Count(1)), Err(KvError::TooFewMembers { others: 0 }));
}

#[test]
fn the_limit_of_awaited_writes_holds_until_one_is_forgotten() {
    let mut config = Config::local();
    config.kv.max_awaited = 2;
    let mut cluster = Cluster::joined(2, &config);
    let first = write(&mut cluster, "a", Quorum::All);
    write(&mut cluster, "b", Quorum::All);
    let now = cluster.now;
    let mut kv = cluster.node(1).kv_mut(now);
    let version = kv.set(SHARED, b"c", b"v").unwrap();
    assert_eq!(kv.await_acks(version, Quorum::All), Err(KvError::TooManyAwaited { max: 2 }));
    kv.forget_acks(first);
    assert_eq!(kv.await_acks(version, Quorum::All), Ok(()));
    let unseen = Version { counter: 99, ..version };
    assert_eq!(kv.await_acks(unseen, Quorum::All), Err(KvError::NoSuchWrite));
    cluster.until(1, "acknowledged", |cluster| enough(cluster, version));
}

#[test]
fn what_is_no_longer_awaited_is_no_longer_asked_for() {
    let sent = |forgotten: bool| {
        let mut cluster = Cluster::joined(2, &Config::local());
        cluster.cut = |_, _| true;
        let version = write(&mut cluster, "k", Quorum::All);
        if forgotten {
            let now = cluster.now;
            cluster.node(1).kv_mut(now).forget_acks(version);
            assert!(cluster.nodes[&1].kv().acks(version).is_none());
        }
        cluster.run(1);
        cluster.nodes[&1].stats().packets_sent
    };
    let (waiting, forgotten) = (sent(false), sent(true));
    // Asked again after 20 ms three times, then ever later up to each 50 ms.
    assert!((forgotten + 15..=forgotten + 30).contains(&waiting), "{waiting} and {forgotten} packets");
}

#[test]
fn a_large_cluster_is_asked_a_few_at_a_time() {
    let mut cluster = Cluster::joined(48, &Config::lan());
    let version = write(&mut cluster, "k", Quorum::All);
    let before = cluster.nodes[&1].stats().packets_sent;
    let end = cluster.now + Duration::from_millis(1);
    cluster.until(1, "the first are asked", |cluster| cluster.now >= end);
    let sent = cluster.nodes[&1].stats().packets_sent - before;
    assert!((16..=24).contains(&sent), "{sent}");
    let took = time_until_enough(&mut cluster, version);
    assert!(took <= 60, "{took} ms");
}
