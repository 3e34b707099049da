//! A few nodes on one clock with a fixed latency, for tests of one behaviour at a time.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gossip_core::{Config, Event, Identity, Instant, Lane, Node, NodeId, Status, Transmit};

const LATENCY: Duration = Duration::from_millis(5);

pub struct Cluster {
    pub now: Instant,
    pub nodes: BTreeMap<u64, Node<u64>>,
    pub events: BTreeMap<u64, Vec<Event<u64>>>,
    /// Pairs between which nothing gets through.
    pub cut: fn(u64, u64) -> bool,
    /// Whether no datagram gets from the one to the other, though frames do.
    pub cut_datagrams: fn(u64, u64) -> bool,
    /// Of a packet with this number, whether it is lost.
    pub lost: fn(u64) -> bool,
    /// Nodes that do not run; what is sent to them waits in their sockets.
    pub paused: BTreeSet<u64>,
    /// Of a datagram with this number, the copies that arrive: how many milliseconds late each.
    pub copies: fn(u64) -> &'static [u64],
    /// Of a frame to this node, whether it is lost.
    pub lost_frame: fn(u64) -> bool,
    /// The frames sent: from whom, to whom, how long.
    pub frames: Vec<(u64, u64, usize)>,
    /// How many datagrams were sent to each.
    pub sent_to: BTreeMap<u64, u64>,
    /// By when they arrive, then in the order in which they were sent.
    packets: BTreeMap<(Instant, u64), Carried>,
    carried: u64,
    sent: u64,
    /// Bytes of datagrams, by sender and receiver.
    pub bytes: BTreeMap<(u64, u64), u64>,
}

/// By which way, from whom, to whom, and the packet.
type Carried = (Lane, u64, u64, Vec<u8>);

pub fn id(at: u64) -> NodeId {
    NodeId::from_name(&format!("n{at}"))
}

impl Cluster {
    /// Nodes 1 to `count`, the others joining through 1; run until all know all.
    pub fn joined(count: u64, config: &Config) -> Self {
        let mut cluster = Self::empty();
        for at in 1..=count {
            cluster.start(at, 1, config.clone());
            if at > 1 {
                cluster.node(at).join(Instant::ZERO, 1).unwrap();
            }
        }
        cluster.until(20, "all know all", |cluster| {
            cluster.nodes.values().all(|node| node.members().live() as u64 == count)
        });
        cluster
    }

    pub fn empty() -> Self {
        Self {
            now: Instant::ZERO,
            nodes: BTreeMap::new(),
            events: BTreeMap::new(),
            cut: |_, _| false,
            cut_datagrams: |_, _| false,
            lost: |_| false,
            paused: BTreeSet::new(),
            copies: |_| &[0],
            lost_frame: |_| false,
            frames: Vec::new(),
            sent_to: BTreeMap::new(),
            packets: BTreeMap::new(),
            carried: 0,
            sent: 0,
            bytes: BTreeMap::new(),
        }
    }

    pub fn start(&mut self, at: u64, generation: u64, config: Config) {
        let mut seed = [at as u8; 32];
        seed[0] = generation as u8;
        let mut node = Node::new(Identity::new(id(at), generation), at, config, seed, self.now).unwrap();
        node.handle_wall_clock(self.now, 1_700_000_000_000);
        self.nodes.insert(at, node);
    }

    /// Whether all have seen and hold the same keys.
    #[cfg(feature = "kv")]
    pub fn is_same(&self) -> bool {
        let mut fingerprints = self.nodes.values().map(|node| node.kv().fingerprint());
        let first = fingerprints.next();
        fingerprints.all(|fingerprint| Some(fingerprint) == first)
    }

    /// Stops a node without notice.
    pub fn crash(&mut self, at: u64) {
        self.nodes.remove(&at);
    }

    pub fn node(&mut self, at: u64) -> &mut Node<u64> {
        self.nodes.get_mut(&at).unwrap()
    }

    pub fn status(&self, of: u64, at: u64) -> Option<Status> {
        self.nodes[&at].members().get(id(of)).map(|member| member.status)
    }

    /// How many datagrams were sent.
    pub fn datagrams(&self) -> u64 {
        self.sent
    }

    /// Runs until something holds; fails if it does not within so many seconds.
    pub fn until(&mut self, seconds: u64, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(seconds);
        while !holds(self) {
            assert!(self.now < end, "not within {seconds} s: {what}");
            self.step();
        }
    }

    pub fn run(&mut self, seconds: u64) {
        self.run_for(Duration::from_secs(seconds));
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    fn step(&mut self) {
        let mut buf = vec![0; 70_000];
        for (at, node) in self.nodes.iter_mut().filter(|(at, _)| !self.paused.contains(at)) {
            if node.poll_timeout().is_some_and(|deadline| deadline <= self.now) {
                node.handle_timeout(self.now);
            }
            while let Some(Transmit { to, len }) = node.poll_transmit(self.now, Lane::Datagram, &mut buf) {
                self.sent += 1;
                *self.sent_to.entry(to).or_default() += 1;
                *self.bytes.entry((*at, to)).or_default() += len as u64;
                if !(self.cut)(*at, to) && !(self.cut_datagrams)(*at, to) && !(self.lost)(self.sent) {
                    for late in (self.copies)(self.sent) {
                        let when = self.now + LATENCY + Duration::from_millis(*late);
                        self.carried += 1;
                        let packet = (Lane::Datagram, *at, to, buf[..len].to_vec());
                        self.packets.insert((when, self.carried), packet);
                    }
                }
            }
            while let Some(Transmit { to, len }) = node.poll_transmit(self.now, Lane::Stream, &mut buf) {
                self.frames.push((*at, to, len));
                if !(self.cut)(*at, to) && !(self.lost_frame)(to) {
                    self.carried += 1;
                    let packet = (Lane::Stream, *at, to, buf[..len].to_vec());
                    self.packets.insert((self.now + LATENCY, self.carried), packet);
                }
            }
        }
        self.now = self.now + Duration::from_millis(1);
        let mut waiting = BTreeMap::new();
        while let Some(first) = self.packets.first_entry().filter(|first| first.key().0 <= self.now) {
            let key = *first.key();
            let (lane, from, to, mut packet) = first.remove();
            if self.paused.contains(&to) {
                waiting.insert(key, (lane, from, to, packet));
                continue;
            }
            if let Some(node) = self.nodes.get_mut(&to) {
                _ = node.handle_packet(self.now, lane, &from, &mut packet);
            }
        }
        waiting.append(&mut self.packets);
        self.packets = waiting;
        for (at, node) in &mut self.nodes {
            let events = self.events.entry(*at).or_default();
            events.extend(std::iter::from_fn(|| node.poll_event()));
        }
    }
}

/// Whether a packet is one of those so many in a thousand that are lost. Mixed well, or whether one is lost would hang
/// together with whether those before it were.
pub fn is_lost(number: u64, permille: u64) -> bool {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 40) % 1000 < permille
}
