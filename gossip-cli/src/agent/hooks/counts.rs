//! How handlers fared.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// How one run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agent) enum Outcome {
    /// With exit code 0.
    Succeeded,
    /// With another one, or by a signal.
    Failed,
    /// Killed at the time limit.
    TimedOut,
    /// It could not even be started.
    NotStarted,
}

impl Outcome {
    /// All of them, in the order in which they are shown.
    pub(in crate::agent) const ALL: [Self; 4] = [Self::Succeeded, Self::Failed, Self::TimedOut, Self::NotStarted];

    pub(in crate::agent) const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::NotStarted => "not_started",
        }
    }
}

/// Counters and the present load; read by `info` and by `/metrics`.
#[derive(Debug, Default)]
pub(in crate::agent) struct Counts {
    ended: [AtomicU64; Outcome::ALL.len()],
    dropped: AtomicU64,
    running: AtomicUsize,
    waiting: AtomicUsize,
}

impl Counts {
    /// Runs that ended so.
    pub(in crate::agent) fn ended(&self, outcome: Outcome) -> u64 {
        self.ended[outcome as usize].load(Relaxed)
    }

    /// Events that no handler was run for, because too many waited.
    pub(in crate::agent) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Handlers that run now.
    pub(in crate::agent) fn running(&self) -> usize {
        self.running.load(Relaxed)
    }

    /// Events that wait for a handler now.
    pub(in crate::agent) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    pub(in crate::agent) fn end(&self, outcome: Outcome) {
        self.ended[outcome as usize].fetch_add(1, Relaxed);
    }

    pub(in crate::agent) fn drop_one(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    pub(in crate::agent) fn set_load(&self, running: usize, waiting: usize) {
        self.running.store(running, Relaxed);
        self.waiting.store(waiting, Relaxed);
    }
}
