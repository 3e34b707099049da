//! The node: routes sections to the protocols and merges their deadlines.

mod commands;
mod transmit;

use alloc::vec::Vec;

#[cfg(feature = "broadcast")]
use crate::broadcast;
#[cfg(feature = "broadcast")]
use crate::bulk::Bulk;
use crate::config::{Config, ConfigError};
#[cfg(feature = "direct")]
use crate::direct;
use crate::error::PacketError;
use crate::event::{Event, Events};
use crate::identity::{Identity, NodeId};
#[cfg(feature = "kv")]
use crate::kv;
use crate::membership::{Membership, Table};
use crate::pacing::Pacing;
use crate::peer::Peer;
use crate::protocol::{Cx, Protocol, Source};
use crate::random::Rng;
use crate::snapshot::{Content, Snapshot, SnapshotError};
use crate::stats::Stats;
use crate::time::{Instant, earliest};
use crate::wire::{ClusterKey, Packet, Section, Sender};

/// How a packet travels. Both ways may lose, duplicate and reorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Small and urgent: one datagram of at most `transport.datagram_mtu` bytes.
    Datagram,
    /// Large and patient: one frame of at most `transport.stream` bytes. Without that setting nothing is ever sent so.
    Stream,
}

/// A packet to send.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Transmit<P> {
    /// Where to.
    pub to: P,
    /// The bytes are `buf[..len]`.
    pub len: usize,
}

/// One cluster member. Feed it packets, commands and the time; poll it for what to send, what happened and when to wake
/// it. It does no I/O, reads no clock and draws no randomness but from its seed: the same calls give the same answers.
///
/// The driving loop, in any order that suits the caller:
///
/// ```
/// use gossip_core::{Config, Identity, Instant, Lane, Node, NodeId, Transmit};
///
/// let mut a = Node::new(Identity::new(NodeId::from_name("a"), 1), 1_u64, Config::lan(), [1; 32], Instant::ZERO)?;
/// let mut b = Node::new(Identity::new(NodeId::from_name("b"), 1), 2_u64, Config::lan(), [2; 32], Instant::ZERO)?;
/// b.join(Instant::ZERO, 1)?;
///
/// let mut now = Instant::ZERO;
/// let mut buf = [0; 1200];
/// while b.members().live() < 2 {
///     for (node, addr) in [(&mut a, 1), (&mut b, 2)] {
///         if node.poll_timeout().is_some_and(|deadline| deadline <= now) {
///             node.handle_timeout(now);
///         }
///     }
///     // The network of this example: what one sends the other receives at once.
///     while let Some(Transmit { len, .. }) = b.poll_transmit(now, Lane::Datagram, &mut buf) {
///         a.handle_packet(now, Lane::Datagram, &2, &mut buf[..len])?;
///     }
///     while let Some(Transmit { len, .. }) = a.poll_transmit(now, Lane::Datagram, &mut buf) {
///         b.handle_packet(now, Lane::Datagram, &1, &mut buf[..len])?;
///     }
///     while let Some(event) = b.poll_event() {
///         println!("{event:?}");
///     }
///     now = now + core::time::Duration::from_millis(1);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Node<P: Peer> {
    shared: Shared<P>,
    membership: Membership<P>,
    #[cfg(feature = "direct")]
    direct: direct::DirectState<P>,
    #[cfg(feature = "broadcast")]
    broadcast: broadcast::Broadcast<P>,
    #[cfg(feature = "broadcast")]
    bulk: Bulk<P>,
    #[cfg(feature = "kv")]
    kv: kv::KvState<P>,
}

/// What all protocols of a node use.
#[derive(Debug)]
struct Shared<P> {
    now: Instant,
    /// A moment and the Unix time in milliseconds then.
    wall: (Instant, u64),
    me: Identity,
    config: Config,
    key: ClusterKey,
    table: Table<P>,
    rng: Rng,
    events: Events<P>,
    stats: Stats,
    pacing: Pacing,
    /// Scratch memory of the packet that is being written.
    ids: Vec<NodeId>,
}

impl<P: Peer> Shared<P> {
    /// An older `now` counts as the newest seen; a moment that never comes as the last one, or nothing would be later.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now.min(Instant::LAST));
    }

    #[cfg_attr(not(feature = "fast"), inline(never))]
    fn cx(&mut self, now: Instant) -> Cx<'_, P> {
        self.advance(now);
        Cx {
            now: self.now,
            wall: self.wall,
            me: &mut self.me,
            config: &self.config,
            key: &self.key,
            table: &mut self.table,
            rng: &mut self.rng,
            events: &mut self.events,
            stats: &mut self.stats,
        }
    }
}

impl<P: Peer> Node<P> {
    /// A member that knows nobody yet. `seed` must be unpredictable to outsiders and different for every node and start.
    ///
    /// # Errors
    /// A configuration that cannot work is refused with the field's name.
    pub fn new(me: Identity, addr: P, config: Config, seed: [u8; 32], now: Instant) -> Result<Self, ConfigError> {
        config.validate()?;
        let now = now.min(Instant::LAST);
        let key = ClusterKey::new(&config.cluster);
        let mut rng = Rng::new(seed);
        let mut node = Self {
            membership: Membership::new(now, &config.membership, &mut rng),
            #[cfg(feature = "direct")]
            direct: direct::DirectState::new(&config),
            #[cfg(feature = "broadcast")]
            broadcast: broadcast::Broadcast::new(&mut rng, now, &config.broadcast),
            #[cfg(feature = "broadcast")]
            bulk: Bulk::new(),
            #[cfg(feature = "kv")]
            kv: kv::KvState::new(now, &config.kv, &key, key.body(&seed) as u16),
            shared: Shared {
                now,
                wall: (now, 0),
                me,
                table: Table::new(key.clone(), &mut rng, me, addr),
                key,
                rng,
                events: Events::new(config.max_events),
                stats: Stats::default(),
                pacing: Pacing::new(now, config.max_bytes_per_second),
                ids: Vec::new(),
                config,
            },
        };
        #[cfg(feature = "broadcast")]
        node.broadcast.restrict_as_configured(&mut node.shared.cx(now));
        if !node.shared.config.membership.zone.is_empty() {
            // A node that was just made takes commands, and nothing is too long.
            _ = node.membership.set_profile(&mut node.shared.cx(now), None, None);
        }
        Ok(node)
    }

    /// The two alone, for tests of what broadcast does by itself.
    #[cfg(all(test, feature = "broadcast"))]
    pub(crate) fn broadcast_parts(&mut self, now: Instant) -> (&mut broadcast::Broadcast<P>, Cx<'_, P>) {
        (&mut self.broadcast, self.shared.cx(now))
    }

    /// What this node would need after a restart.
    pub fn snapshot(&self) -> Snapshot<'_, P> {
        Snapshot {
            table: &self.shared.table,
            #[cfg(feature = "kv")]
            kv: (&self.kv, self.shared.now),
        }
    }

    /// Takes over what a former life of this node, or another node, remembered: the map as it was; the members as
    /// contacts to try again, since who of them is still alive is not known.
    ///
    /// # Errors
    /// A snapshot that is damaged, cut short or of another version is refused as a whole.
    pub fn restore(&mut self, now: Instant, snapshot: &[u8]) -> Result<(), SnapshotError> {
        let content = Content::<P>::decode(snapshot)?;
        #[cfg(feature = "kv")]
        let map = kv::Persisted::read(content.map).ok_or(SnapshotError::Damaged)?;
        let cx = &mut self.shared.cx(now);
        self.membership.remember(cx, &content.members);
        #[cfg(feature = "kv")]
        self.kv.restore(cx, map);
        self.membership.follow_generation(cx);
        Ok(())
    }

    /// Takes for granted that these are live members, each reached at its address: for a node that starts within a cluster that
    /// is known by other means. No event tells of them, and nobody else is told; whoever does not answer is found out as
    /// any other member. Those that the table holds already, or has no room for, are passed over.
    pub fn assume(&mut self, now: Instant, members: impl ExactSizeIterator<Item = (Identity, P)>) {
        self.membership.assume(&mut self.shared.cx(now), members);
    }

    /// Takes a packet from the network. `from` is the observed address of its sender.
    ///
    /// # Errors
    /// On an error the packet was dropped and nothing but counters has changed. A driver need not do anything about it.
    pub fn handle_packet(&mut self, now: Instant, lane: Lane, from: &P, packet: &mut [u8]) -> Result<(), PacketError> {
        let stats = &mut self.shared.stats;
        stats.frames_received += u64::from(lane == Lane::Stream);
        stats.packets_received += 1;
        stats.bytes_received += packet.len() as u64;
        let handled = self.handle_sections(now, lane, from, packet);
        let stats = &mut self.shared.stats;
        match handled {
            Ok(()) => (),
            Err(PacketError::Checksum) => stats.dropped_checksum += 1,
            Err(PacketError::Version(_) | PacketError::Sealed) => stats.dropped_version += 1,
            Err(PacketError::Malformed(_)) => stats.dropped_malformed += 1,
            Err(PacketError::UnknownSender) => stats.dropped_unknown_sender += 1,
            Err(PacketError::OwnPacket | PacketError::NotRunning) => stats.dropped_not_for_us += 1,
        }
        handled
    }

    /// Who sent a packet by its own word, as [`Node::handle_packet`] would read it; nothing but its header is looked at. For a
    /// transport that knows whom a packet is from, to compare before it hands it in. None: a short name that is not known here,
    /// or no packet, and that is dropped anyway.
    pub fn sender_of(&self, from: &P, packet: &[u8]) -> Option<NodeId> {
        match Sender::peek(packet)? {
            Sender::Full(sender) => Some(sender.id),
            Sender::Short(short) => {
                let table = &self.shared.table;
                table.find_short(short, from).map(|row| table.row(row).member.id)
            }
        }
    }

    fn handle_sections(&mut self, now: Instant, lane: Lane, from: &P, bytes: &[u8]) -> Result<(), PacketError> {
        if self.membership.has_left() {
            return Err(PacketError::NotRunning);
        }
        let packet = Packet::decode::<P>(&self.shared.key, bytes)?;
        let cx = &mut self.shared.cx(now);
        let (sender, row) = match packet.sender() {
            Sender::Full(sender) => (Some(sender), cx.table.find(sender.id)),
            Sender::Short(short) => {
                let row = cx.table.find_short(short, from);
                (row.map(|row| cx.table.row(row).member), row)
            }
        };
        let known = row.is_some_and(|row| cx.table.row(row).addr == *from) || cx.table.find_addr(from).is_some();
        if let Some(row) = row {
            self.membership.hears_frames(cx, row, from, packet.takes_frames());
        }
        let answer = if known { usize::MAX } else { bytes.len() };
        let source = Source { addr: from, sender: sender.unwrap_or(*cx.me), row, answer, lane };
        if sender.is_none() {
            self.membership.ask_who(cx, &source);
            return Err(PacketError::UnknownSender);
        }
        if source.sender == *cx.me {
            let another = self.membership.hear_namesake(cx, &source, packet.sections(source.sender.id));
            return if another { Ok(()) } else { Err(PacketError::OwnPacket) };
        }
        let heard = self.membership.listens_to(cx.table, &source);
        for section in packet.sections::<P>(source.sender.id) {
            match section {
                Section::Membership(section) if heard || section.is_conversation() => {
                    self.membership.handle(cx, &source, section);
                }
                _ if !heard => cx.stats.ignored_sections += 1,
                #[cfg(feature = "direct")]
                Section::Direct(section) => self.direct.handle(cx, &source, section),
                #[cfg(feature = "broadcast")]
                Section::Broadcast(section) => self.broadcast.handle(cx, &source, section),
                #[cfg(feature = "broadcast")]
                Section::Bulk(section) => self.bulk.handle(cx, &source, section),
                #[cfg(feature = "kv")]
                Section::Kv(section) => self.kv.handle(cx, &source, section),
                _ => (),
            }
        }
        #[cfg(feature = "kv")]
        self.kv.meet(cx, &source);
        #[cfg(feature = "broadcast")]
        self.bulk.follow(cx, &mut self.broadcast);
        #[cfg(feature = "broadcast")]
        self.exchange_internal(now);
        self.membership.follow_generation(&mut self.shared.cx(now));
        self.go_on_leaving(now);
        Ok(())
    }

    /// Acts on every deadline that has come. To call it early is harmless; late, it costs quality: what is much later
    /// than [`Node::poll_timeout`] said accuses nobody before the packets that arrived meanwhile could be handled.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due = self.poll_timeout();
        // First, so that a goodbye that is to be said now is said now.
        self.go_on_leaving(now);
        let cx = &mut self.shared.cx(now);
        let patience = cx.config.membership.probe_timeout;
        if due.is_some_and(|due| cx.now > due + patience) {
            self.membership.put_off(cx, cx.now + patience);
        }
        self.membership.handle_timeout(cx);
        #[cfg(feature = "direct")]
        self.direct.handle_timeout(cx);
        #[cfg(feature = "broadcast")]
        if !self.membership.has_left() {
            self.broadcast.handle_timeout(cx);
            self.bulk.follow(cx, &mut self.broadcast);
            self.bulk.handle_timeout(cx);
        }
        #[cfg(feature = "kv")]
        self.kv.handle_timeout(cx);
        #[cfg(feature = "broadcast")]
        self.exchange_internal(now);
        self.membership.follow_generation(&mut self.shared.cx(now));
    }

    /// What protocols send each other by broadcast: the map's new writes, so far.
    #[cfg(feature = "broadcast")]
    fn exchange_internal(&mut self, now: Instant) {
        let messages = self.shared.events.take_internal();
        #[cfg(not(feature = "kv"))]
        let _: (Instant, _) = (now, messages);
        #[cfg(feature = "kv")]
        {
            for message in messages.iter().filter(|message| message.topic() == kv::TOPIC) {
                self.kv.handle_message(&mut self.shared.cx(now), message.id, message.payload());
            }
            self.spread_writes(now);
        }
    }

    #[cfg(all(feature = "broadcast", feature = "kv"))]
    fn spread_writes(&mut self, now: Instant) {
        if !self.kv.spreads(&self.shared.cx(now)) {
            return;
        }
        for _ in 0..kv::AT_ONCE {
            let Some((payload, through)) = self.kv.next_message(&mut self.shared.cx(now)) else { return };
            let sent = self.broadcasts_mut(now).send_any(&kv::message_options(), kv::TOPIC, &payload);
            if sent.is_err() {
                break;
            }
            self.kv.told(through);
        }
        self.kv.spread_later(&self.shared.cx(now));
    }

    fn go_on_leaving(&mut self, now: Instant) {
        #[cfg(feature = "kv")]
        let handed_over = self.kv.is_handed_over();
        #[cfg(not(feature = "kv"))]
        let handed_over = true;
        self.membership.go_on_leaving(&mut self.shared.cx(now), handed_over);
    }

    /// Tells the Unix time in milliseconds. It orders concurrent writes, nothing else; without it they are ordered by
    /// what was written first in this node's own time.
    pub fn handle_wall_clock(&mut self, now: Instant, unix_ms: u64) {
        self.shared.advance(now);
        self.shared.wall = (self.shared.now, unix_ms);
    }

    /// A hint that the transport cannot reach an address at the moment.
    pub fn handle_unreachable(&mut self, now: Instant, peer: &P) {
        self.membership.unreachable(&self.shared.cx(now), peer);
    }

    /// A hint that the transport cannot reach an address over the stream lane: it gets datagrams for 30 seconds.
    pub fn handle_no_stream(&mut self, now: Instant, peer: &P) {
        self.membership.no_stream(&mut self.shared.cx(now), peer);
    }

    /// The next event. The answer may change after any call that takes `&mut self`.
    pub fn poll_event(&mut self) -> Option<Event<P>> {
        self.shared.events.poll(&mut self.shared.stats.dropped_events)
    }

    /// When to call [`Node::handle_timeout`], or, if packets wait for their share of `max_bytes_per_second`,
    /// [`Node::poll_transmit`]. Read it again after any call that takes `&mut self`.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let waits = self.membership.has_intents();
        #[cfg(feature = "direct")]
        let waits = waits || self.direct.has_intents();
        #[cfg(feature = "broadcast")]
        let waits = waits || self.broadcast.has_intents() || self.bulk.has_intents();
        #[cfg(feature = "kv")]
        let waits = waits || self.kv.has_intents();
        earliest([
            self.membership.poll_timeout(),
            #[cfg(feature = "direct")]
            self.direct.poll_timeout(),
            #[cfg(feature = "broadcast")]
            if self.shared.config.broadcast.enabled && !self.membership.has_left() {
                earliest([self.broadcast.poll_timeout(), self.bulk.poll_timeout()])
            } else {
                None
            },
            #[cfg(feature = "kv")]
            self.kv.poll_timeout(),
            if waits { self.shared.pacing.poll_timeout(self.membership.has_urgent()) } else { None },
        ])
    }
}
