//! Messages that expire, are replaced by newer ones of their key, or are taken back.

#![cfg(feature = "broadcast")]

mod cluster;

use core::time::Duration;

use cluster::Cluster;
use gossip_core::broadcast::{BroadcastError, Message, MessageId, SendOptions};
use gossip_core::{Config, Event};

fn delivered(cluster: &Cluster, at: u64) -> Vec<&Message> {
    let messages = cluster.events[&at].iter().filter_map(|event| match event {
        Event::Broadcast(message) => Some(message),
        _ => None,
    });
    messages.collect()
}

fn payloads(cluster: &Cluster, at: u64) -> Vec<&[u8]> {
    delivered(cluster, at).into_iter().map(Message::payload).collect()
}

/// Member 1 sends, and nobody hears of it: 5 members, 5 cut off.
fn cut_off() -> Cluster {
    let mut cluster = Cluster::joined(5, &Config::lan());
    cluster.cut = |a, b| (a == 5) != (b == 5);
    cluster
}

fn send(cluster: &mut Cluster, options: SendOptions<'_>, payload: &[u8]) -> MessageId {
    let now = cluster.now;
    cluster.node(1).broadcasts_mut(now).send_with(options, b"t", payload).unwrap()
}

/// All hold the same: nobody asks anybody for anything any more.
fn assert_settled(cluster: &mut Cluster) {
    cluster.run(5);
    let pulls = |cluster: &Cluster| (1..=5).map(|at| cluster.nodes[&at].stats().broadcast_pulls).sum::<u64>();
    let before = pulls(cluster);
    cluster.run(15);
    assert_eq!(pulls(cluster), before);
    let lens: Vec<_> = (1..=5).map(|at| cluster.nodes[&at].broadcasts().history_len()).collect();
    assert!(lens.iter().all(|len| *len == lens[0]), "{lens:?}");
}

#[test]
fn an_expired_message_is_not_delivered_to_who_missed_it_and_leaves_no_hole() {
    let mut cluster = cut_off();
    send(&mut cluster, SendOptions::new().expires(Duration::from_secs(5)), &[7; 900]);
    send(&mut cluster, SendOptions::new(), b"stays");
    cluster.run(10);
    assert_eq!(delivered(&cluster, 3).len(), 2);
    assert!(cluster.node(3).broadcasts().history_bytes() < 900, "the payload is gone");
    cluster.cut = |_, _| false;
    cluster.until(30, "5 has what is left", |cluster| delivered(cluster, 5).len() == 1);
    assert_settled(&mut cluster);
    assert_eq!(payloads(&cluster, 5), [b"stays"]);
    assert_eq!(cluster.nodes[&5].stats().broadcast_withdrawn, 1);
    assert!((1..5).all(|at| cluster.nodes[&at].stats().broadcast_expired == 1));
}

#[test]
fn a_message_whose_life_lasts_is_delivered_to_who_missed_it() {
    let mut cluster = cut_off();
    send(&mut cluster, SendOptions::new().expires(Duration::from_secs(60)), b"in time");
    cluster.run(10);
    cluster.cut = |_, _| false;
    cluster.until(30, "5 has it", |cluster| delivered(cluster, 5).len() == 1);
}

#[test]
fn the_life_of_a_message_goes_on_while_it_is_held() {
    let mut cluster = cut_off();
    send(&mut cluster, SendOptions::new().expires(Duration::from_secs(20)), b"x");
    cluster.run(12);
    cluster.cut = |_, _| false;
    cluster.until(7, "5 has it", |cluster| delivered(cluster, 5).len() == 1);
    cluster.run(9);
    assert_eq!(cluster.nodes[&5].stats().broadcast_expired, 1, "not 20 seconds after it came");
}

#[test]
fn of_a_key_who_missed_all_gets_the_newest_alone() {
    let mut cluster = cut_off();
    for value in 0..20_u8 {
        send(&mut cluster, SendOptions::new().key(b"load"), &[value; 100]);
        cluster.run(1);
    }
    assert_eq!(delivered(&cluster, 3).len(), 20);
    assert!(cluster.node(3).broadcasts().history_bytes() < 20 * 96 + 200, "one of them is kept whole");
    cluster.cut = |_, _| false;
    cluster.until(30, "5 has the last", |cluster| !delivered(cluster, 5).is_empty());
    assert_settled(&mut cluster);
    assert_eq!(payloads(&cluster, 5), [&[19; 100]]);
    assert_eq!(delivered(&cluster, 5)[0].key(), Some(b"load".as_slice()));
}

#[test]
fn messages_of_other_keys_topics_and_origins_stay() {
    let mut cluster = cut_off();
    let now = cluster.now;
    for (from, topic, key) in [(1, b"t", b"a"), (1, b"t", b"b"), (1, b"u", b"a"), (2, b"t", b"a")] {
        let options = SendOptions::new().key(key);
        cluster.node(from).broadcasts_mut(now).send_with(options, topic, b"x").unwrap();
    }
    cluster.run(3);
    cluster.cut = |_, _| false;
    cluster.until(30, "5 has all", |cluster| delivered(cluster, 5).len() == 4);
}

#[test]
fn a_message_that_is_taken_back_is_not_delivered_to_who_missed_it() {
    let mut cluster = cut_off();
    let id = send(&mut cluster, SendOptions::new(), &[7; 900]);
    send(&mut cluster, SendOptions::new(), b"stays");
    cluster.run(3);
    let now = cluster.now;
    cluster.node(1).broadcasts_mut(now).cancel(id).unwrap();
    assert_eq!(cluster.node(1).broadcasts_mut(now).cancel(id), Err(BroadcastError::Gone));
    cluster.run(3);
    assert!(cluster.node(3).broadcasts().history_bytes() < 900, "the payload is gone everywhere");
    cluster.cut = |_, _| false;
    cluster.until(30, "5 has what is left", |cluster| !delivered(cluster, 5).is_empty());
    assert_settled(&mut cluster);
    assert_eq!(payloads(&cluster, 5), [b"stays"]);
    assert_eq!(cluster.nodes[&3].stats().broadcast_displaced, 1);
    assert_eq!(payloads(&cluster, 3).len(), 2, "what was delivered stays delivered");
}

#[test]
fn nobody_takes_back_what_another_sent() {
    let mut cluster = cut_off();
    let id = send(&mut cluster, SendOptions::new(), b"x");
    cluster.run(2);
    let now = cluster.now;
    assert_eq!(cluster.node(2).broadcasts_mut(now).cancel(id), Err(BroadcastError::NotOwn));
    let former = MessageId { generation: id.generation - 1, ..id };
    assert_eq!(cluster.node(1).broadcasts_mut(now).cancel(former), Err(BroadcastError::NotOwn));
    let never = MessageId { sequence: 99, ..id };
    assert_eq!(cluster.node(1).broadcasts_mut(now).cancel(never), Err(BroadcastError::Gone));
}

#[test]
fn a_key_has_1_to_64_bytes_and_the_longest_message_with_all_options_arrives() {
    let mut cluster = Cluster::joined(2, &Config::lan());
    let (now, max) = (cluster.now, cluster.node(1).broadcasts().one_piece() - 70);
    let mut broadcasts = cluster.node(1).broadcasts_mut(now);
    for key in [&[][..], &[1; 65]] {
        assert_eq!(broadcasts.send_with(SendOptions::new().key(key), b"t", b""), Err(BroadcastError::KeyLength));
    }
    let options = SendOptions::new().key(&[1; 64]).expires(Duration::MAX);
    broadcasts.send_with(options, &[b't'; 255], &vec![9; max - 255]).unwrap();
    cluster.run(2);
    assert_eq!(delivered(&cluster, 2)[0].payload().len(), max - 255);
}
