//! What Linux can do in one system call, and what it knows of undelivered datagrams.

use std::io::{self, IoSlice, IoSliceMut};
use std::iter;
use std::net::SocketAddr;

use quinn_udp::UdpSocketState;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    MMsgHdr, RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags, SocketAddrAny, recvmsg, sendmmsg, sendto,
};
use socket2::Socket;

/// Whether [`next_unreachable`] ever says anything. Reports that nobody reads would fill the socket's receive buffer.
pub(crate) const READS_REPORTS: bool = true;

/// Sends as many of `datagrams` as the socket takes and says how many; an error concerns the first one.
pub(crate) fn send<'a>(
    socket: &Socket,
    _: &UdpSocketState,
    datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
) -> io::Result<usize> {
    let mut datagrams = datagrams.peekable();
    let Some((to, bytes)) = datagrams.next() else { return Ok(0) };
    if datagrams.peek().is_none() {
        retry_on_intr(|| sendto(socket, bytes, SendFlags::DONTWAIT, &to))?;
        return Ok(1);
    }
    let (addrs, contents): (Vec<SocketAddrAny>, Vec<[IoSlice<'_>; 1]>) = iter::once((to, bytes))
        .chain(datagrams)
        .map(|(to, bytes)| (SocketAddrAny::from(to), [IoSlice::new(bytes)]))
        .unzip();
    let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> = Vec::new();
    controls.resize_with(addrs.len(), SendAncillaryBuffer::default);
    let mut messages: Vec<MMsgHdr<'_>> = addrs
        .iter()
        .zip(&contents)
        .zip(&mut controls)
        .map(|((addr, content), control)| MMsgHdr::new_with_addr(addr, content, control))
        .collect();
    let sent = retry_on_intr(|| sendmmsg(socket, &mut messages, SendFlags::DONTWAIT))?;
    Ok(sent)
}

/// The next peer that an ICMP error says is not there, from the socket's error queue (ip(7), `IP_RECVERR`).
pub(crate) fn next_unreachable(socket: &Socket) -> Option<SocketAddr> {
    let mut content = [0; 1];
    let mut nothing = RecvAncillaryBuffer::default();
    let flags = RecvFlags::ERRQUEUE | RecvFlags::DONTWAIT;
    // The details of the error are cut off: the address alone, where the datagram was to go, is what counts.
    let report = retry_on_intr(|| recvmsg(socket, &mut [IoSliceMut::new(&mut content)], &mut nothing, flags)).ok()?;
    SocketAddr::try_from(report.address?).ok()
}

/// Lets further sockets of this user be bound where this one is, which share what comes by who sent it (socket(7), `SO_REUSEPORT`).
pub(crate) fn share_port(socket: &Socket) -> io::Result<()> {
    Ok(rustix::net::sockopt::set_socket_reuseport(socket, true)?)
}

/// The way out is full; the datagram may go later. With `IP_RECVERR` Linux says so instead of dropping it in silence.
pub(crate) fn is_congestion(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOBUFS | Errno::NOMEM))
}
