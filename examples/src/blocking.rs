//! A node on a thread that blocks in `recv_from`, with nothing but the standard library.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use gossip_core::{Clock, Lane, Node, Transmit};

use crate::start::{Driven, node};

/// The system refuses to wait for no time at all.
const LEAST: Duration = Duration::from_millis(1);

/// A node and its socket.
#[derive(Debug)]
pub struct Blocking {
    node: Node<SocketAddr>,
    socket: UdpSocket,
    addr: SocketAddr,
    clock: Clock,
    buf: Vec<u8>,
}

impl Driven for Blocking {
    fn bind(addr: SocketAddr) -> io::Result<Self> {
        let (socket, clock) = (UdpSocket::bind(addr)?, Clock::new());
        let addr = socket.local_addr()?;
        // A longer datagram than any node sends is cut, and refused as such.
        Ok(Self { node: node(addr, &clock)?, socket, addr, clock, buf: vec![0; 65_536] })
    }

    fn turn(&mut self, most: Duration) -> io::Result<()> {
        let due = self.node.poll_timeout().map(|at| self.clock.to_std(at).saturating_duration_since(Instant::now()));
        self.socket.set_read_timeout(Some(due.unwrap_or(most).min(most).max(LEAST)))?;
        match self.socket.recv_from(&mut self.buf) {
            // What is no packet the node counts; there is nothing else to do.
            Ok((len, from)) => {
                _ = self.node.handle_packet(self.clock.now(), Lane::Datagram, &from, &mut self.buf[..len]);
            }
            Err(error) if is_nothing(&error) => (),
            Err(error) => return Err(error),
        }
        self.node.handle_timeout(self.clock.now());
        self.send();
        Ok(())
    }

    fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    fn node(&mut self) -> (&mut Node<SocketAddr>, gossip_core::Instant) {
        (&mut self.node, self.clock.now())
    }
}

impl Blocking {
    fn send(&mut self) {
        while let Some(Transmit { to, len }) = self.node.poll_transmit(self.clock.now(), Lane::Datagram, &mut self.buf)
        {
            if self.socket.send_to(&self.buf[..len], to).is_err() {
                self.node.handle_unreachable(self.clock.now(), &to);
            }
        }
    }
}

/// Nothing came in time; or some systems report here that an earlier datagram reached nobody, without saying which.
fn is_nothing(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionRefused, ConnectionReset, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted | ConnectionReset | ConnectionRefused)
}
