//! Messages kept for those who missed them: in the order of their arrival, found by id, bounded in bytes and in time. What
//! expired, was replaced, taken back or left out stays as a mere name, so that ranges have no holes and fingerprints agree.

use alloc::vec::Vec;
use core::time::Duration;

use gossip_collections::{HashTable, VecDeque};

use super::before;
use super::message::{Held, Message, MessageId};
use super::schedule::Schedule;
use crate::random::MapHasher;
use crate::time::Instant;
use crate::wire;
use crate::wire::broadcast::{Body, Class, ShortId, TopicHash};

/// What a message is taken to have while none is kept.
const USUAL: usize = 512;
/// What a message takes besides its topic and payload, about.
const OVERHEAD: usize = 96;

#[derive(Debug)]
struct Kept {
    held: Held,
    /// The hash of what it displaces, and the messages with the same are older; none if it is 0.
    displaces: u64,
    /// The origin's short name.
    origin: u32,
    at: Instant,
    /// When it was sent, about.
    born: Instant,
    /// Whether it is in the fingerprint.
    summed: bool,
    /// To how many it was pushed along links, how many to random members, and how many acknowledged it.
    pushed: u8,
    strewn: u8,
    acknowledged: u8,
}

impl Kept {
    /// As it is passed on; without its content to whoever does not want that.
    fn to_wire<O>(&self, now: Instant, origin: O, leave_out: LeaveOut<'_>) -> wire::broadcast::Message<'_, O> {
        let (sequence, class) = (self.held.id().sequence, self.held.class());
        let topic = if let Held::Content(message, _) = &self.held { leave_out(message) } else { None };
        let body = topic.map_or_else(|| self.held.to_wire(now), |topic| Body::LeftOut { topic });
        wire::broadcast::Message { origin, sequence, class, age: age(now, self.born), body }
    }

    fn short(&self) -> ShortId {
        ShortId::of(self.origin, self.held.id().sequence)
    }
}

/// Of a message whose content the receiver does not want its topic.
pub(crate) type LeaveOut<'a> = &'a dyn Fn(&Message) -> Option<TopicHash>;

/// What became of a message that was put into the history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) place: Place,
    /// Whether it displaced another one.
    pub(crate) displaced: bool,
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
    leaving: Schedule,
    /// When the life of each ends.
    expiring: Schedule,
    /// The newest message that displaces, by the hash of what.
    displacing: HashTable<(u64, Place)>,
    /// Messages that were withdrawn and whose payload goes in parts.
    bodiless: Vec<ShortId>,
    /// How many messages are kept whose content was left out.
    left_out: usize,
    hasher: MapHasher,
    bytes: usize,
    /// The most that they ever were, once room was made.
    peak: usize,
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
            leaving: Schedule::default(),
            expiring: Schedule::default(),
            displacing: HashTable::new(),
            bodiless: Vec::new(),
            left_out: 0,
            hasher,
            bytes: 0,
            peak: 0,
        }
    }

    /// Keeps a message that is not kept yet.
    pub(crate) fn push(&mut self, now: Instant, born: Instant, mut held: Held, origin: u32) -> Placed {
        let place = self.front + self.kept.len() as u64;
        let id = held.id();
        let (displaces, late, displaced) = self.displace(place, &held);
        if late {
            held = Held::Withdrawn { id, class: held.class(), back: 0 };
        }
        if let Held::Content(_, Some(dies)) = &held {
            self.expiring.push(*dies, place);
        }
        self.bytes += size(&held);
        self.left_out += usize::from(held.is_left_out());
        self.kept.push_back(Kept {
            held,
            displaces,
            origin,
            at: now,
            born,
            summed: false,
            pushed: 0,
            strewn: 0,
            acknowledged: 0,
        });
        let (kept, front, hasher) = (&self.kept, self.front, &self.hasher);
        let at = |place: &Place| &kept[(place - front) as usize];
        self.by_id.insert_unique(hasher.hash(id), place, |place| hasher.hash(at(place).held.id()));
        let short = at(&place).short();
        self.by_short.insert_unique(hasher.spread(short.0), place, |place| hasher.spread(at(place).short().0));
        Placed { place, displaced }
    }

    /// What a message displaces, whether it is displaced itself, and whether it displaced another just now.
    fn displace(&mut self, place: Place, held: &Held) -> (u64, bool, bool) {
        let id = held.id();
        let (displaces, older) = match held {
            Held::Content(message, _) => {
                // One that takes this one back may have come before it.
                if !self.displacing.is_empty() && self.displacer(self.taken_back(id)).is_some() {
                    return (0, true, false);
                }
                let Some(key) = message.key() else { return (0, false, false) };
                let hash = self.hasher.hash((id.origin(), message.topic(), key)).max(1);
                let last = self.displacer(hash);
                let newer = |place| self.kept(place).is_some_and(|kept| kept.held.id().sequence > id.sequence);
                if last.is_some_and(newer) {
                    return (0, true, false);
                }
                (hash, last)
            }
            Held::LeftOut { .. } => {
                let back = !self.displacing.is_empty() && self.displacer(self.taken_back(id)).is_some();
                return (0, back, false);
            }
            Held::Withdrawn { back: 0, .. } => return (0, false, false),
            Held::Withdrawn { back, .. } => {
                let other = MessageId { sequence: id.sequence.saturating_sub(*back), ..id };
                (self.taken_back(other), self.find(other))
            }
        };
        match self.displacing.find_mut(displaces, |(hash, _)| *hash == displaces) {
            Some(last) => last.1 = place,
            None => _ = self.displacing.insert_unique(displaces, (displaces, place), |(hash, _)| *hash),
        }
        (displaces, false, older.is_some_and(|older| self.withdraw(older)))
    }

    /// What one displaces that takes a message back.
    fn taken_back(&self, id: MessageId) -> u64 {
        self.hasher.hash((id, ())).max(1)
    }

    fn displacer(&self, hash: u64) -> Option<Place> {
        self.displacing.find(hash, |(of, _)| *of == hash).map(|(_, place)| *place)
    }

    /// Keeps no more than a message's name; whether there was more.
    pub(crate) fn withdraw(&mut self, place: Place) -> bool {
        let at = place.checked_sub(self.front).and_then(|at| usize::try_from(at).ok());
        let Some(kept) = at.and_then(|at| self.kept.get_mut(at)) else { return false };
        let content = match &kept.held {
            Held::Withdrawn { .. } => return false,
            Held::LeftOut { .. } => false,
            Held::Content(..) => true,
        };
        self.bytes -= size(&kept.held);
        self.left_out -= usize::from(kept.held.is_left_out());
        if matches!(&kept.held, Held::Content(message, _) if message.is_in_parts()) {
            self.bodiless.push(kept.short());
        }
        kept.held = Held::Withdrawn { id: kept.held.id(), class: kept.held.class(), back: 0 };
        self.bytes += size(&kept.held);
        content
    }

    /// Puts what came now in the place of a message whose content was left out; whether it displaced another one.
    pub(crate) fn fill(&mut self, place: Place, mut held: Held) -> bool {
        let (displaces, late, displaced) = self.displace(place, &held);
        if late {
            held = Held::Withdrawn { id: held.id(), class: held.class(), back: 0 };
        }
        if let Held::Content(_, Some(dies)) = &held {
            self.expiring.push(*dies, place);
        }
        let bytes = size(&held);
        let Some(kept) = self.kept_mut(place) else { return displaced };
        let before = core::mem::replace(&mut kept.held, held);
        kept.displaces = displaces;
        self.bytes = self.bytes + bytes - size(&before);
        self.left_out -= usize::from(before.is_left_out());
        displaced
    }

    /// The topic of a message whose content was left out.
    pub(crate) fn left_out(&self, place: Place) -> Option<TopicHash> {
        if self.left_out == 0 {
            return None;
        }
        match self.kept(place)?.held {
            Held::LeftOut { topic, .. } => Some(topic),
            _ => None,
        }
    }

    /// Whether there is a message whose content was left out.
    pub(crate) fn has_left_out(&self) -> bool {
        self.left_out > 0
    }

    /// Those that were withdrawn since, and whose payload goes in parts.
    pub(crate) fn take_bodiless(&mut self) -> Vec<ShortId> {
        core::mem::take(&mut self.bodiless)
    }

    /// Withdraws those whose life is over; how many.
    pub(crate) fn expire(&mut self, now: Instant) -> u64 {
        let mut expired = 0;
        while let Some(place) = self.expiring.pop(now) {
            expired += u64::from(self.withdraw(place));
        }
        expired
    }

    fn kept(&self, place: Place) -> Option<&Kept> {
        self.kept.get(usize::try_from(place.checked_sub(self.front)?).ok()?)
    }

    /// A message that is still to be delivered.
    pub(crate) fn get(&self, place: Place) -> Option<&Message> {
        match &self.kept(place)?.held {
            Held::Content(message, _) => Some(message),
            Held::Withdrawn { .. } | Held::LeftOut { .. } => None,
        }
    }

    pub(crate) fn class(&self, place: Place) -> Option<Class> {
        self.kept(place).map(|kept| kept.held.class())
    }

    /// A message as it is pulled.
    pub(crate) fn to_wire(
        &self,
        now: Instant,
        place: Place,
        leave_out: LeaveOut<'_>,
    ) -> Option<wire::broadcast::Message<'_>> {
        let kept = self.kept(place)?;
        Some(kept.to_wire(now, kept.held.id().origin(), leave_out))
    }

    /// A message as it is pushed.
    pub(crate) fn to_pushed(
        &self,
        now: Instant,
        place: Place,
        leave_out: LeaveOut<'_>,
    ) -> Option<wire::broadcast::Pushed<'_>> {
        let kept = self.kept(place)?;
        Some(kept.to_wire(now, kept.origin, leave_out))
    }

    /// Sums up what is held and was sent `kept` ago at most.
    pub(crate) fn fingerprint(&mut self, now: Instant, kept: Duration) -> u32 {
        while let Some(place) = self.leaving.pop(before(now, kept)) {
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
        let found = self.by_id.find(self.hasher.hash(id), |place| self.kept(*place).is_some_and(|m| m.held.id() == id));
        found.copied()
    }

    /// Takes the oldest message out, if it is older than `before` or there are more than `max` bytes.
    pub(crate) fn pop_old(&mut self, before: Instant, max: usize) -> Option<MessageId> {
        let oldest = self.kept.front()?;
        if oldest.at >= before && self.bytes <= max {
            self.peak = self.peak.max(self.bytes);
            return None;
        }
        let (id, displaces, short) = (oldest.held.id(), oldest.displaces, oldest.short());
        if let Ok(entry) = self.by_id.find_entry(self.hasher.hash(id), |place| *place == self.front) {
            entry.remove();
        }
        if let Ok(entry) = self.by_short.find_entry(self.hasher.spread(short.0), |place| *place == self.front) {
            entry.remove();
        }
        if displaces != 0
            && let Ok(entry) = self.displacing.find_entry(displaces, |last| *last == (displaces, self.front))
        {
            entry.remove();
        }
        self.unsum(self.front);
        let oldest = self.kept.pop_front()?;
        self.front += 1;
        self.aged = self.aged.max(self.front);
        self.bytes -= size(&oldest.held);
        self.left_out -= usize::from(oldest.held.is_left_out());
        // What goes for want of room leaves nothing behind.
        self.leaving.shed(self.front, self.kept.len());
        self.expiring.shed(self.front, self.kept.len());
        Some(id)
    }

    /// The next message that has become old enough to be announced: it arrived before `before`.
    pub(crate) fn next_aged(&mut self, before: Instant) -> Option<MessageId> {
        let at = usize::try_from(self.aged - self.front).ok()?;
        let kept = self.kept.get_mut(at).filter(|kept| kept.at < before)?;
        kept.summed = true;
        self.fingerprint ^= kept.short().0;
        self.leaving.push(kept.born, self.aged);
        self.aged += 1;
        Some(kept.held.id())
    }

    fn kept_mut(&mut self, place: Place) -> Option<&mut Kept> {
        self.kept.get_mut(usize::try_from(place.checked_sub(self.front)?).ok()?)
    }

    /// A message was pushed to a neighbour, or strewn to a random member.
    pub(crate) fn push_one(&mut self, place: Place, linked: bool) {
        if let Some(kept) = self.kept_mut(place) {
            let count = if linked { &mut kept.pushed } else { &mut kept.strewn };
            *count = count.saturating_add(1);
        }
    }

    /// One more has a message.
    pub(crate) fn acknowledge(&mut self, place: Place) {
        if let Some(kept) = self.kept_mut(place) {
            kept.acknowledged = kept.acknowledged.saturating_add(1);
        }
    }

    pub(crate) fn id(&self, place: Place) -> Option<MessageId> {
        self.kept(place).map(|kept| kept.held.id())
    }

    /// A message, how many acknowledged it, and whether it was pushed along links.
    pub(crate) fn pushed(&self, place: Place) -> Option<(MessageId, u8, bool)> {
        self.kept(place).map(|kept| (kept.held.id(), kept.acknowledged, kept.pushed > 0))
    }

    /// To how many a message was sent, and how many have it.
    pub(crate) fn delivery(&self, place: Place) -> Option<(usize, usize)> {
        let kept = self.kept(place)?;
        Some((usize::from(kept.pushed) + usize::from(kept.strewn), kept.acknowledged.into()))
    }

    /// How many bytes a message takes, about.
    pub(crate) fn bytes_of(&self, place: Place) -> usize {
        self.get(place).map_or(0, Message::len) + OVERHEAD
    }

    /// When a message came.
    pub(crate) fn since(&self, place: Place) -> Option<Instant> {
        self.kept(place).map(|kept| kept.at)
    }

    /// The most bytes there ever were.
    pub(crate) fn peak(&self) -> usize {
        self.peak
    }

    /// How many bytes a message takes, about.
    pub(crate) fn usual_bytes(&self) -> usize {
        self.bytes.checked_div(self.len()).unwrap_or(USUAL)
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

fn size(held: &Held) -> usize {
    OVERHEAD + if let Held::Content(message, _) = held { message.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::NodeId;
    use crate::random::Rng;
    use crate::wire::broadcast::Content;

    #[test]
    fn what_goes_for_want_of_room_leaves_nothing_behind() {
        let mut history = History::new(MapHasher::new(&mut Rng::new([1; 32])));
        for sequence in 1..=20_000 {
            let id = MessageId { origin: NodeId::from_name("a"), generation: 1, sequence };
            let now = Instant::from_micros(1000 * sequence);
            let content = Content { topic: b"t", payload: b"x", ..Content::default() };
            let dies = Some(now + Duration::from_secs(3600));
            history.push(now, now, Held::Content(Message::new(id, Class::Normal, &content), dies), 7);
            while history.next_aged(now).is_some() {}
            while history.pop_old(Instant::ZERO, 64 << 10).is_some() {}
        }
        let held = history.len();
        for schedule in [&history.leaving, &history.expiring] {
            assert!(held < 1000 && schedule.len() <= 2 * held + 65, "{held}, {}", schedule.len());
        }
        let summed = history.kept.iter().filter(|kept| kept.summed).fold(0, |sum, kept| sum ^ kept.short().0);
        assert_eq!(history.fingerprint(Instant::from_micros(20_000_000), Duration::from_secs(120)), summed);
    }

    fn id(sequence: u64) -> MessageId {
        MessageId { origin: NodeId::from_name("a"), generation: 1, sequence }
    }

    fn keyed(history: &mut History, sequence: u64, key: &[u8]) -> Placed {
        let content = Content { topic: b"t", payload: b"x", key, ..Content::default() };
        let message = Message::new(id(sequence), Class::Normal, &content);
        history.push(Instant::ZERO, Instant::ZERO, Held::Content(message, None), 7)
    }

    #[test]
    fn what_comes_after_its_replacement_is_withdrawn() {
        let mut history = History::new(MapHasher::new(&mut Rng::new([1; 32])));
        let newer = keyed(&mut history, 5, b"k");
        let older = keyed(&mut history, 4, b"k");
        let other = keyed(&mut history, 3, b"l");
        assert!(history.get(newer.place).is_some() && !older.displaced && history.get(older.place).is_none());
        assert!(history.get(other.place).is_some());
        let newest = keyed(&mut history, 6, b"k");
        assert!(newest.displaced && history.get(newer.place).is_none());
    }

    #[test]
    fn what_comes_after_it_was_taken_back_is_withdrawn() {
        let mut history = History::new(MapHasher::new(&mut Rng::new([1; 32])));
        let back = Held::Withdrawn { id: id(9), class: Class::Normal, back: 4 };
        assert!(!history.push(Instant::ZERO, Instant::ZERO, back, 7).displaced);
        let [four, five] = [4, 5].map(|sequence| keyed(&mut history, sequence, b"").place);
        assert!(history.get(four).is_some() && history.get(five).is_none());
    }

    #[test]
    fn what_displaces_is_forgotten_with_the_message() {
        let mut history = History::new(MapHasher::new(&mut Rng::new([1; 32])));
        for sequence in 1..=20_000 {
            keyed(&mut history, 2 * sequence, &sequence.to_be_bytes());
            let back = Held::Withdrawn { id: id(2 * sequence + 1), class: Class::Normal, back: 1 };
            history.push(Instant::ZERO, Instant::ZERO, back, 7);
            while history.pop_old(Instant::ZERO, 64 << 10).is_some() {}
        }
        assert!(history.displacing.len() <= history.len(), "{} of {}", history.displacing.len(), history.len());
    }
}
