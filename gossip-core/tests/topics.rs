//! Messages go where their topic is wanted; the others get their names.

#![cfg(feature = "broadcast")]

mod cluster;

use core::time::Duration;

use cluster::{Cluster, is_lost};
use gossip_core::broadcast::{BroadcastError, Class, Message, SendOptions};
use gossip_core::{Config, Event};

const BYTES: usize = 900;

fn payloads(cluster: &Cluster, at: u64) -> Vec<&[u8]> {
    let messages = cluster.events.get(&at).into_iter().flatten().filter_map(|event| match event {
        Event::Broadcast(message) => Some(message),
        _ => None,
    });
    messages.map(Message::payload).collect()
}

fn subscribe(cluster: &mut Cluster, at: u64, topic: &str) {
    let now = cluster.now;
    cluster.node(at).broadcasts_mut(now).subscribe(topic.as_bytes()).unwrap();
}

/// So many members of which the first `few` want a, the others b.
fn divided(count: u64, few: u64) -> Cluster {
    let mut cluster = Cluster::joined(count, &Config::lan());
    cluster.run(5);
    for at in 1..=count {
        subscribe(&mut cluster, at, if at <= few { "a" } else { "b" });
    }
    cluster.run(15);
    cluster
}

fn send(cluster: &mut Cluster, from: u64, topic: &str, class: Class, fill: u8) {
    let now = cluster.now;
    cluster.node(from).broadcasts_mut(now).send_with(class, topic.as_bytes(), &[fill; BYTES]).unwrap();
}

/// How many members hold the content of more than `before` messages.
fn holders(cluster: &Cluster, before: usize) -> usize {
    cluster.nodes.values().filter(|node| node.broadcasts().history_bytes() / BYTES > before).count()
}

#[test]
fn what_a_few_want_reaches_all_of_them_and_its_content_no_one_who_is_not_on_the_way() {
    let mut cluster = divided(24, 4);
    for (round, class) in [Class::Normal, Class::Urgent, Class::Normal, Class::Bulk].into_iter().enumerate() {
        send(&mut cluster, 20, "a", class, round as u8);
        cluster.run(1);
    }
    for at in 1..=24 {
        let wanted = if at <= 4 { 4 } else { 0 };
        assert_eq!(payloads(&cluster, at).len(), wanted, "{at}");
        assert_eq!(cluster.nodes[&at].broadcasts().history_len(), 4, "{at} holds all numbers");
    }
    assert!(holders(&cluster, 2) < 16, "{} hold the content", holders(&cluster, 2));
    let fetches: u64 = cluster.nodes.values().map(|node| node.stats().broadcast_fetches).sum();
    assert!(fetches < 8, "nearly everybody knew what is wanted: {fetches}");
}

#[test]
fn with_losses_all_who_want_a_topic_get_it_and_all_hold_the_same_numbers() {
    let mut cluster = divided(24, 5);
    cluster.lost = |number| is_lost(number, 200);
    for round in 0..30 {
        send(&mut cluster, 6 + round % 18, "a", Class::Normal, round as u8);
        cluster.run_for(Duration::from_millis(300));
    }
    cluster.until(20, "all who want it have all", |cluster| (1..=5).all(|at| payloads(cluster, at).len() == 30));
    cluster.until(60, "all hold all numbers", |cluster| {
        cluster.nodes.values().all(|node| node.broadcasts().history_len() == 30)
    });
    assert!((6..=24).all(|at| payloads(&cluster, at).is_empty()));
    cluster.lost = |_| false;
    cluster.run(10);
    let pulls = |cluster: &Cluster| cluster.nodes.values().map(|node| node.stats().broadcast_pulls).sum::<u64>();
    let before = pulls(&cluster);
    cluster.run(10);
    assert_eq!(pulls(&cluster), before, "nobody misses anything");
}

#[test]
fn who_restricts_itself_to_nothing_gets_everything_among_those_who_do() {
    let mut cluster = Cluster::joined(16, &Config::lan());
    cluster.run(5);
    (2..=16).for_each(|at| subscribe(&mut cluster, at, "b"));
    cluster.run(2);
    for (round, topic) in ["a", "b", "c", "a"].into_iter().enumerate() {
        send(&mut cluster, 16, topic, Class::Normal, round as u8);
        cluster.run(1);
    }
    assert_eq!(payloads(&cluster, 1).len(), 4);
    assert!((2..16).all(|at| payloads(&cluster, at).len() == 1));
}

#[test]
fn what_is_sent_just_after_somebody_wants_it_comes() {
    let mut cluster = divided(24, 1);
    for round in 0..20 {
        let at = 2 + round % 20;
        subscribe(&mut cluster, at, "a");
        let before = payloads(&cluster, at).len();
        // Far members cannot have heard of it.
        send(&mut cluster, 24, "a", Class::Normal, round as u8);
        cluster.until(3, "the new one has it", |cluster| payloads(cluster, at).len() > before);
    }
}

#[test]
fn content_that_was_left_out_before_it_was_known_to_be_wanted_is_fetched() {
    let mut cluster = divided(2, 1);
    subscribe(&mut cluster, 2, "a");
    cluster.lost = |number| is_lost(number, 300);
    for round in 0..10 {
        cluster.run(1);
        let now = cluster.now;
        cluster.node(2).broadcasts_mut(now).unsubscribe(b"a");
        cluster.run(1);
        subscribe(&mut cluster, 2, "a");
        send(&mut cluster, 1, "a", Class::Normal, round);
        cluster.until(10, "2 has it", |cluster| payloads(cluster, 2).len() == usize::from(round) + 1);
    }
    assert!(cluster.nodes[&2].stats().broadcast_fetches > 0);
}

#[test]
fn who_wants_a_topic_no_longer_gets_no_more_of_it() {
    let mut cluster = divided(12, 2);
    let now = cluster.now;
    cluster.node(1).broadcasts_mut(now).unsubscribe(b"a");
    cluster.node(2).broadcasts_mut(now).unsubscribe(b"a");
    cluster.run(1);
    send(&mut cluster, 12, "a", Class::Normal, 1);
    cluster.run(5);
    assert!((1..12).all(|at| payloads(&cluster, at).is_empty()));
    assert_eq!(holders(&cluster, 0), 1, "its origin alone holds it");
    let now = cluster.now;
    cluster.node(1).broadcasts_mut(now).subscribe_all();
    cluster.run(1);
    send(&mut cluster, 12, "z", Class::Normal, 2);
    cluster.run(1);
    assert_eq!(payloads(&cluster, 1), [[2; BYTES]]);
}

#[test]
fn who_missed_messages_pulls_the_content_of_those_it_wants_alone() {
    let mut cluster = divided(10, 3);
    cluster.cut = |a, b| (a == 1) != (b == 1);
    for round in 0..20 {
        send(&mut cluster, 10, if round % 2 == 0 { "a" } else { "b" }, Class::Normal, round);
        cluster.run_for(Duration::from_millis(200));
    }
    cluster.run(2);
    cluster.cut = |_, _| false;
    cluster.until(60, "1 has what it wants", |cluster| payloads(cluster, 1).len() == 10);
    cluster.until(10, "1 holds all numbers", |cluster| cluster.nodes[&1].broadcasts().history_len() == 20);
    cluster.run(5);
    let held = cluster.nodes[&1].broadcasts().history_bytes();
    assert!(held < 14 * BYTES, "{held}");
}

#[test]
fn a_payload_in_parts_is_fetched_by_those_who_want_its_topic() {
    let mut cluster = divided(16, 3);
    let payload: Vec<u8> = (0..200_000_u32).map(|at| at as u8).collect();
    let now = cluster.now;
    cluster.node(16).broadcasts_mut(now).send(b"a", &payload).unwrap();
    cluster.until(20, "all who want it have it", |cluster| (1..=3).all(|at| payloads(cluster, at) == [&payload]));
    cluster.run(3);
    for at in 4..16 {
        assert_eq!((payloads(&cluster, at).len(), cluster.nodes[&at].broadcasts().bulk_bytes()), (0, 0), "{at}");
    }
}

#[test]
fn the_order_of_messages_is_kept_across_topics_that_are_not_wanted() {
    let mut cluster = divided(12, 2);
    cluster.lost = |number| is_lost(number, 250);
    for round in 0..40_u8 {
        let now = cluster.now;
        let topic: &[u8] = if round % 3 == 0 { b"b" } else { b"a" };
        cluster.node(12).broadcasts_mut(now).send_with(SendOptions::new().ordered(), topic, &[round]).unwrap();
        cluster.run_for(Duration::from_millis(20));
    }
    cluster.run(20);
    let wanted: Vec<[u8; 1]> = (0..40).filter(|round| round % 3 != 0).map(|round| [round]).collect();
    for at in [1, 2] {
        assert_eq!(payloads(&cluster, at), wanted, "{at}");
    }
}

#[test]
fn where_nobody_restricts_itself_nothing_is_told_of_topics() {
    let mut cluster = Cluster::joined(6, &Config::lan());
    let now = cluster.now;
    cluster.node(1).broadcasts_mut(now).subscribe_all();
    cluster.node(1).broadcasts_mut(now).unsubscribe(b"a");
    send(&mut cluster, 2, "a", Class::Normal, 1);
    cluster.run(2);
    assert_eq!(cluster.nodes[&1].broadcasts().topics().map(Iterator::count), None);
    assert!((1..=6).all(|at| cluster.nodes[&at].stats().broadcast_left_out == 0));
    assert_eq!(holders(&cluster, 0), 6);
}

#[test]
fn a_node_restricts_itself_to_so_many_topics_and_no_more() {
    let mut config = Config::lan();
    config.broadcast.max_topics = 3;
    let mut cluster = Cluster::joined(2, &config);
    let now = cluster.now;
    let mut broadcasts = cluster.node(1).broadcasts_mut(now);
    for topic in [b"a", b"b", b"c", b"a"] {
        assert_eq!(broadcasts.subscribe(topic), Ok(()));
    }
    assert_eq!(broadcasts.subscribe(b"d"), Err(BroadcastError::TooManyTopics { max: 3 }));
    assert_eq!(broadcasts.subscribe(&[0; 256]), Err(BroadcastError::TopicLength));
    let topics: Vec<Vec<u8>> = cluster.nodes[&1].broadcasts().topics().unwrap().map(<[u8]>::to_vec).collect();
    assert_eq!(topics, [b"a", b"b", b"c"]);
}

#[cfg(feature = "kv")]
#[test]
fn what_the_map_says_goes_to_all_whatever_topics_they_want() {
    let mut cluster = divided(8, 2);
    let now = cluster.now;
    cluster.node(3).kv_mut(now).set(gossip_core::kv::Scope::Shared, b"k", b"v").unwrap();
    cluster.until(2, "all hold it", |cluster| cluster.nodes.values().all(|node| node.kv().len() == 1));
    assert!(cluster.nodes.values().all(|node| node.stats().broadcast_left_out == 0));
}
