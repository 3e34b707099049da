//! The items, each at a number of its own for as long as it is there.

use alloc::vec::Vec;
use core::num::NonZeroU64;

use crate::cell::Cell;
use crate::item::KeyHash;

/// Where an item of an [`Index`](crate::Index) is, from its insertion to its removal: what else is known of it may be
/// kept in a `Vec` at the same number. The numbers of removed items are given to new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub(crate) u32);

impl Slot {
    /// As an index: below the highest number of items that there ever were.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// As a number that takes less room.
    pub fn to_u32(self) -> u32 {
        self.0
    }

    /// From [`Self::to_u32`].
    pub fn from_u32(number: u32) -> Self {
        Self(number)
    }
}

/// A key and what is summed up of it.
#[derive(Clone, Debug)]
pub(crate) struct Item<K> {
    pub(crate) key: K,
    /// Its hash. That it is never zero saves eight bytes an item.
    pub(crate) version: NonZeroU64,
    pub(crate) hash: KeyHash,
    /// The leaf of the tree that it is in.
    pub(crate) leaf: u32,
}

impl<K> Item<K> {
    pub(crate) fn cell(&self) -> Cell {
        Cell::of(self.hash, self.version.get())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Slab<K> {
    items: Vec<Option<Item<K>>>,
    free: Vec<u32>,
}

impl<K> Slab<K> {
    pub(crate) fn new() -> Self {
        Self { items: Vec::new(), free: Vec::new() }
    }

    /// None if there are as many as a slot can number.
    pub(crate) fn insert(&mut self, item: Item<K>) -> Option<Slot> {
        if let Some(slot) = self.free.pop() {
            self.items[slot as usize] = Some(item);
            return Some(Slot(slot));
        }
        let slot = u32::try_from(self.items.len()).ok().filter(|slot| *slot < u32::MAX)?;
        self.items.push(Some(item));
        Some(Slot(slot))
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Item<K>> {
        let item = self.items.get_mut(slot.index())?.take()?;
        self.free.push(slot.0);
        Some(item)
    }

    /// The item that tree and table say is there.
    pub(crate) fn at(&self, slot: Slot) -> &Item<K> {
        self.items[slot.index()].as_ref().expect("what the index refers to is there")
    }

    pub(crate) fn at_mut(&mut self, slot: Slot) -> &mut Item<K> {
        self.items[slot.index()].as_mut().expect("what the index refers to is there")
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Item<K>> {
        self.items.get(slot.index())?.as_ref()
    }
}
