//! Where a node listens, as the hints of its member record: so that who learnt of it by gossip alone can dial it.
//!
//! A list of multiaddrs, each behind its length (varint), without the `/p2p` of the member itself, no two alike, the most
//! useful ones first, as many as fit 256 bytes.

use libp2p_core::Multiaddr;
use libp2p_core::multiaddr::Protocol;
use libp2p_identity::PeerId;
use unsigned_varint::{decode as read, encode as write};

/// How long the hints of a member are at most, in bytes.
const MAX_LEN: usize = 256;
/// How many addresses of one member are dialled.
const MAX_ADDRESSES: usize = 8;
/// The rank of addresses that reach nobody but processes of the same machine.
const LOOPBACK: u8 = 3;

/// The hints of the node of that peer, reached from outside at `external`, and listening at `listen`.
pub(crate) fn encode<'a>(
    me: PeerId,
    external: impl Iterator<Item = &'a Multiaddr>,
    listen: impl Iterator<Item = &'a Multiaddr>,
) -> Vec<u8> {
    let external = external.map(|addr| (0, addr));
    let listen = listen.filter_map(|addr| Some((rank(addr)?, addr)));
    let mut ranked: Vec<(u8, Vec<u8>)> =
        external.chain(listen).map(|(rank, addr)| (rank, without_peer(addr, me).to_vec())).collect();
    ranked.sort_unstable();
    if ranked.first().is_some_and(|(best, _)| *best < LOOPBACK) {
        ranked.retain(|(rank, _)| *rank < LOOPBACK);
    }
    let mut hints = Vec::new();
    for (place, (_, addr)) in ranked.iter().enumerate() {
        let mut len = write::usize_buffer();
        let len = write::usize(addr.len(), &mut len);
        let known = ranked[..place].iter().any(|(_, earlier)| earlier == addr);
        if !known && hints.len() + len.len() + addr.len() <= MAX_LEN {
            hints.extend_from_slice(len);
            hints.extend_from_slice(addr);
        }
    }
    hints
}

/// The addresses in the hints of a member, as far as they can be read: they are another's word.
pub(crate) fn decode(mut hints: &[u8]) -> Vec<Multiaddr> {
    let mut addresses = Vec::new();
    while addresses.len() < MAX_ADDRESSES
        && let Ok((len, rest)) = read::usize(hints)
        && let Some((addr, rest)) = rest.split_at_checked(len)
    {
        // Unknown protocols may stand in it: then it is of no use, but those behind it may be.
        addresses.extend(Multiaddr::try_from(addr.to_vec()));
        hints = rest;
    }
    addresses
}

/// An address that ends in that peer, without it.
fn without_peer(addr: &Multiaddr, peer: PeerId) -> Multiaddr {
    let mut addr = addr.clone();
    if addr.iter().last() == Some(Protocol::P2p(peer)) {
        addr.pop();
    }
    addr
}

/// How far away a listen address is of use, 1 the farthest. None: nowhere.
fn rank(addr: &Multiaddr) -> Option<u8> {
    match addr.iter().next()? {
        Protocol::Ip4(ip) if ip.is_unspecified() => None,
        Protocol::Ip6(ip) if ip.is_unspecified() || ip.is_unicast_link_local() => None,
        Protocol::Ip4(ip) if ip.is_loopback() => Some(LOOPBACK),
        Protocol::Ip6(ip) if ip.is_loopback() => Some(LOOPBACK),
        Protocol::Ip4(ip) if ip.is_private() || ip.is_link_local() => Some(2),
        Protocol::Ip6(ip) if ip.is_unique_local() => Some(2),
        Protocol::Memory(_) | Protocol::Unix(_) => Some(LOOPBACK),
        _ => Some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addrs(texts: &[&str]) -> Vec<Multiaddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn told(external: &[&str], listen: &[&str]) -> Vec<Multiaddr> {
        let hints = encode(PeerId::from_bytes(&[0, 1, 7]).unwrap(), addrs(external).iter(), addrs(listen).iter());
        assert!(hints.len() <= MAX_LEN);
        decode(&hints)
    }

    #[test]
    fn the_addresses_that_reach_farthest_stand_first() {
        let listen =
            ["/ip4/10.0.0.7/tcp/1", "/ip6/fe80::1/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip4/192.0.2.7/udp/1/quic-v1"];
        let expected = ["/dns4/a.example/tcp/1", "/ip4/192.0.2.7/udp/1/quic-v1", "/ip4/10.0.0.7/tcp/1"];
        assert_eq!(told(&["/dns4/a.example/tcp/1"], &listen), addrs(&expected));
        assert_eq!(told(&[], &listen[2..3]), addrs(&listen[2..3]), "where there is nothing else");
    }

    #[test]
    fn an_address_stands_there_once_and_without_its_own_peer() {
        let mut named: Multiaddr = "/ip4/192.0.2.7/tcp/1".parse().unwrap();
        named.push(Protocol::P2p(PeerId::from_bytes(&[0, 1, 7]).unwrap()));
        assert_eq!(told(&[&named.to_string(), "/ip4/192.0.2.7/tcp/1"], &["/ip4/192.0.2.7/tcp/1"]).len(), 1);
    }

    #[test]
    fn what_finds_no_room_is_left_out() {
        let many: Vec<String> = (0..99).map(|port| format!("/ip4/192.0.2.7/tcp/{}", 1000 + port)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(told(&many, &many), addrs(&many[..MAX_ADDRESSES]));
    }

    #[test]
    fn damaged_hints_give_what_can_be_read_of_them() {
        let hints = encode(PeerId::from_bytes(&[0, 1, 7]).unwrap(), [].iter(), addrs(&["/ip4/10.0.0.7/tcp/1"]).iter());
        for (damaged, left) in [
            (&[&hints[..], &[9, 1]].concat()[..], 1),
            (&[&[2, 0xff, 0xff], &hints[..]].concat(), 1),
            (&hints[..5], 0),
            (&[0xff; 20], 0),
            (&[], 0),
        ] {
            assert_eq!(decode(damaged).len(), left, "{damaged:?}");
        }
    }
}
