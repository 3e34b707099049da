//! Messages kept for those who missed them: in the order of their arrival, found by id, bounded in bytes and in time.

use alloc::collections::VecDeque;

use hashbrown::HashTable;

use super::{Message, MessageId};
use crate::random::MapHasher;
use crate::time::Instant;

/// What a message takes besides its topic and payload, about.
const OVERHEAD: usize = 96;

#[derive(Debug)]
struct Kept {
    message: Message,
    at: Instant,
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
    hasher: MapHasher,
    bytes: usize,
}

impl History {
    pub(crate) fn new(hasher: MapHasher) -> Self {
        Self { kept: VecDeque::new(), front: 0, aged: 0, by_id: HashTable::new(), hasher, bytes: 0 }
    }

    pub(crate) fn push(&mut self, now: Instant, message: Message) -> Place {
        let place = self.front + self.kept.len() as u64;
        self.bytes += size(&message);
        let hash = self.hasher.hash(message.id);
        self.kept.push_back(Kept { message, at: now });
        let (kept, front, hasher) = (&self.kept, self.front, &self.hasher);
        self.by_id.insert_unique(hash, place, |place| hasher.hash(kept[(place - front) as usize].message.id));
        place
    }

    pub(crate) fn get(&self, place: Place) -> Option<&Message> {
        let at = usize::try_from(place.checked_sub(self.front)?).ok()?;
        self.kept.get(at).map(|kept| &kept.message)
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
