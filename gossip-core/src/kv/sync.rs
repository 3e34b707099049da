//! Anti-entropy: two members whose fingerprints differ compare their causal contexts a page at a time, and send each
//! other what survives of the writes that the other has not seen. A delta may be cut anywhere: what it says of the range
//! it covers is true by itself.

use core::time::Duration;

use gossip_crdt::Dot;
use smallvec::SmallVec;

use super::context::{encode_beyond, missing};
use super::key::Key;
use super::push::{read_entry, write_entry};
use super::{Intent, KvState, Scope};
use crate::identity::Identity;
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;
use crate::wire::kv::{ContextPage, Delta, Seen, State};
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
}

impl<P: Peer> Sync<P> {
    pub(super) fn new(now: Instant) -> Self {
        Self { with: None, at: None, last: now, mismatches: 0, after: None, gap: None }
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
        if self.context.writers() == 0 && self.sync.mismatches == 0 {
            self.sync.mismatches = 1;
            self.ask_for_priority(cx, from);
        }
        self.compare_later(cx, from);
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
        self.sync.last = cx.now;
        if let Some(peer) = self.sync.with.take() {
            cx.stats.kv_syncs += 1;
            let to = self.to_compare(cx, peer);
            self.intents.push(cx.stats, to, Intent::Context { reply: false });
        }
    }

    /// By which way a page of the context goes.
    fn to_compare(&self, cx: &mut Cx<'_, P>, peer: P) -> Target<P> {
        if self.context.writers() > MANY_WRITERS { Target::patient(cx, peer) } else { Target::to(peer) }
    }

    /// Writes the next page of the context; the page after it follows at the next opportunity.
    pub(super) fn write_context(&mut self, reply: bool, packet: &mut Writer<'_>) {
        let after = self.sync.after.take();
        let mut writers = self.context.writers_after(after).peekable();
        let fingerprints = (self.context.fingerprint(), self.store.fingerprint());
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
        if page.fingerprints.1 == self.store.fingerprint() {
            self.take_context(cx, from, page);
            return;
        }
        self.sync.mismatches = self.sync.mismatches.wrapping_add(1);
        // Both have seen the same, and hold something else: one of them has lost something. While there are new writes all
        // the time, that is looked for now and then.
        if page.fingerprints.0 == self.context.fingerprint() || self.sync.mismatches % LOOK_CLOSER == 0 {
            self.compare(cx, from);
        }
        let mut theirs = page.writers.iter().peekable();
        let end = if page.cut { page.writers.iter().last().map(|seen| seen.writer) } else { None };
        let mut ranges: SmallVec<[Range; 2]> = SmallVec::new();
        let (mut lacking, mut more) = (false, false);
        let mine =
            self.context.writers_after(page.after).take_while(|(writer, _)| end.is_none_or(|end| *writer <= end));
        for (writer, runs) in mine {
            // Writers that only they know come before this one.
            while theirs.peek().is_some_and(|seen| seen.writer < writer) {
                lacking |= theirs.next().is_some_and(|seen| seen.runs().next().is_some());
            }
            let seen = theirs.next_if(|seen| seen.writer == writer);
            let seen: SmallVec<[(u64, u64); 4]> = seen.iter().flat_map(Seen::runs).collect();
            lacking |= !missing(&seen, runs.iter().copied()).is_empty();
            for (first, last) in missing(runs, seen.into_iter()) {
                more |= ranges.len() == MAX_RANGES;
                if ranges.len() < MAX_RANGES {
                    ranges.push((writer, first, last));
                }
            }
        }
        lacking |= theirs.any(|seen| seen.runs().next().is_some());
        self.hear(cx, from, page);
        if !lacking && ranges.is_empty() && page.after.is_none() && !page.cut {
            self.stability.has_all(from.sender);
        }
        if !ranges.is_empty() {
            let versions = ranges.iter().fold(0_u64, |sum, (_, first, last)| sum.saturating_add(last - first + 1));
            let to = from.addr.clone();
            let to = if versions > MANY_VERSIONS { Target::patient(cx, to) } else { Target::to(to) };
            let packets = if to.lane == Lane::Stream { FRAMES_PER_PAGE } else { PACKETS_PER_PAGE };
            self.intents.push(cx.stats, to, Intent::Delta(DeltaIntent { ranges, packets, more }));
        }
        if lacking && !page.reply {
            let to = self.to_compare(cx, from.addr.clone());
            self.intents.push(cx.stats, to, Intent::Context { reply: true });
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

    /// Another member holds the same entries, and has seen writes of which nothing is left: so nothing is left of them here,
    /// either.
    fn take_context(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, page: ContextPage<'_>) {
        self.hear(cx, from, page);
        let (max, me) = (cx.config.kv.max_writers, self.writer(*cx.me));
        for seen in page.writers.iter() {
            // This node alone knows what it wrote.
            for (first, last) in seen.runs().filter(|_| seen.writer != me) {
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
            let through = self.write_range(cx.now, (writer, first, last), packets == 1 || more, packet);
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

    /// Writes a writer's entries from `first` on; up to which version the section covers, if it found room.
    pub(super) fn write_range(
        &self,
        now: Instant,
        (writer, first, last): Range,
        more: bool,
        packet: &mut Writer<'_>,
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
            let written = w.items(|w| {
                let Some((counter, key, item)) = entries.peek() else { return Ok(false) };
                write_entry(w, key, item, &Dot::new(writer, *counter), now)?;
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
        self.check_memory(cx, delta.writer, delta.through);
        let (max_writers, max_entries) = (cx.config.kv.max_writers, cx.config.kv.max_entries);
        // What follows is asked for again once there is room.
        let seen_to = self.room_through(&delta, max_entries);
        // What cannot be noted must not be stored: a later deletion that is forgotten could not keep it away.
        let noted = seen_to > delta.after && self.context.has_room(max_writers, delta.writer, delta.after + 1, seen_to);
        if seen_to < delta.through || !self.context.has_place(max_writers, delta.writer) {
            cx.stats.kv_dropped += 1;
        } else if !noted {
            cx.stats.kv_postponed += 1;
        }
        if !noted {
            return;
        }
        for entry in delta.entries.iter().take_while(|entry| entry.counter <= seen_to) {
            // What shows several writes may show some in the range that were not seen: they would count as seen, and gone.
            let is_plain = !matches!(entry.state, State::Full(_));
            if is_plain && self.context.contains(&Dot::new(entry.writer, entry.counter)) {
                cx.stats.kv_duplicates += 1;
                continue;
            }
            match read_entry(&entry, cx.now) {
                Some((key, item)) => _ = self.join(cx, &key, &item, usize::MAX),
                None => cx.stats.kv_malformed += 1,
            }
        }
        let noted = self.context.add(cx.key, max_writers, delta.writer, delta.after + 1, seen_to);
        debug_assert!(noted, "there was room");
        if delta.more && from.answer == usize::MAX {
            // There is more where that came from: ask on at once.
            self.sync.with = Some(from.addr.clone());
            self.sync.at = Some(cx.now);
            self.sync.gap = None;
        }
    }

    /// Up to which version there is room for the new keys of a delta.
    fn room_through(&self, delta: &Delta<'_>, max_entries: usize) -> u64 {
        let mut free = max_entries.saturating_sub(self.store.len());
        if delta.entries.iter().nth(free).is_none() {
            return delta.through;
        }
        for entry in delta.entries.iter() {
            let scope = if entry.own { Scope::Own(entry.writer.id) } else { Scope::Shared };
            let is_known = || self.store.open(&Key::new(scope, entry.key)).is_some();
            if self.context.contains(&Dot::new(entry.writer, entry.counter)) || is_known() {
                continue;
            }
            match free.checked_sub(1) {
                Some(left) => free = left,
                None => return entry.counter - 1,
            }
        }
        delta.through
    }
}
