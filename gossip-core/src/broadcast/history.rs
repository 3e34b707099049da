//! Messages kept for those who missed them: in the order of their arrival, found by id, bounded in bytes and in time.

use alloc::collections::{BinaryHeap, VecDeque};
use core::cmp::Reverse;
use core::time::Duration;

use hashbrown::HashTable;

use super::{Message, MessageId};
use crate::random::MapHasher;
use crate::time::Instant;
use crate::wire::broadcast::ShortId;

/// So many messages that are gone may still stand among those that leave the fingerprint, and as many as are kept twice.
const SLACK: usize = 64;
/// What a message takes besides its topic and payload, about.
const OVERHEAD: usize = 96;

#[derive(Debug)]
struct Kept {
    message: Message,
    /// The origin's short name.
    origin: u32,
    at: Instant,
    /// When it was sent, about.
    born: Instant,
    /// Whether it is in the fingerprint.
    summed: bool,
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
    /// The XOR of the short ids of those that are old enough to be everywhere and young enough to be kept everywhere.
    fingerprint: u32,
    /// When each leaves the fingerprint.
    leaving: BinaryHeap<Reverse<(Instant, Place)>>,
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
            fingerprint: 0,
            leaving: BinaryHeap::new(),
            hasher,
            bytes: 0,
        }
    }

    pub(crate) fn push(&mut self, now: Instant, born: Instant, message: Message, origin: u32) -> Place {
        let place = self.front + self.kept.len() as u64;
        self.bytes += size(&message);
        let hash = self.hasher.hash(message.id);
        self.kept.push_back(Kept { message, origin, at: now, born, summed: false });
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

    /// A message with its origin's short name and its age.
    pub(crate) fn get_with_age(&self, now: Instant, place: Place) -> Option<(&Message, u32, u16)> {
        self.kept(place).map(|kept| (&kept.message, kept.origin, age(now, kept.born)))
    }

    /// Sums up what is held and was sent `kept` ago at most.
    pub(crate) fn fingerprint(&mut self, now: Instant, kept: Duration) -> u32 {
        while let Some(Reverse((born, place))) = self.leaving.peek().copied() {
            if now <= born + kept {
                break;
            }
            self.leaving.pop();
            self.unsum(place);
        }
        self.fingerprint
    }

    fn unsum(&mut self, place: Place) {
        let at = place.checked_sub(self.front).and_then(|at| usize::try_from(at).ok());
        let kept = at.and_then(|at| self.kept.get_mut(at)).filter(|kept| kept.summed);
        if let Some(kept) = kept {
            kept.summed = false;
            self.fingerprint ^= kept.short().0;
        }
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
        self.unsum(self.front);
        let oldest = self.kept.pop_front()?;
        self.front += 1;
        self.aged = self.aged.max(self.front);
        self.bytes -= size(&oldest.message);
        // What goes for want of room leaves nothing behind.
        if self.leaving.len() > 2 * self.kept.len() + SLACK {
            self.leaving.retain(|Reverse((_, place))| *place >= self.front);
        }
        Some(oldest.message.id)
    }

    /// The next message that has become old enough to be announced: it arrived before `before`.
    pub(crate) fn next_aged(&mut self, before: Instant) -> Option<MessageId> {
        let at = usize::try_from(self.aged - self.front).ok()?;
        let kept = self.kept.get_mut(at).filter(|kept| kept.at < before)?;
        kept.summed = true;
        self.fingerprint ^= kept.short().0;
        self.leaving.push(Reverse((kept.born, self.aged)));
        self.aged += 1;
        Some(kept.message.id)
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// In tenths of a second; none of a message that is on its way.
fn age(now: Instant, born: Instant) -> u16 {
    let age = now.since(born);
    if age < ON_ITS_WAY { 0 } else { u16::try_from(age.as_millis() / 100).unwrap_or(u16::MAX) }
}

/// A message of which nothing is said of its age is younger than this.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

fn size(message: &Message) -> usize {
    message.topic().len() + message.payload().len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::NodeId;
    use crate::random::Rng;
    use crate::wire::broadcast::Class;

    #[test]
    fn what_goes_for_want_of_room_leaves_nothing_behind() {
        let mut history = History::new(MapHasher::new(&mut Rng::new([1; 32])));
        for sequence in 1..=20_000 {
            let id = MessageId { origin: NodeId::from_name("a"), generation: 1, sequence };
            let now = Instant::from_micros(1000 * sequence);
            history.push(now, now, Message::new(id, Class::Normal, 0, b"t", b"x"), 7);
            while history.next_aged(now).is_some() {}
            while history.pop_old(Instant::ZERO, 64 << 10).is_some() {}
        }
        let held = history.len();
        assert!(held < 1000 && history.leaving.len() <= 2 * held + SLACK + 1, "{held}, {}", history.leaving.len());
        let summed = history.kept.iter().filter(|kept| kept.summed).fold(0, |sum, kept| sum ^ kept.short().0);
        assert_eq!(history.fingerprint(Instant::from_micros(20_000_000), Duration::from_secs(120)), summed);
    }
}
