//! What a node would need after a restart, as bytes: versioned and checksummed.
//!
//! ```text
//! "gossip-snapshot" 2 | members: count, (address length 1, address)...
//!   | runs: count, (id 16, generation 8, first 8, last 8)...
//!   | keys: count, (owner: 0, or 1 and id 16; key length 4, key, milliseconds to live 8, length 4, what is known of it)...
//!   | SipHash-2-4 of all before it under the zero key, 8
//! ```
//! Counts are 4 bytes; integers are big-endian; what lives for ever has all bits to live; what is known of a key as in the
//! wire format's full entries. Runs and keys are the map's; a node without the map leaves them out, and passes over those it
//! is given.

use alloc::vec::Vec;
use core::fmt;
use core::hash::Hasher as _;

use siphasher::sip::SipHasher24;

#[cfg(feature = "kv")]
use crate::kv::KvState;
use crate::membership::{ME, Table};
use crate::peer::Peer;
#[cfg(feature = "kv")]
use crate::time::Instant;

const MAGIC: &[u8; 16] = b"gossip-snapshot\x02";

/// What a node would need after a restart: the live members' addresses, and the key-value map; from
/// [`crate::Node::snapshot`].
#[derive(Debug)]
pub struct Snapshot<'a, P: Peer> {
    pub(crate) table: &'a Table<P>,
    #[cfg(feature = "kv")]
    pub(crate) kv: (&'a KvState<P>, Instant),
}

impl<P: Peer> Snapshot<'_, P> {
    /// The snapshot as bytes, for [`crate::Node::restore`].
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = begin();
        let me = self.table.row(ME).member.id;
        list(&mut out, self.table.rows().filter(|row| row.status.is_live() && row.member.id != me), |out, row| {
            let mut encoded = [0; 255];
            let len = row.addr.encode(&mut encoded);
            out.push(len as u8);
            out.extend_from_slice(&encoded[..len]);
        });
        #[cfg(feature = "kv")]
        self.kv.0.persist(self.kv.1, &mut out);
        seal(out)
    }
}

/// A snapshot before its first list.
pub(crate) fn begin() -> Vec<u8> {
    Vec::from(MAGIC.as_slice())
}

/// A snapshot after its last list.
pub(crate) fn seal(mut out: Vec<u8>) -> Vec<u8> {
    let sum = checksum(&out);
    out.extend_from_slice(&sum.to_be_bytes());
    out
}

/// Writes items behind their count.
pub(crate) fn list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut count = 0_u32;
    for item in items {
        write(out, item);
        count += 1;
    }
    out[at..at + 4].copy_from_slice(&count.to_be_bytes());
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write(bytes);
    hasher.finish()
}

/// Why a snapshot was refused; the node is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Not a snapshot, or one of another version.
    Format,
    /// Damaged or cut short.
    Damaged,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "not a snapshot of this version",
            Self::Damaged => "damaged or cut short",
        })
    }
}

impl core::error::Error for SnapshotError {}

/// A snapshot whose checksum fits: the members, and the bytes of the map.
#[derive(Debug)]
pub(crate) struct Content<'a, P> {
    pub(crate) members: Vec<P>,
    #[cfg_attr(not(feature = "kv"), allow(dead_code, reason = "passed over"))]
    pub(crate) map: Reader<'a>,
}

impl<'a, P: Peer> Content<'a, P> {
    pub(crate) fn decode(snapshot: &'a [u8]) -> Result<Self, SnapshotError> {
        let (content, sum) = snapshot.split_last_chunk::<8>().ok_or(SnapshotError::Format)?;
        let body = content.strip_prefix(MAGIC).ok_or(SnapshotError::Format)?;
        if checksum(content) != u64::from_be_bytes(*sum) {
            return Err(SnapshotError::Damaged);
        }
        let mut map = Reader(body);
        let members = map.list(|reader| {
            let len = usize::from(reader.array::<1>()?[0]);
            P::decode(reader.bytes(len)?).ok()
        });
        Ok(Self { members: members.ok_or(SnapshotError::Damaged)?, map })
    }
}

/// Reads fields from the front of a snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        // Grows with what is really there: a count proves nothing.
        (0..self.u32()?).map(|_| read(self)).collect()
    }
}
