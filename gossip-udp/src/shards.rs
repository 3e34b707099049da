//! The sockets of a node: one, or several that share its port.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use crate::runtime::Datagrams;
use crate::socket::Socket;

/// So many share a port at most.
const MAX: usize = 64;

pub(crate) struct Sockets<D> {
    /// What is sent goes by it, and what comes of that comes back to it.
    first: Socket<D>,
    others: Vec<Socket<D>>,
}

impl<D: Datagrams> Sockets<D> {
    /// With so many in all, of which `open` opens the further ones at the address of the first.
    pub(crate) fn new(
        first: Socket<D>,
        shards: usize,
        open: impl Fn(SocketAddr) -> io::Result<Socket<D>>,
    ) -> io::Result<Self> {
        if !(1..=MAX).contains(&shards) {
            let problem = format!("`shards` is {shards}: from 1 to {MAX} sockets share a port");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let mut others = Vec::new();
        if shards > 1 {
            first.share_port()?;
            let addr = first.local_addr()?;
            others = (1..shards).map(|_| open(addr)).collect::<io::Result<_>>()?;
        }
        Ok(Self { first, others })
    }

    pub(crate) fn first(&self) -> &Socket<D> {
        &self.first
    }

    /// The sockets over and over, each once in every [`Self::len`] turns.
    pub(crate) fn at(&self, turn: usize) -> &Socket<D> {
        (turn % self.len()).checked_sub(1).map_or(&self.first, |other| &self.others[other])
    }

    pub(crate) fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// Ready when one of them is.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut ready = self.first.poll_readable(cx).is_ready();
        for socket in &self.others {
            ready |= socket.poll_readable(cx).is_ready();
        }
        if ready { Poll::Ready(()) } else { Poll::Pending }
    }
}
