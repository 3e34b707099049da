//! Causal stability: which writes every member is known to have seen. Only then can nobody speak of what they overwrote as
//! if it were news, and deletions may be forgotten.
//!
//! Nothing is sent for it. What this node has seen is numbered; a member whose summary is one that this node had, or whose
//! context covers this node's, has seen all up to that number.

use core::time::Duration;

use gossip_collections::{BTreeMap, VecDeque};
use gossip_crdt::Dot;

use super::item::Item;
use super::{KvState, Version};
use crate::config::Safeguard;
use crate::identity::Identity;
use crate::membership::Status;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::time::Instant;

/// How often at most all members are looked at.
const PERIOD: Duration = Duration::from_secs(1);
/// How often a deletion whose time is over is looked at, until everybody has seen it.
const GRAVE_PERIOD: Duration = Duration::from_secs(10);
/// So many former summaries are remembered.
const MAX_FORMER: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Stability {
    /// How often what was seen has changed, and what it summed up to then.
    number: u64,
    former: VecDeque<(u64, u64)>,
    /// By member: up to which number it has seen all.
    seen: BTreeMap<Identity, u64>,
    /// What was seen of each writer at a number that not all have reached.
    next: Option<(u64, BTreeMap<Identity, u64>)>,
    /// And at the last one that all have reached.
    stable: BTreeMap<Identity, u64>,
    reached: u64,
    tended: Instant,
}

impl Stability {
    pub(super) fn is_stable(&self, dot: &Dot<Identity>) -> bool {
        self.through(dot.writer) >= dot.counter
    }

    /// Up to which of a writer's writes everybody has seen all.
    pub(super) fn through(&self, writer: Identity) -> u64 {
        self.stable.get(&writer).copied().unwrap_or(0)
    }

    /// A member has seen all that this node has.
    pub(super) fn has_all(&mut self, member: Identity) {
        // Where all are known to have seen all there is nothing to keep.
        if self.number > self.reached {
            self.seen.insert(member, self.number);
        }
    }

    /// A member sums up to this.
    pub(super) fn has(&mut self, member: Identity, summary: u64) {
        if self.number == self.reached {
            return;
        }
        if let Some((_, number)) = self.former.iter().rev().find(|(former, _)| *former == summary) {
            let seen = self.seen.entry(member).or_default();
            *seen = (*seen).max(*number);
        }
    }

    /// What was seen sums up to this now.
    fn note(&mut self, summary: u64) {
        if self.former.back().map_or(0, |(last, _)| *last) != summary {
            self.number += 1;
            if self.former.len() == MAX_FORMER {
                self.former.pop_front();
            }
            self.former.push_back((summary, self.number));
        }
    }
}

impl<P: Peer> KvState<P> {
    /// Notes what was seen, in front of whatever another member says of itself.
    pub(super) fn note_summary(&mut self) {
        let summary = self.fingerprint();
        self.stability.note(summary);
    }

    /// Looks how far all members have come: those that left or were forgotten hold nobody up.
    pub(super) fn tend_stability(&mut self, cx: &Cx<'_, P>) {
        let (me, stability) = (cx.me.id, &mut self.stability);
        if cx.now < stability.tended + PERIOD {
            return;
        }
        stability.tended = cx.now;
        if stability.next.is_none() && stability.number > stability.reached {
            let through = self.context.writers_after(None);
            let through = through.map(|(writer, _)| (writer, self.context.through(writer)));
            stability.next = Some((stability.number, through.filter(|(_, through)| *through > 0).collect()));
        }
        let Some((number, _)) = &stability.next else { return };
        let members = cx.table.rows().filter(|row| row.member.id != me && row.status != Status::Left);
        let slowest = members.map(|row| stability.seen.get(&row.member).copied().unwrap_or(0)).min();
        if slowest.is_none_or(|slowest| slowest >= *number) {
            if let Some((number, stable)) = stability.next.take() {
                (stability.reached, stability.stable) = (number, stable);
            }
            if stability.reached == stability.number {
                stability.seen = BTreeMap::new();
            }
            stability.seen.retain(|member, _| cx.table.find(member.id).is_some());
        }
    }
    /// Forgets what has expired, and deletions that everybody has heard of.
    pub(super) fn forget(&mut self, cx: &mut Cx<'_, P>) {
        while let Some(key) = self.store.expired(cx.now) {
            let before = self.store.open(&key).unwrap_or_default();
            if let Some(head) = before.heads().last() {
                self.tell(cx, &key, Version::from(head), before.is_visible(), false);
            }
            // Seen and not there: it is gone for everybody.
            self.put(cx, &key, Item::default());
        }
        if self.store.next_grave().is_some_and(|at| at <= cx.now) {
            self.tend_stability(cx);
        }
        let (later, stability) = (cx.now + GRAVE_PERIOD, &self.stability);
        let by_time_alone = !cx.config.keeps(Safeguard::Stability);
        self.store.forget(cx.now, later, |head| by_time_alone || stability.is_stable(head));
    }
}
