//! The order of the keys where they are few: one line of slots, walked along for each sum.

use alloc::vec::Vec;

use crate::cell::Cell;
use crate::slab::{Slab, Slot};
use crate::sum::Sum;

#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// By key, ascending.
    slots: Vec<Slot>,
    sum: Sum,
}

impl Tree {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), sum: Sum::default() }
    }

    /// An item that is in the slab already, and whose key is in no other.
    pub(crate) fn insert<K: AsRef<[u8]>>(&mut self, slab: &mut Slab<K>, slot: Slot) {
        let item = slab.at(slot);
        self.sum.add(Sum { items: 1, cell: item.cell() });
        let at = self.lower_bound(slab, item.key.as_ref());
        self.slots.insert(at, slot);
    }

    /// An item that is still in the slab.
    pub(crate) fn remove<K: AsRef<[u8]>>(&mut self, slab: &mut Slab<K>, slot: Slot) {
        self.sum = self.sum.minus(Sum { items: 1, cell: slab.at(slot).cell() });
        self.slots.retain(|other| *other != slot);
    }

    /// An item has another version.
    pub(crate) fn change_version(&mut self, _: u32, change: Cell) {
        self.sum.cell.add(change);
    }

    /// Of all.
    pub(crate) fn sum(&self) -> Sum {
        self.sum
    }

    /// Of the items whose key is lower.
    pub(crate) fn before<K: AsRef<[u8]>>(&self, slab: &Slab<K>, bound: &[u8]) -> Sum {
        let mut sum = Sum::default();
        for slot in &self.slots[..self.lower_bound(slab, bound)] {
            sum.add(Sum { items: 1, cell: slab.at(*slot).cell() });
        }
        sum
    }

    /// From the one on before which there are so many, ascending.
    pub(crate) fn at_rank(&self, rank: u32) -> impl Iterator<Item = Slot> + '_ {
        self.slots.iter().skip(rank as usize).copied()
    }

    fn lower_bound<K: AsRef<[u8]>>(&self, slab: &Slab<K>, key: &[u8]) -> usize {
        self.slots.partition_point(|slot| slab.at(*slot).key.as_ref() < key)
    }
}
