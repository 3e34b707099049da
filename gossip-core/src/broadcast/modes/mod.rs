//! The textbook's ways of spreading, chosen by `broadcast.mode`: no overlay and no tree, but random members, round by round.
//!
//! `push` passes on what is new, blindly or until enough receivers had it; `compare` asks a member for what is missing; `median`
//! does both at once, and counts. Each member has rounds of its own: they begin `broadcast.gossip_interval` apart, at a moment
//! that the seed chooses.

mod compare;
mod median;
mod push;

use core::time::Duration;

use gossip_collections::VecDeque;

use self::median::Median;
use super::history::Place;
use super::receipts::to_row;
use super::{Broadcast, Intent};
use crate::config::{BroadcastConfig, BroadcastMode};
use crate::membership::MemberIndex;
use crate::peer::Peer;
use crate::protocol::{Cx, Source};
use crate::random::Rng;
use crate::time::Instant;
use crate::wire::broadcast::Section;

/// At most so many messages are passed on at a time; at the limit the oldest is left to repair.
const MAX_HOT: usize = 1024;
/// A message that was sent so many tenths of a second ago is no news: who lacks it asks for it.
const OLD: u16 = 100;

/// What a member does in rounds.
#[derive(Debug)]
pub(super) struct Gossip {
    /// When this member's next round begins; none in a tree.
    next: Option<Instant>,
    /// What it still passes on, in the order of places.
    hot: VecDeque<Hot>,
    /// Whom it called in this round.
    called: Option<MemberIndex>,
}

/// A message that is passed on.
#[derive(Debug)]
struct Hot {
    place: Place,
    heat: Heat,
}

/// How long it is.
#[derive(Debug)]
enum Heat {
    /// So many times.
    Sends(u16),
    /// Until so many receivers more had it before.
    Doubts(u8),
    Median(Median),
}

impl Gossip {
    pub(super) fn new(rng: &mut Rng, now: Instant, config: &BroadcastConfig) -> Self {
        let interval = u64::try_from(config.gossip_interval.as_micros()).unwrap_or(u64::MAX);
        let rounds = config.mode != BroadcastMode::Tree;
        let next = rounds.then(|| now + Duration::from_micros(1 + rng.below(interval as usize) as u64));
        Self { next, hot: VecDeque::new(), called: None }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    fn find(&mut self, place: Place) -> Option<&mut Heat> {
        let at = self.hot.binary_search_by_key(&place, |hot| hot.place).ok()?;
        self.hot.get_mut(at).map(|hot| &mut hot.heat)
    }

    fn forget(&mut self, place: Place) {
        if let Ok(at) = self.hot.binary_search_by_key(&place, |hot| hot.place) {
            self.hot.remove(at);
        }
    }
}

impl<P: Peer> Broadcast<P> {
    /// A message was taken in that is so many tenths of a second old.
    pub(super) fn keep_spreading(&mut self, cx: &mut Cx<'_, P>, place: Place, age: u16) {
        let config = &cx.config.broadcast;
        let heat = match config.mode {
            BroadcastMode::Push => Heat::Sends(push::transmits(config, cx.table.live().len())),
            BroadcastMode::Rumour => Heat::Doubts(config.rumour_counter),
            BroadcastMode::MedianCounter => Heat::Median(Median::new()),
            _ => return,
        };
        if age >= OLD {
            return;
        }
        if self.gossip.hot.len() >= MAX_HOT {
            self.gossip.hot.pop_front();
            cx.stats.dropped_intents += 1;
        }
        self.gossip.hot.push_back(Hot { place, heat });
    }

    /// Begins this member's next round, if it is time.
    pub(super) fn begin_round(&mut self, cx: &mut Cx<'_, P>) {
        let Some(due) = self.gossip.next.filter(|due| *due <= cx.now) else { return };
        let interval = cx.config.broadcast.gossip_interval;
        // What was slept through is not made up for.
        self.gossip.next = Some(if due + interval > cx.now { due + interval } else { cx.now + interval });
        match cx.config.broadcast.mode {
            BroadcastMode::Tree => (),
            BroadcastMode::Push => self.push_blindly(cx),
            BroadcastMode::Rumour => self.spread_rumours(cx),
            BroadcastMode::Pull | BroadcastMode::PushPull => self.call(cx, Intent::Fingerprint),
            BroadcastMode::EagerPushPull => self.call(cx, Intent::Recent),
            BroadcastMode::MedianCounter => self.count_rumours(cx),
        }
    }

    /// A random member, whom this one turns to in this round.
    fn call(&mut self, cx: &mut Cx<'_, P>, intent: Intent) {
        self.gossip.called = cx.table.pick(cx.rng, 1, |_| true).first().copied();
        if let Some(row) = self.gossip.called {
            self.intents.push(cx.stats, to_row(cx, row), intent);
        }
    }

    pub(super) fn handle_gossip(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: Section<'_>) {
        let mode = cx.config.broadcast.mode;
        let known = from.answer == usize::MAX;
        let asked = self.topics.asked(cx.now, from.row);
        match section {
            Section::Messages(messages) => self.handle_messages(cx, from, messages),
            Section::Receipt(receipt) => self.handle_receipt(cx, from, receipt),
            // Whoever is no member gets nothing.
            _ if !known => (),
            Section::Interests(told) => self.note_asker(cx, from, &told),
            Section::Digest(digest) => self.handle_digest(cx, from.addr, digest),
            Section::Compare(digest) => self.handle_compare(cx, from.addr, digest),
            Section::Pull(wanted) => self.handle_pull(cx, from.addr, &asked, wanted),
            Section::Recent(ids) if mode == BroadcastMode::EagerPushPull => self.give_at_once(cx, from, &asked, ids),
            Section::Recent(ids) => self.handle_recent(cx, from.addr, &asked, ids),
            Section::Fingerprint(fingerprint) if mode.compares() => self.answer_call(cx, from, fingerprint),
            Section::Fingerprint(fingerprint) if cx.config.broadcast.repair => {
                self.handle_fingerprint(cx, from.addr, fingerprint);
            }
            Section::Prune(had) if mode == BroadcastMode::Rumour => self.hear_doubts(had),
            Section::Rumours(rumours) if mode == BroadcastMode::MedianCounter => {
                self.compare_counters(cx, from, rumours);
            }
            Section::Fingerprint(_) => (),
            _ => cx.stats.broadcast_strangers += 1,
        }
    }
}
