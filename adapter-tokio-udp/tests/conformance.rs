//! The behaviours that all adapters share.

use std::net::SocketAddr;

use gossip_adapter_tokio_udp::{BindError, Options, UdpNode, bind};
use gossip_conformance::{Bind, Udp};
use tokio::runtime::Builder;

#[derive(Debug)]
struct Tokio;

impl Bind for Tokio {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(future)
    }

    async fn bind(&self, addr: SocketAddr, options: Options) -> Result<UdpNode, BindError> {
        bind(addr, options).await
    }
}

gossip_conformance::behaviours!(Udp(Tokio));
gossip_conformance::udp_behaviours!(Udp(Tokio));
