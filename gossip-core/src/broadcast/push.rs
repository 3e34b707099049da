//! Eager push along links (Plumtree, Leitão et al., SRDS 2007), acknowledged hop by hop: what is not acknowledged is sent
//! once more, then asked for, so that redundancy follows the loss by itself.

use alloc::collections::{BinaryHeap, VecDeque};
use core::cmp::Reverse;
use core::time::Duration;

use super::history::Place;
use super::links::{MAX_LINKS, Slot, Slots};
use super::{Broadcast, Intent};
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Target};
use crate::stats::Fill;
use crate::time::{Instant, earliest};
use crate::wire::broadcast::{Class, ShortId};
use crate::wire::tag;

/// At most so many messages are on their way at a time; of older ones acknowledgements are not waited for any more.
const MAX_FLIGHTS: usize = 8192;
/// And for so long.
const FLIGHT: Duration = Duration::from_secs(5);
/// How often a message is sent to a neighbour that does not acknowledge it, once more where much is lost; and up to how many
/// tries it is asked after that.
const SENDS: u8 = 2;
const TRIES: u8 = 10;
/// A neighbour gets what it grafts so often: it may be lost, but nobody can make this node send for ever.
pub(super) const GRAFTS: u8 = 5;
/// Where so many messages came within so long, acknowledgements wait for each other, but not for long: neighbours wait for
/// them.
const BUSY: usize = 4;
const BUSY_FOR: Duration = Duration::from_millis(20);
const COLLECT: Duration = Duration::from_millis(4);
/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_millis(400);
/// An urgent message goes to so many neighbours at least.
const URGENT: usize = 3;

/// A message that was received or sent a short while ago.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) short: ShortId,
    pub(super) since: Instant,
    /// Which neighbours have it, as far as this node knows.
    pub(super) have: Slots,
    /// Which it was pushed to and have not acknowledged it.
    pub(super) pending: Slots,
    /// For which it waits to be written.
    queued: Slots,
    /// Those of them whose acknowledgement was due before it was.
    overdue: Slots,
    /// Whether it is still to be announced.
    pub(super) announces: bool,
    tries: [u8; MAX_LINKS],
    /// How often it was grafted.
    grafts: [u8; MAX_LINKS],
}

impl Flight {
    /// Whether it still waits to be written.
    pub(super) fn is_queued(&self) -> bool {
        self.queued != Slots::default()
    }
}

#[derive(Debug)]
pub(super) struct Flights {
    /// In the order of their places, without gaps.
    flights: VecDeque<Flight>,
    first: Place,
    /// Links for which acknowledgements are collected, and until when.
    collecting: Slots,
    collected_at: Option<Instant>,
    due: BinaryHeap<Reverse<(Instant, Place, Slot)>>,
    /// The most there ever were.
    peak: usize,
}

impl Flights {
    pub(super) fn new() -> Self {
        Self {
            flights: VecDeque::new(),
            first: 0,
            collecting: Slots::default(),
            collected_at: None,
            due: BinaryHeap::new(),
            peak: 0,
        }
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Flight> {
        self.flights.get_mut(usize::try_from(place.checked_sub(self.first)?).ok()?)
    }

    pub(super) fn begin(&mut self, now: Instant, place: Place, short: ShortId, have: Slots) {
        while self.flights.front().is_some_and(|f| now > f.since + FLIGHT) || self.flights.len() >= MAX_FLIGHTS {
            self.flights.pop_front();
            self.first += 1;
        }
        if self.flights.is_empty() {
            self.first = place;
        }
        debug_assert_eq!(place, self.first + self.flights.len() as u64, "places follow each other");
        self.flights.push_back(Flight {
            short,
            since: now,
            have,
            pending: Slots::default(),
            queued: Slots::default(),
            overdue: Slots::default(),
            announces: true,
            tries: [0; MAX_LINKS],
            grafts: [0; MAX_LINKS],
        });
        self.peak = self.peak.max(self.flights.len());
    }

    pub(super) fn fill(&self) -> Fill {
        Fill { peak: self.peak, limit: MAX_FLIGHTS }
    }

    /// Whether messages come so fast that acknowledgements are better collected.
    fn is_busy(&self, now: Instant) -> bool {
        let before = self.flights.len().checked_sub(BUSY);
        before.and_then(|at| self.flights.get(at)).is_some_and(|flight| now < flight.since + BUSY_FOR)
    }

    /// The newest first, down to those that are older than `age`.
    pub(super) fn recent(&self, now: Instant, age: Duration) -> impl Iterator<Item = (Place, &Flight)> {
        let newest = (self.first..self.first + self.flights.len() as u64).rev().zip(self.flights.iter().rev());
        newest.take_while(move |(_, flight)| now < flight.since + age)
    }

    /// A message for a neighbour was written, or left out; `due` is when an acknowledgement is.
    pub(super) fn written(&mut self, place: Place, slot: Slot, due: Instant) {
        let Some(flight) = self.get_mut(place) else { return };
        flight.queued.remove(slot);
        if flight.overdue.contains(slot) {
            flight.overdue.remove(slot);
            self.due.push(Reverse((due, place, slot)));
        }
    }

    /// The newest first.
    pub(super) fn newest_mut(&mut self) -> impl Iterator<Item = (Place, &mut Flight)> {
        (self.first..self.first + self.flights.len() as u64).rev().zip(self.flights.iter_mut().rev())
    }

    /// The place is given to another neighbour.
    pub(super) fn forget_link(&mut self, slot: Slot) {
        for flight in &mut self.flights {
            flight.have.remove(slot);
            flight.pending.remove(slot);
            flight.queued.remove(slot);
            flight.overdue.remove(slot);
            flight.tries[usize::from(slot)] = 0;
            flight.grafts[usize::from(slot)] = 0;
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        earliest([self.due.peek().map(|Reverse((due, ..))| *due), self.collected_at])
    }
}

impl<P: Peer> Broadcast<P> {
    /// Pushes a message that was just taken in to the neighbours that it should go to at once.
    pub(super) fn push(&mut self, cx: &mut Cx<'_, P>, class: Class, place: Place, have: Slots) {
        self.tree.dirty |= self.tree.load.count(cx.now, have == Slots::default());
        let branches = self.tree.branches(&self.links);
        let mut to = branches;
        if class == Class::Urgent {
            to = to.and(self.shortest_besides(branches));
        }
        for slot in to.without(have).iter() {
            self.push_to(cx, slot, class, place);
        }
    }

    /// The shortest links that are not of the tree, as many as an urgent message needs.
    fn shortest_besides(&self, branches: Slots) -> Slots {
        let mut others: smallvec::SmallVec<[(Duration, Slot); MAX_LINKS]> = smallvec::SmallVec::new();
        others.extend(self.links.iter().map(|(slot, link)| (link.way.shortest, slot)));
        others.retain(|(_, slot)| !branches.contains(*slot));
        others.sort_unstable();
        others.iter().take(URGENT.saturating_sub(branches.len())).map(|(_, slot)| *slot).collect()
    }

    /// Pushes a message to a neighbour, and expects it to be acknowledged.
    pub(super) fn push_to(&mut self, cx: &mut Cx<'_, P>, slot: Slot, class: Class, place: Place) {
        let Some(link) = self.links.get_mut(slot) else { return };
        if self.flights.get_mut(place).is_some_and(|flight| flight.queued.contains(slot)) {
            return;
        }
        if !link.outbox.push(class, place, self.log.history.bytes_of(place)) {
            cx.stats.broadcast_outbox_full += 1;
            return;
        }
        self.outbox_peak = self.outbox_peak.max(link.outbox.waiting(class));
        let due = cx.now + link.way.timeout();
        self.flush(cx, slot);
        let Some(flight) = self.flights.get_mut(place) else { return };
        let waits = flight.pending.contains(slot);
        flight.pending.insert(slot);
        flight.queued.insert(slot);
        flight.tries[usize::from(slot)] += 1;
        if flight.tries[usize::from(slot)] == 1 {
            self.log.history.push_one(place, true);
        }
        // What is grafted before it is acknowledged is waited for once.
        if !waits {
            self.flights.due.push(Reverse((due, place, slot)));
        }
    }

    /// A neighbour asks for a message.
    pub(super) fn handle_graft(&mut self, cx: &mut Cx<'_, P>, slot: Slot, id: ShortId) {
        let Some(place) = self.log.history.find_short(id) else { return };
        let Some(class) = self.log.history.class(place) else { return };
        if self.may_graft(cx, slot, place) {
            self.push_to(cx, slot, class, place);
        }
    }

    /// Whether a neighbour gets a message that it asks for. What is older goes by ranges.
    pub(super) fn may_graft(&mut self, cx: &mut Cx<'_, P>, slot: Slot, place: Place) -> bool {
        let Some(flight) = self.flights.get_mut(place) else { return false };
        let grafts = &mut flight.grafts[usize::from(slot)];
        let may = *grafts < GRAFTS;
        if may {
            *grafts += 1;
        } else {
            cx.stats.broadcast_grafts_refused += 1;
        }
        may
    }

    /// Makes sure that what waits for a link is sent.
    pub(super) fn flush(&mut self, cx: &mut Cx<'_, P>, slot: Slot) {
        let Some(link) = self.links.get_mut(slot) else { return };
        if self.intents.is_full(Lane::Datagram) {
            // It goes with what comes next for this link.
            return;
        }
        if !core::mem::replace(&mut link.outbox.queued, true) {
            let to = Target { row: Some(link.row), ..Target::to(link.addr.clone()) };
            self.intents.push(cx.stats, to, Intent::Outbox(slot));
        }
    }

    /// Puts a short id into a section for a neighbour.
    pub(super) fn note(&mut self, cx: &mut Cx<'_, P>, slot: Slot, tag: u8, id: ShortId) {
        if self.keep_note(cx, slot, tag, id) {
            self.flush(cx, slot);
        }
    }

    fn keep_note(&mut self, cx: &mut Cx<'_, P>, slot: Slot, tag: u8, id: ShortId) -> bool {
        let Some(link) = self.links.get_mut(slot) else { return false };
        let kept = link.outbox.note(tag, id);
        cx.stats.broadcast_notes_full += u64::from(!kept);
        kept
    }

    /// Acknowledges a message that a neighbour pushed.
    pub(super) fn acknowledge(&mut self, cx: &mut Cx<'_, P>, slot: Slot, tag: u8, id: ShortId) {
        if !self.flights.is_busy(cx.now) {
            self.note(cx, slot, tag, id);
        } else if self.keep_note(cx, slot, tag, id) {
            self.flights.collecting.insert(slot);
            self.flights.collected_at.get_or_insert(cx.now + COLLECT);
        }
    }

    /// Sends the acknowledgements that were collected.
    pub(super) fn send_collected(&mut self, cx: &mut Cx<'_, P>) {
        if self.flights.collected_at.take_if(|at| *at <= cx.now).is_some() {
            let collecting = core::mem::take(&mut self.flights.collecting);
            collecting.iter().for_each(|slot| self.flush(cx, slot));
        }
    }

    /// A neighbour has a message.
    pub(super) fn acknowledged(&mut self, cx: &mut Cx<'_, P>, slot: Slot, id: ShortId) {
        let Some(link) = self.links.get_mut(slot) else { return };
        link.heard = cx.now;
        let Some(place) = self.log.history.find_short(id) else { return };
        let Some(flight) = self.flights.get_mut(place) else { return };
        if !flight.have.contains(slot) {
            self.log.history.acknowledge(place);
        }
        flight.have.insert(slot);
        if flight.pending.contains(slot) {
            flight.pending.remove(slot);
            // Which of several it acknowledges does not show (Karn and Partridge, SIGCOMM 1987).
            if flight.tries[usize::from(slot)] == 1 && flight.grafts[usize::from(slot)] == 0 {
                link.way.sample(cx.now.since(flight.since));
            }
        }
    }

    /// Sends again, or asks for, what was not acknowledged in time.
    pub(super) fn repeat_pushes(&mut self, cx: &mut Cx<'_, P>) {
        while let Some(Reverse((due, place, slot))) = self.flights.due.peek().copied() {
            if due > cx.now {
                return;
            }
            self.flights.due.pop();
            let Some(link) = self.links.get_mut(slot) else { continue };
            let Some(flight) = self.flights.get_mut(place).filter(|flight| flight.pending.contains(slot)) else {
                continue;
            };
            if flight.queued.contains(slot) {
                flight.overdue.insert(slot);
                continue;
            }
            let (tries, short, since) = (flight.tries[usize::from(slot)], flight.short, flight.since);
            if tries >= TRIES {
                flight.pending.remove(slot);
                if link.heard <= since {
                    self.lose_link(cx, slot);
                }
                continue;
            }
            let Some(class) = self.log.history.class(place) else { continue };
            self.lazy.hasten(cx);
            if tries < SENDS + u8::from(cx.table.loss.is_high()) {
                flight.pending.remove(slot);
                self.push_to(cx, slot, class, place);
                continue;
            }
            flight.tries[usize::from(slot)] += 1;
            let wait = (link.way.timeout() * u32::from(tries - 1).max(2) / 2).min(LONGEST);
            self.flights.due.push(Reverse((cx.now + wait, place, slot)));
            self.note(cx, slot, tag::ASK, short);
        }
    }
}
