//! How news of members go out: what this node states of itself, what waits to be told, and how often.

use gossip_collections::SmallVec;

use super::apply::Applied;
use super::checks::Claimed;
use super::table::{ME, MemberIndex, Table};
use super::updates::MAX_TRANSMISSIONS;
use super::{Intent, Membership, Status};
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::wire::membership::{Claim, Record};
use crate::wire::{Item as _, Writer, tag};

/// So often an update goes out whole; after that in short, unless it is that somebody failed or left.
const EAGER: u8 = 1;

impl<P: Peer> Membership<P> {
    /// Makes a new statement about this node under the next incarnation, and spreads it.
    pub(super) fn restate(&mut self, cx: &mut Cx<'_, P>, change: impl FnOnce(&mut Record<P>)) {
        let mut record = cx.table.record(ME);
        record.member = *cx.me;
        record.incarnation += 1;
        change(&mut record);
        self.publish(cx, record);
    }

    /// Replaces this node's own row, and spreads it.
    pub(super) fn publish(&mut self, cx: &mut Cx<'_, P>, record: Record<P>) {
        if self.has_yielded() {
            return;
        }
        let status = if self.is_running() { Status::Alive } else { Status::Left };
        let record = Record { claim: if self.is_running() { Claim::Alive } else { Claim::Left }, ..record };
        cx.table.update(ME, &record, status);
        self.spread(cx, ME);
    }

    /// Queues a member's row as an update, to go out soon.
    pub(super) fn spread(&mut self, cx: &Cx<'_, P>, index: MemberIndex) {
        self.updates.put(index);
        self.lazy.queue.remove(index);
        self.gossip_soon(cx);
    }

    pub(super) fn gossip_soon(&mut self, cx: &Cx<'_, P>) {
        let interval = cx.config.membership.gossip_interval;
        self.gossip_at.get_or_insert_with(|| cx.now.max(self.gossiped + interval));
    }

    /// How often an update is sent whole: that somebody left or failed about 4 log10 N times (memberlist's
    /// RetransmitMult).
    pub(super) fn transmissions(&self, cx: &Cx<'_, P>, index: MemberIndex) -> u8 {
        let live = cx.table.live().len().max(1);
        let full = (live.ilog2() + 3).min(u32::from(MAX_TRANSMISSIONS) - 1) as u8;
        let claimed = self.checks.get(cx.table, index).is_some_and(|check| check.claim.is_some());
        let urgent = claimed || !cx.table.row(index).status.is_live();
        if urgent { full } else { EAGER }
    }

    /// Takes note of news. That others tell what waits here is as good as having told it (the feedback of Demers et al.,
    /// PODC 1987 §1.4); not so that somebody failed or left.
    pub(super) fn hear(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, record: &Record<P>) {
        let goodbye = record.claim == Claim::Left
            && record.member == from.sender
            && from.row.is_some_and(|row| cx.table.is_live_at(row, from.addr));
        let same = self.apply(cx, record, goodbye) == Applied::Same;
        if same && record.claim == Claim::Alive && self.updates.len() > 0 {
            let Some(index) = cx.table.find(record.member.id) else { return };
            if self.updates.contains(index) {
                self.told(cx, index);
            }
        }
    }

    /// What is told of a member: a verdict that is not believed here yet goes on all the same.
    pub(super) fn news(&self, table: &Table<P>, index: MemberIndex) -> Record<P> {
        let record = table.record(index);
        match self.checks.get(table, index).and_then(|check| check.claim) {
            Some(Claimed { claim, member, incarnation }) => Record { claim, member, incarnation, ..record },
            None => record,
        }
    }

    /// Writes members' records as one section; answers how many found room.
    pub(super) fn write_records(&self, cx: &Cx<'_, P>, members: &[MemberIndex], packet: &mut Writer<'_>) -> usize {
        let mut members = members.iter().filter(|index| cx.table.get(**index).is_some());
        packet.list(tag::UPDATES, |w| {
            let Some(index) = members.next() else { return Ok(false) };
            cx.table.record(*index).write(w).map(|()| true)
        })
    }

    pub(super) fn write_records_or_requeue(
        &mut self,
        cx: &mut Cx<'_, P>,
        to: &Target<P>,
        members: &[MemberIndex],
        packet: &mut Writer<'_>,
    ) {
        let written = self.write_records(cx, members, packet);
        if (1..members.len()).contains(&written) {
            let rest = SmallVec::from_slice(&members[written..]);
            self.intents.push(cx.stats, to.clone(), Intent::Records(rest));
        }
    }
}
