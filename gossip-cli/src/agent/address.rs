//! Addresses as users write them: where to listen, where others reach this member, whom to join through.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::exit::Failure;

/// The port of an address that is written without one.
pub(crate) const DEFAULT_PORT: u16 = 7946;

/// Reads `IP or IP:PORT`; `flag` is how an error calls it.
pub(crate) fn parse(text: &str, flag: &str, default_port: u16) -> Result<SocketAddr, Failure> {
    numeric(text, default_port).ok_or_else(|| {
        Failure::input(format!("{flag} {text}: not an address"))
            .hint("write IP or IP:PORT, such as 127.0.0.1:7946 or [::1]:7946")
    })
}

/// Resolves `HOST or HOST:PORT` to an address that a socket bound to `bind` can send to.
pub(crate) async fn resolve(contact: &str, bind: SocketAddr) -> Result<SocketAddr, Failure> {
    let usable = |addr: &SocketAddr| bind.is_ipv6() || addr.is_ipv4();
    let wrong_family = || {
        Failure::input(format!("cannot join through {contact}: it has only IPv6 addresses, and {bind} is an IPv4 one"))
            .hint("bind to an IPv6 address, such as --bind [::]:7946")
    };
    if let Some(mut addr) = numeric(contact, DEFAULT_PORT) {
        check_port(contact, addr.port())?;
        if let SocketAddr::V6(long) = &mut addr {
            // The interface of a link-local address is the bound one's.
            long.set_scope_id(0);
        }
        return if usable(&addr) { Ok(addr) } else { Err(wrong_family()) };
    }
    let (host, port) = split(contact)?;
    let unresolvable = |reason: String| {
        Failure::input(format!("cannot join through {contact}: the name {host} cannot be resolved: {reason}"))
            .hint("check the spelling and the name server, or write the address: IP:PORT")
    };
    let found: Vec<SocketAddr> =
        tokio::net::lookup_host((host, port)).await.map_err(|error| unresolvable(error.to_string()))?.collect();
    if found.is_empty() {
        return Err(unresolvable("it has no address".into()));
    }
    // The family of the bound address first; a dual-stack socket reaches the other one too.
    let best = found.iter().filter(|addr| usable(addr)).min_by_key(|addr| addr.is_ipv4() != bind.is_ipv4());
    best.copied().ok_or_else(wrong_family)
}

/// The address that others reach a socket at which is bound to `bind`, if that has to be said: its port is 0 if it is the
/// bound one.
pub(crate) fn advertised(
    bind: SocketAddr,
    flag: Option<&str>,
    contacts: &[SocketAddr],
) -> Result<Option<SocketAddr>, Failure> {
    if let Some(text) = flag {
        let addr = parse(text, "--advertise", 0)?;
        if addr.ip().is_unspecified() {
            return Err(Failure::input(format!("--advertise {text}: nobody can be reached at an unspecified address"))
                .hint("name the address that other members send to"));
        }
        return Ok(Some(addr));
    }
    if !bind.ip().is_unspecified() {
        return Ok(None);
    }
    let Some(contact) = contacts.first() else {
        return Err(Failure::input(format!("--bind {bind} does not say where others reach this member")).hint(
            "add --advertise IP or IP:PORT, or --join CONTACT: the local address of the route to it is taken then",
        ));
    };
    match route_to(*contact) {
        Ok(ip) => Ok(Some(SocketAddr::new(ip, 0))),
        Err(error) => Err(Failure::failed(format!("no route to the contact {contact}: {error}"))
            .hint("add --advertise IP or IP:PORT to say where others reach this member")),
    }
}

/// The local address that packets to `contact` leave from. Connecting a UDP socket asks the routing table and sends
/// nothing.
fn route_to(contact: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if contact.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(contact)?;
    Ok(socket.local_addr()?.ip())
}

fn numeric(text: &str, default_port: u16) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    text.parse().ok().or_else(|| bare.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, default_port)))
}

fn split(contact: &str) -> Result<(&str, u16), Failure> {
    let malformed = || {
        Failure::input(format!("--join {contact}: not an address"))
            .hint("write HOST or HOST:PORT, such as seed.example.net:7946 or [::1]:7946")
    };
    let (host, port) = match contact.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| malformed())?),
        None => (contact, DEFAULT_PORT),
    };
    check_port(contact, port)?;
    if host.is_empty() || host.contains([':', '/', '[', ']', ' ']) { Err(malformed()) } else { Ok((host, port)) }
}

fn check_port(contact: &str, port: u16) -> Result<(), Failure> {
    if port == 0 { Err(Failure::input(format!("--join {contact}: nobody listens on port 0"))) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_without_a_port_gets_the_default_one() {
        assert_eq!(parse("10.0.0.1", "--bind", 7946), Ok(addr("10.0.0.1:7946")));
        assert_eq!(parse("::1", "--bind", 7946), Ok(addr("[::1]:7946")));
        assert_eq!(parse("[::1]", "--bind", 7946), Ok(addr("[::1]:7946")));
        assert_eq!(parse("10.0.0.1:0", "--bind", 7946), Ok(addr("10.0.0.1:0")));
    }

    #[test]
    fn a_strange_address_is_refused_by_its_flag() {
        for text in ["", "localhost", "1.2.3.4:x", "1.2.3.4:70000", "1.2.3"] {
            assert!(parse(text, "--bind", 1).unwrap_err().message.contains("--bind"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_contact_is_an_address_or_a_name() {
        let bind = addr("127.0.0.1:0");
        assert_eq!(resolve("127.0.0.1:5", bind).await, Ok(addr("127.0.0.1:5")));
        assert_eq!(resolve("localhost:5", bind).await, Ok(addr("127.0.0.1:5")));
        assert_eq!(resolve("localhost", bind).await, Ok(addr("127.0.0.1:7946")));
    }

    #[tokio::test]
    async fn a_contact_has_no_interface_of_its_own() {
        assert_eq!(resolve("[fe80::1%3]:5", addr("[fe80::2%3]:0")).await, Ok(addr("[fe80::1]:5")));
    }

    #[tokio::test]
    async fn a_contact_that_cannot_be_reached_is_refused_by_name() {
        for contact in ["", "a:b", ":7", "a:0", "1.2.3.4:0", "[::1", "http://x", "no-such-host.invalid:7"] {
            let failure = resolve(contact, addr("127.0.0.1:0")).await.unwrap_err();
            assert!(failure.message.contains(contact), "{contact}: {}", failure.message);
        }
        let failure = resolve("[::1]:7", addr("127.0.0.1:0")).await.unwrap_err();
        assert!(failure.message.contains("IPv6"), "{}", failure.message);
    }

    #[test]
    fn an_unspecified_bind_advertises_the_route_to_the_first_contact() {
        let bind = addr("0.0.0.0:7946");
        assert_eq!(advertised(bind, None, &[addr("127.0.0.1:9")]), Ok(Some(addr("127.0.0.1:0"))));
        assert_eq!(advertised(bind, Some("192.0.2.1:5"), &[]), Ok(Some(addr("192.0.2.1:5"))));
        assert_eq!(advertised(addr("127.0.0.1:0"), None, &[]), Ok(None));
    }

    #[test]
    fn an_unspecified_bind_without_a_contact_is_refused_with_a_hint() {
        let failure = advertised(addr("0.0.0.0:7946"), None, &[]).unwrap_err();
        assert!(failure.hint.unwrap().contains("--advertise"));
        assert!(advertised(addr("0.0.0.0:7946"), Some("0.0.0.0"), &[]).is_err());
    }
}
