//! Whoever sends learns how far it got, and at once if it got nowhere.

#![cfg(feature = "broadcast")]

mod cluster;

use core::time::Duration;

use cluster::{Cluster, id, is_lost};
use gossip_core::broadcast::{BroadcastError, Coverage, Delivery, MessageId, Survey};
use gossip_core::{Config, Event, Identity, Instant, Lane, Node};

fn linked(count: u64) -> Cluster {
    let mut cluster = Cluster::joined(count, &Config::lan());
    cluster
        .until(60, "all have neighbours", |cluster| cluster.nodes.values().all(|node| node.neighbours().count() > 0));
    cluster.run(5);
    cluster
}

fn send(cluster: &mut Cluster) -> MessageId {
    let now = cluster.now;
    cluster.node(1).broadcasts_mut(now).send(b"t", b"x").unwrap()
}

fn survey(cluster: &mut Cluster, id: MessageId, survey: Survey) {
    let now = cluster.now;
    cluster.node(1).broadcasts_mut(now).survey(id, survey).unwrap();
}

fn delivery(cluster: &Cluster, id: MessageId) -> Delivery {
    cluster.nodes[&1].broadcasts().delivery(id).expect("it is kept")
}

fn unacknowledged(cluster: &Cluster) -> usize {
    cluster.events[&1].iter().filter(|event| matches!(event, Event::Unacknowledged(_))).count()
}

fn ended(cluster: &Cluster, id: MessageId) -> Option<Coverage> {
    let of = |event: &Event<u64>| match event {
        Event::Coverage(of, coverage) if *of == id => Some(*coverage),
        _ => None,
    };
    cluster.events[&1].iter().find_map(of)
}

#[test]
fn who_acknowledged_a_message_is_known_soon_and_for_as_long_as_it_is_kept() {
    let mut cluster = linked(8);
    let id = send(&mut cluster);
    let at_first = delivery(&cluster, id);
    assert!(at_first.pushed > 0 && at_first.acknowledged == 0, "{at_first:?}");
    cluster.run(1);
    let soon = delivery(&cluster, id);
    assert_eq!(soon.acknowledged, soon.pushed);
    cluster.run(60);
    assert_eq!(delivery(&cluster, id), soon);
    assert_eq!(unacknowledged(&cluster), 0);
    cluster.run(160);
    assert_eq!(cluster.nodes[&1].broadcasts().delivery(id), None);
}

#[test]
fn that_nobody_acknowledged_is_told_once_and_within_a_second() {
    let mut cluster = linked(8);
    cluster.cut = |a, b| a == 1 || b == 1;
    let id = send(&mut cluster);
    cluster.run(1);
    assert_eq!(unacknowledged(&cluster), 1);
    assert_eq!(delivery(&cluster, id).acknowledged, 0);
    cluster.run(3);
    assert_eq!(unacknowledged(&cluster), 1);
}

#[test]
fn who_is_alone_is_told_at_once_and_covers_everybody() {
    let mut node = Node::new(Identity::new(id(1), 1), 1_u64, Config::lan(), [1; 32], Instant::ZERO).unwrap();
    let id = node.broadcasts_mut(Instant::ZERO).send(b"t", b"x").unwrap();
    assert_eq!(node.poll_event(), Some(Event::Unacknowledged(id)));
    node.broadcasts_mut(Instant::ZERO).survey(id, Survey::default()).unwrap();
    node.handle_timeout(Instant::ZERO + Duration::from_millis(1));
    let coverage = Coverage::default();
    assert_eq!(node.poll_event(), Some(Event::Coverage(id, coverage)));
    assert_eq!((coverage.estimate(), coverage.members), (1.0, 0));
}

#[cfg(feature = "kv")]
#[test]
fn of_what_keys_are_spread_by_the_application_is_told_nothing() {
    let mut node = Node::new(Identity::new(id(1), 1), 1_u64, Config::lan(), [1; 32], Instant::ZERO).unwrap();
    let mut now = Instant::ZERO;
    let mut events = Vec::new();
    for number in 0..10_u8 {
        node.kv_mut(now).set(gossip_core::kv::Scope::Shared, &[number], b"v").unwrap();
        now = now + Duration::from_millis(100);
        node.handle_timeout(now);
        while node.poll_transmit(now, Lane::Datagram, &mut [0; 1200]).is_some() {}
        events.extend(std::iter::from_fn(|| node.poll_event()));
    }
    assert_eq!(events.len(), 10, "{events:?}");
    assert!(events.iter().all(|event| matches!(event, Event::Kv(_))), "{events:?}");
}

#[test]
fn a_message_to_random_members_is_asked_for_and_acknowledged_or_told() {
    for reached in [true, false] {
        let mut cluster = Cluster::joined(6, &Config::lan());
        let mut lone = Node::new(Identity::new(id(7), 1), 7_u64, Config::lan(), [7; 32], cluster.now).unwrap();
        let others: Vec<_> = (2..=6).map(|at| (Identity::new(id(at), 1), at)).collect();
        lone.assume(cluster.now, others.into_iter());
        for at in 2..=6 {
            cluster.node(at).assume(Instant::ZERO, core::iter::once((Identity::new(id(7), 1), 7)));
        }
        let sent = lone.broadcasts_mut(cluster.now).send(b"t", b"x").unwrap();
        // Without its links, which need a conversation that this network does not carry.
        let mut buf = [0; 1200];
        let mut events = Vec::new();
        for _ in 0..3000 {
            let now = cluster.now;
            if lone.poll_timeout().is_some_and(|due| due <= now) {
                lone.handle_timeout(now);
            }
            while let Some(packet) = lone.poll_transmit(now, Lane::Datagram, &mut buf) {
                let tags: Vec<u8> = gossip_core::wire::section_sizes(&buf[..packet.len]).map(|(tag, _)| tag).collect();
                let passes = tags.iter().all(|tag| !matches!(*tag, gossip_core::wire::tag::LINK));
                if passes
                    && reached
                    && let Some(node) = cluster.nodes.get_mut(&packet.to)
                {
                    _ = node.handle_packet(now, Lane::Datagram, &7, &mut buf[..packet.len]);
                    let mut answer = [0; 1200];
                    while let Some(back) = node.poll_transmit(now, Lane::Datagram, &mut answer) {
                        if back.to == 7 {
                            _ = lone.handle_packet(now, Lane::Datagram, &packet.to, &mut answer[..back.len]);
                        }
                    }
                }
            }
            events.extend(core::iter::from_fn(|| lone.poll_event()));
            cluster.now = cluster.now + Duration::from_millis(1);
        }
        assert_eq!(lone.neighbours().count(), 0);
        let delivery = lone.broadcasts().delivery(sent).unwrap();
        assert_eq!(delivery.pushed, 4);
        assert_eq!((delivery.acknowledged > 0, events.contains(&Event::Unacknowledged(sent))), (reached, !reached));
    }
}

#[test]
fn a_survey_of_a_message_that_all_have_says_so() {
    let mut cluster = linked(12);
    let id = send(&mut cluster);
    survey(&mut cluster, id, Survey::default());
    cluster.run(2);
    let coverage = ended(&cluster, id).expect("it has ended");
    assert_eq!(coverage, Coverage { have: 11, asked: 11, members: 11 });
    assert_eq!((coverage.estimate(), coverage.at_least()), (1.0, 1.0));
    assert_eq!(delivery(&cluster, id).coverage, Some(coverage));
}

#[test]
fn a_survey_asks_again_on_a_network_that_loses() {
    let mut cluster = linked(12);
    cluster.lost = |packet| is_lost(packet, 300);
    let id = send(&mut cluster);
    survey(&mut cluster, id, Survey::until(1.0));
    cluster.until(10, "all have it, as far as 1 knows", |cluster| ended(cluster, id).is_some());
    assert_eq!(ended(&cluster, id).map(|coverage| coverage.estimate()), Some(1.0));
}

#[test]
fn a_survey_counts_who_has_it_not_and_ends_in_time() {
    let mut cluster = linked(12);
    cluster.cut = |a, b| (a > 9) != (b > 9);
    let id = send(&mut cluster);
    survey(&mut cluster, id, Survey::until(1.0).within(Duration::from_secs(2)));
    cluster.run(1);
    let meanwhile = delivery(&cluster, id).coverage.unwrap();
    assert_eq!((meanwhile.have, meanwhile.asked), (8, 11));
    assert_eq!(ended(&cluster, id), None);
    cluster.run(2);
    assert_eq!(ended(&cluster, id), Some(meanwhile));
    assert!(meanwhile.estimate() < 0.73);
}

#[test]
fn a_survey_ends_once_the_share_is_reached() {
    let mut cluster = linked(12);
    cluster.cut = |a, b| (a > 11) != (b > 11);
    let id = send(&mut cluster);
    survey(&mut cluster, id, Survey::until(0.9));
    cluster.run(2);
    let coverage = ended(&cluster, id).expect("it has ended");
    assert!(coverage.at_least() >= 0.9 && coverage.have < 11, "{coverage:?}");
}

#[test]
fn a_message_that_is_not_kept_cannot_be_surveyed_and_surveys_are_bounded() {
    let mut cluster = linked(40);
    let id = send(&mut cluster);
    let now = cluster.now;
    let mut broadcasts = cluster.node(1).broadcasts_mut(now);
    let never = MessageId { sequence: 99, ..id };
    assert_eq!(broadcasts.survey(never, Survey::default()), Err(BroadcastError::Gone));
    let taken = (0..1000).take_while(|_| broadcasts.survey(id, Survey::default()).is_ok()).count();
    assert_eq!(taken, 64);
    cluster.run(12);
    survey(&mut cluster, id, Survey::default());
}
