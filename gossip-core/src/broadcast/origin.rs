//! Which messages of an origin were received, and which of them are kept.

use crate::time::Instant;
use crate::window::Window;

/// What was received of one life of an origin.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) generation: u64,
    window: Window,
    /// When something of it was received last.
    pub(crate) heard: Instant,
    /// When something of it was asked for last.
    pub(crate) asked: Option<Instant>,
    /// The lowest number that may still be in the history.
    pub(crate) first_held: u64,
    /// The highest number that is old enough to be announced.
    pub(crate) last_aged: u64,
    /// How many of its messages are in the history.
    pub(crate) held: usize,
}

impl Origin {
    pub(crate) fn new(generation: u64, now: Instant) -> Self {
        Self { generation, window: Window::new(), heard: now, asked: None, first_held: u64::MAX, last_aged: 0, held: 0 }
    }

    pub(crate) fn contains(&self, sequence: u64) -> bool {
        self.window.contains(sequence)
    }

    /// Notes a number that is not contained; how many older ones were given up to make room for it.
    pub(crate) fn insert(&mut self, sequence: u64) -> u64 {
        self.window.insert(sequence)
    }

    /// The numbers from `first` to `last` that were not received and still can be, ascending.
    pub(crate) fn missing(&self, first: u64, last: u64) -> impl Iterator<Item = u64> + '_ {
        self.window.missing(first, last)
    }
}
