//! Ordered messages are delivered after those that they come after, and what is missing for good is told.

#![cfg(feature = "broadcast")]

mod cluster;

use core::time::Duration;

use cluster::{Cluster, id, is_lost};
use gossip_core::broadcast::{BroadcastError, Message, MessageId, SendOptions};
use gossip_core::{Config, Event};

fn linked(count: u64, config: &Config) -> Cluster {
    let mut cluster = Cluster::joined(count, config);
    cluster
        .until(60, "all have neighbours", |cluster| cluster.nodes.values().all(|node| node.neighbours().count() > 0));
    cluster.run(5);
    cluster
}

fn delivered(cluster: &Cluster, at: u64) -> Vec<&Message> {
    let messages = cluster.events[&at].iter().filter_map(|event| match event {
        Event::Broadcast(message) => Some(message),
        _ => None,
    });
    messages.collect()
}

fn numbers(cluster: &Cluster, at: u64) -> Vec<u64> {
    delivered(cluster, at).iter().map(|message| message.id.sequence).collect()
}

fn gaps(cluster: &Cluster, at: u64) -> Vec<(u64, u64)> {
    let gaps = cluster.events[&at].iter().filter_map(|event| match event {
        Event::Gap { origin, first, last } if origin.id == id(1) => Some((*first, *last)),
        _ => None,
    });
    gaps.collect()
}

fn send(cluster: &mut Cluster, at: u64, options: SendOptions<'_>) -> MessageId {
    let now = cluster.now;
    cluster.node(at).broadcasts_mut(now).send_with(options, b"t", b"x").unwrap()
}

#[test]
fn ordered_messages_are_delivered_in_order_on_a_network_that_loses() {
    let mut cluster = linked(8, &Config::lan());
    cluster.lost = |packet| is_lost(packet, 200);
    for number in 0..200 {
        let options = SendOptions::new();
        send(&mut cluster, 1, if number % 5 == 0 { options } else { options.ordered() });
        cluster.run_for(Duration::from_millis(5));
    }
    cluster.until(30, "all have all", |cluster| (2..=8).all(|at| delivered(cluster, at).len() == 200));
    let mut held_back = 0;
    for at in 2..=8 {
        let ordered: Vec<u64> = numbers(&cluster, at).into_iter().filter(|number| (number - 1) % 5 != 0).collect();
        assert!(ordered.is_sorted(), "at {at}: {ordered:?}");
        assert_eq!(gaps(&cluster, at), []);
        held_back += cluster.nodes[&at].queues().broadcast.ordered_bytes.peak;
    }
    assert!(held_back > 0, "some came before their turn");
}

#[test]
fn what_does_not_come_in_time_is_given_up_and_told_and_not_delivered_late() {
    let mut cluster = linked(3, &Config::lan());
    send(&mut cluster, 1, SendOptions::new().ordered());
    cluster.run(1);
    // 2 misses the second, and nobody tells it of that.
    cluster.cut = |a, b| a == 2 || b == 2;
    send(&mut cluster, 1, SendOptions::new().ordered());
    cluster.run(4);
    let mut packet = third(&mut cluster);
    let now = cluster.now;
    cluster.node(2).handle_packet(now, gossip_core::Lane::Datagram, &1, &mut packet).unwrap();
    cluster.run(4);
    assert_eq!((numbers(&cluster, 2), gaps(&cluster, 2)), (vec![1], vec![]));
    cluster.run(2);
    assert_eq!((numbers(&cluster, 2), gaps(&cluster, 2)), (vec![1, 3], vec![(2, 2)]));
    cluster.cut = |_, _| false;
    cluster.until(60, "2 has the second as well", |cluster| cluster.nodes[&2].stats().broadcast_late == 1);
    assert_eq!(numbers(&cluster, 2), [1, 3]);
}

/// A packet with the third message of 1, ordered as the two before it.
fn third(cluster: &mut Cluster) -> Vec<u8> {
    use gossip_core::wire::broadcast::{Body, Class, Content, Message, Order};
    use gossip_core::wire::{ClusterKey, Writer, tag};
    send(cluster, 1, SendOptions::new().ordered());
    let me = cluster.nodes[&1].identity();
    let order = Some(Order { previous: 1, after: &[] });
    let body = Body::Content(Content { order, hops: 1, topic: b"t", payload: b"x", ..Content::default() });
    let message = Message { origin: me, sequence: 3, class: Class::Normal, age: 0, body };
    let (mut buf, mut ids) = ([0; 200], Vec::new());
    let mut writer = Writer::new(&mut buf, &mut ids, &ClusterKey::new(""), me, true).unwrap();
    writer.section(tag::MESSAGES, |w| w.item(&message)).unwrap();
    let len = writer.finish(&ClusterKey::new(""));
    buf[..len].to_vec()
}

#[test]
fn a_message_waits_for_those_of_others_that_its_sender_knew() {
    let mut cluster = linked(6, &Config::lan());
    cluster.lost = |packet| is_lost(packet, 300);
    let mut last = send(&mut cluster, 1, SendOptions::new());
    let mut chain = vec![last];
    for turn in 0..60 {
        let at = 1 + turn % 2;
        // The next answers as soon as it has heard.
        cluster.until(10, "the other has it", |cluster| {
            last.origin == id(at) || delivered(cluster, at).iter().any(|message| message.id == last)
        });
        last = send(&mut cluster, at, SendOptions::new().after(&[last]));
        chain.push(last);
    }
    cluster.until(30, "all have all", |cluster| (3..=6).all(|at| delivered(cluster, at).len() == chain.len()));
    for at in 3..=6 {
        let got: Vec<MessageId> = delivered(&cluster, at).iter().map(|message| message.id).collect();
        assert_eq!(got, chain, "at {at}");
    }
}

#[test]
fn what_waits_is_bounded_in_bytes() {
    let mut config = Config::lan();
    config.broadcast.ordered_bytes = 16 << 10;
    let mut cluster = linked(3, &config);
    cluster.lost = |packet| is_lost(packet, 600);
    for _ in 0..300 {
        send(&mut cluster, 1, SendOptions::new().ordered());
        cluster.run_for(Duration::from_millis(1));
    }
    cluster.run(20);
    for at in 2..=3 {
        let fill = cluster.nodes[&at].queues().broadcast.ordered_bytes;
        assert!(fill.peak > 0 && fill.peak <= fill.limit, "{fill:?}");
        assert!(numbers(&cluster, at).is_sorted());
    }
}

#[test]
fn a_message_that_waits_and_is_taken_back_is_not_delivered() {
    let mut cluster = linked(3, &Config::lan());
    send(&mut cluster, 1, SendOptions::new().ordered());
    cluster.run(1);
    cluster.cut = |a, b| a == 2 || b == 2;
    send(&mut cluster, 1, SendOptions::new().ordered());
    let mut packet = third(&mut cluster);
    let now = cluster.now;
    cluster.node(2).handle_packet(now, gossip_core::Lane::Datagram, &1, &mut packet).unwrap();
    let third = MessageId { origin: id(1), generation: 1, sequence: 3 };
    cluster.node(1).broadcasts_mut(now).cancel(third).unwrap();
    cluster.run(1);
    cluster.cut = |_, _| false;
    cluster.run(20);
    assert_eq!(numbers(&cluster, 2), [1, 2]);
}

#[test]
fn what_left_all_histories_is_told_as_a_gap_and_who_comes_late_is_told_of_none() {
    let mut config = Config::lan();
    config.broadcast.history = Duration::from_secs(30);
    let mut cluster = linked(5, &config);
    send(&mut cluster, 1, SendOptions::new());
    cluster.run(2);
    cluster.cut = |a, b| (a == 5) != (b == 5);
    for _ in 0..20 {
        send(&mut cluster, 1, SendOptions::new());
    }
    cluster.run(60);
    cluster.cut = |_, _| false;
    cluster.start(6, 1, config);
    let now = cluster.now;
    cluster.node(6).join(now, 2).unwrap();
    for _ in 0..80 {
        send(&mut cluster, 1, SendOptions::new());
        cluster.run(1);
    }
    assert_eq!(gaps(&cluster, 5), [(2, 21)]);
    assert_eq!(cluster.nodes[&5].stats().broadcast_gaps, 1);
    for at in [2, 3, 4, 6] {
        assert_eq!(gaps(&cluster, at), [], "at {at}");
    }
}

#[test]
fn a_message_comes_after_8_others_at_most() {
    let mut cluster = linked(2, &Config::lan());
    let after = vec![send(&mut cluster, 1, SendOptions::new()); 9];
    let now = cluster.now;
    let mut broadcasts = cluster.node(1).broadcasts_mut(now);
    let refused = broadcasts.send_with(SendOptions::new().after(&after), b"t", b"x");
    assert_eq!(refused, Err(BroadcastError::TooManyBefore));
    let parts = broadcasts.send_with(SendOptions::new().ordered(), b"t", &[0; 5000]);
    assert!(matches!(parts, Err(BroadcastError::TooLarge { .. })));
}
