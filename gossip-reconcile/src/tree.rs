//! The order of the keys: a B+-tree whose nodes know how many items are below them and what these sum up to, so that
//! rank and fingerprint of any range take one descent for each end (as in "Range-Based Set Reconciliation", Meyer, SRDS
//! 2023, section 4). A leaf refers to items by their slots, a node to its parent: a new version of a key touches four
//! nodes of a tree of a million, and compares no keys.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::cell::Cell;
use crate::slab::{Slab, Slot};
use crate::sum::Sum;

/// A node is split when it has more entries.
const MOST: usize = 64;
/// A node with fewer is joined with a neighbour, if the two have no more than three quarters of `MOST`.
const FEW: usize = 24;

const NONE: u32 = u32::MAX;

/// An entry of a node: the first item below it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The first eight bytes of its key, which decide most comparisons.
    prefix: u64,
    slot: Slot,
    /// The node below; none in a leaf.
    child: u32,
}

/// What changes of a node with each version: all of them together fit a cache.
#[derive(Clone, Copy, Debug)]
struct Total {
    sum: Sum,
    parent: u32,
}

#[derive(Clone, Debug)]
struct Node {
    entries: Vec<Entry>,
    is_leaf: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    totals: Vec<Total>,
    free: Vec<u32>,
    root: u32,
}

fn prefix(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let len = key.len().min(8);
    bytes[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(bytes)
}

impl Tree {
    pub(crate) fn new() -> Self {
        let mut tree = Self { nodes: Vec::new(), totals: Vec::new(), free: Vec::new(), root: 0 };
        tree.root = tree.add_node(Vec::new(), true);
        tree
    }

    /// Puts an item, which is in the slab and not in the tree, into its place.
    pub(crate) fn insert<K: AsRef<[u8]>>(&mut self, slab: &mut Slab<K>, slot: Slot) {
        let key = slab.at(slot).key.as_ref();
        let mut node = self.root;
        while !self.node(node).is_leaf {
            node = self.node(node).entries[self.child_of(slab, node, key)].child;
        }
        let at = self.lower_bound(slab, node, key);
        let entry = Entry { prefix: prefix(key), slot, child: NONE };
        let item = slab.at_mut(slot);
        item.leaf = node;
        let cell = item.cell();
        self.change(node, |sum| sum.add(Sum { items: 1, cell }));
        self.insert_entry(slab, node, at, entry);
    }

    /// Takes an item out that is in the slab still.
    pub(crate) fn remove<K: AsRef<[u8]>>(&mut self, slab: &mut Slab<K>, slot: Slot) {
        let item = slab.at(slot);
        let leaf = item.leaf;
        let at = self.lower_bound(slab, leaf, item.key.as_ref());
        let taken = Sum { items: 1, cell: item.cell() };
        self.change(leaf, |sum| *sum = sum.minus(taken));
        self.remove_entry(slab, leaf, at);
    }

    /// An item's version changed.
    pub(crate) fn change_version(&mut self, leaf: u32, change: Cell) {
        self.change(leaf, |sum| sum.cell.add(change));
    }

    pub(crate) fn sum(&self) -> Sum {
        self.total(self.root).sum
    }

    /// What the items before `bound` sum up to.
    pub(crate) fn before<K: AsRef<[u8]>>(&self, slab: &Slab<K>, bound: &[u8]) -> Sum {
        let (mut node, mut sum) = (self.root, Sum::default());
        loop {
            let entries = &self.node(node).entries;
            if self.node(node).is_leaf {
                for entry in &entries[..self.lower_bound(slab, node, bound)] {
                    sum.add(Sum { items: 1, cell: slab.at(entry.slot).cell() });
                }
                return sum;
            }
            let at = self.child_of(slab, node, bound);
            entries[..at].iter().for_each(|entry| sum.add(self.total(entry.child).sum));
            node = entries[at].child;
        }
    }

    /// The items from the `rank`th on, ascending.
    pub(crate) fn at_rank(&self, mut rank: u32) -> impl Iterator<Item = Slot> + '_ {
        core::iter::from_fn(move || {
            let found = self.leaf_at(rank)?;
            rank += found.len() as u32;
            Some(found)
        })
        .flatten()
        .map(|entry| entry.slot)
    }

    /// What is left of a leaf from the `rank`th item on.
    fn leaf_at(&self, mut rank: u32) -> Option<&[Entry]> {
        let mut node = self.root;
        if rank >= self.sum().items {
            return None;
        }
        while !self.node(node).is_leaf {
            node = self.node(node).entries.iter().map(|entry| entry.child).find(|child| {
                let items = self.total(*child).sum.items;
                let here = rank < items;
                rank -= if here { 0 } else { items };
                here
            })?;
        }
        self.node(node).entries.get(rank as usize..)
    }

    fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    fn node_mut(&mut self, node: u32) -> &mut Node {
        &mut self.nodes[node as usize]
    }

    fn total(&self, node: u32) -> &Total {
        &self.totals[node as usize]
    }

    fn total_mut(&mut self, node: u32) -> &mut Total {
        &mut self.totals[node as usize]
    }

    /// Changes the sums of a node and all above.
    fn change(&mut self, mut node: u32, change: impl Fn(&mut Sum)) {
        while node != NONE {
            let Total { sum, parent } = self.total_mut(node);
            change(sum);
            node = *parent;
        }
    }

    /// The first entry of a node whose key is not before `key`.
    fn lower_bound<K: AsRef<[u8]>>(&self, slab: &Slab<K>, node: u32, key: &[u8]) -> usize {
        self.node(node).entries.partition_point(|entry| compare(slab, entry, key) == Ordering::Less)
    }

    /// The entry of an inner node below which `key` is or would be.
    fn child_of<K: AsRef<[u8]>>(&self, slab: &Slab<K>, node: u32, key: &[u8]) -> usize {
        let after = self.node(node).entries.partition_point(|entry| compare(slab, entry, key) != Ordering::Greater);
        after.saturating_sub(1)
    }

    fn insert_entry<K: AsRef<[u8]>>(&mut self, slab: &mut Slab<K>, node: u32, at: usize, entry: Entry) {
        self.node_mut(node).entries.insert(at, entry);
        if at == 0 {
            self.first_changed(node);
        }
        if self.node(node).entries.len() > MOST {
            // Keys that come in ascending order leave full nodes behind.
            let keep = if at == MOST { MOST } else { MOST / 2 };
            self.split(slab, node, keep);
        }
    }

    fn split<K: AsRef<[u8]>>(&mut self, slab: &mut Slab<K>, node: u32, keep: usize) {
        let Node { entries, is_leaf } = self.node_mut(node);
        let (mut moved, is_leaf) = (Vec::with_capacity(MOST + 1), *is_leaf);
        moved.extend(entries.drain(keep..));
        let new = self.add_node(moved, is_leaf);
        self.adopt(slab, new);
        self.resum(slab, node);
        self.resum(slab, new);
        let entry = |tree: &Self, child: u32| Entry { child, ..tree.node(child).entries[0] };
        let parent = self.total(node).parent;
        if parent == NONE {
            let mut entries = Vec::with_capacity(MOST + 1);
            entries.extend([entry(self, node), entry(self, new)]);
            self.root = self.add_node(entries, false);
            self.adopt(slab, self.root);
            self.resum(slab, self.root);
        } else {
            self.total_mut(new).parent = parent;
            let at = self.place_of(node) + 1;
            let entry = entry(self, new);
            self.insert_entry(slab, parent, at, entry);
        }
    }

    fn remove_entry<K: AsRef<[u8]>>(&mut self, slab: &mut Slab<K>, node: u32, at: usize) {
        self.node_mut(node).entries.remove(at);
        let (parent, len) = (self.total(node).parent, self.node(node).entries.len());
        if parent == NONE {
            if len < 2 && !self.node(node).is_leaf {
                // An only child becomes the root; without one, the root is a leaf again.
                let child = self.node(node).entries.first().map(|entry| entry.child);
                self.node_mut(node).is_leaf = true;
                if let Some(child) = child {
                    self.root = child;
                    self.total_mut(child).parent = NONE;
                    self.drop_node(node);
                }
            }
            return;
        }
        if len == 0 {
            let place = self.place_of(node);
            self.drop_node(node);
            self.remove_entry(slab, parent, place);
            return;
        }
        if at == 0 {
            self.first_changed(node);
        }
        if len < FEW {
            self.join_neighbour(slab, node);
        }
    }

    /// Moves the entries of a node's right neighbour into it, or its own into its left one.
    fn join_neighbour<K: AsRef<[u8]>>(&mut self, slab: &mut Slab<K>, node: u32) {
        let (parent, place) = (self.total(node).parent, self.place_of(node));
        let siblings = &self.node(parent).entries;
        let left = if place + 1 < siblings.len() { place } else { place.saturating_sub(1) };
        let Some([left, right]) = siblings.get(left..left + 2).map(|two| [two[0].child, two[1].child]) else { return };
        if self.node(left).entries.len() + self.node(right).entries.len() > MOST * 3 / 4 {
            return;
        }
        let (moved, sum) = (core::mem::take(&mut self.node_mut(right).entries), self.total(right).sum);
        self.node_mut(left).entries.extend(moved);
        self.total_mut(left).sum.add(sum);
        self.adopt(slab, left);
        let place = self.place_of(right);
        self.drop_node(right);
        self.remove_entry(slab, parent, place);
    }

    /// What is below a node is told where it is.
    fn adopt<K>(&mut self, slab: &mut Slab<K>, node: u32) {
        for at in 0..self.node(node).entries.len() {
            let Entry { slot, child, .. } = self.node(node).entries[at];
            if child == NONE {
                slab.at_mut(slot).leaf = node;
            } else {
                self.total_mut(child).parent = node;
            }
        }
    }

    fn resum<K>(&mut self, slab: &Slab<K>, node: u32) {
        let mut sum = Sum::default();
        for entry in &self.node(node).entries {
            sum.add(match entry.child {
                NONE => Sum { items: 1, cell: slab.at(entry.slot).cell() },
                child => self.total(child).sum,
            });
        }
        self.total_mut(node).sum = sum;
    }

    /// The entries of a node's ancestors name its first item.
    fn first_changed(&mut self, mut node: u32) {
        let first = self.node(node).entries[0];
        while self.total(node).parent != NONE {
            let (parent, place) = (self.total(node).parent, self.place_of(node));
            self.node_mut(parent).entries[place] = Entry { child: node, ..first };
            if place > 0 {
                return;
            }
            node = parent;
        }
    }

    fn place_of(&self, node: u32) -> usize {
        let parent = self.node(self.total(node).parent);
        parent.entries.iter().position(|entry| entry.child == node).expect("a parent has its children")
    }

    fn add_node(&mut self, entries: Vec<Entry>, is_leaf: bool) -> u32 {
        let (node, total) = (Node { entries, is_leaf }, Total { sum: Sum::default(), parent: NONE });
        if let Some(free) = self.free.pop() {
            (*self.node_mut(free), *self.total_mut(free)) = (node, total);
            return free;
        }
        self.nodes.push(node);
        self.totals.push(total);
        // There are fewer nodes than slots.
        (self.nodes.len() - 1) as u32
    }

    fn drop_node(&mut self, node: u32) {
        self.node_mut(node).entries = Vec::new();
        self.free.push(node);
    }
}

fn compare<K: AsRef<[u8]>>(slab: &Slab<K>, entry: &Entry, key: &[u8]) -> Ordering {
    entry.prefix.cmp(&prefix(key)).then_with(|| slab.at(entry.slot).key.as_ref().cmp(key))
}
