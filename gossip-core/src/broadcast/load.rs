//! Load in the metric of the tree: a node that relays much for a while wants few children, so that no uplink bears many times what
//! others do. It tells all but those of longer ways than it has, each of its own (a link's cost may be anything, RFC 8966
//! §3.5.2), and wishes for a new round, in which children are free to leave. Where little is sent the tree knows nothing of that.

use core::time::Duration;

use gossip_collections::SmallVec;

use super::Broadcast;
use super::links::MAX_LINKS;
use super::tree::UNIT;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::time::{Instant, earliest};

/// What is relayed is counted by spans of this length.
const SPAN: Duration = Duration::from_millis(50);
/// So many messages in a span are much.
const MANY: u16 = 10;
/// And after so many such spans in a row they are a load: all that broadcast at once are through before.
const SPANS: u8 = 4;
/// The load is gone when no span had many for so long.
const RELIEF: Duration = Duration::from_secs(5);
/// A node under load sends so many copies of each message, where others can bear the rest.
const COPIES: usize = 3;
/// And one less while so many bytes wait for its neighbours.
const BACKLOG: usize = 128 << 10;
/// How much longer a way seems for each child above those that are wanted; the last that is wanted costs a little already.
const BURDEN: u32 = (20_000 / UNIT) as u32;
/// When a load begins others see it a little later.
const SEEN_BY_ALL: Duration = Duration::from_millis(20);
/// How soon after another a round is wished for in which children may leave, at first and at last.
const SOONEST: Duration = Duration::from_millis(300);
const LATEST: Duration = Duration::from_secs(8);

/// What a node relays of late.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// When the present span began, and what was counted in it: all messages, and those that came by no branch.
    span: Instant,
    count: u16,
    begun: u16,
    /// How many spans before it had many.
    spans: u8,
    /// Whether most of them began here, so that they go out along all branches.
    is_origin: bool,
    /// Until when the load lasts, if there is one.
    until: Option<Instant>,
    /// When to wish for a round next, and how long to wait after that.
    shift_at: Option<Instant>,
    wait: Duration,
}

/// What the neighbour at the end of a link is told on top of the way to the root.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Burden {
    /// In units of the distance.
    pub(super) way: u32,
    /// Which of the children it was in the last round.
    rank: Option<u8>,
    /// Whether it stayed a child though it was told that it is not wanted.
    stays: bool,
}

impl Load {
    /// A message is relayed, perhaps where more waits than goes; whether a load begins with it.
    pub(super) fn count(&mut self, now: Instant, begins_here: bool, is_behind: bool) -> bool {
        if now >= self.span + SPAN {
            let many = self.count >= MANY && now < self.span + SPAN * 2;
            self.spans = if many { self.spans.saturating_add(1) } else { 0 };
            self.is_origin = self.begun > self.count / 2;
            (self.span, self.count, self.begun) = (now, 0, 0);
        }
        self.count = self.count.saturating_add(1);
        self.begun = self.begun.saturating_add(u16::from(begins_here));
        let is_much = self.spans >= SPANS || (is_behind && self.count >= MANY);
        if !is_much {
            return false;
        }
        let begins = self.until.replace(now + RELIEF).is_none();
        if begins {
            (self.shift_at, self.wait) = (Some(now + SEEN_BY_ALL), SOONEST);
        }
        begins
    }

    pub(super) fn is_high(&self) -> bool {
        self.until.is_some()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        earliest([self.until, self.shift_at])
    }

    /// How many children are wanted, if not as many as come.
    fn room(&mut self, now: Instant, has_parent: bool) -> Option<usize> {
        if self.until.take_if(|until| *until <= now).is_some() {
            (self.spans, self.shift_at) = (0, None);
        }
        // A message goes out along all branches but the one that it came by.
        let branches = COPIES + usize::from(!self.is_origin);
        self.until.map(|_| branches - usize::from(has_parent))
    }

    /// Whether it is time to wish for a round: often while too much waits.
    fn is_shift_due(&mut self, now: Instant, is_behind: bool) -> bool {
        if is_behind {
            self.wait = SOONEST;
            self.shift_at = self.shift_at.map(|at| at.min(now + SOONEST));
        }
        let due = self.shift_at.is_some_and(|at| at <= now);
        if due {
            self.shift_at = Some(now + self.wait);
            self.wait = (self.wait * 2).min(LATEST);
        }
        due
    }
}

/// What the child of a rank is told on top, where so many are wanted.
fn way_of(rank: usize, room: usize) -> u32 {
    match (rank + 1).checked_sub(room) {
        None => 0,
        Some(0) => BURDEN / 4,
        Some(above) => BURDEN * (above as u32 + 1),
    }
}

impl<P: Peer> Broadcast<P> {
    /// Whether more waits for neighbours than goes at once.
    fn is_behind(&self) -> bool {
        self.links.iter().map(|(_, link)| link.outbox.weight()).sum::<usize>() > BACKLOG
    }

    /// How many children are wanted under load: one less where even so many are too much.
    fn room(&mut self, now: Instant) -> Option<usize> {
        let room = self.tree.load.room(now, self.tree.has_parent())?;
        Some(if self.is_behind() { room.saturating_sub(1).max(1) } else { room })
    }

    /// Under load, wishes for a round where there are more children than wanted.
    pub(super) fn shift_children(&mut self, cx: &mut Cx<'_, P>) {
        let Some(room) = self.room(cx.now) else { return };
        let children = self.links.iter().filter(|(_, link)| link.child).count();
        let is_behind = self.is_behind();
        if self.tree.load.is_shift_due(cx.now, is_behind) && children > room {
            self.hurry(cx);
        }
    }

    /// Under load, says what neighbours are told on top of the way. For a child that changes with a new round alone: before that
    /// it could not leave for whom it likes. Who stays all the same has no other parent: it is wanted, and others are not.
    pub(super) fn burden_children(&mut self, now: Instant, is_new_round: bool) {
        let Some(room) = self.room(now) else {
            self.links.iter_mut().for_each(|(_, link)| link.burden = Burden::default());
            return;
        };
        for (_, link) in self.links.iter_mut().filter(|(_, link)| is_new_round && link.child) {
            link.burden.stays |= link.burden.rank.is_some_and(|rank| usize::from(rank) >= room);
        }
        let mut children: SmallVec<[_; MAX_LINKS]> = SmallVec::new();
        for (slot, link) in self.links.iter().filter(|(_, link)| link.child) {
            let Burden { rank, stays, .. } = link.burden;
            children.push((!stays, rank.unwrap_or(u8::MAX), link.way.shortest, slot));
        }
        children.sort_unstable();
        for (slot, link) in self.links.iter_mut() {
            match children.iter().position(|(.., child)| *child == slot) {
                Some(rank) if is_new_round => {
                    link.burden = Burden { way: way_of(rank, room), rank: Some(rank as u8), ..link.burden };
                }
                Some(_) => (),
                None => link.burden = Burden { way: way_of(children.len(), room), ..Burden::default() },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::broadcast::lab::Lab;

    const STEP: Duration = Duration::from_millis(5);

    #[test]
    fn all_that_broadcast_at_once_are_no_load() {
        let mut load = Load::default();
        for offset in 0..7 {
            let start = Instant::from_micros(1_000_000 * (offset + 1) + 7_000 * offset);
            assert!((0..300).all(|at| !load.count(start + Duration::from_micros(at * 500), false, false)));
        }
    }

    #[test]
    fn what_lasts_is_a_load_until_it_is_over() {
        let mut load = Load::default();
        let start = Instant::from_micros(1_000_000);
        let begins =
            (0..1000).filter(|at| load.count(start + Duration::from_millis(*at), false, false)).collect::<Vec<_>>();
        assert_eq!(begins, [200]);
        let last = start + Duration::from_millis(999);
        assert_eq!(load.room(start + RELIEF, true), Some(3));
        assert_eq!(load.room(last + RELIEF, true), None);
        assert_eq!(load.poll_timeout(), None);
    }

    #[test]
    fn the_sender_wants_a_child_less_since_its_messages_go_to_the_parent_as_well() {
        let mut load = Load::default();
        let start = Instant::from_micros(1_000_000);
        (0..1000).for_each(|at| _ = load.count(start + Duration::from_millis(at), true, false));
        assert_eq!((load.room(start, true), load.room(start, false)), (Some(2), Some(3)));
    }

    /// One that is near to all, who are a circle of longer ways besides.
    fn wheel() -> Lab {
        let mut lab = Lab::new(11);
        let hub = lab.lowest();
        let rim: Vec<_> = (0..11).filter(|at| *at != hub).collect();
        for (place, at) in rim.iter().enumerate() {
            lab.link(hub, *at, Duration::from_millis(4));
            lab.link(*at, rim[(place + 1) % rim.len()], Duration::from_millis(30));
        }
        lab
    }

    fn most_children(lab: &mut Lab) -> usize {
        let children = |at| lab.parts(at).0.links.iter().filter(|(_, link)| link.child).count();
        (0..11).map(children).max().unwrap_or(0)
    }

    /// All relay a message per millisecond.
    fn run_loaded(lab: &mut Lab, time: Duration) {
        let end = lab.now + time;
        while lab.now < end {
            for at in 0..lab.nodes.len() {
                let (broadcast, cx) = lab.parts(at);
                (0..5).for_each(|_| broadcast.tree.dirty |= broadcast.tree.load.count(cx.now, false, false));
            }
            lab.run(STEP, || true);
        }
    }

    #[test]
    fn under_load_children_leave_a_crowded_parent_and_come_back_after_it() {
        let mut lab = wheel();
        lab.run(Duration::from_secs(12), || true);
        assert_eq!(most_children(&mut lab), 10);
        run_loaded(&mut lab, Duration::from_secs(3));
        assert!(most_children(&mut lab) <= 1 + COPIES, "{}", most_children(&mut lab));
        let has_way = |lab: &mut Lab, at| lab.parts(at).0.tree.has_parent();
        assert_eq!((0..11).filter(|at| has_way(&mut lab, *at)).count(), 10, "all but the root have a parent");
        lab.run(RELIEF + Duration::from_secs(1), || true);
        assert_eq!(most_children(&mut lab), 10);
    }

    #[test]
    fn children_without_another_parent_stay() {
        let mut lab = Lab::new(11);
        let hub = lab.lowest();
        (0..11).filter(|at| *at != hub).for_each(|at| lab.link(hub, at, Duration::from_millis(4)));
        lab.run(Duration::from_secs(3), || true);
        run_loaded(&mut lab, Duration::from_secs(5));
        assert_eq!(most_children(&mut lab), 10);
    }
}
