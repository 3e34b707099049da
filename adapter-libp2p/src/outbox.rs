//! What waits to be sent to one peer.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use asynchronous_codec::Bytes;
use atomic_waker::AtomicWaker;
use gossip_core::Lane;

/// The packets for one peer, a bounded queue for each lane: filled by the behaviour, emptied by the one connection that
/// carries them. What is old is worth least in gossip, so that a full queue drops its oldest.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "part of the interface of the handler")]
pub struct Outbox {
    limits: [usize; 2],
    queues: Mutex<[VecDeque<Bytes>; 2]>,
    connection: AtomicWaker,
}

impl Outbox {
    /// `limits` are packets for each lane, the datagram lane first.
    pub(crate) fn new(limits: [usize; 2]) -> Self {
        Self { limits, queues: Mutex::default(), connection: AtomicWaker::new() }
    }

    /// Queues a packet and wakes the connection; says how many older ones had to go for it.
    pub(crate) fn push(&self, lane: Lane, packet: Bytes) -> u64 {
        let mut queues = self.lock();
        let queue = &mut queues[lane as usize];
        let excess = (queue.len() + 1).saturating_sub(self.limits[lane as usize].max(1));
        queue.drain(..excess);
        queue.push_back(packet);
        drop(queues);
        self.connection.wake();
        excess as u64
    }

    pub(crate) fn pop(&self, lane: Lane) -> Option<Bytes> {
        self.lock()[lane as usize].pop_front()
    }

    /// Forgets what waits for a lane; says how much that was.
    pub(crate) fn clear(&self, lane: Lane) -> u64 {
        self.lock()[lane as usize].drain(..).count() as u64
    }

    pub(crate) fn is_empty(&self, lane: Lane) -> bool {
        self.lock()[lane as usize].is_empty()
    }

    /// Whom the next [`Outbox::push`] wakes.
    pub(crate) fn register(&self, connection: &Waker) {
        self.connection.register(connection);
    }

    fn lock(&self) -> MutexGuard<'_, [VecDeque<Bytes>; 2]> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_its_oldest_and_says_so() {
        let outbox = Outbox::new([2, 1]);
        let dropped = [b"a", b"b", b"c"].map(|packet| outbox.push(Lane::Datagram, Bytes::from_static(packet)));
        assert_eq!(dropped, [0, 0, 1]);
        assert_eq!(outbox.push(Lane::Stream, Bytes::from_static(b"large")), 0);
        assert_eq!(outbox.pop(Lane::Datagram).as_deref(), Some(b"b".as_slice()));
        assert_eq!(outbox.pop(Lane::Datagram).as_deref(), Some(b"c".as_slice()));
        assert!(outbox.is_empty(Lane::Datagram) && outbox.clear(Lane::Stream) == 1);
    }
}
