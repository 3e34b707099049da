//! Two replicas of a set of versioned keys, and what it costs to find out what they differ in: bytes both ways until the
//! asking side knows every key that differs, and what it then says to get its part.

pub mod merkle;
pub mod ours;
#[cfg(feature = "peers")]
pub mod peers;

use std::collections::BTreeMap;

use crate::mix;

/// A key: 16 bytes without pattern.
pub type Key = [u8; 16];
/// Keys with versions.
pub type Set = BTreeMap<Key, u64>;

/// Which keys differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Any.
    Scattered,
    /// Neighbours in the order of the keys.
    Clustered,
}

/// What one comparison took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Until the difference is known at one side, both ways.
    pub bytes: usize,
    /// Of that, what the asking side sent.
    pub asked: usize,
    /// To name to the other side what it is to send.
    pub wants: usize,
    /// One-way messages until the difference is known.
    pub messages: usize,
}

impl Cost {
    /// All bytes.
    pub fn total(&self) -> usize {
        self.bytes + self.wants
    }
}

/// `n` keys on both sides, of which `differ` have another version: half are newer on the one side, half on the other.
pub fn pair(seed: u64, n: usize, differ: usize, layout: Layout) -> [Set; 2] {
    let key = |at: usize| {
        let word = |half: u64| mix(seed.wrapping_mul(0x1_0000_0001) ^ (2 * at as u64 + half));
        (u128::from(word(0)) << 64 | u128::from(word(1))).to_be_bytes()
    };
    let mut sides = [(); 2].map(|()| (0..n).map(|at| (key(at), 1)).collect::<Set>());
    let keys: Vec<Key> = match layout {
        Layout::Scattered => (0..differ).map(key).collect(),
        Layout::Clustered => {
            let first = (mix(seed) % (n - differ + 1) as u64) as usize;
            sides[0].keys().skip(first).take(differ).copied().collect()
        }
    };
    for (at, key) in keys.into_iter().enumerate() {
        sides[at % 2].insert(key, 2);
    }
    sides
}

/// How many keys differ.
pub fn differing([a, b]: &[Set; 2]) -> usize {
    a.iter().filter(|(key, version)| b.get(*key) != Some(*version)).count()
}
