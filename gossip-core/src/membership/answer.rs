//! Answers to what others send.

use gossip_collections::SmallVec;

use super::repair::PageIntent;
use super::{Applied, Intent, Membership, Status};
use crate::event::Event;
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::wire::membership::{Claim, Join, Ping, PingReply, Probe, Welcome};
use crate::wire::{Item as _, Writer, tag};

/// A table of this many live members is sent to a joiner as a whole.
const SMALL_TABLE: u64 = 64;

impl<P: Peer> Membership<P> {
    pub(super) fn handle_ping(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, ping: Ping) {
        if !self.says_goodbye(cx, from) && !self.pinged_by_namesake(cx, from) {
            let place = from.answer == usize::MAX && self.coordinates.is_told(ping);
            // By the lane of the question: the other one may not carry.
            let lane = if from.answer == usize::MAX { from.lane } else { Lane::Datagram };
            let to = Target { lane, ..Target::answer(from) };
            self.intents.push(cx.stats, to, Intent::Ack { number: ping.probe.number, place });
        }
        self.pinged(cx, from, ping);
        self.compare(cx, from, ping.probe.fingerprint);
    }

    pub(super) fn handle_ack(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, probe: Probe) {
        if self.answered(cx, from, probe.number) {
            self.knows_me(cx, from);
        } else if let Some((asker, number)) = self.favours.answered(probe.number, from.sender) {
            let reply = PingReply { number, answered: true };
            self.intents.push(cx.stats, Target::to(asker), Intent::PingReply(reply));
        } else {
            self.namesake_answered(cx, from, probe.number);
        }
        self.compare(cx, from, probe.fingerprint);
    }

    /// The answer to a ping, perhaps with the place of this node.
    pub(super) fn write_ack(&self, probe: Probe, place: bool, packet: &mut Writer<'_>) {
        let written = packet.section(tag::ACK, |w| probe.write(w));
        if written.is_ok() && place {
            let coordinate = self.coordinates.coordinate();
            _ = packet.section(tag::COORDINATE, |w| coordinate.write(w));
        }
    }

    /// A joiner proves its address by a cookie first, so that nobody can have a table sent to a third party.
    pub(super) fn handle_join(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, join: &Join<P>) {
        if !self.is_running() || join.record.member != from.sender || join.record.claim != Claim::Alive {
            return;
        }
        if !self.cookies.proves(cx.now, from.addr, from.sender.id, join.cookie) {
            let cookie = self.cookies.make(cx.now, from.addr, from.sender.id);
            self.intents.push(cx.stats, Target::answer(from), Intent::Cookie(cookie));
            return;
        }
        if let Some(index) = cx.table.find(from.sender.id) {
            self.joins_elsewhere(cx, index, &join.record);
        }
        let applied = self.apply(cx, &join.record, true);
        let Some(index) = cx.table.find(from.sender.id) else { return };
        let to = Target::to(from.addr.clone());
        let elsewhere = applied == Applied::Same && cx.table.row(index).addr != join.record.addr;
        if applied == Applied::Older || elsewhere {
            // It is held down, known in a later life, or a namesake of one: it hears what to rise above.
            self.intents.push(cx.stats, to.clone(), Intent::Records(SmallVec::from_slice(&[index])));
        }
        let generation = cx.table.row(index).member.generation;
        let live = cx.table.live().len() as u64;
        self.intents.push(cx.stats, to.clone(), Intent::Welcome { live, generation });
        // A small table, or a part of a large one from a random place on: the joiner asks others for the rest.
        let (first, pages) = if live <= SMALL_TABLE { (0, 2) } else { (cx.rng.u32(), 1) };
        let page = PageIntent { first, last: u32::MAX, answer: false, pages };
        self.intents.push(cx.stats, to, Intent::Page(page));
    }

    pub(super) fn handle_cookie(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, cookie: u64) {
        if self.is_running() && self.joining.is_asked(from.addr) {
            self.intents.push(cx.stats, Target::to(from.addr.clone()), Intent::Join { cookie });
        }
    }

    pub(super) fn handle_welcome(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, welcome: Welcome) {
        if !self.is_running() || !self.joining.is_contact(from.addr) {
            return;
        }
        if welcome.generation > cx.me.generation {
            // The clock that gave the generation went back: a former life of this node is still remembered.
            self.outlive(cx, welcome.generation);
            self.joining.again(cx.now);
            return;
        }
        self.knows_me(cx, from);
        let live = usize::try_from(welcome.live).unwrap_or(usize::MAX);
        if welcome.live <= SMALL_TABLE {
            self.repair.mismatch(cx.now, &cx.config.membership, from.addr, cx.rng);
        } else {
            self.repair.catch_up(cx.now, &cx.config.membership, live.min(cx.config.membership.max_members));
        }
        if self.joining.welcomed(from.addr) {
            cx.events.push(Event::Join { contact: from.addr.clone(), result: Ok(live) });
        }
    }

    pub(super) fn handle_who_are_you(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>) {
        if let Some(index) = cx.table.find_addr(from.addr) {
            cx.table.row_mut(index).knows_me = false;
        }
    }

    /// The sender has processed a packet of this generation: from now on a short name will do.
    fn knows_me(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>) {
        if let Some(index) = from.row {
            cx.table.row_mut(index).knows_me = true;
        }
    }

    /// Compares the sender's table with this node's, and tells the sender if it is accused.
    fn compare(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, fingerprint: u32) {
        let known = from.row.map_or(0, |index| cx.table.row(index).member.generation);
        if self.is_running() && (from.row.is_none() || known < from.sender.generation) {
            self.joining.notice(cx.now, &cx.config.membership, from.sender, from.addr);
        }
        if from.answer != usize::MAX || !self.is_running() {
            return;
        }
        if fingerprint == cx.table.fingerprint() {
            // It holds this node's row, too.
            self.knows_me(cx, from);
        } else {
            self.repair.mismatch(cx.now, &cx.config.membership, from.addr, cx.rng);
            if self.repair.may_tell_newest(cx.now, cx.config.membership.gossip_interval) {
                self.intents.push(cx.stats, Target::to(from.addr.clone()), Intent::Notices(cx.table.newest()));
            }
        }
        let Some(index) = from.row else { return };
        let row = cx.table.row(index);
        if row.member == from.sender && row.status == Status::Down {
            // Lifeguard's buddy system (§IV-C): who is held down hears of it at once.
            let to = Target::to(from.addr.clone());
            self.intents.push(cx.stats, to, Intent::Records(SmallVec::from_slice(&[index])));
        }
    }
}
