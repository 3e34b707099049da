//! The replicated map. Every write is a dot (node, life, counter); every replica keeps a causal context of the
//! dots it has seen and, of each key, what was written and not written over by somebody who knew of it: siblings exist
//! only for writes that did not know of each other. What a context covers and the map does not hold is gone: it never
//! comes back.
//!
//! It composes what two other crates do: values and contexts are those of `gossip-crdt`, and where two members differ
//! `gossip-reconcile` finds. It knows the entries, the context, the entries that are still being pushed, and with whom
//! to compare next.

#[cfg(feature = "reports")]
mod acks;
mod compare;
mod content;
mod context;
#[cfg(feature = "reports")]
mod diff;
mod error;
mod facade;
mod item;
mod join;
mod key;
mod news;
mod parts;
mod persist;
mod push;
mod shown;
#[cfg(feature = "broadcast")]
mod spread;
mod stable;
mod store;
mod sync;
#[cfg(not(feature = "reports"))]
mod unreported;
#[cfg(feature = "broadcast")]
mod untold;
mod version;
mod write;

pub use gossip_crdt as crdt;
pub use gossip_reconcile::Way;

#[cfg(feature = "reports")]
pub use acks::{Acks, Quorum};
pub use content::{Blob, Content, Typed};
#[cfg(feature = "reports")]
pub use diff::{Cost, Diff, DiffId, Difference, End};
pub use error::KvError;
pub use facade::{Entry, Holding, Kv, KvEvent, Merge};
pub(crate) use persist::Persisted;
pub use persist::Writes;
pub use version::{Pen, Scope, Version};
pub use write::{Expect, KvMut, WriteOptions};

use alloc::vec::Vec;

use gossip_crdt::Clock;

#[cfg(not(feature = "reports"))]
use self::unreported::{self as acks, self as diff};

use self::acks::Awaiting;
use self::compare::Comparison;
use self::context::{Context, encode_beyond};
use self::parts::Fetching;
use self::push::Hot;
#[cfg(feature = "broadcast")]
pub(crate) use self::spread::{AT_ONCE, TOPIC, options as message_options};
use self::stable::Stability;
use self::store::Store;
use self::sync::{DeltaIntent, MAX_BEYOND, Sync};
use self::version::{generation_of, writer_of};
use crate::config::KvConfig;
use crate::identity::{Identity, NodeId};
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Intents, Protocol, Source, Target, Urgency};
use crate::time::{Instant, earliest};
use crate::wire::kv::{Fetch, Receipt, Section, Seen};
use crate::wire::{ClusterKey, Item as _, Writer, tag};

const MAX_INTENTS: usize = 1024;
/// What a key holds by what members wrote at the same time is so many times `kv.max_value` at most.
const MAX_ITEM: usize = 8;

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
    #[cfg(feature = "reports")]
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
            store: Store::new(hashes, config.max_entries),
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

    /// Tells how much of a writer was seen here.
    fn write_receipt(&self, writer: Identity, packet: &mut Writer<'_>) {
        let through = self.context.through(writer);
        let beyond = encode_beyond(self.context.runs(writer), through, MAX_BEYOND);
        let answer = Receipt::Answer(Seen::new(writer, through, &beyond));
        _ = packet.section(tag::KV_RECEIPT, |w| answer.write(w));
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
            #[cfg(feature = "reports")]
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
