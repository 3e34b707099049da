//! Who sends more than can be sent is told so, and nothing that was taken is lost.

#![cfg(feature = "broadcast")]

mod cluster;

use core::time::Duration;

use cluster::{Cluster, id};
use gossip_core::broadcast::{BroadcastError, Class};
use gossip_core::{Config, Event, Identity, Instant, Node};

fn delivered(cluster: &Cluster, at: u64) -> usize {
    cluster.events[&at].iter().filter(|event| matches!(event, Event::Broadcast(_))).count()
}

/// Sends until the node takes no more; how many it took, and when to try again.
fn flood(cluster: &mut Cluster, class: Class, bytes: usize) -> (usize, Duration) {
    let now = cluster.now;
    for taken in 0.. {
        match cluster.node(1).broadcasts_mut(now).send_with(class, b"t", &vec![7; bytes]) {
            Ok(_) => (),
            Err(BroadcastError::Busy { retry_after }) => return (taken, retry_after),
            Err(other) => panic!("{other}"),
        }
    }
    unreachable!("it takes for ever")
}

/// Five members that may send so many bytes a second, with their links.
fn slow(rate: u64) -> Cluster {
    let config = Config { max_bytes_per_second: rate, ..Config::lan() };
    let mut cluster = Cluster::joined(5, &config);
    cluster.until(60, "1 has neighbours", |cluster| cluster.nodes[&1].neighbours().count() > 1);
    cluster.run(5);
    cluster
}

#[test]
fn all_that_was_taken_before_a_node_is_busy_arrives_everywhere() {
    let mut cluster = slow(200_000);
    let (taken, retry_after) = flood(&mut cluster, Class::Normal, 1000);
    assert!((100..2000).contains(&taken), "{taken}");
    assert!(retry_after >= Duration::from_millis(10));
    assert_eq!(cluster.nodes[&1].stats().broadcast_busy, 1);
    cluster.until(120, "all have all", |cluster| (2..=5).all(|at| delivered(cluster, at) == taken));
    let stats = cluster.nodes[&1].stats();
    assert_eq!((stats.broadcast_outbox_full, stats.broadcast_outdated, stats.broadcast_unfit), (0, 0, 0));
}

#[test]
fn a_busy_node_says_when_there_is_room_again() {
    let mut cluster = slow(1_000_000);
    flood(&mut cluster, Class::Normal, 1000);
    let mut waited = Duration::ZERO;
    loop {
        let (taken, retry_after) = flood(&mut cluster, Class::Normal, 1000);
        if taken > 10 {
            break;
        }
        cluster.run_for(retry_after);
        waited += retry_after;
        assert!(waited < Duration::from_secs(20), "it stays busy");
    }
}

#[test]
fn many_small_messages_fill_the_queue_of_their_class_alone() {
    let mut cluster = slow(100_000);
    let (taken, _) = flood(&mut cluster, Class::Bulk, 1);
    assert!((1000..=2100).contains(&taken), "{taken}");
    let now = cluster.now;
    cluster.node(1).broadcasts_mut(now).send_with(Class::Urgent, b"t", b"first").expect("room for another class");
    let queues = cluster.nodes[&1].queues().broadcast;
    assert!(queues.outbox.peak > 1000 && queues.outbox.peak <= queues.outbox.limit / 2 + 1, "{queues:?}");
}

#[test]
fn without_neighbours_a_node_is_busy_before_it_drops_anything() {
    let mut node = Node::new(Identity::new(id(1), 1), 1_u64, Config::lan(), [1; 32], Instant::ZERO).unwrap();
    node.assume(Instant::ZERO, (2..=20_u64).map(|at| (Identity::new(id(at), 1), at)).collect::<Vec<_>>().into_iter());
    let taken = (0..100_000).find(|_| {
        let sent = node.broadcasts_mut(Instant::ZERO).send(b"t", &[7; 1000]);
        matches!(sent, Err(BroadcastError::Busy { .. }))
    });
    assert!(taken.is_some_and(|taken| taken > 50), "{taken:?}");
    assert_eq!(node.stats().dropped_intents, 0);
}
