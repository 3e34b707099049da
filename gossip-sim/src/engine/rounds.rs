//! Time that goes in rounds, as the textbooks have it: what a node decides in a round follows from what it held at its start.
//!
//! A round begins with what arrives, then every node handles its timers, then packets go to and fro, without latency. Those that
//! bring content, which is messages of broadcast and entries of the map, arrive when the next round begins, and not earlier.

use std::time::Duration;

use gossip_core::Instant;

/// Ranks of what is due at one instant, after the steps of the scenario: what arrives, and what is answered to that, then timers,
/// then what is said in the round.
const ARRIVALS: u64 = 1;
const FEEDBACK: u64 = 2;
pub(super) const TIMERS: u64 = 3;
const TALK: u64 = 4;

#[derive(Debug)]
pub(super) struct Rounds {
    length: Duration,
    now: Instant,
    /// The timers of this instant are being handled, or were.
    begun: bool,
}

impl Rounds {
    pub(super) fn new(length: Duration) -> Self {
        Self { length, now: Instant::ZERO, begun: false }
    }

    pub(super) fn advance(&mut self, now: Instant, is_timer: bool) {
        self.begun = (self.begun && self.now == now) || is_timer;
        self.now = now;
    }

    /// Which round it is.
    pub(super) fn number(&self) -> u64 {
        self.now.as_micros() / self.micros()
    }

    /// When a timer goes off whose deadline is this: as a round begins, and once in it.
    pub(super) fn wakes_at(&self, deadline: Instant) -> Instant {
        let start = Instant::from_micros(deadline.as_micros().next_multiple_of(self.micros()));
        if start == self.now && self.begun { self.next() } else { start }
    }

    /// When a packet arrives that is sent now, and its rank then.
    pub(super) fn arrival(&self, is_content: bool) -> (Instant, u64) {
        match (is_content, self.begun) {
            (true, _) => (self.next(), ARRIVALS),
            (false, false) => (self.now, FEEDBACK),
            (false, true) => (self.now, TALK),
        }
    }

    /// When the next round begins.
    fn next(&self) -> Instant {
        Instant::from_micros((self.number() + 1) * self.micros())
    }

    fn micros(&self) -> u64 {
        self.length.as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    fn rounds() -> Rounds {
        Rounds::new(Duration::from_millis(100))
    }

    #[test]
    fn content_arrives_as_the_next_round_begins_and_all_else_at_once() {
        let mut rounds = rounds();
        for (now, is_timer, next) in [(0, true, 100), (100, false, 200), (100, true, 200), (150, false, 200)] {
            rounds.advance(at(now), is_timer);
            assert_eq!(rounds.arrival(true), (at(next), ARRIVALS));
            assert_eq!(rounds.arrival(false).0, at(now));
        }
    }

    #[test]
    fn what_is_said_before_the_timers_is_heard_before_them_and_what_is_said_with_them_after_all_of_them() {
        let mut rounds = rounds();
        rounds.advance(at(100), false);
        assert!(rounds.arrival(false).1 < TIMERS);
        rounds.advance(at(100), true);
        rounds.advance(at(100), false);
        assert!(rounds.arrival(false).1 > TIMERS);
        rounds.advance(at(200), false);
        assert!(rounds.arrival(false).1 < TIMERS, "a new round");
    }

    #[test]
    fn timers_go_off_as_a_round_begins_and_once_in_it() {
        let mut rounds = rounds();
        assert_eq!(rounds.wakes_at(at(1)), at(100));
        rounds.advance(at(100), false);
        assert_eq!((rounds.wakes_at(at(100)), rounds.wakes_at(at(101))), (at(100), at(200)));
        rounds.advance(at(100), true);
        assert_eq!(rounds.wakes_at(at(100)), at(200));
    }
}
