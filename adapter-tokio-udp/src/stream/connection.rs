//! One connection: its preambles, then frames in both directions.
//!
//! One task waits for everything that may happen next: room for a received frame, bytes, room to write, a frame to send,
//! and the one deadline that is next. Nothing here waits for one of them alone, so a peer that stops holds up only itself.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gossip_handle::frame::{Decoder, FrameError, Item, Preamble};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::link::Link;
use super::links::{Links, Place};
use super::{End, Received};

/// How much one system call reads at most.
const CHUNK: usize = 16 << 10;

/// The bytes of a connection, as items.
pub(super) struct Incoming {
    stream: TcpStream,
    decoder: Decoder,
}

impl Incoming {
    pub(super) fn new(stream: TcpStream, max_frame: usize) -> Self {
        Self { stream, decoder: Decoder::new(max_frame) }
    }

    /// Waits for the other end's preamble.
    pub(super) async fn preamble(&mut self, limit: Duration) -> Result<Preamble, End> {
        let read = async {
            loop {
                self.stream.readable().await?;
                match self.read()? {
                    (_, Some(Item::Preamble(preamble))) => return Ok(preamble),
                    (_, Some(Item::Frame(_))) => return Err(End::Handshake),
                    (_, None) => (),
                }
            }
        };
        timeout(limit, read).await.unwrap_or(Err(End::Handshake))
    }

    /// Reads what is here, as far as it belongs to one item; how many bytes that were.
    fn read(&mut self) -> Result<(usize, Option<Item>), End> {
        let mut chunk = [0; CHUNK];
        let wanted = self.decoder.wanted().min(CHUNK);
        match self.stream.try_read(&mut chunk[..wanted]) {
            Ok(0) => Err(End::Closed),
            Ok(len) => Ok((len, self.decoder.take(&mut &chunk[..len])?)),
            Err(error) if is_not_now(&error) => Ok((0, None)),
            Err(error) => Err(error.into()),
        }
    }
}

/// A connection in use.
pub(super) struct Connection {
    incoming: Incoming,
    links: Arc<Links>,
    peer: SocketAddr,
    link: Arc<Link>,
    /// A frame that the node has no room for yet; nothing more is read meanwhile.
    received: Option<Vec<u8>>,
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

impl Connection {
    /// A connection whose other end has said who it is, or, with a limit for that, is still to do so.
    pub(super) fn new(
        incoming: Incoming,
        links: Arc<Links>,
        place: &Place,
        own: Preamble,
        greeting: Option<Duration>,
    ) -> Self {
        let now = Instant::now();
        Self {
            incoming,
            peer: place.peer,
            link: Arc::clone(&place.link),
            received: None,
            outgoing: (own.encode().to_vec(), 0),
            greeting: greeting.map(|limit| now + limit),
            reading: None,
            writing: Some(now + links.options.write_timeout),
            throttled: None,
            active: now,
            links,
        }
    }

    /// Carries frames until the connection ends; why it did.
    pub(super) async fn run(mut self, inbound: &mpsc::Sender<Received>) -> End {
        loop {
            match self.step(inbound).await {
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

    /// Waits for whatever comes first, and acts on it.
    async fn step(&mut self, inbound: &mpsc::Sender<Received>) -> Result<(), End> {
        if self.outgoing.0.is_empty()
            && let Some(frame) = self.link.pop()
        {
            self.outgoing = (frame, 0);
            self.writing = Some(Instant::now() + self.links.options.write_timeout);
        }
        let reads = self.received.is_none() && self.throttled.is_none();
        let stream = &self.incoming.stream;
        tokio::select! {
            permit = inbound.reserve(), if self.received.is_some() => {
                // The node is gone if it does not take anything any more.
                let permit = permit.map_err(|_| End::Closed)?;
                if let Some(packet) = self.received.take() {
                    permit.send(Received::Frame { from: self.peer, packet, link: Arc::clone(&self.link) });
                }
                self.restart_reading();
            }
            ready = stream.readable(), if reads => {
                ready?;
                self.read()?;
            }
            ready = stream.writable(), if !self.outgoing.0.is_empty() => {
                ready?;
                self.write()?;
            }
            () = self.link.changed() => (),
            () = sleep_until(self.deadline()) => self.expire()?,
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), End> {
        let (len, item) = self.incoming.read()?;
        if len == 0 {
            return Ok(());
        }
        let now = Instant::now();
        self.active = now;
        match item {
            Some(Item::Preamble(_)) => self.greeting = None,
            Some(Item::Frame(packet)) => (self.received, self.reading) = (Some(packet), None),
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

    fn write(&mut self) -> Result<(), End> {
        let (bytes, written) = &mut self.outgoing;
        match self.incoming.stream.try_write(&bytes[*written..]) {
            Ok(len) => *written += len,
            Err(error) if is_not_now(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.active = Instant::now();
        if *written == bytes.len() {
            (self.outgoing, self.writing) = ((Vec::new(), 0), None);
        }
        Ok(())
    }

    /// The time that this end did not read is not the other's.
    fn restart_reading(&mut self) {
        if let Some(reading) = &mut self.reading {
            *reading = Instant::now() + self.links.options.frame_timeout;
        }
    }

    fn deadline(&self) -> Instant {
        // What is not read cannot come in time.
        let reads = self.received.is_none() && self.throttled.is_none();
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
        let reads = self.received.is_none() && self.throttled.is_none();
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

fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
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
