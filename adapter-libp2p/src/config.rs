//! What a node is started with, and why it was not.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{error, fmt};

use gossip_core::config::TransportConfig;
use gossip_core::{ConfigError, InvalidPeer, SnapshotError};
use libp2p_swarm::StreamProtocol;

/// The name of the protocol. Each lane adds its own: `/datagram` and `/stream`.
pub const PROTOCOL_NAME: StreamProtocol = StreamProtocol::new("/gossip-core/1");

/// How to start a node. Make one with [`Config::new`] and change the fields you must.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// How the node behaves.
    pub node: gossip_core::Config,
    /// Which life of the member this is: higher at each start. Default: the Unix time in milliseconds.
    pub generation: u64,
    /// Where its randomness comes from: unpredictable, and never the same for two nodes. Default: the operating system.
    pub seed: [u8; 32],
    /// What `Node::snapshot` wrote in an earlier life.
    pub snapshot: Option<Vec<u8>>,
    /// The name that the protocol is agreed upon by, default [`PROTOCOL_NAME`]; the same for all members. To keep
    /// clusters apart set `node.cluster`, too.
    pub protocol: StreamProtocol,
    /// How long nothing must have been sent or received over a connection before this protocol does not hold it any more.
    /// It is closed then, after the idle timeout of the swarm, if no other protocol holds it. Default 30 s.
    pub idle_timeout: Duration,
    /// How many datagrams may wait for one peer, 1 at least; beyond it the oldest are dropped and counted in
    /// `TransportStats::datagrams_unqueued`. Default 128.
    pub max_queued_datagrams: usize,
    /// How many frames may wait for one peer, 1 at least; beyond it the oldest are dropped and counted in
    /// `TransportStats::frames_unqueued`. Default 32.
    pub max_queued_frames: usize,
}

impl Config {
    /// The defaults, and a stream lane: frames have [`TransportConfig::FRAME`] bytes at most unless `node` has another limit.
    /// Set `node.transport.stream` to none afterwards to do without.
    ///
    /// # Panics
    /// If the operating system has no randomness to give, which means that the machine is not usable yet.
    pub fn new(mut node: gossip_core::Config) -> Self {
        node.transport.stream.get_or_insert(TransportConfig::FRAME);
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system's random number generator works");
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            node,
            generation: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
            seed,
            snapshot: None,
            protocol: PROTOCOL_NAME,
            idle_timeout: Duration::from_secs(30),
            max_queued_datagrams: 128,
            max_queued_frames: 32,
        }
    }
}

/// Leaves out the seed: who knows it can guess the node's probe numbers.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("node", &self.node)
            .field("generation", &self.generation)
            .field("snapshot_len", &self.snapshot.as_ref().map(Vec::len))
            .field("protocol", &self.protocol)
            .field("idle_timeout", &self.idle_timeout)
            .field("max_queued_datagrams", &self.max_queued_datagrams)
            .field("max_queued_frames", &self.max_queued_frames)
            .finish_non_exhaustive()
    }
}

/// Why a [`Behaviour`](crate::Behaviour) could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The node's configuration cannot work.
    Config(ConfigError),
    /// The snapshot was refused.
    Snapshot(SnapshotError),
    /// The local PeerId is not made from a key.
    Peer(InvalidPeer),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Snapshot(error) => write!(f, "cannot restore the snapshot: {error}"),
            Self::Peer(_) => f.write_str("the local PeerId has more than 44 bytes: make it from a public key"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Snapshot(error) => Some(error),
            Self::Peer(error) => Some(error),
        }
    }
}
