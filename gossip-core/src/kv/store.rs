//! The entries: by key, and by the version that wrote them.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use core::ops::Bound;

use super::{Scope, Version};
use crate::identity::Identity;
use crate::time::Instant;
use crate::wire;

/// What a key holds.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) version: Version,
    pub(crate) stamp: u64,
    /// None: deleted.
    pub(crate) value: Option<Arc<[u8]>>,
}

/// A write, as it arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write<'a> {
    pub(crate) scope: Scope,
    pub(crate) key: &'a [u8],
    pub(crate) version: Version,
    pub(crate) stamp: u64,
    pub(crate) value: Option<&'a [u8]>,
}

impl<'a> Write<'a> {
    pub(crate) fn of(entry: &wire::kv::Entry<'a>) -> Self {
        Self {
            scope: if entry.own { Scope::Own(entry.writer.id) } else { Scope::Shared },
            key: entry.key,
            version: Version::new(entry.writer, entry.counter),
            stamp: entry.stamp,
            value: entry.value,
        }
    }
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The key holds it now; `visible`: to the application, too.
    Stored { key: Arc<[u8]>, visible: bool },
    /// The key holds a later write.
    Superseded,
    /// It is a new key and there is no room for it.
    Full,
}

/// Every key's latest write, deletions included.
#[derive(Debug, Default)]
pub(crate) struct Store {
    spaces: BTreeMap<Scope, BTreeMap<Arc<[u8]>, Slot>>,
    by_version: BTreeMap<Version, (Scope, Arc<[u8]>)>,
    /// Deletions and when they are forgotten.
    graves: VecDeque<(Instant, Version)>,
    live: usize,
    revision: u64,
}

impl Store {
    pub(crate) fn get(&self, scope: Scope, key: &[u8]) -> Option<&Slot> {
        self.spaces.get(&scope)?.get(key)
    }

    /// The entry that a version wrote, if no later write took its place.
    pub(crate) fn find(&self, version: &Version) -> Option<(Scope, &Arc<[u8]>, &Slot)> {
        let (scope, key) = self.by_version.get(version)?;
        Some((*scope, key, self.get(*scope, key)?))
    }

    /// What survives of a writer's versions in a range, both ends included, ascending.
    pub(crate) fn written(
        &self,
        writer: Identity,
        first: u64,
        last: u64,
    ) -> impl Iterator<Item = (Scope, &Arc<[u8]>, &Slot)> {
        let range = Version::new(writer, first)..=Version::new(writer, last);
        self.by_version.range(range).filter_map(|(version, _)| self.find(version))
    }

    /// Keeps the later of a write and what its key holds: for shared keys in the order of stamps, then versions; for own
    /// keys in the order of their one writer.
    pub(crate) fn put(&mut self, write: &Write<'_>, max_entries: usize, forget_at: Instant) -> Outcome {
        // A version names one write. What names it again for another key, as a snapshot may that no node wrote, is none.
        let named = self.by_version.get(&write.version);
        if named.is_some_and(|(scope, key)| *scope != write.scope || **key != *write.key) {
            return Outcome::Superseded;
        }
        let full = self.by_version.len() >= max_entries;
        let old = self
            .spaces
            .get(&write.scope)
            .and_then(|space| space.get_key_value(write.key))
            .map(|(key, slot)| (key.clone(), slot.version, slot.stamp, slot.value.is_some()));
        let key = match &old {
            Some((_, version, stamp, _)) if !is_later(write, *version, *stamp) => return Outcome::Superseded,
            Some((key, ..)) => key.clone(),
            None if full => return Outcome::Full,
            None => Arc::from(write.key),
        };
        let value = write.value.map(Arc::from);
        let (was, is) = (old.as_ref().is_some_and(|(.., live)| *live), value.is_some());
        if let Some((_, version, ..)) = old {
            self.by_version.remove(&version);
        }
        let slot = Slot { version: write.version, stamp: write.stamp, value };
        self.spaces.entry(write.scope).or_default().insert(key.clone(), slot);
        self.by_version.insert(write.version, (write.scope, key.clone()));
        self.live = self.live + usize::from(is) - usize::from(was);
        if !is {
            self.graves.push_back((forget_at, write.version));
            // A key deleted again and again leaves graves behind that nothing lies in.
            if self.graves.len() > 2 * self.by_version.len() + 16 {
                self.graves.retain(|(_, version)| self.by_version.contains_key(version));
            }
        }
        self.revision += 1;
        Outcome::Stored { key, visible: was || is }
    }

    /// When the next deletion is forgotten.
    pub(crate) fn next_grave(&self) -> Option<Instant> {
        self.graves.front().map(|(at, _)| *at)
    }

    /// Forgets deletions whose time is over.
    pub(crate) fn forget(&mut self, now: Instant) {
        while let Some((_, version)) = self.graves.front().copied().filter(|(at, _)| *at <= now) {
            self.graves.pop_front();
            if let Some((scope, key)) = self.by_version.remove(&version) {
                if let Some(space) = self.spaces.get_mut(&scope) {
                    space.remove(&key);
                }
                self.revision += 1;
            }
        }
    }

    /// Keys of a scope from `key` on, deleted ones included, ascending.
    pub(crate) fn from(&self, scope: Scope, key: &[u8]) -> impl Iterator<Item = (&Arc<[u8]>, &Slot)> + use<'_> {
        let range = (Bound::Included(key), Bound::Unbounded);
        self.spaces.get(&scope).map(|space| space.range::<[u8], _>(range)).into_iter().flatten()
    }

    /// All keys, deleted ones included, by scope and key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Scope, &Arc<[u8]>, &Slot)> {
        self.spaces.iter().flat_map(|(scope, space)| space.iter().map(|(key, slot)| (*scope, key, slot)))
    }

    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// All keys, deleted ones included.
    pub(crate) fn len(&self) -> usize {
        self.by_version.len()
    }

    pub(crate) fn deleted(&self) -> usize {
        self.by_version.len() - self.live
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }
}

fn is_later(write: &Write<'_>, version: Version, stamp: u64) -> bool {
    match write.scope {
        Scope::Shared => (write.stamp, write.version) > (stamp, version),
        Scope::Own(_) => write.version > version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::NodeId;

    fn write(node: &str, counter: u64, stamp: u64, value: Option<&'static [u8]>) -> Write<'static> {
        let version = Version::new(Identity::new(NodeId::from_name(node), 1), counter);
        Write { scope: Scope::Shared, key: b"k", version, stamp, value }
    }

    fn put(store: &mut Store, write: &Write<'_>) -> Outcome {
        store.put(write, 100, Instant::from_micros(50))
    }

    #[test]
    fn the_later_stamp_wins_in_any_order() {
        let (early, late) = (write("a", 1, 10, Some(b"1")), write("b", 1, 20, Some(b"2")));
        for order in [[&early, &late], [&late, &early]] {
            let mut store = Store::default();
            order.into_iter().for_each(|write| assert!(put(&mut store, write) != Outcome::Full));
            assert_eq!(store.get(Scope::Shared, b"k").unwrap().version, late.version);
            assert_eq!((store.live(), store.find(&early.version).is_none()), (1, true));
        }
    }

    #[test]
    fn equal_stamps_are_ordered_by_version() {
        let (a, b) = (write("a", 1, 10, Some(b"1")), write("b", 1, 10, Some(b"2")));
        let winner = a.version.max(b.version);
        for order in [[&a, &b], [&b, &a]] {
            let mut store = Store::default();
            order.into_iter().for_each(|write| assert!(put(&mut store, write) != Outcome::Full));
            assert_eq!(store.get(Scope::Shared, b"k").unwrap().version, winner);
        }
    }

    #[test]
    fn a_deletion_counts_as_a_write_until_it_is_forgotten() {
        let mut store = Store::default();
        put(&mut store, &write("a", 1, 10, Some(b"1")));
        let deletion = write("a", 2, 20, None);
        assert!(matches!(put(&mut store, &deletion), Outcome::Stored { visible: true, .. }));
        assert_eq!((store.live(), store.deleted()), (0, 1));
        assert_eq!(put(&mut store, &write("b", 1, 15, Some(b"3"))), Outcome::Superseded);
        store.forget(Instant::from_micros(49));
        assert_eq!(store.deleted(), 1);
        store.forget(Instant::from_micros(50));
        assert_eq!((store.deleted(), store.next_grave()), (0, None));
    }

    #[test]
    fn a_version_that_names_one_key_names_no_other() {
        let mut store = Store::default();
        let first = write("a", 1, 10, Some(b"1"));
        put(&mut store, &first);
        assert_eq!(put(&mut store, &Write { key: b"other", stamp: 20, ..first }), Outcome::Superseded);
        assert_eq!((store.len(), store.live(), store.deleted()), (1, 1, 0));
    }

    #[test]
    fn a_full_map_takes_no_new_key_but_new_values() {
        let mut store = Store::default();
        let first = write("a", 1, 10, Some(b"1"));
        store.put(&first, 1, Instant::ZERO);
        let second = write("a", 2, 11, Some(b"2"));
        assert_eq!(store.put(&Write { key: b"other", ..second }, 1, Instant::ZERO), Outcome::Full);
        assert!(matches!(store.put(&second, 1, Instant::ZERO), Outcome::Stored { .. }));
    }
}
