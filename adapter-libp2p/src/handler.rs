//! One connection: a substream in and one out for each lane, opened when first needed and kept.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use asynchronous_codec::BytesMut;
use futures_core::Stream;
use futures_sink::Sink;
use futures_timer::Delay;
use gossip_core::{Lane, NodeId};
use gossip_handle::TransportCounters;
use libp2p_swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound, StreamUpgradeError,
};
use libp2p_swarm::{ConnectionHandler, ConnectionHandlerEvent, SubstreamProtocol};

use crate::outbox::Outbox;
use crate::peer::Libp2pPeer;
use crate::protocol::{Inbound, Lanes, Outbound};

const LANES: [Lane; 2] = [Lane::Datagram, Lane::Stream];

/// What a connection tells the behaviour.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "part of the interface of the handler")]
pub enum ToBehaviour {
    /// A packet came.
    Received(Received),
    /// The peer takes no substream of that lane; with `unsupported` because it does not speak the protocol.
    Refused { peer: Libp2pPeer, lane: Lane, unsupported: bool },
}

/// A packet, and who proved to have sent it.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "part of the interface of the handler")]
pub struct Received {
    pub(crate) from: Libp2pPeer,
    pub(crate) id: NodeId,
    pub(crate) lane: Lane,
    pub(crate) packet: BytesMut,
}

#[allow(unreachable_pub, reason = "part of the interface of the behaviour")]
pub struct Handler {
    peer: Libp2pPeer,
    id: NodeId,
    lanes: Lanes,
    counters: Arc<TransportCounters>,
    /// Of all connections to one peer only one has it.
    outbox: Option<Arc<Outbox>>,
    substreams: [Substreams; 2],
    idle_timeout: Duration,
    /// When something was sent or received last.
    used: Option<Instant>,
    idle: Delay,
}

#[derive(Default)]
struct Substreams {
    inbound: Option<Inbound>,
    outbound: State,
}

#[derive(Default)]
enum State {
    #[default]
    Closed,
    Opening,
    Open(Outbound),
    Refused {
        unsupported: bool,
    },
}

type Event = ConnectionHandlerEvent<Lanes, Lane, ToBehaviour>;

impl Handler {
    /// `wanted`: something waits to be sent over it.
    pub(crate) fn new(
        peer: Libp2pPeer,
        lanes: Lanes,
        counters: Arc<TransportCounters>,
        idle_timeout: Duration,
        wanted: bool,
    ) -> Self {
        Self {
            peer,
            id: peer.node_id(),
            lanes,
            counters,
            outbox: None,
            substreams: Default::default(),
            idle_timeout,
            used: wanted.then(Instant::now),
            idle: Delay::new(idle_timeout),
        }
    }

    fn poll_send(&mut self, lane: Lane, cx: &mut Context<'_>) -> Poll<Event> {
        let Some(outbox) = &self.outbox else { return Poll::Pending };
        outbox.register(cx.waker());
        let state = &mut self.substreams[lane as usize].outbound;
        match state {
            State::Refused { unsupported } => {
                let unsupported = *unsupported;
                self.close(lane);
                let refused = ToBehaviour::Refused { peer: self.peer, lane, unsupported };
                return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(refused));
            }
            State::Closed if !outbox.is_empty(lane) => {
                *state = State::Opening;
                let protocol = SubstreamProtocol::new(self.lanes.only(lane), lane);
                return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
            }
            State::Open(substream) => {
                let waiting = !outbox.is_empty(lane);
                if let Poll::Ready(Err(_)) = poll_drain(substream, outbox, lane, cx) {
                    // What comes next opens it anew.
                    self.close(lane);
                } else if waiting {
                    self.used = Some(Instant::now());
                }
            }
            State::Closed | State::Opening => {}
        }
        Poll::Pending
    }

    fn poll_receive(&mut self, lane: Lane, cx: &mut Context<'_>) -> Poll<Event> {
        let Some(substream) = &mut self.substreams[lane as usize].inbound else { return Poll::Pending };
        match ready!(Pin::new(substream).poll_next(cx)) {
            Some(Ok(packet)) => {
                self.used = Some(Instant::now());
                let received = Received { from: self.peer, id: self.id, lane, packet };
                return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(ToBehaviour::Received(received)));
            }
            // The length was too large, or no length at all.
            Some(Err(error)) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Other) => {
                self.counters.closed_frame_length.count();
            }
            Some(Err(_)) | None => {}
        }
        self.substreams[lane as usize].inbound = None;
        Poll::Pending
    }

    /// Wakes the connection when it has been idle for long enough, so that the swarm asks whether to keep it.
    fn poll_idle(&mut self, cx: &mut Context<'_>) {
        while Pin::new(&mut self.idle).poll(cx).is_ready() {
            let left = self.used.map_or(Duration::ZERO, |used| self.idle_timeout.saturating_sub(used.elapsed()));
            if left.is_zero() {
                return;
            }
            self.idle.reset(left);
        }
    }

    /// The lane's outbound substream is gone, and with it what waited for it.
    fn close(&mut self, lane: Lane) {
        self.substreams[lane as usize].outbound = State::Closed;
        let unsent = self.outbox.as_ref().map_or(0, |outbox| outbox.clear(lane));
        match lane {
            Lane::Datagram => self.counters.datagrams_unsent.add(unsent),
            Lane::Stream => self.counters.frames_unsent.add(unsent),
        }
    }
}

/// Hands over what waits for a lane, as far as the substream takes it.
fn poll_drain(substream: &mut Outbound, outbox: &Outbox, lane: Lane, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    let mut substream = Pin::new(substream);
    loop {
        ready!(substream.as_mut().poll_ready(cx))?;
        match outbox.pop(lane) {
            Some(packet) => substream.as_mut().start_send(packet)?,
            None => return substream.poll_flush(cx),
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Arc<Outbox>;
    type ToBehaviour = ToBehaviour;
    type InboundProtocol = Lanes;
    type OutboundProtocol = Lanes;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Lane;

    fn listen_protocol(&self) -> SubstreamProtocol<Lanes> {
        SubstreamProtocol::new(self.lanes.clone(), ())
    }

    fn connection_keep_alive(&self) -> bool {
        self.used.is_some_and(|used| used.elapsed() < self.idle_timeout)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        // What is to be sent goes first, then what came; of each, the urgent lane.
        for lane in LANES {
            if let Poll::Ready(event) = self.poll_send(lane, cx) {
                return Poll::Ready(event);
            }
        }
        for lane in LANES {
            if let Poll::Ready(event) = self.poll_receive(lane, cx) {
                return Poll::Ready(event);
            }
        }
        self.poll_idle(cx);
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, outbox: Arc<Outbox>) {
        self.outbox = Some(outbox);
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Lanes, Lanes, (), Lane>) {
        match event {
            // There is one of each lane: a newer one takes the place of the old.
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: (stream, named), .. }) => {
                self.substreams[named.lane as usize].inbound = Some(named.reader(stream));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: (stream, named), .. }) => {
                self.substreams[named.lane as usize].outbound = State::Open(named.writer(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: lane, error }) => {
                let unsupported = matches!(error, StreamUpgradeError::NegotiationFailed);
                self.substreams[lane as usize].outbound = State::Refused { unsupported };
            }
            _ => {}
        }
    }
}
