//! Messages kept for those who missed them: in the order of their arrival, found by id, bounded in bytes and in time.

use alloc::collections::VecDeque;

use hashbrown::HashTable;

use super::{Message, MessageId};
use crate::random::MapHasher;
use crate::time::Instant;
use crate::wire::broadcast::ShortId;

/// What a message takes besides its topic and payload, about.
const OVERHEAD: usize = 96;

#[derive(Debug)]
struct Kept {
    message: Message,
    /// The origin's short name.
    origin: u32,
    at: Instant,
}

impl Kept {
    fn short(&self) -> ShortId {
        ShortId::of(self.origin, self.message.id.sequence)
    }
}

/// Where a message is kept; it stays valid until the message is gone.
pub(crate) type Place = u64;

#[derive(Debug)]
pub(crate) struct History {
    kept: VecDeque<Kept>,
    /// The place of the front.
    front: Place,
    /// The first place whose message is not old enough to be announced.
    aged: Place,
    by_id: HashTable<Place>,
    by_short: HashTable<Place>,
    hasher: MapHasher,
    bytes: usize,
}

impl History {
    pub(crate) fn new(hasher: MapHasher) -> Self {
        Self {
            kept: VecDeque::new(),
            front: 0,
            aged: 0,
            by_id: HashTable::new(),
            by_short: HashTable::new(),
            hasher,
            bytes: 0,
        }
    }

    pub(crate) fn push(&mut self, now: Instant, message: Message, origin: u32) -> Place {
        let place = self.front + self.kept.len() as u64;
        self.bytes += size(&message);
        let hash = self.hasher.hash(message.id);
        self.kept.push_back(Kept { message, origin, at: now });
        let (kept, front, hasher) = (&self.kept, self.front, &self.hasher);
        let at = |place: &Place| &kept[(place - front) as usize];
        self.by_id.insert_unique(hash, place, |place| hasher.hash(at(place).message.id));
        let short = at(&place).short();
        self.by_short.insert_unique(hasher.spread(short.0), place, |place| hasher.spread(at(place).short().0));
        place
    }

    fn kept(&self, place: Place) -> Option<&Kept> {
        self.kept.get(usize::try_from(place.checked_sub(self.front)?).ok()?)
    }

    pub(crate) fn get(&self, place: Place) -> Option<&Message> {
        self.kept(place).map(|kept| &kept.message)
    }

    /// A message with its origin's short name.
    pub(crate) fn get_with_origin(&self, place: Place) -> Option<(&Message, u32)> {
        self.kept(place).map(|kept| (&kept.message, kept.origin))
    }

    /// A message's short name.
    pub(crate) fn short(&self, place: Place) -> Option<ShortId> {
        self.kept(place).map(Kept::short)
    }

    /// The newest of those that share a short name.
    pub(crate) fn find_short(&self, short: ShortId) -> Option<Place> {
        let named = self.by_short.iter_hash(self.hasher.spread(short.0)).copied();
        named.filter(|place| self.short(*place) == Some(short)).max()
    }

    pub(crate) fn find(&self, id: MessageId) -> Option<Place> {
        let found = self.by_id.find(self.hasher.hash(id), |place| self.get(*place).is_some_and(|m| m.id == id));
        found.copied()
    }

    /// Takes the oldest message out, if it is older than `before` or there are more than `max` bytes.
    pub(crate) fn pop_old(&mut self, before: Instant, max: usize) -> Option<MessageId> {
        let oldest = self.kept.front()?;
        if oldest.at >= before && self.bytes <= max {
            return None;
        }
        let hash = self.hasher.hash(oldest.message.id);
        if let Ok(entry) = self.by_id.find_entry(hash, |place| *place == self.front) {
            entry.remove();
        }
        let short = self.hasher.spread(oldest.short().0);
        if let Ok(entry) = self.by_short.find_entry(short, |place| *place == self.front) {
            entry.remove();
        }
        let oldest = self.kept.pop_front()?;
        self.front += 1;
        self.aged = self.aged.max(self.front);
        self.bytes -= size(&oldest.message);
        Some(oldest.message.id)
    }

    /// The next message that has become old enough to be announced: it arrived before `before`.
    pub(crate) fn next_aged(&mut self, before: Instant) -> Option<MessageId> {
        let at = usize::try_from(self.aged - self.front).ok()?;
        let kept = self.kept.get(at).filter(|kept| kept.at < before)?;
        self.aged += 1;
        Some(kept.message.id)
    }

    /// Who sent the messages that may be announced and arrived after `since`, the newest first.
    pub(crate) fn recent(&self, since: Instant) -> impl Iterator<Item = MessageId> + '_ {
        let aged = usize::try_from(self.aged - self.front).unwrap_or(0);
        self.kept.range(..aged).rev().take_while(move |kept| kept.at > since).map(|kept| kept.message.id)
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn size(message: &Message) -> usize {
    message.topic().len() + message.payload().len() + OVERHEAD
}
