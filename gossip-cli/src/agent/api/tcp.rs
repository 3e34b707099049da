//! The API on a TCP port: on this machine alone, unless somebody asked for more.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};

use super::State;
use super::guard::Guard;
use super::server::{Accept, Server};
use crate::agent::address;
use crate::exit::Failure;

/// The port of `--http` when it is written without one.
const DEFAULT_PORT: u16 = 7980;

/// Where to listen; checked, so that it is a loopback address unless others were allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agent) struct HttpAddr(SocketAddr);

/// A port that nobody is served at yet.
pub(in crate::agent) struct HttpListener {
    listener: TcpListener,
    addr: SocketAddr,
}

impl HttpAddr {
    /// Reads `IP[:PORT]`; `flag` is how an error calls it.
    pub(in crate::agent) fn parse(text: &str, flag: &str, allow_remote: bool) -> Result<Self, Failure> {
        let addr = address::parse(text, flag, DEFAULT_PORT)?;
        if !addr.ip().is_loopback() && !allow_remote {
            return Err(Failure::input(format!("{flag} {text}: not an address of the loopback device")).hint(
                "there is no password: whoever reaches this port can read and write everything and stop the agent. \
                 Listen at 127.0.0.1, with a proxy before it that knows its users, or say --http-allow-remote",
            ));
        }
        Ok(Self(addr))
    }

    pub(in crate::agent) async fn bind(self) -> Result<HttpListener, Failure> {
        let cannot = |error: io::Error| {
            Failure::failed(format!("cannot listen at {} for HTTP: {error}", self.0))
                .hint("--http IP:0 takes a free port; another agent may have this one")
        };
        let listener = TcpListener::bind(self.0).await.map_err(cannot)?;
        let addr = listener.local_addr().map_err(cannot)?;
        if !addr.ip().is_loopback() {
            tracing::warn!(
                "HTTP at {addr} without a password: whoever can reach this port can read and write everything and stop \
                 the agent; keep it inside a network you trust"
            );
        }
        Ok(HttpListener { listener, addr })
    }
}

impl HttpListener {
    /// The bound address.
    pub(in crate::agent) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Starts answering.
    pub(in crate::agent) fn serve(self, state: Arc<State>) -> Server {
        let guard = if self.addr.ip().is_loopback() { Guard::Loopback } else { Guard::Remote };
        Server::start(self.listener, (), guard, state)
    }
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = Self::accept(self).await?;
        // Answers are written whole: waiting for more to send with them gains nothing.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_must_be_allowed() {
        for text in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1"] {
            let failure = HttpAddr::parse(text, "--http", false).unwrap_err();
            assert!(failure.message.contains(text) && failure.hint.unwrap().contains("--http-allow-remote"));
            assert!(HttpAddr::parse(text, "--http", true).is_ok());
        }
    }

    #[test]
    fn a_loopback_address_needs_no_more_and_may_lack_its_port() {
        for text in ["127.0.0.1", "127.0.0.1:7980"] {
            assert_eq!(HttpAddr::parse(text, "--http", false).unwrap().0, "127.0.0.1:7980".parse().unwrap());
        }
        assert!(HttpAddr::parse("[::1]:0", "--http", false).is_ok());
        assert!(HttpAddr::parse("localhost", "--http", false).is_err());
    }
}
