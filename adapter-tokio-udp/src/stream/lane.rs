//! The task of a stream lane: it takes connections, opens those that are asked for, and owns the tasks of all.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip_handle::Handle;
use gossip_handle::frame::Preamble;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::links::{Links, Place};
use super::{End, Received, accept, dial};
use crate::address::Scope;

/// How long to leave a listener alone that has no connection to give.
const PAUSE: Duration = Duration::from_millis(100);

/// What the connections of a node need to know.
pub(super) struct Lane {
    pub(super) links: Arc<Links>,
    pub(super) handle: Handle<std::net::SocketAddr>,
    pub(super) inbound: mpsc::Sender<Received>,
    pub(super) preamble: Preamble,
    pub(super) max_frame: usize,
    /// The address that connections are opened from, if the node is bound to one.
    pub(super) bound_ip: Option<IpAddr>,
    pub(super) scope: Scope,
}

impl Lane {
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
pub(super) async fn run(lane: Arc<Lane>, listener: TcpListener, mut dials: mpsc::Receiver<Place>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            place = dials.recv() => {
                let Some(place) = place else { return };
                connections.spawn(dial::run(Arc::clone(&lane), place));
            }
            accepted = accept::next(&listener) => match accepted {
                Ok((stream, from)) => {
                    lane.links.counters.accepted.count();
                    let (pending, lane) = (lane.links.pend(), Arc::clone(&lane));
                    connections.spawn(async move {
                        lane.links.counters.connections.count();
                        accept::run(Arc::clone(&lane), stream, from, pending).await;
                        lane.links.counters.connections.take();
                    });
                }
                Err(error) => {
                    lane.links.counters.accept_errors.count();
                    tracing::debug!("cannot take a connection: {error}");
                    sleep(PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => if let Err(error) = ended {
                tracing::error!("a connection's task failed: {error}");
            },
        }
    }
}
