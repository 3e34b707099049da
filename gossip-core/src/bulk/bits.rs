//! A set of the parts of a body.

use alloc::vec;
use alloc::vec::Vec;

#[derive(Clone, Debug)]
pub(super) struct Bits {
    words: Vec<u64>,
    len: u32,
    ones: u32,
}

impl Bits {
    pub(super) fn new(len: u32) -> Self {
        Self { words: vec![0; len.div_ceil(64) as usize], len, ones: 0 }
    }

    pub(super) fn full(len: u32) -> Self {
        let mut bits = Self::new(len);
        bits.fill();
        bits
    }

    pub(super) fn fill(&mut self) {
        (0..self.len).for_each(|at| _ = self.insert(at));
    }

    pub(super) fn clear(&mut self) {
        self.words.fill(0);
        self.ones = 0;
    }

    pub(super) fn contains(&self, at: u32) -> bool {
        at < self.len && self.words[(at / 64) as usize] >> (at % 64) & 1 == 1
    }

    /// Whether it was not in it, and can be.
    pub(super) fn insert(&mut self, at: u32) -> bool {
        let new = at < self.len && !self.contains(at);
        if new {
            self.words[(at / 64) as usize] |= 1 << (at % 64);
            self.ones += 1;
        }
        new
    }

    pub(super) fn remove(&mut self, at: u32) {
        if self.contains(at) {
            self.words[(at / 64) as usize] &= !(1 << (at % 64));
            self.ones -= 1;
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.ones == self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ones == 0
    }

    /// Its bits by 64.
    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Its bits by bytes, without those that no part has.
    pub(super) fn bytes(&self, first: u32) -> impl Iterator<Item = u8> {
        let bytes = self.words.iter().flat_map(|word| word.to_le_bytes());
        bytes.take(self.len.div_ceil(8) as usize).skip((first / 8) as usize)
    }
}
