//! Handlers: commands that the agent runs when something happens, with the event as JSON on standard input.
//!
//! The agent never waits for a handler. At most [`Limits::at_once`] run at a time, at most [`Limits::waiting`] events wait
//! for one that ends; what comes on top is dropped, counted and logged. A handler that takes longer than [`Limits::time`]
//! is killed with all that it started.

mod counts;
mod process;
mod question;
mod rule;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub(super) use counts::{Counts, Outcome};
pub(super) use process::Job;
pub(super) use question::QueryRule;
pub(super) use rule::Rule;

use super::feed::{Line, Subscription};
use crate::event_kind::EventKind;

/// How long handlers may go on when the agent stops, the one that is told of its leave included.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How much handlers may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// How many run at once.
    pub(super) at_once: usize,
    /// How many events wait for their turn.
    pub(super) waiting: usize,
    /// How long one may run.
    pub(super) time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { at_once: 4, waiting: 256, time: Duration::from_secs(30) }
    }
}

/// Which handlers run on what, and how much they may take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hooks {
    pub(super) rules: Vec<Rule>,
    /// Who answers queries, by their names.
    pub(super) queries: Vec<QueryRule>,
    pub(super) limits: Limits,
}

/// What every handler finds in its environment.
pub(super) struct Context {
    /// `GOSSIP_NAME`: this member's name.
    pub(super) name: String,
    /// `GOSSIP_SOCKET`: where `gossip` commands find this agent without being told.
    pub(super) socket: PathBuf,
}

/// Starts the task that runs handlers. It ends soon after the node.
pub(super) fn spawn(
    source: Subscription,
    hooks: watch::Receiver<Hooks>,
    context: Context,
    counts: Arc<Counts>,
) -> JoinHandle<()> {
    let context = Arc::new(context);
    let (waiting, running) = (VecDeque::new(), JoinSet::new());
    tokio::spawn(Task { source, hooks, context, counts, waiting, running, shed: 0 }.run())
}

struct Task {
    source: Subscription,
    hooks: watch::Receiver<Hooks>,
    context: Arc<Context>,
    counts: Arc<Counts>,
    waiting: VecDeque<Job>,
    running: JoinSet<Outcome>,
    /// Events dropped since the last time that there was room.
    shed: u64,
}

impl Task {
    async fn run(mut self) {
        loop {
            let hooks = self.hooks.borrow_and_update().clone();
            let wanted = |kind| hooks.rules.iter().any(|rule| rule.wants(kind));
            tokio::select! {
                lines = self.source.next(wanted) => match lines {
                    Some(lines) => lines.iter().for_each(|line| self.take(line, &hooks)),
                    None => break,
                },
                Some(ended) = self.running.join_next() => self.ended(ended),
                // An agent that stops drops its end; the node's end follows.
                Ok(()) = self.hooks.changed() => {}
            }
            self.start(&hooks.limits);
        }
        let hooks = self.hooks.borrow().clone();
        let drained = async {
            while let Some(ended) = self.running.join_next().await {
                self.ended(ended);
                self.start(&hooks.limits);
            }
        };
        if tokio::time::timeout(PATIENCE, drained).await.is_err() {
            let left = self.waiting.len() + self.running.len();
            tracing::warn!("{left} handlers were stopped or not run: the agent ends");
        }
    }

    fn take(&mut self, line: &Line, hooks: &Hooks) {
        for rule in hooks.rules.iter().filter(|rule| rule.wants(line.kind)) {
            if self.waiting.len() < hooks.limits.waiting {
                self.waiting.push_back(Job::new(rule, line, Arc::clone(&self.context)));
                continue;
            }
            self.counts.drop_one();
            if self.shed == 0 {
                tracing::warn!("handlers are too slow: {} events wait, further ones are dropped", self.waiting.len());
            }
            self.shed += 1;
        }
        // Many events may come in one batch: those that may run need not wait behind the limit.
        self.start(&hooks.limits);
    }

    fn start(&mut self, limits: &Limits) {
        while self.running.len() < limits.at_once
            && let Some(job) = self.waiting.pop_front()
        {
            self.running.spawn(job.run(limits.time));
        }
        if self.shed > 0 && self.waiting.is_empty() {
            tracing::warn!("handlers have caught up; {} events were dropped", std::mem::take(&mut self.shed));
        }
        self.counts.set_load(self.running.len(), self.waiting.len());
    }

    fn ended(&self, ended: Result<Outcome, tokio::task::JoinError>) {
        match ended {
            Ok(outcome) => self.counts.end(outcome),
            Err(error) => tracing::error!("a handler's task failed: {error}"),
        }
    }
}

/// The kinds that run a handler which names none: rare, and about the cluster. Keys and messages can come by the
/// thousand and have to be asked for.
const DEFAULT_KINDS: [EventKind; 7] = [
    EventKind::Member,
    EventKind::Partition,
    EventKind::Healed,
    EventKind::Namesake,
    EventKind::Join,
    EventKind::Left,
    EventKind::Lagged,
];
