//! The only randomness of a node: one seed, expanded.

use chacha20::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use siphasher::sip::SipHasher13;

/// ChaCha8 from the caller's seed: replayable, and not to be guessed from outside.
#[derive(Debug)]
pub(crate) struct Rng(ChaCha8Rng);

impl Rng {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha8Rng::from_seed(seed))
    }

    pub(crate) fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    pub(crate) fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; zero if that is zero. The bias, below 2^-32 x bound, does not matter to gossip.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.u64()) * bound as u128) >> 64) as usize
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// SipHash-1-3 under a key of this node alone, so that nobody can aim keys at one bucket of its maps.
#[derive(Clone, Debug)]
pub(crate) struct MapHasher {
    sip: SipHasher13,
    odd: u64,
}

impl MapHasher {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let mut key = [0; 16];
        rng.0.fill_bytes(&mut key);
        Self { sip: SipHasher13::new_with_key(&key), odd: rng.u64() | 1 }
    }

    pub(crate) fn hash(&self, value: impl core::hash::Hash) -> u64 {
        let mut hasher = self.sip;
        value.hash(&mut hasher);
        core::hash::Hasher::finish(&hasher)
    }

    /// For what is bytes anyway: less work, and another hash than [`Self::hash`] of the same value.
    pub(crate) fn hash_bytes(&self, bytes: &[u8]) -> u64 {
        self.sip.hash(bytes)
    }

    /// For what is a keyed hash already: multiplied by a secret odd number, the upper half folded onto the lower.
    pub(crate) fn spread(&self, hash: u32) -> u64 {
        let product = u64::from(hash).wrapping_mul(self.odd);
        product ^ (product >> 32)
    }
}
