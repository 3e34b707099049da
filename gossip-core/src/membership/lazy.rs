//! Lazy push (as in Plumtree: Leitao, Pereira, Rodrigues, SRDS 2007 §3): an update is sent whole once, and told of in five
//! bytes after that. Who lacks it asks for the record. While many join, most updates meet members that have them already,
//! and a whole record is six times as long.

use core::time::Duration;

use gossip_collections::{SmallVec, VecDeque};

use super::row::Row;
use super::table::{MemberIndex, Table};
use super::updates::UpdateQueue;
use super::{Intent, Membership};
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;
use crate::wire::List;
use crate::wire::membership::Notice;
use crate::wire::{Item as _, Writer, tag};

/// So often a member is told of in short: a push to so many members leaves out about one in a thousand (Demers et al.,
/// PODC 1987 §1.4), which the table digest repairs.
const NOTICES: u8 = 7;
/// And one that had seemed to fail so often: all heard that it was down, and it should not be so for anybody for long.
const REVIVALS: u8 = 10;
/// At most so many records are asked for at a time.
const MAX_ASKED: usize = 256;

/// What is told in short, and what was asked for.
#[derive(Debug)]
pub(super) struct Lazy {
    pub(super) queue: UpdateQueue,
    /// Whether the packet that is being built tells of them.
    pub(super) due: bool,
    /// Short names, and until when nobody else is asked for them, ascending.
    asked: VecDeque<(Instant, u32)>,
}

impl Lazy {
    pub(super) fn new() -> Self {
        Self { queue: UpdateQueue::new(), due: false, asked: VecDeque::new() }
    }

    /// Whether to ask for a record now, and not for the `patience` after that.
    fn asks(&mut self, now: Instant, patience: Duration, name: u32) -> bool {
        while self.asked.front().is_some_and(|(until, _)| *until <= now) {
            self.asked.pop_front();
        }
        let asks = self.asked.len() < MAX_ASKED && self.asked.iter().all(|(_, asked)| *asked != name);
        if asks {
            self.asked.push_back((now + patience, name));
        }
        asks
    }

    pub(super) fn write<P: Peer>(table: &Table<P>, members: &[MemberIndex], packet: &mut Writer<'_>) {
        let mut rows = members.iter().filter_map(|index| table.get(*index));
        packet.list(tag::NOTICES, |w| rows.next().map_or(Ok(false), |row| notice(row).write(w).map(|()| true)));
    }

    pub(super) fn write_request(names: &[u32], packet: &mut Writer<'_>) {
        let mut names = names.iter();
        packet.list(tag::RECORD_REQUEST, |w| names.next().map_or(Ok(false), |name| w.u32(*name).map(|()| true)));
    }
}

fn told_enough<P: Peer>(cx: &Cx<'_, P>, index: MemberIndex) -> u8 {
    if cx.table.notes(index).lenience().was_refuted(cx.now) { REVIVALS } else { NOTICES }
}

fn notice<P>(row: &Row<P>) -> Notice {
    Notice { name: row.short, incarnation: row.incarnation }
}

impl<P: Peer> Membership<P> {
    pub(super) fn handle_notices(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, notices: List<'_, Notice>) {
        let mut lacking: SmallVec<[u32; 4]> = SmallVec::new();
        for Notice { name, incarnation } in notices.iter() {
            let known = cx.table.find_short(name, from.addr);
            match known {
                // That others tell it is as good as having told it: see [`Self::hear`].
                Some(index) if cx.table.row(index).incarnation == incarnation && self.lazy.queue.contains(index) => {
                    self.lazy.queue.sent(index, told_enough(cx, index));
                }
                Some(index) if cx.table.row(index).incarnation >= incarnation => {}
                _ if self.lazy.asks(cx.now, cx.config.membership.sync_interval / 2, name) => lacking.push(name),
                _ => {}
            }
        }
        if !lacking.is_empty() && from.answer == usize::MAX {
            self.intents.push(cx.stats, Target::to(from.addr.clone()), Intent::RecordRequest(lacking));
        }
    }

    pub(super) fn handle_record_request(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, names: List<'_, u32>) {
        if from.answer != usize::MAX {
            return;
        }
        let members: SmallVec<[MemberIndex; 4]> =
            names.iter().take(MAX_ASKED).filter_map(|name| cx.table.find_short(name, from.addr)).collect();
        if !members.is_empty() {
            self.intents.push(cx.stats, Target::to(from.addr.clone()), Intent::Records(members));
        }
    }

    pub(super) fn write_notices(&mut self, cx: &Cx<'_, P>, packet: &mut Writer<'_>) {
        if self.lazy.queue.len() == 0 {
            return;
        }
        let mut cursor = self.lazy.queue.cursor();
        packet.list(tag::NOTICES, |w| {
            let Some(index) = self.lazy.queue.next(&mut cursor) else { return Ok(false) };
            notice(cx.table.row(index)).write(w)?;
            self.lazy.queue.sent(index, told_enough(cx, index));
            Ok(true)
        });
    }

    /// An update was sent whole; what has been sent often enough is told of in short.
    pub(super) fn told(&mut self, cx: &Cx<'_, P>, index: MemberIndex) {
        self.updates.sent(index, self.transmissions(cx, index));
        let claimed = self.checks.get(cx.table, index).is_some_and(|check| check.claim.is_some());
        if !self.updates.contains(index) && cx.table.row(index).status.is_live() && !claimed {
            self.lazy.queue.put(index);
        }
    }
}
