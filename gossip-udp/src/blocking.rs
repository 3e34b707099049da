//! A socket on no runtime, for tests: whether something is there is found out by trying.

use std::future;
use std::io;
use std::net::UdpSocket;
use std::task::{Context, Poll};

use socket2::SockRef;

use crate::address::Scope;
use crate::runtime::Datagrams;
use crate::socket::Socket;

pub(crate) struct Blocking(UdpSocket);

impl Blocking {
    pub(crate) fn socket(addr: &str) -> io::Result<Socket<Self>> {
        Socket::open(addr.parse().unwrap(), Scope::default(), 1 << 20, false, |socket| Ok(Self(socket)))
    }
}

impl Datagrams for Blocking {
    fn socket(&self) -> SockRef<'_> {
        (&self.0).into()
    }

    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn reported(&self) -> impl Future<Output = ()> + Send {
        future::pending()
    }

    fn try_receive<R>(&self, call: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        call()
    }

    fn try_report<R>(&self, call: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        call()
    }
}
