//! Two adapters in one cluster.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use gossip_core::Identity;
use gossip_handle::{Handle, JoinFailure};

use crate::adapter::{Adapter, Start};

/// An adapter of two: the first node is one of `A`, the next one of `B`, and so on. Everything runs on the runtime of `A`; the tasks
/// of `B` must find theirs by themselves.
#[derive(Debug)]
pub struct Mixed<A, B> {
    first: A,
    second: B,
    started: AtomicUsize,
}

impl<A, B> Mixed<A, B> {
    /// Of these two.
    pub fn new(first: A, second: B) -> Self {
        Self { first, second, started: AtomicUsize::new(0) }
    }
}

/// A node of the one or of the other adapter, or why it did not start.
#[derive(Debug)]
#[allow(missing_docs, reason = "the one and the other")]
pub enum Either<A, B> {
    First(A),
    Second(B),
}

impl<A: fmt::Display, B: fmt::Display> fmt::Display for Either<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First(first) => first.fmt(f),
            Self::Second(second) => second.fmt(f),
        }
    }
}

impl<A, B> Adapter for Mixed<A, B>
where
    A: Adapter,
    B: Adapter<Peer = A::Peer, Place = A::Place>,
{
    type Peer = A::Peer;
    type Place = A::Place;
    type Node = Either<A::Node, B::Node>;
    type Error = Either<A::Error, B::Error>;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.first.block_on(future)
    }

    fn identity(&self, name: &str, generation: u64) -> Identity {
        self.first.identity(name, generation)
    }

    async fn start(&self, start: Start<'_, A::Place>) -> Result<Self::Node, Self::Error> {
        if self.started.fetch_add(1, Relaxed).is_multiple_of(2) {
            self.first.start(start).await.map(Either::First).map_err(Either::First)
        } else {
            self.second.start(start).await.map(Either::Second).map_err(Either::Second)
        }
    }

    fn handle<'n>(&self, node: &'n Self::Node) -> &'n Handle<Self::Peer> {
        match node {
            Either::First(node) => self.first.handle(node),
            Either::Second(node) => self.second.handle(node),
        }
    }

    fn place(&self, node: &Self::Node) -> Self::Place {
        match node {
            Either::First(node) => self.first.place(node),
            Either::Second(node) => self.second.place(node),
        }
    }

    async fn join(&self, node: &Self::Node, contact: &Self::Place) -> Result<usize, JoinFailure> {
        match node {
            Either::First(node) => self.first.join(node, contact).await,
            Either::Second(node) => self.second.join(node, contact).await,
        }
    }

    async fn shutdown(&self, node: Self::Node) {
        match node {
            Either::First(node) => self.first.shutdown(node).await,
            Either::Second(node) => self.second.shutdown(node).await,
        }
    }

    async fn abort(&self, node: Self::Node) {
        match node {
            Either::First(node) => self.first.abort(node).await,
            Either::Second(node) => self.second.abort(node).await,
        }
    }

    fn stream_address(&self, node: &Self::Node) -> Option<SocketAddr> {
        match node {
            Either::First(node) => self.first.stream_address(node),
            Either::Second(node) => self.second.stream_address(node),
        }
    }
}
