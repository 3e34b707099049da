//! Systems without `sendmmsg` and without an error queue.

use std::io;
use std::net::SocketAddr;

use quinn_udp::{Transmit, UdpSocketState};
use socket2::Socket;

/// Whether [`next_unreachable`] ever says anything.
pub(crate) const READS_REPORTS: bool = false;

/// `ENOBUFS` of the BSDs and macOS, and Windows' `WSAENOBUFS`.
const NO_BUFFERS: i32 = if cfg!(windows) { 10_055 } else { 55 };

/// Sends the first of `datagrams`.
pub(crate) fn send<'a>(
    socket: &Socket,
    state: &UdpSocketState,
    mut datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
) -> io::Result<usize> {
    let Some((destination, contents)) = datagrams.next() else { return Ok(0) };
    let transmit = Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None };
    state.try_send(socket.into(), &transmit).map(|()| 1)
}

/// Nothing is known of undelivered datagrams.
pub(crate) fn next_unreachable(_: &Socket) -> Option<SocketAddr> {
    None
}

/// The way out is full; the datagram may go later.
pub(crate) fn is_congestion(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory || error.raw_os_error() == Some(NO_BUFFERS)
}

/// Elsewhere the last socket takes all, or it is not to be had.
pub(crate) fn share_port(_: &Socket) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "several sockets share a port on Linux alone: set `shards` to 1"))
}
