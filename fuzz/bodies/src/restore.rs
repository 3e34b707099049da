//! Snapshots, right and wrong, taken over by a node that then goes on.

use std::time::Duration;

use gossip_core::Instant;
use gossip_core::kv::{Scope, Version, Writes};

use crate::input::Input;
use crate::limits::small_config;
use crate::node::Subject;
use crate::snapshot::{mutate, seal};

/// How every snapshot begins.
const MAGIC: &[u8] = b"gossip-snapshot\x02";

/// A snapshot out of the bytes: any, or one that a node wrote, with changes. What is refused changes nothing; from what is
/// taken over the same snapshot comes again and again, and the node goes on.
///
/// # Panics
/// If the node does, if it breaks a limit or holds more memory than snapshot and limits allow, or if a second snapshot
/// differs from the first.
pub fn restore(bytes: &[u8]) {
    let mut input = Input(bytes);
    let config = small_config(&mut input);
    let mut node = Subject::new(1, &config);
    for _ in 0..=input.below(3) {
        let snapshot = snapshot(&mut input);
        let before = node.in_full();
        if !node.restore(Instant::ZERO, &snapshot) {
            assert_eq!(node.in_full(), before, "what was refused has changed nothing");
        }
        node.check();
        let remembered = node.node().snapshot().to_vec();
        let mut heir = Subject::new(1, &config);
        assert!(heir.restore(Instant::ZERO, &remembered), "a node takes over what it wrote");
        assert_eq!(heir.node().snapshot().to_vec(), remembered, "and remembers the same");
        heir.check();
    }
    go_on(&mut node, &mut input);
}

/// Any snapshot.
fn snapshot(input: &mut Input<'_>) -> Vec<u8> {
    match input.below(4) {
        0 => written(input),
        1 => journal(input),
        2 => {
            let mut snapshot = [MAGIC, input.bytes(255), &[0; 8]].concat();
            seal(&mut snapshot);
            snapshot
        }
        _ => input.bytes(255).to_vec(),
    }
}

/// What a node wrote, changed.
fn written(input: &mut Input<'_>) -> Vec<u8> {
    let mut author = Subject::new(1 + input.below(3) as u64, &small_config(&mut Input(&[])));
    for _ in 0..input.below(24) {
        write(&mut author, input);
    }
    let mut snapshot = author.node().snapshot().to_vec();
    mutate(&mut snapshot, input);
    snapshot
}

/// What a node wrote as it goes to a journal, changed.
fn journal(input: &mut Input<'_>) -> Vec<u8> {
    let mut author = Subject::new(1 + input.below(3) as u64, &small_config(&mut Input(&[])));
    let mut writes = Writes::default();
    for _ in 0..input.below(8) {
        if let Some(version) = write(&mut author, input) {
            assert!(writes.push(author.node().kv(), version), "it was just written");
        }
    }
    let mut snapshot = writes.take();
    mutate(&mut snapshot, input);
    snapshot
}

/// A write of one of a few keys, unless it is refused.
fn write(author: &mut Subject, input: &mut Input<'_>) -> Option<Version> {
    let now = Instant::from_micros(input.number());
    let scope = if input.flag() { Scope::Own(author.node().identity().id) } else { Scope::Shared };
    let (key, value) = ([b'a' + input.byte() % 8], input.bytes(64));
    author.attempt(|node| match value {
        [] => node.kv_mut(now).delete(scope, &key),
        value => node.kv_mut(now).set(scope, &key, value),
    })
}

/// The node writes, meets another that knows nothing, and gives it what it has.
fn go_on(node: &mut Subject, input: &mut Input<'_>) {
    let mut now = Instant::ZERO;
    let mut other = Subject::new(2, &node.node().config().clone());
    _ = other.attempt(|other| other.join(now, 1));
    for _ in 0..8 {
        _ = write(node, input);
        now = now + Duration::from_millis(50 + input.number() % 500);
        for _ in 0..2 {
            pass_on(now, (1, node), (2, &mut other));
            pass_on(now, (2, &mut other), (1, node));
        }
        node.poll_events(usize::from(input.byte()));
        node.check();
        other.check();
    }
}

/// All packets of one that are for the other arrive there.
fn pass_on(now: Instant, (from, sender): (u64, &mut Subject), (to, receiver): (u64, &mut Subject)) {
    let mut sent = Vec::new();
    sender.tick(now, |address, packet| {
        if address == to {
            sent.push(packet.to_vec());
        }
    });
    for mut packet in sent {
        receiver.receive(now, from, &mut packet);
    }
}
