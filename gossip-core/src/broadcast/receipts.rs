//! What becomes of messages sent here: whether anybody acknowledged one, and, if asked for, how many members of a sample have it.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::time::Duration;

use gossip_collections::SmallVec;

use super::coverage::{Coverage, Survey};
use super::history::Place;
use super::{Broadcast, BroadcastError, Intent, MessageId};
use crate::event::Event;
use crate::identity::Identity;
use crate::membership::MemberIndex;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::{Instant, earliest};
use crate::wire::broadcast::{MAX_RECEIPT, Receipt, ShortId};

/// At most so many surveys, and so many members asked by all of them.
const MAX_SURVEYS: usize = 64;
const MAX_ASKED: usize = 4096;
/// A survey begins so long after it was asked for, and asks so many at once, so often.
const BEGIN: Duration = Duration::from_millis(100);
const AT_ONCE: usize = 64;
const BETWEEN: Duration = Duration::from_millis(5);
/// Who did not answer, or has it not, is asked again after so long at first, and at most.
const AGAIN: Duration = Duration::from_millis(250);
const AGAIN_AT_MOST: Duration = Duration::from_secs(1);
/// A message that went to random members is asked for so often, so long after each other.
const ORPHAN_ASKED: u8 = 3;
const ORPHAN: Duration = Duration::from_millis(300);
/// What an acknowledgement may wait for others, twice.
const SLACK: Duration = Duration::from_millis(10);

/// What is known of a message that this node keeps; from [`super::Broadcasts::delivery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// To how many neighbours it was pushed, or, without neighbours, random members; it still waits for some of them, maybe.
    pub pushed: usize,
    /// How many are known to have it.
    pub acknowledged: usize,
    /// What the last [`super::BroadcastsMut::survey`] of it found.
    pub coverage: Option<Coverage>,
}

/// A member of a sample.
#[derive(Debug)]
struct Asked {
    row: MemberIndex,
    member: Identity,
    due: Instant,
    times: u8,
    has: bool,
}

#[derive(Debug)]
struct Running {
    id: MessageId,
    short: ShortId,
    token: u16,
    share_ppm: u32,
    ends: Instant,
    next: Instant,
    asked: Vec<Asked>,
    done: bool,
    coverage: Coverage,
}

/// What is awaited of messages sent here.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// The oldest first.
    surveys: Vec<Running>,
    /// Own messages that nobody acknowledged yet, and how often members were asked.
    watched: BinaryHeap<Reverse<(Instant, Place, u8)>>,
    /// Those that members were asked for last, and under which token from where.
    orphans: Vec<Place>,
    token: u16,
}

impl Receipts {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let surveys = self.surveys.iter().filter(|survey| !survey.done).map(|survey| survey.next).min();
        earliest([surveys, self.watched.peek().map(|Reverse((due, ..))| *due)])
    }

    /// What the newest survey of a message found.
    pub(super) fn coverage(&self, id: MessageId) -> Option<Coverage> {
        self.surveys.iter().rev().find(|survey| survey.id == id).map(|survey| survey.coverage)
    }

    /// Makes room for so many more to be asked: surveys that are done go, the oldest first.
    fn make_room(&mut self, count: usize) -> bool {
        let asked = |surveys: &[Running]| surveys.iter().map(|survey| survey.asked.len()).sum::<usize>();
        while self.surveys.len() >= MAX_SURVEYS || asked(&self.surveys) + count > MAX_ASKED {
            let Some(oldest) = self.surveys.iter().position(|survey| survey.done) else { return false };
            self.surveys.remove(oldest);
        }
        true
    }
}

impl<P: Peer> Broadcast<P> {
    /// A message of this node went out: whether somebody acknowledges it is seen to.
    pub(super) fn watch(&mut self, cx: &mut Cx<'_, P>, id: MessageId, place: Place) {
        if cx.table.live().len() <= 1 {
            self.tell_unacknowledged(cx, id, place);
            return;
        }
        let patience = self.links.iter().map(|(_, link)| link.way.timeout()).max();
        // Once for the message, once for its repetition.
        let wait = patience.map_or(ORPHAN, |way| way * 2 + SLACK);
        self.receipts.watched.push(Reverse((cx.now + wait, place, 0)));
    }

    pub(super) fn tend_receipts(&mut self, cx: &mut Cx<'_, P>) {
        self.look_after_watched(cx);
        let mut at = 0;
        while let Some(survey) = self.receipts.surveys.get_mut(at) {
            if !survey.done && survey.next <= cx.now {
                let asked = survey.ask(cx);
                let done = survey.done.then(|| Event::Coverage(survey.id, survey.coverage));
                let intent = Intent::Question(survey.token, SmallVec::from_slice(&[survey.short]));
                for row in asked {
                    self.intents.push(cx.stats, to_row(cx, row), intent.clone());
                }
                done.into_iter().for_each(|event| cx.events.push(event));
            }
            at += 1;
        }
    }

    /// Tells the application, unless the message is a protocol's: of those it knows nothing.
    fn tell_unacknowledged(&self, cx: &mut Cx<'_, P>, id: MessageId, place: Place) {
        if self.log.history.get(place).is_none_or(|message| message.topic().first() != Some(&0)) {
            cx.events.push(Event::Unacknowledged(id));
        }
    }

    fn look_after_watched(&mut self, cx: &mut Cx<'_, P>) {
        let mut orphans = Vec::new();
        while let Some(Reverse((due, place, asked))) = self.receipts.watched.peek().copied() {
            if due > cx.now {
                break;
            }
            self.receipts.watched.pop();
            let Some((id, acknowledged, linked)) = self.log.history.pushed(place) else { continue };
            if acknowledged > 0 {
                continue;
            }
            if self.flights.get_mut(place).is_some_and(|flight| flight.is_queued()) {
                self.receipts.watched.push(Reverse((cx.now + ORPHAN, place, asked)));
            } else if linked || asked >= ORPHAN_ASKED {
                self.tell_unacknowledged(cx, id, place);
            } else {
                orphans.push(place);
                self.receipts.watched.push(Reverse((cx.now + ORPHAN, place, asked + 1)));
            }
        }
        if !orphans.is_empty() {
            self.ask_for_orphans(cx, orphans);
        }
    }

    /// Asks a few members for messages that went to random ones: neither these nor anybody else acknowledged them.
    fn ask_for_orphans(&mut self, cx: &mut Cx<'_, P>, orphans: Vec<Place>) {
        let rows = cx.table.pick(cx.rng, cx.config.broadcast.fanout, |_| true);
        self.receipts.token =
            self.receipts.token.wrapping_add(self.receipts.orphans.len().div_ceil(MAX_RECEIPT) as u16);
        for (at, chunk) in orphans.chunks(MAX_RECEIPT).enumerate() {
            let token = self.receipts.token.wrapping_add(at as u16);
            // A place that is gone keeps its own in the question.
            let short = |place: &Place| self.log.history.short(*place).unwrap_or(ShortId(0));
            let ids: SmallVec<[ShortId; 1]> = chunk.iter().map(short).collect();
            for row in &rows {
                self.intents.push(cx.stats, to_row(cx, *row), Intent::Question(token, ids.clone()));
            }
        }
        self.receipts.orphans = orphans;
    }

    pub(super) fn survey(&mut self, cx: &mut Cx<'_, P>, id: MessageId, survey: Survey) -> Result<(), BroadcastError> {
        let short = self.log.history.find(id).and_then(|place| self.log.history.short(place));
        let short = short.ok_or(BroadcastError::Gone)?;
        let others = cx.table.live().len().saturating_sub(1);
        if !self.receipts.make_room(survey.sample.min(others)) {
            return Err(BroadcastError::Busy { retry_after: AGAIN_AT_MOST });
        }
        let next = cx.now + BEGIN;
        let sample = cx.table.sample(cx.rng, survey.sample, |_| true).into_iter();
        let asked = sample.map(|row| {
            let member = cx.table.row(row).member;
            Asked { row, member, due: next, times: 0, has: false }
        });
        let asked: Vec<Asked> = asked.collect();
        let coverage = Coverage { have: 0, asked: asked.len(), members: others };
        let (token, ends, share_ppm) = (cx.rng.u32() as u16, cx.now + survey.within, survey.share_ppm);
        let next = if asked.is_empty() { cx.now } else { next };
        let running = Running { id, short, token, share_ppm, ends, next, asked, done: false, coverage };
        self.receipts.surveys.push(running);
        Ok(())
    }

    pub(super) fn handle_receipt(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, receipt: Receipt<'_>) {
        if from.row.is_none_or(|row| !cx.table.is_live_at(row, from.addr)) {
            cx.stats.broadcast_strangers += 1;
            return;
        }
        match receipt {
            Receipt::Question { token, ids } => {
                // What was left out is nothing to those who do not want it.
                let wants = |place| self.log.history.left_out(place).is_some_and(|topic| self.topics.may_want(topic));
                let has = |id| self.log.history.find_short(id).is_some_and(|place| !wants(place));
                let bits = ids.iter().enumerate().fold(0, |bits, (at, id)| bits | u64::from(has(id)) << at);
                let answer = Intent::Receipt { token, count: ids.iter().count() as u8, has: bits };
                self.intents.push(cx.stats, Target::answer(from), answer);
            }
            Receipt::Answer { token, bits } => self.handle_receipts(cx, from, token, bits),
        }
    }

    fn handle_receipts(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, token: u16, bits: &[u8]) {
        let of = |survey: &&mut Running| survey.token == token && !survey.done;
        for survey in self.receipts.surveys.iter_mut().filter(of) {
            if let Some(asked) = survey.asked.iter_mut().find(|asked| asked.member == from.sender)
                && bits[0] & 1 == 1
            {
                asked.has = true;
                // Once the share is reached it is told.
                survey.next = cx.now;
            }
        }
        let chunk = usize::from(token.wrapping_sub(self.receipts.token));
        for (at, place) in self.receipts.orphans.chunks(MAX_RECEIPT).nth(chunk).into_iter().flatten().enumerate() {
            if bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1) {
                self.log.history.acknowledge(*place);
            }
        }
    }
}

impl Running {
    /// Whom to ask now, a few at a time, and when to go on.
    fn ask<P: Peer>(&mut self, cx: &Cx<'_, P>) -> SmallVec<[MemberIndex; AT_ONCE]> {
        self.asked.retain(|asked| asked.has || cx.table.is_member(asked.row, asked.member));
        let have = self.asked.iter().filter(|asked| asked.has).count();
        let members = cx.table.live().len().saturating_sub(1);
        self.coverage = Coverage { have, asked: self.asked.len(), members };
        let all = have == self.asked.len();
        self.done = all || cx.now >= self.ends || self.coverage.at_least_ppm() >= self.share_ppm;
        let mut now = SmallVec::new();
        self.next = self.ends;
        if self.done {
            return now;
        }
        for asked in self.asked.iter_mut().filter(|asked| !asked.has) {
            if asked.due <= cx.now {
                if now.len() == AT_ONCE {
                    self.next = cx.now + BETWEEN;
                    break;
                }
                now.push(asked.row);
                asked.due = cx.now + (AGAIN * (1 << asked.times.min(3))).min(AGAIN_AT_MOST);
                asked.times = asked.times.saturating_add(1);
            }
            self.next = self.next.min(asked.due);
        }
        now
    }
}

pub(super) fn to_row<P: Peer>(cx: &Cx<'_, P>, row: MemberIndex) -> Target<P> {
    Target { row: Some(row), ..Target::to(cx.table.row(row).addr.clone()) }
}
