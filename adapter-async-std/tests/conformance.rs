//! The behaviours that all adapters share: under smol, under async-std, under an executor that knows nothing of either, and in clusters
//! whose other half runs on tokio.

use std::net::SocketAddr;

use gossip_adapter_async_std::{BindError, Options, UdpNode, bind, bind_on};
use gossip_conformance::{Bind, Mixed, Udp};

#[derive(Debug)]
struct Smol;

impl Bind for Smol {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        smol::block_on(future)
    }

    async fn bind(&self, addr: SocketAddr, options: Options) -> Result<UdpNode, BindError> {
        bind_on(addr, options, |work| smol::spawn(work).detach()).await
    }
}

#[derive(Debug)]
struct AsyncStd;

impl Bind for AsyncStd {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        async_std::task::block_on(future)
    }

    async fn bind(&self, addr: SocketAddr, options: Options) -> Result<UdpNode, BindError> {
        bind_on(addr, options, |work| drop(async_std::task::spawn(work))).await
    }
}

#[derive(Debug)]
struct Any;

impl Bind for Any {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        futures_lite::future::block_on(future)
    }

    async fn bind(&self, addr: SocketAddr, options: Options) -> Result<UdpNode, BindError> {
        bind(addr, options).await
    }
}

#[derive(Debug)]
struct Tokio;

impl Bind for Tokio {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(future)
    }

    async fn bind(&self, addr: SocketAddr, options: Options) -> Result<UdpNode, BindError> {
        gossip_adapter_tokio_udp::bind(addr, options).await
    }
}

mod under_smol {
    use super::*;

    gossip_conformance::behaviours!(Udp(Smol));
    gossip_conformance::udp_behaviours!(Udp(Smol));
}

mod under_async_std {
    use super::*;

    gossip_conformance::behaviours!(Udp(AsyncStd));
    gossip_conformance::udp_behaviours!(Udp(AsyncStd));
}

mod on_its_own {
    use super::*;

    gossip_conformance::behaviours!(Udp(Any));
    gossip_conformance::udp_behaviours!(Udp(Any));
}

mod beside_tokio {
    use super::*;

    gossip_conformance::behaviours!(Mixed::new(Udp(Tokio), Udp(Smol)));
    gossip_conformance::udp_behaviours!(Mixed::new(Udp(Tokio), Udp(Smol)));
}
