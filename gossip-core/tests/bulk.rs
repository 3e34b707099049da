//! Payloads that are too large for a datagram: they arrive whole, from whoever has them.

#![cfg(feature = "broadcast")]

mod cluster;

use cluster::{Cluster, is_lost};
use gossip_core::broadcast::{BroadcastError, Class, Message};
use gossip_core::{Config, Event};

/// Bytes that differ all over.
fn payload(len: usize, salt: u8) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ salt).collect()
}

fn received(cluster: &Cluster, at: u64) -> Vec<&Message> {
    let events = cluster.events.get(&at).map_or(&[][..], Vec::as_slice);
    events.iter().filter_map(|event| if let Event::Broadcast(message) = event { Some(message) } else { None }).collect()
}

fn all_have(cluster: &Cluster, nodes: impl IntoIterator<Item = u64>, payload: &[u8]) -> bool {
    nodes.into_iter().all(|at| received(cluster, at).iter().any(|message| message.payload() == payload))
}

fn send(cluster: &mut Cluster, from: u64, payload: &[u8]) {
    let now = cluster.now;
    cluster.node(from).broadcasts_mut(now).send_with(Class::Bulk, b"t", payload).unwrap();
}

#[test]
fn a_payload_of_a_megabyte_arrives_everywhere_once_and_unchanged() {
    let mut cluster = Cluster::joined(8, &Config::lan());
    let payload = payload(1_000_000, 7);
    send(&mut cluster, 1, &payload);
    cluster.until(30, "all have it", |cluster| all_have(cluster, 2..=8, &payload));
    cluster.run(5);
    for at in 2..=8 {
        let [message] = received(&cluster, at)[..] else { panic!("one message") };
        assert_eq!((message.topic(), message.class), (&b"t"[..], Class::Bulk));
    }
    assert!(received(&cluster, 1).is_empty());
}

#[test]
fn its_sender_sends_one_copy_of_it_before_any_part_goes_twice() {
    let mut cluster = Cluster::joined(12, &Config::lan());
    let payload = payload(2_000_000, 7);
    cluster.bytes.clear();
    send(&mut cluster, 1, &payload);
    cluster.until(60, "all have it", |cluster| all_have(cluster, 2..=12, &payload));
    let sent = cluster.bytes.iter().filter(|((from, _), _)| *from == 1).map(|(_, bytes)| bytes).sum::<u64>();
    assert!(sent < 2_200_000, "{sent} bytes");
    let parts = (2..=12).map(|at| cluster.nodes[&at].stats().bulk_again).sum::<u64>();
    assert!(parts < 200, "{parts} parts came again");
}

#[test]
fn it_arrives_where_every_fifth_packet_is_lost() {
    let mut cluster = Cluster::joined(6, &Config::lan());
    cluster.lost = |number| is_lost(number, 200);
    let payload = payload(300_000, 7);
    send(&mut cluster, 2, &payload);
    cluster.until(60, "all have it", |cluster| all_have(cluster, [1, 3, 4, 5, 6], &payload));
}

#[test]
fn one_byte_more_than_a_datagram_takes_is_enough_for_parts() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    let longest = cluster.nodes[&1].broadcasts().one_piece();
    for len in [longest - 1, longest, longest + 1, 2 * longest] {
        let payload = payload(len, len as u8);
        send(&mut cluster, 1, &payload);
        cluster.until(10, "all have it", |cluster| all_have(cluster, [2, 3], &payload));
    }
}

#[test]
fn who_joins_later_gets_it_from_the_others() {
    let mut cluster = Cluster::joined(4, &Config::lan());
    let payload = payload(200_000, 7);
    send(&mut cluster, 1, &payload);
    cluster.until(30, "all have it", |cluster| all_have(cluster, 2..=4, &payload));
    cluster.crash(1);
    cluster.start(9, 1, Config::lan());
    let now = cluster.now;
    cluster.node(9).join(now, 2).unwrap();
    cluster.until(60, "the new one has it", |cluster| all_have(cluster, [9], &payload));
}

#[test]
fn several_at_a_time_do_not_hinder_each_other() {
    let mut cluster = Cluster::joined(5, &Config::lan());
    let payloads: Vec<_> = (1..=5).map(|at| payload(60_000 + at, at as u8)).collect();
    for (from, payload) in (1..).zip(&payloads) {
        send(&mut cluster, from, payload);
    }
    cluster.until(60, "all have all others'", |cluster| (1..=5).all(|at| received(cluster, at).len() == 4));
}

#[test]
fn a_sender_hears_that_there_is_no_room_and_that_a_payload_is_too_large_for_any() {
    let mut config = Config::lan();
    config.broadcast.bulk_bytes = 200_000;
    let mut cluster = Cluster::joined(2, &config);
    let now = cluster.now;
    let mut broadcasts = cluster.node(1).broadcasts_mut(now);
    let refused = broadcasts.send(b"t", &payload(100_001, 1));
    assert_eq!(refused, Err(BroadcastError::TooLarge { max: 100_000 }));
    broadcasts.send(b"t", &payload(100_000, 1)).unwrap();
    broadcasts.send(b"t", &payload(100_000, 2)).unwrap();
    assert!(matches!(broadcasts.send(b"t", &payload(100_000, 3)), Err(BroadcastError::Busy { .. })));
    cluster.until(30, "the other has them", |cluster| received(cluster, 2).len() == 2);
    // What nobody asks for any more makes room.
    cluster.run(20);
    send(&mut cluster, 1, &payload(100_000, 3));
    cluster.until(30, "and the third", |cluster| received(cluster, 2).len() == 3);
}

#[test]
fn nothing_is_kept_for_longer_than_messages_are() {
    let mut config = Config::lan();
    config.broadcast.history = std::time::Duration::from_secs(20);
    let mut cluster = Cluster::joined(3, &config);
    send(&mut cluster, 1, &payload(100_000, 1));
    cluster.until(30, "the others have it", |cluster| (2..=3).all(|at| received(cluster, at).len() == 1));
    cluster.run(30);
    let held = |cluster: &Cluster| (1..=3).map(|at| cluster.nodes[&at].broadcasts().bulk_bytes()).sum::<usize>();
    assert_eq!(held(&cluster), 0);
}

#[test]
fn what_was_taken_back_on_its_way_is_neither_delivered_nor_kept() {
    let mut cluster = Cluster::joined(4, &Config::lan());
    let now = cluster.now;
    let id = cluster.node(1).broadcasts_mut(now).send(b"t", &payload(5_000_000, 1)).unwrap();
    let arrives = |cluster: &Cluster| (2..=4).all(|at| cluster.nodes[&at].stats().bulk_parts > 50);
    cluster.until(10, "a few parts everywhere", arrives);
    let now = cluster.now;
    cluster.node(1).broadcasts_mut(now).cancel(id).unwrap();
    cluster.run(20);
    assert!((2..=4).all(|at| received(&cluster, at).is_empty()));
    let held = (1..=4).map(|at| cluster.nodes[&at].broadcasts().bulk_bytes()).sum::<usize>();
    assert_eq!(held, 0);
}
