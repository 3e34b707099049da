//! Nodes that know each other, linked by hand, for tests of what broadcast does by itself: no packets, no membership at work.

use alloc::vec::Vec;
use core::time::Duration;

use gossip_collections::VecDeque;

use super::links::{Choice, Link, Slot, Way};
use super::{Broadcast, Intent};
use crate::config::Config;
use crate::identity::{Identity, NodeId};
use crate::node::{Lane, Node};
use crate::protocol::{Cx, Protocol as _, Source};
use crate::time::Instant;
use crate::wire::ClusterKey;
use crate::wire::broadcast::Section;
use crate::wire::overlay::Advert;

pub(super) struct Lab {
    pub(super) now: Instant,
    pub(super) nodes: Vec<Node<u64>>,
    /// Adverts on their way: from whom, to whom.
    pub(super) on_the_way: VecDeque<(usize, usize, Advert)>,
    pub(super) dead: Vec<bool>,
}

fn identity(at: usize) -> Identity {
    let mut id = [0; 16];
    id[0] = at as u8 + 1;
    Identity::new(NodeId::from_bytes(id), 1)
}

impl Lab {
    /// So many nodes; the address of each is its place.
    pub(super) fn new(count: usize) -> Self {
        let now = Instant::from_micros(1_000_000);
        let node = |at: usize| {
            let me = identity(at);
            let mut node = Node::new(me, at as u64, Config::lan(), [at as u8; 32], now).expect("a valid configuration");
            let others: Vec<_> = (0..count).filter(|of| *of != at).map(|of| (identity(of), of as u64)).collect();
            node.assume(now, others.into_iter());
            node
        };
        Self {
            now,
            nodes: (0..count).map(node).collect(),
            on_the_way: VecDeque::new(),
            dead: alloc::vec![false; count],
        }
    }

    pub(super) fn short(at: usize) -> u32 {
        ClusterKey::new("").short(identity(at))
    }

    /// The node whose short name is the lowest of those that live.
    pub(super) fn lowest(&self) -> usize {
        (0..self.nodes.len()).filter(|at| !self.dead[*at]).min_by_key(|at| Self::short(*at)).expect("a node")
    }

    pub(super) fn parts(&mut self, at: usize) -> (&mut Broadcast<u64>, Cx<'_, u64>) {
        self.nodes[at].broadcast_parts(self.now)
    }

    /// Links two nodes; nobody asks them.
    pub(super) fn link(&mut self, a: usize, b: usize, rtt: Duration) {
        for (at, other) in [(a, b), (b, a)] {
            let (broadcast, cx) = self.parts(at);
            let row = cx.table.find(identity(other).id).expect("a member");
            let link = Link::new(cx.now, row, identity(other), other as u64, Way::new(rtt));
            let link = Link { mine: Some(Choice::Near), theirs: true, ..link };
            broadcast.links.insert(link).expect("room for a link");
            broadcast.tree.dirty = true;
        }
    }

    pub(super) fn slot(&mut self, at: usize, of: usize) -> Option<Slot> {
        let (broadcast, cx) = self.parts(at);
        let row = cx.table.find(identity(of).id)?;
        broadcast.links.find(row)
    }

    /// Whom a node's link leads to.
    pub(super) fn other(&mut self, at: usize, slot: Slot) -> usize {
        self.parts(at).0.links.get(slot).expect("a link").addr as usize
    }

    /// What a node does about the tree in its own time.
    pub(super) fn tend(&mut self, at: usize) {
        let (broadcast, mut cx) = self.parts(at);
        broadcast.tend_tree(&mut cx);
        self.collect(at);
    }

    /// Hands over the advert at a place of the queue.
    pub(super) fn deliver(&mut self, place: usize) {
        let Some((from, to, advert)) = self.on_the_way.remove(place) else { return };
        self.hand_over(from, to, advert);
    }

    pub(super) fn hand_over(&mut self, from: usize, to: usize, advert: Advert) {
        if self.dead[to] {
            return;
        }
        let (broadcast, mut cx) = self.parts(to);
        let row = cx.table.find(identity(from).id);
        let addr = from as u64;
        let source = Source { addr: &addr, sender: identity(from), row, answer: usize::MAX, lane: Lane::Datagram };
        broadcast.handle(&mut cx, &source, Section::Advert(advert));
        self.collect(to);
    }

    fn collect(&mut self, at: usize) {
        while let Some((to, intent)) = self.parts(at).0.poll_intent(Lane::Datagram) {
            if let Intent::Advert(advert) = intent {
                self.on_the_way.push_back((at, to.addr as usize, advert));
            }
        }
    }

    /// Runs for a while in steps of 5 ms; `arrives` decides of each advert.
    pub(super) fn run(&mut self, time: Duration, mut arrives: impl FnMut() -> bool) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + Duration::from_millis(5);
            for at in 0..self.nodes.len() {
                if !self.dead[at] {
                    self.tend(at);
                }
            }
            for _ in 0..self.on_the_way.len() {
                if arrives() {
                    self.deliver(0);
                } else {
                    self.on_the_way.pop_front();
                }
            }
        }
    }

    /// A node is gone: its neighbours give the links up, and the table knows.
    pub(super) fn kill(&mut self, gone: usize) {
        self.dead[gone] = true;
        for at in 0..self.nodes.len() {
            if let Some(slot) = self.slot(at, gone) {
                self.parts(at).0.remove_link(slot);
            }
            if at != gone {
                let (_, cx) = self.parts(at);
                cx.table.bury(identity(gone).id);
            }
        }
    }
}
