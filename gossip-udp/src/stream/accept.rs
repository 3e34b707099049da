//! Connections that others open.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use super::connection::{Connection, Incoming};
use super::lane::Lane;
use super::links::Pending;
use super::{End, Received};
use crate::runtime::{Runtime, Timer};

/// Hears who the other end is, and carries its frames if that is a live member.
pub(super) async fn run<R: Runtime>(lane: Arc<Lane<R>>, stream: R::Stream, from: SocketAddr, pending: Pending) {
    let mut timer = lane.runtime.timer(Instant::now() + lane.links.options.handshake_timeout);
    let mut incoming = Incoming::new(stream, lane.max_frame);
    let preamble = poll_fn(|cx| {
        if pending.poll_evicted(cx).is_ready() {
            // Counted where it was decided.
            return Poll::Ready(None);
        }
        if let Poll::Ready(preamble) = incoming.poll_preamble(cx) {
            return Poll::Ready(Some(preamble));
        }
        timer.poll_due(cx).map(|()| Some(Err(End::Handshake)))
    });
    let Some(preamble) = preamble.await else { return };
    drop(pending);
    let Ok(preamble) = preamble else { return lane.ended(End::Handshake) };

    let mut peer = from;
    peer.set_port(preamble.port);
    if !lane.handle.is_live_at(&peer) {
        lane.links.counters.refused_stranger.count();
        return;
    }
    let Some(place) = lane.links.accept(peer) else { return };
    let end = Connection::new(incoming, timer, &lane, &place, None).run().await;
    drop(place);
    if end.is_failure() {
        _ = lane.inbound.send(Received::NoStream(peer)).await;
    }
    lane.ended(end);
}
