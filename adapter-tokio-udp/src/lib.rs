#![doc = include_str!("../README.md")]

mod runtime;

use std::io;
use std::net::SocketAddr;

pub use gossip_udp::{BindError, Events, Handle, JoinFailure, Options, StreamOptions, TransportStats, UdpNode};

use crate::runtime::Tokio;

/// Opens a socket at `addr` (port 0: any free one) and starts a node on it, which waits for somebody to join it until
/// it joins somebody itself. With a stream lane the same port is opened for TCP.
///
/// # Errors
/// See [`BindError`]: nothing was started.
pub async fn bind(addr: SocketAddr, options: Options) -> Result<UdpNode, BindError> {
    let runtime = tokio::runtime::Handle::try_current().map_err(|_| BindError::NoRuntime {
        source: io::Error::other("a tokio runtime with I/O and time enabled has to be around it"),
    })?;
    gossip_udp::bind(&Tokio(runtime), addr, options)
}
