//! Whom this node pings, one member a period: its observers in turn, who are told when the next ping is due and so
//! notice at once when it does not come; and in one period of five a random member, each once a round (SWIM §4.3), so
//! that everybody is asked by somebody whatever the observers do.

use alloc::vec::Vec;
use core::time::Duration;

use super::observers::{self, Ranked};
use super::table::{self, ME, MemberIndex, Table};
use crate::config::MembershipConfig;
use crate::peer::Peer;
use crate::random::Rng;
use crate::time::Instant;

/// One period in so many goes to a random member.
const RANDOM_EVERY: u32 = 5;

/// The order of pings.
#[derive(Debug)]
pub(super) struct Schedule {
    next: Instant,
    period: u32,
    observers: Ranked,
    /// Whose turn it is among them.
    turn: usize,
    /// Of the table from which the observers were chosen.
    revision: Option<u64>,
    round: Vec<MemberIndex>,
    at: usize,
}

impl Schedule {
    /// The first ping is at a random moment of the first period, so that members that start together spread out.
    pub(super) fn new(now: Instant, config: &MembershipConfig, rng: &mut Rng) -> Self {
        let micros = config.probe_interval.as_micros() as usize;
        Self {
            next: now + Duration::from_micros(rng.below(micros) as u64),
            period: 0,
            observers: Ranked::new(),
            turn: 0,
            revision: None,
            round: Vec::new(),
            at: 0,
        }
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        self.next
    }

    /// A new member has its turn at a random point of what is left of the round (SWIM §4.3).
    pub(super) fn admit(&mut self, rng: &mut Rng, index: MemberIndex, live: usize) {
        if self.round.len() > 2 * live + 16 {
            // Members that come and go fill the round with themselves: a new one is due.
            self.round.clear();
            self.at = 0;
            return;
        }
        table::push(&mut self.round, index);
        let last = self.round.len() - 1;
        let place = self.at.min(last) + rng.below(self.round.len() - self.at.min(last));
        self.round.swap(last, place);
    }

    /// Whom to ping now, if a period is over, and after how long it will be pinged again at the latest.
    pub(super) fn due<P: Peer>(
        &mut self,
        now: Instant,
        config: &MembershipConfig,
        table: &Table<P>,
        rng: &mut Rng,
    ) -> Option<(MemberIndex, Option<Duration>)> {
        if now < self.next {
            return None;
        }
        // In step with the promises, unless this node slept.
        let period = config.probe_interval;
        self.next = if self.next + period > now { self.next + period } else { now + period };
        self.period = self.period.wrapping_add(1);
        if self.period % RANDOM_EVERY == 0 {
            return self.random(table, rng).map(|index| (index, None));
        }
        if self.revision != Some(table.revision()) {
            self.revision = Some(table.revision());
            self.observers = observers::ranked(table, ME, config.suspicion.observers);
        }
        self.turn = (self.turn + 1) % self.observers.len().max(1);
        let observer = *self.observers.get(self.turn)?;
        let count = self.observers.len() as u32;
        // The periods up to its next turn, random ones between them included.
        let done = self.period % RANDOM_EVERY;
        let periods = count + (done + count - 1) / (RANDOM_EVERY - 1);
        Some((observer, Some(period * periods)))
    }

    /// The next live member of the round; a new round is shuffled when one ends.
    fn random<P: Peer>(&mut self, table: &Table<P>, rng: &mut Rng) -> Option<MemberIndex> {
        for _ in 0..2 {
            while let Some(index) = self.round.get(self.at).copied() {
                self.at += 1;
                if index != ME && table.get(index).is_some_and(|row| row.status.is_live()) {
                    return Some(index);
                }
            }
            self.at = 0;
            self.round.clear();
            self.round.extend(table.live().iter().map(|at| MemberIndex(*at)));
            rng.shuffle(&mut self.round);
        }
        None
    }
}
