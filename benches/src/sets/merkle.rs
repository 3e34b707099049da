//! A textbook Merkle tree: sixteen ways by the next four bits of the key, leaves of at most sixteen items, hashes of
//! eight bytes, compared level by level. What is asked for is named by a bit for each child.

use std::hash::{DefaultHasher, Hasher as _};

use super::{Cost, Key, Set};

const HASH: usize = 8;
const LEAF: usize = 16;
const FAN: usize = 16;

/// The items with the hashes of key and version, and running hashes of them.
#[derive(Debug)]
pub struct Merkle {
    items: Vec<(Key, u64)>,
    before: Vec<u64>,
}

/// A hash of a key with its version.
pub fn hash(key: &Key, version: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key);
    hasher.write_u64(version);
    hasher.finish()
}

impl Merkle {
    /// The tree of a set. For the bytes it makes no difference that sums stand for hashes of hashes.
    pub fn new(set: &Set) -> Self {
        let items: Vec<(Key, u64)> = set.iter().map(|(key, version)| (*key, hash(key, *version))).collect();
        let mut before = vec![0_u64];
        for (_, hash) in &items {
            before.push(before[before.len() - 1].wrapping_add(*hash));
        }
        Self { items, before }
    }

    /// The items whose keys begin with so many fourths of bytes of `key`.
    fn node(&self, key: u128, nibbles: usize) -> std::ops::Range<usize> {
        let rest = u128::MAX.checked_shr(4 * nibbles as u32).unwrap_or(0);
        let find = |bound: u128| self.items.partition_point(|(key, _)| u128::from_be_bytes(*key) < bound);
        let last = key | rest;
        find(key)..last.checked_add(1).map_or(self.items.len(), find)
    }

    fn sum(&self, range: &std::ops::Range<usize>) -> u64 {
        self.before[range.end].wrapping_sub(self.before[range.start])
    }
}

/// Compares two trees: what it takes, and in how many places hashes of items were exchanged.
pub fn compare(a: &Merkle, b: &Merkle) -> Cost {
    let mut cost = Cost { bytes: HASH, asked: 0, wants: 0, messages: 1 };
    let mut level = vec![(0_u128, 0)];
    level.retain(|(key, nibbles)| a.sum(&a.node(*key, *nibbles)) != b.sum(&b.node(*key, *nibbles)));
    while !level.is_empty() {
        cost.messages += 1;
        let mut next = Vec::new();
        for (key, nibbles) in level {
            let (ours, theirs) = (a.node(key, nibbles), b.node(key, nibbles));
            if theirs.len() <= LEAF {
                cost.bytes += theirs.len() * HASH;
                let unknown = b.items[theirs].iter().filter(|item| !a.items[ours.clone()].contains(item));
                cost.wants += unknown.count() * HASH;
                continue;
            }
            cost.bytes += FAN * HASH + FAN / 8;
            cost.asked += FAN / 8;
            for child in 0..FAN as u128 {
                let child = key | child << (124 - 4 * nibbles);
                if a.sum(&a.node(child, nibbles + 1)) != b.sum(&b.node(child, nibbles + 1)) {
                    next.push((child, nibbles + 1));
                }
            }
        }
        level = next;
    }
    cost
}
