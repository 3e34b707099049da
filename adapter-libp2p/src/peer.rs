//! A libp2p peer as an address of the core.

use std::fmt;

use gossip_core::{InvalidPeer, NodeId, Peer};
use libp2p_identity::PeerId;
use sha2::{Digest, Sha256};

/// How long a PeerId is at most: a key of 42 bytes that stands for itself, and what says so.
const MAX_LEN: usize = 44;

/// Where a member is reached: the bytes of its [`PeerId`], inline. Ed25519 keys make 38 of them, secp256k1 keys 39, all
/// others 34.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Libp2pPeer {
    len: u8,
    bytes: [u8; MAX_LEN],
}

impl Libp2pPeer {
    /// The member that is reached there: the first 16 bytes of the SHA-256 of the PeerId's bytes. Nobody can find a second
    /// key that makes the same, so who proved to be the peer proved to be the member.
    pub fn node_id(&self) -> NodeId {
        let digest = Sha256::digest(self.as_bytes());
        NodeId::from_bytes(digest.first_chunk().copied().expect("a SHA-256 has 32 bytes"))
    }

    /// The PeerId's bytes: a multihash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// # Errors
/// Of a PeerId that is no hash of a key: one of more than 44 bytes.
impl TryFrom<PeerId> for Libp2pPeer {
    type Error = InvalidPeer;

    fn try_from(peer: PeerId) -> Result<Self, InvalidPeer> {
        Self::decode(&peer.to_bytes())
    }
}

impl From<Libp2pPeer> for PeerId {
    fn from(peer: Libp2pPeer) -> Self {
        Self::from_bytes(peer.as_bytes()).expect("checked when it was made")
    }
}

/// The PeerId's bytes: a multihash, 44 bytes at most.
impl Peer for Libp2pPeer {
    const MAX_LEN: usize = MAX_LEN;

    fn encode(&self, to: &mut [u8]) -> usize {
        to[..self.as_bytes().len()].copy_from_slice(self.as_bytes());
        self.as_bytes().len()
    }

    fn decode(from: &[u8]) -> Result<Self, InvalidPeer> {
        let mut bytes = [0; MAX_LEN];
        bytes.get_mut(..from.len()).ok_or(InvalidPeer)?.copy_from_slice(from);
        PeerId::from_bytes(from).map_err(|_| InvalidPeer)?;
        Ok(Self { len: u8::try_from(from.len()).map_err(|_| InvalidPeer)?, bytes })
    }
}

impl fmt::Display for Libp2pPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PeerId::from(*self).fmt(f)
    }
}

impl fmt::Debug for Libp2pPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use libp2p_identity::Keypair;

    use super::*;

    fn peer() -> PeerId {
        Keypair::ed25519_from_bytes([7; 32]).unwrap().public().to_peer_id()
    }

    #[test]
    fn a_peer_id_goes_there_and_back() {
        let there = Libp2pPeer::try_from(peer()).unwrap();
        assert_eq!((there.as_bytes().len(), PeerId::from(there)), (38, peer()));
        let mut buf = [0; Libp2pPeer::MAX_LEN];
        let len = there.encode(&mut buf);
        assert_eq!(Libp2pPeer::decode(&buf[..len]), Ok(there));
    }

    #[test]
    fn bytes_that_are_no_peer_id_are_no_address() {
        let bytes = peer().to_bytes();
        for bad in [&bytes[..37], &[&bytes[..], &[0]].concat(), &[0x80, 0, 1, 2], &[], &[0; 300]] {
            assert_eq!(Libp2pPeer::decode(bad), Err(InvalidPeer), "{bad:?}");
        }
    }

    #[test]
    fn the_member_behind_a_key_is_fixed() {
        let id = Libp2pPeer::try_from(peer()).unwrap().node_id();
        assert_eq!(id.to_string(), "f88ff96e561cd45e0f266f269a5e4c79");
    }
}
