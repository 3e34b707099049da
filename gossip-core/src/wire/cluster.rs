//! Hashes that all members of a cluster compute alike: keyed by the cluster's label.

use core::hash::Hasher as _;

use siphasher::sip::SipHasher13;
use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::identity::{Identity, NodeId};

/// The key that a cluster's label stands for: SipHash-2-4-128 of `gossip/1 ` and the label under the all-zero key. All
/// hashes on the wire are SipHash-1-3 under it, of a byte that says what for and then the fields, big-endian.
#[derive(Clone, Debug)]
pub struct ClusterKey([u8; 16]);

impl ClusterKey {
    /// The key of a cluster.
    pub fn new(label: &str) -> Self {
        let mut hasher = SipHasher24::new();
        hasher.write(b"gossip/1 ");
        hasher.write(label.as_bytes());
        Self(hasher.finish128().as_bytes())
    }

    /// The checksum of a packet: the low half of the hash of `P`, its first byte, and all after the checksum.
    pub fn checksum(&self, packet: &[u8]) -> u32 {
        let mut hasher = self.hasher(b'P');
        hasher.write(&packet[..1]);
        hasher.write(&packet[5..]);
        hasher.finish() as u32
    }

    /// The short name of a sender: the low half of the hash of `S`, id and generation.
    pub fn short(&self, sender: Identity) -> u32 {
        self.identity(b'S', sender).finish() as u32
    }

    /// Where an id stands in the member table: the high half of the hash of `T` and the id. Its upper bits are the
    /// bucket.
    pub fn position(&self, id: NodeId) -> u32 {
        let mut hasher = self.hasher(b'T');
        hasher.write(id.as_bytes());
        (hasher.finish() >> 32) as u32
    }

    /// What a live member adds to the fingerprint of the table: the hash of `M`, id, generation and incarnation.
    pub fn member(&self, member: Identity, incarnation: u64) -> u64 {
        let mut hasher = self.identity(b'M', member);
        hasher.write(&incarnation.to_be_bytes());
        hasher.finish()
    }

    /// What a run of a writer's versions adds to the fingerprint of a causal context: the hash of `V`, id, generation,
    /// and the first and last counter of the run.
    pub fn run(&self, writer: Identity, first: u64, last: u64) -> u64 {
        let mut hasher = self.identity(b'V', writer);
        hasher.write(&first.to_be_bytes());
        hasher.write(&last.to_be_bytes());
        hasher.finish()
    }

    fn identity(&self, domain: u8, identity: Identity) -> SipHasher13 {
        let mut hasher = self.hasher(domain);
        hasher.write(identity.id.as_bytes());
        hasher.write(&identity.generation.to_be_bytes());
        hasher
    }

    fn hasher(&self, domain: u8) -> SipHasher13 {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(&[domain]);
        hasher
    }
}
