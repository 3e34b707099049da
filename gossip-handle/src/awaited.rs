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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use gossip_core::kv::{Quorum, Scope};
    use gossip_core::{Clock, Config, Identity, Node};

    use super::*;
    use crate::Driver;

    fn node(name: &str, addr: u64) -> (Driver<u64>, Handle<u64>) {
        let (clock, me) = (Clock::new(), Identity::new(NodeId::from_name(name), 1));
        let node = Node::new(me, addr, Config::local(), [addr as u8; 32], clock.now()).unwrap();
        Driver::new(node, clock)
    }

    /// Carries what each of two sends to the other, until neither has more.
    fn exchange(a: &mut Driver<u64>, b: &mut Driver<u64>) {
        let mut buf = [0; 1200];
        for round in 0..20 {
            let (source, target, addr) = if round % 2 == 0 { (&mut *a, &mut *b, 1) } else { (&mut *b, &mut *a, 2) };
            let sent = source.turn(|turn| {
                turn.handle_timeout();
                std::iter::from_fn(|| turn.next_transmit(&mut buf).map(|sent| buf[..sent.len].to_vec()))
                    .collect::<Vec<_>>()
            });
            target.turn(|turn| sent.into_iter().for_each(|mut packet| _ = turn.handle_packet(&addr, &mut packet)));
        }
    }

    /// Two that know each other, and a write at the first that awaits the second.
    fn written() -> (Driver<u64>, Driver<u64>, Handle<u64>, Version) {
        let ((mut a, handle), (mut b, other)) = (node("a", 1), node("b", 2));
        other.with(|node, now| node.join(now, 1)).unwrap();
        exchange(&mut a, &mut b);
        let version = handle.with(|node, now| {
            let mut kv = node.kv_mut(now);
            let version = kv.set(Scope::Shared, b"k", b"v").unwrap();
            kv.await_acks(version, Quorum::All).unwrap();
            version
        });
        (a, b, handle, version)
    }

    fn poll(awaited: &mut Awaited<u64>) -> Poll<bool> {
        pin!(awaited.enough()).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn it_is_ready_when_the_other_has_acknowledged() {
        let (mut a, mut b, handle, version) = written();
        let mut awaited = handle.awaited(version);
        assert_eq!(poll(&mut awaited), Poll::Pending);
        assert_eq!(awaited.have_and_missing(), (vec![], vec![NodeId::from_name("b")]));
        exchange(&mut a, &mut b);
        assert_eq!(poll(&mut awaited), Poll::Ready(true));
        assert_eq!(awaited.have_and_missing(), (vec![NodeId::from_name("b")], vec![]));
    }

    #[test]
    fn what_was_acknowledged_before_it_was_waited_for_is_ready_at_once() {
        let (mut a, mut b, handle, version) = written();
        exchange(&mut a, &mut b);
        assert_eq!(poll(&mut handle.awaited(version)), Poll::Ready(true));
    }

    #[test]
    fn dropped_it_awaits_no_longer() {
        let (_a, _b, handle, version) = written();
        drop(handle.awaited(version));
        assert!(handle.with(|node, _| node.kv().acks(version).is_none()));
    }

    #[test]
    fn a_closed_node_ends_the_wait() {
        let (a, _b, handle, version) = written();
        let mut awaited = handle.awaited(version);
        a.close();
        assert_eq!(poll(&mut awaited), Poll::Ready(false));
    }
}
