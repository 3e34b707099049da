//! Pull, the certainty: a fingerprint of what a member keeps rides on probes; where two differ, the last messages are compared,
//! then the ranges of each origin, and whoever missed something asks for it (anti-entropy in the sense of Demers et al.,
//! PODC 1987).

use core::time::Duration;

use gossip_collections::SmallVec;

use super::flights::Flight;
use super::history::{LeaveOut, Place};
use super::interests::Interests;
use super::links::Slot;
use super::taking::Came;
use super::{Broadcast, Intent, MessageId};
use crate::config::BroadcastMode;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::wire::broadcast::{Announcement, Message as WireMessage, ShortId, Wanted};
use crate::wire::{Item as _, List, Writer, tag};

/// At most so many origins are asked for at once.
const MAX_WANTED: usize = 32;
/// A member is compared with when its fingerprint differs, and one did before, so long ago at least and at most: what is on
/// its way has come by then.
const SOON: Duration = Duration::from_millis(150);
const STILL: Duration = Duration::from_secs(10);
/// So often members are compared with at most.
const COMPARE: Duration = Duration::from_millis(400);
/// The messages of so long are told where a fingerprint differs for the first time, so often at most.
pub(super) const RECENT: Duration = Duration::from_secs(4);
const SKEW: Duration = Duration::from_millis(150);
const RECENTLY_TOLD: Duration = Duration::from_millis(100);
/// At most so many messages answer a request.
pub(super) const MAX_PULLED: usize = 64;
/// More than this are many.
const MANY_PULLED: usize = 16;

impl<P: Peer> Broadcast<P> {
    /// Messages under their full names: pulled, or from who knows no better.
    pub(super) fn handle_messages(
        &mut self,
        cx: &mut Cx<'_, P>,
        from: &Source<'_, P>,
        messages: List<'_, WireMessage<'_>>,
    ) {
        let slot = from.row.and_then(|row| self.links.find(row));
        let mut had = SmallVec::new();
        for wire in messages.iter() {
            let id = MessageId::new(wire.origin, wire.sequence);
            // Before the payload is touched.
            if let Some(place) = self.find_left_out(id)
                && self.fill(cx, place, &wire, slot)
            {
                continue;
            }
            if self.log.knows(id) || wire.origin.id == cx.me.id {
                cx.stats.broadcast_duplicates += 1;
                if cx.config.broadcast.mode == BroadcastMode::Rumour {
                    had.push(ShortId::of(cx.key.short(wire.origin), wire.sequence));
                }
                continue;
            }
            self.receive(cx, id, &wire, &Came { from: from.addr, slot, pushed: false });
        }
        if !had.is_empty() && from.answer == usize::MAX {
            self.intents.push(cx.stats, Target::to(from.addr.clone()), Intent::Feedback(had));
        }
    }

    pub(super) fn write_messages(
        &mut self,
        cx: &mut Cx<'_, P>,
        to: &Target<P>,
        places: &[Place],
        packet: &mut Writer<'_>,
    ) {
        let rest = &places[self.write_places(cx, places, packet, &|_| None)..];
        if !rest.is_empty() {
            self.intents.push(cx.stats, to.clone(), Intent::Messages(SmallVec::from_slice(rest)));
        }
    }

    /// The names of messages alone.
    pub(super) fn write_names(
        &mut self,
        cx: &mut Cx<'_, P>,
        to: &Target<P>,
        places: &[Place],
        packet: &mut Writer<'_>,
    ) {
        let key = cx.key;
        let rest = &places[self.write_places(cx, places, packet, &|message| Some(key.topic(message.topic())))..];
        if !rest.is_empty() {
            self.intents.push(cx.stats, to.clone(), Intent::Names(SmallVec::from_slice(rest)));
        }
    }

    /// Writes the first of these messages, as many as fit; how many are done with.
    pub(super) fn write_places(
        &self,
        cx: &mut Cx<'_, P>,
        places: &[Place],
        packet: &mut Writer<'_>,
        leave_out: LeaveOut<'_>,
    ) -> usize {
        let (mut done, mut outdated) = (0, 0);
        packet.list(tag::MESSAGES, |w| {
            // What has fallen out of the history meanwhile is left out.
            while let Some(place) = places.get(done) {
                if let Some(message) = self.log.history.to_wire(cx.now, *place, leave_out) {
                    message.write(w)?;
                    done += 1;
                    return Ok(true);
                }
                done += 1;
                outdated += 1;
            }
            Ok(false)
        });
        cx.stats.broadcast_outdated += outdated;
        cx.stats.broadcast_unfit += u64::from(done == 0 && !places.is_empty());
        // One that does not even fit into a packet of its own is left out, too.
        done.max(1).min(places.len())
    }

    /// A neighbour knows the origins of messages by other names.
    pub(super) fn handle_graft_named(
        &mut self,
        cx: &mut Cx<'_, P>,
        from: &Source<'_, P>,
        slot: Slot,
        ids: List<'_, ShortId>,
    ) {
        let mut places: SmallVec<[Place; 4]> =
            ids.iter().take(MAX_PULLED).filter_map(|id| self.log.history.find_short(id)).collect();
        // What was left out here, too, others have.
        places.retain(|place| self.log.history.left_out(*place).is_none() && self.may_graft(cx, slot, *place));
        for place in &places {
            if let Some(flight) = self.flights.get_mut(*place) {
                flight.have.insert(slot);
                flight.pending.remove(slot);
            }
        }
        if !places.is_empty() {
            self.intents.push(cx.stats, Target::to(from.addr.clone()), Intent::Messages(places));
        }
    }

    pub(super) fn handle_digest(&mut self, cx: &mut Cx<'_, P>, from: &P, digest: List<'_, Announcement>) {
        let mut wanted = SmallVec::new();
        if !self.catch_up.allows(cx.now) {
            cx.stats.broadcast_catch_up_waits += 1;
            return;
        }
        for announcement in digest.iter() {
            let Announcement { origin: of, first, last } = announcement;
            if of.id == cx.me.id {
                continue;
            }
            if wanted.len() >= MAX_WANTED {
                break;
            }
            let config = &cx.config.broadcast;
            let patience = if config.mode.compares() { config.gossip_interval } else { config.announce_after };
            let now = cx.now;
            let Some(origin) = self.log.origin(now, &cx.config.broadcast, false, of) else { continue };
            origin.begin(first);
            let Some(first) = origin.missing(first, last).next() else { continue };
            // What another was asked for may be on its way.
            if origin.asked.is_some_and(|asked| now < asked + patience) {
                continue;
            }
            origin.asked = Some(now);
            let more = origin.missing(first, last.min(first.saturating_add(64)));
            let more = more.filter(|sequence| *sequence > first).fold(0, |bits, at| bits | 1 << (at - first - 1));
            let one = Wanted { origin: of, first, more };
            let count = one.sequences().count();
            cx.stats.broadcast_pulls += count as u64;
            self.catch_up.spend(count * self.log.history.usual_bytes());
            wanted.push(one);
        }
        if !wanted.is_empty() {
            self.intents.push(cx.stats, Target::to(from.clone()), Intent::Pull(wanted));
        }
    }

    pub(super) fn handle_pull(
        &mut self,
        cx: &mut Cx<'_, P>,
        from: &P,
        interests: &Interests,
        wanted: List<'_, Wanted>,
    ) {
        let ids = wanted.iter().flat_map(|one| one.sequences().map(move |at| MessageId::new(one.origin, at)));
        let places = ids.take(4 * MAX_PULLED).filter_map(|id| self.log.history.find(id)).take(MAX_PULLED);
        let places: SmallVec<[Place; 4]> = places.collect();
        if !places.is_empty() {
            let many = places.len() > MANY_PULLED;
            let to = if many { Target::patient(cx, from.clone()) } else { Target::to(from.clone()) };
            self.send_places(cx, to, places, interests);
        }
    }

    /// A member tells on a probe what its messages sum up to.
    pub(super) fn handle_fingerprint(&mut self, cx: &mut Cx<'_, P>, from: &P, fingerprint: u32) {
        if fingerprint == self.log.fingerprint(cx.now, &cx.config.broadcast) {
            self.differed = None;
            return;
        }
        self.tell_recent(cx, from);
        let since = *self.differed.get_or_insert(cx.now);
        let age = cx.now.since(since);
        if age > STILL {
            self.differed = Some(cx.now);
        } else if age >= SOON && cx.now >= self.compared + COMPARE {
            self.compared = cx.now;
            self.intents.push(cx.stats, Target::to(from.clone()), Intent::Digest { wants_answer: true });
        }
    }

    /// What differs is mostly one of the last messages: who lacks it needs no comparison of everything.
    fn tell_recent(&mut self, cx: &mut Cx<'_, P>, to: &P) {
        // Others count a message as old enough a little sooner or later.
        let aged = cx.config.broadcast.announce_after;
        let edge = |flight: &Flight| cx.now + SKEW >= flight.since + aged && cx.now <= flight.since + aged + SKEW;
        let mut recent = self.flights.recent(cx.now, RECENT).map(|(_, flight)| flight);
        let few = self.flights.recent(cx.now, RECENT).take(MAX_PULLED + 1).count() <= MAX_PULLED;
        if cx.now >= self.told_recent + RECENTLY_TOLD && few && !recent.any(edge) {
            self.told_recent = cx.now;
            self.intents.push(cx.stats, Target::to(to.clone()), Intent::Recent);
        }
    }

    pub(super) fn write_recent(&mut self, cx: &Cx<'_, P>, packet: &mut Writer<'_>) {
        self.write_asked(packet);
        let mut recent = self.flights.recent(cx.now, RECENT);
        _ = packet.section(tag::MESSAGE_RECENT, |w| recent.try_for_each(|(_, flight)| flight.short.write(w)));
    }

    /// A member tells what it received of late: it gets what else there was, and is told if it has more.
    pub(super) fn handle_recent(
        &mut self,
        cx: &mut Cx<'_, P>,
        from: &P,
        interests: &Interests,
        ids: List<'_, ShortId>,
    ) {
        let known: SmallVec<[ShortId; 16]> = ids.iter().take(MAX_PULLED).collect();
        // What is younger is on its way.
        let due = |flight: &Flight| cx.now >= flight.since + cx.config.broadcast.announce_after;
        let recent = self.flights.recent(cx.now, RECENT).filter(|(_, flight)| due(flight));
        let lacking = recent.filter(|(_, flight)| !known.contains(&flight.short)).map(|(place, _)| place);
        let places: SmallVec<[Place; 4]> = lacking.take(MANY_PULLED).collect();
        self.send_places(cx, Target::to(from.clone()), places, interests);
        if known.iter().any(|id| self.log.history.find_short(*id).is_none()) {
            self.tell_recent(cx, from);
        }
    }

    /// A member tells what it holds, and wants to know what is held here.
    pub(super) fn handle_compare(&mut self, cx: &mut Cx<'_, P>, from: &P, digest: List<'_, Announcement>) {
        self.handle_digest(cx, from, digest);
        self.intents.push(cx.stats, Target::to(from.clone()), Intent::Digest { wants_answer: false });
    }
}
