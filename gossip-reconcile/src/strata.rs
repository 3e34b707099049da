//! Roughly how many keys differ, from 14 bytes: strata of keys, each with half as many as the one before (Eppstein et
//! al., "What's the Difference?", SIGCOMM 2011, section 3.1), and of each stratum eight parities instead of an IBLT.
//!
//! A key whose version changed turns one parity with probability 1/2. Where many keys of a stratum differ, each of its
//! parities differs with probability 1/2 and says nothing; strata further on do. The estimate is the most likely
//! number: two of three are between 0.6 and 1.9 times the truth.

use crate::item::KeyHash;

/// Strata, and bytes: stratum i has 2^-(i+1) of all keys, the last as many as the one before.
pub(crate) const STRATA: usize = 14;

/// The parities of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strata(pub(crate) [u8; STRATA]);

impl Strata {
    /// A version of a key comes or goes.
    pub(crate) fn toggle(&mut self, key: KeyHash, version: u64) {
        let spread = key.spread();
        let stratum = (spread.trailing_zeros() as usize).min(STRATA - 1);
        let parity = (version & 1) as u8;
        self.0[stratum] ^= parity << (spread >> 61);
    }

    #[cfg(feature = "fast")]
    /// The most likely number of keys that differ; at most some 65 000.
    pub(crate) fn estimate(&self, other: &Self) -> usize {
        let odd = |stratum: usize| (self.0[stratum] ^ other.0[stratum]).count_ones() as i32;
        let likelihood = |step: usize| -> i32 {
            let of = |stratum: usize| {
                // Half as many keys are two steps less.
                let share = (stratum + 1).min(STRATA - 1);
                let (one, zero) = LIKELIHOOD[(step + 2 * (STRATA - 1) - 2 * share).min(LIKELIHOOD.len() - 1)];
                odd(stratum) * i32::from(one) + (8 - odd(stratum)) * i32::from(zero)
            };
            (0..STRATA).map(of).sum()
        };
        let best = (0..=STEPS).max_by_key(|step| likelihood(*step)).unwrap_or(0);
        // 2^(step/2); of those between, three halves instead of the square root of two.
        (2 + best % 2) << (best / 2) >> 1
    }
}

#[cfg(feature = "fast")]
/// Candidates are the powers of the square root of two up to this one.
const STEPS: usize = 32;

#[cfg(feature = "fast")]
/// In 1/256: ln p and ln (1 - p), where p = (1 - exp(-x)) / 2 is the probability that a parity differs if x = 2^(i/2 -
/// 16) keys of its kind are expected to.
const LIKELIHOOD: [(i16, i16); 42] = [
    (-3017, 0),
    (-2928, 0),
    (-2839, 0),
    (-2750, 0),
    (-2662, 0),
    (-2573, 0),
    (-2484, 0),
    (-2396, 0),
    (-2307, 0),
    (-2218, 0),
    (-2129, 0),
    (-2041, 0),
    (-1952, 0),
    (-1863, 0),
    (-1775, 0),
    (-1686, 0),
    (-1598, 0),
    (-1509, -1),
    (-1421, -1),
    (-1332, -1),
    (-1244, -2),
    (-1156, -3),
    (-1069, -4),
    (-982, -6),
    (-895, -8),
    (-810, -11),
    (-726, -16),
    (-643, -22),
    (-564, -30),
    (-488, -41),
    (-416, -56),
    (-351, -75),
    (-295, -97),
    (-249, -122),
    (-215, -145),
    (-193, -163),
    (-182, -173),
    (-178, -177),
    (-178, -177),
    (-177, -177),
    (-177, -177),
    (-177, -177),
];

#[cfg(all(test, feature = "fast"))]
mod tests {
    use super::*;
    use crate::item::HashKey;

    /// The estimate of `differ` keys, of which every other has been there before with another version.
    fn estimate(seed: u8, differ: u32) -> usize {
        let hashes = HashKey::new([seed; 16]);
        let (mut a, mut b) = (Strata::default(), Strata::default());
        for number in 0..differ {
            let key = number.to_be_bytes();
            let hash = hashes.key(&key);
            a.toggle(hash, hashes.version(&key, hash, b"1").get());
            if number % 2 == 0 {
                b.toggle(hash, hashes.version(&key, hash, b"2").get());
            }
        }
        a.estimate(&b)
    }

    #[test]
    fn the_estimate_is_near_the_number_of_keys_that_differ() {
        for differ in [10, 100, 1000, 10_000] {
            let mut estimates: [usize; 41] = core::array::from_fn(|seed| estimate(seed as u8, differ));
            estimates.sort_unstable();
            let of = |at: usize| estimates[at] as f64 / f64::from(differ);
            assert!((0.6..1.6).contains(&of(20)), "median of {differ}: {}", of(20));
            assert!(of(3) > 0.25 && of(37) < 4.0, "{differ}: {} to {}", of(3), of(37));
        }
    }

    #[test]
    fn equal_sets_are_estimated_at_no_more_than_one() {
        assert_eq!(Strata::default().estimate(&Strata::default()), 1);
    }

    #[test]
    fn noise_is_estimated_at_some_number() {
        let noise = Strata(core::array::from_fn(|at| (at * 89 + 55) as u8));
        assert!(noise.estimate(&Strata::default()) > 0);
        assert!(Strata([0xff; STRATA]).estimate(&Strata::default()) <= 1 << 16);
    }
}
