//! A message to one member arrives once, and its sender learns what became of it.

#![cfg(feature = "direct")]

mod cluster;

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::{Cluster, id};
use gossip_core::direct::{Direct, DirectId, Undelivered};
use gossip_core::{CommandError, Config, Event, Identity, Node};

type Fates = BTreeMap<DirectId, Vec<Result<(), Undelivered>>>;

fn send(cluster: &mut Cluster, from: u64, to: u64, data: &[u8]) -> DirectId {
    let now = cluster.now;
    cluster.node(from).send_to(now, id(to), 0, data).unwrap()
}

fn received(cluster: &Cluster, at: u64) -> Vec<Direct> {
    let events = cluster.events[&at].iter();
    events.filter_map(|event| if let Event::Direct(direct) = event { Some(direct.clone()) } else { None }).collect()
}

fn fates(cluster: &Cluster, at: u64) -> Fates {
    let mut fates = Fates::new();
    for event in cluster.events.get(&at).into_iter().flatten() {
        if let Event::Sent { id, result } = event {
            fates.entry(*id).or_default().push(*result);
        }
    }
    fates
}

/// Runs until it is known what became of a message.
fn fate(cluster: &mut Cluster, at: u64, id: DirectId) -> Result<(), Undelivered> {
    cluster.until(30, "its fate", |cluster| fates(cluster, at).contains_key(&id));
    fates(cluster, at)[&id][0]
}

#[test]
fn a_message_arrives_and_is_said_to() {
    let mut cluster = Cluster::joined(2, &Config::lan());
    let sent = send(&mut cluster, 1, 2, b"hello");
    assert_eq!(fate(&mut cluster, 1, sent), Ok(()));
    let from = cluster.node(1).identity();
    assert_eq!(received(&cluster, 2), [Direct { from, port: 0, data: b"hello".as_slice().into() }]);
    assert!(received(&cluster, 1).is_empty());
}

#[test]
fn every_message_arrives_once_on_a_network_that_loses_doubles_and_reorders() {
    let mut config = Config::lan();
    config.direct.timeout = Duration::from_secs(20);
    let mut cluster = Cluster::joined(3, &config);
    cluster.lost = |packet| packet % 3 == 0;
    cluster.copies = |packet| if packet % 2 == 0 { &[0, 17, 400] } else { &[30] };
    let mut sent = Vec::new();
    for number in 0..200_u32 {
        let (from, to) = if number % 2 == 0 { (1, 2) } else { (3, 2) };
        sent.push((from, send(&mut cluster, from, to, &number.to_be_bytes())));
        if number % 10 == 0 {
            cluster.run(1);
        }
    }
    cluster.run(25);
    for (from, id) in sent {
        assert_eq!(fates(&cluster, from)[&id], [Ok(())], "{id:?}");
    }
    let mut numbers: Vec<u32> =
        received(&cluster, 2).iter().map(|m| u32::from_be_bytes(m.data[..].try_into().unwrap())).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    assert!(cluster.nodes[&2].stats().direct_duplicates > 0, "nothing came twice");
    assert_eq!(cluster.nodes[&1].directs().pending(), 0);
}

#[test]
fn a_message_to_this_node_itself_arrives() {
    let mut cluster = Cluster::joined(1, &Config::lan());
    let sent = send(&mut cluster, 1, 1, b"me");
    assert_eq!(fate(&mut cluster, 1, sent), Ok(()));
    assert_eq!(received(&cluster, 1).len(), 1);
}

#[test]
fn a_full_inbox_is_told_and_tried_again_until_there_is_room() {
    let mut cluster = Cluster::joined(2, &Config::lan());
    cluster.node(2).set_inbox_room(0, 1);
    let [first, second] = [b"a", b"b"].map(|data| send(&mut cluster, 1, 2, data));
    assert_eq!(fate(&mut cluster, 1, first), Ok(()));
    cluster.run(1);
    assert!(!fates(&cluster, 1).contains_key(&second) && received(&cluster, 2).len() == 1);
    cluster.node(2).set_inbox_room(0, 1);
    assert_eq!(fate(&mut cluster, 1, second), Ok(()));
    assert_eq!(received(&cluster, 2).len(), 2);
    assert!(cluster.nodes[&2].stats().direct_refused > 0);
}

#[test]
fn an_inbox_that_stays_full_is_why_a_message_is_given_up() {
    let mut cluster = Cluster::joined(2, &Config::lan());
    cluster.node(2).set_inbox_room(0, 0);
    let refused = send(&mut cluster, 1, 2, b"a");
    let now = cluster.now;
    let other_port = cluster.node(1).send_to(now, id(2), 7, b"b").unwrap();
    assert_eq!(fate(&mut cluster, 1, refused), Err(Undelivered::InboxFull));
    assert_eq!(fate(&mut cluster, 1, other_port), Ok(()));
}

#[test]
fn a_message_that_was_taken_at_last_is_not_said_to_be_refused() {
    let mut config = Config::lan();
    config.direct.timeout = Duration::from_secs(2);
    let mut cluster = Cluster::joined(2, &config);
    cluster.node(2).set_inbox_room(0, 0);
    let sent = send(&mut cluster, 1, 2, b"a");
    cluster.until(1, "it is refused", |cluster| cluster.nodes[&2].stats().direct_refused > 0);
    cluster.run_for(Duration::from_millis(20));
    cluster.cut = |from, _| from == 2;
    cluster.node(2).set_inbox_room(0, 1);
    assert_eq!(fate(&mut cluster, 1, sent), Err(Undelivered::NoAnswer));
    assert_eq!(received(&cluster, 2).len(), 1);
}

#[test]
fn an_application_that_does_not_poll_is_a_full_inbox() {
    let mut config = Config::lan();
    config.max_events = 16;
    let mut a = Node::new(Identity::new(id(1), 1), 1_u64, config, [1; 32], gossip_core::Instant::ZERO).unwrap();
    for _ in 0..20 {
        a.send_to(gossip_core::Instant::ZERO, id(1), 0, b"x").unwrap();
    }
    assert_eq!(a.stats().direct_received + a.stats().direct_refused, 20);
    let events: Vec<_> = std::iter::from_fn(|| a.poll_event()).collect();
    let taken = events.iter().filter(|event| matches!(event, Event::Direct(_))).count() as u64;
    assert_eq!(taken, a.stats().direct_received, "what was taken was delivered");
}

#[test]
fn a_member_that_goes_down_or_leaves_is_why_a_message_is_given_up() {
    let mut config = Config::lan();
    config.direct.timeout = Duration::from_secs(60);
    for leaves in [false, true] {
        let mut cluster = Cluster::joined(3, &config);
        let now = cluster.now;
        if leaves {
            // It has said goodbye, but not yet here.
            cluster.node(2).leave(now);
            cluster.node(2).set_inbox_room(0, 0);
        } else {
            cluster.crash(2);
        }
        let sent = send(&mut cluster, 1, 2, b"too late");
        let expected = if leaves { Undelivered::Left } else { Undelivered::Down };
        assert_eq!(fate(&mut cluster, 1, sent), Err(expected));
        let now = cluster.now;
        assert_eq!(cluster.node(1).send_to(now, id(2), 0, b"x"), Err(CommandError::NotLive));
    }
}

#[test]
fn a_member_that_does_not_answer_is_why_a_message_is_given_up() {
    let mut config = Config::lan();
    config.direct.timeout = Duration::from_secs(2);
    let mut cluster = Cluster::joined(3, &config);
    cluster.cut = |from, to| from + to == 3;
    let sent = send(&mut cluster, 1, 2, b"x");
    assert_eq!(fate(&mut cluster, 1, sent), Err(Undelivered::NoAnswer));
}

#[test]
fn a_member_that_restarts_gets_no_message_to_its_former_life() {
    let mut config = Config::lan();
    config.direct.timeout = Duration::from_secs(30);
    let mut cluster = Cluster::joined(3, &config);
    cluster.crash(2);
    let sent = send(&mut cluster, 1, 2, b"x");
    cluster.start(2, 2, config);
    let now = cluster.now;
    cluster.node(2).join(now, 3).unwrap();
    assert_eq!(fate(&mut cluster, 1, sent), Err(Undelivered::Restarted));
    let again = send(&mut cluster, 1, 2, b"y");
    assert_eq!(fate(&mut cluster, 1, again), Ok(()));
    assert_eq!(received(&cluster, 2).len(), 1);
}

#[test]
fn what_cannot_be_sent_is_refused_at_once() {
    let mut config = Config::lan();
    config.direct.max_pending_per_peer = 2;
    let mut cluster = Cluster::joined(2, &config);
    cluster.node(2).set_inbox_room(0, 0);
    let now = cluster.now;
    let node = cluster.node(1);
    let max = node.directs().max_len();
    assert_eq!(node.send_to(now, id(9), 0, b"x"), Err(CommandError::UnknownMember));
    assert_eq!(node.send_to(now, id(2), 8, b"x"), Err(CommandError::UnknownPort { ports: 8 }));
    assert_eq!(node.send_to(now, id(2), 0, &vec![0; max + 1]), Err(CommandError::TooLarge { max }));
    for _ in 0..2 {
        node.send_to(now, id(2), 0, b"x").unwrap();
    }
    assert_eq!(node.send_to(now, id(2), 0, b"x"), Err(CommandError::TooManyPending { max: 2 }));
    assert_eq!(node.directs().pending(), 2);
    node.leave(now);
    assert_eq!(node.send_to(now, id(2), 0, b"x"), Err(CommandError::Leaving));
}

fn with_stream() -> Config {
    let mut config = Config::lan();
    config.transport.stream = Some(64 << 10);
    config
}

#[test]
fn a_message_too_long_for_a_datagram_arrives_in_a_frame() {
    let mut cluster = Cluster::joined(2, &with_stream());
    let data: Vec<u8> = (0..40_000_u32).map(|at| (at % 251) as u8).collect();
    let sent = send(&mut cluster, 1, 2, &data);
    assert_eq!(fate(&mut cluster, 1, sent), Ok(()));
    assert_eq!(received(&cluster, 2).len(), 1);
    assert_eq!(received(&cluster, 2)[0].data[..], data);
    assert!(cluster.frames.iter().any(|(.., len)| *len > data.len()), "{:?}", cluster.frames);
}

#[test]
fn a_message_longer_than_a_frame_or_its_limit_is_refused() {
    let mut cluster = Cluster::joined(2, &with_stream());
    let now = cluster.now;
    let Err(CommandError::TooLarge { max }) = cluster.node(1).send_to(now, id(2), 0, &[0; 65_537]) else {
        panic!("it was taken");
    };
    assert!((65_000..65_536).contains(&max), "{max}");
    let sent = send(&mut cluster, 1, 2, &vec![0; max]);
    assert_eq!(fate(&mut cluster, 1, sent), Ok(()));

    let mut config = with_stream();
    config.direct.max_payload = 5000;
    let mut cluster = Cluster::joined(2, &config);
    let now = cluster.now;
    let refused = cluster.node(1).send_to(now, id(2), 0, &[0; 5001]);
    assert_eq!(refused, Err(CommandError::TooLarge { max: 5000 }));
}

#[test]
fn to_a_member_without_a_stream_lane_a_message_must_fit_a_datagram() {
    let mut cluster = Cluster::empty();
    cluster.start(1, 1, with_stream());
    cluster.start(2, 1, Config::lan());
    let now = cluster.now;
    cluster.node(2).join(now, 1).unwrap();
    cluster.until(20, "both know both", |cluster| cluster.nodes.values().all(|node| node.members().live() == 2));
    cluster.run(2);
    let (now, max) = (cluster.now, cluster.node(1).directs().max_len());
    let refused = cluster.node(1).send_to(now, id(2), 0, &vec![0; max + 1]);
    assert_eq!(refused, Err(CommandError::TooLarge { max }));
    let sent = send(&mut cluster, 1, 2, &vec![0; max]);
    assert_eq!(fate(&mut cluster, 1, sent), Ok(()));
    assert_eq!(cluster.frames, []);
}

#[test]
fn a_frame_that_is_lost_is_sent_again_until_the_message_is_given_up() {
    let mut cluster = Cluster::joined(2, &with_stream());
    cluster.lost_frame = |_| true;
    let sent = send(&mut cluster, 1, 2, &[0; 40_000]);
    cluster.run(3);
    let tries = cluster.frames.len();
    assert!(tries >= 2, "{tries}");
    assert_eq!(fate(&mut cluster, 1, sent), Err(Undelivered::NoAnswer));
    assert!(cluster.frames.len() <= 6, "{:?}", cluster.frames);
    cluster.lost_frame = |_| false;
    let sent = send(&mut cluster, 1, 2, &[0; 40_000]);
    assert_eq!(fate(&mut cluster, 1, sent), Ok(()));
}

#[test]
fn the_longest_message_arrives_and_an_empty_one() {
    for mtu in [508, 1200] {
        let mut config = Config::lan();
        config.transport.datagram_mtu = mtu;
        let mut cluster = Cluster::joined(2, &config);
        let max = cluster.node(1).directs().max_len();
        for data in [vec![7; max], Vec::new()] {
            let sent = send(&mut cluster, 1, 2, &data);
            assert_eq!(fate(&mut cluster, 1, sent), Ok(()));
            assert_eq!(received(&cluster, 2).last().unwrap().data[..], data);
        }
    }
}

#[test]
fn a_node_that_does_not_take_part_neither_sends_nor_takes() {
    let mut config = Config::lan();
    config.direct.timeout = Duration::from_secs(2);
    let mut cluster = Cluster::joined(1, &config);
    config.direct.enabled = false;
    cluster.start(2, 1, config);
    let now = cluster.now;
    cluster.node(2).join(now, 1).unwrap();
    cluster.until(10, "they have met", |cluster| cluster.nodes.values().all(|node| node.members().live() == 2));
    let now = cluster.now;
    assert_eq!(cluster.node(2).send_to(now, id(1), 0, b"x"), Err(CommandError::Disabled));
    let sent = send(&mut cluster, 1, 2, b"x");
    assert_eq!(fate(&mut cluster, 1, sent), Err(Undelivered::NoAnswer));
}

#[test]
fn messages_flow_on_past_one_that_is_never_taken() {
    let mut config = Config::lan();
    config.direct.timeout = Duration::from_secs(20);
    let mut cluster = Cluster::joined(2, &config);
    cluster.node(2).set_inbox_room(1, 0);
    let now = cluster.now;
    let stuck = cluster.node(1).send_to(now, id(2), 1, b"stuck").unwrap();
    let mut refused = 0;
    for _ in 0..8 {
        for _ in 0..200 {
            let now = cluster.now;
            refused += u32::from(cluster.node(1).send_to(now, id(2), 0, b"x").is_err());
        }
        cluster.run(1);
    }
    // No further ahead of it than the receiver's window spans.
    assert_eq!((received(&cluster, 2).len(), refused), (1022, 1600 - 1022));
    assert_eq!(fate(&mut cluster, 1, stuck), Err(Undelivered::InboxFull));
    let next = send(&mut cluster, 1, 2, b"x");
    assert_eq!(fate(&mut cluster, 1, next), Ok(()));
}
