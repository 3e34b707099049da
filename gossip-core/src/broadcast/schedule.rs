//! When something happens to which message of the history.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

use super::history::Place;
use crate::time::Instant;

/// So many messages that are gone may still stand in a schedule, and as many as are kept twice.
const SLACK: usize = 64;

/// What happens to messages at certain moments.
#[derive(Debug, Default)]
pub(super) struct Schedule(BinaryHeap<Reverse<(Instant, Place)>>);

impl Schedule {
    pub(super) fn push(&mut self, at: Instant, place: Place) {
        self.0.push(Reverse((at, place)));
    }

    /// The next whose moment is before `now`.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Place> {
        let Reverse((at, _)) = self.0.peek()?;
        if *at < now { self.0.pop().map(|Reverse((_, place))| place) } else { None }
    }

    /// Forgets those that are gone, once they are many.
    pub(super) fn shed(&mut self, front: Place, kept: usize) {
        if self.0.len() > 2 * kept + SLACK {
            self.0.retain(|Reverse((_, place))| *place >= front);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
