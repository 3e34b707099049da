//! IPv4 on an IPv6 socket: mapped on the way out, plain everywhere else.

use std::net::{SocketAddr, SocketAddrV6};

/// `addr` as the node knows it: IPv4 is never mapped, and a flow label is no part of an address.
pub(crate) fn canonical(addr: SocketAddr) -> SocketAddr {
    let SocketAddr::V6(long) = addr else { return addr };
    match long.ip().to_ipv4_mapped() {
        Some(ip) => SocketAddr::new(ip.into(), long.port()),
        None => SocketAddrV6::new(*long.ip(), long.port(), 0, long.scope_id()).into(),
    }
}

/// `addr` as a socket of the IPv6 family wants it.
pub(crate) fn mapped(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(short) => SocketAddr::new(short.ip().to_ipv6_mapped().into(), short.port()),
        SocketAddr::V6(_) => addr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_mapped_address_becomes_plain_ipv4_and_back() {
        assert_eq!(canonical(addr("[::ffff:192.0.2.1]:7946")), addr("192.0.2.1:7946"));
        assert_eq!(mapped(addr("192.0.2.1:7946")), addr("[::ffff:192.0.2.1]:7946"));
    }

    #[test]
    fn an_ipv6_address_stays_but_for_its_flow_label() {
        let labelled = SocketAddrV6::new("fe80::1".parse().unwrap(), 7946, 5, 2).into();
        let plain = SocketAddrV6::new("fe80::1".parse().unwrap(), 7946, 0, 2).into();
        assert_eq!(canonical(labelled), plain);
        assert_eq!(mapped(plain), plain);
    }
}
