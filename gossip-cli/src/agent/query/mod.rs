//! Queries: a question to all members, or to those with some tags, which handlers answer within a deadline.
//!
//! The question is a broadcast. Who has a handler for it says so to who asked, runs the handler, and sends what that
//! wrote; who has none says that. Asking and answering are bounded: so many queries under way, so many handlers at once
//! and waiting, so much time and output for each.

mod answer;
mod ask;
mod message;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use gossip_core::NodeId;
use gossip_core::direct::Direct;
use tokio::sync::mpsc;

pub(super) use answer::{local, spawn};
pub(super) use ask::{Asked, Question};
pub(super) use message::{TOPIC, is_reserved};

use super::hooks::Counts;
use crate::exit::Failure;
use message::Reply;

/// Queries of this agent that may be under way.
const MAX_ASKING: usize = 64;
/// Replies that wait for the reader of one query.
const MAX_REPLIES: usize = 4096;
/// The longest name of a query, in bytes.
const MAX_NAME: usize = 64;

/// The queries of this agent that are under way, and counters of all that it has to do with.
#[derive(Debug, Default)]
pub(super) struct Queries {
    asking: Mutex<HashMap<u64, mpsc::Sender<(NodeId, Reply)>>>,
    /// Handlers that answer queries.
    pub(super) handlers: Counts,
    dropped: [AtomicU64; Dropped::ALL.len()],
}

/// What was not done, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dropped {
    /// A question or reply that makes no sense.
    Malformed,
    /// A question whose time was over when it arrived.
    Late,
    /// A reply to no query under way.
    Unasked,
    /// A reply for which the reader had no room.
    SlowReader,
    /// A reply that did not arrive at who asked.
    Undelivered,
}

impl Dropped {
    /// All of them, in the order in which they are shown.
    pub(super) const ALL: [Self; 5] = [Self::Malformed, Self::Late, Self::Unasked, Self::SlowReader, Self::Undelivered];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Late => "late",
            Self::Unasked => "unasked",
            Self::SlowReader => "slow_reader",
            Self::Undelivered => "undelivered",
        }
    }
}

impl Queries {
    pub(super) fn dropped(&self, why: Dropped) -> u64 {
        self.dropped[why as usize].load(Relaxed)
    }

    fn drop_one(&self, why: Dropped) {
        self.dropped[why as usize].fetch_add(1, Relaxed);
    }

    /// Hands a reply to the query that it is for.
    fn deliver(&self, message: &Direct) {
        let Some((id, reply)) = Reply::decode(&message.data) else { return self.drop_one(Dropped::Malformed) };
        let asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(to) = asking.get(&id) else { return self.drop_one(Dropped::Unasked) };
        if to.try_send((message.from.id, reply)).is_err() {
            self.drop_one(Dropped::SlowReader);
        }
    }

    /// Receives the replies to a query; none if too many are under way.
    fn expect(&self, id: u64) -> Option<mpsc::Receiver<(NodeId, Reply)>> {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        // A query ends when its reader goes away.
        asking.retain(|_, to| !to.is_closed());
        if asking.len() >= MAX_ASKING {
            return None;
        }
        let (to, replies) = mpsc::channel(MAX_REPLIES);
        asking.insert(id, to);
        Some(replies)
    }

    fn forget(&self, id: u64) {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// Refuses names that could not stand in `NAME=CMD`.
pub(super) fn check_name(name: &str) -> Result<(), Failure> {
    let allowed = |c: char| c.is_alphanumeric() || "._-".contains(c);
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(Failure::input(format!("`{}` is no name of a query", name.escape_debug()))
        .hint(format!("a name is 1 to {MAX_NAME} bytes of letters, digits, `.`, `_` and `-`")))
}
