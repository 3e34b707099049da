//! One connection: its preambles, then frames in both directions.
//!
//! One task waits for everything that may happen next: room for a received frame, bytes, room to write, a frame to send,
//! and the one deadline that is next. Nothing here waits for one of them alone, so a peer that stops holds up only itself.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_channel::{Sender, TrySendError};
use gossip_handle::frame::{Decoder, FrameError, Item, Preamble};

use super::lane::Lane;
use super::link::Link;
use super::links::{Links, Place};
use super::{End, Received};
use crate::runtime::{Runtime, Stream, Timer};

/// How much one system call reads at most.
const CHUNK: usize = 16 << 10;

/// The bytes of a connection, as items.
pub(super) struct Incoming<S> {
    stream: S,
    decoder: Decoder,
}

impl<S: Stream> Incoming<S> {
    pub(super) fn new(stream: S, max_frame: usize) -> Self {
        Self { stream, decoder: Decoder::new(max_frame) }
    }

    /// The other end's preamble.
    pub(super) fn poll_preamble(&mut self, cx: &mut Context<'_>) -> Poll<Result<Preamble, End>> {
        loop {
            match ready!(self.poll_read(cx))? {
                (_, Some(Item::Preamble(preamble))) => return Poll::Ready(Ok(preamble)),
                (_, Some(Item::Frame(_))) => return Poll::Ready(Err(End::Handshake)),
                (_, None) => (),
            }
        }
    }

    /// Reads what is here, as far as it belongs to one item; how many bytes that were.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(usize, Option<Item>), End>> {
        let mut chunk = [0; CHUNK];
        let wanted = self.decoder.wanted().min(CHUNK);
        Poll::Ready(match ready!(self.stream.poll_read(cx, &mut chunk[..wanted]))? {
            0 => Err(End::Closed),
            len => Ok((len, self.decoder.take(&mut &chunk[..len])?)),
        })
    }
}

/// A connection in use.
pub(super) struct Connection<S, T> {
    incoming: Incoming<S>,
    timer: T,
    /// What the timer is set to.
    armed: Option<Instant>,
    links: Arc<Links>,
    peer: SocketAddr,
    link: Arc<Link>,
    inbound: Sender<Received>,
    /// A frame that the node has no room for yet, on its way; nothing more is read meanwhile.
    received: Option<Handover>,
    /// What is being written, and how much of it is.
    outgoing: (Vec<u8>, usize),
    /// Until when the other end must have said who it is; none: it has.
    greeting: Option<Instant>,
    /// Until when the frame that was begun must be here.
    reading: Option<Instant>,
    /// Until when what is being written must be gone.
    writing: Option<Instant>,
    /// Not to be read before.
    throttled: Option<Instant>,
    active: Instant,
}

/// Ends when the node has taken a frame; whether it has.
type Handover = Pin<Box<dyn Future<Output = bool> + Send>>;

impl<S: Stream, T: Timer> Connection<S, T> {
    /// A connection whose other end has said who it is, or, with a limit for that, is still to do so.
    pub(super) fn new<R: Runtime>(
        incoming: Incoming<S>,
        timer: T,
        lane: &Lane<R>,
        place: &Place,
        greeting: Option<Duration>,
    ) -> Self {
        let now = Instant::now();
        Self {
            incoming,
            timer,
            armed: None,
            links: Arc::clone(&lane.links),
            peer: place.peer,
            link: Arc::clone(&place.link),
            inbound: lane.inbound.clone(),
            received: None,
            outgoing: (lane.preamble.encode().to_vec(), 0),
            greeting: greeting.map(|limit| now + limit),
            reading: None,
            writing: Some(now + lane.links.options.write_timeout),
            throttled: None,
            active: now,
        }
    }

    /// Carries frames until the connection ends; why it did.
    pub(super) async fn run(mut self) -> End {
        loop {
            match poll_fn(|cx| self.poll_step(cx)).await {
                Ok(()) if self.link.is_refused() => return End::Garbage,
                Ok(()) => (),
                // Refused before a word was said.
                Err(End::Closed) if self.greeting.is_some() => return End::Handshake,
                // Who closes a connection that nobody has used for long is not to blame.
                Err(End::Closed) if self.active.elapsed() > self.links.options.idle_timeout / 2 => return End::Idle,
                Err(end) => return end,
            }
        }
    }

    /// Acts on whatever has come, once; pending while nothing has.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if self.outgoing.0.is_empty()
            && let Some(frame) = self.link.pop()
        {
            self.outgoing = (frame, 0);
            self.writing = Some(Instant::now() + self.links.options.write_timeout);
        }
        let mut acted = self.link.poll_changed(cx).is_ready();
        if let Some(handover) = &mut self.received
            && let Poll::Ready(taken) = handover.as_mut().poll(cx)
        {
            // The node is gone if it does not take anything any more.
            if !taken {
                return Poll::Ready(Err(End::Closed));
            }
            self.received = None;
            self.restart_reading();
            acted = true;
        }
        if self.reads()
            && let Poll::Ready(read) = self.incoming.poll_read(cx)
        {
            let (len, item) = read?;
            self.take(len, item)?;
            acted = true;
        }
        if !self.outgoing.0.is_empty()
            && let Poll::Ready(written) = self.incoming.stream.poll_write(cx, &self.outgoing.0[self.outgoing.1..])
        {
            self.wrote(written?);
            acted = true;
        }
        if acted {
            return Poll::Ready(Ok(()));
        }
        let deadline = self.deadline();
        // Set to an earlier time, it finds out then how much longer it takes.
        if self.armed.is_none_or(|armed| deadline < armed) {
            self.timer.reset(deadline);
            self.armed = Some(deadline);
        }
        ready!(self.timer.poll_due(cx));
        self.armed = None;
        Poll::Ready(self.expire())
    }

    /// So many bytes were read, with an item at their end or not.
    fn take(&mut self, len: usize, item: Option<Item>) -> Result<(), End> {
        let now = Instant::now();
        self.active = now;
        match item {
            Some(Item::Preamble(_)) => self.greeting = None,
            Some(Item::Frame(packet)) => {
                self.reading = None;
                self.hand_over(packet)?;
            }
            None if self.incoming.decoder.is_inside() => {
                self.reading.get_or_insert(now + self.links.options.frame_timeout);
            }
            None => (),
        }
        let wait = self.links.throttle(self.host(), len);
        if wait > Duration::ZERO {
            self.throttled = Some(now + wait);
        }
        Ok(())
    }

    /// Gives the node a frame, now or as soon as it has room.
    fn hand_over(&mut self, packet: Vec<u8>) -> Result<(), End> {
        let frame = Received::Frame { from: self.peer, packet, link: Arc::clone(&self.link) };
        match self.inbound.try_send(frame) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(End::Closed),
            Err(TrySendError::Full(frame)) => {
                let inbound = self.inbound.clone();
                self.received = Some(Box::pin(async move { inbound.send(frame).await.is_ok() }));
                Ok(())
            }
        }
    }

    /// So many bytes of what is being written are gone.
    fn wrote(&mut self, len: usize) {
        self.outgoing.1 += len;
        self.active = Instant::now();
        if self.outgoing.1 == self.outgoing.0.len() {
            (self.outgoing, self.writing) = ((Vec::new(), 0), None);
        }
    }

    fn reads(&self) -> bool {
        self.received.is_none() && self.throttled.is_none()
    }

    /// The time that this end did not read is not the other's.
    fn restart_reading(&mut self) {
        if let Some(reading) = &mut self.reading {
            *reading = Instant::now() + self.links.options.frame_timeout;
        }
    }

    fn deadline(&self) -> Instant {
        // What is not read cannot come in time.
        let reads = self.reads();
        let reading = self.reading.filter(|_| reads);
        let all = [self.greeting.filter(|_| reads), reading, self.writing, self.throttled];
        all.into_iter().flatten().fold(self.active + self.links.options.idle_timeout, Instant::min)
    }

    /// Acts on the deadline that has come.
    fn expire(&mut self) -> Result<(), End> {
        let now = Instant::now();
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if due(self.throttled) {
            self.throttled = None;
            self.restart_reading();
            return Ok(());
        }
        let reads = self.reads();
        if due(self.writing) {
            Err(End::NotReading)
        } else if reads && due(self.greeting) {
            Err(End::Handshake)
        } else if reads && due(self.reading) {
            Err(End::FrameTimeout)
        } else if self.active + self.links.options.idle_timeout <= now {
            Err(End::Idle)
        } else {
            Ok(())
        }
    }

    fn host(&self) -> IpAddr {
        self.peer.ip()
    }
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

impl From<FrameError> for End {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Length(_) => Self::FrameLength,
            _ => Self::Handshake,
        }
    }
}
