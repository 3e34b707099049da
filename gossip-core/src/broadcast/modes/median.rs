//! The median-counter algorithm: Karp, Schindelhauer, Shenker, Vöcking, Randomized Rumor Spreading, FOCS 2000, §3.
//!
//! Every member calls a random one in each round, and both ends send all that they still spread, with their counters. A counter
//! grows in a round in which more of those it was compared with were as high or higher than were lower; at its end, or once a
//! member meets somebody who is there, or when the rumour is too old, it spreads it for a few rounds more, and then no longer.

use gossip_collections::SmallVec;

use super::Heat;
use crate::broadcast::history::Place;
use crate::broadcast::receipts::to_row;
use crate::broadcast::{Broadcast, Intent};
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::wire::broadcast::Rumour;
use crate::wire::{Item as _, List, Writer, tag};

/// The bytes of a section's tag and length, and of a rumour.
const HEAD: usize = 3;
const EACH: usize = 6;
/// A packet holds so many messages that are rumours at most, so that little room need be kept for their counters.
const MAX_TOGETHER: usize = 16;

/// Where a member is with one rumour: states B and C of the paper. Who does not know it is in A, who no longer spreads it in D.
#[derive(Debug)]
pub(super) struct Median {
    phase: Phase,
    /// In rounds, since its first.
    age: u8,
    /// It came in this round: nothing is counted yet.
    fresh: bool,
    /// Whom it was compared with in this round.
    higher: u16,
    lower: u16,
    /// Somebody was in the last rounds.
    ending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// State B.
    Counting(u8),
    /// State C, for so many rounds more.
    Ending(u8),
}

impl Median {
    pub(super) fn new() -> Self {
        Self { phase: Phase::Counting(1), age: 0, fresh: true, higher: 0, lower: 0, ending: false }
    }

    /// Somebody else's counter came with the rumour.
    fn meet(&mut self, rumour: &Rumour) {
        self.ending |= rumour.counter == 0;
        if self.fresh {
            self.age = self.age.max(rumour.age);
            return;
        }
        match self.phase {
            Phase::Counting(counter) if rumour.counter == 0 || rumour.counter >= counter => {
                self.higher = self.higher.saturating_add(1);
            }
            Phase::Counting(_) => self.lower = self.lower.saturating_add(1),
            Phase::Ending(_) => (),
        }
    }

    /// The next round begins; whether the rumour is spread in it.
    fn advance(&mut self, end: u8, oldest: u32) -> bool {
        self.phase = match self.phase {
            Phase::Ending(left) => Phase::Ending(left - 1),
            Phase::Counting(_) if self.ending => Phase::Ending(end),
            Phase::Counting(counter) if self.fresh => Phase::Counting(counter),
            Phase::Counting(_) if u32::from(self.age) >= oldest => Phase::Ending(end),
            Phase::Counting(counter) if self.higher <= self.lower => Phase::Counting(counter),
            Phase::Counting(counter) if counter >= end => Phase::Ending(end),
            Phase::Counting(counter) => Phase::Counting(counter + 1),
        };
        (self.fresh, self.higher, self.lower) = (false, 0, 0);
        self.age = self.age.saturating_add(1);
        self.phase != Phase::Ending(0)
    }
}

impl<P: Peer> Broadcast<P> {
    /// One round: counters advance, and a random member is called and gets what is still spread.
    pub(super) fn count_rumours(&mut self, cx: &mut Cx<'_, P>) {
        let oldest = oldest(cx.table.live().len());
        let end = cx.config.broadcast.rumour_counter;
        self.gossip.hot.retain_mut(|hot| match &mut hot.heat {
            Heat::Median(median) => median.advance(end, oldest),
            Heat::Sends(_) | Heat::Doubts(_) => false,
        });
        self.call(cx, Intent::Call);
        if let Some(row) = self.gossip.called
            && !self.gossip.hot.is_empty()
        {
            self.intents.push(cx.stats, to_row(cx, row), Intent::Rumours { from: 0 });
        }
    }

    /// Counters of a member that came with its rumours; or its call, which wants those of this one.
    pub(super) fn compare_counters(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, rumours: List<'_, Rumour>) {
        let mut call = true;
        for rumour in rumours.iter() {
            call = false;
            let place = self.log.history.find_short(rumour.message);
            if let Some(Heat::Median(median)) = place.and_then(|place| self.gossip.find(place)) {
                median.meet(&rumour);
            }
        }
        if call && !self.gossip.hot.is_empty() {
            self.intents.push(cx.stats, Target::answer(from), Intent::Rumours { from: 0 });
        }
    }

    /// Messages and then their counters; what finds no room goes in a packet of its own.
    pub(in crate::broadcast) fn write_rumours(
        &mut self,
        cx: &mut Cx<'_, P>,
        to: &Target<P>,
        from: Place,
        packet: &mut Writer<'_>,
    ) {
        let hot = self.gossip.hot.range(self.gossip.hot.partition_point(|hot| hot.place < from)..);
        let together: SmallVec<[Place; MAX_TOGETHER]> = hot.map(|hot| hot.place).take(MAX_TOGETHER).collect();
        let share = packet.room().saturating_sub(HEAD + EACH * together.len());
        let mut done = 0;
        packet.with_share(share, |packet| done = self.write_places(cx, &together, packet, &|_| None));
        let mut rumours = together[..done].iter().filter_map(|place| {
            let message = self.log.history.short(*place)?;
            let Some(Heat::Median(Median { phase, age, .. })) = self.gossip.find(*place) else { return None };
            let counter = if let Phase::Counting(counter) = phase { *counter } else { 0 };
            Some(Rumour { message, counter, age: *age })
        });
        packet.list(tag::RUMOURS, |w| rumours.next().map_or(Ok(false), |rumour| rumour.write(w).map(|()| true)));
        let Some(last) = together[..done].last() else { return };
        if self.gossip.hot.back().is_some_and(|hot| hot.place > *last) {
            self.intents.push(cx.stats, to.clone(), Intent::Rumours { from: last + 1 });
        }
    }
}

/// The age at which a rumour comes to its end in any case: above `2 * log2(n)` rounds.
fn oldest(members: usize) -> u32 {
    (members as u64).saturating_pow(2).checked_ilog2().unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::broadcast::ShortId;

    const OLDEST: u32 = 9;

    fn counter(counter: u8) -> Rumour {
        Rumour { message: ShortId(1), counter, age: 1 }
    }

    /// One that is past its first round.
    fn counting(at: u8) -> Median {
        Median { phase: Phase::Counting(at), fresh: false, ..Median::new() }
    }

    fn after(mut median: Median, met: &[u8]) -> Phase {
        met.iter().for_each(|of| median.meet(&counter(*of)));
        median.advance(3, OLDEST);
        median.phase
    }

    #[test]
    fn a_counter_grows_where_more_were_as_high_or_higher_than_were_lower() {
        assert_eq!(after(counting(2), &[2, 3, 1]), Phase::Counting(3));
        assert_eq!(after(counting(2), &[2, 1]), Phase::Counting(2));
        assert_eq!(after(counting(2), &[]), Phase::Counting(2));
        assert_eq!(after(counting(3), &[3]), Phase::Ending(3));
    }

    #[test]
    fn in_its_first_round_a_rumour_is_not_counted() {
        assert_eq!(after(Median::new(), &[1, 1, 2]), Phase::Counting(1));
    }

    #[test]
    fn who_meets_one_in_the_last_rounds_is_there_itself() {
        assert_eq!(after(counting(1), &[1, 0]), Phase::Ending(3));
        assert_eq!(after(Median::new(), &[0]), Phase::Ending(3));
    }

    #[test]
    fn a_rumour_that_is_too_old_has_its_last_rounds_too() {
        let mut median = Median::new();
        let rounds = (1..100).take_while(|_| median.advance(3, OLDEST)).count();
        assert_eq!(rounds, OLDEST as usize + 3);
    }

    #[test]
    fn the_oldest_age_is_above_twice_the_logarithm_of_the_members() {
        assert_eq!([1, 2, 100, 1000, 10_000].map(oldest), [1, 3, 14, 20, 27]);
    }
}
