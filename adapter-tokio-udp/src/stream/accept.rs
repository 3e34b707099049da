//! Connections that others open.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};

use super::connection::{Connection, Incoming};
use super::lane::Lane;
use super::links::Pending;
use super::{End, Received};
use crate::address::canonical;

/// The next connection. An error means that the system has no connection to give at the moment, mostly because too many
/// files are open; what waits stays in its queue.
pub(super) async fn next(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, from) = listener.accept().await?;
    Ok((stream, canonical(from)))
}

/// Hears who the other end is, and carries its frames if that is a live member.
pub(super) async fn run(lane: Arc<Lane>, stream: TcpStream, from: SocketAddr, mut pending: Pending) {
    let limit = lane.links.options.handshake_timeout;
    let mut incoming = Incoming::new(stream, lane.max_frame);
    let preamble = tokio::select! {
        preamble = incoming.preamble(limit) => preamble,
        // Counted where it was decided.
        () = pending.evicted() => return,
    };
    drop(pending);
    let Ok(preamble) = preamble else { return lane.ended(End::Handshake) };

    let mut peer = from;
    peer.set_port(preamble.port);
    if !lane.handle.is_live_at(&peer) {
        lane.links.counters.refused_stranger.count();
        return;
    }
    let Some(place) = lane.links.accept(peer) else { return };
    let connection = Connection::new(incoming, Arc::clone(&lane.links), &place, lane.preamble, None);
    let end = connection.run(&lane.inbound).await;
    drop(place);
    if end.is_failure() {
        _ = lane.inbound.send(Received::NoStream(peer)).await;
    }
    lane.ended(end);
}
