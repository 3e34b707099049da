//! From options to a running node.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use gossip_core::{Clock, Node};
use gossip_handle::Driver;

use crate::address::{Scope, canonical};
use crate::error::BindError;
use crate::node::UdpNode;
use crate::options::Options;
use crate::running::Running;
use crate::runtime::Runtime;
use crate::shards::Sockets;
use crate::socket::{Socket, listen};
use crate::stream::{self, Streams};
use crate::task;

/// How often another free port is tried whose number is taken for TCP.
const PORT_TRIES: usize = 16;

/// Opens a socket at `addr` (port 0: any free one) and starts a node on it, which waits for somebody to join it until
/// it joins somebody itself. With a stream lane the same port is opened for TCP. An adapter's own `bind` calls this.
///
/// # Errors
/// See [`BindError`]: nothing was started.
pub fn bind<R: Runtime>(runtime: &R, addr: SocketAddr, options: Options) -> Result<UdpNode, BindError> {
    let bind = canonical(addr);
    options.config.validate().map_err(BindError::Config)?;
    check_advertise(bind, options.advertise)?;

    let scope = Scope::of([addr].into_iter().chain(options.advertise), options.scope_id);
    let max_frame = options.config.transport.stream;
    let (socket, listener) = open(runtime, bind, scope, options.socket_buffer, max_frame.is_some())?;
    let refused = |source| BindError::Socket { bind, source };
    let local_addr = socket.local_addr().map_err(refused)?;
    let sockets = Sockets::new(socket, options.shards, |addr| {
        Socket::open(addr, scope, options.socket_buffer, true, |socket| runtime.datagrams(socket))
    });
    let sockets = sockets.map_err(refused)?;
    let advertised = advertised(local_addr, options.advertise);

    let clock = Clock::new();
    let leave_timeout = options.config.membership.leave_timeout;
    let datagram_mtu = options.config.transport.datagram_mtu;
    let mut node = Node::new(options.identity, advertised, options.config, options.seed, clock.now())
        .map_err(BindError::Config)?;
    if let Some(snapshot) = &options.snapshot {
        node.restore(clock.now(), snapshot).map_err(BindError::Snapshot)?;
    }
    let (driver, handle) = Driver::new(node, clock);
    let (streams, lane) = listener
        .zip(max_frame)
        .map(|(listener, max_frame)| {
            let setup = stream::Setup { options: options.stream, max_frame, bound: bind, advertised, scope };
            Streams::start(runtime, setup, listener, handle.clone(), driver.transport())
        })
        .unzip();
    let task = Running::start(runtime, task::run(runtime.clone(), driver, sockets, streams, datagram_mtu));
    let timer = Box::new(runtime.timer(Instant::now()));
    tracing::debug!(%local_addr, %advertised, "node started");
    Ok(UdpNode::new(handle, scope.apply(local_addr), leave_timeout, timer, task, lane))
}

type Opened<R> = (Socket<<R as Runtime>::Datagrams>, Option<<R as Runtime>::Listener>);

/// Opens the socket and, for a stream lane, the listener at the same port.
fn open<R: Runtime>(
    runtime: &R,
    bind: SocketAddr,
    scope: Scope,
    buffer: usize,
    stream: bool,
) -> Result<Opened<R>, BindError> {
    let mut tries = PORT_TRIES;
    loop {
        let refused = |source| BindError::Socket { bind, source };
        let socket = Socket::open(bind, scope, buffer, false, |socket| runtime.datagrams(socket)).map_err(refused)?;
        if !stream {
            return Ok((socket, None));
        }
        let listener = listen(socket.local_addr().map_err(refused)?, scope);
        match listener.and_then(|listener| runtime.listener(listener)) {
            Ok(listener) => return Ok((socket, Some(listener))),
            // A port that is free for datagrams need not be free for connections.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && bind.port() == 0 && tries > 1 => tries -= 1,
            Err(source) => return Err(BindError::Listener { bind, source }),
        }
    }
}

/// Whether there will be an address to advertise; asked before anything is opened.
fn check_advertise(bind: SocketAddr, advertise: Option<SocketAddr>) -> Result<(), BindError> {
    match advertise.map(canonical) {
        None if bind.ip().is_unspecified() => Err(BindError::AdvertiseNeeded { bind }),
        Some(advertise) if advertise.ip().is_unspecified() || advertise.ip().is_multicast() => {
            Err(BindError::AdvertiseInvalid { advertise })
        }
        _ => Ok(()),
    }
}

fn advertised(local_addr: SocketAddr, advertise: Option<SocketAddr>) -> SocketAddr {
    let mut advertised = advertise.map_or(local_addr, canonical);
    if advertised.port() == 0 {
        advertised.set_port(local_addr.port());
    }
    advertised
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn port_0_advertises_the_bound_port() {
        assert_eq!(advertised(addr("0.0.0.0:7946"), Some(addr("192.0.2.1:0"))), addr("192.0.2.1:7946"));
        assert_eq!(advertised(addr("0.0.0.0:7946"), Some(addr("192.0.2.1:80"))), addr("192.0.2.1:80"));
    }

    #[test]
    fn an_address_that_nobody_can_send_to_is_not_advertised() {
        for nowhere in ["0.0.0.0:1", "[::]:1", "224.0.0.1:1", "[::ffff:0.0.0.0]:1"] {
            let refused = check_advertise(addr("127.0.0.1:0"), Some(addr(nowhere)));
            assert!(matches!(refused, Err(BindError::AdvertiseInvalid { .. })), "{nowhere}");
        }
    }
}
