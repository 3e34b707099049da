#![doc = include_str!("../README.md")]

mod executor;
mod runtime;

use std::net::SocketAddr;
use std::sync::Arc;

pub use gossip_udp::runtime::Work;
pub use gossip_udp::{BindError, Events, Handle, JoinFailure, Options, StreamOptions, TransportStats, UdpNode};

use crate::runtime::Reactor;

/// Opens a socket at `addr` (port 0: any free one) and starts a node on it, which waits for somebody to join it until
/// it joins somebody itself. With a stream lane the same port is opened for TCP.
///
/// Its tasks run on a thread of this crate, one for all nodes of the process; [`bind_on`] has them run elsewhere.
///
/// # Errors
/// See [`BindError`]: nothing was started.
pub async fn bind(addr: SocketAddr, options: Options) -> Result<UdpNode, BindError> {
    executor::start().map_err(|source| BindError::NoRuntime { source })?;
    bind_on(addr, options, executor::spawn).await
}

/// As [`bind`], with the node's tasks on the executor of the application: `spawn` hands each to it, and lets it run to its end. Dropped by the
/// executor, a node is closed.
///
/// # Errors
/// See [`BindError`]: nothing was started.
pub async fn bind_on(
    addr: SocketAddr,
    options: Options,
    spawn: impl Fn(Work) + Send + Sync + 'static,
) -> Result<UdpNode, BindError> {
    gossip_udp::bind(&Reactor::new(Arc::new(spawn)), addr, options)
}
