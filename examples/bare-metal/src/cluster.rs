//! Nodes in one program, a lossless wire between them, and a clock that stands still while they work.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use gossip_core::config::{KvConfig, MembershipConfig, TransportConfig};
use gossip_core::{Config, Identity, Instant, Lane, Node, NodeId, Transmit};

use crate::memory;

/// The most members, and the most nodes of this program.
pub const MEMBERS: usize = 32;

/// The longest packet: every path of the Internet carries it.
const MTU: usize = 508;

/// How long a packet is under way.
const DELAY: Duration = Duration::from_millis(1);

/// A packet under way. The address of a node is its place in the cluster.
struct Packet {
    from: u64,
    to: u64,
    due: Instant,
    bytes: Vec<u8>,
}

/// The nodes, the wire and the clock.
pub struct Cluster {
    nodes: Vec<Box<Node<u64>>>,
    wire: VecDeque<Packet>,
    now: Instant,
}

impl Cluster {
    pub fn new() -> Self {
        Self { nodes: Vec::new(), wire: VecDeque::new(), now: Instant::ZERO }
    }

    /// Starts a further node, which joins through the first.
    pub fn start(&mut self) {
        let (place, now) = (self.nodes.len(), self.now);
        let node = memory::on_account(place, || {
            let me = Identity::new(NodeId::from_bytes([place as u8; 16]), 1);
            // A real node's seed comes from a source of randomness: nobody must be able to guess it.
            let node = Node::new(me, place as u64, config(), [place as u8; 32], now);
            Box::new(node.expect("the configuration is valid"))
        });
        self.nodes.push(node);
        if place > 0 {
            self.with(place, |node, now| node.join(now, 0).expect("the node does not leave"));
        }
        self.drive(place);
    }

    /// Lets the application of a node work with it.
    pub fn with<T>(&mut self, place: usize, work: impl FnOnce(&mut Node<u64>, Instant) -> T) -> T {
        memory::on_account(place, || work(&mut self.nodes[place], self.now))
    }

    /// Lets time pass until something holds of each node, and says how long that took; at most a minute.
    pub fn run_until(&mut self, holds: &dyn Fn(&Node<u64>) -> bool) -> Option<Duration> {
        let start = self.now;
        while !self.nodes.iter().all(|node| holds(node)) {
            let deadlines = self.nodes.iter().filter_map(|node| node.poll_timeout());
            let next = deadlines.chain(self.wire.front().map(|packet| packet.due)).min()?;
            self.now = self.now.max(next);
            if self.now.since(start) > Duration::from_secs(60) {
                return None;
            }
            self.deliver();
            for place in 0..self.nodes.len() {
                if self.nodes[place].poll_timeout().is_some_and(|deadline| deadline <= self.now) {
                    self.with(place, |node, now| node.handle_timeout(now));
                    self.drive(place);
                }
            }
        }
        Some(self.now.since(start))
    }

    /// Hands over the packets that have arrived.
    fn deliver(&mut self) {
        while self.wire.front().is_some_and(|packet| packet.due <= self.now) {
            let Some(Packet { from, to, mut bytes, .. }) = self.wire.pop_front() else { return };
            // What is wrong with a packet the node counts; there is nothing to be done about it.
            _ = self.with(to as usize, |node, now| node.handle_packet(now, Lane::Datagram, &from, &mut bytes));
            self.drive(to as usize);
        }
    }

    /// What follows any call that may have changed a node: its packets go out, and its events are taken.
    fn drive(&mut self, place: usize) {
        let mut buf = [0; MTU];
        while let Some(Transmit { to, len }) =
            self.with(place, |node, now| node.poll_transmit(now, Lane::Datagram, &mut buf))
        {
            let (from, due) = (place as u64, self.now + DELAY);
            self.wire.push_back(Packet { from, to, due, bytes: buf[..len].to_vec() });
        }
        self.with(place, |node, _| while node.poll_event().is_some() {});
    }
}

/// A small node: room for these members, and for some keys.
fn config() -> Config {
    Config {
        max_events: 16,
        transport: TransportConfig { datagram_mtu: MTU, stream: None },
        membership: MembershipConfig { max_members: MEMBERS, max_metadata: 32, ..MembershipConfig::default() },
        kv: KvConfig { max_value: 256, max_entries: 64, max_writers: 64, max_awaited: 1, ..KvConfig::default() },
        ..Config::lan()
    }
}
