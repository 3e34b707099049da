//! Every member gets every message, once.

#![cfg(feature = "broadcast")]

mod cluster;

use core::time::Duration;

use cluster::Cluster;
use gossip_core::broadcast::{BroadcastError, MessageId};
use gossip_core::{Config, Event};

fn delivered(cluster: &Cluster, at: u64) -> Vec<MessageId> {
    let messages = cluster.events[&at].iter().filter_map(|event| match event {
        Event::Broadcast(message) => Some(message.id),
        _ => None,
    });
    messages.collect()
}

#[test]
fn every_message_is_delivered_once_on_a_network_that_loses() {
    let mut cluster = Cluster::joined(16, &Config::lan());
    cluster.lost = |packet| packet % 3 == 0;
    let mut sent = Vec::new();
    for number in 0..50_u64 {
        let (at, now) = (1 + number % 5, cluster.now);
        sent.push(cluster.node(at).broadcasts_mut(now).send(b"t", &[1; 256]).unwrap());
    }
    cluster.run(20);
    sent.sort();
    for at in 6..=16 {
        let mut got = delivered(&cluster, at);
        got.sort();
        assert_eq!(got, sent, "at {at}");
    }
    assert!(delivered(&cluster, 1).iter().all(|id| id.origin != cluster::id(1)), "delivered to its own sender");
}

#[test]
fn the_same_bytes_sent_twice_are_two_messages() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    for _ in 0..2 {
        let now = cluster.now;
        cluster.node(1).broadcasts_mut(now).send(b"t", b"same").unwrap();
    }
    cluster.run(3);
    assert_eq!(delivered(&cluster, 2).len(), 2);
}

#[test]
fn a_member_that_was_cut_off_catches_up() {
    let mut cluster = Cluster::joined(5, &Config::lan());
    cluster.cut = |a, b| (a == 5) != (b == 5);
    for _ in 0..200 {
        let now = cluster.now;
        cluster.node(1).broadcasts_mut(now).send(b"t", &[3; 200]).unwrap();
    }
    cluster.run(20);
    assert!(delivered(&cluster, 5).is_empty());
    cluster.cut = |_, _| false;
    cluster.until(40, "5 has all", |cluster| delivered(cluster, 5).len() == 200);
}

#[test]
fn the_longest_message_that_goes_in_one_piece_arrives_and_a_longer_topic_is_refused() {
    let mut cluster = Cluster::joined(2, &Config::lan());
    let now = cluster.now;
    let max = cluster.node(1).broadcasts().one_piece();
    let mut broadcasts = cluster.node(1).broadcasts_mut(now);
    assert_eq!(broadcasts.send(&[b't'; 256], b""), Err(BroadcastError::TopicLength));
    broadcasts.send(&[b't'; 255], &vec![9; max - 255]).unwrap();
    cluster.run(2);
    let Some(Event::Broadcast(message)) = cluster.events[&2].iter().find(|e| matches!(e, Event::Broadcast(_))) else {
        panic!("not delivered")
    };
    assert_eq!((message.topic().len(), message.payload().len()), (255, max - 255));
    assert_eq!(cluster.nodes[&2].stats().bulk_parts, 0);
}

#[test]
fn the_history_is_bounded_in_bytes_and_in_time() {
    let mut config = Config::lan();
    config.broadcast.history_bytes = 64 << 10;
    let mut cluster = Cluster::joined(2, &config);
    for _ in 0..500 {
        let now = cluster.now;
        cluster.node(1).broadcasts_mut(now).send(b"t", &[3; 1000]).unwrap();
        cluster.run_for(Duration::from_millis(2));
    }
    assert!(cluster.node(1).broadcasts().history_bytes() <= 64 << 10);
    cluster.run(160);
    assert_eq!(cluster.node(1).broadcasts().history_len(), 0);
}

#[test]
fn a_message_that_is_answered_as_sent_is_sent_though_the_table_of_origins_is_full() {
    let mut config = Config::lan();
    config.broadcast.max_origins = 16;
    let mut cluster = Cluster::joined(17, &config);
    for at in 1..=16 {
        let now = cluster.now;
        cluster.node(at).broadcasts_mut(now).send(b"t", b"x").unwrap();
    }
    cluster.until(10, "17 has all", |cluster| delivered(cluster, 17).len() == 16);
    let now = cluster.now;
    cluster.node(17).broadcasts_mut(now).send(b"t", b"mine").unwrap();
    assert_eq!(cluster.node(17).broadcasts().history_len(), 17);
    // The others have no room for a seventeenth origin; those that it was pushed to count that.
    cluster.run(5);
    assert!((1..=16).any(|at| cluster.nodes[&at].stats().broadcast_origins_full > 0));
}

#[test]
fn who_missed_much_asks_for_no_more_than_its_budget_and_gets_all_of_it() {
    let mut config = Config::lan();
    config.broadcast.catch_up_bytes_per_second = 20_000;
    let mut cluster = Cluster::joined(5, &config);
    cluster.cut = |from, to| from == 5 || to == 5;
    for _ in 0..300 {
        let now = cluster.now;
        cluster.node(1).broadcasts_mut(now).send(b"t", &[3; 400]).unwrap();
        cluster.run_for(Duration::from_millis(20));
    }
    cluster.cut = |_, _| false;
    cluster.until(40, "5 gets some", |cluster| !delivered(cluster, 5).is_empty());
    let before = delivered(&cluster, 5).len();
    cluster.run(2);
    // A message counts as 496 bytes; a request for 64 may overdraw the budget.
    let came = delivered(&cluster, 5).len() - before;
    assert!(came <= 3 * 20_000 / 496 + 64, "{came} in two seconds");
    cluster.until(60, "5 has all", |cluster| delivered(cluster, 5).len() == 300);
    assert!(cluster.nodes[&5].stats().broadcast_catch_up_waits > 0);
}
