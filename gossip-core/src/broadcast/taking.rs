//! A message is taken in, that was sent here or received: once, and passed on.

use core::time::Duration;

use gossip_collections::SmallVec;

use super::history::Place;
use super::links::{Slot, Slots};
use super::log::{Coming, Taken};
use super::message::Held;
use super::{Broadcast, Intent, MessageId, SendOptions};
use crate::config::BroadcastMode;
use crate::event::Event;
use crate::membership::MemberIndex;
use crate::peer::Peer;
use crate::protocol::{Cx, Target};
use crate::wire::broadcast::{Body, Content, Message as WireMessage, Order, ShortId};

/// What nobody around holds is given up after so long.
const GONE: Duration = Duration::from_secs(30);

/// How a message came: from where, along which link, and whether it was pushed and not pulled.
pub(super) struct Came<'a, P> {
    pub(super) from: &'a P,
    pub(super) slot: Option<Slot>,
    pub(super) pushed: bool,
}

impl<P: Peer> Broadcast<P> {
    pub(super) fn send(
        &mut self,
        cx: &mut Cx<'_, P>,
        options: &SendOptions<'_>,
        topic: &[u8],
        payload: &[u8],
        in_parts: bool,
    ) -> MessageId {
        let id = self.next_id(cx);
        let (expires, key) = (options.expires_ms(), options.key.unwrap_or_default());
        let after: SmallVec<[u8; 4]> = options.after.iter().filter_map(|id| self.short_of(*id)).flatten().collect();
        let order = options.ordered.then(|| Order { previous: self.next_ordered(id), after: &after });
        let body = Body::Content(Content { expires, key, order, in_parts, topic, payload, ..Content::default() });
        self.take(cx, Held::new(cx.now, id, options.class, &body), 0, None);
        id
    }

    /// Takes back a message that is still to be delivered: one goes after it that says so.
    pub(super) fn take_back(&mut self, cx: &mut Cx<'_, P>, other: MessageId) -> Option<MessageId> {
        let class = self.log.history.find(other).and_then(|place| self.log.history.get(place))?.class;
        let id = self.next_id(cx);
        let held = Held::Withdrawn { id, class, back: id.sequence - other.sequence };
        self.take(cx, held, 0, None);
        Some(id)
    }

    fn short_of(&self, id: MessageId) -> Option<[u8; 4]> {
        let short = self.log.history.find(id).and_then(|place| self.log.history.short(place))?;
        Some(short.0.to_be_bytes())
    }

    /// How much lower the number of the last ordered message is, if anybody may still get it; this one is the last now.
    fn next_ordered(&mut self, id: MessageId) -> u64 {
        let last = self.ordered.replace(id).filter(|last| last.origin() == id.origin());
        let kept = last.filter(|last| self.log.history.find(*last).is_some());
        kept.map_or(0, |last| id.sequence - last.sequence)
    }

    fn next_id(&mut self, cx: &Cx<'_, P>) -> MessageId {
        let sequence = if self.sent.0 == cx.me.generation { self.sent.1 + 1 } else { 1 };
        self.sent = (cx.me.generation, sequence);
        MessageId::new(*cx.me, sequence)
    }

    /// Takes a message in that was not seen before, and passes it on. Where it is now, if it was new.
    fn take(&mut self, cx: &mut Cx<'_, P>, held: Held, age: u16, came: Option<&Came<'_, P>>) -> Option<Place> {
        let (id, class) = (held.id(), held.class());
        let short = cx.key.short(id.origin());
        let own = id.origin == cx.me.id;
        // Where fingerprints agree nobody around holds what is missing here.
        let patience = if self.differed.is_none() { GONE } else { cx.config.broadcast.history };
        let coming = Coming { own, origin: short, age, patience };
        let Taken { placed, given_up, gap } = self.log.take(cx.now, &cx.config.broadcast, &coming, held)?;
        let stats = &mut *cx.stats;
        stats.broadcast_missed = stats.broadcast_missed.saturating_add(given_up);
        stats.broadcast_gaps += u64::from(gap.is_some());
        if let Some((first, last)) = gap {
            cx.events.push(Event::Gap { origin: id.origin(), first, last });
        }
        stats.broadcast_displaced += u64::from(placed.displaced);
        let named = ShortId::of(short, id.sequence);
        let mut have: Slots = came.and_then(|came| came.slot).into_iter().collect();
        // A neighbour has what it sent itself.
        let origin = cx.table.find(id.origin);
        have = have.and(origin.and_then(|row| self.links.find(row)).into_iter().collect());
        let weight = self.log.history.bytes_of(placed.place);
        self.flights.begin(cx.now, placed.place, named, weight, have);
        self.lazy.came(cx.now, named);
        came.into_iter().for_each(|came| self.fetch_if_wanted(cx, placed.place, came));
        if cx.config.broadcast.mode != BroadcastMode::Tree {
            self.keep_spreading(cx, placed.place, age);
        } else if self.links.len() > 0 {
            self.push(cx, class, placed.place, have);
            self.announce_later(cx);
        } else {
            self.push_at_random(cx, placed.place, origin, came.map(|came| came.from));
        }
        if own {
            self.watch(cx, id, placed.place);
        }
        Some(placed.place)
    }

    /// Without neighbours a few random members have to do.
    fn push_at_random(&mut self, cx: &mut Cx<'_, P>, place: Place, origin: Option<MemberIndex>, from: Option<&P>) {
        let other = |index| Some(index) != origin && from.is_none_or(|from| cx.table.row(index).addr != *from);
        for index in cx.table.pick(cx.rng, cx.config.broadcast.fanout, other) {
            let to = Target::to(cx.table.row(index).addr.clone());
            self.log.history.push_one(place, false);
            self.intents.push(cx.stats, to, Intent::Messages(SmallVec::from_slice(&[place])));
        }
    }

    /// Takes in a message that came from the network, passes it on, and tells the application, unless it was withdrawn on its
    /// way or before it came; nothing of that if it is known, or there is no room for its origin.
    pub(super) fn receive<O>(
        &mut self,
        cx: &mut Cx<'_, P>,
        id: MessageId,
        wire: &WireMessage<'_, O>,
        came: &Came<'_, P>,
    ) {
        let takes_back = matches!(wire.body, Body::Withdrawn { back: 1.. });
        let held = Held::new(cx.now, id, wire.class, &wire.body);
        let Some(place) = self.take(cx, held, wire.age, Some(came)) else {
            cx.stats.broadcast_origins_full += 1;
            return;
        };
        if !self.awaits_content(id) {
            self.tell_application(cx, place, takes_back);
        }
    }

    /// A message is here, or its name: it is delivered if it is wanted, and what comes after it waits for it no longer.
    pub(super) fn tell_application(&mut self, cx: &mut Cx<'_, P>, place: Place, takes_back: bool) {
        match self.log.history.get(place).cloned() {
            Some(message) if !message.is_in_parts() => return self.deliver(cx, place, message),
            // What comes after one in parts does not wait for its payload.
            Some(message) if self.topics.wants(&message) => self.manifests.push(message),
            Some(_) => (),
            None if self.log.history.left_out(place).is_some() => (),
            None => cx.stats.broadcast_withdrawn += u64::from(!takes_back),
        }
        if let Some(short) = self.log.history.short(place) {
            self.settle(cx, short);
        }
    }
}
