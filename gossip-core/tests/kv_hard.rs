//! Where other maps bring back what was deleted, lose what was written, or stay apart.

#![cfg(feature = "kv")]

mod cluster;

use std::time::Duration;

use cluster::Cluster;
use gossip_core::Config;
use gossip_core::kv::{Scope, Version};

const SHARED: Scope = Scope::Shared;

fn config() -> Config {
    let mut config = Config::lan();
    config.kv.tombstone_ttl = Duration::from_secs(60);
    config.membership.forget_after = Duration::from_secs(60);
    config
}

fn set(cluster: &mut Cluster, at: u64, key: &[u8], value: &[u8]) {
    let now = cluster.now;
    cluster.node(at).kv_mut(now).set(SHARED, key, value).unwrap();
}

fn delete(cluster: &mut Cluster, at: u64, key: &[u8]) -> Version {
    let now = cluster.now;
    cluster.node(at).kv_mut(now).delete(SHARED, key).unwrap()
}

fn held(cluster: &Cluster, at: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    cluster.nodes[&at].kv().iter().map(|entry| (entry.key.to_vec(), entry.value.to_vec())).collect()
}

/// Until all members have seen and hold the same, which is this.
fn settle(cluster: &mut Cluster, expected: &[(&[u8], &[u8])]) {
    cluster.until(60, "all hold the same", Cluster::is_same);
    let expected: Vec<_> = expected.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    for at in cluster.nodes.keys() {
        assert_eq!(held(cluster, *at), expected, "at {at}");
    }
}

#[test]
fn a_deletion_is_forgotten_when_all_have_seen_it_and_its_time_is_over() {
    let mut cluster = Cluster::joined(4, &config());
    set(&mut cluster, 1, b"k", b"v");
    settle(&mut cluster, &[(b"k", b"v")]);
    let deletion = delete(&mut cluster, 2, b"k");
    assert!(!cluster.nodes[&2].kv().is_stable(deletion));
    settle(&mut cluster, &[]);
    cluster.run(50);
    assert!((1..=4).all(|at| cluster.nodes[&at].kv().tombstones() == 1));
    cluster.run(60);
    assert!((1..=4).all(|at| cluster.nodes[&at].kv().tombstones() == 0));
    assert!((1..=4).all(|at| cluster.nodes[&at].kv().is_stable(deletion)));
}

#[test]
fn a_deletion_that_a_member_has_not_seen_is_remembered_however_long_that_takes() {
    let mut config = config();
    config.membership.forget_after = Duration::from_secs(24 * 3600);
    let mut cluster = Cluster::joined(4, &config);
    set(&mut cluster, 1, b"k", b"v");
    settle(&mut cluster, &[(b"k", b"v")]);
    cluster.cut = |a, b| (a == 4) != (b == 4);
    delete(&mut cluster, 2, b"k");
    cluster.run(300);
    assert!((1..=3).all(|at| cluster.nodes[&at].kv().tombstones() == 1));
}

#[test]
fn what_was_deleted_does_not_return_with_a_member_that_was_away_until_the_deletion_was_forgotten() {
    let mut cluster = Cluster::joined(4, &config());
    for key in [b"a", b"b", b"c"] {
        set(&mut cluster, 1, key, b"v");
    }
    settle(&mut cluster, &[(b"a", b"v"), (b"b", b"v"), (b"c", b"v")]);
    cluster.cut = |a, b| (a == 4) != (b == 4);
    delete(&mut cluster, 2, b"a");
    delete(&mut cluster, 1, b"b");
    set(&mut cluster, 3, b"c", b"w");
    cluster.run(400);
    assert!((1..=3).all(|at| cluster.nodes[&at].kv().tombstones() == 0), "not forgotten");
    assert_eq!(held(&cluster, 4).len(), 3);
    // What it writes meanwhile is not lost.
    set(&mut cluster, 4, b"d", b"mine");
    cluster.cut = |_, _| false;
    let now = cluster.now;
    cluster.node(4).join(now, 1).unwrap();
    settle(&mut cluster, &[(b"c", b"w"), (b"d", b"mine")]);
}

#[test]
fn a_key_that_is_written_again_while_its_deletion_is_on_its_way_stays() {
    let mut cluster = Cluster::joined(4, &config());
    set(&mut cluster, 1, b"k", b"old");
    settle(&mut cluster, &[(b"k", b"old")]);
    cluster.cut = |a, b| (a == 4) != (b == 4);
    delete(&mut cluster, 1, b"k");
    cluster.run(3);
    set(&mut cluster, 2, b"k", b"new");
    cluster.run(3);
    cluster.cut = |_, _| false;
    settle(&mut cluster, &[(b"k", b"new")]);
}

#[test]
fn a_node_with_an_old_snapshot_writes_under_a_new_generation_and_loses_nobodys_write() {
    let mut cluster = Cluster::joined(3, &config());
    set(&mut cluster, 2, b"a", b"1");
    let old = cluster.node(2).snapshot().to_vec();
    set(&mut cluster, 2, b"a", b"2");
    set(&mut cluster, 2, b"b", b"2");
    settle(&mut cluster, &[(b"a", b"2"), (b"b", b"2")]);
    cluster.crash(2);
    // The same generation again: nobody counted it up.
    cluster.start(2, 1, config());
    let now = cluster.now;
    cluster.node(2).restore(now, &old).unwrap();
    set(&mut cluster, 2, b"c", b"3");
    cluster.node(2).join(now, 1).unwrap();
    cluster.until(30, "a new generation", |cluster| cluster.nodes[&2].identity().generation > 1);
    set(&mut cluster, 2, b"d", b"4");
    settle(&mut cluster, &[(b"a", b"2"), (b"b", b"2"), (b"c", b"3"), (b"d", b"4")]);
}

#[test]
fn a_node_that_comes_back_without_its_state_catches_up_and_what_it_had_deleted_stays_deleted() {
    let mut cluster = Cluster::joined(3, &config());
    for number in 0..50_u8 {
        set(&mut cluster, 2, &[b'k', number], b"v");
    }
    cluster.run(2);
    for number in 1..50_u8 {
        delete(&mut cluster, 2, &[b'k', number]);
    }
    settle(&mut cluster, &[(b"k\0", b"v")]);
    cluster.crash(2);
    cluster.start(2, 2, config());
    let now = cluster.now;
    cluster.node(2).join(now, 1).unwrap();
    settle(&mut cluster, &[(b"k\0", b"v")]);
}

#[test]
fn a_namesake_makes_nobody_lose_a_write() {
    let mut cluster = Cluster::joined(3, &config());
    set(&mut cluster, 1, b"a", b"1");
    settle(&mut cluster, &[(b"a", b"1")]);
    // A second node with the identity of the first, at an address of its own.
    let me = cluster.nodes[&1].identity();
    let now = cluster.now;
    let mut double = gossip_core::Node::new(me, 9, config(), [9; 32], now).unwrap();
    double.join(now, 2).unwrap();
    cluster.nodes.insert(9, double);
    cluster.events.insert(9, Vec::new());
    set(&mut cluster, 9, b"b", b"from the double");
    set(&mut cluster, 1, b"c", b"from the first");
    set(&mut cluster, 3, b"d", b"from another");
    let has_left = |cluster: &Cluster| cluster.events[&9].contains(&gossip_core::Event::Left);
    cluster.until(30, "the double has stopped", has_left);
    cluster.crash(9);
    cluster.until(30, "all hold the same", |cluster| {
        held(cluster, 1) == held(cluster, 2) && held(cluster, 1) == held(cluster, 3)
    });
    for (key, value) in [(b"a", &b"1"[..]), (b"c", b"from the first"), (b"d", b"from another")] {
        assert_eq!(cluster.nodes[&2].kv().get(SHARED, key).map(|entry| entry.value), Some(value));
    }
}

#[test]
fn a_value_that_a_member_has_no_room_for_comes_when_there_is() {
    let mut cluster = Cluster::joined(2, &config());
    let mut narrow = config();
    narrow.kv.max_value = 64;
    cluster.start(3, 1, narrow);
    let now = cluster.now;
    cluster.node(3).join(now, 1).unwrap();
    cluster.run(5);
    set(&mut cluster, 1, b"a", b"1");
    set(&mut cluster, 1, b"large", &[7; 600]);
    set(&mut cluster, 1, b"z", b"2");
    cluster.until(20, "what is small is there", |cluster| held(cluster, 3).len() == 2);
    cluster.run(5);
    assert!(cluster.nodes[&3].stats().kv_dropped > 0);
    // What it refused it has not seen: it says so, and is given it again.
    let kept = cluster.node(3).snapshot().to_vec();
    cluster.crash(3);
    cluster.start(3, 2, config());
    let now = cluster.now;
    cluster.node(3).restore(now, &kept).unwrap();
    cluster.node(3).join(now, 1).unwrap();
    settle(&mut cluster, &[(b"a", b"1"), (b"large", &[7; 600]), (b"z", b"2")]);
}
