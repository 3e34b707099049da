//! Nodes that are driven in different ways are members of one cluster.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gossip_core::kv::Scope;
use gossip_examples::Driven;
use gossip_examples::blocking::Blocking;
use gossip_examples::polled::Polled;

const TURN: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);

/// A node of one kind writes a key, one of the other kind joins it and reads it.
fn meet<A: Driven + Send, B: Driven>() {
    let anywhere = ([127, 0, 0, 1], 0).into();
    let (mut a, mut b) = (A::bind(anywhere).unwrap(), B::bind(anywhere).unwrap());
    let contact = a.local_addr();
    let (node, now) = a.node();
    node.kv_mut(now).set(Scope::Shared, b"color", b"blue").unwrap();
    let (node, now) = b.node();
    node.join(now, contact).unwrap();

    let (done, end) = (AtomicBool::new(false), Instant::now() + PATIENCE);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) && Instant::now() < end {
                a.turn(TURN).unwrap();
            }
        });
        while b.node().0.kv().get(Scope::Shared, b"color").is_none() && Instant::now() < end {
            b.turn(TURN).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    let color = b.node().0.kv().get(Scope::Shared, b"color").map(|entry| entry.value.to_vec());
    assert_eq!(color.as_deref(), Some(&b"blue"[..]), "not within {PATIENCE:?}");
    assert_eq!(b.node().0.members().live(), 2);
}

#[test]
fn a_polled_node_joins_one_on_a_thread_that_blocks() {
    meet::<Blocking, Polled>();
}

#[test]
fn a_node_on_a_thread_that_blocks_joins_a_polled_one() {
    meet::<Polled, Blocking>();
}
