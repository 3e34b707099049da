//! A `gossip-core` node over UDP in a tokio runtime.
//!
//! ```no_run
//! use gossip_adapter_tokio_udp::{Options, bind};
//! use gossip_core::kv::Scope;
//! use gossip_core::{Config, Identity, NodeId};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let me = Identity::new(NodeId::from_name("web-1"), 1);
//! let node = bind("192.0.2.1:7946".parse()?, Options::new(me, Config::lan())).await?;
//! let cluster = node.handle().clone();
//! cluster.join("192.0.2.2:7946".parse()?).await?;
//! cluster.set(Scope::Shared, b"color", b"blue")?;
//! let mut events = cluster.events();
//! while let Some(event) = events.recv().await {
//!     println!("{event:?}");
//! }
//! node.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! This crate makes a node of [`gossip_udp`] wait on tokio, and that is all: what it does with the network is there, and the same
//! on every runtime.

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
