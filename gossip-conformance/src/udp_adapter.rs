//! Adapters that run the node of [`gossip_udp`]: what they have in common.

use std::fmt::Debug;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};

use gossip_handle::{Handle, JoinFailure};
use gossip_udp::{BindError, Options, UdpNode};

use crate::adapter::{Adapter, Start};

/// An adapter of [`gossip_udp`]: it differs from others in where it runs.
pub trait Bind: Debug {
    /// As [`Adapter::block_on`].
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;

    /// The adapter's `bind`.
    fn bind(&self, addr: SocketAddr, options: Options) -> impl Future<Output = Result<UdpNode, BindError>>;
}

/// Such an adapter, for the suite.
#[derive(Clone, Copy, Debug)]
pub struct Udp<B>(pub B);

impl<B: Bind> Adapter for Udp<B> {
    type Peer = SocketAddr;
    type Place = SocketAddr;
    type Node = UdpNode;
    type Error = BindError;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }

    async fn start(&self, start: Start<'_, SocketAddr>) -> Result<UdpNode, BindError> {
        let mut options = Options::new(self.identity(start.name, start.generation), start.config);
        options.advertise = start.advertise;
        options.stream.write_timeout = start.write_timeout.unwrap_or(options.stream.write_timeout);
        self.0.bind(start.at.unwrap_or((Ipv4Addr::LOCALHOST, 0).into()), options).await
    }

    fn handle<'n>(&self, node: &'n UdpNode) -> &'n Handle<SocketAddr> {
        node.handle()
    }

    fn place(&self, node: &UdpNode) -> SocketAddr {
        node.local_addr()
    }

    async fn join(&self, node: &UdpNode, contact: &SocketAddr) -> Result<usize, JoinFailure> {
        node.handle().join(*contact).await
    }

    async fn shutdown(&self, node: UdpNode) {
        node.shutdown().await;
    }

    async fn abort(&self, node: UdpNode) {
        node.abort().await;
    }

    fn stream_address(&self, node: &UdpNode) -> Option<SocketAddr> {
        Some(node.local_addr())
    }
}
