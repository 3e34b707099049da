//! The system calls of the bare loop and of the load: those of `gossip-udp`, from the same libraries.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use rustix::time::{ClockId, clock_gettime};

/// The system joins datagrams (GRO) to no more than this.
const BUFFER_LEN: usize = 1 << 16;

/// A socket and what `quinn_udp` knows of it.
pub(crate) struct Socket {
    pub(crate) io: UdpSocket,
    state: UdpSocketState,
}

/// Room for the datagrams of one call.
pub(crate) struct Batch {
    bytes: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl Socket {
    /// At any free port, as large as the system lets it be.
    pub(crate) fn open() -> io::Result<Self> {
        let io = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let state = UdpSocketState::new((&io).into())?;
        for refused in
            [state.set_recv_buffer_size((&io).into(), 4 << 20), state.set_send_buffer_size((&io).into(), 4 << 20)]
        {
            refused?;
        }
        Ok(Self { io, state })
    }

    /// How many datagrams were there, joined ones counted once; 0: none.
    pub(crate) fn receive(&self, batch: &mut Batch) -> io::Result<usize> {
        let mut buffers = batch.bytes.chunks_exact_mut(BUFFER_LEN);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(buffers.next().unwrap_or_default()));
        match self.state.recv((&self.io).into(), &mut buffers, &mut batch.metas) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            received => received,
        }
    }

    /// Sends all of them, and waits where the socket is full.
    pub(crate) fn send(&self, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<()> {
        let mut sent = 0;
        while sent < datagrams.len() {
            let (addrs, contents): (Vec<SocketAddrAny>, Vec<[IoSlice<'_>; 1]>) =
                datagrams[sent..].iter().map(|(to, bytes)| (SocketAddrAny::from(*to), [IoSlice::new(bytes)])).unzip();
            let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> = Vec::new();
            controls.resize_with(addrs.len(), SendAncillaryBuffer::default);
            let mut messages: Vec<MMsgHdr<'_>> = addrs
                .iter()
                .zip(&contents)
                .zip(&mut controls)
                .map(|((addr, content), control)| MMsgHdr::new_with_addr(addr, content, control))
                .collect();
            match sendmmsg(&self.io, &mut messages, SendFlags::DONTWAIT) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait(&mut [PollFd::new(&self.io, PollFlags::OUT)])?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; BATCH_SIZE * BUFFER_LEN], metas: [RecvMeta::default(); BATCH_SIZE] }
    }

    /// The datagrams of the last call, which found `received`, and their senders.
    pub(crate) fn datagrams(&self, received: usize) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let filled = self.metas[..received].iter().zip(self.bytes.chunks_exact(BUFFER_LEN));
        filled.flat_map(|(meta, buffer)| buffer[..meta.len].chunks(meta.stride.max(1)).map(|bytes| (meta.addr, bytes)))
    }
}

/// Waits for one of the sockets, or a moment.
pub(crate) fn wait(sockets: &mut [PollFd<'_>]) -> io::Result<usize> {
    let moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    match poll(sockets, Some(&moment)) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error.into()),
        ready => Ok(ready.unwrap_or(0)),
    }
}

/// Processor time so far, of the whole process or of this thread.
pub(crate) fn processor_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
