//! Lazy push: messages are announced by their short ids to the neighbours that they are not pushed to, after a delay, so that
//! mostly one end of a link suppresses the other; who lacks one grafts it, after a wait that is learnt from how long after
//! its announcement a message usually comes (Plumtree §3.3).

use core::time::Duration;

use gossip_collections::{BTreeMap, SmallVec};

use super::Broadcast;
use super::links::{MAX_LINKS, Slot};
use super::push::GRAFTS;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::stats::Fill;
use crate::time::{Instant, earliest};
use crate::wire::broadcast::ShortId;
use crate::wire::{List, tag};

/// A message is announced when it is so old at least.
const DELAY: Duration = Duration::from_millis(30);
const LOADED_DELAY: Duration = Duration::from_secs(3);
/// And a while later, by chance up to this: one end of a link should be well before the other.
const PERIOD: Duration = Duration::from_millis(400);
/// Where much is lost that one end comes before the other is worth less than that it comes soon.
const LOSSY_PERIOD: Duration = Duration::from_millis(150);
/// A new neighbour is asked for the messages of the last while, so many at most.
const RECENT: Duration = Duration::from_secs(3);
const MAX_RECENT: usize = 64;
const MAX_RECENT_LOADED: usize = 512;
/// A message is on its way for so long.
const ON_ITS_WAY: Duration = Duration::from_millis(400);
const LOADED_WAY: Duration = Duration::from_secs(1);
/// At most so many announced messages are waited for, and so many that one neighbour announced.
pub(super) const MAX_MISSING: usize = 1024;
const MAX_MISSING_EACH: usize = 256;
/// An announced message is waited for so long before it is asked for: at first, at least, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const SHORTEST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_millis(300);

/// A message that was announced and is not here.
#[derive(Debug)]
struct Missing {
    since: Instant,
    due: Instant,
    announcers: SmallVec<[Slot; 4]>,
    /// Which of them is asked next, modulo their number.
    next: usize,
    grafts: u8,
}

#[derive(Debug)]
pub(super) struct Lazy {
    announce_at: Option<Instant>,
    missing: BTreeMap<ShortId, Missing>,
    each: [u16; MAX_LINKS],
    wait: Duration,
    next_graft: Option<Instant>,
    /// The most that ever were missing.
    peak: usize,
}

impl Lazy {
    pub(super) fn new() -> Self {
        Self {
            announce_at: None,
            missing: BTreeMap::new(),
            each: [0; MAX_LINKS],
            wait: FIRST_WAIT,
            next_graft: None,
            peak: 0,
        }
    }

    pub(super) fn fill(&self) -> Fill {
        Fill { peak: self.peak, limit: MAX_MISSING }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        earliest([self.announce_at, self.next_graft])
    }

    /// Something was lost: others may lack it as well, and wait for an announcement.
    pub(super) fn hasten<P: Peer>(&mut self, cx: &mut Cx<'_, P>) {
        let soon = cx.now + Duration::from_micros(cx.rng.below(LOSSY_PERIOD.as_micros() as usize) as u64);
        self.announce_at = self.announce_at.map(|at| at.min(soon));
    }

    fn forget(&mut self, id: ShortId) -> Option<Missing> {
        let missing = self.missing.remove(&id)?;
        if let Some(first) = missing.announcers.first() {
            self.each[usize::from(*first)] -= 1;
        }
        Some(missing)
    }

    pub(super) fn forget_link(&mut self, slot: Slot) {
        self.missing.retain(|_, missing| {
            missing.announcers.retain(|of| *of != slot);
            !missing.announcers.is_empty()
        });
        self.each = [0; MAX_LINKS];
        for missing in self.missing.values() {
            self.each[usize::from(missing.announcers[0])] += 1;
        }
    }

    /// A message has come.
    pub(super) fn came(&mut self, now: Instant, id: ShortId) {
        if self.missing.is_empty() {
            return;
        }
        let Some(missing) = self.forget(id) else { return };
        if missing.grafts == 0 {
            let gap = now.since(missing.since) * 2;
            self.wait = ((self.wait * 7 + gap) / 8).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        }
    }
}

impl<P: Peer> Broadcast<P> {
    /// A message was taken in: it will be announced.
    pub(super) fn announce_later(&mut self, cx: &mut Cx<'_, P>) {
        if self.lazy.announce_at.is_none() {
            let period = if cx.table.loss.is_high() { LOSSY_PERIOD } else { PERIOD };
            let wait = Duration::from_micros(cx.rng.below(period.as_micros() as usize) as u64);
            self.lazy.announce_at = Some(cx.now + self.announced_after() + wait);
        }
    }

    /// Under load messages may wait at those that pass them on, for longer than on the way: what comes anyhow is not to be asked
    /// for.
    fn announced_after(&self) -> Duration {
        if self.tree.load.is_high() { LOADED_DELAY } else { DELAY }
    }

    /// Announces what is old enough to neighbours that are not known to have it.
    pub(super) fn announce(&mut self, cx: &mut Cx<'_, P>) {
        if self.lazy.announce_at.is_none_or(|at| at > cx.now) {
            return;
        }
        self.lazy.announce_at = None;
        let mut left = false;
        let delay = self.announced_after();
        let mut notes: SmallVec<[(Slot, ShortId); 16]> = SmallVec::new();
        let all = self.links.all();
        let branches = self.tree.branches(&self.links);
        for (place, flight) in self.flights.newest_mut() {
            if !flight.announces {
                // Those before it were announced with it.
                break;
            }
            if cx.now < flight.since + delay {
                left = true;
                continue;
            }
            flight.announces = false;
            if self.log.history.get(place).is_none() {
                // That nothing is left of a message nobody hurries to know.
                continue;
            }
            notes.extend(
                all.without(branches.and(flight.have).and(flight.pending)).iter().map(|slot| (slot, flight.short)),
            );
        }
        // The oldest first.
        for (slot, short) in notes.into_iter().rev() {
            self.note(cx, slot, tag::IHAVE, short);
        }
        if left {
            self.announce_later(cx);
        }
    }

    /// Asks a new neighbour whether it has the messages of the last while: it may have been alone.
    pub(super) fn announce_recent(&mut self, cx: &mut Cx<'_, P>, slot: Slot) {
        self.note_recent(cx, slot, RECENT, tag::ASK);
    }

    /// A neighbour has become a child: what is on its way just now may have missed it, here and at its former parent.
    pub(super) fn ask_recent(&mut self, cx: &mut Cx<'_, P>, slot: Slot) {
        let age = if self.tree.load.is_high() { LOADED_WAY } else { ON_ITS_WAY };
        self.note_recent(cx, slot, age, tag::ASK);
    }

    fn note_recent(&mut self, cx: &mut Cx<'_, P>, slot: Slot, age: Duration, tag: u8) {
        let most = if self.tree.load.is_high() { MAX_RECENT_LOADED } else { MAX_RECENT };
        let recent = self.flights.recent(cx.now, age).take(most);
        let lacking = recent.map(|(_, flight)| flight).filter(|flight| !flight.have.and(flight.pending).contains(slot));
        let lacking: SmallVec<[ShortId; 16]> = lacking.map(|flight| flight.short).collect();
        for short in lacking.into_iter().rev() {
            self.note(cx, slot, tag, short);
        }
    }

    /// A neighbour has messages. If it asks, it waits for an answer.
    pub(super) fn handle_announced(&mut self, cx: &mut Cx<'_, P>, slot: Slot, ids: List<'_, ShortId>, asks: bool) {
        ids.iter().for_each(|id| self.note_announced(cx, slot, id, asks));
        // Once for all of them: it looks at everything that is missing.
        self.graft(cx);
    }

    fn note_announced(&mut self, cx: &mut Cx<'_, P>, slot: Slot, id: ShortId, asks: bool) {
        if let Some(place) = self.log.history.find_short(id) {
            if let Some(flight) = self.flights.get_mut(place) {
                if !flight.have.contains(slot) {
                    self.log.history.acknowledge(place);
                }
                flight.have.insert(slot);
            }
            if asks {
                self.note(cx, slot, tag::PUSH_ACK, id);
            }
            return;
        }
        let wait = if asks { Duration::ZERO } else { self.lazy.wait };
        let lazy = &mut self.lazy;
        if let Some(missing) = lazy.missing.get_mut(&id) {
            if !missing.announcers.contains(&slot) && missing.announcers.len() < 4 {
                missing.announcers.push(slot);
            }
            if asks && missing.grafts == 0 {
                missing.due = cx.now;
            }
        } else if lazy.missing.len() < MAX_MISSING && usize::from(lazy.each[usize::from(slot)]) < MAX_MISSING_EACH {
            lazy.each[usize::from(slot)] += 1;
            let announcers = SmallVec::from_slice(&[slot]);
            lazy.missing.insert(id, Missing { since: cx.now, due: cx.now + wait, announcers, next: 0, grafts: 0 });
            lazy.peak = lazy.peak.max(lazy.missing.len());
        } else {
            cx.stats.broadcast_announcements_ignored += 1;
            return;
        }
        let due = self.lazy.missing[&id].due;
        self.lazy.next_graft = Some(self.lazy.next_graft.map_or(due, |next| next.min(due)));
    }

    /// Asks neighbours for what they announced and has not come, one after the other.
    pub(super) fn graft(&mut self, cx: &mut Cx<'_, P>) {
        if self.lazy.next_graft.is_none_or(|next| next > cx.now) {
            return;
        }
        let mut next: Option<Instant> = None;
        let mut asked: SmallVec<[(Slot, ShortId); 16]> = SmallVec::new();
        let mut given_up: SmallVec<[ShortId; 16]> = SmallVec::new();
        for (id, missing) in &mut self.lazy.missing {
            if missing.due <= cx.now {
                if missing.grafts >= GRAFTS {
                    given_up.push(*id);
                    continue;
                }
                // Once an answer did not come, two are asked at a time.
                let count = if missing.grafts == 0 { 1 } else { missing.announcers.len().min(2) };
                let mut wait = LONGEST_WAIT;
                for _ in 0..count {
                    let slot = missing.announcers[missing.next % missing.announcers.len()];
                    missing.next += 1;
                    wait = wait.min(self.links.get(slot).map_or(LONGEST_WAIT, |link| link.way.timeout()));
                    asked.push((slot, *id));
                }
                missing.grafts += 1;
                missing.due = cx.now + wait;
            }
            next = Some(next.map_or(missing.due, |next| next.min(missing.due)));
        }
        self.lazy.next_graft = next;
        for id in given_up {
            self.lazy.forget(id);
            cx.stats.broadcast_promises_broken += 1;
        }
        for (slot, id) in asked {
            cx.stats.broadcast_grafts += 1;
            self.note(cx, slot, tag::GRAFT, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broadcast::lab::Lab;

    #[test]
    fn what_one_announcer_does_not_send_is_asked_of_two_at_a_time() {
        let mut lab = Lab::new(4);
        (1..4).for_each(|other| lab.link(0, other, Duration::from_millis(20)));
        let grafts = |lab: &mut Lab| {
            lab.now = lab.now + Duration::from_millis(100);
            let (broadcast, mut cx) = lab.parts(0);
            broadcast.graft(&mut cx);
            cx.stats.broadcast_grafts
        };
        let (broadcast, mut cx) = lab.parts(0);
        broadcast.links.all().iter().for_each(|slot| broadcast.note_announced(&mut cx, slot, ShortId(7), false));
        assert_eq!([(); 3].map(|()| grafts(&mut lab)), [1, 3, 5]);
    }

    #[test]
    fn where_a_message_is_not_acknowledged_announcements_come_sooner() {
        let mut lab = Lab::new(2);
        let (broadcast, mut cx) = lab.parts(0);
        broadcast.lazy.announce_at = Some(cx.now + DELAY + PERIOD);
        broadcast.lazy.hasten(&mut cx);
        assert!(broadcast.lazy.announce_at.is_some_and(|at| at < cx.now + LOSSY_PERIOD));
    }
}
