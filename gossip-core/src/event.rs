//! What a node tells its application.

#[cfg(feature = "reports")]
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use gossip_collections::VecDeque;

#[cfg(feature = "broadcast")]
use crate::broadcast::{Coverage, Message, MessageId};
#[cfg(feature = "direct")]
use crate::direct::{Direct, DirectId, Undelivered};
#[cfg(feature = "broadcast")]
use crate::identity::Identity;
use crate::identity::NodeId;
#[cfg(feature = "kv")]
use crate::kv::KvEvent;
#[cfg(feature = "reports")]
use crate::kv::{Diff, Version};

/// Something the application may want to know; from [`crate::Node::poll_event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<P> {
    /// How a [`crate::Node::join`] through one contact ended; each contact has its own outcome.
    Join {
        /// The contact, by the address that was given.
        contact: P,
        /// The number of live members that the contact knows, itself included, or why the join failed.
        result: Result<usize, JoinError>,
    },
    /// What changed in the member table since the last batch, one entry a member, in the order of their first change.
    Members(Vec<MemberEvent<P>>),
    /// So many members were held down at about one time that this node may be on one side of a split network: a quarter of the
    /// roster and three at least, or all others where there were two or more; or nobody is heard any more. Told once when that
    /// has come to rest, and again when an eighth of the roster came or went. That many members crashed looks the same.
    /// Where one of two loses the other nothing is told but that it is down.
    Partition {
        /// How many live members are left, this node included.
        reachable: usize,
        /// Out of how many: those, and the members that were held down since a minute before it began. Who left does not
        /// count.
        roster: usize,
    },
    /// The split that was told of is over: fewer than an eighth of the roster are missing, or at most one. They came back, left,
    /// or were forgotten (`membership.forget_after`).
    Healed {
        /// As in [`Event::Partition`].
        reachable: usize,
        /// As in [`Event::Partition`].
        roster: usize,
    },
    /// Two live nodes claim one id; told by both of them, and by members that heard both. The later life keeps it: the one of
    /// the higher generation, or at the lower address where they are the same. The other stops without a goodbye, and
    /// [`Event::Left`] follows there.
    Namesake {
        /// The id.
        id: NodeId,
        /// Who keeps it.
        winner: Claimant<P>,
        /// Who gives it up.
        loser: Claimant<P>,
    },
    /// The leave that was asked for is done: the node sends and answers nothing any more.
    Left,
    /// A broadcast message, delivered once.
    #[cfg(feature = "broadcast")]
    Broadcast(Message),
    /// Nobody acknowledged a message of this node, after it was sent again, or there is nobody to send it to. Who joins or comes back
    /// while it is kept gets it all the same; see [`crate::broadcast::Broadcasts::delivery`]. Told once.
    #[cfg(feature = "broadcast")]
    Unacknowledged(MessageId),
    /// Broadcast messages of a member are missing, some of these numbers or all, and are not waited for any more: they are in no history
    /// that this node sees, later ones came without them, or an ordered one waited for too long. What was sent before this node
    /// heard of the member is no gap.
    #[cfg(feature = "broadcast")]
    Gap {
        /// Whose messages, in which of its lives.
        origin: Identity,
        /// The first number that is missing.
        first: u64,
        /// The last that may be.
        last: u64,
    },
    /// A survey of a message has ended: the share was reached, or its time is over.
    #[cfg(feature = "broadcast")]
    Coverage(MessageId, Coverage),
    /// A direct message, delivered once.
    #[cfg(feature = "direct")]
    Direct(Direct),
    /// What became of a [`crate::Node::send_to`]: the receiver has it, or why it was given up.
    #[cfg(feature = "direct")]
    Sent {
        /// The message.
        id: DirectId,
        /// Whether it was delivered.
        result: Result<(), Undelivered>,
    },
    /// A key's value changed, here or elsewhere.
    #[cfg(feature = "kv")]
    Kv(KvEvent),
    /// A write has the acknowledgements that [`crate::kv::KvMut::await_acks`] was asked for.
    #[cfg(feature = "reports")]
    Acknowledged(Version),
    /// How a comparison with a member that [`crate::kv::KvMut::diff`] was asked for has ended.
    #[cfg(feature = "reports")]
    Compared(Arc<Diff>),
    /// A member's clock is ahead of this one's by more than `kv.max_clock_drift`: of what is written at the same time, its
    /// writes win. Told once a minute at most.
    #[cfg(feature = "kv")]
    ClockSkew {
        /// By how many milliseconds.
        ahead_ms: u64,
    },
    /// The application polled too slowly: this many events were dropped at this point. The member table and the map
    /// hold the current state.
    Lagged(u64),
}

/// One of two nodes that claim an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant<P> {
    /// Which life of the member it says to be.
    pub generation: u64,
    /// Where it answers.
    pub addr: P,
}

/// One member's change, as seen by this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEvent<P> {
    /// The member.
    pub id: NodeId,
    /// Which of its lives.
    pub generation: u64,
    /// Its incarnation at the change.
    pub incarnation: u64,
    /// Where it is reached.
    pub addr: P,
    /// What happened to it.
    pub change: MemberChange,
}

/// What may happen to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberChange {
    /// It is alive: new, back, or no longer suspected.
    Up,
    /// Its address, its metadata or its hints changed.
    Updated,
    /// It is alive again, and flaps: three times within about ten minutes it had failed, or nearly so. Told in place of
    /// [`Self::Up`], once; until it has been well for ten minutes it has four times the patience, and doubts of it are not
    /// told. That it failed, and is back, still is.
    Flapping,
    /// It does not answer; it is still a member and may refute.
    Suspect,
    /// It failed.
    Down,
    /// It left gracefully.
    Left,
}

/// Why a join failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// It did not answer within `membership.join_timeout`. It stays known, and while this node is alone it is tried again each
    /// `membership.reconnect_interval`; when it answers, another `Event::Join` follows.
    NoAnswer,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer => f.write_str("the contact did not answer"),
        }
    }
}

impl core::error::Error for JoinError {}

/// Where a member's change stands in the open batch, if it stands there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BatchPlace(u32);

/// The events that wait for the application: a bounded queue, at its end a batch of member events that is still open.
#[derive(Debug)]
pub(crate) struct Events<P> {
    queue: VecDeque<Event<P>>,
    /// How many events the queue holds, each change of a member counted.
    queued: usize,
    open: Vec<MemberEvent<P>>,
    max: usize,
    lost: u64,
    /// Messages that are none of the application's: their topics begin with a zero byte.
    #[cfg(feature = "broadcast")]
    internal: Vec<Message>,
}

impl<P> Events<P> {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            queued: 0,
            open: Vec::new(),
            max,
            lost: 0,
            #[cfg(feature = "broadcast")]
            internal: Vec::new(),
        }
    }

    /// What protocols have sent each other by broadcast.
    #[cfg(feature = "broadcast")]
    pub(crate) fn take_internal(&mut self) -> Vec<Message> {
        core::mem::take(&mut self.internal)
    }

    pub(crate) fn push(&mut self, event: Event<P>) {
        #[cfg(feature = "broadcast")]
        if let Event::Broadcast(message) = &event {
            if message.topic().first() == Some(&0) {
                self.internal.push(message.clone());
                return;
            }
        }
        self.close_batch();
        if self.has_room() {
            self.queued += 1;
            self.queue.push_back(event);
        } else {
            self.lost += 1;
        }
    }

    /// Adds a member's change to the open batch, or puts it in the place of the member's earlier change there.
    pub(crate) fn push_member(&mut self, event: MemberEvent<P>, place: &mut BatchPlace) {
        let earlier = self.open.get_mut(place.0 as usize).filter(|earlier| earlier.id == event.id);
        if let Some(earlier) = earlier {
            *earlier = event;
        } else if self.has_room() {
            *place = BatchPlace(self.open.len() as u32);
            self.open.push(event);
        } else {
            self.lost += 1;
        }
    }

    pub(crate) fn poll(&mut self, dropped: &mut u64) -> Option<Event<P>> {
        if let Some(event) = self.queue.pop_front() {
            self.queued -= if let Event::Members(changes) = &event { changes.len() } else { 1 };
            return Some(event);
        }
        if !self.open.is_empty() {
            return Some(Event::Members(core::mem::take(&mut self.open)));
        }
        let lost = core::mem::take(&mut self.lost);
        *dropped += lost;
        (lost > 0).then_some(Event::Lagged(lost))
    }

    pub(crate) fn has_room(&self) -> bool {
        // Once something was lost, the rest up to the report is lost too: the report stands where the gap is.
        self.lost == 0 && self.queued + self.open.len() < self.max
    }

    fn close_batch(&mut self) {
        if !self.open.is_empty() {
            self.queued += self.open.len();
            self.queue.push_back(Event::Members(core::mem::take(&mut self.open)));
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn member(name: &str, change: MemberChange) -> MemberEvent<u64> {
        MemberEvent { id: NodeId::from_name(name), generation: 1, incarnation: 0, addr: 1, change }
    }

    #[test]
    fn a_member_stands_once_in_a_batch_with_its_last_change() {
        let mut events = Events::new(16);
        let mut place = BatchPlace::default();
        events.push_member(member("a", MemberChange::Suspect), &mut place);
        events.push_member(member("b", MemberChange::Up), &mut BatchPlace::default());
        events.push_member(member("a", MemberChange::Down), &mut place);
        let expected = vec![member("a", MemberChange::Down), member("b", MemberChange::Up)];
        assert_eq!(events.poll(&mut 0), Some(Event::Members(expected)));
        events.push_member(member("a", MemberChange::Up), &mut place);
        assert_eq!(events.poll(&mut 0), Some(Event::Members(vec![member("a", MemberChange::Up)])));
    }

    #[test]
    fn another_event_closes_the_batch_before_it() {
        let mut events = Events::new(16);
        events.push_member(member("a", MemberChange::Up), &mut BatchPlace::default());
        events.push(Event::Left);
        assert!(matches!(events.poll(&mut 0), Some(Event::Members(_))));
        assert_eq!(events.poll(&mut 0), Some(Event::Left));
    }

    #[test]
    fn each_change_of_a_member_counts_however_many_batches_there_are() {
        let mut events = Events::new(16);
        for _ in 0..16 {
            for name in ["a", "b", "c"] {
                events.push_member(member(name, MemberChange::Up), &mut BatchPlace::default());
            }
            events.push(Event::Left);
        }
        let changes = |event| if let Event::Members(changes) = event { changes.len() } else { 1 };
        let told: Vec<usize> = core::iter::from_fn(|| events.poll(&mut 0)).map(changes).collect();
        assert_eq!(told, [3, 1, 3, 1, 3, 1, 3, 1, 1], "16 in all, and how many were lost");
        assert!(events.has_room());
    }

    #[test]
    fn what_finds_no_room_is_counted_and_told_where_it_is_missing() {
        let mut events = Events::<u64>::new(2);
        let mut dropped = 0;
        for _ in 0..5 {
            events.push(Event::Left);
        }
        assert_eq!(events.poll(&mut dropped), Some(Event::Left));
        events.push(Event::Left);
        assert_eq!(events.poll(&mut dropped), Some(Event::Left));
        assert_eq!(events.poll(&mut dropped), Some(Event::Lagged(4)));
        assert_eq!((events.poll(&mut dropped), dropped), (None, 4));
    }
}
