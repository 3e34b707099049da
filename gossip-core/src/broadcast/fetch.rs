//! The content of messages that was left out on the way, and is wanted here after all: it is asked for of the neighbour that left it
//! out, which has not heard of that yet, then of the origin, which keeps its own, and of neighbours on whose side it is wanted.

use core::time::Duration;

use gossip_collections::{BTreeMap, SmallVec};

use super::history::Place;
use super::links::Slot;
use super::message::Held;
use super::taking::Came;
use super::{Broadcast, Intent, MessageId};
use crate::event::Event;
use crate::peer::Peer;
use crate::protocol::{Cx, Target};
use crate::stats::Fill;
use crate::time::Instant;
use crate::wire::broadcast::{Body, Message as WireMessage, TopicHash, Wanted};
use crate::wire::tag;

/// At most so many are fetched at a time.
const MAX_FETCHES: usize = 1024;
/// Each is asked for so often.
const TRIES: u8 = 12;
/// An answer is waited for so long at first, and at most.
const WAIT: Duration = Duration::from_millis(300);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Where enough was asked for of late.
const LATER: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct Fetch {
    place: Place,
    topic: TopicHash,
    /// The neighbour that left it out.
    slot: Option<Slot>,
    tries: u8,
    due: Instant,
}

/// What is fetched.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    open: BTreeMap<MessageId, Fetch>,
    next: Option<Instant>,
    peak: usize,
}

impl Fetches {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    pub(super) fn fill(&self) -> Fill {
        Fill { peak: self.peak, limit: MAX_FETCHES }
    }

    pub(super) fn forget_link(&mut self, slot: Slot) {
        self.open.values_mut().for_each(|fetch| _ = fetch.slot.take_if(|of| *of == slot));
    }
}

impl<P: Peer> Broadcast<P> {
    /// A message came whose content may have been left out: it is fetched if it is wanted here, or, of one that is just being
    /// pushed, behind.
    pub(super) fn fetch_if_wanted(&mut self, cx: &mut Cx<'_, P>, place: Place, came: &Came<'_, P>) {
        let Some(topic) = self.log.history.left_out(place) else { return };
        cx.stats.broadcast_left_out += 1;
        let wanted = self.topics.may_want(topic) || came.pushed && self.is_wanted(topic, came.slot);
        let Some(id) = self.log.history.id(place).filter(|_| wanted) else { return };
        let slot = came.slot.filter(|_| came.pushed);
        slot.into_iter().for_each(|slot| self.tell_wanted_again(cx, slot));
        if self.fetches.open.len() >= MAX_FETCHES {
            return self.tell_gap(cx, id, topic);
        }
        self.fetches.open.insert(id, Fetch { place, topic, slot, tries: 0, due: cx.now });
        self.fetches.peak = self.fetches.peak.max(self.fetches.open.len());
        self.fetches.next = Some(cx.now);
    }

    pub(super) fn is_fetched(&self, place: Place) -> bool {
        self.log.history.id(place).is_some_and(|id| self.fetches.open.contains_key(&id))
    }

    /// Asks for what is due.
    pub(super) fn fetch(&mut self, cx: &mut Cx<'_, P>) {
        if self.fetches.next.is_none_or(|next| next > cx.now) {
            return;
        }
        let is_due = |(id, fetch): (&MessageId, &Fetch)| (fetch.due <= cx.now).then_some(*id);
        let due: SmallVec<[MessageId; 16]> = self.fetches.open.iter().filter_map(is_due).collect();
        let mut pull: Option<(Target<P>, Wanted)> = None;
        for id in due {
            let Some((to, one)) = self.fetch_one(cx, id) else { continue };
            // What goes to the same member goes together.
            let joins = pull.as_mut().is_some_and(|(of, wanted)| of.addr == to.addr && add(wanted, &one));
            if !joins {
                let before = pull.replace((to, one));
                self.send_fetch(cx, before);
            }
        }
        self.send_fetch(cx, pull);
        self.fetches.next = self.fetches.open.values().map(|fetch| fetch.due).min();
    }

    fn send_fetch(&mut self, cx: &mut Cx<'_, P>, pull: Option<(Target<P>, Wanted)>) {
        if let Some((to, wanted)) = pull {
            self.intents.push(cx.stats, to, Intent::Fetch(SmallVec::from_slice(&[wanted])));
        }
    }

    /// Asks for one message; of whom, and for what, if not of the neighbour that left it out.
    fn fetch_one(&mut self, cx: &mut Cx<'_, P>, id: MessageId) -> Option<(Target<P>, Wanted)> {
        let Fetch { place, topic, slot, tries, .. } = *self.fetches.open.get(&id)?;
        let gone = self.log.history.id(place) != Some(id);
        if tries >= TRIES || gone || self.log.history.left_out(place).is_none() {
            self.fetches.open.remove(&id);
            self.stop_fetching(cx, id, topic, (!gone).then_some(place));
            return None;
        }
        if !self.catch_up.allows(cx.now) {
            cx.stats.broadcast_catch_up_waits += 1;
            self.fetches.open.get_mut(&id)?.due = cx.now + LATER;
            return None;
        }
        self.catch_up.spend(self.log.history.usual_bytes());
        cx.stats.broadcast_fetches += 1;
        let fetch = self.fetches.open.get_mut(&id)?;
        fetch.tries += 1;
        fetch.due = cx.now + (WAIT * (1 << (tries / 3))).min(LONGEST_WAIT);
        if let Some(slot) = slot.filter(|_| tries == 0)
            && let Some(short) = self.log.history.short(place)
        {
            self.note(cx, slot, tag::GRAFT_NAMED, short);
            return None;
        }
        let to = self.whom_to_ask(cx, id, topic, tries)?;
        Some((to, Wanted { origin: id.origin(), first: id.sequence, more: 0 }))
    }

    /// The origin, and by turns neighbours on whose side the topic is wanted, or whoever.
    fn whom_to_ask(&self, cx: &mut Cx<'_, P>, id: MessageId, topic: TopicHash, tries: u8) -> Option<Target<P>> {
        let origin = cx.table.find(id.origin).filter(|row| cx.table.is_member(*row, id.origin()));
        let origin = origin.map(|row| cx.table.row(row).addr.clone());
        if let Some(origin) = origin.filter(|_| tries <= 1 || tries % 2 == 1) {
            return Some(Target::to(origin));
        }
        let wanting = self.links.iter().filter(|(_, link)| link.wanted.contains(topic)).map(|(_, link)| &link.addr);
        let wanting: SmallVec<[&P; 12]> = wanting.collect();
        if wanting.is_empty() || tries % 4 == 0 {
            let row = cx.table.pick(cx.rng, 1, |_| true).first().copied()?;
            return Some(Target::to(cx.table.row(row).addr.clone()));
        }
        Some(Target::to(wanting[cx.rng.below(wanting.len())].clone()))
    }

    /// A message was withdrawn meanwhile, or has left the history, or its content is nowhere to be had.
    fn stop_fetching(&mut self, cx: &mut Cx<'_, P>, id: MessageId, topic: TopicHash, place: Option<Place>) {
        let withdrawn = place.is_some_and(|place| self.log.history.left_out(place).is_none());
        if !withdrawn {
            self.tell_gap(cx, id, topic);
        }
        let Some(place) = place else { return };
        if let Some(short) = self.log.history.short(place) {
            self.settle(cx, short);
        }
        self.push_again(cx, place);
    }

    /// Neighbours that waited for a message get what there is of it.
    fn push_again(&mut self, cx: &mut Cx<'_, P>, place: Place) {
        let Some(flight) = self.flights.get_mut(place) else { return };
        let have = flight.have.and(flight.pending);
        if let Some(class) = self.log.history.class(place) {
            self.push(cx, class, place, have);
        }
    }

    fn tell_gap(&mut self, cx: &mut Cx<'_, P>, id: MessageId, topic: TopicHash) {
        if !self.topics.may_want(topic) {
            return;
        }
        cx.stats.broadcast_missed += 1;
        cx.stats.broadcast_gaps += 1;
        cx.events.push(Event::Gap { origin: id.origin(), first: id.sequence, last: id.sequence });
    }

    /// What came of a message whose content was left out here: false if it brings nothing that is wanted.
    pub(super) fn fill<O>(
        &mut self,
        cx: &mut Cx<'_, P>,
        place: Place,
        wire: &WireMessage<'_, O>,
        slot: Option<Slot>,
    ) -> bool {
        let Some(id) = self.log.history.id(place).filter(|_| self.log.history.left_out(place).is_some()) else {
            return false;
        };
        let wanted = match wire.body {
            Body::Content(content) => self.is_wanted(cx.key.topic(content.topic), slot),
            Body::Withdrawn { back: 0 } => true,
            _ => false,
        };
        if !wanted {
            return false;
        }
        let held = Held::new(cx.now, id, wire.class, &wire.body);
        cx.stats.broadcast_displaced += u64::from(self.log.history.fill(place, held));
        self.fetches.open.remove(&id);
        if let Some((flight, slot)) = self.flights.get_mut(place).zip(slot) {
            flight.have.insert(slot);
        }
        self.push_again(cx, place);
        self.tell_application(cx, place, false);
        true
    }

    /// Those of the same life of an origin below this one.
    pub(super) fn awaited_before(&self, id: MessageId) -> impl Iterator<Item = MessageId> + '_ {
        let below = self.fetches.open.range(MessageId { sequence: 0, ..id }..id).map(|(id, _)| *id);
        below.filter(|id| self.awaits_content(*id))
    }

    /// The place of a message whose content was left out.
    pub(super) fn find_left_out(&self, id: MessageId) -> Option<Place> {
        if !self.log.history.has_left_out() {
            return None;
        }
        self.log.history.find(id).filter(|place| self.log.history.left_out(*place).is_some())
    }

    /// Whether the application waits for the content of a message.
    pub(super) fn awaits_content(&self, id: MessageId) -> bool {
        self.fetches.open.get(&id).is_some_and(|fetch| self.topics.may_want(fetch.topic))
    }
}

/// Adds one message to those that are wanted, if it can be.
fn add(wanted: &mut Wanted, one: &Wanted) -> bool {
    let above = one.first.checked_sub(wanted.first + 1).filter(|above| *above < 64);
    let Some(above) = above.filter(|_| one.origin == wanted.origin) else { return false };
    wanted.more |= 1 << above;
    true
}
