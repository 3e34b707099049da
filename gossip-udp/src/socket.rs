//! The UDP socket: how it is opened, and its batched system calls.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::task::{Context, Poll};

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, SockRef, Type};

use crate::address::{Scope, canonical, mapped};
use crate::outbox::Waiting;
use crate::platform;
use crate::runtime::Datagrams;

/// How many connections wait in the system to be taken.
const BACKLOG: i32 = 1024;
/// How many bytes of a connection wait in the system to be read.
const RECEIVE_BUFFER: usize = 256 << 10;

pub(crate) struct Socket<D> {
    io: D,
    state: UdpSocketState,
    /// Of the IPv6 family: IPv4 addresses are mapped.
    ipv6: bool,
    scope: Scope,
}

impl<D: Datagrams> Socket<D> {
    /// Opens a socket at `addr`, of which it is a further one if it `joins` those there; `[::]` takes IPv4 as well.
    pub(crate) fn open(
        addr: SocketAddr,
        scope: Scope,
        buffer: usize,
        joins: bool,
        take_over: impl FnOnce(UdpSocket) -> io::Result<D>,
    ) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        if addr.is_ipv6() {
            socket.set_only_v6(!addr.ip().is_unspecified())?;
        }
        // Whatever the system grants: it caps some values in silence and refuses others.
        for refused in [socket.set_recv_buffer_size(buffer), socket.set_send_buffer_size(buffer)] {
            if let Err(error) = refused {
                tracing::debug!(buffer, "the socket keeps its buffer size: {error}");
            }
        }
        socket.set_nonblocking(true)?;
        if joins {
            platform::share_port(&socket)?;
        }
        socket.bind(&scope.apply(addr).into())?;
        let state = UdpSocketState::new((&socket).into())?;
        if platform::READS_REPORTS
            && let Err(error) = state.enable_transport_errors((&socket).into())
        {
            tracing::debug!("no reports of undelivered datagrams: {error}");
        }
        let io = take_over(socket.into())?;
        Ok(Self { io, state, ipv6: addr.is_ipv6(), scope })
    }

    /// From now on further sockets may join this one, which had the port alone when it was opened.
    pub(crate) fn share_port(&self) -> io::Result<()> {
        platform::share_port(&self.io.socket())
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        let local = self.io.socket().local_addr()?.as_socket();
        local.map(canonical).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.io.poll_readable(cx)
    }

    /// Waits until the system reports an undelivered datagram.
    pub(crate) async fn reported(&self) {
        self.io.reported().await;
    }

    /// Fills `buffers` with datagrams, or joined datagrams, and `metas` with their lengths and senders.
    pub(crate) fn receive(&self, buffers: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> io::Result<usize> {
        let socket: SockRef<'_> = self.io.socket();
        self.io.try_receive(|| self.state.recv(UdpSockRef::from(&*socket), buffers, metas))
    }

    /// Sends one or more of the waiting datagrams and says how many; an error concerns the first one.
    ///
    /// The socket is asked, not the runtime: an error report makes some hold it for writable for good.
    pub(crate) fn send(&self, waiting: Waiting<'_>) -> io::Result<usize> {
        let address = |to| if self.ipv6 { self.scope.apply(mapped(to)) } else { to };
        let datagrams = waiting.iter().map(|(to, bytes)| (address(to), bytes));
        platform::send(&self.io.socket(), &self.state, datagrams)
    }

    /// The next peer that the system could not deliver to, if it knows of any.
    pub(crate) fn next_unreachable(&self) -> Option<SocketAddr> {
        let socket = self.io.socket();
        let report = || platform::next_unreachable(&socket).ok_or_else(|| io::ErrorKind::WouldBlock.into());
        self.io.try_report(report).ok().map(canonical)
    }
}

/// Opens a TCP listener at the address of a datagram socket.
pub(crate) fn listen(addr: SocketAddr, scope: Scope) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    // What the connections of a former life have left behind must not keep this one away. (Elsewhere it would let two
    // listen at one address.)
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Connections inherit it: what one of them may leave in the system unread.
    if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER) {
        tracing::debug!("connections keep their buffer size: {error}");
    }
    socket.set_nonblocking(true)?;
    socket.bind(&scope.apply(addr).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
