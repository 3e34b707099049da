//! Hashes that all members of a cluster compute alike: keyed by the cluster's label.

use core::hash::Hasher as _;

use siphasher::sip::SipHasher13;
use siphasher::sip128::{Hasher128 as _, SipHasher24};

use super::broadcast::TopicHash;
use crate::identity::{Identity, NodeId};

/// A packet so short is copied to hash it.
const SHORT: usize = 64;

/// The key that a cluster's label stands for: SipHash-2-4-128 of `gossip/1 ` and the label under the all-zero key. All
/// hashes on the wire are SipHash-1-3 under it, of a byte that says what for and then the fields, big-endian.
#[derive(Clone, Debug)]
pub struct ClusterKey(SipHasher13);

impl ClusterKey {
    /// The key of a cluster.
    pub fn new(label: &str) -> Self {
        let mut hasher = SipHasher24::new();
        hasher.write(b"gossip/1 ");
        hasher.write(label.as_bytes());
        Self(SipHasher13::new_with_key(&hasher.finish128().as_bytes()))
    }

    /// The checksum of a packet: the low half of the hash of `P`, its first byte, and all after the checksum.
    pub fn checksum(&self, packet: &[u8]) -> u32 {
        if let Some(to) = packet.len().checked_sub(3).filter(|len| *len <= SHORT) {
            // A probe: as of other short things, hashing it in one piece costs half.
            let mut bytes = [0; SHORT];
            [bytes[0], bytes[1]] = [b'P', packet[0]];
            bytes[2..to].copy_from_slice(&packet[5..]);
            return self.0.hash(&bytes[..to]) as u32;
        }
        let mut hasher = self.0;
        hasher.write(&[b'P', packet[0]]);
        hasher.write(&packet[5..]);
        hasher.finish() as u32
    }

    /// The checksum of a payload that goes in parts: the hash of `B` and its bytes.
    pub fn body(&self, payload: &[u8]) -> u64 {
        let mut hasher = self.0;
        hasher.write(b"B");
        hasher.write(payload);
        hasher.finish()
    }

    /// A topic as others are told that it is wanted: the low half of the hash of `W` and its bytes.
    pub fn topic(&self, topic: &[u8]) -> TopicHash {
        let mut hasher = self.0;
        hasher.write(b"W");
        hasher.write(topic);
        TopicHash(hasher.finish() as u32)
    }

    /// The short name of a sender: the low half of the hash of `S`, id and generation.
    pub fn short(&self, sender: Identity) -> u32 {
        self.hash::<25>(b'S', sender.id, &[sender.generation]) as u32
    }

    /// Where an id stands in the member table: the high half of the hash of `T` and the id. Its upper bits are the
    /// bucket.
    pub fn position(&self, id: NodeId) -> u32 {
        (self.hash::<17>(b'T', id, &[]) >> 32) as u32
    }

    /// What a live member adds to the fingerprint of the table: the hash of `M`, id, generation and incarnation.
    pub fn member(&self, member: Identity, incarnation: u64) -> u64 {
        self.hash::<33>(b'M', member.id, &[member.generation, incarnation])
    }

    /// What a run of a writer's versions adds to the fingerprint of a causal context: the hash of `V`, id, generation,
    /// and the first and last counter of the run.
    pub fn run(&self, writer: Identity, first: u64, last: u64) -> u64 {
        self.hash::<41>(b'V', writer.id, &[writer.generation, first, last])
    }

    /// What a write that a key shows adds to the fingerprint of the map's entries: the hash of `E`, the writer's id,
    /// generation and the counter.
    pub fn head(&self, writer: Identity, counter: u64) -> u64 {
        self.hash::<33>(b'E', writer.id, &[writer.generation, counter])
    }

    /// The secret of the map's index: the hashes of `I` and 1, of `I` and 2, under a zero id.
    #[cfg(feature = "kv")]
    pub(crate) fn index(&self) -> [u8; 16] {
        let half = |number| self.hash::<25>(b'I', NodeId::from_bytes([0; 16]), &[number]).to_be_bytes();
        let mut secret = [0; 16];
        secret[..8].copy_from_slice(&half(1));
        secret[8..].copy_from_slice(&half(2));
        secret
    }

    /// The hash of `domain`, `id` and `numbers`, which take `LEN` bytes together. Hashing them in one piece costs half of
    /// what hashing them one by one does.
    fn hash<const LEN: usize>(&self, domain: u8, id: NodeId, numbers: &[u64]) -> u64 {
        let mut bytes = [0; LEN];
        bytes[0] = domain;
        bytes[1..17].copy_from_slice(id.as_bytes());
        for (to, number) in bytes[17..].chunks_exact_mut(8).zip(numbers) {
            to.copy_from_slice(&number.to_be_bytes());
        }
        self.0.hash(&bytes)
    }
}
