//! Messages to all members: pushed eagerly to a few random members, which pass them on; announced on probes, and pulled
//! by whoever missed them (Demers et al., PODC 1987; Kermarrec, Massoulié, Ganesh, TPDS 2003).
//!
//! It knows what was received of each origin, and the messages kept for those who missed them.

mod facade;
mod history;
mod origin;

use alloc::collections::BTreeMap;
use core::ops::Bound;

use smallvec::SmallVec;

pub use facade::{BroadcastError, Broadcasts, BroadcastsMut, Message, MessageId};

use self::history::{History, Place};
use self::origin::Origin;
use crate::config::Config;
use crate::event::Event;
use crate::identity::{Identity, NodeId};
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Intents, Protocol, Source, Target, Urgency};
use crate::random::{MapHasher, Rng};
use crate::time::Instant;
use crate::wire::broadcast::{Announcement, Message as WireMessage, Section, Wanted};
use crate::wire::{Item as _, List, Writer, tag};

const MAX_INTENTS: usize = 8192;
/// At most so many origins are announced on a probe, and of these so many because they were heard just now.
const MAX_ANNOUNCED: usize = 6;
const MAX_RECENT: usize = 4;
/// How long an origin counts as heard just now.
const RECENT: core::time::Duration = core::time::Duration::from_secs(10);
/// At most so many messages answer a request.
const MAX_PULLED: usize = 64;
/// More than this are many.
const MANY_PULLED: usize = 16;

/// What broadcast wants to send.
#[derive(Clone, Debug)]
pub(crate) enum Intent {
    Messages(SmallVec<[Place; 4]>),
    Pull(SmallVec<[Wanted; 1]>),
}

impl Urgency for Intent {}

/// One member's part in dissemination.
#[derive(Debug)]
pub(crate) struct Broadcast<P> {
    intents: Intents<P, Intent>,
    origins: BTreeMap<NodeId, Origin>,
    history: History,
    /// This node's last message, in which of its lives.
    sent: (u64, u64),
    /// The origin that was announced last.
    announced: NodeId,
}

impl<P: Peer> Broadcast<P> {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self {
            intents: Intents::new(MAX_INTENTS),
            origins: BTreeMap::new(),
            history: History::new(MapHasher::new(rng)),
            sent: (0, 0),
            announced: NodeId::from_bytes([0; 16]),
        }
    }

    pub(crate) fn facade(&self, config: &Config) -> Broadcasts<'_> {
        Broadcasts::new(&self.history, config)
    }

    fn send(&mut self, cx: &mut Cx<'_, P>, topic: &[u8], payload: &[u8]) -> MessageId {
        let sequence = if self.sent.0 == cx.me.generation { self.sent.1 + 1 } else { 1 };
        self.sent = (cx.me.generation, sequence);
        let message = Message::new(MessageId::new(*cx.me, sequence), 0, topic, payload);
        let id = message.id;
        self.receive(cx, message, None);
        id
    }

    /// Takes a message in that was not seen before, and passes it on. Whether it was new.
    fn receive(&mut self, cx: &mut Cx<'_, P>, message: Message, from: Option<&P>) -> bool {
        let MessageId { origin: id, generation, sequence } = message.id;
        let Some(origin) = self.origin(cx, id, generation) else { return false };
        if origin.contains(sequence) {
            return false;
        }
        let given_up = origin.insert(sequence);
        origin.heard = cx.now;
        origin.held += 1;
        origin.first_held = origin.first_held.min(sequence);
        cx.stats.broadcast_missed = cx.stats.broadcast_missed.saturating_add(given_up);
        let place = self.history.push(cx.now, message);
        self.forget_old(cx);
        let origin = cx.table.find(id);
        let other = |index| Some(index) != origin && from.is_none_or(|from| cx.table.row(index).addr != *from);
        for index in cx.table.pick(cx.rng, cx.config.broadcast.fanout, other) {
            let to = Target::to(cx.table.row(index).addr.clone());
            self.intents.push(cx.stats, to, Intent::Messages(SmallVec::from_slice(&[place])));
        }
        true
    }

    /// What is known of that life of an origin: none if it is over, or if there is no room for another origin.
    fn origin(&mut self, cx: &Cx<'_, P>, id: NodeId, generation: u64) -> Option<&mut Origin> {
        // This node's own messages always have room: what was answered as sent is sent.
        let full = self.origins.len() >= cx.config.broadcast.max_origins && id != cx.me.id;
        if full && !self.origins.contains_key(&id) {
            self.forget_origin()?;
        }
        let origin = self.origins.entry(id).or_insert_with(|| Origin::new(generation, cx.now));
        if origin.generation < generation {
            *origin = Origin::new(generation, cx.now);
        }
        (origin.generation == generation).then_some(origin)
    }

    /// Makes room for another origin: of a few that have nothing in the history, the one silent longest is forgotten.
    fn forget_origin(&mut self) -> Option<()> {
        let after = self.origins.range(self.announced..).chain(self.origins.iter()).take(32);
        let silent = after.filter(|(_, origin)| origin.held == 0).min_by_key(|(_, origin)| origin.heard);
        let id = *silent?.0;
        self.origins.remove(&id).map(|_| ())
    }

    fn forget_old(&mut self, cx: &Cx<'_, P>) {
        let config = &cx.config.broadcast;
        while let Some(id) = self.history.pop_old(before(cx.now, config.history), config.history_bytes) {
            // Messages of a former life of the origin are no longer counted.
            if let Some(origin) = self.origins.get_mut(&id.origin).filter(|o| o.generation == id.generation) {
                // An origin that was forgotten meanwhile counts from none again.
                origin.held = origin.held.saturating_sub(1);
                let next = origin.first_held.max(id.sequence.saturating_add(1));
                origin.first_held = if origin.held == 0 { u64::MAX } else { next };
            }
        }
    }

    fn handle_messages(&mut self, cx: &mut Cx<'_, P>, from: &P, messages: List<'_, WireMessage<'_>>) {
        for wire in messages.iter() {
            let id = MessageId::new(wire.origin, wire.sequence);
            // Before the payload is touched: most copies are duplicates.
            let known = self.origins.get(&id.origin).is_some_and(|origin| {
                origin.generation > id.generation || origin.generation == id.generation && origin.contains(id.sequence)
            });
            if known || wire.origin.id == cx.me.id {
                cx.stats.broadcast_duplicates += 1;
                continue;
            }
            let message = Message::new(id, wire.hops, wire.topic, wire.payload);
            if self.receive(cx, message.clone(), Some(from)) {
                cx.events.push(Event::Broadcast(message));
            } else {
                cx.stats.broadcast_missed = cx.stats.broadcast_missed.saturating_add(1);
            }
        }
    }

    fn handle_digest(&mut self, cx: &mut Cx<'_, P>, from: &P, digest: List<'_, Announcement>) {
        let mut wanted = SmallVec::new();
        for announcement in digest.iter().take(MAX_ANNOUNCED) {
            let Announcement { origin: Identity { id, generation }, first, last } = announcement;
            if id == cx.me.id {
                continue;
            }
            let patience = cx.config.broadcast.announce_after;
            let now = cx.now;
            let Some(origin) = self.origin(cx, id, generation) else { continue };
            let Some(first) = origin.missing(first, last).next() else { continue };
            // What another was asked for may be on its way.
            if origin.asked.is_some_and(|asked| now < asked + patience) {
                continue;
            }
            origin.asked = Some(now);
            let more = origin.missing(first, last.min(first.saturating_add(64)));
            let more = more.filter(|sequence| *sequence > first).fold(0, |bits, at| bits | 1 << (at - first - 1));
            let one = Wanted { origin: announcement.origin, first, more };
            cx.stats.broadcast_pulls += one.sequences().count() as u64;
            wanted.push(one);
        }
        if !wanted.is_empty() {
            self.intents.push(cx.stats, Target::to(from.clone()), Intent::Pull(wanted));
        }
    }

    fn handle_pull(&mut self, cx: &mut Cx<'_, P>, from: &P, wanted: List<'_, Wanted>) {
        let ids = wanted.iter().flat_map(|one| one.sequences().map(move |at| MessageId::new(one.origin, at)));
        let places = ids.take(4 * MAX_PULLED).filter_map(|id| self.history.find(id)).take(MAX_PULLED);
        let places: SmallVec<[Place; 4]> = places.collect();
        if !places.is_empty() {
            let many = places.len() > MANY_PULLED;
            let to = if many { Target::patient(cx, from.clone()) } else { Target::to(from.clone()) };
            self.intents.push(cx.stats, to, Intent::Messages(places));
        }
    }

    fn write_messages(&mut self, cx: &mut Cx<'_, P>, to: &Target<P>, places: &[Place], packet: &mut Writer<'_>) {
        let mut done = 0;
        packet.list(tag::MESSAGES, |w| {
            // What has fallen out of the history meanwhile is left out.
            while let Some(place) = places.get(done) {
                if let Some(message) = self.history.get(*place) {
                    message.to_wire().write(w)?;
                    done += 1;
                    return Ok(true);
                }
                done += 1;
            }
            Ok(false)
        });
        if (1..places.len()).contains(&done) {
            let rest = Intent::Messages(SmallVec::from_slice(&places[done..]));
            self.intents.push(cx.stats, to.clone(), rest);
        }
    }
}

impl<P: Peer> Protocol<P> for Broadcast<P> {
    type Section<'a> = Section<'a>;
    type Intent = Intent;

    fn handle(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: Section<'_>) {
        if !cx.config.broadcast.enabled {
            return;
        }
        let known = from.answer == usize::MAX;
        match section {
            Section::Messages(messages) => self.handle_messages(cx, from.addr, messages),
            Section::Digest(digest) if known => self.handle_digest(cx, from.addr, digest),
            Section::Pull(wanted) if known => self.handle_pull(cx, from.addr, wanted),
            Section::Digest(_) | Section::Pull(_) => (),
        }
    }

    /// Nothing is due at a time of its own: what is old goes, and what is due is announced, with the next probe.
    fn handle_timeout(&mut self, _cx: &mut Cx<'_, P>) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_intent(&mut self, lane: Lane) -> Option<(Target<P>, Intent)> {
        self.intents.pop(lane)
    }

    fn has_intents(&self) -> bool {
        !self.intents.is_empty()
    }

    fn write(&mut self, cx: &mut Cx<'_, P>, to: &Target<P>, intent: Intent, packet: &mut Writer<'_>) {
        match intent {
            Intent::Messages(places) => self.write_messages(cx, to, &places, packet),
            Intent::Pull(wanted) => {
                let mut wanted = wanted.iter();
                packet.list(tag::MESSAGE_PULL, |w| wanted.next().map_or(Ok(false), |one| one.write(w).map(|()| true)));
            }
        }
    }

    /// Announces the origins heard last, and a few others in turn.
    fn ride(&mut self, cx: &mut Cx<'_, P>, packet: &mut Writer<'_>) {
        self.forget_old(cx);
        while let Some(id) = self.history.next_aged(before(cx.now, cx.config.broadcast.announce_after)) {
            if let Some(origin) = self.origins.get_mut(&id.origin).filter(|o| o.generation == id.generation) {
                origin.last_aged = origin.last_aged.max(id.sequence);
            }
        }
        if self.history.len() == 0 {
            return;
        }
        let ids = self.choose_announced(before(cx.now, RECENT));
        let mut announcements = ids.iter().filter_map(|id| {
            let origin = self.origins.get(id).filter(|o| o.held > 0 && o.first_held <= o.last_aged)?;
            let identity = Identity::new(*id, origin.generation);
            Some(Announcement { origin: identity, first: origin.first_held, last: origin.last_aged })
        });
        packet.list(tag::MESSAGE_DIGEST, |w| announcements.next().map_or(Ok(false), |one| one.write(w).map(|()| true)));
    }
}

impl<P: Peer> Broadcast<P> {
    /// Origins of messages that arrived after `since`, then the next few of all; none twice.
    fn choose_announced(&mut self, since: Instant) -> SmallVec<[NodeId; MAX_ANNOUNCED]> {
        let mut ids = SmallVec::new();
        for id in self.history.recent(since).take(4 * MAX_RECENT) {
            if ids.len() < MAX_RECENT && !ids.contains(&id.origin) {
                ids.push(id.origin);
            }
        }
        let last = self.announced;
        let circle = self.origins.range((Bound::Excluded(last), Bound::Unbounded)).chain(self.origins.range(..=last));
        // A few look-ups each: where many origins are silent the walk goes on with the next probe.
        for (id, origin) in circle.take(32) {
            if ids.len() == MAX_ANNOUNCED {
                break;
            }
            self.announced = *id;
            if origin.held > 0 && !ids.contains(id) {
                ids.push(*id);
            }
        }
        ids
    }
}

/// The moment `ago` before `now`.
fn before(now: Instant, ago: core::time::Duration) -> Instant {
    Instant::from_micros(now.as_micros().saturating_sub(u64::try_from(ago.as_micros()).unwrap_or(u64::MAX)))
}
