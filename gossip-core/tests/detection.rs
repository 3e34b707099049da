//! Who is held down, by whom, and who is not.

mod cluster;

use std::time::Duration;

use cluster::{Cluster, id};
use gossip_core::{Config, Event, Instant, MemberChange, Node, NodeId, Status};

/// Who holds `of` down.
fn down_at(cluster: &Cluster, of: u64) -> Vec<u64> {
    cluster.nodes.keys().copied().filter(|at| cluster.status(of, *at) == Some(Status::Down)).collect()
}

fn held_down_by(cluster: &Cluster, at: u64) -> usize {
    cluster.nodes[&at].members().iter().filter(|member| member.status == Status::Down).count()
}

fn verdicts(cluster: &Cluster) -> u64 {
    cluster.nodes.values().map(|node| node.stats().verdicts).sum()
}

/// What a node said of others since the last look.
fn accusations(cluster: &mut Cluster, at: u64) -> Vec<(NodeId, MemberChange)> {
    let events = std::mem::take(cluster.events.get_mut(&at).unwrap());
    let batches = events.into_iter().filter_map(|event| match event {
        Event::Members(batch) => Some(batch),
        _ => None,
    });
    let bad = |change| matches!(change, MemberChange::Suspect | MemberChange::Down);
    batches.flatten().filter(|event| bad(event.change)).map(|event| (event.id, event.change)).collect()
}

#[test]
fn a_member_that_one_observer_does_not_hear_is_not_even_suspected() {
    let mut cluster = Cluster::joined(6, &Config::lan());
    cluster.cut = |a, b| (a.min(b), a.max(b)) == (1, 2);
    cluster.run(120);
    assert_eq!((accusations(&mut cluster, 1), verdicts(&cluster)), (vec![], 0));
    assert!(cluster.node(1).stats().probes > 120, "it asked again and again");
}

#[test]
fn a_member_that_answers_anybody_is_not_held_down() {
    let mut cluster = Cluster::joined(6, &Config::lan());
    cluster.cut = |a, b| (a == 2 || b == 2) && a != 3 && b != 3;
    cluster.run(300);
    assert_eq!((verdicts(&cluster), down_at(&cluster, 2)), (0, vec![]));
    let suspicions: u64 = cluster.nodes.values().map(|node| node.stats().suspicions).sum();
    let vetoes: u64 = cluster.nodes.values().map(|node| node.stats().vetoes).sum();
    assert!(suspicions > 0 && vetoes > 0, "{suspicions} suspicions, {vetoes} vetoes");
}

#[test]
fn one_of_two_nodes_decides_alone() {
    let mut cluster = Cluster::joined(2, &Config::lan());
    cluster.crash(2);
    cluster.until(8, "1 holds 2 down", |cluster| down_at(cluster, 2) == [1]);
    let why = cluster.nodes[&1].members().why(id(2)).unwrap();
    assert_eq!((why.by, &why.confirmed[..]), (id(1), &[id(1)][..]));
}

#[test]
fn the_crash_of_one_of_three_or_four_is_decided() {
    for count in [3, 4] {
        let mut cluster = Cluster::joined(count, &Config::lan());
        cluster.crash(2);
        cluster.until(8, "all hold 2 down", |cluster| down_at(cluster, 2).len() as u64 == count - 1);
        let deciders: Vec<_> = cluster.nodes.values().filter(|node| node.stats().verdicts > 0).collect();
        let why = deciders[0].members().why(id(2)).unwrap();
        assert_eq!(why.confirmed.len() as u64, (count - 1).min(3), "all that are alive confirm");
    }
}

#[test]
fn the_last_of_four_nodes_holds_three_quarters_down() {
    let mut cluster = Cluster::joined(4, &Config::lan());
    (2..=4).for_each(|at| cluster.crash(at));
    cluster.until(30, "1 holds all others down", |cluster| held_down_by(cluster, 1) == 3);
}

#[test]
fn the_last_of_many_nodes_holds_no_more_than_three_quarters_down() {
    for count in [5, 8, 12] {
        let mut cluster = Cluster::joined(count, &Config::lan());
        (2..=count).for_each(|at| cluster.crash(at));
        cluster.run(300);
        assert!(4 * held_down_by(&cluster, 1) as u64 <= 3 * count, "{count} nodes: {}", held_down_by(&cluster, 1));
    }
}

#[test]
fn a_majority_that_crashes_is_held_down_by_those_who_are_left() {
    for (count, left) in [(5, 2), (6, 2), (7, 3), (12, 4)] {
        let mut cluster = Cluster::joined(count, &Config::lan());
        (left + 1..=count).for_each(|at| cluster.crash(at));
        let dead = (count - left) as usize;
        let decided = |cluster: &Cluster| cluster.nodes.keys().all(|at| held_down_by(cluster, *at) == dead);
        cluster.until(60, &format!("{dead} of {count} are down"), decided);
    }
}

#[test]
fn a_node_that_wakes_accuses_nobody() {
    for pause in [1, 2, 5, 10, 30] {
        let mut cluster = Cluster::joined(8, &Config::lan());
        cluster.run(20);
        accusations(&mut cluster, 3);
        cluster.paused.insert(3);
        cluster.run(pause);
        cluster.paused.clear();
        cluster.run(20);
        assert_eq!(accusations(&mut cluster, 3), [], "{pause} s");
        assert_eq!((cluster.node(3).stats().verdicts, down_at(&cluster, 3)), (0, vec![]), "{pause} s");
    }
}

#[test]
fn a_node_that_was_held_down_while_it_slept_is_back_at_once() {
    let mut cluster = Cluster::joined(8, &Config::lan());
    cluster.paused.insert(3);
    cluster.until(20, "all others hold 3 down", |cluster| down_at(cluster, 3).len() == 7);
    cluster.paused.clear();
    cluster.until(2, "3 is back", |cluster| down_at(cluster, 3).is_empty());
}

#[test]
fn an_observer_that_hears_nobody_abstains() {
    let mut cluster = Cluster::joined(8, &Config::lan());
    cluster.events.get_mut(&4).unwrap().clear();
    cluster.cut = |_, to| to == 4;
    cluster.run(120);
    assert_eq!(accusations(&mut cluster, 4), []);
    let stats = cluster.node(4).stats();
    assert!((stats.verdicts, stats.suspicions) == (0, 0) && stats.abstentions > 0, "{stats:?}");
    // The others hold it down, and nobody else.
    let mut others: Vec<u64> = (1..=8).filter(|at| *at != 4).collect();
    assert_eq!(down_at(&cluster, 4), others);
    others.retain(|of| !down_at(&cluster, *of).is_empty());
    assert_eq!(others, [0; 0]);
}

/// Two nodes; the first pings once a minute, the second once a second.
fn slow_and_brisk() -> Cluster {
    let mut slow = Config::lan();
    slow.membership.probe_interval = Duration::from_secs(60);
    slow.membership.suspicion.patience = Duration::from_secs(60);
    let mut cluster = Cluster::empty();
    cluster.start(1, 1, slow);
    cluster.start(2, 1, Config::lan());
    cluster.node(2).join(Instant::ZERO, 1).unwrap();
    cluster.run(30);
    cluster
}

#[test]
fn a_promised_ping_that_does_not_come_is_noticed_within_a_period_or_two() {
    for after in 0..10 {
        let mut cluster = slow_and_brisk();
        cluster.run(after);
        cluster.crash(2);
        // One period in five is not promised; then two pings and the help of nobody.
        cluster.until(4, "1 suspects 2", |cluster| cluster.status(2, 1) == Some(Status::Suspect));
    }
}

#[test]
fn promises_that_are_kept_raise_no_doubt() {
    let mut cluster = slow_and_brisk();
    let probes = |node: &Node<u64>| node.stats().probes;
    let before = probes(&cluster.nodes[&1]);
    cluster.run(50);
    assert!(probes(&cluster.nodes[&1]) - before <= 1);
    assert_eq!(accusations(&mut cluster, 1), []);
}

#[test]
fn what_is_heard_of_a_member_is_when_it_pinged_and_how_soon_it_answers() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    cluster.run(10);
    let heard = cluster.nodes[&1].members().hearing(id(2)).unwrap();
    assert!(heard.pinged.is_some_and(|at| at <= cluster.now && cluster.now.since(at) < Duration::from_secs(5)));
    assert!((9..15).contains(&heard.round_trip.unwrap().as_millis()), "{heard:?}");
    assert_eq!(cluster.nodes[&1].members().hearing(id(9)), None);
}

#[test]
fn a_member_that_is_held_down_tells_why() {
    let mut cluster = Cluster::joined(8, &Config::lan());
    cluster.crash(5);
    cluster.until(8, "all hold 5 down", |cluster| down_at(cluster, 5).len() == 7);
    let deciders: Vec<NodeId> =
        cluster.nodes.iter().filter(|(_, node)| node.stats().verdicts > 0).map(|(at, _)| id(*at)).collect();
    for (at, node) in &cluster.nodes {
        let why = node.members().why(id(5)).unwrap();
        assert!(deciders.contains(&why.by) && why.at <= cluster.now, "at {at}: {why:?}");
        if why.by == id(*at) {
            assert!(why.confirmed.len() >= 3 && why.accused.is_some_and(|by| why.confirmed.contains(&by)), "{why:?}");
        } else {
            assert_eq!(why.accused, why.confirmed.first().copied(), "at {at}: {why:?}");
        }
        assert_eq!(node.members().why(id(1)), None);
    }
    assert!(cluster.nodes.values().any(|node| {
        let why = node.members().why(id(5)).unwrap();
        why.by != node.identity().id && why.confirmed.contains(&node.identity().id)
    }));
    cluster.start(5, 2, Config::lan());
    let now = cluster.now;
    cluster.node(5).join(now, 1).unwrap();
    cluster.until(8, "5 is back", |cluster| down_at(cluster, 5).is_empty());
    assert!(cluster.nodes.values().all(|node| node.members().why(id(5)).is_none()));
}

#[test]
fn a_member_whose_datagrams_are_lost_lives_as_long_as_frames_get_through() {
    let mut config = Config::lan();
    config.transport.stream = Some(64 << 10);
    let mut cluster = Cluster::joined(3, &config);
    cluster.run(10);
    cluster.cut_datagrams = |a, b| a == 3 || b == 3;
    cluster.run(60);
    assert!(cluster.nodes.values().all(|node| node.members().live() == 3));
    cluster.cut = |a, b| a == 3 || b == 3;
    cluster.until(20, "3 is held down", |cluster| cluster.nodes[&1].members().live() == 2);
}
