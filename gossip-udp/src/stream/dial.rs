//! Connections that this node opens.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use socket2::{Domain, Protocol, Socket, Type};

use super::connection::{Connection, Incoming};
use super::lane::Lane;
use super::links::Place;
use super::{End, Received};
use crate::limit;
use crate::runtime::Runtime;

/// Opens a connection to the peer of a place, and carries frames over it.
pub(super) async fn run<R: Runtime>(lane: Arc<Lane<R>>, place: Place) {
    let peer = place.peer;
    let mut timer = lane.runtime.timer(Instant::now() + lane.links.options.dial_timeout);
    let end = match limit::until(&mut timer, connect(&lane, peer)).await {
        Some(Ok(stream)) => {
            lane.links.counters.dialed.count();
            lane.links.counters.connections.count();
            let greeting = Some(lane.links.options.handshake_timeout);
            let incoming = Incoming::new(stream, lane.max_frame);
            let end = Connection::new(incoming, timer, &lane, &place, greeting).run().await;
            lane.links.counters.connections.take();
            end
        }
        Some(Err(error)) => {
            tracing::debug!(%peer, "cannot connect: {error}");
            End::Dial
        }
        None => End::Dial,
    };
    // The hint first: what the node sends from now on takes the other way, and nothing is queued for nobody.
    if end.is_failure() {
        _ = lane.inbound.send(Received::NoStream(peer)).await;
    }
    drop(place);
    lane.ended(end);
}

/// Connects from the bound address, if that is one: the other end takes the address that it sees for this node's.
async fn connect<R: Runtime>(lane: &Lane<R>, peer: SocketAddr) -> io::Result<R::Stream> {
    let to = lane.scope.apply(peer);
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(ip) = lane.bound_ip.filter(|ip: &IpAddr| ip.is_ipv4() == to.is_ipv4()) {
        socket.bind(&lane.scope.apply(SocketAddr::new(ip, 0)).into())?;
    }
    lane.runtime.connect(socket, to).await
}
