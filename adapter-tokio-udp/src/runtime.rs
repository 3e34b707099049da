//! Tokio, as a node needs it.

use std::future::Future;
use std::io;
use std::net::{self, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use gossip_udp::runtime::{Datagrams, Listener, Runtime, Stream, Timer, Work};
use socket2::SockRef;
use tokio::io::{AsyncRead as _, AsyncWrite as _, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::{Sleep, sleep_until};

#[derive(Clone, Debug)]
pub(crate) struct Tokio(pub(crate) Handle);

impl Runtime for Tokio {
    type Datagrams = Socket;
    type Listener = Accepts;
    type Stream = Connection;
    type Timer = SleepUntil;

    fn datagrams(&self, socket: net::UdpSocket) -> io::Result<Socket> {
        UdpSocket::from_std(socket).map(Socket)
    }

    fn listener(&self, listener: net::TcpListener) -> io::Result<Accepts> {
        TcpListener::from_std(listener).map(Accepts)
    }

    async fn connect(&self, socket: socket2::Socket, to: SocketAddr) -> io::Result<Connection> {
        TcpSocket::from_std_stream(socket.into()).connect(to).await.map(Connection)
    }

    fn timer(&self, at: Instant) -> SleepUntil {
        SleepUntil(Box::pin(sleep_until(at.into())))
    }

    fn spawn(&self, work: Work) {
        self.0.spawn(work);
    }

    fn yield_now(&self) -> impl Future<Output = ()> + Send {
        yield_now()
    }
}

pub(crate) struct Socket(UdpSocket);

impl Datagrams for Socket {
    fn socket(&self) -> SockRef<'_> {
        (&self.0).into()
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // An error of the runtime itself shows up again when the socket is read.
        self.0.poll_recv_ready(cx).map(|_| ())
    }

    async fn reported(&self) {
        if self.0.ready(Interest::ERROR).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn try_receive<R>(&self, call: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.0.try_io(Interest::READABLE, call)
    }

    fn try_report<R>(&self, call: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.0.try_io(Interest::ERROR, call)
    }
}

pub(crate) struct Accepts(TcpListener);

impl Listener for Accepts {
    type Stream = Connection;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Connection, SocketAddr)>> {
        self.0.poll_accept(cx).map_ok(|(stream, from)| (Connection(stream), from))
    }
}

pub(crate) struct Connection(TcpStream);

impl Stream for Connection {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }
}

pub(crate) struct SleepUntil(Pin<Box<Sleep>>);

impl Timer for SleepUntil {
    fn reset(&mut self, at: Instant) {
        self.0.as_mut().reset(at.into());
    }

    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}
