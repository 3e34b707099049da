//! What differs between this member and another, told to the application. The comparison is that of anti-entropy, as are the
//! messages: what the other has comes with it and is taken over, what is here is sent. So what is told has been.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use gossip_collections::BTreeMap;
use gossip_crdt::Dot;
use gossip_reconcile::{Found, Session, Slot, Want, Way};

use super::compare::{Intent, MAX_STATES, Part, RETRY, Running};
use super::item::Item;
use super::key::Key;
use super::store::Store;
use super::{KvError, KvMut, KvState, Scope, Version};
use crate::event::Event;
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::time::Instant;

/// What the other holds is asked for so many times in vain.
const TRIES: u8 = 3;
/// What is said to be without number is compared again when it is here, so often at most.
const ROUNDS: u8 = 6;
/// So long after all is known what is here is sent, and counted.
const LINGER: Duration = Duration::from_millis(20);
/// A section's tag and its length, as nearly all have them.
const SECTION_HEAD: usize = 3;

/// Names a comparison of this node with another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiffId(u64);

/// What was found by a comparison with a member that [`KvMut::diff`] was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// Which one.
    pub id: DiffId,
    /// The member.
    pub with: NodeId,
    /// How it ended.
    pub end: End,
    /// By which way it was found what differs; none: the member did not answer.
    pub way: Option<Way>,
    /// The keys that differed when it was found, deleted ones not counted: shared ones first, then by owner, ascending. At most
    /// 8 192.
    pub differences: Vec<Difference>,
    /// What finding them took.
    pub comparison: Cost,
    /// What followed: the entries that were asked for and sent, but for values that go in parts.
    pub exchange: Cost,
    /// How long it took.
    pub time: Duration,
}

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// All that differed is known.
    Complete,
    /// More differs than is told, or not all that differs was named in time; another comparison finds it.
    Partial,
    /// The member did not answer in time, or not to the end.
    NoAnswer,
}

/// A key of which two members hold something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The space of the key.
    pub scope: Scope,
    /// The key.
    pub key: Vec<u8>,
    /// Its last writes here; none: it was not here.
    pub here: Vec<Version>,
    /// Its last writes there; none: it was not there.
    pub there: Vec<Version>,
}

/// What was sent and received for something: sections, their bytes with what frames them, without the heads of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Sections sent, each in a packet of its own.
    pub packets_sent: u64,
    /// Sections received.
    pub packets_received: u64,
}

impl Cost {
    fn send(&mut self, bytes: usize) {
        self.bytes_sent += bytes as u64;
        self.packets_sent += 1;
    }

    fn receive(&mut self, bytes: usize) {
        self.bytes_received += (bytes + SECTION_HEAD) as u64;
        self.packets_received += 1;
    }
}

/// A comparison that was asked for, as far as it has come.
#[derive(Debug)]
pub(super) struct Report {
    id: DiffId,
    with: NodeId,
    begun: Instant,
    deadline: Instant,
    differences: BTreeMap<Key, Noted>,
    /// What is sent when all of the other's is here: else it would say what it made of both.
    ours: Vec<Slot>,
    is_sent: bool,
    round: Round,
    way: Option<Way>,
    /// Whether more differs than is noted.
    is_cut: bool,
    comparison: Cost,
    exchange: Cost,
}

/// A difference: the last writes of the key here and there, and in which round it was named.
#[derive(Debug, Default)]
struct Noted {
    here: Vec<Version>,
    there: Vec<Version>,
    named: u8,
}

/// One comparison of those that it may take.
#[derive(Debug)]
struct Round {
    /// From 1.
    number: u8,
    /// How many keys of the other are to be named, at least, and how many were.
    expected: usize,
    named: usize,
    /// Whether there is a range of which it is not known how much is in it.
    is_open: bool,
    wants: Vec<Want>,
    tries: u8,
    /// All is found, and its names are waited for.
    is_naming: bool,
}

impl Round {
    fn new(number: u8) -> Self {
        Self { number, expected: 0, named: 0, is_open: false, wants: Vec::new(), tries: 0, is_naming: false }
    }

    fn has_all_names(&self) -> bool {
        self.named >= self.expected && !self.is_open
    }
}

impl Report {
    fn new(id: DiffId, with: NodeId, begun: Instant, deadline: Instant) -> Self {
        Self {
            id,
            with,
            begun,
            deadline,
            differences: BTreeMap::new(),
            ours: Vec::new(),
            is_sent: false,
            round: Round::new(1),
            way: None,
            is_cut: false,
            comparison: Cost::default(),
            exchange: Cost::default(),
        }
    }

    /// Notes a difference: what is here of it, and how much is there.
    fn find(&mut self, store: &Store, found: &Found) {
        let index = store.index();
        for slot in index.ours(found) {
            let Some((key, held)) = index.key(slot).zip(store.at(slot)) else { continue };
            if let Some(noted) = self.place(key).filter(|noted| noted.here.is_empty() && noted.there.is_empty()) {
                noted.here = versions(&held.heads());
            }
            if self.ours.len() < MAX_STATES {
                self.ours.push(slot);
            }
        }
        let round = &mut self.round;
        let wants = index.wants(found);
        for want in &wants {
            match (want, found) {
                (Want::Key(_), _) => round.expected += 1,
                (Want::Range { tags, is_rest: false, .. }, _) => round.expected += tags.len(),
                (Want::Range { tags: known, .. }, Found::Range { tags, .. }) => {
                    round.expected += tags.len().saturating_sub(known.len());
                }
                _ => round.is_open = true,
            }
        }
        if round.wants.len() < MAX_STATES {
            round.wants.extend(wants);
        }
    }

    /// Where a key is noted, if there is room.
    fn place(&mut self, key: &Key) -> Option<&mut Noted> {
        if self.differences.len() >= MAX_STATES && !self.differences.contains_key(key) {
            self.is_cut = true;
            return None;
        }
        Some(self.differences.entry(key.clone()).or_default())
    }

    fn finish(self, now: Instant, end: End) -> Diff {
        let difference = |(key, noted): (Key, Noted)| {
            let Noted { here, there, .. } = noted;
            Difference { scope: key.scope(), key: key.name().to_vec(), here, there }
        };
        Diff {
            id: self.id,
            with: self.with,
            end,
            way: self.way,
            differences: self.differences.into_iter().map(difference).collect(),
            comparison: self.comparison,
            exchange: self.exchange,
            time: now.since(self.begun),
        }
    }
}

fn versions(heads: &[Dot<Identity>]) -> Vec<Version> {
    heads.iter().map(Version::from).collect()
}

impl<P: Peer> KvMut<'_, P> {
    /// Compares with another live member what both hold, beside what is done of itself: [`Event::Compared`] tells the
    /// keys in which the two differed, and what it took to find them. As with each comparison both have the same then,
    /// as far as they can. Deleted keys are not compared: they differ where the other still has them.
    ///
    /// # Errors
    /// [`KvError::NoSuchMember`], [`KvError::Comparing`], [`KvError::Disabled`] and [`KvError::Leaving`].
    pub fn diff(&mut self, with: NodeId, within: Duration) -> Result<DiffId, KvError> {
        self.check_running()?;
        let row = self.cx.table.find(with).map(|row| self.cx.table.row(row));
        let row = row.filter(|row| row.status.is_live() && with != self.cx.me.id).ok_or(KvError::NoSuchMember)?;
        let (addr, now) = (row.addr.clone(), self.cx.now);
        let comparison = &mut self.state.comparison;
        if comparison.asked_for.is_some() || comparison.running.as_ref().is_some_and(|running| running.report.is_some())
        {
            return Err(KvError::Comparing);
        }
        comparison.last += 1;
        let id = DiffId(comparison.last);
        let report = Report::new(id, with, now, now + within);
        comparison.asked_for = Some((addr, Box::new(report)));
        self.state.diff_if_due(&mut self.cx);
        Ok(id)
    }
}

impl<P: Peer> KvState<P> {
    /// Begins what was asked for as soon as no other comparison runs, and ends it in time.
    pub(super) fn diff_if_due(&mut self, cx: &mut Cx<'_, P>) {
        let running = &mut self.comparison.running;
        let over = running.take_if(|running| running.deadline().is_some_and(|deadline| deadline <= cx.now));
        if let Some(running) = over {
            let has_found = running.report.as_ref().is_some_and(|report| report.round.number > 1);
            let end = if has_found || running.session.is_done() { End::Partial } else { End::NoAnswer };
            end_diff(cx, running, end);
        }
        let Some((with, report)) = self.comparison.asked_for.take_if(|_| self.comparison.running.is_none()) else {
            return;
        };
        self.begin(cx, with, Some(report));
    }

    /// A part of a comparison was written for a member.
    pub(super) fn note_sent(&mut self, to: &P, part: Part, bytes: usize) {
        let Some(report) = self.comparison.report(to).filter(|_| bytes > 0) else { return };
        match part {
            Part::Question => report.comparison.send(bytes),
            Part::Exchange => report.exchange.send(bytes),
            Part::Answer => (),
        }
    }

    /// A question was answered with so many bytes; what it told.
    pub(super) fn note_answer(running: &mut Running<P>, store: &Store, bytes: usize, found: &[Found]) {
        let Some(report) = &mut running.report else { return };
        report.comparison.receive(bytes);
        found.iter().for_each(|found| report.find(store, found));
        if report.round.number == 1 {
            report.way = running.session.way();
        }
        report.round.is_naming = running.session.is_done();
        report.is_cut |= running.session.is_incomplete();
    }

    /// So many bytes of entries came from a member.
    pub(super) fn note_received(&mut self, from: &P, bytes: usize) {
        if let Some(report) = self.comparison.report(from) {
            report.exchange.receive(bytes);
        }
    }

    /// What a member holds of a key, before it is taken over.
    pub(super) fn note_theirs(&mut self, cx: &Cx<'_, P>, from: &P, key: &Key, item: &Item) {
        let Some(running) = self.comparison.running.as_mut().filter(|running| running.with == *from) else { return };
        let Some(report) = &mut running.report else { return };
        running.due = cx.now + RETRY;
        report.round.tries = 0;
        if !item.is_visible() {
            return;
        }
        let here = self.store.get(key).filter(|held| held.is_visible()).map(|held| versions(&held.heads()));
        let theirs = versions(item.heads());
        let round = report.round.number;
        let Some(noted) = report.place(key) else { return };
        let is_new = core::mem::replace(&mut noted.named, round) != round;
        if noted.there.is_empty() {
            if noted.here.is_empty() {
                noted.here = here.filter(|here| *here != theirs).unwrap_or_default();
            }
            noted.there = theirs;
        }
        report.round.named += usize::from(is_new);
    }

    /// All that differs is named: the other is sent what it lacks, and a little later it ends.
    pub(super) fn end_diff_if_named(&mut self, cx: &mut Cx<'_, P>) {
        let Some(running) = &mut self.comparison.running else { return };
        let Some(report) = &mut running.report else { return };
        if report.is_sent || !report.round.is_naming || !report.round.has_all_names() {
            return;
        }
        report.is_sent = true;
        let is_all = report.ours.is_empty();
        running.due = if is_all { cx.now } else { cx.now + LINGER };
        self.send_ours(cx);
    }

    fn send_ours(&mut self, cx: &mut Cx<'_, P>) {
        let Some(running) = &mut self.comparison.running else { return };
        let Some(report) = &mut running.report else { return };
        let (to, ours) = (running.with.clone(), core::mem::take(&mut report.ours));
        self.tell_states(cx, to, ours);
    }

    /// All was found, and nothing was heard for a while: it is over, or what is not named is asked for again, or how much there
    /// is of it is found by another comparison.
    pub(super) fn ask_for_names(&mut self, cx: &mut Cx<'_, P>) {
        let Some(running) = &mut self.comparison.running else { return };
        let Some(report) = &mut running.report else { return };
        let is_over = report.is_sent || report.is_cut || report.round.number == ROUNDS;
        if is_over {
            let end = if report.is_sent { End::Complete } else { End::Partial };
            self.send_ours(cx);
            if let Some(running) = self.comparison.running.take() {
                end_diff(cx, running, end);
            }
            return;
        }
        report.round.tries += 1;
        running.due = cx.now + RETRY;
        let to = running.with.clone();
        if report.round.tries <= TRIES && report.round.named < report.round.expected.max(1) {
            let wants = report.round.wants.clone();
            return self.send(cx, to, Intent::Wants(wants));
        }
        report.round = Round::new(report.round.number + 1);
        running.session = Session::new(cx.rng.u32());
        self.send_ours(cx);
        self.send(cx, to, Intent::Question);
    }
}

fn end_diff<P: Peer>(cx: &mut Cx<'_, P>, running: Running<P>, end: End) {
    let Some(report) = running.report else { return };
    let end = if report.is_cut && end == End::Complete { End::Partial } else { end };
    let diff = report.finish(cx.now, end);
    cx.events.push(Event::Compared(Arc::new(diff)));
}

impl<P> Running<P> {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.report.as_ref().map(|report| report.deadline)
    }

    pub(super) fn is_naming(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.round.is_naming)
    }
}
