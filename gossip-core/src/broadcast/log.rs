//! What was received, of whom, and what is kept of it.

use core::ops::Bound;
use core::time::Duration;

use gossip_collections::BTreeMap;

use super::before;
use super::history::{History, Placed};
use super::message::{Held, MessageId};
use super::origin::Origin;
use crate::config::BroadcastConfig;
use crate::identity::{Identity, NodeId};
use crate::random::{MapHasher, Rng};
use crate::time::Instant;
use crate::wire::broadcast::Announcement;
use crate::wire::{Item as _, Writer};

#[derive(Debug)]
pub(super) struct Log {
    origins: BTreeMap<NodeId, Origin>,
    pub(super) history: History,
    /// The origin that was announced last.
    announced: NodeId,
}

/// A message that comes.
pub(super) struct Coming {
    pub(super) own: bool,
    /// Its origin's short name.
    pub(super) origin: u32,
    /// Its age, in tenths of a second.
    pub(super) age: u16,
    /// What has been missing before it for longer is given up.
    pub(super) patience: Duration,
}

/// A message that was taken in.
pub(super) struct Taken {
    pub(super) placed: Placed,
    /// How many older ones of its origin were given up to make room for it.
    pub(super) given_up: u64,
    /// Among which numbers they were, if something of their origin was heard before.
    pub(super) gap: Option<(u64, u64)>,
}

impl Log {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let history = History::new(MapHasher::new(rng));
        Self { origins: BTreeMap::new(), history, announced: NodeId::from_bytes([0; 16]) }
    }

    /// Whether a message was received, or belongs to a life that is over.
    pub(super) fn knows(&self, id: MessageId) -> bool {
        self.origins.get(&id.origin).is_some_and(|origin| {
            origin.generation > id.generation || origin.generation == id.generation && origin.contains(id.sequence)
        })
    }

    /// Takes a message in that was not seen before: none if it was, or if there is no room for its origin.
    pub(super) fn take(
        &mut self,
        now: Instant,
        config: &BroadcastConfig,
        coming: &Coming,
        held: Held,
    ) -> Option<Taken> {
        let Coming { own, origin: origin_short, age, patience } = *coming;
        let MessageId { origin: id, generation, sequence } = held.id();
        let origin = self.origin(now, config, own, Identity::new(id, generation))?;
        if origin.contains(sequence) {
            return None;
        }
        let first = origin.from.max(origin.floor().saturating_add(1));
        let heard = origin.from > 0;
        origin.begin(sequence);
        // What was sent before anything was heard of it is nobody's loss.
        let given_up = origin.insert(sequence);
        let mut given_up = if heard { given_up.min(origin.floor().saturating_add(1).saturating_sub(first)) } else { 0 };
        let mut gap = (heard && given_up > 0 && first <= origin.floor()).then(|| (first, origin.floor()));
        if let Some((first, last, count)) = origin.look_for_holes(now, sequence, patience) {
            given_up += count;
            gap = gap.map(|(from, _)| (from, last)).or(Some((first, last)));
        }
        origin.heard = now;
        origin.held += 1;
        origin.first_held = origin.first_held.min(sequence);
        let born = before(now, Duration::from_millis(100) * u32::from(age));
        let placed = self.history.push(now, born, held, origin_short);
        self.forget_old(now, config);
        Some(Taken { placed, given_up, gap })
    }

    /// Whether an ordered message comes too late: a later one of its origin was delivered.
    pub(super) fn is_after_its_successor(&self, id: MessageId) -> bool {
        let origin = self.origins.get(&id.origin).filter(|origin| origin.generation == id.generation);
        origin.is_some_and(|origin| origin.last_ordered > id.sequence)
    }

    /// The numbers below this one that have not come, but for those before the last ordered message that was delivered.
    pub(super) fn missing_before(&self, id: MessageId) -> impl Iterator<Item = u64> + '_ {
        let origin = self.origins.get(&id.origin).filter(|origin| origin.generation == id.generation);
        origin.into_iter().flat_map(move |origin| {
            let first = origin.from.max(origin.last_ordered.saturating_add(1));
            origin.missing(first, id.sequence.saturating_sub(1))
        })
    }

    /// An ordered message is delivered.
    pub(super) fn note_ordered(&mut self, id: MessageId) {
        if let Some(origin) = self.origins.get_mut(&id.origin).filter(|origin| origin.generation == id.generation) {
            origin.last_ordered = origin.last_ordered.max(id.sequence);
        }
    }

    /// The number after which ordered messages are missing before this one, if they are: not if they were sent before anything
    /// of their origin was heard.
    pub(super) fn ordered_gap(&self, id: MessageId, previous: MessageId) -> Option<u64> {
        let origin = self.origins.get(&id.origin).filter(|origin| origin.generation == id.generation)?;
        let last = origin.last_ordered.max(origin.from.saturating_sub(1));
        (previous.sequence > last && !self.knows(previous)).then_some(last)
    }

    /// What is known of that life of an origin: none if it is over, or if there is no room for another origin.
    pub(super) fn origin(
        &mut self,
        now: Instant,
        config: &BroadcastConfig,
        own: bool,
        of: Identity,
    ) -> Option<&mut Origin> {
        // This node's own messages always have room: what was answered as sent is sent.
        let full = self.origins.len() >= config.max_origins && !own;
        if full && !self.origins.contains_key(&of.id) {
            self.forget_origin()?;
        }
        let origin = self.origins.entry(of.id).or_insert_with(|| Origin::new(of.generation, now));
        if origin.generation < of.generation {
            *origin = Origin::new(of.generation, now);
        }
        (origin.generation == of.generation).then_some(origin)
    }

    /// Makes room for another origin: of a few that have nothing in the history, the one silent longest is forgotten.
    fn forget_origin(&mut self) -> Option<()> {
        let after = self.origins.range(self.announced..).chain(self.origins.iter()).take(32);
        let silent = after.filter(|(_, origin)| origin.held == 0).min_by_key(|(_, origin)| origin.heard);
        let id = *silent?.0;
        self.origins.remove(&id).map(|_| ())
    }

    pub(super) fn forget_old(&mut self, now: Instant, config: &BroadcastConfig) {
        while let Some(id) = self.history.pop_old(before(now, config.history), config.history_bytes) {
            // Messages of a former life of the origin are no longer counted.
            if let Some(origin) = self.origins.get_mut(&id.origin).filter(|o| o.generation == id.generation) {
                // An origin that was forgotten meanwhile counts from none again.
                origin.held = origin.held.saturating_sub(1);
                let next = origin.first_held.max(id.sequence.saturating_add(1));
                origin.first_held = if origin.held == 0 { u64::MAX } else { next };
            }
        }
    }

    /// Notes which messages have become old enough to be announced.
    pub(super) fn age(&mut self, now: Instant, config: &BroadcastConfig) {
        // Where members do nothing but compare, nothing is on its way otherwise.
        let after = if config.mode.compares() { Duration::ZERO } else { config.announce_after };
        let young = before(now, after) + Duration::from_micros(u64::from(after.is_zero()));
        while let Some(id) = self.history.next_aged(young) {
            if let Some(origin) = self.origins.get_mut(&id.origin).filter(|o| o.generation == id.generation) {
                origin.last_aged = origin.last_aged.max(id.sequence);
            }
        }
    }

    /// Sums up what is held. Who holds the same for long enough holds the same messages.
    pub(super) fn fingerprint(&mut self, now: Instant, config: &BroadcastConfig) -> u32 {
        self.forget_old(now, config);
        self.age(now, config);
        // The last fifth is gone here and not there.
        self.history.fingerprint(now, config.history * 4 / 5)
    }

    /// The ranges that are held, as many as find room, beginning where the last digest ended.
    pub(super) fn write_digest(&mut self, tag: u8, packet: &mut Writer<'_>) {
        let last = self.announced;
        let circle = self.origins.range((Bound::Excluded(last), Bound::Unbounded)).chain(self.origins.range(..=last));
        let mut held = circle.filter(|(_, origin)| origin.held > 0 && origin.first_held <= origin.last_aged);
        let announced = &mut self.announced;
        let written = packet.list(tag, |w| {
            let Some((id, origin)) = held.next() else { return Ok(false) };
            let identity = Identity::new(*id, origin.generation);
            Announcement { origin: identity, first: origin.first_held, last: origin.last_aged }.write(w)?;
            *announced = *id;
            Ok(true)
        });
        if written == 0 {
            // Who holds nothing has the more to ask for.
            _ = packet.section(tag, |_| Ok(()));
        }
    }
}
