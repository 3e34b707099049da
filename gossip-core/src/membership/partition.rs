//! Which side of a split this node is on. A node cannot tell members that crashed together from members that it is cut off
//! from; it tells how many are left to it, and of how many.

use core::time::Duration;

use super::Membership;
use super::apply::ROSTER_MEMORY;
use crate::event::Event;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::time::Instant;

/// Fewer than three that are gone are so many crashes, in a cluster of any size.
const FEWEST: usize = 3;
/// A quarter of the roster or more: an availability zone of four. A rack is less, and so is what a cluster loses that
/// replaces its members while it works.
const SHARE: usize = 4;
/// What was told is told again when an eighth of the roster came or went.
const CHANGE: usize = 8;
/// Members that keep coming and going hold up a report for no longer than so many times `suspicion.patience`.
const LONGEST: u32 = 4;

/// What is left of the roster: the live members, and those that were held down since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Split {
    reachable: usize,
    roster: usize,
}

impl Split {
    fn gone(self) -> usize {
        self.roster - self.reachable
    }

    /// To lose the only other member of two is a crash; to lose all others of more is to be cut off.
    fn is_alone(self) -> bool {
        self.reachable == 1 && self.roster >= FEWEST
    }

    fn begins(self) -> bool {
        self.is_alone() || self.gone() >= FEWEST && self.gone() * SHARE >= self.roster
    }

    /// Half of what it takes to begin, so that a split does not come and go with one member.
    fn lasts(self) -> bool {
        self.is_alone() || self.gone() * 2 >= FEWEST && self.gone() * SHARE * 2 >= self.roster
    }

    fn differs(self, told: Self) -> bool {
        let by = self.reachable.abs_diff(told.reachable).max(self.roster.abs_diff(told.roster));
        by > 0 && by * CHANGE >= told.roster
    }
}

/// What is told of splits, and when.
#[derive(Debug, Default)]
pub(super) struct Partition {
    /// When it is looked at next, while it seems to be one.
    at: Option<Instant>,
    /// When it began to seem one.
    since: Instant,
    told: Option<Split>,
    /// What the last look showed, since when it is so, and since when it did not come to rest.
    seen: Option<(Split, Instant, Instant)>,
}

impl Partition {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.at
    }

    /// Takes note of what is left; what to tell of it, once it has been so for `calm`.
    fn look<P>(&mut self, now: Instant, split: Split, calm: Duration) -> Option<Event<P>> {
        let (since, restless) = match self.seen {
            Some((seen, since, restless)) if seen == split => (since, restless),
            Some((_, since, restless)) if now.since(since) < calm => (now, restless),
            _ => (now, now),
        };
        self.seen = Some((split, since, restless));
        let settled = now.since(since) >= calm || now.since(restless) >= calm * LONGEST;
        let Split { reachable, roster } = split;
        match self.told {
            None if !split.lasts() => *self = Self::default(),
            None if settled && split.begins() => {
                self.told = Some(split);
                return Some(Event::Partition { reachable, roster });
            }
            Some(_) if settled && !split.lasts() => {
                *self = Self::default();
                return Some(Event::Healed { reachable, roster });
            }
            Some(told) if settled && split.differs(told) => {
                self.told = Some(split);
                return Some(Event::Partition { reachable, roster });
            }
            _ => (),
        }
        None
    }
}

impl<P: Peer> Membership<P> {
    /// A member was held down, or nobody is heard: it may be more than a crash.
    pub(super) fn suspect_partition(&mut self, cx: &Cx<'_, P>) {
        let live = cx.table.live().len();
        let left = Split { reachable: if self.is_deaf(cx) { 1 } else { live }, roster: live + self.falls.len() };
        if self.partition.at.is_none() && left.begins() {
            self.partition.since = cx.now;
            self.partition.at = Some(cx.now + cx.config.membership.probe_interval);
        }
    }

    /// Looks, once a period, whether this node is on one side of a split, and tells what changed.
    pub(super) fn watch_partition(&mut self, cx: &mut Cx<'_, P>) {
        if self.partition.at.is_none_or(|at| at > cx.now) {
            return;
        }
        self.partition.at = Some(cx.now + cx.config.membership.probe_interval);
        let live = cx.table.live().len();
        // Who hears nobody holds nobody down; who would have to hold too many down leaves them suspects.
        let reachable = if self.is_deaf(cx) { 1 } else { live - self.checks.suspects().min(live - 1) };
        let begun = self.partition.since.as_micros().saturating_sub(ROSTER_MEMORY.as_micros() as u64);
        let roster = live + cx.table.fallen_since(Instant::from_micros(begun));
        let calm = cx.config.membership.suspicion.patience;
        if let Some(news) = self.partition.look(cx.now, Split { reachable, roster }, calm) {
            cx.events.push(news);
        }
    }

    /// Whether nobody was heard for so long that this node may be the one that is cut off.
    pub(super) fn is_deaf(&self, cx: &Cx<'_, P>) -> bool {
        cx.now.since(self.heard) > cx.config.membership.suspicion.patience * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Duration = Duration::from_secs(2);

    /// What looks that show these splits, one each second, tell; and the second.
    fn told(splits: &[(usize, usize)]) -> alloc::vec::Vec<(u64, Event<()>)> {
        let mut partition = Partition::default();
        let look = |(at, (reachable, roster)): (u64, &(usize, usize))| {
            let split = Split { reachable: *reachable, roster: *roster };
            Some((at, partition.look(Instant::from_micros(at * 1_000_000), split, CALM)?))
        };
        (100..).zip(splits).filter_map(look).collect()
    }

    fn partition(reachable: usize, roster: usize) -> Event<()> {
        Event::Partition { reachable, roster }
    }

    #[test]
    fn a_split_is_told_once_it_has_come_to_rest_and_again_when_it_has_healed() {
        let mut splits = alloc::vec![(40, 64), (36, 64)];
        splits.extend([(32, 64); 30]);
        splits.extend([(60, 64), (64, 64), (64, 64), (64, 64), (64, 64)]);
        let healed = Event::Healed { reachable: 64, roster: 64 };
        assert_eq!(told(&splits), [(104, partition(32, 64)), (135, healed)]);
    }

    #[test]
    fn a_split_that_changes_much_is_told_again_and_one_that_changes_a_little_is_not() {
        let mut splits = [(32, 64); 20];
        splits[4..12].fill((30, 64));
        splits[12..].fill((20, 64));
        assert_eq!(told(&splits), [(102, partition(32, 64)), (114, partition(20, 64))]);
    }

    #[test]
    fn members_that_come_and_go_do_not_put_off_the_report_for_ever() {
        let splits: alloc::vec::Vec<_> = (0..40).map(|at| (30 + at % 2, 64)).collect();
        assert_eq!(told(&splits).len(), 1);
    }

    #[test]
    fn a_crash_or_two_are_no_split_but_to_lose_all_others_is() {
        let split = |(reachable, roster)| Split { reachable, roster }.begins();
        assert_eq!([(1, 2), (2, 3), (2, 4), (3, 5), (7, 8), (6, 8)].map(split), [false; 6]);
        assert_eq!([(1, 3), (1, 4), (2, 5), (5, 8), (9, 12), (48, 64), (1, 64)].map(split), [true; 7]);
        assert_eq!([(10, 12), (49, 64), (58, 64), (900, 1000)].map(split), [false; 4]);
    }
}
