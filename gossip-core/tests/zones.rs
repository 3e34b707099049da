//! Zones: what is told stays at home for the most part, and reaches everybody all the same.

#![cfg(feature = "broadcast")]

mod cluster;

use cluster::{Cluster, id};
use gossip_core::{Config, Event};

const NODES: u64 = 24;
const MESSAGES: usize = 10;

/// The clusters that the means are taken over: one alone says much about its own dice.
const RUNS: u64 = 4;

/// A cluster of two halves in zones of their own, or in none; each generation throws dice of its own.
fn cluster(zoned: bool, generation: u64) -> Cluster {
    let mut cluster = Cluster::empty();
    for at in 1..=NODES {
        let mut config = Config::lan();
        if zoned {
            config.membership.zone = if at % 2 == 0 { "even".into() } else { "odd".into() };
        }
        cluster.start(at, generation, config);
        let now = cluster.now;
        if at > 1 {
            cluster.node(at).join(now, 1).unwrap();
        }
    }
    cluster.until(20, "all know all, and their zones", |cluster| {
        cluster.nodes.values().all(|node| {
            let members = node.members();
            members.live() as u64 == NODES && members.iter().all(|member| member.zone.is_empty() != zoned)
        })
    });
    cluster
}

/// Each node sends a few messages, one a second; answers how many milliseconds it took them to arrive everywhere, and the bytes
/// between odd and even nodes meanwhile.
fn spread(cluster: &mut Cluster) -> (u128, u64) {
    cluster.bytes.clear();
    let mut took = 0;
    for _ in 0..MESSAGES {
        cluster.events.clear();
        let start = cluster.now;
        for at in 1..=NODES {
            cluster.node(at).broadcasts_mut(start).send(b"t", &[at as u8; 600]).unwrap();
        }
        cluster.until(20, "all have all messages", |cluster| {
            (1..=NODES).all(|at| {
                let events = cluster.events.get(&at).map_or(&[][..], Vec::as_slice);
                events.iter().filter(|event| matches!(event, Event::Broadcast(_))).count() as u64 == NODES - 1
            })
        });
        took += cluster.now.since(start).as_millis();
        cluster.run(1);
    }
    (took, cluster.bytes.iter().filter(|((from, to), _)| from % 2 != to % 2).map(|(_, bytes)| bytes).sum())
}

#[test]
fn zones_take_a_third_of_the_bytes_off_the_way_between_them_and_everything_arrives_nearly_as_soon() {
    let all = |zoned| {
        let runs = (1..=RUNS).map(|generation| spread(&mut cluster(zoned, generation)));
        runs.fold((0, 0), |sum, (took, bytes)| (sum.0 + took, sum.1 + bytes))
    };
    let (plain_took, plain_bytes) = all(false);
    let (zoned_took, zoned_bytes) = all(true);
    println!("{plain_took} ms, {plain_bytes} B between the zones; {zoned_took} ms, {zoned_bytes} B");
    assert!(zoned_bytes * 3 < plain_bytes * 2, "{zoned_bytes} of {plain_bytes} bytes");
    assert!(zoned_took < plain_took * 2, "{zoned_took} ms instead of {plain_took} ms");
}

#[test]
fn a_zone_that_was_cut_off_comes_back() {
    let mut cluster = cluster(true, 1);
    cluster.cut = |from, to| from % 2 != to % 2;
    cluster.run(30);
    cluster.cut = |_, _| false;
    cluster.until(60, "one cluster again", |cluster| {
        cluster.nodes.values().all(|node| node.members().live() as u64 == NODES)
    });
    assert_eq!(cluster.nodes[&1].members().get(id(2)).map(|member| member.zone), Some(&b"even"[..]));
}
