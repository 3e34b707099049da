//! Coded symbols of a rateless IBLT (Yang et al., "Practical Rateless Set Reconciliation", SIGCOMM 2024), over keys
//! rather than elements: a key whose version changed is one difference, not two.
//!
//! Each version is a number v, each key a number k, modulo a prime. A cell holds the sums of v and of v k over the keys
//! that map to it. Two replicas' cells subtract to the same sums over the keys that differ; where there is one such
//! key, the second sum divided by the first is k. 16 bits of k and 16 of the version follow from the others and tell
//! one key from several. No count is needed, 12 bytes are enough.
//!
//! Cell 0 is over all keys: a fingerprint of 96 bits that tells by itself which key differs, if it is one.

use crate::field;
use crate::item::KeyHash;

/// Bytes of a cell on the wire.
pub(crate) const CELL_BYTES: usize = 12;

/// Two sums over versions and keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) versions: u64,
    products: u64,
}

impl Cell {
    pub(crate) fn of(key: KeyHash, version: u64) -> Self {
        Self { versions: version, products: field::mul(version, key.factor()) }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.versions = field::add(self.versions, other.versions);
        self.products = field::add(self.products, other.products);
    }

    pub(crate) fn sub(&mut self, other: Self) {
        self.versions = field::sub(self.versions, other.versions);
        self.products = field::sub(self.products, other.products);
    }

    pub(crate) fn minus(mut self, other: Self) -> Self {
        self.sub(other);
        self
    }

    pub(crate) fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// The one key that is in it, and the version or the difference of versions.
    pub(crate) fn single(&self) -> Option<(KeyHash, u64)> {
        self.single_by(field::inverse(self.versions))
    }

    /// The same with the inverse of the sum of versions.
    pub(crate) fn single_by(&self, inverse: u64) -> Option<(KeyHash, u64)> {
        let key = KeyHash::from_factor(field::mul(self.products, inverse)).filter(|_| self.versions != 0);
        key.map(|key| (key, self.versions))
    }

    pub(crate) fn to_bytes(self) -> [u8; CELL_BYTES] {
        let mut bytes = [0; CELL_BYTES];
        bytes[..6].copy_from_slice(&self.versions.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&self.products.to_be_bytes()[2..]);
        bytes
    }

    /// None if a sum is not below the modulus.
    pub(crate) fn from_bytes(bytes: &[u8; CELL_BYTES]) -> Option<Self> {
        let [versions, products] =
            [0, 6].map(|at| bytes[at..at + 6].iter().fold(0, |n, byte| n << 8 | u64::from(*byte)));
        (versions < field::P && products < field::P).then_some(Self { versions, products })
    }
}
