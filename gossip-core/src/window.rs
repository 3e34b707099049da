//! Which numbers of an ascending series were seen: all up to a floor, and a window of bits above it.

use gossip_collections::SmallVec;

/// How many numbers a window spans at least.
pub(crate) const WINDOW: u64 = 1024;

/// What was seen of numbers from 1 on.
#[derive(Debug)]
pub(crate) struct Window {
    /// Everything up to here was seen or given up.
    floor: u64,
    /// How many numbers it spans. One further ahead leaves the oldest gaps behind.
    span: u64,
    /// Bit i: `floor + 1 + i` was seen. Only as long as it has to be.
    bits: SmallVec<[u64; 2]>,
}

impl Window {
    pub(crate) fn new(span: u64) -> Self {
        Self { floor: 0, span, bits: SmallVec::new() }
    }

    fn is_set(&self, bit: u64) -> bool {
        let word = usize::try_from(bit / 64).ok().and_then(|at| self.bits.get(at));
        word.is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        number <= self.floor || self.is_set(number - self.floor - 1)
    }

    /// Notes a number; how many older ones were given up to make room for it. The number must not be contained.
    pub(crate) fn insert(&mut self, number: u64) -> u64 {
        let mut given_up = 0;
        // `floor + span` is the last number of the window.
        let over = number.saturating_sub(self.floor.saturating_add(self.span));
        if over > 0 {
            let seen = (0..over.min(self.bits.len() as u64 * 64)).filter(|bit| self.is_set(*bit)).count();
            given_up = over - seen as u64;
            self.advance(over);
        }
        let bit = number - self.floor - 1;
        let word = (bit / 64) as usize;
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << (bit % 64);
        let settled = self.settled();
        self.advance(settled);
        given_up
    }

    /// Everything up to here was seen or given up.
    #[cfg_attr(not(feature = "broadcast"), allow(dead_code, reason = "broadcast alone tells of gaps"))]
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// Gives up what was not seen up to a number; how many were.
    #[cfg_attr(not(feature = "broadcast"), allow(dead_code, reason = "broadcast alone tells of gaps"))]
    pub(crate) fn give_up(&mut self, through: u64) -> u64 {
        let given_up = self.missing(self.floor.saturating_add(1), through).count() as u64;
        let on = through.saturating_sub(self.floor);
        self.advance(on);
        let settled = self.settled();
        self.advance(settled);
        given_up
    }

    /// The numbers from `first` to `last` that were not seen and still can be, ascending.
    #[cfg_attr(not(feature = "broadcast"), allow(dead_code, reason = "broadcast alone asks for what it missed"))]
    pub(crate) fn missing(&self, first: u64, last: u64) -> impl Iterator<Item = u64> + '_ {
        let first = first.max(self.floor.saturating_add(1));
        (first..=last.min(first.saturating_add(self.span - 1))).filter(|number| !self.contains(*number))
    }

    /// How many bits at the front of the window are set.
    fn settled(&self) -> u64 {
        let full = self.bits.iter().take_while(|word| **word == u64::MAX).count();
        let rest = self.bits.get(full).map_or(0, |word| word.trailing_ones());
        full as u64 * 64 + u64::from(rest)
    }

    /// Moves the window on by `by` numbers.
    fn advance(&mut self, by: u64) {
        self.floor = self.floor.saturating_add(by);
        let words = usize::try_from(by / 64).map_or(self.bits.len(), |words| words.min(self.bits.len()));
        self.bits.drain(..words);
        let bits = by % 64;
        if bits > 0 {
            for at in 0..self.bits.len() {
                let high = self.bits.get(at + 1).copied().unwrap_or(0);
                self.bits[at] = self.bits[at] >> bits | high << (64 - bits);
            }
        }
        while self.bits.last() == Some(&0) {
            self.bits.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::random::Rng;

    #[test]
    fn the_window_is_the_set_of_all_that_was_inserted_and_is_not_too_old() {
        for seed in 0..50 {
            let mut rng = Rng::new([seed; 32]);
            let (mut window, mut model, mut top) = (Window::new(WINDOW), BTreeSet::new(), 0_u64);
            for _ in 0..100 {
                let number = (top + rng.below(40) as u64).saturating_sub(15) + 1;
                top = top.max(number);
                assert_eq!(window.contains(number), model.contains(&number), "seed {seed}, {number}");
                if !window.contains(number) {
                    assert_eq!(window.insert(number), 0, "seed {seed}, {number}");
                    model.insert(number);
                }
            }
            let first = top.saturating_sub(100).max(1);
            let expected: Vec<u64> = (first..=top).filter(|number| !model.contains(number)).collect();
            assert_eq!(window.missing(first, top).collect::<Vec<_>>(), expected, "seed {seed}");
        }
    }

    use std::vec::Vec;

    #[test]
    fn a_jump_gives_up_what_falls_out_of_the_window() {
        let mut window = Window::new(WINDOW);
        window.insert(2);
        assert_eq!(window.insert(WINDOW + 3), 2, "1 and 3 were never received");
        assert!(window.contains(1) && window.contains(2) && window.contains(3) && !window.contains(4));
    }

    #[test]
    fn what_is_given_up_counts_as_seen_and_nothing_else_does() {
        let mut window = Window::new(WINDOW);
        [2, 3, 7, 9].into_iter().for_each(|number| _ = window.insert(number));
        assert_eq!(window.give_up(6), 4, "1, 4, 5 and 6");
        assert_eq!(window.floor(), 7);
        assert!(window.contains(6) && !window.contains(8) && window.contains(9));
        assert_eq!((window.give_up(3), window.floor()), (0, 7));
    }

    #[test]
    fn a_window_that_has_seen_all_numbers_there_are_misses_none() {
        let mut window = Window::new(WINDOW);
        (u64::MAX - WINDOW + 1..=u64::MAX).for_each(|number| _ = window.insert(number));
        assert!(window.contains(u64::MAX) && window.contains(1));
        assert_eq!(window.missing(1, u64::MAX).count(), 0);
    }

    #[test]
    fn the_highest_number_does_not_overflow() {
        let mut window = Window::new(WINDOW);
        window.insert(u64::MAX);
        assert!(window.contains(u64::MAX));
        assert_eq!(window.missing(u64::MAX, u64::MAX).count(), 0);
        assert_eq!(window.missing(1, u64::MAX).count() as u64, WINDOW - 1);
    }
}
