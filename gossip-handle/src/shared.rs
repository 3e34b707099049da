//! The node behind its lock, and what has to happen each time the lock is taken.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atomic_waker::AtomicWaker;
use gossip_core::{Clock, Event, Instant, Node, Peer};

use crate::hub::Hub;
use crate::inbox::Inboxes;
use crate::sending::Waiters;
use crate::transport::TransportCounters;

/// How long the node may go on with the wall clock it was told last.
const WALL_CLOCK_INTERVAL: Duration = Duration::from_secs(1);

/// What handles and the driver have in common.
pub(crate) struct Shared<P: Peer> {
    clock: Clock,
    state: Mutex<State<P>>,
    driver: AtomicWaker,
    /// Whether something was done to the node that the driver has not seen yet.
    work: AtomicBool,
    transport: Arc<TransportCounters>,
}

/// What the lock guards.
pub(crate) struct State<P: Peer> {
    pub(crate) node: Node<P>,
    pub(crate) hub: Hub<P>,
    pub(crate) inboxes: Inboxes,
    pub(crate) sending: Waiters,
    /// The node has left: [`Event::Left`] went through.
    pub(crate) left: bool,
    /// The driver is gone: nothing is sent or received any more.
    pub(crate) closed: bool,
    wall_clock_due: Instant,
}

impl<P: Peer> Shared<P> {
    pub(crate) fn new(node: Node<P>, clock: Clock) -> Self {
        let state = State {
            node,
            hub: Hub::default(),
            inboxes: Inboxes::default(),
            sending: Waiters::default(),
            left: false,
            closed: false,
            wall_clock_due: Instant::ZERO,
        };
        Self {
            clock,
            state: Mutex::new(state),
            driver: AtomicWaker::new(),
            work: AtomicBool::new(true),
            transport: Arc::default(),
        }
    }

    /// Locks, tells the time, calls `f`, hands the node's events to the subscribers, and wakes them after the lock is
    /// released: a waker may run anything, even a call that wants the lock.
    pub(crate) fn run<R>(&self, f: impl FnOnce(&mut State<P>, Instant) -> R) -> R {
        let mut state = self.lock();
        let now = self.clock.now();
        state.tell_wall_clock(now);
        let State { node, inboxes, .. } = &mut *state;
        inboxes.tell_rooms(node);
        let result = f(&mut state, now);
        let mut woken = Vec::new();
        state.fan_out(&mut woken);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        result
    }

    /// Looks without a change, so there is nothing to tell anybody.
    pub(crate) fn read<R>(&self, f: impl FnOnce(&State<P>) -> R) -> R {
        f(&self.lock())
    }

    pub(crate) fn close(&self) {
        let mut woken = Vec::new();
        let mut state = self.lock();
        state.closed = true;
        state.hub.close(&mut woken);
        state.inboxes.close(&mut woken);
        state.sending.close(&mut woken);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn wake_driver(&self) {
        self.work.store(true, Ordering::Release);
        self.driver.wake();
    }

    pub(crate) fn poll_wake(&self, cx: &Context<'_>) -> Poll<()> {
        self.driver.register(cx.waker());
        if self.work.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(crate) fn transport(&self) -> &Arc<TransportCounters> {
        &self.transport
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A panic under the lock is not passed on: see the crate's documentation.
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Peer> fmt::Debug for Shared<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl<P: Peer> State<P> {
    fn tell_wall_clock(&mut self, now: Instant) {
        if now < self.wall_clock_due {
            return;
        }
        self.wall_clock_due = now + WALL_CLOCK_INTERVAL;
        // A clock set before 1970 says nothing; the node then orders writes by what it hears.
        if let Ok(since_1970) = SystemTime::now().duration_since(UNIX_EPOCH) {
            let unix_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
            self.node.handle_wall_clock(now, unix_ms);
        }
    }

    fn fan_out(&mut self, woken: &mut Vec<Waker>) {
        while let Some(event) = self.node.poll_event() {
            match event {
                Event::Direct(message) => {
                    self.inboxes.deliver(message, woken);
                    continue;
                }
                Event::Sent { id, result } => {
                    self.sending.settle(id, result, woken);
                    continue;
                }
                Event::Left => {
                    self.left = true;
                    self.sending.close(woken);
                }
                Event::Lagged(_) => self.sending.lagged(&self.node, woken),
                _ => {}
            }
            self.hub.publish(event, woken);
        }
    }
}
