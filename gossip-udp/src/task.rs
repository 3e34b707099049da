//! The one task of a node: it waits for the socket, the timer and the handles, and moves bytes.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use gossip_handle::{Driver, TransportCounters};

use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::runtime::{Datagrams, Runtime, Timer};
use crate::shards::Sockets;
use crate::socket::Socket;
use crate::stream::Streams;

/// How many reports of undelivered datagrams are read at a time.
const MAX_REPORTS: usize = 32;
/// How often one turn asks a socket that answers with an error: each error may be a report that is read otherwise.
const RECEIVE_TRIES: usize = 4;
/// How long to leave a socket alone that is full, or that fails.
const PAUSE: Duration = Duration::from_millis(1);
/// The timer when the node has no deadline.
const IDLE: Duration = Duration::from_secs(3600);

/// Runs until the node has left, or until the task is aborted; both close the node.
pub(crate) async fn run<R: Runtime>(
    runtime: R,
    driver: Driver<SocketAddr>,
    sockets: Sockets<R::Datagrams>,
    streams: Option<Streams>,
    datagram_mtu: usize,
) {
    let mut worker = Worker::new(driver, streams, datagram_mtu);
    let mut timer = runtime.timer(Instant::now());
    let mut report = pin!(sockets.first().reported());
    loop {
        worker.turn(&sockets);
        if worker.driver.has_left() {
            return;
        }
        if worker.busy {
            // The socket or the node has more: the other tasks go first.
            runtime.yield_now().await;
            continue;
        }
        timer.reset(worker.wake_at());
        if worker.wait(&sockets, &mut timer, report.as_mut()).await {
            report.set(sockets.first().reported());
        }
    }
}

struct Worker {
    driver: Driver<SocketAddr>,
    counters: Arc<TransportCounters>,
    streams: Option<Streams>,
    inbox: Inbox,
    outbox: Outbox,
    /// Whose turn it is to be asked.
    turns: usize,
    /// Hints for the next turn.
    unreachable: Vec<SocketAddr>,
    deadline: Option<Instant>,
    /// A handle or the timer wants a turn, whether anything was received or not.
    wanted: bool,
    /// The last turn ended with more to do at once.
    busy: bool,
    /// Reading fails for no reason that goes away by itself.
    receive_paused: bool,
}

impl Worker {
    fn new(driver: Driver<SocketAddr>, streams: Option<Streams>, datagram_mtu: usize) -> Self {
        Self {
            counters: driver.transport(),
            driver,
            inbox: Inbox::new(streams.as_ref().map_or(0, Streams::max_frame)),
            streams,
            outbox: Outbox::new(datagram_mtu),
            turns: 0,
            unreachable: Vec::new(),
            deadline: None,
            wanted: true,
            busy: false,
            receive_paused: false,
        }
    }

    /// One batch in, the timers, one batch out: bounded, and with the node locked once.
    fn turn(&mut self, sockets: &Sockets<impl Datagrams>) {
        let socket = sockets.first();
        self.receive(sockets);
        self.hear_reports(socket);
        // The other sockets may have something, too.
        self.busy = self.inbox.is_full() || !self.inbox.is_empty() && sockets.len() > 1;
        let received = self.streams.as_ref().is_some_and(Streams::has_received);
        if !self.wanted && self.inbox.is_empty() && self.unreachable.is_empty() && !received {
            return;
        }

        let Self { driver, inbox, outbox, unreachable, streams, .. } = self;
        let (deadline, more_frames) = driver.turn(|turn| {
            // The node counts what it drops.
            inbox.drain(|from, packet| _ = turn.handle_packet(from, packet));
            unreachable.drain(..).for_each(|peer| turn.handle_unreachable(&peer));
            if let Some(streams) = streams {
                streams.drain(turn);
            }
            turn.handle_timeout();
            if outbox.is_empty() {
                outbox.fill(turn);
            }
            let more_frames = streams.as_mut().is_some_and(|streams| streams.fill(turn, inbox.scratch()));
            (turn.deadline(), more_frames)
        });
        self.deadline = deadline;

        let more = self.outbox.is_full();
        self.outbox.flush(socket, &mut self.unreachable, &self.counters);
        self.wanted = more && self.outbox.is_empty() || more_frames;
        self.busy |= self.wanted || !self.unreachable.is_empty();
    }

    fn receive(&mut self, sockets: &Sockets<impl Datagrams>) {
        let (mut tries, mut silent) = (RECEIVE_TRIES, 0);
        while tries > 0 && silent < sockets.len() {
            let socket = sockets.at(self.turns);
            self.turns = self.turns.wrapping_add(1);
            match self.inbox.fill(socket) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => silent += 1,
                // The error may be what a report says, too, and then that is heard.
                Err(error) => {
                    tries -= 1;
                    if !self.hear_reports(socket) {
                        self.counters.receive_errors.count();
                        tracing::debug!("cannot receive: {error}");
                    }
                }
            }
        }
        self.receive_paused = tries == 0;
    }

    /// Notes for the next turn whom the system could not deliver to; whether there was anybody.
    fn hear_reports(&mut self, socket: &Socket<impl Datagrams>) -> bool {
        let known = self.unreachable.len();
        self.unreachable.extend((0..MAX_REPORTS).map_while(|_| socket.next_unreachable()));
        self.unreachable.len() > known
    }

    fn wake_at(&self) -> Instant {
        if self.receive_paused || !self.outbox.is_empty() {
            // Not earlier even if the node's deadline is: as long as it cannot send, it may stay due.
            return Instant::now() + PAUSE;
        }
        self.deadline.unwrap_or_else(|| Instant::now() + IDLE)
    }

    /// Waits for anything to do; says whether it was, among others, a `report`, which is used up then.
    async fn wait(
        &mut self,
        sockets: &Sockets<impl Datagrams>,
        timer: &mut impl Timer,
        mut report: Pin<&mut impl Future<Output = ()>>,
    ) -> bool {
        poll_fn(|cx| {
            let readable = !self.receive_paused && sockets.poll_readable(cx).is_ready();
            let framed = self.streams.as_mut().is_some_and(|streams| streams.poll_received(cx).is_ready());
            let reported = report.as_mut().poll(cx).is_ready();
            let woken = self.driver.poll_wake(cx).is_ready();
            let due = timer.poll_due(cx).is_ready();
            self.wanted |= woken || due;
            if readable || framed || reported || woken || due { Poll::Ready(reported) } else { Poll::Pending }
        })
        .await
    }
}
