//! Randomness: one seed, split into streams, so that another draw in one place shifts nothing elsewhere.

use std::time::Duration;

use chacha20::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// What happens to packets.
    Network,
    /// Which of two things due at once comes first.
    Driver,
    /// Seed and contact of a node's process.
    Process {
        /// Which node.
        node: usize,
        /// How often it had started before.
        starts: usize,
    },
    /// Latencies of pairs.
    Pairs,
    /// What lossy links of single nodes do to packets.
    Links,
    /// Which contacts of a round fail.
    Contacts,
    /// Choices of the event with this index in the scenario.
    Event(usize),
}

/// One stream of random numbers.
#[derive(Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64, stream: Stream) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(match stream {
            Stream::Network => 1,
            Stream::Driver => 2,
            Stream::Pairs => 3,
            Stream::Links => 4,
            Stream::Contacts => 5,
            Stream::Event(index) => (1 << 32) + index as u64,
            Stream::Process { node, starts } => (1 << 62) + ((starts as u64) << 32) + node as u64,
        });
        Self(rng)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        seed
    }

    /// Below `bound`, which is not 0, each value equally likely up to a bias of bound / 2^64.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        scale(self.number(), bound as u64) as usize
    }

    /// True with this probability, from 0 to 1. A certainty draws nothing.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // 53 random bits are all that a float holds.
        probability > 0.0 && ((self.number() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    /// Uniform, to the microsecond, both bounds included.
    pub(crate) fn between(&mut self, from: Duration, to: Duration) -> Duration {
        from + within(self.number(), to.saturating_sub(from))
    }

    /// `count` of `items`, or all if there are fewer, in random order.
    pub(crate) fn choose(&mut self, mut items: Vec<usize>, count: usize) -> Vec<usize> {
        let count = count.min(items.len());
        for place in 0..count {
            let drawn = place + self.below(items.len() - place);
            items.swap(place, drawn);
        }
        items.truncate(count);
        items
    }
}

/// Spreads a random number over the whole microseconds from 0 to `span`.
pub(crate) fn within(number: u64, span: Duration) -> Duration {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX - 1);
    Duration::from_micros(scale(number, micros + 1))
}

fn scale(number: u64, bound: u64) -> u64 {
    ((u128::from(number) * u128::from(bound)) >> 64) as u64
}

/// A bijection that spreads each bit over all others: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
pub(crate) fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        let draw = |seed, stream| Random::new(seed, stream).number();
        assert_eq!(draw(1, Stream::Network), draw(1, Stream::Network));
        assert_ne!(draw(1, Stream::Network), draw(1, Stream::Driver));
        assert_ne!(draw(1, Stream::Network), draw(2, Stream::Network));
        assert_ne!(draw(1, Stream::Event(0)), draw(1, Stream::Event(1)));
    }

    #[test]
    fn a_choice_is_of_distinct_items_and_reaches_each() {
        let mut random = Random::new(7, Stream::Driver);
        let mut hits = [0; 10];
        for _ in 0..1000 {
            let mut chosen = random.choose((0..10).collect(), 3);
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len(), 3);
            chosen.into_iter().for_each(|item| hits[item] += 1);
        }
        assert!(hits.iter().all(|hits| (200..400).contains(hits)), "{hits:?}");
    }

    #[test]
    fn a_duration_lies_between_its_bounds_and_reaches_both() {
        let mut random = Random::new(7, Stream::Network);
        let (from, to) = (Duration::from_micros(5), Duration::from_micros(8));
        let drawn = (0..200).map(|_| random.between(from, to)).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), (5..=8).map(Duration::from_micros).collect::<Vec<_>>());
    }

    #[test]
    fn chances_come_true_as_often_as_they_say() {
        let mut random = Random::new(7, Stream::Network);
        let hits = (0..10_000).filter(|_| random.chance(0.1)).count();
        assert!((900..1100).contains(&hits), "{hits}");
        assert!((0..1000).all(|_| random.chance(1.0) && !random.chance(0.0)));
    }
}
