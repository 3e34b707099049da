//! Where a member is reached: the transport's own address.

use core::fmt::{self, Debug};
use core::hash::Hash;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A transport address. `SocketAddr`, `u64` and `[u8; 32]` are provided; an adapter brings a newtype for anything else.
///
/// The encoding must be canonical: `decode` accepts exactly the byte strings that `encode` writes.
pub trait Peer: Clone + Eq + Hash + Ord + Debug + Send + 'static {
    /// The longest encoding, in bytes; at most 255.
    const MAX_LEN: usize;

    /// Writes the canonical encoding to the front of `to` and says how many bytes it took.
    /// `to` holds at least [`Peer::MAX_LEN`] bytes.
    fn encode(&self, to: &mut [u8]) -> usize;

    /// Reads what [`Peer::encode`] wrote; `from` is exactly that long.
    fn decode(from: &[u8]) -> Result<Self, InvalidPeer>;
}

/// Bytes that are no address of this transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPeer;

impl fmt::Display for InvalidPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an address of this transport")
    }
}

impl core::error::Error for InvalidPeer {}

/// Four or sixteen address bytes, then the port, big-endian. An IPv4-mapped IPv6 address is written as IPv4; flow label
/// and scope are the sender's own affair and stay at home.
impl Peer for SocketAddr {
    const MAX_LEN: usize = 18;

    fn encode(&self, to: &mut [u8]) -> usize {
        let port = self.port().to_be_bytes();
        match self.ip().to_canonical() {
            IpAddr::V4(ip) => {
                to[..4].copy_from_slice(&ip.octets());
                to[4..6].copy_from_slice(&port);
                6
            }
            IpAddr::V6(ip) => {
                to[..16].copy_from_slice(&ip.octets());
                to[16..18].copy_from_slice(&port);
                18
            }
        }
    }

    fn decode(from: &[u8]) -> Result<Self, InvalidPeer> {
        let (ip, port) = match from.len() {
            6 => {
                let (ip, port) = from.split_first_chunk::<4>().ok_or(InvalidPeer)?;
                (IpAddr::V4(Ipv4Addr::from(*ip)), port)
            }
            18 => {
                let (ip, port) = from.split_first_chunk::<16>().ok_or(InvalidPeer)?;
                let ip = Ipv6Addr::from(*ip);
                if ip.to_ipv4_mapped().is_some() {
                    return Err(InvalidPeer);
                }
                (IpAddr::V6(ip), port)
            }
            _ => return Err(InvalidPeer),
        };
        let port = <[u8; 2]>::try_from(port).map_err(|_| InvalidPeer)?;
        Ok(Self::new(ip, u16::from_be_bytes(port)))
    }
}

/// Eight bytes, big-endian.
impl Peer for u64 {
    const MAX_LEN: usize = 8;

    fn encode(&self, to: &mut [u8]) -> usize {
        to[..8].copy_from_slice(&self.to_be_bytes());
        8
    }

    fn decode(from: &[u8]) -> Result<Self, InvalidPeer> {
        from.try_into().map(Self::from_be_bytes).map_err(|_| InvalidPeer)
    }
}

/// The bytes themselves: a public key or its hash.
impl Peer for [u8; 32] {
    const MAX_LEN: usize = 32;

    fn encode(&self, to: &mut [u8]) -> usize {
        to[..32].copy_from_slice(self);
        32
    }

    fn decode(from: &[u8]) -> Result<Self, InvalidPeer> {
        from.try_into().map_err(|_| InvalidPeer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<P: Peer>(peer: P) {
        let mut buf = [0; 255];
        let len = peer.encode(&mut buf);
        assert!(len <= P::MAX_LEN);
        assert_eq!(P::decode(&buf[..len]), Ok(peer));
    }

    #[test]
    fn every_provided_address_round_trips() {
        round_trip(7_u64);
        round_trip([9; 32]);
        round_trip::<SocketAddr>("192.0.2.1:7946".parse().unwrap());
        round_trip::<SocketAddr>("[2001:db8::1]:7946".parse().unwrap());
    }

    #[test]
    fn a_mapped_address_is_written_as_ipv4_and_refused_in_its_long_form() {
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:7946".parse().unwrap();
        let mut buf = [0; 18];
        assert_eq!(mapped.encode(&mut buf), 6);
        let SocketAddr::V6(long) = mapped else { unreachable!() };
        buf[..16].copy_from_slice(&long.ip().octets());
        assert_eq!(SocketAddr::decode(&buf), Err(InvalidPeer));
    }
}
