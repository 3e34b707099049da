//! Eager push along links (Plumtree, Leitão et al., SRDS 2007), acknowledged hop by hop: what is not acknowledged is sent
//! once more, then asked for, so that redundancy follows the loss by itself.

use core::cmp::Reverse;
use core::time::Duration;

use super::history::Place;
use super::links::{MAX_LINKS, Slot, Slots};
use super::{Broadcast, Intent};
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Target};
use crate::wire::broadcast::{Class, ShortId};
use crate::wire::tag;

/// How often a message is sent to a neighbour that does not acknowledge it, once more where much is lost; and up to how many
/// tries it is asked after that.
const SENDS: u8 = 2;
const TRIES: u8 = 10;
/// A neighbour gets what it grafts so often: it may be lost, but nobody can make this node send for ever.
pub(super) const GRAFTS: u8 = 5;
/// Acknowledgements that wait for each other do so for so long.
const COLLECT: Duration = Duration::from_millis(4);
/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_millis(400);
/// An urgent message goes to so many neighbours at least.
const URGENT: usize = 3;

impl<P: Peer> Broadcast<P> {
    /// Pushes a message that was just taken in to the neighbours that it should go to at once.
    pub(super) fn push(&mut self, cx: &mut Cx<'_, P>, class: Class, place: Place, have: Slots) {
        self.tree.dirty |= self.tree.load.count(cx.now, have == Slots::default(), self.flights.window.is_late());
        let branches = self.tree.branches(&self.links);
        let mut to = branches;
        if class == Class::Urgent {
            to = to.and(self.shortest_besides(branches));
        }
        let topic = self.topic_of(cx, place);
        for slot in to.without(have).iter() {
            match topic {
                Some(topic) if !self.links.get(slot).is_some_and(|link| link.wanted.contains(topic)) => {
                    if branches.contains(slot) {
                        self.push_named(cx, slot, class, place);
                    }
                }
                Some(_) if self.is_fetched(place) => (),
                _ => self.push_to(cx, slot, class, place),
            }
        }
    }

    /// The shortest links that are not of the tree, as many as an urgent message needs.
    fn shortest_besides(&self, branches: Slots) -> Slots {
        let mut others: gossip_collections::SmallVec<[(Duration, Slot); MAX_LINKS]> =
            gossip_collections::SmallVec::new();
        others.extend(self.links.iter().map(|(slot, link)| (link.way.shortest, slot)));
        others.retain(|(_, slot)| !branches.contains(*slot));
        others.sort_unstable();
        others.iter().take(URGENT.saturating_sub(branches.len())).map(|(_, slot)| *slot).collect()
    }

    /// Pushes a message to a neighbour, and expects it to be acknowledged.
    pub(super) fn push_to(&mut self, cx: &mut Cx<'_, P>, slot: Slot, class: Class, place: Place) {
        if self.enqueue(cx, slot, class, place) {
            self.flush(cx, slot);
        }
    }

    /// A message waits for a neighbour from now on, and for its acknowledgement; false if it did before, or there is no room.
    pub(super) fn enqueue(&mut self, cx: &mut Cx<'_, P>, slot: Slot, class: Class, place: Place) -> bool {
        let Some(link) = self.links.get_mut(slot) else { return false };
        if self.flights.get_mut(place).is_some_and(|flight| flight.queued.contains(slot)) {
            return false;
        }
        if !link.outbox.push(class, place, self.log.history.bytes_of(place)) {
            cx.stats.broadcast_outbox_full += 1;
            return false;
        }
        self.outbox_peak = self.outbox_peak.max(link.outbox.waiting(class));
        let due = cx.now + link.way.timeout();
        let Some(flight) = self.flights.get_mut(place) else { return true };
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
        true
    }

    /// A neighbour asks for a message.
    pub(super) fn handle_graft(&mut self, cx: &mut Cx<'_, P>, slot: Slot, id: ShortId) {
        let Some(place) = self.log.history.find_short(id) else { return };
        let Some(class) = self.log.history.class(place) else { return };
        if self.may_graft(cx, slot, place) {
            // If it was on its way it is lost.
            self.flights.give_up(place, slot);
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
        if !self.flights.window.has_room(slot) && !link.outbox.has_notes() {
            return;
        }
        if self.intents.is_full(Lane::Datagram) {
            // It goes with what comes next for this link.
            return;
        }
        if !core::mem::replace(&mut link.outbox.queued, true) {
            let to = Target { row: Some(link.row), ..Target::to(link.addr.clone()) };
            self.intents.push(cx.stats, to, Intent::Outbox(slot));
        }
    }

    /// Sends what waits for the window.
    fn flush_waiting(&mut self, cx: &mut Cx<'_, P>) {
        for slot in self.flights.window.take_waiting().iter() {
            if self.links.get(slot).is_some_and(|link| link.outbox.has_messages()) {
                self.flush(cx, slot);
            }
        }
    }

    /// What still waits for a neighbour that has another parent now it gets from that one; it is announced like all else.
    pub(super) fn call_back(&mut self, slot: Slot) {
        let Some(link) = self.links.get_mut(slot) else { return };
        for place in link.outbox.call_back(Class::Normal) {
            let Some(flight) = self.flights.get_mut(place) else { continue };
            flight.queued.remove(slot);
            flight.pending.remove(slot);
            flight.overdue.remove(slot);
            self.flights.give_up(place, slot);
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
            self.flights.collect(slot, cx.now + COLLECT);
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
            let once = flight.tries[usize::from(slot)] == 1 && flight.grafts[usize::from(slot)] == 0;
            let took = (!flight.late.contains(slot)).then(|| cx.now.since(flight.since));
            let measured = self.flights.land(cx.now, place, slot, link.way.shortest);
            if self.tree.load.is_high() {
                measured.into_iter().for_each(|took| link.way.sample_queue(took));
            } else if let Some(took) = took.or(measured).filter(|_| once) {
                link.way.sample(took);
            }
            self.flush_waiting(cx);
        }
    }

    /// Sends again, or asks for, what was not acknowledged in time.
    pub(super) fn repeat_pushes(&mut self, cx: &mut Cx<'_, P>) {
        while let Some(Reverse((due, place, slot))) = self.flights.due.peek().copied() {
            if due > cx.now {
                break;
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
                self.flights.give_up(place, slot);
                if link.heard <= since {
                    self.lose_link(cx, slot);
                }
                continue;
            }
            let Some(class) = self.log.history.class(place) else {
                self.flights.give_up(place, slot);
                continue;
            };
            self.lazy.hasten(cx);
            // Where much is on its way, what is late is not lost.
            if tries < SENDS + u8::from(cx.table.loss.is_high()) && !self.tree.load.is_high() {
                flight.pending.remove(slot);
                self.flights.give_up(place, slot);
                self.push_to(cx, slot, class, place);
                continue;
            }
            flight.tries[usize::from(slot)] += 1;
            let wait = (link.way.timeout() * u32::from(tries - 1).max(2) / 2).min(LONGEST);
            self.flights.due.push(Reverse((cx.now + wait, place, slot)));
            self.note(cx, slot, tag::ASK, short);
        }
        self.flush_waiting(cx);
    }
}
