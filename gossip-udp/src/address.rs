//! IPv4 on an IPv6 socket: mapped on the way out, plain everywhere else. Link-local IPv6: with its interface on the way out,
//! without it everywhere else, as on the wire.

use std::net::{SocketAddr, SocketAddrV6};

/// `addr` as the node knows it: IPv4 is never mapped, and neither flow label nor interface are part of an address.
pub(crate) fn canonical(addr: SocketAddr) -> SocketAddr {
    let SocketAddr::V6(long) = addr else { return addr };
    match long.ip().to_ipv4_mapped() {
        Some(ip) => SocketAddr::new(ip.into(), long.port()),
        None => SocketAddrV6::new(*long.ip(), long.port(), 0, 0).into(),
    }
}

/// `addr` as a socket of the IPv6 family wants it.
pub(crate) fn mapped(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(short) => SocketAddr::new(short.ip().to_ipv6_mapped().into(), short.port()),
        SocketAddr::V6(_) => addr,
    }
}

/// The interface of link-local addresses (RFC 4007's zone), which lead nowhere without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope(u32);

impl Scope {
    /// The first that any of these addresses names, else `default`; 0: none.
    pub(crate) fn of(addrs: impl IntoIterator<Item = SocketAddr>, default: u32) -> Self {
        let named = addrs.into_iter().filter_map(|addr| match addr {
            SocketAddr::V6(long) => Some(long.scope_id()).filter(|scope| *scope != 0),
            SocketAddr::V4(_) => None,
        });
        Self(named.into_iter().next().unwrap_or(default))
    }

    /// `addr` as the system wants it.
    pub(crate) fn apply(self, addr: SocketAddr) -> SocketAddr {
        match addr {
            SocketAddr::V6(long) if long.ip().is_unicast_link_local() && long.scope_id() == 0 => {
                SocketAddrV6::new(*long.ip(), long.port(), 0, self.0).into()
            }
            _ => addr,
        }
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

    fn link_local(label: u32, scope: u32) -> SocketAddr {
        SocketAddrV6::new("fe80::1".parse().unwrap(), 7946, label, scope).into()
    }

    #[test]
    fn an_ipv6_address_stays_but_for_flow_label_and_interface() {
        assert_eq!(canonical(link_local(5, 2)), link_local(0, 0));
        assert_eq!(mapped(link_local(0, 0)), link_local(0, 0));
    }

    #[test]
    fn a_link_local_address_goes_out_with_its_interface_and_no_other_address_does() {
        let scope = Scope::of([addr("127.0.0.1:1"), addr("[::]:1"), link_local(0, 3), link_local(0, 4)], 5);
        assert_eq!(scope.apply(link_local(0, 0)), link_local(0, 3));
        assert_eq!(scope.apply(link_local(0, 7)), link_local(0, 7));
        for other in [addr("[2001:db8::1]:1"), addr("192.0.2.1:1"), addr("[::1]:1")] {
            assert_eq!(scope.apply(other), other);
        }
        assert_eq!(Scope::of([addr("[::]:1")], 5).apply(link_local(0, 0)), link_local(0, 5));
    }
}
