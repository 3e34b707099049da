//! A message is taken in, that was sent here or received: once, and passed on.

use smallvec::SmallVec;

use super::history::Place;
use super::links::{Slot, Slots};
use super::log::Taken;
use super::message::Held;
use super::{Broadcast, Intent, MessageId, SendOptions};
use crate::config::BroadcastMode;
use crate::event::Event;
use crate::membership::MemberIndex;
use crate::peer::Peer;
use crate::protocol::{Cx, Target};
use crate::wire::broadcast::{Body, Content, Message as WireMessage, ShortId};

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
        let body = Body::Content(Content { expires, key, in_parts, topic, payload, ..Content::default() });
        self.take(cx, Held::new(cx.now, id, options.class, &body), 0, None, None);
        id
    }

    /// Takes back a message that is still to be delivered: one goes after it that says so.
    pub(super) fn take_back(&mut self, cx: &mut Cx<'_, P>, other: MessageId) -> Option<MessageId> {
        let class = self.log.history.find(other).and_then(|place| self.log.history.get(place))?.class;
        let id = self.next_id(cx);
        let held = Held::Withdrawn { id, class, back: id.sequence - other.sequence };
        self.take(cx, held, 0, None, None);
        Some(id)
    }

    fn next_id(&mut self, cx: &Cx<'_, P>) -> MessageId {
        let sequence = if self.sent.0 == cx.me.generation { self.sent.1 + 1 } else { 1 };
        self.sent = (cx.me.generation, sequence);
        MessageId::new(*cx.me, sequence)
    }

    /// Takes a message in that was not seen before, and passes it on. Where it is now, if it was new.
    fn take(
        &mut self,
        cx: &mut Cx<'_, P>,
        held: Held,
        age: u16,
        from: Option<&P>,
        slot: Option<Slot>,
    ) -> Option<Place> {
        let (id, class) = (held.id(), held.class());
        let short = cx.key.short(id.origin());
        let own = id.origin == cx.me.id;
        let Taken { placed, given_up } = self.log.take(cx.now, &cx.config.broadcast, own, short, age, held)?;
        let stats = &mut *cx.stats;
        stats.broadcast_missed = stats.broadcast_missed.saturating_add(given_up);
        stats.broadcast_displaced += u64::from(placed.displaced);
        let named = ShortId::of(short, id.sequence);
        let mut have: Slots = slot.into_iter().collect();
        // A neighbour has what it sent itself.
        let origin = cx.table.find(id.origin);
        have = have.and(origin.and_then(|row| self.links.find(row)).into_iter().collect());
        self.flights.begin(cx.now, placed.place, named, have);
        self.lazy.came(cx.now, named);
        if cx.config.broadcast.mode != BroadcastMode::Tree {
            self.keep_spreading(cx, placed.place, age);
        } else if self.links.len() > 0 {
            self.push(cx, class, placed.place, have);
            self.announce_later(cx);
        } else {
            self.push_at_random(cx, placed.place, origin, from);
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
        from: &P,
        slot: Option<Slot>,
    ) {
        let takes_back = matches!(wire.body, Body::Withdrawn { back: 1.. });
        let held = Held::new(cx.now, id, wire.class, &wire.body);
        let Some(place) = self.take(cx, held, wire.age, Some(from), slot) else {
            cx.stats.broadcast_origins_full += 1;
            return;
        };
        match self.log.history.get(place) {
            Some(message) if message.is_in_parts() => self.manifests.push(message.clone()),
            Some(message) => cx.events.push(Event::Broadcast(message.clone())),
            None => cx.stats.broadcast_withdrawn += u64::from(!takes_back),
        }
    }
}
