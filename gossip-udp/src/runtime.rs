//! What a node needs of an async runtime, and all that an adapter brings.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use socket2::SockRef;

/// What a runtime runs for a node.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A runtime: it runs tasks, tells when sockets and timers are ready, and knows nothing of nodes.
///
/// All sockets are handed to it in non-blocking mode.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// A UDP socket.
    type Datagrams: Datagrams;
    /// A TCP listener.
    type Listener: Listener<Stream = Self::Stream>;
    /// A TCP connection.
    type Stream: Stream;
    /// A timer.
    type Timer: Timer;

    /// Takes a UDP socket over.
    ///
    /// # Errors
    /// The runtime cannot wait for it.
    fn datagrams(&self, socket: UdpSocket) -> io::Result<Self::Datagrams>;

    /// Takes a TCP listener over.
    ///
    /// # Errors
    /// The runtime cannot wait for it.
    fn listener(&self, listener: TcpListener) -> io::Result<Self::Listener>;

    /// Connects a TCP socket, which may be bound, and waits until it is.
    fn connect(&self, socket: socket2::Socket, to: SocketAddr)
    -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// A timer that is due at `at`.
    fn timer(&self, at: Instant) -> Self::Timer;

    /// Runs a task. The runtime may drop it at any time, which ends it.
    fn spawn(&self, work: Work);

    /// Lets other tasks, and the runtime's own work, go first.
    fn yield_now(&self) -> impl Future<Output = ()> + Send;
}

/// A UDP socket that a runtime waits for. The system calls are not its own.
pub trait Datagrams: Send + Sync + 'static {
    /// The socket, for system calls.
    fn socket(&self) -> SockRef<'_>;

    /// Ready when something may be there to receive. Only one task asks.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Waits until the system may have a report of an undelivered datagram; never ends if [`Datagrams::poll_readable`] is ready then.
    fn reported(&self) -> impl Future<Output = ()> + Send;

    /// Receives by `call`, which answers [`io::ErrorKind::WouldBlock`] if there is nothing; a runtime that knows does not call it.
    ///
    /// # Errors
    /// Those of `call`.
    fn try_receive<R>(&self, call: impl FnOnce() -> io::Result<R>) -> io::Result<R>;

    /// Reads a report by `call`, in the same way.
    ///
    /// # Errors
    /// Those of `call`.
    fn try_report<R>(&self, call: impl FnOnce() -> io::Result<R>) -> io::Result<R>;
}

/// A TCP listener that a runtime waits for.
pub trait Listener: Send + Sync + 'static {
    /// The connections that it takes.
    type Stream;

    /// The next connection and where it comes from. Only one task asks.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>>;
}

/// A TCP connection that a runtime waits for. Only one task uses it.
pub trait Stream: Send + Unpin + 'static {
    /// Reads what is here; 0: there will not be more.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes as much of `bytes` as there is room for.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
}

/// A timer.
pub trait Timer: Send + Sync + Unpin + 'static {
    /// Makes it due at another time.
    fn reset(&mut self, at: Instant);

    /// Ready once it is due, from then on.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}
