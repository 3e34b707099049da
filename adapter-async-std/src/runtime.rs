//! The reactor of smol and async-std, as a node needs it.

use std::future::{self, Future};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use async_io::Async;
use futures_lite::future::yield_now;
use futures_lite::{AsyncRead as _, AsyncWrite as _};
use gossip_udp::runtime::{Datagrams, Listener, Runtime, Stream, Timer, Work};
use socket2::SockRef;

/// The reactor, and an executor for tasks.
#[derive(Clone)]
pub(crate) struct Reactor {
    spawn: Arc<dyn Fn(Work) + Send + Sync>,
}

impl Reactor {
    pub(crate) fn new(spawn: Arc<dyn Fn(Work) + Send + Sync>) -> Self {
        Self { spawn }
    }
}

impl Runtime for Reactor {
    type Datagrams = Socket;
    type Listener = Accepts;
    type Stream = Connection;
    type Timer = Alarm;

    fn datagrams(&self, socket: UdpSocket) -> io::Result<Socket> {
        Ok(Socket { io: Async::new_nonblocking(socket)?, unclear: AtomicBool::new(false) })
    }

    fn listener(&self, listener: TcpListener) -> io::Result<Accepts> {
        Async::new_nonblocking(listener).map(Accepts)
    }

    async fn connect(&self, socket: socket2::Socket, to: SocketAddr) -> io::Result<Connection> {
        match socket.connect(&to.into()) {
            Err(error) if !is_under_way(&error) => return Err(error),
            _ => (),
        }
        let stream = Async::new_nonblocking(TcpStream::from(socket))?;
        stream.writable().await?;
        match stream.get_ref().take_error()? {
            Some(error) => Err(error),
            None => Ok(Connection(stream)),
        }
    }

    fn timer(&self, at: Instant) -> Alarm {
        Alarm(async_io::Timer::at(at))
    }

    fn spawn(&self, work: Work) {
        (self.spawn)(work);
    }

    fn yield_now(&self) -> impl Future<Output = ()> + Send {
        yield_now()
    }
}

/// A connection that was asked for, and is not there yet.
fn is_under_way(error: &io::Error) -> bool {
    #[cfg(unix)]
    return rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::INPROGRESS);
    #[cfg(not(unix))]
    return error.kind() == io::ErrorKind::WouldBlock;
}

pub(crate) struct Socket {
    io: Async<UdpSocket>,
    /// The last call found no datagram: what made the socket ready may be a report.
    unclear: AtomicBool,
}

impl Datagrams for Socket {
    fn socket(&self) -> SockRef<'_> {
        self.io.get_ref().into()
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // An error of the reactor itself shows up again when the socket is read.
        self.io.poll_readable(cx).map(|_| ())
    }

    fn reported(&self) -> impl Future<Output = ()> + Send {
        // A socket with a report is readable here.
        future::pending()
    }

    fn try_receive<R>(&self, call: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        let received = call();
        self.unclear.store(received.is_err(), Relaxed);
        received
    }

    fn try_report<R>(&self, call: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        if self.unclear.load(Relaxed) { call() } else { Err(io::ErrorKind::WouldBlock.into()) }
    }
}

pub(crate) struct Accepts(Async<TcpListener>);

impl Listener for Accepts {
    type Stream = Connection;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Connection, SocketAddr)>> {
        loop {
            match self.0.get_ref().accept() {
                Ok((stream, from)) => return Poll::Ready(Async::new(stream).map(|stream| (Connection(stream), from))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.0.poll_readable(cx))?,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

pub(crate) struct Connection(Async<TcpStream>);

impl Stream for Connection {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }
}

pub(crate) struct Alarm(async_io::Timer);

impl Timer for Alarm {
    fn reset(&mut self, at: Instant) {
        self.0.set_at(at);
    }

    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|_| ())
    }
}
