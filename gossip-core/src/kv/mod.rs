//! The replicated map. Every write is a dot (node, generation, counter); every replica keeps a causal context of the
//! dots it has seen and, of each key, the last write: of an own key that of its owner, of a shared key the one with the
//! highest hybrid logical clock. What a context covers and the map does not hold was overwritten: it never comes back.
//!
//! It knows the entries, the context, the entries that are still being pushed, and with whom to compare next.

mod acks;
mod clock;
mod context;
mod facade;
mod persist;
mod push;
mod store;
mod sync;
mod version;

pub use acks::{Acks, Quorum};
pub use facade::{Entry, Kv, KvError, KvEvent, KvMut};
pub(crate) use persist::Persisted;
pub use persist::Writes;
pub use version::{Scope, Version};

use self::acks::Awaiting;
use self::clock::Clock;
use self::context::Context;
use self::push::Hot;
use self::store::{Outcome, Store, Write};
use self::sync::{DeltaIntent, Sync};
use crate::event::Event;
use crate::identity::{Identity, NodeId};
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Intents, Protocol, Source, Target, Urgency};
use crate::time::Instant;
use crate::wire::kv::{Entry as WireEntry, Receipt, Section};
use crate::wire::{List, Writer, tag};

const MAX_INTENTS: usize = 1024;

/// What the map wants to send.
#[derive(Clone, Debug)]
pub(crate) enum Intent {
    /// New entries.
    Push,
    /// A page of the context.
    Context { reply: bool },
    /// What the receiver has not seen.
    Delta(DeltaIntent),
    /// Awaited writes, and whether the receiver has them.
    Ask(NodeId),
    /// How much of a writer was seen.
    Receipt(Identity),
}

impl Urgency for Intent {}

/// One replica.
#[derive(Debug)]
pub(crate) struct KvState<P> {
    intents: Intents<P, Intent>,
    store: Store,
    context: Context,
    clock: Clock,
    /// This node's last write, in which of its lives.
    counter: (Identity, u64),
    /// Whether another member was seen to hold all that this one wrote.
    handed_over: bool,
    hot: Hot,
    push_at: Option<Instant>,
    sync: Sync<P>,
    awaiting: Awaiting,
}

impl<P: Peer> KvState<P> {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            intents: Intents::new(MAX_INTENTS),
            store: Store::default(),
            context: Context::default(),
            clock: Clock::default(),
            counter: (Identity::new(NodeId::from_bytes([0; 16]), 0), 0),
            handed_over: true,
            hot: Hot::default(),
            push_at: None,
            sync: Sync::new(now),
            awaiting: Awaiting::default(),
        }
    }

    pub(crate) fn facade(&self) -> Kv<'_> {
        Kv::new(&self.store, &self.awaiting, self.context.fingerprint())
    }

    /// Whether another member was seen to hold all that this one wrote.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.handed_over
    }

    /// How many writes of this life were made.
    fn counter(&self, me: Identity) -> u64 {
        if self.counter.0 == me { self.counter.1.max(self.context.through(me)) } else { self.context.through(me) }
    }

    /// Others have seen so many writes of a writer. If that is this node and it does not remember them, it goes on under
    /// a new generation, so that no version ever names two writes.
    fn check_memory(&self, cx: &mut Cx<'_, P>, writer: Identity, counter: u64) {
        if writer == *cx.me && counter > self.counter(writer) {
            let known = self.context.last_generation(writer.id).max(writer.generation);
            cx.me.generation = known.saturating_add(1);
        }
    }

    fn next_version(&self, me: Identity) -> Option<Version> {
        self.counter(me).checked_add(1).map(|counter| Version::new(me, counter))
    }

    /// A local write was stored.
    fn wrote(&mut self, cx: &mut Cx<'_, P>, version: Version) {
        self.counter = (version.writer(), version.counter);
        self.handed_over = false;
        let added = self.context.add(cx.key, usize::MAX, version.writer(), version.counter, version.counter);
        debug_assert!(added, "this node's own writes have no holes");
        self.push(cx, version);
    }

    fn push(&mut self, cx: &mut Cx<'_, P>, version: Version) {
        let others = cx.table.live().len().saturating_sub(1).max(1);
        let dropped = self.hot.add(version, cx.config.kv.fanout.min(others));
        cx.stats.kv_unpushed += u64::from(dropped);
        self.push_at.get_or_insert(cx.now + cx.config.kv.push_interval);
    }

    /// Stores a write and tells the application.
    fn put(&mut self, cx: &mut Cx<'_, P>, write: &Write<'_>, max_entries: usize) -> Outcome {
        self.clock.observe(cx.unix_ms(), write.stamp);
        let forget_at = cx.now + cx.config.kv.tombstone_ttl;
        let outcome = self.store.put(write, max_entries, forget_at);
        if let Outcome::Stored { key, visible: true } = &outcome {
            cx.events.push(Event::Kv(KvEvent {
                scope: write.scope,
                key: key.clone(),
                version: write.version,
                deleted: write.value.is_none(),
            }));
        }
        outcome
    }

    fn handle_entries(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, entries: List<'_, WireEntry<'_>>) {
        for entry in entries.iter() {
            let write = Write::of(&entry);
            let Version { counter, .. } = write.version;
            if self.context.contains(&write.version) {
                cx.stats.kv_duplicates += 1;
                continue;
            }
            self.check_memory(cx, entry.writer, counter);
            // Noted first: an entry that could not be noted must not be stored, or a later deletion that is forgotten
            // could not keep it away.
            let room = self.store.len() < cx.config.kv.max_entries;
            let max = cx.config.kv.max_writers;
            if !room || !self.context.has_place(max, entry.writer) {
                cx.stats.kv_dropped += 1;
                continue;
            }
            let noted = self.context.add(cx.key, max, entry.writer, counter, counter);
            if from.answer == usize::MAX && self.context.has_gap(entry.writer) {
                self.gap(cx, from, entry.writer);
            }
            if !noted {
                cx.stats.kv_postponed += 1;
                continue;
            }
            if self.put(cx, &write, cx.config.kv.max_entries) != Outcome::Superseded {
                self.push(cx, write.version);
            }
        }
    }

    /// Writes new entries into a packet that is made for them.
    fn write_push(&mut self, cx: &mut Cx<'_, P>, packet: &mut Writer<'_>) {
        // What even this packet does not hold no packet of this node does: what follows shall not wait for it.
        while self.hot.write(&self.store, packet) == 0 && self.hot.pop() {
            cx.stats.kv_dropped += 1;
        }
    }

    fn push_if_due(&mut self, cx: &mut Cx<'_, P>) {
        if self.push_at.is_none_or(|at| at > cx.now) {
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
}

impl<P: Peer> Protocol<P> for KvState<P> {
    type Section<'a> = Section<'a>;
    type Intent = Intent;

    fn handle(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: Section<'_>) {
        if !cx.config.kv.enabled {
            return;
        }
        let known = from.answer == usize::MAX;
        match section {
            Section::Entries(entries) => self.handle_entries(cx, from, entries),
            Section::Delta(delta) => self.handle_delta(cx, from, delta),
            Section::Summary(fingerprint) if fingerprint == self.context.fingerprint() => {
                self.handed_over = true;
                if known {
                    // It has seen what this node has, and of what is awaited this node has seen everything.
                    self.awaiting.acknowledge(cx, from.sender.id, |_| true);
                }
            }
            Section::Summary(_) if known => self.mismatch(cx, from),
            Section::Context(page) if known => self.handle_context(cx, from, page),
            Section::Receipt(Receipt::Question(writer)) if known => {
                self.intents.push(cx.stats, Target::answer(from), Intent::Receipt(writer));
            }
            Section::Receipt(Receipt::Answer(seen)) if known => self.handle_receipt(cx, from, &seen),
            Section::Summary(_) | Section::Context(_) | Section::Receipt(_) => (),
        }
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_, P>) {
        self.push_if_due(cx);
        self.sync_if_due(cx);
        self.ask_if_due(cx);
        self.store.forget(cx.now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let awaiting = self.awaiting.poll_timeout();
        [self.push_at, self.sync.poll_timeout(), awaiting, self.store.next_grave()].into_iter().flatten().min()
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
            Intent::Delta(delta) => self.write_delta(cx, to, delta, packet),
            Intent::Ask(member) => self.write_question(member, packet),
            Intent::Receipt(writer) => self.write_receipt(writer, packet),
        }
    }

    fn is_hungry(&self) -> bool {
        self.hot.len() > 0
    }

    fn fill(&mut self, _cx: &mut Cx<'_, P>, packet: &mut Writer<'_>) {
        if self.is_hungry() {
            _ = self.hot.write(&self.store, packet);
        }
    }

    fn ride(&mut self, cx: &mut Cx<'_, P>, packet: &mut Writer<'_>) {
        if cx.config.kv.enabled {
            _ = packet.section(tag::KV_SUMMARY, |w| w.u64(self.context.fingerprint()));
        }
    }
}
