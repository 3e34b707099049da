//! One way to a peer: the frames that wait for its connection.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::signal::Signal;

/// Shared by the node's task, which puts frames in, and by the connection, which sends them.
#[derive(Debug)]
pub(super) struct Link {
    queue: Mutex<Queue>,
    /// The bytes that wait for all peers.
    total: Arc<AtomicUsize>,
    changed: Signal,
    garbage: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    closed: bool,
}

impl Link {
    pub(super) fn new(total: Arc<AtomicUsize>) -> Self {
        Self { queue: Mutex::default(), total, changed: Signal::default(), garbage: AtomicBool::new(false) }
    }

    /// Queues a frame; whether there was room.
    pub(super) fn push(&self, frame: Vec<u8>, max: usize, max_total: usize) -> bool {
        let mut queue = self.lock();
        let (bytes, total) = (queue.bytes + frame.len(), self.total.load(Relaxed) + frame.len());
        if queue.closed || bytes > max || total > max_total {
            return false;
        }
        self.total.fetch_add(frame.len(), Relaxed);
        queue.bytes = bytes;
        queue.frames.push_back(frame);
        drop(queue);
        self.changed.raise();
        true
    }

    /// The next frame to send.
    pub(super) fn pop(&self) -> Option<Vec<u8>> {
        let mut queue = self.lock();
        let frame = queue.frames.pop_front()?;
        queue.bytes -= frame.len();
        self.total.fetch_sub(frame.len(), Relaxed);
        Some(frame)
    }

    /// Takes no frame any more; how many were left.
    pub(super) fn close(&self) -> usize {
        let mut queue = self.lock();
        queue.closed = true;
        let left = std::mem::take(&mut queue.frames).len();
        self.total.fetch_sub(std::mem::take(&mut queue.bytes), Relaxed);
        left
    }

    /// What came over the connection was no packet of this cluster.
    pub(super) fn refuse(&self) {
        self.garbage.store(true, Relaxed);
        self.changed.raise();
    }

    pub(super) fn is_refused(&self) -> bool {
        self.garbage.load(Relaxed)
    }

    /// Ready if a frame was queued, or the peer refused, since the last time.
    pub(super) fn poll_changed(&self, cx: &Context<'_>) -> Poll<()> {
        self.changed.poll_taken(cx)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_waits_than_may_for_one_peer_and_for_all() {
        let total = Arc::default();
        let [a, b] = [Link::new(Arc::clone(&total)), Link::new(Arc::clone(&total))];
        let push = |link: &Link| link.push(vec![0; 40], 100, 150);
        assert_eq!([push(&a), push(&a), push(&a)], [true, true, false], "for one peer");
        assert_eq!([push(&b), push(&b)], [true, false], "for all");
        assert!(a.pop().is_some() && push(&b));
        assert_eq!((a.close(), b.close(), total.load(Relaxed)), (1, 2, 0));
        assert!(!push(&a), "closed");
    }
}
