//! What two members hold differs although both have seen the same: state was lost, or deletions were forgotten before
//! somebody heard of them. Which keys those are, `gossip-reconcile` finds, at the price of the difference; then each side
//! tells what it knows of them. One side asks, and it alone remembers how far it has come.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use gossip_collections::SmallVec;
use gossip_crdt::Dot;
use gossip_reconcile::{Found, Session, Slot, Want};

use super::diff::Report;
use super::item::Item;
use super::join::Joined;
use super::key::Key;
use super::push::{read_entry, write_entry};
use super::{KvState, Scope};
use crate::identity::Identity;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;
use crate::wire::kv::States;
use crate::wire::{NoSpace, Writer, tag};

/// Questions without an answer are asked again so many times.
const RETRIES: u8 = 4;
pub(super) const RETRY: Duration = Duration::from_millis(500);
/// The most entries that one request is answered with, or one comparison tells; the next comparison finds the rest.
pub(super) const MAX_STATES: usize = 8192;
/// The longest question, answer or request.
const MAX_BYTES: usize = 1400;

/// A part of a comparison.
#[derive(Clone, Debug)]
pub(crate) enum Intent {
    Question,
    Answer(SmallVec<[u8; 64]>),
    Wants(Vec<Want>),
    /// What is known here, the last first, and whether the receiver is to tell what it knows to be gone.
    States {
        told: Vec<Told>,
        wants_answer: bool,
    },
}

/// What another member is told of a key.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// What is known of the key there.
    At(Slot),
    /// What is known of it, deleted or not.
    Of(Key),
    /// That nothing is left of a write, and nothing is known here of what outlived it.
    Gone(Key, Dot<Identity>),
}

/// What an intent is to the comparison that this node has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Question,
    /// What follows from what was found.
    Exchange,
    /// An answer to the other's.
    Answer,
}

impl Intent {
    pub(super) fn part(&self) -> Part {
        match self {
            Self::Question => Part::Question,
            Self::Wants(_) | Self::States { wants_answer: true, .. } => Part::Exchange,
            Self::Answer(_) | Self::States { wants_answer: false, .. } => Part::Answer,
        }
    }
}

/// The comparison that this node has begun.
#[derive(Debug)]
pub(super) struct Comparison<P> {
    pub(super) running: Option<Running<P>>,
    /// The one that the application asked for, until none runs.
    #[cfg(feature = "reports")]
    pub(super) asked_for: Option<(P, Box<Report>)>,
    /// How many it has asked for.
    #[cfg(feature = "reports")]
    pub(super) last: u64,
}

#[derive(Debug)]
pub(super) struct Running<P> {
    pub(super) session: Session,
    pub(super) with: P,
    pub(super) due: Instant,
    retries: u8,
    /// For the application, if it asked for it.
    pub(super) report: Option<Box<Report>>,
}

impl<P> Default for Comparison<P> {
    fn default() -> Self {
        Self {
            running: None,
            #[cfg(feature = "reports")]
            asked_for: None,
            #[cfg(feature = "reports")]
            last: 0,
        }
    }
}

impl<P: Peer> Comparison<P> {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let running = self.running.as_ref()?;
        Some(running.deadline().map_or(running.due, |deadline| deadline.min(running.due)))
    }

    /// What is noted of the comparison with a member.
    #[cfg(feature = "reports")]
    pub(super) fn report(&mut self, with: &P) -> Option<&mut Report> {
        self.running.as_mut().filter(|running| running.with == *with)?.report.as_deref_mut()
    }
}

impl<P: Peer> KvState<P> {
    /// Begins to compare entries with a member, unless that is being done with one.
    pub(super) fn compare(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>) {
        if self.comparison.running.is_some() {
            return;
        }
        self.begin(cx, from.addr.clone(), None);
    }

    pub(super) fn begin(&mut self, cx: &mut Cx<'_, P>, with: P, report: Option<Box<Report>>) {
        cx.stats.kv_comparisons += 1;
        let session = Session::new(cx.rng.u32());
        let to = with.clone();
        self.comparison.running = Some(Running { session, with, due: cx.now + RETRY, retries: 0, report });
        self.send(cx, to, Intent::Question);
    }

    /// A node that has seen nothing asks for what it needs first.
    pub(super) fn ask_for_priority(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>) {
        let want = |prefix: &String| Want::Range {
            range: Key::range(Scope::Shared, prefix.as_bytes()),
            salt: 0,
            tags: Vec::new(),
            is_rest: true,
        };
        let wants: Vec<Want> = cx.config.kv.priority.iter().map(want).collect();
        if !wants.is_empty() {
            self.send(cx, from.addr.clone(), Intent::Wants(wants));
        }
    }

    pub(super) fn send(&mut self, cx: &mut Cx<'_, P>, to: P, intent: Intent) {
        let to = match &intent {
            Intent::States { told, .. } if told.len() > 16 => Target::patient(cx, to),
            _ => Target::to(to),
        };
        self.intents.push(cx.stats, to, super::Intent::Compare(intent));
    }

    pub(super) fn compare_if_due(&mut self, cx: &mut Cx<'_, P>) {
        self.diff_if_due(cx);
        let Some(running) = self.comparison.running.as_mut().filter(|running| running.due <= cx.now) else { return };
        if running.is_naming() {
            self.ask_for_names(cx);
            return self.diff_if_due(cx);
        }
        if running.retries == RETRIES && running.report.is_none() {
            self.comparison.running = None;
            return self.diff_if_due(cx);
        }
        running.retries = running.retries.saturating_add(1);
        running.due = cx.now + RETRY;
        running.session.retry();
        let to = running.with.clone();
        self.send(cx, to, Intent::Question);
    }

    pub(super) fn handle_question(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, question: &[u8]) {
        if question.len() <= MAX_BYTES {
            self.send(cx, from.addr.clone(), Intent::Answer(SmallVec::from_slice(question)));
        }
    }

    pub(super) fn handle_answer(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, answer: &[u8]) {
        let Some(running) = self.comparison.running.as_mut().filter(|running| running.with == *from.addr) else {
            return;
        };
        let index = self.store.index();
        if running.session.handle_answer(index, answer).is_err() {
            cx.stats.kv_malformed += 1;
            return;
        }
        (running.due, running.retries) = (cx.now + RETRY, 0);
        let (mut ours, mut wants) = (Vec::new(), Vec::new());
        let found: Vec<Found> = core::iter::from_fn(|| running.session.poll_found()).collect();
        for found in &found {
            ours.extend(index.ours(found).take(MAX_STATES.saturating_sub(ours.len())));
            wants.extend(index.wants(found));
        }
        Self::note_answer(running, &self.store, answer.len(), &found);
        if running.report.is_some() {
            ours.clear();
        }
        if running.is_naming() {
            self.end_diff_if_named(cx);
        } else if running.session.is_done() {
            self.comparison.running = None;
            self.diff_if_due(cx);
        } else {
            self.send(cx, from.addr.clone(), Intent::Question);
        }
        if !wants.is_empty() {
            self.send(cx, from.addr.clone(), Intent::Wants(wants));
        }
        self.tell_states(cx, from.addr.clone(), ours);
    }

    pub(super) fn handle_wants(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, wants: &[u8]) {
        let Ok(wants) = Want::read(wants) else {
            cx.stats.kv_malformed += 1;
            return;
        };
        let index = self.store.index();
        let wanted = wants.iter().flat_map(|want| index.wanted(want)).take(MAX_STATES);
        let wanted: Vec<Slot> = wanted.collect();
        self.tell_states(cx, from.addr.clone(), wanted);
    }

    pub(super) fn tell_states(&mut self, cx: &mut Cx<'_, P>, to: P, slots: Vec<Slot>) {
        if !slots.is_empty() {
            let told = slots.into_iter().rev().map(Told::At).collect();
            self.send(cx, to, Intent::States { told, wants_answer: true });
        }
    }

    /// What another member knows of keys in which the two differ. Of what is gone here it has not heard.
    pub(super) fn handle_states(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, states: States<'_>) {
        let mut told = Vec::new();
        self.note_received(from.addr, states.entries.bytes() + 1);
        for entry in states.entries.iter() {
            let Some((key, item)) = read_entry(&entry, cx.now) else {
                cx.stats.kv_malformed += 1;
                continue;
            };
            self.note_theirs(cx, from.addr, &key, &item);
            self.take_state(cx, &key, &item, states.wants_answer, &mut told);
        }
        self.end_diff_if_named(cx);
        self.answer_states(cx, from.addr.clone(), told);
    }

    pub(super) fn answer_states(&mut self, cx: &mut Cx<'_, P>, to: P, told: Vec<Told>) {
        if !told.is_empty() {
            self.send(cx, to, Intent::States { told, wants_answer: false });
        }
    }

    /// Takes over what another member knows of a key, and notes what of it is gone here.
    pub(super) fn take_state(
        &mut self,
        cx: &mut Cx<'_, P>,
        key: &Key,
        item: &Item,
        wants_answer: bool,
        told: &mut Vec<Told>,
    ) {
        for dot in item.dots() {
            self.check_memory(cx, dot.writer, dot.counter);
        }
        let seen: SmallVec<[_; 2]> = item.dots().into_iter().filter(|dot| self.context.contains(dot)).collect();
        if self.take(cx, key, item) == Joined::Full || !wants_answer {
            return;
        }
        let known = self.store.open(key).unwrap_or_default();
        let shown = known.dots();
        // What outlived it is told itself, if it is known here: only so it is not lost where it was outlived.
        let (outlived, gone): (SmallVec<[_; 2]>, SmallVec<[_; 2]>) =
            seen.into_iter().filter(|dot| !shown.contains(dot)).partition(|dot| known.covers(dot));
        told.extend((!outlived.is_empty()).then(|| Told::Of(key.clone())));
        told.extend(gone.into_iter().map(|dot| Told::Gone(key.clone(), dot)));
    }

    pub(super) fn write_comparison(
        &mut self,
        cx: &mut Cx<'_, P>,
        to: &Target<P>,
        intent: Intent,
        packet: &mut Writer<'_>,
    ) {
        let mut buf = [0; MAX_BYTES];
        // Tag and length of the section take four bytes.
        let room = packet.room().saturating_sub(4).min(MAX_BYTES);
        let buf = &mut buf[..room];
        let index = self.store.index();
        match intent {
            Intent::Question => {
                let running = self.comparison.running.as_mut().filter(|running| running.with == to.addr);
                let Some(len) = running.and_then(|running| running.session.poll_question(index, buf)) else { return };
                _ = packet.section(tag::KV_QUESTION, |w| w.bytes(&buf[..len]));
                // There may be more to ask before the answer comes.
                self.send(cx, to.addr.clone(), Intent::Question);
            }
            Intent::Answer(question) => match index.answer(&question, buf) {
                Ok(len) => _ = packet.section(tag::KV_ANSWER, |w| w.bytes(&buf[..len])),
                Err(_) => cx.stats.kv_malformed += 1,
            },
            Intent::Wants(mut wants) => {
                let (written, len) = Want::write(&wants, buf);
                _ = packet.section(tag::KV_WANTS, |w| w.bytes(&buf[..len]));
                wants.drain(..written);
                if written > 0 && !wants.is_empty() {
                    self.send(cx, to.addr.clone(), Intent::Wants(wants));
                }
            }
            Intent::States { mut told, wants_answer } => {
                self.write_states(cx, &mut told, wants_answer, packet);
                if !told.is_empty() {
                    self.send(cx, to.addr.clone(), Intent::States { told, wants_answer });
                }
            }
        }
    }

    /// Writes as many as find room, and announces the parts of what finds none in an empty packet.
    fn write_states(&self, cx: &mut Cx<'_, P>, told: &mut Vec<Told>, wants_answer: bool, packet: &mut Writer<'_>) {
        let (mut written, mut too_long) = (false, None);
        _ = packet.section(tag::KV_STATES, |w| {
            w.u8(u8::from(wants_answer))?;
            w.items(|w| {
                while let Some(last) = told.last() {
                    let Some((key, item, dot)) = self.known(last) else {
                        told.pop();
                        continue;
                    };
                    if let Err(NoSpace) = write_entry(w, key, &item, &dot, cx.now) {
                        if !written {
                            too_long = told.pop();
                        }
                        return Err(NoSpace);
                    }
                    told.pop();
                    written = true;
                    return Ok(true);
                }
                Ok(false)
            });
            if written { Ok(()) } else { Err(NoSpace) }
        });
        if let Some((key, item, dot)) = too_long.as_ref().and_then(|told| self.known(told)) {
            _ = self.announce_parts(cx, key, &item, &dot, packet);
        }
    }

    /// What is to be told, and a write by which it is named.
    fn known<'a>(&'a self, told: &'a Told) -> Option<(&'a Key, Item, Dot<Identity>)> {
        let (key, item) = match told {
            Told::At(slot) => (self.store.index().key(*slot)?, self.store.at(*slot)?.open()),
            Told::Of(key) => (key, self.store.open(key)?),
            Told::Gone(key, dot) => return Some((key, Item::gone(dot), *dot)),
        };
        let head = *item.heads().first()?;
        Some((key, item, head))
    }
}
