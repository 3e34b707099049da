//! Who may ask what: the socket's file says it for its owner; on a TCP port any program may ask, but no web page.
//!
//! A page that a browser has open can send requests to ports of the browser's machine. So on TCP a request with an
//! `Origin`, which browsers add to whatever a page may write with, is refused; a write must carry a header that no page
//! can add without asking first, which is never allowed here; and on the loopback device the `Host` must not be a name
//! other than `localhost`, for a page's own name may be made to lead here.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hyper::Method;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, ORIGIN};
use hyper::http::request::Parts;

use super::error::ApiError;

/// The header that marks a write which has no JSON body; its value does not matter.
const MARK: &str = "x-gossip-request";

/// What a listener's clients may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// The Unix socket, which is its owner's alone.
    Owner,
    /// A port of the loopback device.
    Loopback,
    /// A port that other machines reach.
    Remote,
}

/// Why a request or a connection was refused before it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It came from a web page.
    Origin,
    /// It was meant for another host.
    Host,
    /// A write without the mark of a program.
    Unmarked,
    /// There were as many connections as are served at once.
    TooMany,
}

impl Refusal {
    pub(super) const ALL: [Self; 4] = [Self::Origin, Self::Host, Self::Unmarked, Self::TooMany];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Host => "host",
            Self::Unmarked => "unmarked",
            Self::TooMany => "too_many_connections",
        }
    }

    fn error(self) -> ApiError {
        let (message, hint) = match self {
            Self::Origin => {
                ("requests of web pages are refused", "this API is for programs: leave the header `Origin` out")
            }
            Self::Host => ("the header `Host` names another host", "write the address, or `localhost`"),
            Self::Unmarked => (
                "a write needs the header `Content-Type: application/json` or `X-Gossip-Request`",
                "such as curl -H 'X-Gossip-Request: 1'; it shows that no web page sent the request",
            ),
            Self::TooMany => ("too many connections", "close some"),
        };
        ApiError::input(message).with_status(StatusCode::FORBIDDEN).hint(hint)
    }
}

/// How often requests and connections were refused, by reason.
#[derive(Debug, Default)]
pub(super) struct Refused([AtomicU64; Refusal::ALL.len()]);

impl Refused {
    pub(super) fn count(&self, refusal: Refusal) -> u64 {
        self.0[refusal as usize].load(Relaxed)
    }

    pub(super) fn refuse_connection(&self) {
        self.add(Refusal::TooMany);
    }

    fn add(&self, refusal: Refusal) {
        self.0[refusal as usize].fetch_add(1, Relaxed);
    }
}

impl Guard {
    /// Refuses what must not even be looked at.
    pub(super) fn check(self, head: &Parts, refused: &Refused) -> Result<(), ApiError> {
        self.refusal(head).map_or(Ok(()), |refusal| {
            refused.add(refusal);
            Err(refusal.error())
        })
    }

    /// How many connections are served at once; one more is closed at once.
    pub(super) fn max_connections(self) -> usize {
        if self == Self::Owner { 1024 } else { 64 }
    }

    /// The longest body, in bytes: through the socket more than a map can hold in one import, or the longest message as digits, through a port so much
    /// that all connections together cannot take the machine's memory.
    pub(super) fn max_body(self) -> usize {
        if self == Self::Owner { 80 << 20 } else { 1 << 20 }
    }

    /// How long a client may read nothing of what is there for it: an answer may be large, and is held until it is read.
    /// The owner may look away for as long as they like.
    pub(super) fn patience(self) -> Option<Duration> {
        (self != Self::Owner).then_some(Duration::from_secs(60))
    }

    fn refusal(self, head: &Parts) -> Option<Refusal> {
        if self == Self::Owner {
            None
        } else if head.headers.contains_key(ORIGIN) {
            Some(Refusal::Origin)
        } else if self == Self::Loopback && !is_meant_for_here(head) {
            Some(Refusal::Host)
        } else if !matches!(head.method, Method::GET | Method::HEAD) && !is_marked(&head.headers) {
            Some(Refusal::Unmarked)
        } else {
            None
        }
    }
}

fn is_meant_for_here(head: &Parts) -> bool {
    let named = head.headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
    let Some(host) = head.uri.authority().map(|authority| authority.as_str()).or(named) else { return true };
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let bare = bare.unwrap_or_default();
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

fn is_marked(headers: &HeaderMap) -> bool {
    let json = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    json || headers.contains_key(MARK)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn refusal(guard: Guard, method: &Method, headers: &[(&str, &str)]) -> Option<Refusal> {
        let builder = Request::builder().method(method).uri("/v1/info");
        let request = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        guard.refusal(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_write_over_tcp_needs_what_no_page_can_send() {
        for guard in [Guard::Loopback, Guard::Remote] {
            for method in [Method::POST, Method::PUT, Method::DELETE] {
                assert_eq!(refusal(guard, &method, &[]), Some(Refusal::Unmarked));
                for simple in
                    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; x=application/json"]
                {
                    assert_eq!(refusal(guard, &method, &[("content-type", simple)]), Some(Refusal::Unmarked));
                }
                assert_eq!(refusal(guard, &method, &[("content-type", "Application/JSON; charset=utf-8")]), None);
                assert_eq!(refusal(guard, &method, &[("x-gossip-request", "1")]), None);
            }
        }
    }

    #[test]
    fn a_page_is_refused_even_if_it_reads() {
        for origin in ["http://example.net", "http://127.0.0.1:7980", "null"] {
            assert_eq!(refusal(Guard::Loopback, &Method::GET, &[("origin", origin)]), Some(Refusal::Origin));
        }
    }

    #[test]
    fn on_the_loopback_device_a_name_that_was_made_to_lead_here_is_refused() {
        for host in ["example.net", "example.net:7980", "localhost.example.net", "", "[", "\u{e4}"] {
            assert_eq!(refusal(Guard::Loopback, &Method::GET, &[("host", host)]), Some(Refusal::Host), "{host}");
        }
        for host in ["localhost:7980", "LOCALHOST", "127.0.0.1:7980", "[::1]:7980", "[::1]", "192.0.2.1"] {
            assert_eq!(refusal(Guard::Loopback, &Method::GET, &[("host", host)]), None, "{host}");
        }
        assert_eq!(refusal(Guard::Remote, &Method::GET, &[("host", "gossip.example.net")]), None);
    }

    #[test]
    fn the_owner_of_the_socket_needs_no_mark() {
        assert_eq!(refusal(Guard::Owner, &Method::DELETE, &[("host", "gossip")]), None);
    }
}
