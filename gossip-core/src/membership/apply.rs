//! What becomes of a record that arrives: the table is a join of all that was said, in the order of generation,
//! incarnation and claim, so the order of arrival does not matter.

use super::suspicion::Patience;
use super::table::{ME, MemberIndex, Table};
use super::{Membership, Status};
use crate::event::{MemberChange, MemberEvent};
use crate::identity::Identity;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::wire::membership::{Claim, Record};

/// A higher incarnation is not answered with one still higher but with a new generation: a forged maximum must not
/// leave this node without an answer.
const MAX_INCARNATION: u64 = 1 << 40;

/// How a record relates to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// The table knows better.
    Older,
    /// The table said so already, or does now.
    Known,
    /// The member is unknown and there is no room for it.
    NoRoom,
}

impl<P: Peer> Membership<P> {
    /// Takes note of what a record says.
    pub(super) fn apply(&mut self, cx: &mut Cx<'_, P>, record: &Record<P>) -> Applied {
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
            if let Claim::Suspect { by } = record.claim {
                if self.suspicions.confirm(index, by) {
                    self.spread(cx, index);
                }
            }
            return Applied::Known;
        }
        self.accept(cx, index, record);
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
            self.probing.admit(cx.rng, index, cx.table.live().len());
        }
        self.changed(cx, index, record, Some(change_to(status)));
        Applied::Known
    }

    /// A newer record about a member in the table.
    fn accept(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, record: &Record<P>) {
        let row = cx.table.row(index);
        let before = row.status;
        let same_life = row.member.generation == record.member.generation;
        let revived = !before.is_live() && status_of(record.claim).is_live();
        let moved = row.addr != record.addr || row.profile_version != record.profile;
        if record.claim == Claim::Down && before == Status::Alive && same_life {
            // A verdict about a member that is alive here is somebody's word. It gets the shortest time to refute, as
            // it would had the suspicion come before the verdict.
            return self.suspect_on_word(cx, index, record);
        }
        cx.table.update(index, record, status_of(record.claim));
        if revived {
            self.probing.admit(cx.rng, index, cx.table.live().len());
            // One came back; others behind the same broken link may have, too.
            self.reconnect_at = cx.now + cx.config.membership.gossip_interval;
        }
        let change = match (before, record.claim) {
            (Status::Alive, Claim::Alive) if same_life => moved.then_some(MemberChange::Updated),
            (_, claim) => Some(change_to(status_of(claim))),
        };
        self.changed(cx, index, record, change);
    }

    fn suspect_on_word(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, record: &Record<P>) {
        let by = cx.me.id;
        let claimed = Record { claim: Claim::Suspect { by }, ..record.clone() };
        cx.table.update(index, &claimed, Status::Suspect);
        let patience = Patience::new(&cx.config.membership, cx.table.live().len()).shortest();
        cx.stats.suspicions += 1;
        self.suspicions.begin(cx.now, index, by, patience);
        self.tell(cx, index, MemberChange::Suspect);
        self.spread(cx, index);
    }

    /// Follows up on a row that changed, in `change` if the application would see it.
    fn changed(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, record: &Record<P>, change: Option<MemberChange>) {
        match record.claim {
            Claim::Suspect { by } => {
                cx.stats.suspicions += 1;
                let patience = Patience::new(&cx.config.membership, cx.table.live().len());
                self.suspicions.begin(cx.now, index, by, patience);
            }
            _ => self.suspicions.end(index),
        }
        let status = cx.table.row(index).status;
        if !status.is_live() {
            let grave = Grave { member: record.member, incarnation: record.incarnation };
            self.graves.push_back((cx.now + cx.config.membership.forget_after, grave));
            // Whoever dies again and again leaves graves behind that nobody lies in.
            if self.graves.len() > 2 * cx.table.len() + 16 {
                self.graves.retain(|(_, grave)| grave.occupant(cx.table).is_some());
            }
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

    /// This node's own verdict: nobody refuted in time.
    pub(super) fn declare_down(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex) {
        let row = cx.table.row(index);
        let record = Record { claim: Claim::Down, ..row.record(row.member.id) };
        cx.stats.verdicts += 1;
        cx.table.update(index, &record, Status::Down);
        self.changed(cx, index, &record, Some(MemberChange::Down));
    }

    /// This node's own suspicion: nobody got an answer.
    pub(super) fn suspect(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex) {
        let row = cx.table.row(index);
        let record = Record { claim: Claim::Suspect { by: cx.me.id }, ..row.record(row.member.id) };
        self.apply(cx, &record);
    }

    /// Tells the application about a member.
    pub(super) fn tell(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, change: MemberChange) {
        let row = cx.table.row_mut(index);
        let event = MemberEvent {
            id: row.member.id,
            generation: row.member.generation,
            incarnation: row.incarnation,
            addr: row.addr.clone(),
            change,
        };
        cx.events.push_member(event, &mut row.event);
    }

    /// Forgets the member that has been down or gone for longest. Whether there was one.
    pub(super) fn forget_one(&mut self, cx: &mut Cx<'_, P>) -> bool {
        while let Some((_, grave)) = self.graves.pop_front() {
            if let Some(index) = grave.occupant(cx.table) {
                self.updates.remove(index);
                cx.table.remove(index);
                return true;
            }
        }
        false
    }

    /// What is said of this node itself: an accusation is refuted under a higher incarnation (SWIM §4.2).
    fn apply_to_me(&mut self, cx: &mut Cx<'_, P>, record: &Record<P>) -> Applied {
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
        cx.stats.refutations += 1;
        let mut answer = mine.record(mine.member.id);
        if record.incarnation < MAX_INCARNATION {
            answer.incarnation = record.incarnation + 1;
        } else {
            cx.me.generation = cx.me.generation.saturating_add(1);
            answer.incarnation = answer.profile;
        }
        answer.member = *cx.me;
        self.publish(cx, answer);
        Applied::Known
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

fn status_of(claim: Claim) -> Status {
    match claim {
        Claim::Alive => Status::Alive,
        Claim::Suspect { .. } => Status::Suspect,
        Claim::Down => Status::Down,
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
    status as u8
}
