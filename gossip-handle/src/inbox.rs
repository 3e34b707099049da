//! Direct messages on their way to whoever reads them: a bounded queue for each port that is read.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use gossip_core::direct::Direct;
use gossip_core::wire::direct::PORTS;
use gossip_core::{Node, Peer};

/// The direct messages of one port, from [`crate::Handle::inbox`]. Also a [`futures_core::Stream`].
///
/// Nothing that was taken is dropped: while it is full, and after it is dropped, senders are told that the inbox is full.
#[derive(Debug)]
pub struct Inbox {
    queue: Arc<Queue>,
}

impl Inbox {
    /// Waits for the next message. `None`: the node is closed, and everything that arrived before was read.
    ///
    /// Cancel safe: a call that is dropped before it returns takes no message with it.
    pub async fn recv(&mut self) -> Option<Direct> {
        poll_fn(|cx| self.queue.poll_next(cx)).await
    }

    /// The next message if one is waiting.
    pub fn try_recv(&mut self) -> Option<Direct> {
        self.queue.lock().waiting.pop_front()
    }

    /// How many messages wait to be read.
    pub fn waiting(&self) -> usize {
        self.queue.lock().waiting.len()
    }
}

impl Stream for Inbox {
    type Item = Direct;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Direct>> {
        self.queue.poll_next(cx)
    }
}

/// All inboxes of one node, at most one for each port.
#[derive(Debug, Default)]
pub(crate) struct Inboxes {
    ports: [Option<Arc<Queue>>; PORTS as usize],
    closed: bool,
}

impl Inboxes {
    /// Opens the inbox of a port; none if it is open already, or if there is no such port.
    pub(crate) fn open(&mut self, port: u8, capacity: usize) -> Option<Inbox> {
        let place = self.ports.get_mut(usize::from(port))?;
        if place.as_ref().is_some_and(|queue| queue.is_read()) {
            return None;
        }
        let inner = Inner { waiting: VecDeque::new(), closed: self.closed, reader: None };
        let queue = Arc::new(Queue { capacity, inner: Mutex::new(inner) });
        *place = Some(Arc::clone(&queue));
        Some(Inbox { queue })
    }

    /// Tells the node what there is room for. To be called before each packet that it is handed.
    pub(crate) fn tell_rooms<P: Peer>(&self, node: &mut Node<P>) {
        for (port, queue) in (0..).zip(&self.ports) {
            let queue = queue.as_ref().filter(|queue| queue.is_read());
            node.set_inbox_room(port, queue.map_or(0, |queue| queue.room()));
        }
    }

    pub(crate) fn deliver(&mut self, message: Direct, woken: &mut Vec<Waker>) {
        // The node was told the room: there is some.
        if let Some(Some(queue)) = self.ports.get(usize::from(message.port)) {
            let mut inner = queue.lock();
            inner.waiting.push_back(message);
            woken.extend(inner.reader.take());
        }
    }

    /// Ends all inboxes: what waits may still be read.
    pub(crate) fn close(&mut self, woken: &mut Vec<Waker>) {
        self.closed = true;
        for queue in self.ports.iter_mut().filter_map(Option::take) {
            let mut inner = queue.lock();
            inner.closed = true;
            woken.extend(inner.reader.take());
        }
    }
}

/// It has its own lock, so that reading never waits for the node.
struct Queue {
    capacity: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    /// At most `capacity`.
    waiting: VecDeque<Direct>,
    closed: bool,
    reader: Option<Waker>,
}

impl Queue {
    fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Direct>> {
        let mut inner = self.lock();
        if let Some(message) = inner.waiting.pop_front() {
            return Poll::Ready(Some(message));
        }
        if inner.closed {
            return Poll::Ready(None);
        }
        match &mut inner.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            reader @ None => *reader = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    fn room(&self) -> usize {
        self.capacity.saturating_sub(self.lock().waiting.len())
    }

    /// Whether its [`Inbox`] is still there.
    fn is_read(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > 1
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        f.debug_struct("Queue").field("waiting", &inner.waiting.len()).field("closed", &inner.closed).finish()
    }
}
