//! The adapter's side: packets and time in, packets and the next deadline out.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use gossip_core::{Clock, Instant, Lane, Node, NodeId, PacketError, Peer, Transmit};

use crate::handle::Handle;
use crate::shared::Shared;
use crate::transport::TransportCounters;

/// Drives one node; owned by the one task that owns its socket. Dropping it closes the node.
///
/// The task repeats: wait for the first of *socket readable*, *deadline*, [`Driver::poll_wake`]; then take
/// [turns](Driver::turn): hand in what was received, let the timers run, take packets out until there are none or the
/// socket is full, and read the next deadline. Received packets go first, because a late timer must not accuse
/// somebody whose answer is already here.
#[derive(Debug)]
pub struct Driver<P: Peer> {
    shared: Arc<Shared<P>>,
}

/// The node for the length of one turn, under the lock: keep it short and never wait inside.
pub struct Turn<'a, P: Peer> {
    node: &'a mut Node<P>,
    clock: &'a Clock,
    now: Instant,
}

impl<P: Peer> Driver<P> {
    /// Takes a node that was made with instants of `clock`.
    pub fn new(node: Node<P>, clock: Clock) -> (Self, Handle<P>) {
        let shared = Arc::new(Shared::new(node, clock));
        (Self { shared: Arc::clone(&shared) }, Handle::new(shared))
    }

    /// Locks the node for `f`, for example for a whole batch of packets, then hands its events to their subscribers.
    pub fn turn<R>(&mut self, f: impl FnOnce(&mut Turn<'_, P>) -> R) -> R {
        let clock = self.shared.clock();
        self.shared.run(|state, now| f(&mut Turn { node: &mut state.node, clock, now }))
    }

    /// Ready when a handle did something to the node since the last time: it may want to send, and its deadline may
    /// have moved.
    pub fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.poll_wake(cx)
    }

    /// [`Driver::poll_wake`] as a future. Cancel safe.
    pub async fn woken(&mut self) {
        poll_fn(|cx| self.shared.poll_wake(cx)).await;
    }

    /// Where the adapter counts what the node does not see; [`Handle::transport`] shows it.
    pub fn transport(&self) -> Arc<TransportCounters> {
        Arc::clone(self.shared.transport())
    }

    /// Whether the node has left the cluster: there is nothing more to send or to receive.
    pub fn has_left(&self) -> bool {
        self.shared.read(|state| state.left)
    }

    /// Ends all event streams and waiting calls, and makes handles refuse writes. So does dropping the driver.
    pub fn close(self) {}
}

impl<P: Peer> Drop for Driver<P> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl<P: Peer> Turn<'_, P> {
    /// A datagram came in. On an error it was dropped and counted in `Stats`; there is nothing else to do.
    pub fn handle_packet(&mut self, from: &P, packet: &mut [u8]) -> Result<(), PacketError> {
        self.node.handle_packet(self.now, Lane::Datagram, from, packet)
    }

    /// A frame came in over the stream lane. `from` is the address at which its sender is reached, as far as that was told.
    pub fn handle_frame(&mut self, from: &P, packet: &mut [u8]) -> Result<(), PacketError> {
        self.node.handle_packet(self.now, Lane::Stream, from, packet)
    }

    /// Whom a packet names as its sender: see [`Node::sender_of`].
    pub fn sender_of(&self, from: &P, packet: &[u8]) -> Option<NodeId> {
        self.node.sender_of(from, packet)
    }

    /// The transport says that it cannot reach `peer` over the stream lane.
    pub fn handle_no_stream(&mut self, peer: &P) {
        self.node.handle_no_stream(self.now, peer);
    }

    /// The transport says that a packet could not reach `peer`. A hint: the node finds out for itself.
    pub fn handle_unreachable(&mut self, peer: &P) {
        self.node.handle_unreachable(self.now, peer);
    }

    /// Lets the timers run that are due.
    pub fn handle_timeout(&mut self) {
        if self.node.poll_timeout().is_some_and(|deadline| deadline <= self.now) {
            self.node.handle_timeout(self.now);
        }
    }

    /// Writes the next datagram to the front of `buf`, which must hold `transport.datagram_mtu` bytes. `None`: there is
    /// nothing to send until the next packet, command or deadline.
    pub fn next_transmit(&mut self, buf: &mut [u8]) -> Option<Transmit<P>> {
        self.node.poll_transmit(self.now, Lane::Datagram, buf)
    }

    /// Writes the next packet for the stream lane to the front of `buf`, which must hold `transport.stream` bytes. An
    /// adapter with a stream lane takes these, too, whenever it takes datagrams.
    pub fn next_frame(&mut self, buf: &mut [u8]) -> Option<Transmit<P>> {
        self.node.poll_transmit(self.now, Lane::Stream, buf)
    }

    /// When [`Turn::handle_timeout`] is due next. Read it last: everything else in a turn may change it.
    pub fn deadline(&self) -> Option<std::time::Instant> {
        self.node.poll_timeout().map(|deadline| self.clock.to_std(deadline))
    }
}
