//! The task of a stream lane: it takes connections, opens those that are asked for, and owns the tasks of all.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use futures_core::Stream as _;
use gossip_handle::Handle;
use gossip_handle::frame::Preamble;

use super::links::{Links, Place};
use super::{End, Received, accept, dial};
use crate::address::{Scope, canonical};
use crate::running::Running;
use crate::runtime::{Listener as _, Runtime, Timer as _};

/// How long to leave a listener alone that has no connection to give.
const PAUSE: Duration = Duration::from_millis(100);

/// What the connections of a node need to know.
pub(super) struct Lane<R> {
    pub(super) runtime: R,
    pub(super) links: Arc<Links>,
    pub(super) handle: Handle<SocketAddr>,
    pub(super) inbound: Sender<Received>,
    pub(super) preamble: Preamble,
    pub(super) max_frame: usize,
    /// The address that connections are opened from, if the node is bound to one.
    pub(super) bound_ip: Option<IpAddr>,
    pub(super) scope: Scope,
}

impl<R> Lane<R> {
    /// Counts why a connection ended.
    pub(super) fn ended(&self, end: End) {
        let counters = &self.links.counters;
        match end {
            End::Dial => counters.dial_failed.count(),
            End::Handshake => counters.handshake_failed.count(),
            End::FrameLength => counters.closed_frame_length.count(),
            End::FrameTimeout => counters.closed_frame_timeout.count(),
            End::Garbage => counters.closed_garbage.count(),
            End::NotReading => counters.closed_not_reading.count(),
            End::Idle => counters.closed_idle.count(),
            End::Closed => (),
        }
    }
}

/// Runs until the node's task is gone, or until it is aborted; both end all connections.
pub(super) async fn run<R: Runtime>(lane: Arc<Lane<R>>, listener: R::Listener, dials: Receiver<Place>) {
    let (mut dials, mut connections) = (pin!(dials), Vec::new());
    let mut pause = lane.runtime.timer(Instant::now());
    let mut paused = false;
    loop {
        let next = poll_fn(|cx| {
            if let Poll::Ready(place) = dials.as_mut().poll_next(cx) {
                return Poll::Ready(place.map(Next::Dial));
            }
            if paused {
                return pause.poll_due(cx).map(|()| Some(Next::Again));
            }
            listener.poll_accept(cx).map(|accepted| Some(Next::Accepted(accepted)))
        });
        let Some(next) = next.await else { return };
        connections.retain(|connection: &Running| !connection.has_ended());
        match next {
            Next::Dial(place) => {
                connections.push(Running::start(&lane.runtime, dial::run(Arc::clone(&lane), place)));
            }
            Next::Accepted(Ok((stream, from))) => {
                lane.links.counters.accepted.count();
                let (pending, accepting) = (lane.links.pend(), Arc::clone(&lane));
                connections.push(Running::start(&lane.runtime, async move {
                    accepting.links.counters.connections.count();
                    accept::run(Arc::clone(&accepting), stream, canonical(from), pending).await;
                    accepting.links.counters.connections.take();
                }));
            }
            // The system has no connection to give at the moment, mostly because too many files are open; what waits
            // stays in its queue.
            Next::Accepted(Err(error)) => {
                lane.links.counters.accept_errors.count();
                tracing::debug!("cannot take a connection: {error}");
                paused = true;
                pause.reset(Instant::now() + PAUSE);
            }
            Next::Again => paused = false,
        }
    }
}

/// What a lane does next.
enum Next<S> {
    Dial(Place),
    Accepted(io::Result<(S, SocketAddr)>),
    /// The listener was left alone for long enough.
    Again,
}
