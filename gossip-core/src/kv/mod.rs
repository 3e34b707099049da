//! The replicated map. Every write is a dot (node, generation, counter); every replica keeps a causal context of the
//! dots it has seen and, of each key, what was written and not written over by somebody who knew of it: siblings exist
//! only for writes that did not know of each other. What a context covers and the map does not hold is gone: it never
//! comes back.
//!
//! It composes what two other crates do: values and contexts are those of `gossip-crdt`, and where two members differ
//! `gossip-reconcile` finds. It knows the entries, the context, the entries that are still being pushed, and with whom
//! to compare next.

mod acks;
mod compare;
mod content;
mod context;
mod diff;
mod error;
mod facade;
mod item;
mod key;
mod parts;
mod persist;
mod push;
#[cfg(feature = "broadcast")]
mod spread;
mod stable;
mod store;
mod sync;
mod version;
mod write;

pub use gossip_crdt as crdt;
pub use gossip_reconcile::Way;

pub use acks::{Acks, Quorum};
pub use content::{Blob, Content, Typed};
pub use diff::{Cost, Diff, DiffId, Difference, End};
pub use error::KvError;
pub use facade::{Entry, Holding, Kv, KvEvent, Merge};
pub(crate) use persist::Persisted;
pub use persist::Writes;
pub use version::{Pen, Scope, Version};
pub use write::{Expect, KvMut, WriteOptions};

use alloc::vec::Vec;
use core::time::Duration;

use gossip_crdt::{Clock, Codec as _, Dot};

use self::acks::Awaiting;
use self::compare::Comparison;
use self::context::Context;
use self::item::Item;
use self::key::Key;
use self::parts::Fetching;
use self::push::{Hot, read_entry};
#[cfg(feature = "broadcast")]
pub(crate) use self::spread::{AT_ONCE, TOPIC, options as message_options};
use self::stable::Stability;
use self::store::Store;
use self::sync::{DeltaIntent, Sync};
use self::version::{generation_of, writer_of};
use crate::config::{KvConfig, Safeguard};
use crate::event::Event;
use crate::identity::{Identity, NodeId};
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Intents, Protocol, Source, Target, Urgency};
use crate::time::{Instant, earliest};
use crate::wire::kv::{Entry as WireEntry, Fetch, Receipt, Section};
use crate::wire::{ClusterKey, Item as _, List, Writer, tag};

const MAX_INTENTS: usize = 1024;
/// What a key holds by what members wrote at the same time is so many times `kv.max_value` at most.
const MAX_ITEM: usize = 8;
/// How often at most it is told that a clock is wrong.
const SKEW_PERIOD: Duration = Duration::from_secs(60);
/// How often a deletion whose time is over is looked at, until everybody has seen it.
const GRAVE_PERIOD: Duration = Duration::from_secs(10);

/// What the map wants to send.
#[derive(Clone, Debug)]
pub(crate) enum Intent {
    /// New entries.
    Push,
    /// A page of the context.
    Context {
        reply: bool,
    },
    /// What the receiver has not seen.
    Delta(DeltaIntent),
    /// Awaited writes, and whether the receiver has them.
    Ask(NodeId),
    /// How much of a writer was seen.
    Receipt(Identity),
    /// A part of a comparison.
    Compare(compare::Intent),
    /// Parts of what is known of a key: asked for, or sent.
    Fetch(Fetch),
    Parts(Fetch),
}

impl Urgency for Intent {}

/// What became of what another member knows of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joined {
    Changed,
    Known,
    /// It is a new key and there is no room for it.
    Full,
}

/// One replica.
#[derive(Debug)]
pub(crate) struct KvState<P> {
    intents: Intents<P, Intent>,
    store: Store,
    context: Context,
    clock: Clock,
    /// When another's clock was last said to be wrong.
    skew_told: Option<Instant>,
    /// What tells this process from another of the same identity.
    salt: u16,
    /// This node's last write, in which of its lives.
    counter: (Identity, u64),
    /// Whether another member was seen to hold all that this one wrote.
    handed_over: bool,
    hot: Hot,
    push_at: Option<Instant>,
    #[cfg(feature = "broadcast")]
    told: spread::Told,
    sync: Sync<P>,
    comparison: Comparison<P>,
    fetching: Fetching<P>,
    stability: Stability,
    awaiting: Awaiting,
    /// By prefix of the key.
    merges: Vec<(Vec<u8>, Merge)>,
}

impl<P: Peer> KvState<P> {
    pub(crate) fn new(now: Instant, config: &KvConfig, hashes: &ClusterKey, salt: u16) -> Self {
        Self {
            intents: Intents::new(MAX_INTENTS),
            store: Store::new(hashes),
            context: Context::default(),
            clock: Clock::new(u64::try_from(config.max_clock_drift.as_millis()).unwrap_or(u64::MAX)),
            skew_told: None,
            salt,
            counter: (Identity::new(NodeId::from_bytes([0; 16]), 0), 0),
            handed_over: true,
            hot: Hot::default(),
            push_at: None,
            #[cfg(feature = "broadcast")]
            told: spread::Told::new(Identity::new(NodeId::from_bytes([0; 16]), 0)),
            sync: Sync::new(now),
            comparison: Comparison::default(),
            fetching: Fetching::default(),
            stability: Stability::default(),
            awaiting: Awaiting::default(),
            merges: Vec::new(),
        }
    }

    pub(crate) fn facade(&self, now: Instant) -> Kv<'_> {
        Kv::new(self, now)
    }

    /// Whether another member was seen to hold all that this one wrote.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.handed_over
    }

    /// Equal on two members that have seen and hold the same.
    fn fingerprint(&self) -> u64 {
        self.context.fingerprint() ^ self.store.fingerprint().rotate_left(32)
    }

    /// How many writes of this life were made.
    fn counter(&self, writer: Identity) -> u64 {
        let seen = self.context.dots().last(&writer);
        if self.counter.0 == writer { self.counter.1.max(seen) } else { seen }
    }

    /// This node as a writer.
    fn writer(&self, me: Identity) -> Identity {
        writer_of(me, self.salt)
    }

    /// Others have seen so many writes of a writer. If that is this node's name and generation, or a later one, and not this
    /// process, or not what it remembers, then it has lost its memory or was started twice: it goes on under a new
    /// generation.
    fn check_memory(&self, cx: &mut Cx<'_, P>, writer: Identity, counter: u64) {
        let (generation, me) = (generation_of(writer.generation), self.writer(*cx.me));
        let is_this = writer == me && counter <= self.counter(me);
        if writer.id == cx.me.id && generation >= cx.me.generation && !is_this {
            cx.stats.kv_namesakes += 1;
            cx.me.generation = generation.saturating_add(1);
        }
    }

    /// Local writes were stored: of this life all after `before`, up to `version`.
    fn wrote(&mut self, cx: &mut Cx<'_, P>, before: u64, version: Version) {
        let writer = version.writer();
        self.counter = (writer, version.counter);
        #[cfg(feature = "broadcast")]
        self.told.begin(writer, before);
        self.handed_over = false;
        let added = self.context.add(cx.key, usize::MAX, writer, before + 1, version.counter);
        debug_assert!(added, "this node's own writes have no holes");
        self.push(cx, version);
    }

    /// Whether new writes go out as messages of broadcast.
    #[cfg(feature = "broadcast")]
    fn is_by_message(cx: &Cx<'_, P>) -> bool {
        spread::is_by_message(cx.config)
    }

    /// Nor do they, without it.
    #[cfg(not(feature = "broadcast"))]
    const fn is_by_message(_: &Cx<'_, P>) -> bool {
        false
    }

    /// Whether messages are due; the next are a while later.
    #[cfg(feature = "broadcast")]
    pub(crate) fn spreads(&mut self, cx: &Cx<'_, P>) -> bool {
        Self::is_by_message(cx) && self.push_at.take_if(|at| *at <= cx.now).is_some()
    }

    /// More is to be sent, a while later.
    #[cfg(feature = "broadcast")]
    pub(crate) fn spread_later(&mut self, cx: &Cx<'_, P>) {
        self.push_at = Some(cx.now + cx.config.kv.push_interval);
    }

    fn push(&mut self, cx: &mut Cx<'_, P>, version: Version) {
        if Self::is_by_message(cx) {
            if version.writer() == self.writer(*cx.me) {
                self.push_at.get_or_insert(cx.now);
            }
            return;
        }
        let others = cx.table.live().len().saturating_sub(1).max(1);
        let dropped = self.hot.add(version, cx.config.kv.fanout.min(others));
        cx.stats.kv_unpushed += u64::from(dropped);
        self.push_at.get_or_insert(cx.now + cx.config.kv.push_interval);
    }

    /// Takes over what another member, or a snapshot, knows of a key, and tells the application.
    fn join(&mut self, cx: &mut Cx<'_, P>, key: &Key, other: &Item, max_entries: usize) -> Joined {
        let before = self.store.open(key);
        if before.is_none() && self.store.len() >= max_entries {
            return Joined::Full;
        }
        let known = before.is_some();
        let before = before.unwrap_or_default();
        for stamp in other.stamps() {
            self.observe(cx, stamp);
        }
        // What the key has outlived here counts as seen, even if it never came.
        let shown = other.dots();
        for dot in shown.iter().filter(|dot| before.covers(dot)) {
            self.note(cx, dot);
        }
        let mut after = before.clone();
        let nothing = gossip_crdt::Context::new();
        let covers = known || cx.config.keeps(Safeguard::Covering);
        after.join(if covers { self.context.dots() } else { &nothing }, other);
        after.prune(|dot| self.stability.is_stable(dot));
        if after.size() > MAX_ITEM * cx.config.kv.max_value && after.size() > before.size() {
            return Joined::Full;
        }
        if after.heads().is_empty() {
            // What the key shows still was known to what is gone: if it lives on, it comes again with what knows of it.
            let me = self.writer(*cx.me);
            for dot in after.dots().iter().filter(|dot| dot.writer != me) {
                self.context.forget(cx.key, dot);
            }
            after = Item::default();
        }
        after.dots().iter().for_each(|dot| self.note(cx, dot));
        if after == before || !known && after.is_nothing() {
            return Joined::Known;
        }
        let is_new = |head: &&Dot<Identity>| !before.heads().contains(head);
        let head = after.heads().iter().find(is_new).or(before.heads().last()).or(after.heads().last());
        if let Some(head) = head.filter(|_| before.heads() != after.heads()) {
            self.tell(cx, key, Version::from(head), before.is_visible(), after.is_visible());
        }
        self.put(cx, key, after);
        Joined::Changed
    }

    fn put(&mut self, cx: &Cx<'_, P>, key: &Key, item: Item) {
        self.store.put(key, item, cx.now + cx.config.kv.tombstone_ttl);
    }

    fn note(&mut self, cx: &Cx<'_, P>, dot: &Dot<Identity>) {
        if !self.context.contains(dot) {
            _ = self.context.add(cx.key, usize::MAX, dot.writer, dot.counter, dot.counter);
        }
    }

    fn observe(&mut self, cx: &mut Cx<'_, P>, stamp: gossip_crdt::Stamp) {
        let Err(skew) = self.clock.observe(cx.unix_ms(), stamp) else { return };
        cx.stats.kv_skewed += 1;
        let told = self.skew_told.is_some_and(|at| cx.now < at + SKEW_PERIOD);
        // Before the node is told the time every stamp is far ahead of it.
        if !told && cx.wall.1 > 0 {
            self.skew_told = Some(cx.now);
            cx.events.push(Event::ClockSkew { ahead_ms: skew.ahead_ms });
        }
    }

    fn tell(&self, cx: &mut Cx<'_, P>, key: &Key, version: Version, was: bool, is: bool) {
        if was || is {
            cx.events.push(Event::Kv(KvEvent { scope: key.scope(), key: key.name().into(), version, deleted: !is }));
        }
    }

    fn handle_entries(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, entries: List<'_, WireEntry<'_>>) {
        for entry in entries.iter() {
            let version = Version::new(entry.writer, entry.counter);
            if self.context.contains(&version.dot()) {
                cx.stats.kv_duplicates += 1;
                continue;
            }
            let Some((key, item)) = read_entry(&entry, cx.now) else {
                cx.stats.kv_malformed += 1;
                continue;
            };
            self.check_memory(cx, entry.writer, entry.counter);
            if !self.has_room(cx, &key, &item) {
                continue;
            }
            let joined = self.join(cx, &key, &item, cx.config.kv.max_entries);
            if from.answer == usize::MAX && self.context.has_gap(entry.writer) {
                self.gap(cx, from, entry.writer);
            }
            if joined == Joined::Changed {
                self.push(cx, version);
            }
        }
    }

    /// Whether an entry can be noted. One that could not must not be stored, or a later deletion that is forgotten could not
    /// keep it away.
    fn has_room(&self, cx: &mut Cx<'_, P>, key: &Key, item: &Item) -> bool {
        let max = cx.config.kv.max_writers;
        if self.store.len() >= cx.config.kv.max_entries && self.store.open(key).is_none()
            || item.dots().iter().any(|dot| !self.context.has_place(max, dot.writer))
        {
            cx.stats.kv_dropped += 1;
            return false;
        }
        let has_room = |dot: &Dot<Identity>| {
            self.context.contains(dot) || self.context.has_room(max, dot.writer, dot.counter, dot.counter)
        };
        let has_room = item.dots().iter().all(has_room);
        cx.stats.kv_postponed += u64::from(!has_room);
        has_room
    }

    /// Writes new entries into a packet that is made for them.
    fn write_push(&mut self, cx: &mut Cx<'_, P>, packet: &mut Writer<'_>) {
        // What even this packet does not hold no packet of this node does: what follows shall not wait for it.
        while self.hot.write(&self.store, cx.now, packet) == 0 && self.hot.pop() {
            cx.stats.kv_dropped += 1;
        }
    }

    fn push_if_due(&mut self, cx: &mut Cx<'_, P>) {
        if self.push_at.is_none_or(|at| at > cx.now) || Self::is_by_message(cx) {
            return;
        }
        self.push_at = None;
        if self.hot.len() == 0 {
            return;
        }
        // A packet holds a few entries: where many wait, more are sent at a time.
        let packets = (self.hot.len() / 8).clamp(cx.config.kv.fanout, 16);
        let members = cx.table.pick(cx.rng, packets, |_| true);
        for index in members.iter().cycle().take(packets) {
            self.intents.push(cx.stats, Target::to(cx.table.row(*index).addr.clone()), Intent::Push);
        }
        self.push_at = Some(cx.now + cx.config.kv.push_interval);
    }

    /// Forgets what has expired, and deletions that everybody has heard of.
    fn forget(&mut self, cx: &mut Cx<'_, P>) {
        while let Some(key) = self.store.expired(cx.now) {
            let before = self.store.open(&key).unwrap_or_default();
            if let Some(head) = before.heads().last() {
                self.tell(cx, &key, Version::from(head), before.is_visible(), false);
            }
            // Seen and not there: it is gone for everybody.
            self.put(cx, &key, Item::default());
        }
        if self.store.next_grave().is_some_and(|at| at <= cx.now) {
            self.tend_stability(cx);
        }
        let (later, stability) = (cx.now + GRAVE_PERIOD, &self.stability);
        let by_time_alone = !cx.config.keeps(Safeguard::Stability);
        self.store.forget(cx.now, later, |head| by_time_alone || stability.is_stable(head));
    }
}

impl<P: Peer> Protocol<P> for KvState<P> {
    type Section<'a> = Section<'a>;
    type Intent = Intent;

    fn handle(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: Section<'_>) {
        if !cx.config.kv.enabled {
            return;
        }
        let known = from.answer == usize::MAX;
        self.note_summary();
        if matches!(section, Section::Summary(_)) {
            self.tend_stability(cx);
        }
        match section {
            Section::Entries(entries) => self.handle_entries(cx, from, entries),
            Section::Delta(delta) => self.handle_delta(cx, from, delta),
            Section::Summary(fingerprint) if fingerprint == self.fingerprint() => {
                self.handed_over = true;
                if known {
                    self.stability.has_all(from.sender);
                    // It has seen what this node has, and of what is awaited this node has seen everything.
                    self.awaiting.acknowledge(cx, from.sender.id, |_| true);
                }
            }
            Section::Summary(fingerprint) if known => {
                self.stability.has(from.sender, fingerprint);
                self.mismatch(cx, from);
            }
            Section::Context(page) if known => self.handle_context(cx, from, page),
            Section::Receipt(Receipt::Question(writer)) if known => {
                self.intents.push(cx.stats, Target::answer(from), Intent::Receipt(writer));
            }
            Section::Receipt(Receipt::Answer(seen)) if known => self.handle_receipt(cx, from, &seen),
            Section::Question(question) if known => self.handle_question(cx, from, question),
            Section::Answer(answer) if known => self.handle_answer(cx, from, answer),
            Section::Wants(wants) if known => self.handle_wants(cx, from, wants),
            Section::States(states) if known => self.handle_states(cx, from, states),
            Section::Part(part) if known => self.handle_part(cx, from, part),
            Section::Fetch(fetch) if known => {
                self.intents.push(cx.stats, Target::answer(from), Intent::Parts(fetch));
            }
            _ => (),
        }
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_, P>) {
        self.push_if_due(cx);
        self.sync_if_due(cx);
        self.compare_if_due(cx);
        self.fetch_if_due(cx);
        self.ask_if_due(cx);
        self.forget(cx);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        earliest([
            self.push_at,
            self.sync.poll_timeout(),
            self.comparison.poll_timeout(),
            self.fetching.poll_timeout(),
            self.awaiting.poll_timeout(),
            self.store.poll_timeout(),
        ])
    }

    fn poll_intent(&mut self, lane: Lane) -> Option<(Target<P>, Intent)> {
        self.intents.pop(lane)
    }

    fn has_intents(&self) -> bool {
        !self.intents.is_empty()
    }

    fn write(&mut self, cx: &mut Cx<'_, P>, to: &Target<P>, intent: Intent, packet: &mut Writer<'_>) {
        match intent {
            Intent::Push => self.write_push(cx, packet),
            Intent::Context { reply } => self.write_context(reply, packet),
            Intent::Compare(intent) => {
                let (part, before) = (intent.part(), packet.len());
                self.write_comparison(cx, to, intent, packet);
                self.note_sent(&to.addr, part, packet.len() - before);
            }
            Intent::Fetch(fetch) => _ = packet.section(tag::KV_FETCH, |w| fetch.write(w)),
            Intent::Parts(fetch) => self.write_parts(cx, to, fetch, packet),
            Intent::Delta(delta) => self.write_delta(cx, to, delta, packet),
            Intent::Ask(member) => self.write_question(cx, member, packet),
            Intent::Receipt(writer) => self.write_receipt(writer, packet),
        }
    }

    fn is_hungry(&self) -> bool {
        self.hot.len() > 0
    }

    fn fill(&mut self, cx: &mut Cx<'_, P>, packet: &mut Writer<'_>) {
        if self.is_hungry() {
            _ = self.hot.write(&self.store, cx.now, packet);
        }
    }

    fn ride(&mut self, cx: &mut Cx<'_, P>, packet: &mut Writer<'_>) {
        if cx.config.kv.enabled {
            _ = packet.section(tag::KV_SUMMARY, |w| w.u64(self.fingerprint()));
        }
    }
}
