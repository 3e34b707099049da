//! The one type to meet first: a set of keys with versions, and sums over it that are always up to date.

use core::num::NonZeroU64;

use gossip_collections::HashTable;

use crate::cell::Cell;
use crate::item::{HashKey, KeyHash, tag};
use crate::range::KeyRange;
#[cfg(feature = "fast")]
use crate::sketch::Sketch;
use crate::slab::{Item, Slab, Slot};
use crate::strata::Strata;
use crate::sum::Sum;
use crate::tree::Tree;

/// A set of keys, each with a version, that can be compared with another one by messages.
///
/// Keys are bytes; so are versions, whatever tells one state of a key from another: a counter, a dot, a hash of the
/// value. Only their hashes are kept. Two indices are equal if they have the same keys with the same versions; both
/// must be made with the same [`HashKey`].
///
/// It can be the directory of a map: it finds, orders and numbers the keys, and what belongs to a key is kept in a `Vec`
/// at its [`Slot`].
///
/// A write takes O(log n) time, a new version of a known key compares no other keys. An item takes 16 bytes besides its
/// key, and some 30 in the tree and the table of hashes.
#[derive(Clone, Debug)]
pub struct Index<K> {
    hashes: HashKey,
    slab: Slab<K>,
    /// The slots by the hashes of their keys.
    table: HashTable<Slot>,
    tree: Tree,
    #[cfg(feature = "fast")]
    sketch: Sketch,
    #[cfg(feature = "fast")]
    strata: Strata,
}

impl<K: AsRef<[u8]>> Index<K> {
    /// How many cells are kept unless it is said otherwise: enough for some 1 400 keys that differ, 32 KiB.
    pub const DEFAULT_CELLS: usize = 2048;

    /// An empty set that keeps [`Self::DEFAULT_CELLS`] cells.
    pub fn new(hashes: HashKey) -> Self {
        Self::with_cells(hashes, Self::DEFAULT_CELLS)
    }

    /// An empty set that keeps so many cells, of 16 bytes each, once it has a key: from 1 up to 65 536. Some two of three are the keys
    /// that may differ until ranges, which cost more bytes where differences are scattered, take their place.
    #[cfg_attr(not(feature = "fast"), expect(unused_variables, reason = "none are kept"))]
    pub fn with_cells(hashes: HashKey, cells: usize) -> Self {
        Self {
            hashes,
            slab: Slab::new(),
            table: HashTable::new(),
            tree: Tree::new(),
            #[cfg(feature = "fast")]
            sketch: Sketch::new(cells.clamp(1, 1 << 16)),
            #[cfg(feature = "fast")]
            strata: Strata::default(),
        }
    }

    /// Notes that a key is there with this version. The key's slot; none if there is no room, at 2^32 - 1 items.
    pub fn insert(&mut self, key: K, version: &[u8]) -> Option<Slot> {
        let hash = self.hashes.key(key.as_ref());
        let version = self.hashes.version(key.as_ref(), hash, version);
        if let Some(slot) = self.find(hash, key.as_ref()) {
            self.replace(slot, version);
            return Some(slot);
        }
        let slot = self.slab.insert(Item { key, version, hash, leaf: 0 })?;
        let Self { slab, table, .. } = self;
        table.insert_unique(hash.spread(), slot, |slot| slab.at(*slot).hash.spread());
        self.tree.insert(&mut self.slab, slot);
        #[cfg(feature = "fast")]
        self.sketch.add(hash, Cell::of(hash, version.get()));
        #[cfg(feature = "fast")]
        self.strata.toggle(hash, version.get());
        Some(slot)
    }

    /// Notes that the item there has another version; false if there is none.
    pub fn set_version(&mut self, slot: Slot, version: &[u8]) -> bool {
        let Some(item) = self.slab.get(slot) else { return false };
        let version = self.hashes.version(item.key.as_ref(), item.hash, version);
        self.replace(slot, version);
        true
    }

    /// Forgets a key. The slot that it had, if it was there.
    pub fn remove(&mut self, key: &[u8]) -> Option<Slot> {
        let slot = self.slot(key)?;
        self.tree.remove(&mut self.slab, slot);
        let item = self.slab.remove(slot)?;
        if let Ok(entry) = self.table.find_entry(item.hash.spread(), |found| *found == slot) {
            entry.remove();
        }
        #[cfg(feature = "fast")]
        self.sketch.add(item.hash, Cell::default().minus(item.cell()));
        #[cfg(feature = "fast")]
        self.strata.toggle(item.hash, item.version.get());
        Some(slot)
    }

    /// Where a key is.
    pub fn slot(&self, key: &[u8]) -> Option<Slot> {
        self.find(self.hashes.key(key), key)
    }

    /// The key of an item.
    pub fn key(&self, slot: Slot) -> Option<&K> {
        self.slab.get(slot).map(|item| &item.key)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The items of a range, in the order of their keys.
    pub fn range<'a>(&'a self, range: &KeyRange) -> impl Iterator<Item = Slot> + use<'a, K> {
        let (first, items) = self.ranks(range);
        self.tree.at_rank(first).take(items as usize)
    }

    /// The items whose keys have this hash: one or none, but for a collision.
    pub fn with_hash(&self, hash: KeyHash) -> impl Iterator<Item = Slot> + '_ {
        self.table.iter_hash(hash.spread()).copied().filter(move |slot| self.slab.at(*slot).hash == hash)
    }

    /// Equal if the sets are, unequal by chance of 2^-96: 12 bytes.
    pub fn fingerprint(&self) -> [u8; 12] {
        self.cell().to_bytes()
    }

    pub(crate) fn cell(&self) -> Cell {
        self.tree.sum().cell
    }

    #[cfg(feature = "fast")]
    pub(crate) fn sketch(&self) -> &Sketch {
        &self.sketch
    }

    #[cfg(feature = "fast")]
    pub(crate) fn strata(&self) -> Strata {
        self.strata
    }

    /// Made when they are asked for.
    #[cfg(not(feature = "fast"))]
    pub(crate) fn strata(&self) -> Strata {
        let mut strata = Strata::default();
        for item in self.at_rank(0).map(|slot| self.item(slot)) {
            strata.toggle(item.hash, item.version.get());
        }
        strata
    }

    pub(crate) fn item(&self, slot: Slot) -> &Item<K> {
        self.slab.at(slot)
    }

    pub(crate) fn tag(&self, slot: Slot, salt: u8) -> u32 {
        tag(self.slab.at(slot).version.get(), salt)
    }

    /// The rank of a range's first item and how many it has.
    pub(crate) fn ranks(&self, range: &KeyRange) -> (u32, u32) {
        let first = self.before(&range.low).items;
        (first, self.before_end(range).items.saturating_sub(first))
    }

    pub(crate) fn at_rank(&self, rank: u32) -> impl Iterator<Item = Slot> + '_ {
        self.tree.at_rank(rank)
    }

    pub(crate) fn before(&self, bound: &[u8]) -> Sum {
        self.tree.before(&self.slab, bound)
    }

    pub(crate) fn before_end(&self, range: &KeyRange) -> Sum {
        match &range.high {
            Some(high) => self.before(high),
            None => self.tree.sum(),
        }
    }

    fn find(&self, hash: KeyHash, key: &[u8]) -> Option<Slot> {
        self.table.find(hash.spread(), |slot| self.slab.at(*slot).key.as_ref() == key).copied()
    }

    fn replace(&mut self, slot: Slot, version: NonZeroU64) {
        let item = self.slab.at_mut(slot);
        let (hash, leaf, before) = (item.hash, item.leaf, core::mem::replace(&mut item.version, version));
        if before == version {
            return;
        }
        let change = Cell::of(hash, version.get()).minus(Cell::of(hash, before.get()));
        self.tree.change_version(leaf, change);
        #[cfg(feature = "fast")]
        self.sketch.add(hash, change);
        #[cfg(feature = "fast")]
        self.strata.toggle(hash, before.get());
        #[cfg(feature = "fast")]
        self.strata.toggle(hash, version.get());
    }
}
