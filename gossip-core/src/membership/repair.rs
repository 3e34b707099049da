//! What gossip missed: two tables whose fingerprints differ find the buckets that do, and exchange their records.
//!
//! All over datagrams that may be lost: nothing here remembers a conversation, so a lost packet costs one more round.

use core::time::Duration;

use gossip_collections::SmallVec;

use super::buckets::LOG_BUCKETS;
use super::table::MemberIndex;
use super::{Applied, Intent, Membership};
use crate::config::MembershipConfig;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::random::Rng;
use crate::time::Instant;
use crate::wire::membership::{Section, TableDigest, TablePage};
use crate::wire::{Item as _, NoSpace, Writer, tag};

/// At most so many runs of differing buckets are answered at a time, each in so many packets.
const MAX_RUNS: usize = 4;
const PAGES_PER_RUN: u8 = 2;
/// More members than that to each bucket of a digest, and its sender hardly knows anybody.
const JOINERS_BUCKET: usize = 64;
/// So often a joiner asks for what is missing before it relies on fingerprints that differ.
const CATCH_UP_TRIES: u8 = 24;
/// What is more than these many records, about two datagrams' worth, is large.
const LARGE: usize = 64;
/// At most so many members' records answer a page.
const MAX_CORRECTIONS: usize = 128;

/// A part of the table to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageIntent {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) answer: bool,
    /// In how many packets at most.
    pub(super) pages: u8,
}

/// With whom the table is compared next, and when.
#[derive(Debug)]
pub(super) struct Repair<P> {
    with: Option<P>,
    at: Option<Instant>,
    last: Instant,
    /// How many live members a contact knew, and how often some member is still asked for those that are missing.
    expected: usize,
    tries: u8,
    told: Instant,
    pages: u16,
}

impl<P: Peer> Repair<P> {
    pub(super) fn new(now: Instant) -> Self {
        Self { with: None, at: None, last: now, expected: 0, tries: 0, told: now, pages: 0 }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.at
    }

    /// A peer's fingerprint differs. It is compared with at a random moment soon: usually the updates that make the
    /// difference are still on their way, and both ends would ask at once.
    pub(super) fn mismatch(&mut self, now: Instant, config: &MembershipConfig, peer: &P, rng: &mut Rng) {
        self.with = Some(peer.clone());
        let interval = config.sync_interval;
        let jitter = Duration::from_micros(rng.below(interval.as_micros() as usize / 2) as u64);
        self.at.get_or_insert_with(|| now.max(self.last + interval) + jitter);
    }

    /// A contact that knows so many let this node in: random members are asked soon, and often, for those that are
    /// missing, so that the contact need not tell each joiner of all.
    pub(super) fn catch_up(&mut self, now: Instant, config: &MembershipConfig, expected: usize) {
        (self.expected, self.tries) = (expected, CATCH_UP_TRIES);
        self.at = Some(now + config.sync_interval / 4);
    }

    /// Whether to tell one whose fingerprint differs what changed last: most likely that is what it lacks.
    pub(super) fn may_tell_newest(&mut self, now: Instant, interval: Duration) -> bool {
        let may = now.since(self.told) >= interval;
        if may {
            self.told = now;
        }
        may
    }

    /// Names the next page. Names come again, and a mark may be as old: then one member's record is not told in answer
    /// to that page, but to the next.
    fn number_page(&mut self) -> u16 {
        self.pages = self.pages.wrapping_add(1).max(1);
        self.pages
    }

    /// Whether it is time to compare; with a member whose fingerprint differed, or with any.
    fn due(&mut self, now: Instant, config: &MembershipConfig, live: usize) -> Option<Option<P>> {
        self.at.filter(|at| *at <= now)?;
        self.at = None;
        self.last = now;
        self.tries = self.tries.saturating_sub(1);
        if self.tries > 0 && live + live / 8 < self.expected {
            self.at = Some(now + config.sync_interval / 4);
            return Some(None);
        }
        self.tries = 0;
        Some(self.with.take())
    }
}

impl<P: Peer> Membership<P> {
    /// Sends a digest when it is time for one.
    pub(super) fn repair(&mut self, cx: &mut Cx<'_, P>) {
        let live = cx.table.live().len();
        let Some(with) = self.repair.due(cx.now, &cx.config.membership, live) else { return };
        let anyone = || cx.table.sample(cx.rng, 1, |_| true).first().map(|index| cx.table.row(*index).addr.clone());
        if let Some(peer) = with.or_else(anyone) {
            cx.stats.table_syncs += 1;
            self.intents.push(cx.stats, Target::to(peer), Intent::Digest);
        }
    }

    /// About eight members a bucket.
    pub(super) fn write_digest(&self, cx: &Cx<'_, P>, packet: &mut Writer<'_>) {
        let buckets = (cx.table.live().len() / 8).next_power_of_two();
        let log_buckets = (buckets.ilog2() as u8).min(LOG_BUCKETS);
        let hashes: SmallVec<[u8; 3 << LOG_BUCKETS]> = cx.table.bucket_sums(log_buckets).flatten().collect();
        let section = Section::<P>::TableDigest(TableDigest { log_buckets, hashes: &hashes });
        _ = packet.section(section.tag(), |w| section.write(w));
    }

    pub(super) fn handle_digest(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, digest: TableDigest<'_>) {
        if from.answer != usize::MAX || !self.is_running() {
            return;
        }
        let mine = cx.table.bucket_sums(digest.log_buckets);
        let differs: SmallVec<[bool; 1 << LOG_BUCKETS]> =
            mine.zip(digest.hashes.chunks(3)).map(|(mine, theirs)| mine != theirs).collect();
        let width = 1_u64 << (32 - digest.log_buckets);
        let start = cx.rng.below(differs.len());
        let mut runs = 0;
        let mut at = 0;
        // Who joins asks many members: one page of each will do.
        let joins = cx.table.live().len() > JOINERS_BUCKET << digest.log_buckets;
        let (most, pages) = if joins { (1, 1) } else { (MAX_RUNS, PAGES_PER_RUN) };
        while at < differs.len() && runs < most {
            // A run may not go over the end of the table, where the walk starts again from the front.
            let first = (start + at) % differs.len();
            let len = differs[first..].iter().take(differs.len() - at).take_while(|differs| **differs).count();
            if len > 0 {
                let page = PageIntent {
                    first: (first as u64 * width) as u32,
                    last: ((first + len) as u64 * width - 1) as u32,
                    answer: true,
                    pages,
                };
                let records = cx.table.live().len() * len / differs.len();
                let to = from.addr.clone();
                let to = if records > LARGE { Target::patient(cx, to) } else { Target::to(to) };
                self.intents.push(cx.stats, to, Intent::Page(page));
                runs += 1;
            }
            at += len.max(1);
        }
    }

    /// Writes as much of a part of the table as finds room, and queues the rest.
    pub(super) fn write_page(&mut self, cx: &mut Cx<'_, P>, to: &Target<P>, page: PageIntent, packet: &mut Writer<'_>) {
        let (found, covered) = cx.table.range(page.first, page.last, packet.room() / 20);
        let mut last = covered;
        let section = packet.section(tag::TABLE_PAGE, |w| {
            w.u8(u8::from(page.answer))?;
            w.u32(page.first)?;
            let last_at = w.position();
            w.u32(last)?;
            let mut records = found.iter().map(|index| cx.table.record(*index));
            let written = w.items(|w| records.next().map_or(Ok(false), |record| record.write(w).map(|()| true)));
            if let Some(next) = found.get(written) {
                last = cx.table.position(*next).saturating_sub(1).max(page.first);
                w.patch(last_at, &last.to_be_bytes());
            }
            if written == 0 && !found.is_empty() { Err(NoSpace) } else { Ok(()) }
        });
        if section.is_err() {
            return;
        }
        if last < page.last && page.pages > 1 {
            let rest = PageIntent { first: last + 1, pages: page.pages - 1, ..page };
            self.intents.push(cx.stats, to.clone(), Intent::Page(rest));
        }
    }

    /// Learns from a page, and answers with what it lacks or has older.
    pub(super) fn handle_page(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, page: &TablePage<'_, P>) {
        let number = self.repair.number_page();
        let mut better: SmallVec<[MemberIndex; 4]> = SmallVec::new();
        let catching_up = self.repair.tries > 0;
        for record in page.records.iter() {
            let unknown = cx.table.find(record.member.id).is_none();
            let applied = self.apply(cx, &record, false);
            let Some(index) = cx.table.find(record.member.id) else { continue };
            if catching_up && unknown {
                // News to this node alone.
                self.updates.remove(index);
            }
            if applied == Applied::Older {
                better.push(index);
            }
            cx.table.notes_mut(index).page = number;
        }
        if !page.answer || from.answer != usize::MAX || !self.is_running() {
            return;
        }
        let mut first = page.first;
        while better.len() < MAX_CORRECTIONS {
            let (mine, covered) = cx.table.range(first, page.last, MAX_CORRECTIONS);
            better.extend(mine.into_iter().filter(|index| cx.table.notes(*index).page != number));
            if covered >= page.last {
                break;
            }
            first = covered + 1;
        }
        if !better.is_empty() {
            let to = from.addr.clone();
            let to = if better.len() > LARGE { Target::patient(cx, to) } else { Target::to(to) };
            self.intents.push(cx.stats, to, Intent::Records(better));
        }
    }
}
