//! What a node is started with.

use std::fmt;
use std::net::SocketAddr;

use gossip_core::config::TransportConfig;
use gossip_core::{Config, Identity};

use crate::stream::StreamOptions;

/// How to start a node. Make one with [`Options::new`] and change the fields you must.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Who the node is, and which of its lives this is: the generation must be higher at each start.
    pub identity: Identity,
    /// How it behaves.
    pub config: Config,
    /// Where its randomness comes from: unpredictable, and never the same for two nodes.
    pub seed: [u8; 32],
    /// Where others reach it, if that is not the bound address; port 0 stands for the bound port. Needed when the node
    /// is bound to `0.0.0.0` or `[::]`, or behind a port forwarding.
    pub advertise: Option<SocketAddr>,
    /// What `Node::snapshot` wrote in an earlier life.
    pub snapshot: Option<Vec<u8>>,
    /// The size of the socket's receive and send buffers to ask the system for, in bytes, which grants what it allows
    /// (on Linux `net.core.rmem_max` and `wmem_max`). Default 4 MiB. More of it loses less when a burst comes in.
    pub socket_buffer: usize,
    /// How many sockets share the port, from 1, the default, to 64 (`SO_REUSEPORT`; more than one on Linux alone). Each has buffers of
    /// its own, so a burst from many peers loses less where the system grants small ones; what one peer sends comes by one of them. The
    /// node is one task all the same.
    pub shards: usize,
    /// Times and limits of the stream lane. There is one unless `config.transport.stream` is none.
    pub stream: StreamOptions,
    /// The interface of link-local IPv6 addresses (their scope id), where neither the bound nor the advertised address names
    /// it. The addresses of members and contacts name none: 0, the default, leads to no link-local one.
    pub scope_id: u32,
}

impl Options {
    /// The bound address advertised, no snapshot, a seed from the operating system, and a stream lane: frames have
    /// [`TransportConfig::FRAME`] bytes at most unless `config` has another limit. Set `config.transport.stream` to none
    /// afterwards to do without.
    ///
    /// # Panics
    /// If the operating system has no randomness to give, which means that the machine is not usable yet.
    pub fn new(identity: Identity, mut config: Config) -> Self {
        config.transport.stream.get_or_insert(TransportConfig::FRAME);
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system's random number generator works");
        Self {
            identity,
            config,
            seed,
            advertise: None,
            snapshot: None,
            socket_buffer: 4 << 20,
            shards: 1,
            stream: StreamOptions::default(),
            scope_id: 0,
        }
    }
}

/// Leaves out the seed: who knows it can guess the node's probe numbers.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("identity", &self.identity)
            .field("config", &self.config)
            .field("advertise", &self.advertise)
            .field("snapshot_len", &self.snapshot.as_ref().map(Vec::len))
            .field("socket_buffer", &self.socket_buffer)
            .field("shards", &self.shards)
            .field("stream", &self.stream)
            .field("scope_id", &self.scope_id)
            .finish_non_exhaustive()
    }
}
