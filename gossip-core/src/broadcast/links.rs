//! A node's links to its neighbours.

use core::time::Duration;

use gossip_collections::SmallVec;

use super::interests::Interests;
use super::load::Burden;
use super::outbox::Outbox;
use crate::identity::Identity;
use crate::membership::MemberIndex;
use crate::time::Instant;
use crate::wire::overlay::Advert;

/// A node never has more links.
pub(super) const MAX_LINKS: usize = 12;

/// The place of a link; it is given to another one once this one is gone.
pub(super) type Slot = u8;

/// Some links, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slots(u16);

impl Slots {
    pub(super) fn contains(self, slot: Slot) -> bool {
        self.0 >> slot & 1 == 1
    }

    pub(super) fn insert(&mut self, slot: Slot) {
        self.0 |= 1 << slot;
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        self.0 &= !(1 << slot);
    }

    pub(super) fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    pub(super) fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(super) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Slot> {
        (0..MAX_LINKS as Slot).filter(move |slot| self.contains(*slot))
    }
}

impl FromIterator<Slot> for Slots {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        slots.into_iter().fold(Self::default(), |mut all, slot| {
            all.insert(slot);
            all
        })
    }
}

/// Why this node wants a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The way is short.
    Near,
    /// Whoever it is: links to near ones alone would not hold the cluster together.
    Random,
}

/// How long a link's way is (RFC 6298 §2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    smoothed: Duration,
    variation: Duration,
    /// The shortest round trip of late: what the tree is built by, since it does not follow every queue on the way.
    pub(super) shortest: Duration,
    guessed: bool,
}

impl Way {
    pub(crate) fn new(rtt: Duration) -> Self {
        Self { smoothed: rtt, variation: rtt / 4, shortest: rtt, guessed: false }
    }

    /// Of a neighbour that was not measured yet.
    pub(crate) fn guess(rtt: Duration) -> Self {
        Self { guessed: true, ..Self::new(rtt) }
    }

    pub(crate) fn is_guessed(&self) -> bool {
        self.guessed
    }

    pub(crate) fn sample(&mut self, rtt: Duration) {
        if self.guessed {
            *self = Self::new(rtt);
            return;
        }
        self.shortest = if rtt < self.shortest { rtt } else { (self.shortest * 15 + rtt) / 16 };
        self.sample_queue(rtt);
    }

    /// A round trip of a message that may have waited in queues: nothing is learnt from it but how long to wait.
    pub(crate) fn sample_queue(&mut self, rtt: Duration) {
        self.variation = (self.variation * 3 + self.smoothed.abs_diff(rtt)) / 4;
        self.smoothed = (self.smoothed * 7 + rtt) / 8;
        self.shortest = self.shortest.min(rtt);
    }

    /// How long an answer is waited for.
    pub(crate) fn timeout(&self) -> Duration {
        (self.smoothed + self.variation * 4).max(self.smoothed + MARGIN)
    }
}

/// What an answer may take longer than the way.
const MARGIN: Duration = Duration::from_millis(8);

/// Whether a link is still there is asked so often, each time a little more patiently.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    pub(super) token: u16,
    pub(super) tries: u8,
    pub(super) sent: Instant,
    pub(super) due: Instant,
}

/// One neighbour.
#[derive(Debug)]
pub(super) struct Link<P> {
    pub(super) row: MemberIndex,
    pub(super) member: Identity,
    pub(super) addr: P,
    /// What this node wants the link for.
    pub(super) mine: Option<Choice>,
    /// Whether the neighbour wants it.
    pub(super) theirs: bool,
    pub(super) way: Way,
    pub(super) heard: Instant,
    pub(super) check: Option<Check>,
    /// What the neighbour said last of its way to the root, and when.
    pub(super) advert: Option<Advert>,
    /// What it was told.
    pub(super) told: Option<Advert>,
    /// Whether this node is the neighbour's parent in the tree.
    pub(super) child: bool,
    pub(super) burden: Burden,
    pub(super) outbox: Outbox,
    /// Which topics are wanted on the neighbour's side, and what it was told of this one; none: nothing, which means all.
    pub(super) wanted: Interests,
    pub(super) told_wanted: Option<Interests>,
}

impl<P> Link<P> {
    /// A link that nobody wants yet.
    pub(super) fn new(now: Instant, row: MemberIndex, member: Identity, addr: P, way: Way) -> Self {
        Self {
            row,
            member,
            addr,
            mine: None,
            theirs: false,
            way,
            heard: now,
            check: None,
            advert: None,
            told: None,
            child: false,
            burden: Burden::default(),
            outbox: Outbox::default(),
            wanted: Interests::All,
            told_wanted: None,
        }
    }
}

/// All links.
#[derive(Debug)]
pub(super) struct Links<P> {
    slots: SmallVec<[Option<Link<P>>; 0]>,
}

impl<P: Eq> Links<P> {
    pub(super) fn new() -> Self {
        Self { slots: SmallVec::new() }
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Link<P>> {
        self.slots.get(usize::from(slot))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Link<P>> {
        self.slots.get_mut(usize::from(slot))?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Link<P>)> {
        self.slots.iter().enumerate().filter_map(|(slot, link)| Some((slot as Slot, link.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Slot, &mut Link<P>)> {
        self.slots.iter_mut().enumerate().filter_map(|(slot, link)| Some((slot as Slot, link.as_mut()?)))
    }

    pub(super) fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    pub(super) fn all(&self) -> Slots {
        self.iter().map(|(slot, _)| slot).collect()
    }

    pub(super) fn find(&self, row: MemberIndex) -> Option<Slot> {
        self.iter().find(|(_, link)| link.row == row).map(|(slot, _)| slot)
    }

    /// Adds a link if there is room.
    pub(super) fn insert(&mut self, link: Link<P>) -> Option<Slot> {
        let free = self.slots.iter().position(Option::is_none);
        let at = free.unwrap_or(self.slots.len());
        if at >= MAX_LINKS {
            return None;
        }
        if at == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[at] = Some(link);
        Some(at as Slot)
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Link<P>> {
        self.slots.get_mut(usize::from(slot))?.take()
    }
}
