//! The stream lane: large frames over TCP, at the port number of the datagrams.
//!
//! ```text
//!  node's task ── send ──► Link (queue) ──► Connection ──► peer
//!       ▲                    Lane: accepts, dials            │
//!       └──────── Received ◄── one bounded channel ◄─────────┘
//! ```
//!
//! The node's task never waits for a connection, nor one connection for another: what does not fit into a queue is left
//! out and counted, and the protocols repair that, as they repair lost datagrams.

mod accept;
mod connection;
mod dial;
mod lane;
mod limits;
mod link;
mod links;
mod options;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_channel::{Receiver, Sender};
use futures_core::Stream as _;
use gossip_core::PacketError;
use gossip_handle::frame::{Preamble, encode};
use gossip_handle::{Handle, TransportCounters, Turn};

use self::lane::Lane;
use self::link::Link;
use self::links::{Links, NoPlace, Place};
pub use self::options::StreamOptions;
use crate::address::Scope;
use crate::running::Running;
use crate::runtime::Runtime;

/// How many frames wait for the node; their senders wait then.
const MAX_RECEIVED: usize = 16;
/// How many frames one turn takes from the node.
const FRAMES_PER_TURN: usize = 8;

/// What connections tell the node.
#[derive(Debug)]
enum Received {
    /// A frame.
    Frame { from: SocketAddr, packet: Vec<u8>, link: Arc<Link> },
    /// A peer that frames cannot be sent to.
    NoStream(SocketAddr),
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Dial,
    Handshake,
    FrameLength,
    FrameTimeout,
    Garbage,
    NotReading,
    Idle,
    Closed,
}

impl End {
    /// Whether frames sent from now on would not arrive either.
    fn is_failure(self) -> bool {
        self != Self::Idle
    }
}

/// Where and how a stream lane runs.
pub(crate) struct Setup {
    pub(crate) options: StreamOptions,
    pub(crate) max_frame: usize,
    /// Where the socket is bound, and where others reach the node.
    pub(crate) bound: SocketAddr,
    pub(crate) advertised: SocketAddr,
    pub(crate) scope: Scope,
}

/// The node's side of its stream lane.
pub(crate) struct Streams {
    links: Arc<Links>,
    dials: Sender<Place>,
    received: Pin<Box<Receiver<Received>>>,
    waiting: Vec<Received>,
    max_frame: usize,
}

impl Streams {
    /// Starts to take connections at `listener`. The task ends with what is returned beside it.
    pub(crate) fn start<R: Runtime>(
        runtime: &R,
        setup: Setup,
        listener: R::Listener,
        handle: Handle<SocketAddr>,
        counters: Arc<TransportCounters>,
    ) -> (Self, Running) {
        let (inbound, received) = async_channel::bounded(MAX_RECEIVED);
        let (dials, requests) = async_channel::bounded(setup.options.max_dialed.max(1));
        let links = Arc::new(Links::new(setup.options, counters));
        let lane = Lane {
            runtime: runtime.clone(),
            links: Arc::clone(&links),
            handle,
            inbound,
            preamble: Preamble { port: setup.advertised.port() },
            max_frame: setup.max_frame,
            bound_ip: Some(setup.bound.ip()).filter(|ip| !ip.is_unspecified()),
            scope: setup.scope,
        };
        let task = Running::start(runtime, lane::run(Arc::new(lane), listener, requests));
        (Self { links, dials, received: Box::pin(received), waiting: Vec::new(), max_frame: setup.max_frame }, task)
    }

    /// Ready when something was received, which waits for [`Streams::turn`].
    pub(crate) fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.waiting.len() < MAX_RECEIVED {
            match self.received.as_mut().poll_next(cx) {
                Poll::Ready(Some(received)) => self.waiting.push(received),
                // None: the lane's task is gone, nothing comes any more.
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        if self.waiting.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Whether something waits that [`Streams::poll_received`] found.
    pub(crate) fn has_received(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Hands the node what was received.
    pub(crate) fn drain(&mut self, turn: &mut Turn<'_, SocketAddr>) {
        for received in self.waiting.drain(..) {
            match received {
                Received::Frame { from, mut packet, link } => {
                    let handled = turn.handle_frame(&from, &mut packet);
                    // TCP does not damage what it carries: this is no member of this cluster.
                    if let Err(PacketError::Checksum | PacketError::Version(_) | PacketError::Malformed(_)) = handled {
                        link.refuse();
                    }
                }
                Received::NoStream(peer) => turn.handle_no_stream(&peer),
            }
        }
    }

    /// How long a frame may be.
    pub(crate) fn max_frame(&self) -> usize {
        self.max_frame
    }

    /// Takes frames from the node, built in `scratch`, and queues them; whether the node may have more.
    pub(crate) fn fill(&mut self, turn: &mut Turn<'_, SocketAddr>, scratch: &mut [u8]) -> bool {
        let scratch = &mut scratch[..self.max_frame];
        for _ in 0..FRAMES_PER_TURN {
            let Some(transmit) = turn.next_frame(scratch) else { return false };
            let frame = encode(&scratch[..transmit.len]);
            match self.links.send(transmit.to, frame) {
                // There is room for as many as there are places.
                Ok(Some(place)) => _ = self.dials.try_send(place),
                Ok(None) => (),
                Err(NoPlace) => turn.handle_no_stream(&transmit.to),
            }
        }
        true
    }
}
