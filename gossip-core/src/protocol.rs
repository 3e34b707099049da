//! The architecture on one page: what every protocol of a node looks like to [`crate::Node`].

use gossip_collections::VecDeque;

use crate::config::Config;
use crate::event::Events;
use crate::identity::Identity;
use crate::membership::{MemberIndex, Table};
use crate::node::Lane;
use crate::peer::Peer;
use crate::random::Rng;
use crate::stats::{Fill, Stats};
use crate::time::Instant;
use crate::wire::{ClusterKey, Writer};

/// What a protocol may use while it works. Only membership can change the table: its mutators are private to that folder.
#[derive(Debug)]
pub(crate) struct Cx<'a, P> {
    pub(crate) now: Instant,
    /// A moment and the Unix time in milliseconds then.
    #[cfg_attr(not(feature = "kv"), allow(dead_code, reason = "orders writes, nothing else"))]
    pub(crate) wall: (Instant, u64),
    pub(crate) me: &'a mut Identity,
    pub(crate) config: &'a Config,
    #[cfg_attr(
        not(any(feature = "kv", feature = "direct")),
        allow(dead_code, reason = "sums up what was seen of the map")
    )]
    pub(crate) key: &'a ClusterKey,
    pub(crate) table: &'a mut Table<P>,
    pub(crate) rng: &'a mut Rng,
    pub(crate) events: &'a mut Events<P>,
    pub(crate) stats: &'a mut Stats,
}

#[cfg(feature = "kv")]
impl<P> Cx<'_, P> {
    /// Unix time in milliseconds as far as the node was told.
    pub(crate) fn unix_ms(&self) -> u64 {
        let since = self.now.since(self.wall.0).as_millis();
        self.wall.1.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }
}

/// Where a packet came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a, P> {
    /// The observed address: answers go there.
    pub(crate) addr: &'a P,
    /// Who says to have sent it.
    pub(crate) sender: Identity,
    /// The sender's row, if it is in the table.
    pub(crate) row: Option<MemberIndex>,
    /// How long an answer may be: without limit to the address of a live member, no longer than the question to any
    /// other, so that nobody can make this node flood a third party.
    pub(crate) answer: usize,
    /// The lane it came by.
    pub(crate) lane: Lane,
}

/// Where a packet goes, by which way, and how long it may be.
#[derive(Clone, Debug)]
pub(crate) struct Target<P> {
    pub(crate) addr: P,
    pub(crate) lane: Lane,
    pub(crate) limit: usize,
    /// The row of the member there, if it was at hand; it may be another's by now.
    pub(crate) row: Option<MemberIndex>,
}

impl<P: Peer> Target<P> {
    /// A packet of any length that the transport carries.
    pub(crate) fn to(addr: P) -> Self {
        Self { addr, lane: Lane::Datagram, limit: usize::MAX, row: None }
    }

    /// A packet that is as long as it may be and can wait: a frame of the stream lane where both ends have one, else a
    /// datagram. Not always: of a lane that loses in silence nobody hears, so one of four goes the other way.
    pub(crate) fn patient(cx: &mut Cx<'_, P>, addr: P) -> Self {
        let row = cx.table.find_addr(&addr).filter(|row| cx.table.takes_frames(*row, cx.now));
        let frames = cx.config.transport.stream.is_some() && row.is_some() && cx.rng.below(4) > 0;
        let lane = if frames { Lane::Stream } else { Lane::Datagram };
        Self { addr, lane, limit: usize::MAX, row }
    }

    /// An answer.
    pub(crate) fn answer(source: &Source<'_, P>) -> Self {
        Self { addr: source.addr.clone(), lane: Lane::Datagram, limit: source.answer, row: source.row }
    }
}

/// A protocol: one folder, one state type. It keeps its own queue of what it wants to send, as intents; the bytes are
/// written when the packet is polled.
pub(crate) trait Protocol<P: Peer> {
    /// Its sections of a packet.
    type Section<'a>;
    /// What it may want to send.
    type Intent;

    /// Takes a section of a packet that was decoded completely.
    fn handle(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: Self::Section<'_>);
    /// Acts on every deadline that has come.
    fn handle_timeout(&mut self, cx: &mut Cx<'_, P>);
    /// The next deadline.
    fn poll_timeout(&self) -> Option<Instant>;
    /// Takes the most urgent intent of those that go by this lane.
    fn poll_intent(&mut self, lane: Lane) -> Option<(Target<P>, Self::Intent)>;
    /// Whether an intent waits.
    fn has_intents(&self) -> bool;
    /// Writes what the packet is made for. A packet into which nothing was written is not sent.
    fn write(&mut self, cx: &mut Cx<'_, P>, to: &Target<P>, intent: Self::Intent, packet: &mut Writer<'_>);
    /// Whether it has something to fill packets with.
    fn is_hungry(&self) -> bool {
        false
    }
    /// Uses room that is left in a packet to a live member.
    fn fill(&mut self, _cx: &mut Cx<'_, P>, _packet: &mut Writer<'_>) {}
    /// Adds what rides on each probe, and on each answer to one.
    #[cfg_attr(not(any(feature = "kv", feature = "broadcast")), allow(dead_code, reason = "membership is the probe"))]
    fn ride(&mut self, _cx: &mut Cx<'_, P>, _packet: &mut Writer<'_>) {}
}

/// At most so many intents wait for the stream lane.
const MAX_FRAMES: usize = 256;

/// How urgent an intent is, where `max_bytes_per_second` holds some back.
pub(crate) trait Urgency {
    /// 0 goes first; below [`RANKS`].
    fn rank(&self) -> usize {
        0
    }
}

/// So many ranks of urgency there are.
const RANKS: usize = 3;

/// A bounded queue of intents for each lane. The most urgent goes first, among equals the oldest; at the limit the newest
/// of the least urgent is dropped and counted.
#[derive(Debug)]
pub(crate) struct Intents<P, I> {
    /// By rank.
    datagrams: [VecDeque<(Target<P>, I)>; RANKS],
    frames: VecDeque<(Target<P>, I)>,
    /// How many wait at most for a datagram.
    max: usize,
    /// How many wait for one, and ever did.
    waiting: usize,
    peak: usize,
}

impl<P, I: Urgency> Intents<P, I> {
    pub(crate) fn new(max: usize) -> Self {
        Self { datagrams: [const { VecDeque::new() }; RANKS], frames: VecDeque::new(), max, waiting: 0, peak: 0 }
    }

    #[inline]
    pub(crate) fn push(&mut self, stats: &mut Stats, to: Target<P>, intent: I) {
        let rank = intent.rank();
        if self.is_full(to.lane) {
            stats.dropped_intents += 1;
            let sheds = to.lane == Lane::Datagram
                && self.datagrams[rank + 1..].iter_mut().rev().find_map(VecDeque::pop_back).is_some();
            if !sheds {
                return;
            }
            self.waiting -= 1;
        }
        match to.lane {
            Lane::Datagram => {
                self.datagrams[rank].push_back((to, intent));
                self.waiting += 1;
                self.peak = self.peak.max(self.waiting);
            }
            Lane::Stream => self.frames.push_back((to, intent)),
        }
    }

    #[inline]
    pub(crate) fn pop(&mut self, lane: Lane) -> Option<(Target<P>, I)> {
        match lane {
            Lane::Datagram if self.waiting == 0 => None,
            Lane::Datagram => {
                self.waiting -= 1;
                self.datagrams.iter_mut().find(|queue| !queue.is_empty())?.pop_front()
            }
            Lane::Stream => self.frames.pop_front(),
        }
    }

    /// As [`Self::pop`], of the highest rank alone.
    pub(crate) fn pop_urgent(&mut self, lane: Lane) -> Option<(Target<P>, I)> {
        (lane == Lane::Datagram && self.has_urgent()).then(|| self.pop(lane)).flatten()
    }

    /// Whether one of the highest rank waits for a datagram.
    pub(crate) fn has_urgent(&self) -> bool {
        !self.datagrams[0].is_empty()
    }

    /// Whether the next one would be dropped, or another for it.
    pub(crate) fn is_full(&self, lane: Lane) -> bool {
        match lane {
            Lane::Datagram => self.waiting >= self.max,
            Lane::Stream => self.frames.len() >= MAX_FRAMES.min(self.max),
        }
    }

    /// The newest for a datagram, to add to it.
    #[cfg(feature = "direct")]
    pub(crate) fn last_mut(&mut self) -> Option<&mut (Target<P>, I)> {
        self.datagrams.iter_mut().rev().find_map(VecDeque::back_mut)
    }

    /// How many waited for a datagram at most, and how many may.
    pub(crate) fn fill(&self) -> Fill {
        Fill { peak: self.peak, limit: self.max }
    }

    /// How many wait for a datagram.
    #[cfg(feature = "broadcast")]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0 && self.frames.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.datagrams.iter_mut().for_each(VecDeque::clear);
        self.waiting = 0;
        self.frames.clear();
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Ranked(usize, char);

    impl Urgency for Ranked {
        fn rank(&self) -> usize {
            self.0
        }
    }

    fn filled(max: usize, ranked: &[Ranked]) -> (Vec<char>, u64) {
        let (mut intents, mut stats) = (Intents::new(max), Stats::default());
        for Ranked(rank, name) in ranked {
            intents.push(&mut stats, Target::to(1_u64), Ranked(*rank, *name));
        }
        let names = core::iter::from_fn(|| intents.pop(Lane::Datagram)).map(|(_, Ranked(_, name))| name).collect();
        (names, stats.dropped_intents)
    }

    #[test]
    fn the_most_urgent_goes_first_and_among_equals_the_oldest() {
        let (names, dropped) =
            filled(9, &[Ranked(2, 'a'), Ranked(0, 'b'), Ranked(1, 'c'), Ranked(0, 'd'), Ranked(2, 'e')]);
        assert_eq!((names, dropped), (['b', 'd', 'c', 'a', 'e'].to_vec(), 0));
    }

    #[test]
    fn at_the_limit_the_newest_of_the_least_urgent_is_shed() {
        let (names, dropped) =
            filled(3, &[Ranked(2, 'a'), Ranked(2, 'b'), Ranked(1, 'c'), Ranked(0, 'd'), Ranked(2, 'e')]);
        assert_eq!((names, dropped), (['d', 'c', 'a'].to_vec(), 2));
        assert_eq!(filled(1, &[Ranked(0, 'a'), Ranked(0, 'b')]), (['a'].to_vec(), 1));
    }
}
