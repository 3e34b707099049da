//! A node in an event loop of one's own: `mio` tells when the socket is ready, and other sources may wait beside it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gossip_core::{Clock, Lane, Node, Transmit};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use crate::start::{Driven, node};

/// How many datagrams one turn takes in: the timers have their turn, too.
const BATCH: usize = 64;

/// A node, its socket and what waits for it.
#[derive(Debug)]
pub struct Polled {
    node: Node<SocketAddr>,
    socket: UdpSocket,
    addr: SocketAddr,
    poll: Poll,
    ready: Events,
    clock: Clock,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// A packet that the socket had no room for: no other is built before it is gone.
    unsent: Option<Transmit<SocketAddr>>,
    /// The socket may have more: it says so once, when something comes.
    has_more: bool,
}

impl Driven for Polled {
    fn bind(addr: SocketAddr) -> io::Result<Self> {
        let (mut socket, clock, poll) = (UdpSocket::bind(addr)?, Clock::new(), Poll::new()?);
        let addr = socket.local_addr()?;
        poll.registry().register(&mut socket, Token(0), Interest::READABLE | Interest::WRITABLE)?;
        let node = node(addr, &clock)?;
        let outgoing = vec![0; node.config().transport.datagram_mtu];
        let (ready, incoming) = (Events::with_capacity(8), vec![0; 65_536]);
        Ok(Self { node, socket, addr, poll, ready, clock, incoming, outgoing, unsent: None, has_more: true })
    }

    fn turn(&mut self, most: Duration) -> io::Result<()> {
        let due = self.node.poll_timeout().map(|at| self.clock.to_std(at).saturating_duration_since(Instant::now()));
        let wait = if self.has_more { Duration::ZERO } else { due.unwrap_or(most).min(most) };
        match self.poll.poll(&mut self.ready, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            other => other?,
        }
        self.has_more |= self.ready.iter().any(|event| event.is_readable());
        self.receive();
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

impl Polled {
    fn receive(&mut self) {
        for _ in 0..BATCH {
            match self.socket.recv_from(&mut self.incoming) {
                // What is no packet the node counts; there is nothing else to do.
                Ok((len, from)) => {
                    let packet = &mut self.incoming[..len];
                    _ = self.node.handle_packet(self.clock.now(), Lane::Datagram, &from, packet);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.has_more = false,
                // Some systems report here that an earlier datagram reached nobody, without saying which.
                Err(_) => (),
            }
        }
    }

    fn send(&mut self) {
        loop {
            let now = self.clock.now();
            let next = self.unsent.take().or_else(|| self.node.poll_transmit(now, Lane::Datagram, &mut self.outgoing));
            let Some(transmit) = next else { return };
            match self.socket.send_to(&self.outgoing[..transmit.len], transmit.to) {
                Ok(_) => (),
                // The poll tells when there is room again.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.unsent = Some(transmit),
                Err(_) => self.node.handle_unreachable(now, &transmit.to),
            }
        }
    }
}
