//! Connections that this node opens.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::connection::{Connection, Incoming};
use super::lane::Lane;
use super::links::Place;
use super::{End, Received};

/// Opens a connection to the peer of a place, and carries frames over it.
pub(super) async fn run(lane: Arc<Lane>, place: Place) {
    let peer = place.peer;
    let end = match timeout(lane.links.options.dial_timeout, connect(&lane, peer)).await {
        Ok(Ok(stream)) => {
            lane.links.counters.dialed.count();
            lane.links.counters.connections.count();
            let greeting = Some(lane.links.options.handshake_timeout);
            let incoming = Incoming::new(stream, lane.max_frame);
            let connection = Connection::new(incoming, Arc::clone(&lane.links), &place, lane.preamble, greeting);
            let end = connection.run(&lane.inbound).await;
            lane.links.counters.connections.take();
            end
        }
        Ok(Err(error)) => {
            tracing::debug!(%peer, "cannot connect: {error}");
            End::Dial
        }
        Err(_) => End::Dial,
    };
    // The hint first: what the node sends from now on takes the other way, and nothing is queued for nobody.
    if end.is_failure() {
        _ = lane.inbound.send(Received::NoStream(peer)).await;
    }
    drop(place);
    lane.ended(end);
}

/// Connects from the bound address, if that is one: the other end takes the address that it sees for this node's.
async fn connect(lane: &Lane, peer: SocketAddr) -> io::Result<TcpStream> {
    let to = lane.scope.apply(peer);
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(ip) = lane.bound_ip.filter(|ip: &IpAddr| ip.is_ipv4() == to.is_ipv4()) {
        socket.bind(lane.scope.apply(SocketAddr::new(ip, 0)))?;
    }
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
