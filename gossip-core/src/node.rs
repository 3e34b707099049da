//! The node: routes sections to the protocols, merges their deadlines, fills packets.

use alloc::vec::Vec;

#[cfg(feature = "broadcast")]
use crate::broadcast::{self, Broadcasts, BroadcastsMut};
use crate::config::{Config, ConfigError};
#[cfg(feature = "direct")]
use crate::direct::{self, DirectId, Directs};
use crate::error::{CommandError, PacketError};
use crate::event::{Event, Events};
use crate::identity::{Identity, NodeId};
#[cfg(feature = "kv")]
use crate::kv::{self, Kv, KvMut};
use crate::membership::{self, Members, Membership, Table};
use crate::pacing::Pacing;
use crate::peer::Peer;
use crate::protocol::{Cx, Protocol, Source, Target};
use crate::random::Rng;
use crate::snapshot::{Content, Snapshot, SnapshotError};
use crate::stats::{Queues, Stats};
use crate::time::{Instant, earliest};
use crate::wire::{ClusterKey, Packet, Section, Sender, Writer};

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

/// What a packet is made for.
enum Purpose {
    Membership(membership::Intent),
    #[cfg(feature = "direct")]
    Direct(direct::Intent),
    #[cfg(feature = "broadcast")]
    Broadcast(broadcast::Intent),
    #[cfg(feature = "kv")]
    Kv(kv::Intent),
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
            broadcast: broadcast::Broadcast::new(&mut rng),
            #[cfg(feature = "kv")]
            kv: kv::KvState::new(now),
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
        if !node.shared.config.membership.zone.is_empty() {
            // A node that was just made takes commands, and nothing is too long.
            _ = node.membership.set_profile(&mut node.shared.cx(now), None, None);
        }
        Ok(node)
    }

    /// What this node would need after a restart.
    pub fn snapshot(&self) -> Snapshot<'_, P> {
        Snapshot {
            table: &self.shared.table,
            #[cfg(feature = "kv")]
            kv: &self.kv,
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
        self.kv.restore(cx, &map);
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
                #[cfg(feature = "kv")]
                Section::Kv(section) => self.kv.handle(cx, &source, section),
                _ => (),
            }
        }
        self.membership.follow_generation(cx);
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
        self.broadcast.handle_timeout(cx);
        #[cfg(feature = "kv")]
        self.kv.handle_timeout(cx);
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

    /// Writes the next packet into `buf` and says where it goes; `None`: nothing may be sent now. Poll only when the
    /// transport can take the packet: what was written counts as sent. The answer may change after any call that takes
    /// `&mut self`, and with time as [`Node::poll_timeout`] says.
    ///
    /// `buf` should hold `transport.datagram_mtu` bytes, or for the stream lane `transport.stream`; what does not fit into a
    /// shorter one is not sent. What waits for one lane does not hold up the other.
    pub fn poll_transmit(&mut self, now: Instant, lane: Lane, buf: &mut [u8]) -> Option<Transmit<P>> {
        loop {
            self.shared.advance(now);
            if !self.shared.pacing.allows(self.shared.now) {
                return None;
            }
            let (target, purpose) = self.poll_purpose(lane)?;
            let mut ids = core::mem::take(&mut self.shared.ids);
            let len = self.write_packet(now, &target, purpose, buf, &mut ids);
            self.shared.ids = ids;
            let Some(len) = len else { continue };
            self.shared.stats.pauses += u64::from(self.shared.pacing.spend(len));
            self.shared.stats.packets_sent += 1;
            self.shared.stats.frames_sent += u64::from(lane == Lane::Stream);
            self.shared.stats.bytes_sent += len as u64;
            return Some(Transmit { to: target.addr, len });
        }
    }

    /// The most urgent purpose of all protocols.
    fn poll_purpose(&mut self, lane: Lane) -> Option<(Target<P>, Purpose)> {
        if self.shared.pacing.is_short() {
            // What is left is kept for what detection waits for.
            return self.membership.poll_urgent(lane).map(|(to, intent)| (to, Purpose::Membership(intent)));
        }
        if let Some((to, intent)) = self.membership.poll_intent(lane) {
            return Some((to, Purpose::Membership(intent)));
        }
        #[cfg(feature = "direct")]
        if let Some((to, intent)) = self.direct.poll_intent(lane) {
            return Some((to, Purpose::Direct(intent)));
        }
        #[cfg(feature = "broadcast")]
        if let Some((to, intent)) = self.broadcast.poll_intent(lane) {
            return Some((to, Purpose::Broadcast(intent)));
        }
        #[cfg(feature = "kv")]
        if let Some((to, intent)) = self.kv.poll_intent(lane) {
            return Some((to, Purpose::Kv(intent)));
        }
        None
    }

    /// The packet's length, unless there was nothing to write after all.
    fn write_packet(
        &mut self,
        now: Instant,
        to: &Target<P>,
        purpose: Purpose,
        buf: &mut [u8],
        ids: &mut Vec<NodeId>,
    ) -> Option<usize> {
        let cx = &mut self.shared.cx(now);
        let limit = buf.len().min(to.limit).min(cx.config.longest(to.lane));
        let at_hand = to.row.filter(|row| cx.table.is_live_at(*row, &to.addr));
        let row = at_hand.or_else(|| cx.table.find_addr(&to.addr));
        // Two nodes that ask each other who they are must not both do so under names that the other does not know.
        let asks_who = matches!(purpose, Purpose::Membership(membership::Intent::WhoAreYou));
        let known = !asks_who && row.is_some_and(|row| cx.table.row(row).knows_me());
        let short = cx.table.own_short(*cx.me).filter(|_| known);
        let sender = short.map_or(Sender::Full(*cx.me), Sender::Short);
        let mut packet = Writer::from_sender(&mut buf[..limit], ids, cx.me.id, sender).ok()?;
        if cx.config.transport.stream.is_some() {
            packet.take_frames();
        }
        let header = packet.len();
        let probe =
            matches!(purpose, Purpose::Membership(membership::Intent::Ping { .. } | membership::Intent::Ack { .. }));
        match purpose {
            Purpose::Membership(intent) => self.membership.write(cx, to, intent, &mut packet),
            #[cfg(feature = "direct")]
            Purpose::Direct(intent) => self.direct.write(cx, to, intent, &mut packet),
            #[cfg(feature = "broadcast")]
            Purpose::Broadcast(intent) => self.broadcast.write(cx, to, intent, &mut packet),
            #[cfg(feature = "kv")]
            Purpose::Kv(intent) => self.kv.write(cx, to, intent, &mut packet),
        }
        // What waits to be spread goes to many, a little to each.
        // Where sending has to wait, probes go alone: the next ones must not wait for what rides on these.
        let alone = self.shared.pacing.is_short();
        let spare = to.limit == usize::MAX && to.lane == Lane::Datagram && !alone;
        let Shared { table, now: at, .. } = &self.shared;
        match row.filter(|_| spare) {
            Some(row) if self.membership.doubts(table, row) => self.membership.accuse(*at, table, row, &mut packet),
            Some(_) => self.fill(now, &mut packet, probe),
            None => (),
        }
        (packet.len() > header).then(|| packet.finish(&self.shared.key))
    }

    /// Uses the room that is left: what rides on every probe, then what waits, in equal shares of the protocols that
    /// have something; a share that is not used up goes to the next.
    fn fill(&mut self, now: Instant, packet: &mut Writer<'_>, probe: bool) {
        let cx = &mut self.shared.cx(now);
        if probe {
            #[cfg(feature = "broadcast")]
            self.broadcast.ride(cx, packet);
            #[cfg(feature = "kv")]
            self.kv.ride(cx, packet);
        }
        #[cfg(feature = "kv")]
        if self.kv.is_hungry() {
            let share = if self.membership.is_hungry() { packet.room() / 2 } else { packet.room() };
            packet.with_share(share, |packet| self.kv.fill(cx, packet));
        }
        if self.membership.is_hungry() {
            self.membership.fill(cx, packet);
        }
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
        let waits = waits || self.broadcast.has_intents();
        #[cfg(feature = "kv")]
        let waits = waits || self.kv.has_intents();
        earliest([
            self.membership.poll_timeout(),
            #[cfg(feature = "direct")]
            self.direct.poll_timeout(),
            #[cfg(feature = "broadcast")]
            self.broadcast.poll_timeout(),
            #[cfg(feature = "kv")]
            self.kv.poll_timeout(),
            if waits { self.shared.pacing.poll_timeout(self.membership.has_urgent()) } else { None },
        ])
    }

    /// Joins the cluster through a contact, of which only the address is known; more contacts may be given. The outcome
    /// is [`Event::Join`].
    ///
    /// # Errors
    /// While leaving, or with more than 64 contacts.
    pub fn join(&mut self, now: Instant, contact: P) -> Result<(), CommandError> {
        self.membership.join(&self.shared.cx(now), contact)
    }

    /// Leaves the cluster: makes sure that another member holds what was written here, says goodbye, and tells
    /// [`Event::Left`] when that is done, within `membership.leave_timeout`. Drive the node on until then; it takes no
    /// commands meanwhile.
    pub fn leave(&mut self, now: Instant) {
        self.membership.leave(&self.shared.cx(now));
        self.go_on_leaving(now);
    }

    /// Marks a member that is down as left, here and everywhere: nobody contacts it any more to see whether it is back. If it
    /// is alive after all, it returns when it contacts somebody. To say it again is harmless.
    ///
    /// # Errors
    /// If the member is not known, or is not held down here; or while leaving.
    pub fn force_leave(&mut self, now: Instant, id: NodeId) -> Result<(), CommandError> {
        self.membership.force_leave(&mut self.shared.cx(now), id)
    }

    /// States a new address of this node.
    pub fn set_address(&mut self, now: Instant, addr: P) {
        self.membership.set_address(&mut self.shared.cx(now), addr);
    }

    /// Replaces this node's metadata: the application's own bytes, which every member sees.
    ///
    /// # Errors
    /// Longer than `membership.max_metadata`, or while leaving.
    pub fn set_metadata(&mut self, now: Instant, bytes: &[u8]) -> Result<(), CommandError> {
        self.membership.set_profile(&mut self.shared.cx(now), Some(bytes), None)
    }

    /// Replaces this node's hints: the transport's own bytes, for example further addresses.
    ///
    /// # Errors
    /// Longer than 256 bytes, or while leaving.
    pub fn set_hints(&mut self, now: Instant, bytes: &[u8]) -> Result<(), CommandError> {
        self.membership.set_profile(&mut self.shared.cx(now), None, Some(bytes))
    }

    /// How often this node tells a member its news, against other members: twice as often at twice the weight. Every
    /// member weighs 100 at first; none counts as less than a sixteenth of the heaviest, so that nobody is left out.
    /// Probes of failure detection do not follow it. It is this node's own affair, and over when the member is forgotten.
    ///
    /// # Errors
    /// Of a member that is not known.
    pub fn set_weight(&mut self, id: NodeId, weight: u16) -> Result<(), CommandError> {
        self.shared.table.set_weight(id, weight)
    }

    /// Sends a message to one member, which gets it at most once. What became of it is told by [`Event::Sent`] within
    /// `direct.timeout`, unless the node leaves before.
    ///
    /// `port` says which of the receiver's inboxes it is for, below [`crate::wire::direct::PORTS`]. Messages may overtake
    /// each other.
    ///
    /// # Errors
    /// To a member that is not known or not live; longer than fits a datagram, or a frame if both have a stream lane; too many
    /// under way; to no port; turned off, or while
    /// leaving.
    #[cfg(feature = "direct")]
    pub fn send_to(&mut self, now: Instant, to: NodeId, port: u8, data: &[u8]) -> Result<DirectId, CommandError> {
        if !self.membership.takes_commands() {
            return Err(CommandError::Leaving);
        }
        self.direct.send(&mut self.shared.cx(now), to, port, data)
    }

    /// How many more direct messages the application can take at a port; each that arrives takes one away, and with no
    /// room left its sender is told that the inbox is full. Without a word the queue of events is the only limit.
    #[cfg(feature = "direct")]
    pub fn set_inbox_room(&mut self, port: u8, room: usize) {
        self.direct.set_room(port, room);
    }

    /// Who this node is. Its generation grows if a former life of it turns out to be remembered under a higher one.
    pub fn identity(&self) -> Identity {
        self.shared.me
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// How full what membership keeps was at most, beside its limits.
    pub fn queues(&self) -> Queues {
        self.membership.queues(&self.shared.table, &self.shared.config.membership)
    }

    /// What it counted.
    pub fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// Who is known.
    pub fn members(&self) -> Members<'_, P> {
        Members::new(&self.shared.table, self.shared.now)
    }

    /// The key-value map, to read.
    #[cfg(feature = "kv")]
    pub fn kv(&self) -> Kv<'_> {
        self.kv.facade()
    }

    /// The key-value map, to write.
    #[cfg(feature = "kv")]
    pub fn kv_mut(&mut self, now: Instant) -> KvMut<'_, P> {
        KvMut::new(&mut self.kv, &mut self.membership, self.shared.cx(now))
    }

    /// Direct messages, to look at.
    #[cfg(feature = "direct")]
    pub fn directs(&self) -> Directs<'_, P> {
        self.direct.facade(&self.shared.config)
    }

    /// Broadcast, to look at.
    #[cfg(feature = "broadcast")]
    pub fn broadcasts(&self) -> Broadcasts<'_> {
        self.broadcast.facade(&self.shared.config)
    }

    /// Broadcast, to send.
    #[cfg(feature = "broadcast")]
    pub fn broadcasts_mut(&mut self, now: Instant) -> BroadcastsMut<'_, P> {
        BroadcastsMut::new(&mut self.broadcast, self.shared.cx(now), self.membership.takes_commands())
    }
}
