//! Who has seen a write: the members that were alive when it was asked are sent the write and a question, again and
//! again until they answer that their context covers it. What a context or a fingerprint shows by the way counts too.
//!
//! A question covers all writes that are awaited of a member. Members are asked in the order in which they are due, a few
//! at a time, so that a write awaited of a thousand members makes no burst.

use alloc::vec::Vec;
use core::time::Duration;

use gossip_collections::{BTreeMap, BTreeSet, SmallVec};

use super::push::write_entry;
use super::sync::{DeltaIntent, MAX_RANGES, PACKETS_PER_PAGE, Range};
use super::{Intent, KvError, KvMut, KvState, Version};
use crate::event::Event;
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;
use crate::wire::kv::{Receipt, Seen};
use crate::wire::{Item as _, Writer, tag};

/// So many members are asked at most in each `kv.push_interval`.
const ASKS_AT_ONCE: usize = 16;
/// A question is repeated after so many times `kv.push_interval`, a few times; then ever later, up to `kv.sync_interval`.
const RETRY: u32 = 4;
const QUICK_RETRIES: u32 = 3;

/// How many members are to acknowledge a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// So many other members.
    Count(usize),
    /// More than half of the live members, of which this node, that has it, is one.
    Majority,
    /// All other live members.
    All,
}

impl Quorum {
    pub(super) fn of(self, others: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Majority => others.div_ceil(2),
            Self::All => others,
        }
    }
}

/// Who has acknowledged a write; from [`super::Kv::acks`].
#[derive(Clone, Copy, Debug)]
pub struct Acks<'a>(&'a Write);

impl<'a> Acks<'a> {
    /// How many are wanted.
    pub fn wanted(&self) -> usize {
        self.0.wanted
    }

    /// Whether as many acknowledged it. Nobody is asked any more then.
    pub fn is_enough(&self) -> bool {
        self.0.is_enough()
    }

    /// Who has, ascending.
    pub fn have(&self) -> impl Iterator<Item = NodeId> + use<'a> {
        self.0.members.iter().filter(|(_, has)| *has).map(|(id, _)| *id)
    }

    /// Who of those asked has not, ascending.
    pub fn missing(&self) -> impl Iterator<Item = NodeId> + use<'a> {
        self.0.members.iter().filter(|(_, has)| !*has).map(|(id, _)| *id)
    }
}

#[derive(Debug)]
struct Write {
    wanted: usize,
    have: usize,
    /// Who was alive when it was asked, ascending, and whether that one has it.
    members: Vec<(NodeId, bool)>,
}

impl Write {
    fn is_enough(&self) -> bool {
        self.have >= self.wanted
    }

    fn lacks(&self, member: NodeId) -> bool {
        let found = self.members.binary_search_by_key(&member, |(id, _)| *id);
        !self.is_enough() && found.is_ok_and(|at| !self.members[at].1)
    }
}

/// A member that is to acknowledge something.
#[derive(Debug)]
struct Asked {
    /// How many writes.
    writes: usize,
    /// When it is asked next.
    due: Instant,
    /// How often it was asked since it was told something new.
    tries: u32,
    /// Whether an answer would be one to a question.
    open: bool,
}

/// The writes whose acknowledgements are awaited.
#[derive(Debug, Default)]
pub(crate) struct Awaiting {
    writes: BTreeMap<Version, Write>,
    /// Who is to acknowledge any.
    members: BTreeMap<NodeId, Asked>,
    /// The same by when they are asked.
    due: BTreeSet<(Instant, NodeId)>,
    /// So many may still be asked before this moment.
    pace: (usize, Instant),
}

impl Awaiting {
    pub(super) fn len(&self) -> usize {
        self.writes.len()
    }

    pub(super) fn acks(&self, version: Version) -> Option<Acks<'_>> {
        self.writes.get(&version).map(Acks)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let (left, until) = self.pace;
        self.due.first().map(|(at, _)| if left == 0 { until.max(*at) } else { *at })
    }

    pub(super) fn add<P: Peer>(&mut self, cx: &mut Cx<'_, P>, version: Version, wanted: usize) {
        let live = cx.table.rows().filter(|row| row.status.is_live() && row.member.id != cx.me.id);
        let mut members: Vec<(NodeId, bool)> = live.map(|row| (row.member.id, false)).collect();
        members.sort_unstable();
        if wanted == 0 {
            cx.events.push(Event::Acknowledged(version));
        } else {
            for (id, _) in &members {
                self.members.entry(*id).or_insert(Asked { writes: 0, due: cx.now, tries: 0, open: false }).writes += 1;
                self.ask_at(*id, cx.now, 0);
            }
        }
        self.writes.insert(version, Write { wanted, have: 0, members });
    }

    pub(super) fn forget(&mut self, version: Version) {
        let Some(write) = self.writes.remove(&version) else { return };
        if !write.is_enough() {
            self.release(&write.members);
        }
    }

    /// A member has seen those awaited writes of which `covers` says so.
    pub(super) fn acknowledge<P: Peer>(&mut self, cx: &mut Cx<'_, P>, by: NodeId, covers: impl Fn(&Version) -> bool) {
        let Some(asked) = self.members.get(&by).map(|asked| asked.writes) else { return };
        let mut left = asked;
        let mut enough: SmallVec<[Version; 4]> = SmallVec::new();
        for (version, write) in &mut self.writes {
            if left == 0 {
                break;
            }
            if !write.lacks(by) || !covers(version) {
                continue;
            }
            if let Ok(at) = write.members.binary_search_by_key(&by, |(id, _)| *id) {
                write.members[at].1 = true;
                write.have += 1;
                left -= 1;
            }
            if write.is_enough() {
                enough.push(*version);
            }
        }
        self.release_one(by, asked - left);
        for version in enough {
            // Nobody else need be asked.
            if let Some(write) = self.writes.get_mut(&version) {
                let members = core::mem::take(&mut write.members);
                self.release(&members);
                if let Some(write) = self.writes.get_mut(&version) {
                    write.members = members;
                }
            }
            cx.events.push(Event::Acknowledged(version));
        }
    }

    /// A member says how much it has seen of a writer.
    pub(super) fn receive<P: Peer>(&mut self, cx: &mut Cx<'_, P>, by: NodeId, seen: &Seen<'_>) {
        if self.of_writer(seen.writer).next().is_none() {
            return;
        }
        let runs: SmallVec<[(u64, u64); 4]> = seen.runs().collect();
        self.acknowledge(cx, by, |version| {
            let after = runs.partition_point(|(first, _)| *first <= version.counter);
            version.writer() == seen.writer && after > 0 && runs[after - 1].1 >= version.counter
        });
    }

    /// Takes a member whose time has come, and says when it is asked again.
    fn next<P: Peer>(&mut self, cx: &Cx<'_, P>) -> Option<NodeId> {
        let id = self.due.first().filter(|(at, _)| *at <= cx.now)?.1;
        let asked = self.members.get_mut(&id)?;
        asked.open = true;
        let tries = asked.tries.saturating_add(1);
        let later = 1_u32 << tries.saturating_sub(QUICK_RETRIES).min(16);
        let config = &cx.config.kv;
        let quick = config.push_interval * RETRY;
        let wait = quick.saturating_mul(later).min(config.sync_interval.max(quick));
        self.ask_at(id, cx.now + wait, tries);
        Some(id)
    }

    fn ask_at(&mut self, id: NodeId, at: Instant, tries: u32) {
        if let Some(asked) = self.members.get_mut(&id) {
            self.due.remove(&(asked.due, id));
            self.due.insert((at, id));
            (asked.due, asked.tries) = (at, tries);
        }
    }

    /// No longer asks those that have not acknowledged.
    fn release(&mut self, members: &[(NodeId, bool)]) {
        for (id, _) in members.iter().filter(|(_, has)| !*has) {
            self.release_one(*id, 1);
        }
    }

    fn release_one(&mut self, id: NodeId, writes: usize) {
        let Some(asked) = self.members.get_mut(&id) else { return };
        asked.writes = asked.writes.saturating_sub(writes);
        if asked.writes == 0 {
            self.due.remove(&(asked.due, id));
            self.members.remove(&id);
        }
    }

    fn of_writer(&self, writer: Identity) -> impl Iterator<Item = (&Version, &Write)> {
        self.writes.range(Version::new(writer, 0)..=Version::new(writer, u64::MAX))
    }

    /// Awaited writes that a member lacks, ascending.
    fn lacking(&self, member: NodeId) -> impl Iterator<Item = Version> {
        let lacking = self.writes.iter().filter(move |(_, write)| write.lacks(member));
        lacking.map(|(version, _)| *version)
    }
}

impl<P: Peer> KvMut<'_, P> {
    /// Asks the other members whether they have a write, and sends it to those that have not, until as many acknowledged it
    /// as `quorum` says: then [`Event::Acknowledged`](crate::Event::Acknowledged) tells it, at once if nobody has to. Only
    /// members count that are alive now: who joins later is not asked; who fails meanwhile stays among the
    /// [missing](super::Acks::missing) until it is back and acknowledges. Look with [`Kv::acks`](super::Kv::acks), and [`KvMut::forget_acks`] when
    /// the answer is no longer of interest, which nobody else does. Awaited again, it begins anew.
    ///
    /// # Errors
    /// [`KvError::NoSuchWrite`], and what [`KvMut::check_await`] refuses.
    pub fn await_acks(&mut self, version: Version, quorum: Quorum) -> Result<(), KvError> {
        if !self.state.context.contains(&version.dot()) {
            return Err(KvError::NoSuchWrite);
        }
        let wanted = self.wanted(quorum)?;
        self.forget_acks(version);
        self.check_awaited()?;
        self.state.awaiting.add(&mut self.cx, version, wanted);
        Ok(())
    }

    /// Whether [`KvMut::await_acks`] would take a write now, and how many others are then to acknowledge it. Ask before a
    /// write that must not be made in vain.
    ///
    /// # Errors
    /// [`KvError::TooFewMembers`] and [`KvError::TooManyAwaited`], besides [`KvError::Disabled`] and [`KvError::Leaving`].
    pub fn check_await(&self, quorum: Quorum) -> Result<usize, KvError> {
        let wanted = self.wanted(quorum)?;
        self.check_awaited()?;
        Ok(wanted)
    }

    fn wanted(&self, quorum: Quorum) -> Result<usize, KvError> {
        self.check_running()?;
        let others = self.cx.table.live().len().saturating_sub(1);
        let wanted = quorum.of(others);
        if wanted > others { Err(KvError::TooFewMembers { others }) } else { Ok(wanted) }
    }

    fn check_awaited(&self) -> Result<(), KvError> {
        let max = self.cx.config.kv.max_awaited;
        if self.state.awaiting.len() >= max { Err(KvError::TooManyAwaited { max }) } else { Ok(()) }
    }

    /// Awaits no more acknowledgements of a write.
    pub fn forget_acks(&mut self, version: Version) {
        self.state.awaiting.forget(version);
    }
}

impl<P: Peer> KvState<P> {
    pub(super) fn ask_if_due(&mut self, cx: &mut Cx<'_, P>) {
        if self.awaiting.poll_timeout().is_none_or(|at| at > cx.now) {
            return;
        }
        if self.awaiting.pace.1 <= cx.now {
            self.awaiting.pace = (ASKS_AT_ONCE, cx.now + cx.config.kv.push_interval);
        }
        while self.awaiting.pace.0 > 0 {
            let Some(id) = self.awaiting.next(cx) else { break };
            self.awaiting.pace.0 -= 1;
            // Who is down is not asked, and may come back.
            if let Some(row) = cx.table.find(id).filter(|row| cx.table.row(*row).status.is_live()) {
                let to = Target { row: Some(row), ..Target::to(cx.table.row(row).addr.clone()) };
                self.intents.push(cx.stats, to, Intent::Ask(id));
            }
        }
    }

    /// Asks, and sends as many of the writes in question as find room.
    pub(super) fn write_question(&self, cx: &Cx<'_, P>, member: NodeId, packet: &mut Writer<'_>) {
        let mut lacking = self.awaiting.lacking(member).peekable();
        let Some(writer) = lacking.peek().map(Version::writer) else { return };
        if packet.section(tag::KV_RECEIPT, |w| Receipt::Question(writer).write(w)).is_err() {
            return;
        }
        // As new entries, which the receiver passes on. Of those written over meanwhile the answer makes a delta.
        let mut entries = lacking.filter_map(|version| Some((version, self.store.find(&version)?)));
        packet.list(tag::KV_ENTRIES, |w| {
            let Some((version, (key, item))) = entries.next() else { return Ok(false) };
            write_entry(w, key, &item, &version.dot(), cx.now).map(|()| true)
        });
    }

    /// Notes what a member has, and sends it what it then still lacks of what is awaited: once for each question.
    pub(super) fn handle_receipt(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, seen: &Seen<'_>) {
        let member = from.sender.id;
        self.check_memory(cx, seen.writer, seen.runs().last().map_or(0, |run| run.1));
        self.awaiting.receive(cx, member, seen);
        let Some(asked) = self.awaiting.members.get_mut(&member) else { return };
        if !core::mem::take(&mut asked.open) {
            return;
        }
        let mut ranges: SmallVec<[Range; 2]> = SmallVec::new();
        for version in self.awaiting.lacking(member) {
            let (writer, counter) = (version.writer(), version.counter);
            let full = ranges.len() == MAX_RANGES;
            match ranges.last_mut() {
                Some(range) if (range.0, range.2) == (writer, counter - 1) => range.2 = counter,
                _ if full => break,
                _ => ranges.push((writer, counter, counter)),
            }
        }
        if !ranges.is_empty() {
            let intent = Intent::Delta(DeltaIntent { ranges, packets: PACKETS_PER_PAGE, more: false });
            self.intents.push(cx.stats, Target::to(from.addr.clone()), intent);
            let wait: Duration = cx.config.kv.push_interval * RETRY;
            self.awaiting.ask_at(member, cx.now + wait, 0);
        }
    }
}
