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
        bits.insert_range(0..len);
        bits
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

    /// Inserts all of a range, as far as it can be.
    pub(super) fn insert_range(&mut self, range: core::ops::Range<u32>) {
        let (mut at, end) = (range.start, range.end.min(self.len));
        while at < end {
            let (word, low) = ((at / 64) as usize, at % 64);
            let count = (64 - low).min(end - at);
            let mask = u64::MAX >> (64 - count) << low;
            self.ones += (mask & !self.words[word]).count_ones();
            self.words[word] |= mask;
            at += count;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_each_of_its_parts() {
        for (first, end) in [(0, 0), (0, 1), (3, 64), (63, 65), (64, 128), (1, 199), (150, 500)] {
            let (mut range, mut each) = (Bits::new(200), Bits::new(200));
            range.insert(70);
            each.insert(70);
            range.insert_range(first..end);
            (first..end).for_each(|at| _ = each.insert(at));
            assert_eq!((range.words(), range.ones), (each.words(), each.ones), "{first}..{end}");
        }
    }
}
