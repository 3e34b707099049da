//! A subscription to what a node tells its application.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use gossip_core::Event;

use crate::hub::Queue;

/// One subscription, from [`crate::Handle::events`]: everything that happens from then on, in order.
///
/// At most `Config::max_events` events wait to be read. At the limit the newest are dropped, and in their place stands
/// one [`Event::Lagged`] with their number; the member table and the map hold the current state. Also a
/// [`futures_core::Stream`].
#[derive(Debug)]
pub struct Events<P> {
    queue: Arc<Queue<P>>,
}

impl<P> Events<P> {
    pub(crate) fn new(queue: Arc<Queue<P>>) -> Self {
        Self { queue }
    }

    /// Waits for the next event. `None`: the node is closed, and everything that happened before was read.
    ///
    /// Cancel safe: a call that is dropped before it returns takes no event with it.
    pub async fn recv(&mut self) -> Option<Event<P>> {
        poll_fn(|cx| self.queue.poll_next(cx)).await
    }

    /// The next event if one is waiting.
    pub fn try_recv(&mut self) -> Option<Event<P>> {
        self.queue.try_next()
    }
}

impl<P> Stream for Events<P> {
    type Item = Event<P>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event<P>>> {
        self.queue.poll_next(cx)
    }
}
