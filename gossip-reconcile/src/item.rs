//! What is summed up of a key and its version: two keyed hashes.

use core::fmt;
use core::hash::Hasher as _;
use core::num::NonZeroU64;

use siphasher::sip::SipHasher13;

use crate::field;

/// The secret under which a cluster hashes. Who does not know it cannot choose keys or versions whose hashes cancel out;
/// both sides must have the same one.
#[derive(Clone, Copy)]
pub struct HashKey(SipHasher13);

impl HashKey {
    /// From 16 bytes.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(&bytes))
    }

    /// SipHash-1-3 of the key, to 32 bits.
    pub(crate) fn key(&self, key: &[u8]) -> KeyHash {
        KeyHash::from_u32(self.0.hash(key) as u32)
    }

    /// SipHash-1-3 of key and version: 32 bits, and 16 that follow from them and the key's hash, by which a number that
    /// is no version of this key is recognised.
    pub(crate) fn version(&self, key: &[u8], hash_of_key: KeyHash, version: &[u8]) -> NonZeroU64 {
        let mut hasher = self.0;
        hasher.write_u64(key.len() as u64);
        hasher.write(key);
        hasher.write(version);
        let hash = (hasher.finish() >> 32).clamp(1, u64::from(u32::MAX) - 1);
        NonZeroU64::MIN.saturating_add(with_check(hash, hash_of_key) - 1)
    }
}

fn with_check(version: u64, key: KeyHash) -> u64 {
    version << 16 | mix(u64::from(key.0) << 32 | version) >> 48
}

/// Whether this is the number of a version of a key with this hash.
pub(crate) fn is_version(number: u64, key: KeyHash) -> bool {
    (1..u64::from(u32::MAX)).contains(&(number >> 16)) && with_check(number >> 16, key) == number
}

/// Shows no secret.
impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey")
    }
}

/// The hash of a key, by which a peer names it: 32 bits, so of a million keys some two hundred share theirs with another.
/// Two keys with one hash are found together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(u32);

impl KeyHash {
    /// From its number; the highest is none and becomes zero.
    pub(crate) fn from_u32(number: u32) -> Self {
        Self(if number == u32::MAX { 0 } else { number })
    }

    pub(crate) fn from_wire(number: u32) -> Option<Self> {
        (number != u32::MAX).then_some(Self(number))
    }

    /// As a number.
    pub fn to_u32(self) -> u32 {
        self.0
    }

    /// What a version is multiplied by: the hash and 16 bits that follow from it, by which a number that is none of
    /// these is recognised.
    pub(crate) fn factor(self) -> u64 {
        u64::from(self.0) << 16 | (mix(u64::from(self.0)) >> 48)
    }

    pub(crate) fn from_factor(factor: u64) -> Option<Self> {
        let hash = Self(u32::try_from(factor >> 16).ok()?);
        (hash.factor() == factor && hash.0 != u32::MAX).then_some(hash)
    }

    /// The same 64 bits for everybody, for what needs more of them.
    pub(crate) fn spread(self) -> u64 {
        mix(u64::from(self.0) ^ 0x5851_f42d_4c95_7f2d)
    }
}

/// What lists show of a version: 32 bits, others under another salt, so that two versions that look alike do so once.
pub(crate) fn tag(version: u64, salt: u8) -> u32 {
    (field::mul(version, u64::from(salt) << 32 | 0x9e37_79b1) >> 16) as u32
}

/// The finalizer of SplitMix64.
fn mix(mut state: u64) -> u64 {
    state = (state.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_recognised_and_what_is_none_is_not() {
        let key = HashKey::new([7; 16]);
        let hash = key.key(b"a key");
        assert_eq!(KeyHash::from_factor(hash.factor()), Some(hash));
        let others = (1..1000).filter(|bit| KeyHash::from_factor(hash.factor() ^ bit).is_some()).count();
        assert_eq!(others, 0);
        assert!((0..10).all(|low| KeyHash::from_factor(field::P - 1 - low).is_none()));
        let version = key.version(b"a key", hash, b"1").get();
        assert!(is_version(version, hash) && version < field::P && !is_version(0, hash));
        assert!((1..1000).all(|bit| !is_version(version ^ bit, hash)) && !is_version(version, key.key(b"another")));
    }

    #[test]
    fn key_and_version_are_told_apart() {
        let key = HashKey::new([7; 16]);
        let version = |key: &HashKey, name: &[u8], version: &[u8]| key.version(name, key.key(name), version);
        assert_ne!(version(&key, b"ab", b"c"), version(&key, b"a", b"bc"));
        assert_ne!(version(&key, b"a", b"c"), version(&HashKey::new([8; 16]), b"a", b"c"));
    }

    #[test]
    fn versions_that_look_alike_under_one_salt_do_not_under_another() {
        let tags = |version| [1, 2, 3].map(|salt| tag(version, salt));
        let (a, b) = (tags(5), tags(6));
        assert!(a != b && a[0] != a[1]);
    }
}
