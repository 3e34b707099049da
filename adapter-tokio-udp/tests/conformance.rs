//! The behaviours that all adapters share.

use std::future::Future;
use std::net::SocketAddr;

use gossip_adapter_tokio_udp::{BindError, Options, UdpNode, bind};
use gossip_conformance::{Adapter, Start};
use gossip_handle::{Handle, JoinFailure};

#[derive(Debug)]
struct TokioUdp;

impl Adapter for TokioUdp {
    type Peer = SocketAddr;
    type Place = SocketAddr;
    type Node = UdpNode;
    type Error = BindError;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(future)
    }

    async fn start(&self, start: Start<'_, SocketAddr>) -> Result<UdpNode, BindError> {
        let mut options = Options::new(self.identity(start.name, start.generation), start.config);
        options.advertise = start.advertise;
        options.stream.write_timeout = start.write_timeout.unwrap_or(options.stream.write_timeout);
        bind(start.at.unwrap_or(([127, 0, 0, 1], 0).into()), options).await
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

gossip_conformance::behaviours!(TokioUdp);
gossip_conformance::udp_behaviours!(TokioUdp);
