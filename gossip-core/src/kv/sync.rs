//! Anti-entropy: two members whose fingerprints differ compare their causal contexts a page at a time, and send each
//! other what survives of the writes that the other has not seen. A delta may be cut anywhere: what it says of the range
//! it covers is true by itself.

use alloc::vec::Vec;
use core::time::Duration;

use gossip_collections::SmallVec;
use gossip_crdt::Dot;

use super::context::{encode_beyond, missing};
use super::item::Item;
use super::join::Joined;
use super::key::Key;
use super::news::Refused;
use super::push::with_entry;
use super::{Intent, KvState};
use crate::identity::Identity;
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;
use crate::wire::kv::{ContextPage, Delta, Entry, Previous, Seen, State};
use crate::wire::{Item as _, NoSpace, Writer, tag};

/// At most so many datagrams, or so many frames, answer a page.
pub(super) const PACKETS_PER_PAGE: u8 = 12;
const FRAMES_PER_PAGE: u8 = 4;
/// More versions than these, about as many as datagrams may answer a page, are many.
const MANY_VERSIONS: u64 = 64;
/// A context of more writers than these, about two datagrams' worth, is large.
const MANY_WRITERS: usize = 64;
/// At most so many bytes of a page tell which writes of one writer were seen beyond a hole.
pub(super) const MAX_BEYOND: usize = 96;
/// Whoever was sent a page answers within this time, or never.
const ANSWER: Duration = Duration::from_millis(500);
/// Parts of one answer come so much apart.
const LATE: Duration = Duration::from_millis(1);
/// Every so many pages that differ, keys are compared, too.
const LOOK_CLOSER: u32 = 16;
/// At most so many ranges answer a page.
pub(super) const MAX_RANGES: usize = 128;

/// A writer's versions from the first to the last, both included.
pub(crate) type Range = (Identity, u64, u64);

/// Ranges of versions to send.
#[derive(Clone, Debug)]
pub(crate) struct DeltaIntent {
    pub(super) ranges: SmallVec<[Range; 2]>,
    /// In how many packets at most.
    pub(super) packets: u8,
    /// Whether more is to come than these ranges.
    pub(super) more: bool,
}

/// With whom contexts are compared next, when, and from which writer on.
#[derive(Debug)]
pub(super) struct Sync<P> {
    with: Option<P>,
    at: Option<Instant>,
    last: Instant,
    /// How often summaries have differed.
    mismatches: u32,
    after: Option<Identity>,
    /// The writer whose missing writes are the only reason to compare.
    gap: Option<Identity>,
    /// Who was sent a page last, and when.
    asked: Option<(P, Instant)>,
    /// Until when more is on its way from a member that has much to tell.
    served: Instant,
    /// Whether somebody was asked for what comes first.
    met: bool,
}

impl<P: Peer> Sync<P> {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            with: None,
            at: None,
            last: now,
            mismatches: 0,
            after: None,
            gap: None,
            asked: None,
            served: now,
            met: false,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.at
    }
}

impl<P: Peer> KvState<P> {
    /// A peer's fingerprint differs. What makes the difference is usually on its way; so compare a little later, at a
    /// random moment, so that not both ends ask.
    pub(super) fn mismatch(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>) {
        self.sync.gap = None;
        self.compare_later(cx, from);
    }

    /// A node that has seen nothing asks the first member it meets, or the first that has something else, for what it needs
    /// first.
    pub(crate) fn meet(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>) {
        if self.sync.met || !cx.config.kv.enabled {
            return;
        }
        let row = cx.table.find(from.sender.id).filter(|row| cx.table.is_live_at(*row, from.addr));
        if self.context.writers() > 0 || row.is_some() {
            self.sync.met = true;
        }
        if self.context.writers() == 0 && row.is_some() {
            self.ask_for_priority(cx, from);
        }
    }

    /// A push shows that writes before it are missing. Usually they are on their way, too; if they are not here soon, ask
    /// for them, and not only when the next probe shows a difference.
    pub(super) fn gap(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, writer: Identity) {
        if self.sync.at.is_none() {
            self.sync.gap = Some(writer);
            self.compare_later(cx, from);
        }
    }

    fn compare_later(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>) {
        let interval = cx.config.kv.sync_interval;
        let jitter = Duration::from_micros(cx.rng.below(interval.as_micros() as usize / 2) as u64);
        self.sync.with.get_or_insert_with(|| from.addr.clone());
        let at = cx.now.max(self.sync.last + interval) + jitter;
        self.sync.at.get_or_insert(at);
    }

    pub(super) fn sync_if_due(&mut self, cx: &mut Cx<'_, P>) {
        if self.sync.at.is_none_or(|at| at > cx.now) {
            return;
        }
        self.sync.at = None;
        if self.sync.gap.take().is_some_and(|writer| !self.context.has_gap(writer)) {
            self.sync.with = None;
            return;
        }
        let with = self.sync.with.take();
        let server = self.sync.asked.as_ref().map(|(peer, _)| peer);
        if self.sync.served > cx.now && with.as_ref() != server {
            return;
        }
        self.sync.last = cx.now;
        if let Some(peer) = with {
            cx.stats.kv_syncs += 1;
            self.send_context(cx, peer, false);
        }
    }

    fn send_context(&mut self, cx: &mut Cx<'_, P>, peer: P, reply: bool) {
        self.sync.asked = Some((peer.clone(), cx.now));
        let to = self.to_compare(cx, peer);
        self.intents.push(cx.stats, to, Intent::Context { reply });
    }

    /// Whether the writes that this node lacks, so many, are on their way already: then nobody is asked for the same again.
    fn is_served(&self, cx: &Cx<'_, P>, by: &P, lacking: u64) -> bool {
        let asked = self.sync.asked.as_ref().filter(|(_, at)| cx.now < *at + ANSWER);
        self.sync.served > cx.now || asked.is_some_and(|(peer, _)| peer == by || lacking > MANY_VERSIONS)
    }

    /// By which way a page of the context goes.
    fn to_compare(&self, cx: &mut Cx<'_, P>, peer: P) -> Target<P> {
        if self.context.writers() > MANY_WRITERS { Target::patient(cx, peer) } else { Target::to(peer) }
    }

    /// Writes the next page of the context; the page after it follows at the next opportunity.
    pub(super) fn write_context(&mut self, reply: bool, packet: &mut Writer<'_>) {
        let after = self.sync.after.take();
        let mut writers = self.context.writers_after(after).peekable();
        let fingerprints = (self.context.fingerprint(), self.store.fingerprint_of_all());
        let mut last = None;
        _ = packet.section(tag::KV_CONTEXT, |w| {
            let (flags_at, flags) = ContextPage::write_range(w, fingerprints, after, reply)?;
            w.items(|w| {
                let Some((writer, runs)) = writers.peek() else { return Ok(false) };
                let through = self.context.through(*writer);
                let beyond = encode_beyond(runs, through, MAX_BEYOND);
                Seen::new(*writer, through, &beyond).write(w)?;
                last = writers.next().map(|(writer, _)| writer);
                Ok(true)
            });
            if writers.peek().is_some() {
                if last.is_none() {
                    return Err(NoSpace);
                }
                w.patch(flags_at, &[flags | ContextPage::CUT]);
                self.sync.after = last;
            }
            Ok(())
        });
    }

    pub(super) fn handle_context(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, page: ContextPage<'_>) {
        if page.fingerprints.1 == self.store.fingerprint_of_all() {
            self.take_context(cx, from, page);
            return;
        }
        let mut theirs = page.writers.iter().peekable();
        let end = if page.cut { page.writers.iter().last().map(|seen| seen.writer) } else { None };
        let mut ranges: SmallVec<[Range; 2]> = SmallVec::new();
        let size = |runs: &[(u64, u64)]| runs.iter().fold(0_u64, |sum, run| sum.saturating_add(run.1 - run.0 + 1));
        let all_of = |seen: Seen<'_>| size(&seen.runs().collect::<SmallVec<[_; 4]>>());
        let (mut lacking, mut more) = (0_u64, false);
        let mine =
            self.context.writers_after(page.after).take_while(|(writer, _)| end.is_none_or(|end| *writer <= end));
        for (writer, runs) in mine {
            // Writers that only they know come before this one.
            while theirs.peek().is_some_and(|seen| seen.writer < writer) {
                lacking = lacking.saturating_add(theirs.next().map_or(0, all_of));
            }
            let seen = theirs.next_if(|seen| seen.writer == writer);
            let seen: SmallVec<[(u64, u64); 4]> = seen.iter().flat_map(Seen::runs).collect();
            lacking = lacking.saturating_add(size(&missing(&seen, runs.iter().copied())));
            for (first, last) in missing(runs, seen.into_iter()) {
                more |= ranges.len() == MAX_RANGES;
                if ranges.len() < MAX_RANGES {
                    ranges.push((writer, first, last));
                }
            }
        }
        lacking = theirs.fold(lacking, |sum, seen| sum.saturating_add(all_of(seen)));
        let versions = ranges.iter().fold(0_u64, |sum, (_, first, last)| sum.saturating_add(last - first + 1));
        // Both have seen the same, and hold something else: one of them has lost something. While there are new writes all
        // the time, that is looked for now and then; but not while one of them still has much to learn.
        if lacking.max(versions) <= MANY_VERSIONS {
            self.sync.mismatches = self.sync.mismatches.wrapping_add(1);
            if page.fingerprints.0 == self.context.fingerprint() || self.sync.mismatches % LOOK_CLOSER == 0 {
                self.compare(cx, from);
            }
        }
        self.hear(cx, from, page);
        if lacking == 0 && ranges.is_empty() && page.after.is_none() && !page.cut {
            self.stability.has_all(from.sender);
        }
        if !ranges.is_empty() {
            let to = from.addr.clone();
            let to = if versions > MANY_VERSIONS { Target::patient(cx, to) } else { Target::to(to) };
            let packets = if to.lane == Lane::Stream { FRAMES_PER_PAGE } else { PACKETS_PER_PAGE };
            self.intents.push(cx.stats, to, Intent::Delta(DeltaIntent { ranges, packets, more }));
        }
        if lacking > 0 && !page.reply && !self.is_served(cx, from.addr, lacking) {
            if lacking > MANY_VERSIONS {
                self.sync.served = cx.now + ANSWER;
            }
            // Nobody is to be asked for the same soon, this one least of all.
            (self.sync.at, self.sync.with, self.sync.gap) = (None, None, None);
            self.send_context(cx, from.addr.clone(), true);
        }
    }

    /// What a page says by the way.
    fn hear(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, page: ContextPage<'_>) {
        for seen in page.writers.iter() {
            let last = seen.runs().last().map_or(0, |run| run.1);
            self.check_memory(cx, seen.writer, last);
            self.awaiting.receive(cx, from.sender.id, &seen);
        }
    }

    /// Another member holds the same entries and deletions, and has seen writes of which nothing is left: so nothing is left of
    /// them here, either.
    fn take_context(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, page: ContextPage<'_>) {
        self.hear(cx, from, page);
        let max = cx.config.kv.max_writers;
        for seen in page.writers.iter() {
            for (first, last) in seen.runs() {
                cx.stats.kv_postponed += u64::from(!self.context.add(cx.key, max, seen.writer, first, last));
            }
        }
        if page.fingerprints.0 == self.context.fingerprint() {
            self.stability.has_all(from.sender);
        } else if !page.reply {
            let to = self.to_compare(cx, from.addr.clone());
            self.intents.push(cx.stats, to, Intent::Context { reply: true });
        }
    }

    /// Writes as many ranges as find room, and queues the rest.
    pub(super) fn write_delta(
        &mut self,
        cx: &mut Cx<'_, P>,
        to: &Target<P>,
        intent: DeltaIntent,
        packet: &mut Writer<'_>,
    ) {
        let DeltaIntent { mut ranges, packets, more } = intent;
        let (mut done, mut passed_over, mut empty) = (0, 0, packet.len());
        while let Some((writer, first, last)) = ranges.get(done).copied() {
            let is_last = packets == 1 || more && done + 1 == ranges.len();
            let through = self.write_range(cx.now, (writer, first, last), is_last, packet, &|_, _| None);
            match through {
                Some(through) if through == last => done += 1,
                Some(through) => {
                    ranges[done].1 = through + 1;
                    break;
                }
                // No packet of this node holds its first entry: that stays unseen there until its parts are, and holds up
                // no other.
                None if packet.len() == empty && passed_over < MAX_RANGES => {
                    passed_over += 1;
                    let entry = self.store.written(writer, first, last).next();
                    if let Some((counter, key, item)) = &entry {
                        if self.announce_parts(cx, key, item, &Dot::new(writer, *counter), packet).is_ok() {
                            empty = packet.len();
                        }
                    }
                    match entry.map(|(counter, ..)| counter) {
                        Some(counter) if counter < last => ranges[done].1 = counter + 1,
                        _ => done += 1,
                    }
                }
                None => break,
            }
        }
        ranges.drain(..done);
        if !ranges.is_empty() && packets > 1 {
            let rest = Intent::Delta(DeltaIntent { ranges, packets: packets - 1, more });
            self.intents.push(cx.stats, to.clone(), rest);
        }
    }

    /// Writes a writer's entries from `first` on, or what tells as much of one; up to which version the section covers, if it
    /// found room.
    pub(super) fn write_range(
        &self,
        now: Instant,
        (writer, first, last): Range,
        more: bool,
        packet: &mut Writer<'_>,
        shorter: &dyn Fn(&Key, &Item) -> Option<Vec<u8>>,
    ) -> Option<u64> {
        let mut entries = self.store.written(writer, first, last).peekable();
        let mut through = last;
        let section = packet.section(tag::KV_DELTA, |w| {
            w.u8(u8::from(more))?;
            w.id(writer.id)?;
            w.varint(writer.generation)?;
            w.u64(first - 1)?;
            let through_at = w.position();
            w.u64(last)?;
            let mut previous = Previous::new(first - 1);
            let written = w.items(|w| {
                let Some((counter, key, item)) = entries.peek() else { return Ok(false) };
                let dot = Dot::new(writer, *counter);
                let change = shorter(key, item);
                with_entry(key, item, &dot, now, |entry| {
                    let state = change.as_deref().map_or(entry.state, State::Full);
                    previous.write(&Entry { state, ..*entry }, w)
                })?;
                entries.next();
                Ok(true)
            });
            if let Some((counter, ..)) = entries.peek() {
                through = counter - 1;
                if written == 0 && through < first {
                    return Err(NoSpace);
                }
                w.patch(through_at, &through.to_be_bytes());
            }
            Ok(())
        });
        section.ok().map(|()| through)
    }

    pub(super) fn handle_delta(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, delta: Delta<'_>) {
        let writer = delta.writer;
        self.check_memory(cx, writer, delta.through);
        if !self.context.has_place(cx.config.kv.max_writers, writer) {
            cx.stats.kv_dropped += 1;
            return;
        }
        let before = self.context.fingerprint();
        let (mut first, mut is_readable, mut is_ahead) = (delta.after + 1, true, false);
        // What is left out stays a hole, with all that it shows: so it comes again.
        let mut refused: SmallVec<[u64; 4]> = SmallVec::new();
        for entry in delta.entries() {
            if is_readable {
                self.note_range(cx, (writer, first, entry.counter - 1), &refused);
                first = entry.counter;
            }
            match self.read_news(cx, &entry) {
                Ok(None) => (),
                // It might show any of the writes that follow.
                Err(Refused::Unreadable) => is_readable = false,
                Err(Refused::Ahead(counters)) => {
                    is_ahead = true;
                    refused.extend(counters.into_iter().filter(|at| !self.context.contains(&Dot::new(writer, *at))));
                    refused.sort_unstable();
                }
                Ok(Some((key, item))) => {
                    // What others have written over it may still be on its way, and bring what of it lives on.
                    let is_stale = item.is_stale(self.context.dots());
                    if self.take(cx, &key, &item) == Joined::Full || is_stale {
                        let is_left_out = |dot: &&Dot<_>| dot.writer == writer && !self.context.contains(dot);
                        refused.extend(item.dots().iter().filter(is_left_out).map(|dot| dot.counter));
                        refused.sort_unstable();
                    }
                }
            }
        }
        if is_readable {
            self.note_range(cx, (writer, first, delta.through), &refused);
        }
        if is_ahead && from.answer == usize::MAX {
            self.mismatch(cx, from);
        }
        let is_new = self.context.fingerprint() != before;
        let goes_on = is_new || is_readable && refused.is_empty() && self.sync.served <= cx.now;
        if delta.more && goes_on && from.answer == usize::MAX {
            // There is more where that came from: ask on as soon as the rest of this answer, which may come after its last
            // part, is here. Who brings the same a second time is not asked.
            let is_torn = delta.after > 0 && !self.context.contains(&Dot::new(writer, delta.after));
            let wait = if is_torn { cx.config.kv.push_interval } else { LATE };
            self.sync.served = cx.now + cx.config.kv.sync_interval;
            self.sync.with = Some(from.addr.clone());
            self.sync.at = Some(cx.now + wait);
            self.sync.gap = None;
        }
    }

    /// Notes a range as seen, but for some of its writes, which ascend.
    fn note_range(&mut self, cx: &mut Cx<'_, P>, (writer, mut first, last): Range, but: &[u64]) {
        let max = cx.config.kv.max_writers;
        let holes = but.iter().copied().filter(|hole| (first..=last).contains(hole));
        let ends = holes.map(|hole| (hole - 1, hole.saturating_add(1))).chain([(last, last)]);
        for (end, next) in ends.collect::<SmallVec<[_; 4]>>() {
            if first <= end && !self.context.add(cx.key, max, writer, first, end) {
                cx.stats.kv_postponed += 1;
            }
            first = next;
        }
    }
}

#[cfg(all(test, feature = "values"))]
mod tests {
    use super::*;
    use crate::identity::NodeId;
    use crate::kv::{Blob, Scope};
    use crate::wire::kv::Section;
    use crate::wire::{self, ClusterKey, Packet};
    use crate::{Config, Node};

    fn node(name: &str, config: Config) -> Node<u64> {
        Node::new(Identity::new(NodeId::from_name(name), 1), 1, config, [1; 32], Instant::ZERO).unwrap()
    }

    fn add(node: &mut Node<u64>, key: &[u8], element: &[u8]) {
        let mut kv = node.kv_mut(Instant::ZERO);
        let add = |content: &mut crate::kv::Content, pen: &mut crate::kv::Pen<'_>| {
            content.set().add(pen, Blob::from(element));
        };
        kv.update(Scope::Shared, key, add).unwrap();
    }

    fn elements(node: &Node<u64>, key: &[u8]) -> usize {
        node.kv().content(Scope::Shared, key).map_or(0, |mut content| content.set().iter().count())
    }

    /// A packet that `write` makes.
    fn packet(node: &mut Node<u64>, write: impl FnOnce(&KvState<u64>, Identity, &mut Writer<'_>)) -> Vec<u8> {
        let kv = node.kv_mut(Instant::ZERO);
        let (mut buf, mut ids) = (alloc::vec![0; 4096], Vec::new());
        let me = kv.state.writer(*kv.cx.me);
        let mut packet = Writer::new(&mut buf, &mut ids, kv.cx.key, me, true).unwrap();
        write(kv.state, me, &mut packet);
        let len = packet.finish(kv.cx.key);
        buf[..len].to_vec()
    }

    /// A node's writes in a range.
    fn delta(node: &mut Node<u64>, first: u64, last: u64) -> Vec<u8> {
        packet(node, |state, me, packet| {
            assert_eq!(state.write_range(Instant::ZERO, (me, first, last), false, packet, &|_, _| None), Some(last));
        })
    }

    fn hear(node: &mut Node<u64>, bytes: &[u8]) {
        let key = ClusterKey::new("");
        let packet = Packet::decode::<u64>(&key, bytes).unwrap();
        let mut kv = node.kv_mut(Instant::ZERO);
        for section in packet.sections::<u64>(NodeId::from_name("a")) {
            let wire::Section::Kv(Section::Delta(delta)) = section else { panic!("no delta") };
            let sender = Identity::new(NodeId::from_name("a"), 1);
            let from = Source { addr: &1, sender, row: None, answer: 0, lane: Lane::Datagram };
            kv.state.handle_delta(&mut kv.cx, &from, delta);
        }
    }

    fn holes(of: &mut Node<u64>, writer: &mut Node<u64>, last: u64) -> Vec<u64> {
        let kv = writer.kv_mut(Instant::ZERO);
        let writer = kv.state.writer(*kv.cx.me);
        let context = &of.kv_mut(Instant::ZERO).state.context;
        (1..=last).filter(|counter| !context.contains(&Dot::new(writer, *counter))).collect()
    }

    #[test]
    fn an_entry_named_by_a_write_that_was_seen_still_brings_those_that_were_not() {
        let (mut a, mut b) = (node("a", Config::lan()), node("b", Config::lan()));
        add(&mut a, b"set", b"x");
        let first = delta(&mut a, 1, 1);
        add(&mut a, b"set", b"y");
        // Asked for before the first one came.
        let both = delta(&mut a, 1, 2);
        hear(&mut b, &first);
        hear(&mut b, &both);
        assert_eq!(elements(&b, b"set"), 2);
    }

    #[test]
    fn what_is_refused_and_all_that_it_shows_stays_unseen_and_comes_again_when_there_is_room() {
        let mut config = Config::lan();
        config.kv.max_entries = 16;
        let (mut a, mut b) = (node("a", Config::lan()), node("b", config));
        let now = Instant::ZERO;
        for number in 0..15_u8 {
            b.kv_mut(now).set(Scope::Shared, &[b'b', number], b"v").unwrap();
        }
        a.kv_mut(now).set(Scope::Shared, b"first", b"v").unwrap();
        add(&mut a, b"set", b"x");
        a.kv_mut(now).set(Scope::Shared, b"first", b"w").unwrap();
        add(&mut a, b"set", b"y");
        a.kv_mut(now).set(Scope::Shared, b"first", b"x").unwrap();
        let all = delta(&mut a, 1, 5);
        // There is no more than one place: the set takes it.
        hear(&mut b, &all);
        assert_eq!((elements(&b, b"set"), holes(&mut b, &mut a, 5)), (2, [5].to_vec()));
        assert_eq!(b.stats().kv_dropped, 1);
        let mut b = node("b", b.config().clone());
        for number in 0..16_u8 {
            b.kv_mut(now).set(Scope::Shared, &[b'b', number], b"v").unwrap();
        }
        hear(&mut b, &all);
        assert_eq!((b.kv().len(), holes(&mut b, &mut a, 5)), (16, [2, 4, 5].to_vec()));
    }

    #[test]
    fn after_an_entry_that_cannot_be_read_only_what_others_show_counts_as_seen() {
        let (mut a, mut b) = (node("a", Config::lan()), node("b", Config::lan()));
        let bytes = packet(&mut a, |_, me, packet| {
            let entry = |counter, state| Entry { writer: me, counter, own: false, expires: None, key: b"k", state };
            let written = packet.section(tag::KV_DELTA, |w| {
                w.u8(0)?;
                w.id(me.id)?;
                w.varint(me.generation)?;
                w.u64(0)?;
                w.u64(9)?;
                let mut previous = Previous::new(0);
                previous.write(&entry(2, State::Full(b"of a kind that is not known here")), w)?;
                previous.write(&entry(5, State::Value { stamp: 1, value: b"v" }), w)
            });
            assert!(written.is_ok());
        });
        hear(&mut b, &bytes);
        assert_eq!(holes(&mut b, &mut a, 9), [2, 3, 4, 6, 7, 8, 9]);
        assert_eq!((b.kv().len(), b.stats().kv_malformed), (1, 1));
    }

    /// One tells the other what it has seen.
    fn tell_context(from: &mut Node<u64>, to: &mut Node<u64>) {
        let (mut buf, mut ids) = (alloc::vec![0; 4096], Vec::new());
        let kv = from.kv_mut(Instant::ZERO);
        let sender = *kv.cx.me;
        let mut packet = Writer::new(&mut buf, &mut ids, kv.cx.key, sender, true).unwrap();
        kv.state.write_context(true, &mut packet);
        let len = packet.finish(kv.cx.key);
        let mut kv = to.kv_mut(Instant::ZERO);
        let packet = Packet::decode::<u64>(kv.cx.key, &buf[..len]).unwrap();
        for section in packet.sections::<u64>(sender.id) {
            let wire::Section::Kv(Section::Context(page)) = section else { panic!("no context") };
            let from = Source { addr: &1, sender, row: None, answer: usize::MAX, lane: Lane::Datagram };
            kv.state.handle_context(&mut kv.cx, &from, page);
        }
    }

    #[test]
    fn what_was_seen_is_taken_over_from_who_holds_the_same_deletions_included() {
        let (mut a, mut b) = (node("a", Config::lan()), node("b", Config::lan()));
        let now = Instant::ZERO;
        a.kv_mut(now).set(Scope::Shared, b"k", b"1").unwrap();
        a.kv_mut(now).set(Scope::Shared, b"k", b"2").unwrap();
        let last = delta(&mut a, 2, 2);
        hear(&mut b, &last);
        assert_eq!(holes(&mut b, &mut a, 2), [1]);
        tell_context(&mut a, &mut b);
        assert_eq!(holes(&mut b, &mut a, 2), []);
        // What the deletion has outlived b would not know of, and somebody may hold it still.
        a.kv_mut(now).set(Scope::Shared, b"other", b"1").unwrap();
        a.kv_mut(now).delete(Scope::Shared, b"other").unwrap();
        tell_context(&mut a, &mut b);
        assert_eq!(holes(&mut b, &mut a, 4), [3, 4]);
    }
}
