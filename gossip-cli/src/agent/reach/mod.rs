//! Who gets through to whom: every member sends a token to every other and says which were acknowledged and whose arrived.
//! From all that is said, links that carry in one direction alone follow.
//!
//! ```text
//! asker ── question (broadcast) ──> all        so that it arrives by way of others, too
//! each  ── token (direct message) ─> others    acknowledged: both directions work; heard: one does
//! each  ── report (direct message) > asker     or a broadcast, if nothing gets through to the asker
//! ```
//!
//! Bounded: an agent asks for one round at a time and a second, and takes part in [`MAX_ROUNDS`]; in each it sends [`MAX_TARGETS`] tokens of 9 bytes, repeated by
//! the core until they are acknowledged or given up, and a report of a few datagrams.

mod answer;
mod ask;
mod findings;
mod message;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gossip_core::NodeId;
use gossip_handle::Handle;
use tokio::sync::mpsc;

pub(super) use ask::Round;
pub(super) use findings::Findings;

use message::{Part, Question};

/// To so many others, drawn at random if there are more, a member sends a token.
pub(super) const MAX_TARGETS: usize = 64;
/// So many rounds an agent takes part in at a time, and begins in [`INTERVAL`]; further questions are not answered.
const MAX_ROUNDS: usize = 4;
/// Between two rounds of one asker.
const INTERVAL: Duration = Duration::from_secs(1);
/// The port of tokens and reports.
const PORT: u8 = 2;
/// The topic of questions.
pub(super) const ASK: &[u8] = b"@gossip/reach";
/// The topic of reports that do not get through to the asker.
pub(super) const TELL: &[u8] = b"@gossip/reach-report";
/// Tokens and reports that wait to be sorted.
const INBOX: usize = 1024;
/// Parts of reports that wait for who asked.
const MAX_PARTS: usize = 4096;
/// The longest time for a round.
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// The round that this agent asked for: one at a time.
#[derive(Debug)]
pub(super) struct Reach {
    asking: Mutex<Asking>,
    /// The way of questions to this agent itself, which the network does not bring back.
    to_self: mpsc::Sender<Question>,
}

#[derive(Debug, Default)]
struct Asking {
    begun: Option<Instant>,
    reports: Option<(u64, mpsc::Sender<(NodeId, Part)>)>,
}

impl Reach {
    /// Starts the task that answers, which ends with the node.
    pub(super) fn spawn(handle: &Handle<SocketAddr>) -> Arc<Self> {
        let (to_self, questions) = mpsc::channel(1);
        let reach = Arc::new(Self { asking: Mutex::default(), to_self });
        answer::spawn(handle, questions, Arc::clone(&reach));
        reach
    }

    /// Hands a part of a report to the round that it is for.
    fn deliver(&self, from: NodeId, round: u64, part: Part) {
        if let Some((asked, to)) = &self.asking().reports
            && *asked == round
        {
            // Nobody sends so many; what is missing shows as no answer.
            let _ = to.try_send((from, part));
        }
    }

    /// Waits until another round may begin.
    async fn rest(&self) {
        let begun = self.asking().begun;
        if let Some(begun) = begun {
            tokio::time::sleep(INTERVAL.saturating_sub(begun.elapsed())).await;
        }
    }

    /// Receives the reports of a round; none if one is under way, or began a moment ago.
    fn expect(&self, round: u64) -> Option<mpsc::Receiver<(NodeId, Part)>> {
        let mut asking = self.asking();
        let recent = asking.begun.is_some_and(|begun| begun.elapsed() < INTERVAL);
        if recent || asking.reports.as_ref().is_some_and(|(_, to)| !to.is_closed()) {
            return None;
        }
        let (to, parts) = mpsc::channel(MAX_PARTS);
        *asking = Asking { begun: Some(Instant::now()), reports: Some((round, to)) };
        Some(parts)
    }

    fn asking(&self) -> MutexGuard<'_, Asking> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
