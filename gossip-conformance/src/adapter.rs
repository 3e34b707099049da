//! What the suite needs to know of an adapter.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use gossip_core::{Config, Identity, NodeId, Peer};
use gossip_handle::{Handle, JoinFailure};

/// An adapter, as the suite drives it.
pub trait Adapter: Debug {
    /// How its nodes address each other.
    type Peer: Peer;
    /// Where a node listens and is joined; the [`Adapter::Peer`] itself, or for example a multiaddr.
    type Place: Clone + Debug + Display;
    /// A running node. Dropped, it stops.
    type Node;
    /// Why a node could not be started.
    type Error: Debug + Display;

    /// Runs a behaviour to its end on the adapter's runtime, which goes on to run the tasks of all nodes meanwhile.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;

    /// Who a member of that name is. Provided for adapters that let the application choose.
    fn identity(&self, name: &str, generation: u64) -> Identity {
        Identity::new(NodeId::from_name(name), generation)
    }

    /// Starts a node, alone.
    fn start(&self, start: Start<'_, Self::Place>) -> impl Future<Output = Result<Self::Node, Self::Error>>;

    /// What its application holds.
    fn handle<'n>(&self, node: &'n Self::Node) -> &'n Handle<Self::Peer>;

    /// Where it listens.
    fn place(&self, node: &Self::Node) -> Self::Place;

    /// Joins through the node that listens there; the number of live members that it knows.
    fn join(&self, node: &Self::Node, contact: &Self::Place) -> impl Future<Output = Result<usize, JoinFailure>>;

    /// Leaves the cluster, then stops. When it returns the place is free.
    fn shutdown(&self, node: Self::Node) -> impl Future<Output = ()>;

    /// Stops at once, as if it crashed. When it returns the place is free.
    fn abort(&self, node: Self::Node) -> impl Future<Output = ()>;

    /// Where anybody may open a TCP connection to the node, if it takes any: for strangers with nothing to say.
    fn stream_address(&self, node: &Self::Node) -> Option<SocketAddr> {
        _ = node;
        None
    }
}

/// A node to start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Start<'a, L> {
    /// Who it is: see [`Adapter::identity`].
    pub name: &'a str,
    /// Which of its lives.
    pub generation: u64,
    /// How it behaves.
    pub config: Config,
    /// Where it is to listen; none: on loopback, at any free port.
    pub at: Option<L>,
    /// Where others reach it, if not there. Only the behaviours in [`crate::udp`] ask for it.
    pub advertise: Option<L>,
    /// How long a peer may take to read, if it is not as long as usual. Only the behaviours in [`crate::udp`] ask for it.
    pub write_timeout: Option<Duration>,
}

impl<'a, L> Start<'a, L> {
    pub(crate) fn new(name: &'a str, config: Config) -> Self {
        Self { name, generation: 1, config, at: None, advertise: None, write_timeout: None }
    }
}
