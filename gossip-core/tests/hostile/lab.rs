//! Nodes that hear each other at once, with somebody among them who sends what he likes from any address.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gossip_core::wire::{ClusterKey, Writer};
use gossip_core::{Config, Identity, Instant, Lane, Node, NodeId, PacketError, Transmit};

/// More packets than that are never due at one moment.
const MAX_BURST: usize = 20_000;

pub(crate) struct Lab {
    pub(crate) now: Instant,
    pub(crate) nodes: BTreeMap<u64, Node<u64>>,
    /// What was sent to addresses where nobody is, from the last look on.
    pub(crate) outside: Vec<(u64, Vec<u8>)>,
    /// All that one node sent to another.
    pub(crate) heard: Vec<(u64, u64, Vec<u8>)>,
}

/// The id of the node at an address.
pub(crate) fn id(at: u64) -> NodeId {
    NodeId::from_name(&format!("n{at}"))
}

impl Lab {
    /// Nodes 1 to `count`, who all know each other.
    pub(crate) fn new(count: u64, config: &Config) -> Self {
        Self::seeded(count, config, 0)
    }

    pub(crate) fn seeded(count: u64, config: &Config, seed: u8) -> Self {
        let mut lab = Self { now: Instant::ZERO, nodes: BTreeMap::new(), outside: Vec::new(), heard: Vec::new() };
        for at in 1..=count {
            let me = Identity::new(id(at), 1_700_000_000_000);
            let seed = [at as u8 + seed; 32];
            let mut node = Node::new(me, at, config.clone(), seed, lab.now).expect("a valid configuration");
            node.handle_wall_clock(lab.now, 1_700_000_000_000);
            if at > 1 {
                node.join(lab.now, 1).expect("room for a contact");
            }
            lab.nodes.insert(at, node);
        }
        lab.run(10);
        assert!(lab.nodes.values().all(|node| node.members().live() as u64 == count));
        lab
    }

    pub(crate) fn node(&mut self, at: u64) -> &mut Node<u64> {
        self.nodes.get_mut(&at).expect("a node")
    }

    pub(crate) fn identity(&self, at: u64) -> Identity {
        self.nodes[&at].identity()
    }

    /// Hands a node a packet that seems to come from `from`.
    pub(crate) fn forge(&mut self, from: u64, to: u64, packet: &[u8]) -> Result<(), PacketError> {
        let now = self.now;
        self.node(to).handle_packet(now, Lane::Datagram, &from, &mut packet.to_vec())
    }

    /// Runs until nothing is due at this moment; how many packets that took.
    pub(crate) fn settle(&mut self) -> usize {
        let (mut buf, mut count) = ([0; 1200], 0);
        let mut on_the_way: VecDeque<(u64, u64, Vec<u8>)> = VecDeque::new();
        loop {
            for (at, node) in &mut self.nodes {
                while let Some(Transmit { to, len }) = node.poll_transmit(self.now, Lane::Datagram, &mut buf) {
                    count += 1;
                    assert!(count < MAX_BURST, "no end of packets at one moment");
                    on_the_way.push_back((*at, to, buf[..len].to_vec()));
                }
            }
            let Some((from, to, mut packet)) = on_the_way.pop_front() else { return count };
            let Some(node) = self.nodes.get_mut(&to) else {
                self.outside.push((to, packet));
                continue;
            };
            self.heard.push((from, to, packet.clone()));
            _ = node.handle_packet(self.now, Lane::Datagram, &from, &mut packet);
        }
    }

    /// Runs until the next deadline has been acted on; how many packets that took.
    pub(crate) fn step(&mut self) -> usize {
        self.now = self.due().map_or(self.now, |due| due.max(self.now)) + Duration::from_micros(10);
        for node in self.nodes.values_mut() {
            if node.poll_timeout().is_some_and(|due| due <= self.now) {
                node.handle_timeout(self.now);
            }
        }
        self.settle()
    }

    fn due(&self) -> Option<Instant> {
        self.nodes.values().filter_map(Node::poll_timeout).min()
    }

    /// Runs for so many seconds; how many packets that took.
    pub(crate) fn run(&mut self, seconds: u64) -> usize {
        let end = self.now + Duration::from_secs(seconds);
        let mut count = self.settle();
        while self.due().is_some_and(|due| due <= end) {
            count += self.step();
        }
        self.now = self.now.max(end);
        count
    }
}

/// A packet of the cluster without a label, its checksum right.
pub(crate) fn packet(sender: Identity, full: bool, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let (key, mut ids, mut buf) = (ClusterKey::new(""), Vec::new(), vec![0; 1200]);
    let mut writer = Writer::new(&mut buf, &mut ids, &key, sender, full).expect("room for a header");
    write(&mut writer);
    let len = writer.finish(&key);
    buf.truncate(len);
    buf
}

/// Makes the checksum fit.
pub(crate) fn fix(packet: &mut [u8]) {
    if packet.len() >= 5 {
        let sum = ClusterKey::new("").checksum(packet);
        packet[1..5].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Numbers from a seed (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.number() as u8).collect()
    }
}
