//! A node under test: what it holds in memory is counted, and what must hold of it is checked.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher as _};

use gossip_core::kv::Scope;
use gossip_core::{Config, Event, Identity, Instant, Lane, Node, NodeId, PacketError, Transmit};

use crate::limits::{self, Given};

/// More packets than that are never due at one moment.
const MAX_BURST: usize = 20_000;

pub(crate) struct Subject {
    node: Node<u64>,
    /// The newest time at which it was told to act on its deadlines.
    newest: Instant,
    /// Bytes that it holds.
    held: i64,
    given: Given,
    /// Of all that it sent.
    sent: DefaultHasher,
}

/// What stays as it is when something is refused.
#[derive(Debug, PartialEq)]
pub(crate) struct State {
    me: Identity,
    next: Option<Instant>,
    members: (u64, usize, usize),
    kv: (u64, u64, usize, usize),
    history: (usize, usize),
    under_way: usize,
}

impl Subject {
    /// A node at that address.
    pub(crate) fn new(at: u64, config: &Config) -> Self {
        let me = Identity::new(NodeId::from_bytes([at as u8; 16]), 1);
        let config = config.clone();
        let mut made = None;
        let memory = allocation_counter::measure(|| {
            made = Some(Node::new(me, at, config, [at as u8; 32], Instant::ZERO));
        });
        let node = made.expect("it was just made").expect("a valid configuration");
        let sent = DefaultHasher::new();
        Self { node, newest: Instant::ZERO, held: memory.bytes_current, given: Given::default(), sent }
    }

    pub(crate) fn node(&self) -> &Node<u64> {
        &self.node
    }

    /// A summary of all packets that it sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.finish()
    }

    /// Lets the node do something that hands out no memory.
    pub(crate) fn run<T: Copy>(&mut self, work: impl FnOnce(&mut Node<u64>) -> T) -> T {
        let (node, mut result) = (&mut self.node, None);
        let memory = allocation_counter::measure(|| result = Some(work(node)));
        let most = self.held + memory.bytes_max as i64;
        self.held += memory.bytes_current;
        let allowed = limits::at_work(self.node.config(), self.given);
        assert!(most <= allowed as i64, "{most} bytes in memory, {allowed} allowed");
        result.expect("it was just run")
    }

    /// Runs what may be refused; then nothing may have changed. Whether it was done.
    pub(crate) fn attempt<T: Copy, E: Copy + std::fmt::Debug>(
        &mut self,
        work: impl FnOnce(&mut Node<u64>) -> Result<T, E>,
    ) -> Option<T> {
        let before = self.state();
        match self.run(work) {
            Ok(done) => Some(done),
            Err(error) => {
                assert_eq!(self.state(), before, "{error:?} has changed nothing");
                None
            }
        }
    }

    /// Takes a packet in; what is refused changes nothing.
    pub(crate) fn receive(&mut self, now: Instant, from: u64, packet: &mut [u8]) {
        self.given.packets += packet.len();
        self.given.most = self.given.most.max(self.given.packets);
        let before = self.state();
        let handled = self.run(|node| node.handle_packet(now, Lane::Datagram, &from, packet));
        if let Err(error) = handled {
            let mut after = self.state();
            if error == PacketError::UnknownSender {
                // It is asked who it is, which may have to wait for its share of the rate.
                after.next = before.next;
            }
            assert_eq!(after, before, "{error:?} has changed nothing");
        }
    }

    /// Takes a snapshot over, and whether it did.
    pub(crate) fn restore(&mut self, now: Instant, snapshot: &[u8]) -> bool {
        // It may be held twice while it is read.
        self.given.restored += 2 * snapshot.len();
        self.attempt(|node| node.restore(now, snapshot)).is_some()
    }

    /// Tells the time and takes all packets that are due. There is an end of that until later.
    pub(crate) fn tick(&mut self, now: Instant, each: impl FnMut(u64, &[u8])) {
        self.newest = self.newest.max(now);
        self.run(|node| node.handle_timeout(now));
        self.drain(now, each);
        let (next, newest) = (self.node.poll_timeout(), self.newest);
        assert!(next.is_none_or(|next| next > newest), "at {newest:?} woken for {next:?}: a busy loop");
    }

    /// Takes all packets that may be sent now.
    pub(crate) fn drain(&mut self, now: Instant, mut each: impl FnMut(u64, &[u8])) {
        let mut buf = vec![0; limits::longest_packet(self.node.config()) + 100];
        for count in 0.. {
            assert!(count < MAX_BURST, "no end of packets at one moment");
            let Some((to, len)) = self.poll_transmit(now, &mut buf) else { break };
            each(to, &buf[..len]);
        }
        if self.node.config().max_bytes_per_second == 0 {
            let (held, allowed) = (self.held, limits::at_rest(self.node.config(), self.given));
            assert!(held <= allowed as i64, "{held} bytes in memory at rest, {allowed} allowed");
            self.given.packets = 0;
        }
    }

    /// Takes one packet, of the stream lane if none waits for a datagram.
    pub(crate) fn poll_transmit(&mut self, now: Instant, buf: &mut [u8]) -> Option<(u64, usize)> {
        let (to, len) = [Lane::Datagram, Lane::Stream].into_iter().find_map(|lane| {
            let (to, len) =
                self.run(|node| node.poll_transmit(now, lane, buf).map(|Transmit { to, len }| (to, len)))?;
            let transport = &self.node.config().transport;
            let longest = match lane {
                Lane::Datagram => Some(transport.datagram_mtu),
                Lane::Stream => transport.stream,
            };
            let allowed = buf.len().min(longest.expect("without a stream lane nothing is sent there"));
            assert!(0 < len && len <= allowed, "{len} bytes, {allowed} allowed");
            Some((to, len))
        })?;
        self.sent.write_u64(to);
        self.sent.write(&buf[..len]);
        Some((to, len))
    }

    /// Takes events, at most so many. Each member's change counts as one.
    pub(crate) fn poll_events(&mut self, most: usize) {
        let told = self.run(|node| {
            let changes = |event| match event {
                Event::Members(changes) => changes.len(),
                Event::Lagged(_) => 0,
                _ => 1,
            };
            (0..most).map_while(|_| node.poll_event()).map(changes).sum::<usize>()
        });
        let allowed = self.node.config().max_events;
        assert!(told <= allowed, "{told} events waited, {allowed} allowed");
    }

    pub(crate) fn state(&self) -> State {
        let (members, kv, broadcasts) = (self.node.members(), self.node.kv(), self.node.broadcasts());
        State {
            me: self.node.identity(),
            next: self.node.poll_timeout(),
            members: (members.revision(), members.live(), members.len()),
            kv: (kv.revision(), kv.fingerprint(), kv.len(), kv.tombstones()),
            history: (broadcasts.history_len(), broadcasts.history_bytes()),
            under_way: self.node.directs().pending(),
        }
    }

    /// Everything that the node is made of, but its counters.
    pub(crate) fn in_full(&self) -> String {
        let text = format!("{:?}", self.node);
        let (before, counters) = text.split_once("stats: Stats {").expect("a node has counters");
        let (_, after) = counters.split_once('}').expect("they end");
        format!("{before}{after}")
    }

    /// Checks what holds after each step.
    pub(crate) fn check(&self) {
        self.check_members();
        self.check_kv();
        let (config, broadcasts) = (self.node.config(), self.node.broadcasts());
        assert!(broadcasts.history_bytes() <= config.broadcast.history_bytes);
        assert!(broadcasts.history_len() <= broadcasts.history_bytes());
        assert!(self.node.directs().pending() <= config.direct.max_pending);
    }

    fn check_members(&self) {
        let (members, config) = (self.node.members(), self.node.config());
        assert!(members.len() <= config.membership.max_members);
        assert_eq!(members.iter().count(), members.len());
        assert_eq!(members.iter().filter(|member| member.status.is_live()).count(), members.live());
        let ids: BTreeSet<NodeId> = members.iter().map(|member| member.id).collect();
        assert_eq!(ids.len(), members.len(), "each member has one row");
        let me = members.iter().next().expect("this node is in its table");
        assert_eq!(Identity::new(me.id, me.generation), self.node.identity());
        for member in members.iter() {
            assert_eq!(members.get(member.id), Some(member));
            assert!(member.metadata.len() <= 512 && member.hints.len() <= 256);
        }
    }

    fn check_kv(&self) {
        let (kv, config) = (self.node.kv(), self.node.config());
        let allowed = limits::entries(config, self.given);
        assert!(kv.len() + kv.tombstones() <= allowed, "{} keys and {} deleted", kv.len(), kv.tombstones());
        // A key may also hold something else than a register.
        assert!(kv.iter().count() <= kv.len());
        let keys: Vec<(Scope, &[u8])> = kv.iter().map(|entry| (entry.scope, entry.key)).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "ascending, none twice");
        let versions: BTreeSet<_> = kv.iter().map(|entry| entry.version).collect();
        assert_eq!(versions.len(), kv.iter().count(), "no version names two writes");
        for entry in kv.iter() {
            assert_eq!(kv.get(entry.scope, entry.key), Some(entry));
            let siblings = kv.siblings(entry.scope, entry.key);
            assert!(siblings.is_sorted_by(|(a, _), (b, _)| a < b), "ascending, none twice");
            assert!(siblings.iter().any(|(version, value)| *version == entry.version && value == entry.value));
            assert!(matches!(entry.scope, Scope::Shared) || entry.scope == Scope::Own(entry.version.node));
        }
    }
}
