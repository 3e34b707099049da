//! Direct messages under way, and who waits to hear what became of them.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use gossip_core::direct::{DirectId, Undelivered};
use gossip_core::{CommandError, Node, Peer};

type Outcome = Result<(), SendFailure>;

/// A direct message under way, from [`crate::Handle::send_to`]: a future that ends when it was delivered, or why it was not.
/// Dropping it does not call the message back.
#[derive(Debug)]
#[must_use = "whether it was delivered is known only in the end"]
pub struct Sending {
    slot: Arc<Slot>,
}

impl Future for Sending {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut slot = self.slot.lock();
        if let Some(outcome) = slot.outcome {
            return Poll::Ready(outcome);
        }
        slot.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Why a direct message was not delivered, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendFailure {
    /// The node refused to send it.
    Command(CommandError),
    /// The node gave it up.
    Undelivered(Undelivered),
    /// The node left or was closed meanwhile.
    Closed,
    /// So much happened at once that the outcome was missed.
    Missed,
}

impl fmt::Display for SendFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(error) => error.fmt(f),
            Self::Undelivered(reason) => reason.fmt(f),
            Self::Closed => f.write_str("the node has left or was stopped"),
            Self::Missed => f.write_str("too much happened at once: the outcome was missed"),
        }
    }
}

impl std::error::Error for SendFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Command(error) => Some(error),
            Self::Undelivered(reason) => Some(reason),
            Self::Closed | Self::Missed => None,
        }
    }
}

/// All messages under way: no more than `direct.max_pending`, for the node tells the fate of each.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    slots: HashMap<DirectId, Arc<Slot>>,
}

impl Waiters {
    pub(crate) fn wait(&mut self, id: DirectId) -> Sending {
        let slot = Arc::new(Slot(Mutex::default()));
        self.slots.insert(id, Arc::clone(&slot));
        Sending { slot }
    }

    pub(crate) fn settle(&mut self, id: DirectId, result: Result<(), Undelivered>, woken: &mut Vec<Waker>) {
        if let Some(slot) = self.slots.remove(&id) {
            woken.extend(slot.settle(result.map_err(SendFailure::Undelivered)));
        }
    }

    /// Events were lost, and the outcome of these messages may be among them.
    pub(crate) fn lagged<P: Peer>(&mut self, node: &Node<P>, woken: &mut Vec<Waker>) {
        let missed = self.slots.extract_if(|id, _| !node.directs().is_pending(*id));
        woken.extend(missed.filter_map(|(_, slot)| slot.settle(Err(SendFailure::Missed))));
    }

    /// No more outcomes will come.
    pub(crate) fn close(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.slots.drain().filter_map(|(_, slot)| slot.settle(Err(SendFailure::Closed))));
    }
}

#[derive(Debug)]
struct Slot(Mutex<Progress>);

#[derive(Debug, Default)]
struct Progress {
    outcome: Option<Outcome>,
    reader: Option<Waker>,
}

impl Slot {
    fn settle(&self, outcome: Outcome) -> Option<Waker> {
        let mut progress = self.lock();
        progress.outcome = Some(outcome);
        progress.reader.take()
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
