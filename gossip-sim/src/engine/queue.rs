//! What is due when: a heap by time, then rank, then order of arrival.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use gossip_core::Instant;

/// Things due at an instant.
#[derive(Debug)]
pub(super) struct Queue<T> {
    heap: BinaryHeap<Entry<T>>,
    sequence: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Instant,
    rank: u64,
    sequence: u64,
    due: T,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }

    /// Of what is due at one instant the lower rank comes first, and of one rank what was pushed first.
    pub(super) fn push(&mut self, at: Instant, rank: u64, due: T) {
        self.sequence += 1;
        self.heap.push(Entry { at, rank, sequence: self.sequence, due });
    }

    /// The next thing that is due at `end` or before.
    pub(super) fn pop_until(&mut self, end: Instant) -> Option<(Instant, T)> {
        if self.heap.peek()?.at > end {
            return None;
        }
        self.heap.pop().map(|entry| (entry.at, entry.due))
    }
}

impl<T> Entry<T> {
    fn key(&self) -> (Instant, u64, u64) {
        (self.at, self.rank, self.sequence)
    }
}

/// Reversed, since the heap gives the greatest first.
impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut Queue<char>, end: u64) -> String {
        std::iter::from_fn(|| queue.pop_until(Instant::from_micros(end))).map(|(_, due)| due).collect()
    }

    #[test]
    fn time_comes_before_rank_and_rank_before_arrival() {
        let mut queue = Queue::new();
        for (at, rank, due) in [(2, 0, 'e'), (1, 1, 'c'), (1, 0, 'a'), (1, 1, 'd'), (1, 0, 'b')] {
            queue.push(Instant::from_micros(at), rank, due);
        }
        assert_eq!(drain(&mut queue, 10), "abcde");
    }

    #[test]
    fn what_is_due_after_the_end_stays() {
        let mut queue = Queue::new();
        queue.push(Instant::from_micros(5), 0, 'a');
        queue.push(Instant::from_micros(6), 0, 'b');
        assert_eq!(drain(&mut queue, 5), "a");
        assert_eq!(drain(&mut queue, 6), "b");
    }
}
