//! Datagrams of one receiving system call.

use std::array;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;

use quinn_udp::RecvMeta;

use crate::address::canonical;
use crate::runtime::Datagrams;
use crate::socket::Socket;

/// How many buffers one call fills at most.
const BATCH: usize = 16;
/// And at least: of the others an idle node never touches the memory.
const MIN_BATCH: usize = 2;
/// Holds any datagram, and any number of them that the system joined: it never joins more than this (GRO). Memory that
/// no datagram was long enough to touch is never really taken.
const BUFFER_LEN: usize = 1 << 16;

pub(crate) struct Inbox {
    bytes: Vec<u8>,
    metas: [RecvMeta; BATCH],
    /// How many buffers the next call fills: twice as many as the last one did.
    breadth: usize,
    filled: usize,
    full: bool,
}

impl Inbox {
    /// With [`Inbox::scratch`] for frames of at most so many bytes.
    pub(crate) fn new(max_frame: usize) -> Self {
        Self {
            bytes: vec![0; (BATCH * BUFFER_LEN).max(max_frame)],
            metas: [RecvMeta::default(); BATCH],
            breadth: MIN_BATCH,
            filled: 0,
            full: false,
        }
    }

    /// Replaces the content by what the socket has.
    pub(crate) fn fill(&mut self, socket: &Socket<impl Datagrams>) -> io::Result<()> {
        (self.filled, self.full) = (0, false);
        let mut buffers = self.bytes.chunks_exact_mut(BUFFER_LEN);
        let mut buffers: [IoSliceMut<'_>; BATCH] =
            array::from_fn(|_| IoSliceMut::new(buffers.next().unwrap_or_default()));
        let breadth = self.breadth;
        // For a call that finds nothing, too.
        self.breadth = MIN_BATCH;
        self.filled = socket.receive(&mut buffers[..breadth], &mut self.metas[..breadth])?;
        self.full = self.filled == breadth;
        self.breadth = (self.filled * 2).clamp(MIN_BATCH, BATCH);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Whether there may be more where this came from.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Hands out each datagram, those that the system joined one by one, and forgets them.
    pub(crate) fn drain(&mut self, mut take: impl FnMut(&SocketAddr, &mut [u8])) {
        let metas = &self.metas[..self.filled];
        for (meta, buffer) in metas.iter().zip(self.bytes.chunks_exact_mut(BUFFER_LEN)) {
            split(meta.len, meta.stride, buffer, |datagram| take(&canonical(meta.addr), datagram));
        }
        self.filled = 0;
    }

    /// The memory of an inbox that was drained, for whoever needs some before it is filled again: a frame that is built there takes no
    /// pages that were not taken anyway.
    pub(crate) fn scratch(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

/// The first `len` bytes of `buffer` are datagrams of `stride` bytes each, the last one maybe shorter.
fn split(len: usize, stride: usize, buffer: &mut [u8], mut take: impl FnMut(&mut [u8])) {
    let joined = &mut buffer[..len];
    if joined.is_empty() {
        // A datagram without content is one nevertheless, for the node to count.
        take(joined);
    } else {
        joined.chunks_mut(stride.max(1)).for_each(take);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocking::Blocking;

    fn lengths(len: usize, stride: usize) -> Vec<usize> {
        let mut lengths = Vec::new();
        split(len, stride, &mut [0; 100], |datagram| lengths.push(datagram.len()));
        lengths
    }

    #[test]
    fn joined_datagrams_come_out_one_by_one() {
        assert_eq!(lengths(70, 30), [30, 30, 10]);
    }

    #[test]
    fn a_single_datagram_comes_out_whole() {
        assert_eq!(lengths(70, 70), [70]);
    }

    #[test]
    fn an_empty_datagram_is_one_datagram() {
        assert_eq!(lengths(0, 0), [0]);
    }

    #[test]
    fn a_batch_comes_in_whole_even_if_the_system_joined_it() {
        let socket = Blocking::socket("127.0.0.1:0").unwrap();
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let segments = quinn_udp::UdpSocketState::new((&sender).into()).unwrap();
        let contents: Vec<u8> = (0..4).flat_map(|number| [number; 100]).take(350).collect();
        let size = if segments.max_gso_segments() > 1 { 350 } else { 100 };
        for contents in contents.chunks(size) {
            let destination = socket.local_addr().unwrap();
            let transmit =
                quinn_udp::Transmit { destination, ecn: None, contents, segment_size: Some(100), src_ip: None };
            segments.try_send((&sender).into(), &transmit).unwrap();
        }

        let mut received = Vec::new();
        let mut inbox = Inbox::new(0);
        while received.len() < 4 {
            if inbox.fill(&socket).is_ok() {
                inbox.drain(|from, datagram| received.push((*from, datagram.to_vec())));
            }
        }
        let from = sender.local_addr().unwrap();
        let expected = contents.chunks(100).map(|datagram| (from, datagram.to_vec()));
        assert_eq!(received, expected.collect::<Vec<_>>());
    }
}
