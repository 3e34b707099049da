//! The keys: those that have a content, in an index that can be compared with another member's; and the deletions that some
//! may not have heard of.

use alloc::boxed::Box;
use alloc::vec::Vec;

use gossip_collections::{BTreeMap, BTreeSet, SmallVec, VecDeque};
use gossip_crdt::{Dot, Stamp};
use gossip_reconcile::{HashKey, Index, KeyRange, Slot};

use super::Version;
use super::item::{Held, Item};
use super::key::Key;
use super::shown::{Place, Shown};
use crate::identity::Identity;
use crate::time::Instant;
use crate::wire::ClusterKey;

/// What is known of every key.
#[derive(Debug)]
pub(crate) struct Store {
    hashes: ClusterKey,
    /// The keys that have a content.
    index: Index<Key>,
    /// By slot.
    items: Vec<Option<Held>>,
    /// The deletions, numbered, and their numbers by key.
    deletions: BTreeMap<u32, (Key, Item)>,
    deleted: BTreeMap<Key, u32>,
    next_deletion: u32,
    /// The writes that keys show, their heads and those of which something is left in their content. So of a write that is
    /// not here nothing is left.
    shown: Shown,
    /// Deletions and when they may be forgotten.
    graves: VecDeque<(Instant, u32)>,
    expiring: BTreeSet<(Instant, Key)>,
    /// The sum over the writes that the keys of the index show, and over those that are deletions.
    fingerprint: u64,
    buried: u64,
    /// How many the application sees.
    live: usize,
    revision: u64,
}

impl Store {
    /// For about so many keys. A comparison looks at a cell for every four of them at most, and at 64 of few.
    pub(crate) fn new(hashes: &ClusterKey, max_entries: usize) -> Self {
        let cells = (max_entries / 4).clamp(64, Index::<Key>::DEFAULT_CELLS);
        Self {
            hashes: hashes.clone(),
            index: Index::with_cells(HashKey::new(hashes.index()), cells),
            items: Vec::new(),
            deletions: BTreeMap::new(),
            deleted: BTreeMap::new(),
            next_deletion: 0,
            shown: Shown::default(),
            graves: VecDeque::new(),
            expiring: BTreeSet::new(),
            fingerprint: 0,
            buried: 0,
            live: 0,
            revision: 0,
        }
    }

    pub(crate) fn index(&self) -> &Index<Key> {
        &self.index
    }

    /// A key that has a content.
    pub(crate) fn get(&self, key: &Key) -> Option<&Held> {
        self.at(self.index.slot(key.as_ref())?)
    }

    pub(crate) fn at(&self, slot: Slot) -> Option<&Held> {
        self.items.get(slot.index())?.as_ref()
    }

    /// Whether anything is known of a key, deleted or not.
    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.index.slot(key.as_ref()).is_some() || self.deleted.contains_key(key)
    }

    /// All that is known of a key, deleted or not.
    pub(crate) fn open(&self, key: &Key) -> Option<Item> {
        match self.get(key) {
            Some(held) => Some(held.open()),
            None => self.deletions.get(self.deleted.get(key)?).map(|(_, item)| item.clone()),
        }
    }

    /// The heads of a key, by a write that it shows.
    pub(crate) fn heads(&self, version: &Version) -> Option<SmallVec<[Dot<Identity>; 2]>> {
        match self.shown.get(&version.dot())? {
            Place::Live(slot) => self.at(slot).map(Held::heads),
            Place::Deleted(number) => self.deletions.get(&number).map(|(_, item)| SmallVec::from_slice(item.heads())),
        }
    }

    /// A key, and what is known of it, by a write that it shows.
    pub(crate) fn find(&self, version: &Version) -> Option<(&Key, Item)> {
        self.show(self.shown.get(&version.dot())?)
    }

    fn show(&self, place: Place) -> Option<(&Key, Item)> {
        match place {
            Place::Live(slot) => Some((self.index.key(slot)?, self.at(slot)?.open())),
            Place::Deleted(number) => self.deletions.get(&number).map(|(key, item)| (key, item.clone())),
        }
    }

    /// The keys that show any of a writer's writes in a range, both ends included, each with the first that it shows,
    /// ascending by that.
    pub(crate) fn written(
        &self,
        writer: Identity,
        first: u64,
        last: u64,
    ) -> impl Iterator<Item = (u64, &Key, Item)> + use<'_> {
        let places = self.shown.range(writer, first, last);
        let shown = places.filter_map(|(counter, place)| self.show(place).map(|(key, item)| (counter, key, item)));
        shown.filter(move |(counter, _, item)| !item.shows_any(writer, first, *counter))
    }

    /// Keeps what is known of a key from now on. A deletion may be forgotten then, not before.
    pub(crate) fn put(&mut self, key: &Key, item: Item, forget_at: Instant) {
        let slot = self.take_out(key, &item);
        self.revision += 1;
        let (heads, dots) = (item.heads().len(), item.dots());
        let place = if item.is_deletion() {
            slot.and_then(|slot| self.index.remove(key.as_ref()).map(|_| self.items[slot.index()] = None));
            if item.is_nothing() {
                return;
            }
            Place::Deleted(self.bury(key, item, forget_at))
        } else {
            let version = self.version_of(&dots, heads);
            let slot = match slot {
                Some(slot) => self.index.set_version(slot, &version).then_some(slot),
                None => self.index.insert(key.clone(), &version),
            };
            let Some(slot) = slot else { return };
            self.live += usize::from(item.is_visible());
            self.fingerprint = self.fingerprint.wrapping_add(self.sum(&dots));
            if let Some(at) = item.expires {
                self.expiring.insert((at, key.clone()));
            }
            if self.items.len() <= slot.index() {
                self.items.resize_with(slot.index() + 1, || None);
            }
            self.items[slot.index()] = Some(Held::new(item, |writer| self.shown.name(writer)));
            Place::Live(slot)
        };
        dots.iter().for_each(|dot| self.shown.insert(dot, place));
    }

    /// Where a key is that holds nothing but a value which this writer set.
    pub(crate) fn last_set_by(&self, key: &Key, by: Identity) -> Option<Slot> {
        let slot = self.index.slot(key.as_ref())?;
        matches!(self.at(slot)?, Held::Plain { writer, .. } if **writer == by).then_some(slot)
    }

    /// Such a key's writer sets it again: as [`Self::put`], of less work.
    pub(crate) fn set_again(&mut self, slot: Slot, counter: u64, stamp: Stamp, value: &[u8]) {
        let Some(Some(Held::Plain { writer, counter: last, stamp: last_stamp, value: held })) =
            self.items.get_mut(slot.index())
        else {
            return;
        };
        let (before, after) = (Dot::new(**writer, *last), Dot::new(**writer, counter));
        (*last, *last_stamp) = (counter, stamp);
        if held.len() == value.len() {
            held.copy_from_slice(value);
        } else {
            *held = Box::from(value);
        }
        self.shown.remove(&before);
        self.shown.insert(&after, Place::Live(slot));
        self.index.set_version(slot, &self.version_of(&[after], 1));
        self.fingerprint = self.fingerprint.wrapping_sub(self.sum(&[before])).wrapping_add(self.sum(&[after]));
        self.revision += 1;
    }

    /// Takes out what was known of a key, but for its place in the index.
    fn take_out(&mut self, key: &Key, new: &Item) -> Option<Slot> {
        let slot = self.index.slot(key.as_ref());
        let before: SmallVec<[Dot<Identity>; 2]> = match slot {
            Some(slot) => {
                let held = self.items[slot.index()].as_ref()?;
                let dots = held.dots();
                if let Held::Rich(item) = held {
                    if let Some(at) = item.expires.filter(|at| new.is_deletion() || Some(*at) != new.expires) {
                        self.expiring.remove(&(at, key.clone()));
                    }
                }
                self.live -= usize::from(held.is_visible());
                self.fingerprint = self.fingerprint.wrapping_sub(self.sum(&dots));
                dots
            }
            None => {
                let item = self.deleted.remove(key).and_then(|number| self.deletions.remove(&number));
                let heads: SmallVec<_> = SmallVec::from_slice(item.as_ref().map_or(&[], |(_, item)| item.heads()));
                self.buried = self.buried.wrapping_sub(self.sum(&heads));
                heads
            }
        };
        before.iter().for_each(|dot| self.shown.remove(dot));
        slot
    }

    fn bury(&mut self, key: &Key, item: Item, forget_at: Instant) -> u32 {
        while self.deletions.contains_key(&self.next_deletion) {
            self.next_deletion = self.next_deletion.wrapping_add(1);
        }
        let number = self.next_deletion;
        self.next_deletion = number.wrapping_add(1);
        self.buried = self.buried.wrapping_add(self.sum(item.heads()));
        self.deletions.insert(number, (key.clone(), item));
        self.deleted.insert(key.clone(), number);
        self.graves.push_back((forget_at, number));
        // A key deleted again and again leaves graves behind that nothing lies in.
        if self.graves.len() > 2 * self.deletions.len() + 16 {
            self.graves.retain(|(_, number)| self.deletions.contains_key(number));
        }
        number
    }

    /// When the next deletion may be forgotten.
    pub(crate) fn next_grave(&self) -> Option<Instant> {
        self.graves.front().map(|(at, _)| *at)
    }

    /// When the next entry expires, or the next deletion may be forgotten.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        crate::time::earliest([self.next_grave(), self.expiring.first().map(|(at, _)| *at)])
    }

    /// An entry whose time is over.
    pub(crate) fn expired(&self, now: Instant) -> Option<Key> {
        self.expiring.first().filter(|(at, _)| *at <= now).map(|(_, key)| key.clone())
    }

    /// Forgets deletions whose time is over and that everybody has seen; the others are looked at again later.
    pub(crate) fn forget(&mut self, now: Instant, later: Instant, is_stable: impl Fn(&Dot<Identity>) -> bool) {
        for _ in 0..self.graves.len() {
            let Some((_, number)) = self.graves.front().copied().filter(|(at, _)| *at <= now) else { return };
            self.graves.pop_front();
            let Some((key, item)) = self.deletions.get(&number) else { continue };
            if !item.heads().iter().all(&is_stable) {
                self.graves.push_back((later, number));
                continue;
            }
            let (key, heads) = (key.clone(), SmallVec::<[Dot<Identity>; 2]>::from_slice(item.heads()));
            self.deletions.remove(&number);
            self.deleted.remove(&key);
            self.buried = self.buried.wrapping_sub(self.sum(&heads));
            heads.iter().for_each(|head| self.shown.remove(head));
            self.revision += 1;
        }
    }

    /// Keys of a range that have a content, ascending.
    pub(crate) fn range(&self, range: &KeyRange) -> impl Iterator<Item = (&Key, &Held)> + use<'_> {
        self.index.range(range).filter_map(|slot| Some((self.index.key(slot)?, self.at(slot)?)))
    }

    /// All keys, deleted ones included, with what is known of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, Item)> {
        let live = self.range(&KeyRange::all()).map(|(key, held)| (key, held.open()));
        live.chain(self.deletions.values().map(|(key, item)| (key, item.clone())))
    }

    /// How many the application sees.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// All keys, deleted ones included.
    pub(crate) fn len(&self) -> usize {
        self.index.len() + self.deletions.len()
    }

    pub(crate) fn deletions(&self) -> usize {
        self.deletions.len()
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Equal on two members that hold the same entries.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Equal on two members that hold the same entries, and know of the same deletions.
    pub(crate) fn fingerprint_of_all(&self) -> u64 {
        self.fingerprint.wrapping_add(self.buried)
    }

    fn sum(&self, dots: &[Dot<Identity>]) -> u64 {
        dots.iter().fold(0, |sum, dot| sum.wrapping_add(self.hashes.head(dot.writer, dot.counter)))
    }

    /// What tells one state of a key from another in the index, by the writes that it shows, so many heads first.
    fn version_of(&self, dots: &[Dot<Identity>], heads: usize) -> SmallVec<[u8; 64]> {
        let mut version = SmallVec::new();
        let (heads, others) = dots.split_at(heads);
        for head in heads {
            version.extend_from_slice(head.writer.id.as_bytes());
            version.extend_from_slice(&head.writer.generation.to_be_bytes());
            version.extend_from_slice(&head.counter.to_be_bytes());
        }
        if !others.is_empty() {
            version.extend_from_slice(&self.sum(others).to_be_bytes());
        }
        version
    }
}
