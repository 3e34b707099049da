//! Which messages of an origin were received, and which of them are kept.

use core::time::Duration;

use crate::time::Instant;
use crate::window::{WINDOW, Window};

/// How far numbers may be ahead of one that is missing: what a member sends in seconds at a rate that fills a link.
const SPAN: u64 = 16 * WINDOW;

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
    /// The number of the first message that was heard of; 0: of none. What was sent before is nobody's loss.
    pub(crate) from: u64,
    /// The number of the last ordered message that was delivered.
    pub(crate) last_ordered: u64,
    /// Since when messages are missing, up to which number.
    hole: Option<(Instant, u64)>,
}

impl Origin {
    pub(crate) fn new(generation: u64, now: Instant) -> Self {
        Self {
            generation,
            window: Window::new(SPAN),
            heard: now,
            asked: None,
            first_held: u64::MAX,
            last_aged: 0,
            held: 0,
            from: 0,
            last_ordered: 0,
            hole: None,
        }
    }

    pub(crate) fn contains(&self, sequence: u64) -> bool {
        self.window.contains(sequence)
    }

    /// Something of it is heard of, from this number on.
    pub(crate) fn begin(&mut self, first: u64) {
        if self.from == 0 {
            self.from = first;
        }
    }

    /// Everything up to here was received or given up.
    pub(crate) fn floor(&self) -> u64 {
        self.window.floor()
    }

    /// Whether numbers are missing below one that has come. What has been for longer than `patience` is given up: the first and the
    /// last of it, and how many.
    pub(crate) fn look_for_holes(
        &mut self,
        now: Instant,
        sequence: u64,
        patience: Duration,
    ) -> Option<(u64, u64, u64)> {
        let first = self.from.max(self.floor().saturating_add(1));
        let hole = self.hole.filter(|(_, last)| *last >= first);
        self.hole = hole.or_else(|| (sequence > first).then_some((now, sequence - 1)));
        let (since, last) = self.hole?;
        if now <= since + patience {
            return None;
        }
        self.hole = None;
        let mut missing = self.window.missing(first, last);
        let first = missing.next()?;
        let (last, count) = missing.fold((first, 1), |(_, count), at| (at, count + 1));
        _ = self.window.give_up(last);
        Some((first, last, count))
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
