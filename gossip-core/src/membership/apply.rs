//! What becomes of a record that arrives: the table is a join of all that was said, in the order of generation,
//! incarnation and claim, so the order of arrival does not matter.

use alloc::boxed::Box;
use core::time::Duration;

use gossip_collections::SmallVec;

use super::checks::Claimed;
use super::facade::Verdict;
use super::table::{ME, MemberIndex, Table};
use super::{Membership, Status};
use crate::config::Safeguard;
use crate::event::{MemberChange, MemberEvent};
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::time::Instant;
use crate::wire::membership::{Claim, Record};

/// A higher incarnation is not answered with one still higher but with a new generation: a forged maximum must not
/// leave this node without an answer.
const MAX_INCARNATION: u64 = 1 << 40;
/// For so long a member that was held down counts as one that should be there.
pub(super) const ROSTER_MEMORY: Duration = Duration::from_secs(60);

/// How a record relates to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// The table knows better.
    Older,
    /// The table said so already.
    Same,
    /// The table says so now.
    Known,
    /// The member is unknown and there is no room for it.
    NoRoom,
}

impl<P: Peer> Membership<P> {
    /// Takes note of what a record says. `first_hand`: its subject said so itself.
    pub(super) fn apply(&mut self, cx: &mut Cx<'_, P>, record: &Record<P>, first_hand: bool) -> Applied {
        if record.member.id == cx.me.id {
            return self.apply_to_me(cx, record);
        }
        let Some(index) = cx.table.find(record.member.id) else {
            return self.admit(cx, record);
        };
        let row = cx.table.row(index);
        let known = (row.member.generation, row.incarnation, rank_of(row.status));
        let said = (record.member.generation, record.incarnation, rank(record.claim));
        if said < known {
            return Applied::Older;
        }
        if said == known {
            return Applied::Same;
        }
        self.accept(cx, index, record, first_hand);
        Applied::Known
    }

    /// A member that was not in the table. The dead are entered too, so that stale news cannot bring them to life.
    fn admit(&mut self, cx: &mut Cx<'_, P>, record: &Record<P>) -> Applied {
        if cx.table.len() >= cx.config.membership.max_members && !self.forget_one(cx) {
            cx.stats.dropped_members += 1;
            return Applied::NoRoom;
        }
        let status = status_of(record.claim);
        let index = cx.table.insert(record, status);
        if status.is_live() {
            self.schedule.admit(cx.rng, index, cx.table.live().len());
        }
        self.note_verdict(cx, index, record.claim);
        self.changed(cx, index, record, Some(change_to(status)));
        Applied::Known
    }

    /// A newer record about a member in the table.
    fn accept(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, record: &Record<P>, first_hand: bool) {
        let row = cx.table.row(index);
        let before = row.status;
        let same_life = row.member.generation == record.member.generation;
        if before.is_live() && record.claim != Claim::Alive && !first_hand {
            let Record { claim, member, incarnation, .. } = *record;
            return self.weigh(cx, index, Claimed { claim, member, incarnation });
        }
        let status = match status_of(record.claim) {
            // Whether it answers here is not for others to say.
            Status::Alive if same_life && before.is_live() => before,
            status => status,
        };
        let revived = !before.is_live() && status.is_live();
        let moved = row.addr != record.addr || cx.table.notes(index).profile_version() != record.profile;
        if same_life && before.is_live() && status.is_live() && !moved {
            // A new statement that says nothing new: it answers a verdict that was believed elsewhere.
            cx.table.notes_mut(index).trouble_mut().lenience.refuted(cx.now);
        }
        // A verdict that waits to be believed is answered by this.
        let answered = self.checks.get(cx.table, index).is_some_and(|check| check.claim.is_some());
        if before != status || !same_life || answered {
            self.checks.close(cx.table, index);
        }
        cx.table.update(index, record, status);
        self.note_verdict(cx, index, record.claim);
        if revived {
            if before == Status::Down {
                cx.table.notes_mut(index).trouble_mut().lenience.refuted(cx.now);
                self.falls.pop_back();
            }
            self.schedule.admit(cx.rng, index, cx.table.live().len());
            // One came back; others behind the same broken link may have, too.
            self.reconnect_at = cx.now + cx.config.membership.gossip_interval;
        }
        let change = match before {
            Status::Alive | Status::Suspect if same_life && status == before => moved.then_some(MemberChange::Updated),
            _ => Some(change_to(status)),
        };
        self.changed(cx, index, record, change);
    }

    /// Others say that a member that is live here failed or left: some word, to be checked, unless it just was or too much
    /// is said by one author, or of one that left.
    fn weigh(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, claimed: Claimed) {
        let memory = cx.config.membership.suspicion.patience;
        let dismissed = cx.table.notes(index).trouble().and_then(|trouble| trouble.dismissed);
        if dismissed.is_some_and(|at| cx.now.since(at) < memory) {
            return;
        }
        if !cx.config.keeps(Safeguard::Asking) {
            return self.enter(cx, index, claimed);
        }
        let pending = self.checks.get(cx.table, index).is_some_and(|check| check.claim.is_some());
        let author = match claimed.claim {
            Claim::Down { by } => cx.table.find(by).unwrap_or(ME),
            Claim::Alive | Claim::Left => index,
        };
        if pending || !cx.table.notes_mut(author).trouble_mut().claims.take(cx.now, Allowance::VERDICTS) {
            return;
        }
        self.hear_claim(cx, index, claimed);
    }

    /// Follows up on a row that changed, in `change` if the application would see it.
    fn changed(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, record: &Record<P>, change: Option<MemberChange>) {
        let status = cx.table.row(index).status;
        if !status.is_live() {
            let grave = Grave { member: record.member, incarnation: record.incarnation };
            self.graves.push_back((cx.now + cx.config.membership.forget_after, grave));
            // Whoever dies again and again leaves graves behind that nobody lies in.
            if self.graves.len() > Self::max_graves(cx.table.len()) {
                self.graves.retain(|(_, grave)| grave.occupant(cx.table).is_some());
            }
            self.graves_peak = self.graves_peak.max(self.graves.len());
            self.profiles.unwanted(index);
        } else if self.profiles.is_stale(cx.table, index) {
            self.profiles.want(index);
            self.gossip_soon(cx);
        }
        if let Some(change) = change {
            self.tell(cx, index, change);
        }
        self.spread(cx, index);
    }

    /// So many graves may be kept for so many members.
    pub(super) fn max_graves(members: usize) -> usize {
        2 * members + 16
    }

    /// This node's own verdict.
    pub(super) fn declare_down(
        &mut self,
        cx: &mut Cx<'_, P>,
        index: MemberIndex,
        accused: Option<NodeId>,
        confirmed: SmallVec<[NodeId; 4]>,
    ) {
        self.checks.close(cx.table, index);
        cx.stats.verdicts += 1;
        let row = cx.table.row(index);
        let claim = Claim::Down { by: cx.me.id };
        self.enter(cx, index, Claimed { claim, member: row.member, incarnation: row.incarnation });
        if let Some(verdict) = cx.table.notes_mut(index).verdict_mut() {
            verdict.accused = accused;
            verdict.confirmed = confirmed.into_vec();
        }
    }

    /// Enters into the table that a live member failed or left.
    pub(super) fn enter(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, claimed: Claimed) {
        let Claimed { claim, member, incarnation } = claimed;
        let record = Record { claim, member, incarnation, ..cx.table.record(index) };
        let status = status_of(claim);
        cx.table.update(index, &record, status);
        self.note_verdict(cx, index, claim);
        self.changed(cx, index, &record, Some(change_to(status)));
        if status == Status::Down {
            self.falls.push_back(cx.now);
            self.suspect_partition(cx);
        }
    }

    fn note_verdict(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, claim: Claim) {
        if let Claim::Down { by } = claim {
            let verdict = Verdict { by, accused: None, confirmed: alloc::vec::Vec::new(), at: cx.now };
            cx.table.notes_mut(index).trouble_mut().verdict = Some(Box::new(verdict));
        }
    }

    /// Whether one more member held down would be more than three quarters of those that were alive a minute ago: then
    /// it is more likely that this node is cut off.
    pub(super) fn would_be_alone(&mut self, cx: &Cx<'_, P>) -> bool {
        while self.falls.front().is_some_and(|at| cx.now.since(*at) > ROSTER_MEMORY) {
            self.falls.pop_front();
        }
        4 * (self.falls.len() + 1) > 3 * (cx.table.live().len() + self.falls.len())
    }

    /// Tells the application about a member.
    pub(super) fn tell(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, change: MemberChange) {
        let trouble = cx.table.notes_mut(index).trouble_mut_if();
        let flapping = trouble.as_ref().is_some_and(|trouble| trouble.lenience.is_flapping(cx.now));
        let change = match change {
            MemberChange::Up if flapping && trouble.is_some_and(|trouble| trouble.lenience.take_news()) => {
                MemberChange::Flapping
            }
            // It comes and goes: that it is in doubt once more is no news.
            MemberChange::Suspect if flapping => return,
            change => change,
        };
        let row = cx.table.row(index);
        let event = MemberEvent {
            id: row.member.id,
            generation: row.member.generation,
            incarnation: row.incarnation,
            addr: row.addr.clone(),
            change,
        };
        cx.events.push_member(event, &mut cx.table.notes_mut(index).event);
    }

    /// Forgets the member that has been down or gone for longest. Whether there was one.
    pub(super) fn forget_one(&mut self, cx: &mut Cx<'_, P>) -> bool {
        while let Some((_, grave)) = self.graves.pop_front() {
            if let Some(index) = grave.occupant(cx.table) {
                self.updates.remove(index);
                self.lazy.queue.remove(index);
                cx.table.remove(index);
                return true;
            }
        }
        false
    }

    /// What is said of this node itself: an accusation is refuted under a higher incarnation (SWIM §4.2).
    fn apply_to_me(&mut self, cx: &mut Cx<'_, P>, record: &Record<P>) -> Applied {
        if self.has_yielded() || record.claim == Claim::Alive && self.meets_namesake(cx, record) {
            return Applied::Known;
        }
        let mine = cx.table.row(ME);
        if record.member.generation < cx.me.generation {
            return Applied::Older;
        }
        if record.member.generation > cx.me.generation {
            // A later life that is alive speaks for itself. One that is accused, left or down is none: this node lives,
            // and must not be held for dead because of a name that it never bore.
            if record.claim != Claim::Alive && self.is_running() {
                cx.stats.refutations += 1;
                self.outlive(cx, record.member.generation);
            }
            return Applied::Known;
        }
        let accused = record.incarnation == mine.incarnation && rank(record.claim) > rank_of(mine.status);
        if record.incarnation < mine.incarnation {
            return Applied::Older;
        }
        if record.incarnation == mine.incarnation && !accused {
            return Applied::Known;
        }
        self.refute(cx, record.incarnation);
        Applied::Known
    }

    /// Makes a statement above all that was said of this node under `incarnation`.
    pub(super) fn refute(&mut self, cx: &mut Cx<'_, P>, incarnation: u64) {
        cx.stats.refutations += 1;
        let mut answer = cx.table.record(ME);
        if incarnation < MAX_INCARNATION {
            answer.incarnation = incarnation + 1;
        } else {
            cx.me.generation = cx.me.generation.saturating_add(1);
            answer.incarnation = answer.profile;
        }
        answer.member = *cx.me;
        self.publish(cx, answer);
    }

    /// Takes a generation above `known`, under which a former life of this node is still remembered.
    pub(super) fn outlive(&mut self, cx: &mut Cx<'_, P>, known: u64) {
        cx.me.generation = known.saturating_add(1);
        self.restate(cx, |_| ());
    }
}

/// Who died or left, under which incarnation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grave {
    member: Identity,
    incarnation: u64,
}

impl Grave {
    /// The member, unless something newer was heard of it.
    fn occupant<P: Peer>(&self, table: &Table<P>) -> Option<MemberIndex> {
        let index = table.find(self.member.id)?;
        let row = table.row(index);
        let same = row.member == self.member && row.incarnation == self.incarnation && !row.status.is_live();
        same.then_some(index)
    }
}

/// How much of one member's word is followed up: a burst, then one each so often. Members that fail together have their
/// verdicts from many authors; who invents some is soon not heard any more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    taken: u8,
    at: Instant,
}

impl Allowance {
    const BURST: u8 = 32;
    /// A verdict is passed on to everybody, a suspicion costs a ping or an answer.
    const VERDICTS: Duration = Duration::from_secs(10);
    pub(super) const SUSPICIONS: Duration = Duration::from_secs(1);

    pub(super) fn take(&mut self, now: Instant, each: Duration) -> bool {
        let earned = now.since(self.at).as_micros() / each.as_micros();
        if earned > 0 {
            self.taken = self.taken.saturating_sub(u8::try_from(earned).unwrap_or(u8::MAX));
            self.at = now;
        }
        let room = self.taken < Self::BURST;
        self.taken += u8::from(room);
        room
    }
}

fn status_of(claim: Claim) -> Status {
    match claim {
        Claim::Alive => Status::Alive,
        Claim::Down { .. } => Status::Down,
        Claim::Left => Status::Left,
    }
}

fn change_to(status: Status) -> MemberChange {
    match status {
        Status::Alive => MemberChange::Up,
        Status::Suspect => MemberChange::Suspect,
        Status::Down => MemberChange::Down,
        Status::Left => MemberChange::Left,
    }
}

fn rank(claim: Claim) -> u8 {
    rank_of(status_of(claim))
}

/// Of two claims under one incarnation the later in this order holds (SWIM §4.2).
fn rank_of(status: Status) -> u8 {
    match status {
        Status::Alive | Status::Suspect => 0,
        Status::Down => 1,
        Status::Left => 2,
    }
}
