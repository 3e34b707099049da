//! Waiting for others to acknowledge a write.

use gossip_core::kv::{Acks, Version};
use gossip_core::{Event, NodeId, Peer};

use crate::events::Events;
use crate::handle::Handle;

/// A write whose acknowledgements are awaited, from [`Handle::awaited`]. Dropped, it is awaited no longer.
#[derive(Debug)]
pub struct Awaited<P: Peer> {
    handle: Handle<P>,
    version: Version,
    events: Events<P>,
}

impl<P: Peer> Awaited<P> {
    pub(crate) fn new(handle: Handle<P>, version: Version, events: Events<P>) -> Self {
        Self { handle, version, events }
    }

    /// Waits until as many have acknowledged as were to, without a limit of its own. Whether they have: not if the node
    /// is closed before, or the write is not awaited. Cancel safe.
    pub async fn enough(&mut self) -> bool {
        loop {
            if let Some(enough) = self.look(|acks| acks.is_enough()).filter(|enough| *enough) {
                return enough;
            }
            // Those of other writes come too, and whether this one's was missed the node knows.
            match self.events.recv().await {
                Some(Event::Left) | None => return self.look(|acks| acks.is_enough()).unwrap_or(false),
                Some(_) => {}
            }
        }
    }

    /// Who has it and who, of those that were alive when it was asked, has not; both ascending by id.
    pub fn have_and_missing(&self) -> (Vec<NodeId>, Vec<NodeId>) {
        self.look(|acks| (acks.have().collect(), acks.missing().collect())).unwrap_or_default()
    }

    fn look<R>(&self, f: impl FnOnce(Acks<'_>) -> R) -> Option<R> {
        self.handle.shared().read(|state| state.node.kv().acks(self.version).map(f))
    }
}

impl<P: Peer> Drop for Awaited<P> {
    fn drop(&mut self) {
        self.handle.with(|node, now| node.kv_mut(now).forget_acks(self.version));
    }
}
