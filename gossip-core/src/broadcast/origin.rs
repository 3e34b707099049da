//! Which messages of an origin were received: all up to a floor, and a window of bits above it.

use crate::time::Instant;

/// How many sequence numbers the window spans. An origin that is further ahead leaves the oldest gaps behind.
const WINDOW: u64 = 1024;
const WORDS: usize = (WINDOW / 64) as usize;

/// What was received of one life of an origin.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) generation: u64,
    /// Everything up to here was received or given up.
    floor: u64,
    /// Bit i: `floor + 1 + i` was received.
    window: [u64; WORDS],
    /// When something of it was received last.
    pub(crate) heard: Instant,
    /// When something of it was asked for last.
    pub(crate) asked: Option<Instant>,
    /// The lowest number that may still be in the history.
    pub(crate) first_held: u64,
    /// The highest number that is old enough to be announced.
    pub(crate) last_aged: u64,
    /// How many of its messages are in the history.
    pub(crate) held: usize,
}

impl Origin {
    pub(crate) fn new(generation: u64, now: Instant) -> Self {
        Self {
            generation,
            floor: 0,
            window: [0; WORDS],
            heard: now,
            asked: None,
            first_held: u64::MAX,
            last_aged: 0,
            held: 0,
        }
    }

    pub(crate) fn contains(&self, sequence: u64) -> bool {
        if sequence <= self.floor {
            return true;
        }
        let bit = sequence - self.floor - 1;
        bit < WINDOW && self.window[(bit / 64) as usize] >> (bit % 64) & 1 == 1
    }

    /// Notes a number; how many older ones were given up to make room for it. The number must not be contained.
    pub(crate) fn insert(&mut self, sequence: u64) -> u64 {
        let mut given_up = 0;
        // `floor + WINDOW` is the last number of the window.
        let over = sequence.saturating_sub(self.floor.saturating_add(WINDOW));
        if over > 0 {
            let received: u32 = if over >= WINDOW {
                self.window.iter().map(|word| word.count_ones()).sum()
            } else {
                (0..over).map(|bit| (self.window[(bit / 64) as usize] >> (bit % 64) & 1) as u32).sum()
            };
            given_up = over - u64::from(received);
            self.advance(over);
        }
        let bit = sequence - self.floor - 1;
        self.window[(bit / 64) as usize] |= 1 << (bit % 64);
        let settled = self.settled();
        self.advance(settled);
        given_up
    }

    /// The numbers from `first` to `last` that were not received and still can be, ascending.
    pub(crate) fn missing(&self, first: u64, last: u64) -> impl Iterator<Item = u64> + '_ {
        let first = first.max(self.floor.saturating_add(1));
        (first..=last.min(first.saturating_add(WINDOW - 1))).filter(|sequence| !self.contains(*sequence))
    }

    /// How many bits at the front of the window are set.
    fn settled(&self) -> u64 {
        let full = self.window.iter().take_while(|word| **word == u64::MAX).count();
        let rest = self.window.get(full).map_or(0, |word| word.trailing_ones());
        full as u64 * 64 + u64::from(rest)
    }

    /// Moves the window on by `by` numbers.
    fn advance(&mut self, by: u64) {
        self.floor = self.floor.saturating_add(by);
        if by >= WINDOW {
            self.window = [0; WORDS];
            return;
        }
        let (words, bits) = ((by / 64) as usize, by % 64);
        for at in 0..WORDS {
            let low = self.window.get(at + words).copied().unwrap_or(0);
            let high = self.window.get(at + words + 1).copied().unwrap_or(0);
            self.window[at] = if bits == 0 { low } else { low >> bits | high << (64 - bits) };
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
            let (mut origin, mut model, mut top) = (Origin::new(1, Instant::ZERO), BTreeSet::new(), 0_u64);
            for _ in 0..100 {
                let sequence = (top + rng.below(40) as u64).saturating_sub(15) + 1;
                top = top.max(sequence);
                assert_eq!(origin.contains(sequence), model.contains(&sequence), "seed {seed}, {sequence}");
                if !origin.contains(sequence) {
                    assert_eq!(origin.insert(sequence), 0, "seed {seed}, {sequence}");
                    model.insert(sequence);
                }
            }
            let first = top.saturating_sub(100).max(1);
            let expected: Vec<u64> = (first..=top).filter(|sequence| !model.contains(sequence)).collect();
            assert_eq!(origin.missing(first, top).collect::<Vec<_>>(), expected, "seed {seed}");
        }
    }

    use std::vec::Vec;

    #[test]
    fn a_jump_gives_up_what_falls_out_of_the_window() {
        let mut origin = Origin::new(1, Instant::ZERO);
        origin.insert(2);
        assert_eq!(origin.insert(WINDOW + 3), 2, "1 and 3 were never received");
        assert!(origin.contains(1) && origin.contains(2) && origin.contains(3) && !origin.contains(4));
    }

    #[test]
    fn an_origin_that_has_sent_all_numbers_there_are_is_silent() {
        let mut origin = Origin::new(1, Instant::ZERO);
        (u64::MAX - WINDOW + 1..=u64::MAX).for_each(|sequence| _ = origin.insert(sequence));
        assert!(origin.contains(u64::MAX) && origin.contains(1));
        assert_eq!(origin.missing(1, u64::MAX).count(), 0);
    }

    #[test]
    fn the_highest_number_does_not_overflow() {
        let mut origin = Origin::new(1, Instant::ZERO);
        origin.insert(u64::MAX);
        assert!(origin.contains(u64::MAX));
        assert_eq!(origin.missing(u64::MAX, u64::MAX).count(), 0);
        assert_eq!(origin.missing(1, u64::MAX).count() as u64, WINDOW - 1);
    }
}
