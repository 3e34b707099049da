//! Getting a body: whom to ask, for which parts, how many at a time.

use core::time::Duration;

use gossip_collections::SmallVec;

use super::bits::Bits;
use super::body::{Body, Completion};
use super::partners::{Asked, Partner, Slot};
use super::telling::MAX_WANTED;
use super::{ALL, Bulk};
use crate::event::Event;
use crate::membership::MemberIndex;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::time::Instant;
use crate::wire::broadcast::ShortId;
use crate::wire::bulk::{Have, Part, Run, runs};
use crate::wire::{Item as _, Writer, tag};

/// Parts are asked of so many members.
const PARTNERS: usize = 10;
/// How often partners are told what is wanted: what they say they have may be lost.
const WANT: Duration = Duration::from_secs(1);
/// A partner that brought nothing for so long is exchanged for another.
const USELESS: Duration = Duration::from_secs(4);
/// A part that was asked for is waited for so long at least and at most.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Parts that come overtake each other by so many at most: an earlier one is lost.
const DISORDER: usize = 3;
/// Who is asked alone and brings nothing for so long is not asked any more.
const STALL: Duration = Duration::from_secs(2);
/// A body that so many members have spoiled is given up.
const MAX_SPOILERS: usize = 8;
/// So many parts are asked for in one packet at least, if so many can be.
const TOGETHER: usize = 4;

impl<P: Peer> Bulk<P> {
    /// Takes a member for a partner that is asked.
    pub(super) fn engage(&mut self, cx: &mut Cx<'_, P>, row: MemberIndex) {
        if self.partners.iter().filter(|(_, partner)| partner.mine).count() >= PARTNERS {
            return;
        }
        let mut found = self.partners.find(row).or_else(|| self.add_partner(cx, row));
        if found.is_none() {
            // One that only asks makes room.
            let guests = self.partners.iter().filter(|(_, partner)| !partner.mine);
            let guest = guests.min_by_key(|(slot, partner)| (partner.wanted, *slot)).map(|(slot, _)| slot);
            guest.into_iter().for_each(|guest| self.remove_partner(guest));
            found = self.add_partner(cx, row);
        }
        let Some(slot) = found else { return };
        if let Some(partner) = self.partners.get_mut(slot).filter(|partner| !partner.mine) {
            partner.mine = true;
            partner.heard = cx.now;
            partner.ask_at = cx.now;
        }
    }

    /// Random members besides those there are; and the origin of what none of those had anything of.
    pub(super) fn find_partners(&mut self, cx: &mut Cx<'_, P>) {
        let mine = self.partners.iter().filter(|(_, partner)| partner.mine).count();
        let missing = PARTNERS.saturating_sub(mine);
        if missing > 0 {
            self.turn_to_origins(cx);
        }
        let missing = PARTNERS.saturating_sub(self.partners.iter().filter(|(_, partner)| partner.mine).count());
        let asked = |row| self.partners.iter().any(|(_, partner)| partner.row == row && partner.mine);
        for row in cx.table.pick(cx.rng, missing, |row| !asked(row)) {
            self.engage(cx, row);
        }
    }

    fn turn_to_origins(&mut self, cx: &mut Cx<'_, P>) {
        let alone = |body: &Body| !body.is_whole() && cx.now >= body.since + USELESS && body.have.is_empty();
        let alone = self.bodies.values().filter(|body| alone(body) && body.held.iter().all(Option::is_none));
        let origins: SmallVec<[MemberIndex; 4]> =
            alone.filter_map(|body| cx.table.find(body.head.id.origin)).take(4).collect();
        for row in origins {
            if cx.table.is_live_at(row, &cx.table.row(row).addr) {
                self.engage(cx, row);
            }
        }
    }

    /// Gives up partners that are gone, that bring nothing, or that want nothing any more.
    pub(super) fn drop_partners(&mut self, cx: &mut Cx<'_, P>) {
        let asking = self.is_asking();
        let all: SmallVec<[Slot; 24]> = self.partners.iter().map(|(slot, _)| slot).collect();
        for slot in all {
            let Some(partner) = self.partners.get_mut(slot) else { continue };
            let there =
                cx.table.is_member(partner.row, partner.member) && cx.table.is_live_at(partner.row, &partner.addr);
            let was = partner.mine;
            partner.mine &= asking && cx.now < partner.heard + USELESS;
            let stops = was && !partner.mine;
            let wants = partner.wanted.is_some_and(|wanted| cx.now < wanted + USELESS);
            if !there || !(partner.mine || wants) {
                self.remove_partner(slot);
            } else if stops {
                self.release(slot);
            }
        }
    }

    /// Of a body that was spoiled one partner that has it is asked for all of it, the next one if that brings nothing.
    fn choose_only(&mut self, now: Instant) {
        for body in self.bodies.values_mut().filter(|body| body.spoiled && !body.is_whole()) {
            let stalled = body.only.take_if(|(_, since)| now >= body.touched.max(*since) + STALL).map(|(slot, _)| slot);
            if body.only.is_some() {
                continue;
            }
            let trusted = |partner: &Partner<P>| partner.mine && !body.spoilers.contains(&partner.row);
            let can = self.partners.iter().filter(|(slot, partner)| trusted(partner) && body.is_held_by(*slot));
            let next =
                can.map(|(slot, _)| slot).min_by_key(|slot| (stalled.is_some_and(|stalled| *slot <= stalled), *slot));
            if next != stalled {
                // Or it would answer for parts that others brought.
                body.have.clear();
                body.asked.clear();
            }
            body.only = next.map(|next| (next, now));
        }
    }

    /// Asks every partner for what it can bring, and gives up what was asked for too long ago.
    pub(super) fn ask_all(&mut self, cx: &mut Cx<'_, P>) {
        let mut all: SmallVec<[Slot; 24]> =
            self.partners.iter().filter(|(_, partner)| partner.mine).map(|(slot, _)| slot).collect();
        self.choose_only(cx.now);
        all.iter().for_each(|slot| self.give_up_late(cx, *slot));
        // Or one that never answers could be asked for the same parts again and again.
        cx.rng.shuffle(&mut all);
        for slot in all {
            let Some(partner) = self.partners.get_mut(slot) else { continue };
            if cx.now >= partner.ask_at {
                partner.ask_at = cx.now + WANT;
                partner.to_want = true;
            }
            self.ask_more(cx, slot);
            let speaks = |partner: &&mut Partner<P>| partner.to_want || !partner.to_get.is_empty();
            if self.partners.get_mut(slot).as_ref().is_some_and(speaks) {
                self.talk(cx, slot);
            }
        }
    }

    fn give_up_late(&mut self, cx: &mut Cx<'_, P>, slot: Slot) {
        let Some(partner) = self.partners.get_mut(slot) else { return };
        let wait = (partner.way.timeout() * 2).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        while let Some(asked) = partner.asked.front().copied().filter(|asked| cx.now >= asked.at + wait) {
            partner.asked.pop_front();
            partner.window.lost(cx.now);
            if let Some(body) = self.bodies.get_mut(&asked.body) {
                body.asked.remove(asked.part);
            }
        }
    }

    /// Chooses parts to ask a partner for, as many as its window has room for.
    pub(super) fn ask_more(&mut self, cx: &mut Cx<'_, P>, slot: Slot) {
        let Some(partner) = self.partners.get_mut(slot).filter(|partner| partner.mine) else { return };
        for (short, body) in self.bodies.iter_mut().filter(|(_, body)| body.may_ask(slot)) {
            while partner.has_room() {
                let start = cx.rng.below(body.have.words().len().max(1) * 64);
                let Some(part) = body.choose(slot, start) else { break };
                body.asked.insert(part);
                partner.to_get.push((*short, part));
            }
        }
        let enough = partner.to_get.len() >= TOGETHER.min(partner.window.parts().div_ceil(2));
        if enough || (partner.asked.is_empty() && !partner.to_get.is_empty()) {
            self.talk(cx, slot);
        }
    }

    pub(super) fn handle_have(&mut self, cx: &mut Cx<'_, P>, slot: Slot, have: &Have<'_>) {
        let Some(partner) = self.partners.get_mut(slot).filter(|partner| partner.mine) else { return };
        let Some(body) = self.bodies.get_mut(&have.body).filter(|body| !body.is_whole()) else { return };
        let parts = body.parts();
        let held = &mut body.held[usize::from(slot)];
        if have.is_nothing() {
            *held = None;
            return;
        }
        partner.heard = cx.now;
        let held = held.get_or_insert_with(|| Bits::new(parts));
        have.ranges().for_each(|range| held.insert_range(range.start..range.end.min(parts)));
        self.ask_more(cx, slot);
    }

    pub(super) fn handle_part(&mut self, cx: &mut Cx<'_, P>, slot: Slot, part: &Part<'_>) {
        let Part { body: short, number, sent, bytes } = *part;
        let Some(partner) = self.partners.get_mut(slot).filter(|partner| partner.mine) else {
            cx.stats.bulk_unasked += 1;
            return;
        };
        let Some(body) = self.bodies.get_mut(&short).filter(|body| body.fits(number, bytes)) else {
            cx.stats.bulk_unasked += 1;
            return;
        };
        let at = partner.asked.iter().position(|asked| (asked.body, asked.part) == (short, number));
        if let Some(asked) = at.and_then(|at| partner.asked.remove(at)) {
            let took = cx.now.since(asked.at);
            partner.way.sample(took);
            partner.window.came(cx.now, sent, took);
        }
        partner.heard = cx.now;
        let lost: SmallVec<[Asked; 8]> =
            partner.asked.drain(..at.map_or(0, |at| at.saturating_sub(DISORDER))).collect();
        lost.iter().for_each(|_| partner.window.lost(cx.now));
        if body.have.contains(number) {
            cx.stats.bulk_again += 1;
        } else if !body.may_ask(slot) {
            // Of a body that was spoiled from one alone.
            cx.stats.bulk_unasked += 1;
        } else {
            body.asked.remove(number);
            cx.stats.bulk_parts += 1;
            let completion = body.put(cx.now, cx.key, number, bytes);
            self.took(cx, slot, short, number, completion);
        }
        for asked in lost {
            if let Some(body) = self.bodies.get_mut(&asked.body) {
                body.asked.remove(asked.part);
            }
        }
        self.ask_more(cx, slot);
    }

    fn took(&mut self, cx: &mut Cx<'_, P>, slot: Slot, short: ShortId, number: u32, completion: Completion) {
        match completion {
            Completion::Missing => self.add_news(short, number),
            Completion::Whole(message) => {
                self.add_news(short, ALL);
                cx.events.push(Event::Broadcast(message));
                self.tell_news(cx);
            }
            Completion::Spoiled => {
                cx.stats.bulk_spoiled += 1;
                for (_, partner) in self.partners.iter_mut() {
                    partner.asked.retain(|asked| asked.body != short);
                    partner.to_get.retain(|(body, _)| *body != short);
                }
                let (Some(body), Some(partner)) = (self.bodies.get_mut(&short), self.partners.get_mut(slot)) else {
                    return;
                };
                if body.only.take().is_some_and(|(only, _)| only == slot) {
                    body.spoilers.push(partner.row);
                }
                if body.spoilers.len() >= MAX_SPOILERS {
                    cx.stats.broadcast_missed += 1;
                    self.forget(short);
                }
            }
        }
    }

    /// Says what is wanted, and asks for the parts that were chosen.
    pub(super) fn write_questions(&mut self, cx: &mut Cx<'_, P>, slot: Slot, packet: &mut Writer<'_>) {
        let Some(partner) = self.partners.get_mut(slot) else { return };
        if core::mem::take(&mut partner.to_want) {
            let incomplete = || self.bodies.iter().filter(|(_, body)| !body.is_whole()).map(|(short, _)| short);
            // Elsewhere each time: of many only some are answered.
            let first = cx.rng.below(incomplete().count());
            let mut wanted = incomplete().skip(first).chain(incomplete().take(first)).take(MAX_WANTED);
            packet.list(tag::BODY_WANT, |w| wanted.next().map_or(Ok(false), |short| short.write(w).map(|()| true)));
        }
        partner.to_get.sort_unstable();
        while let Some((short, _)) = partner.to_get.first().copied() {
            let of = partner.to_get.partition_point(|(body, _)| *body <= short);
            let all: SmallVec<[Run; 16]> = runs(partner.to_get[..of].iter().map(|(_, part)| *part)).collect();
            let mut written = 0;
            _ = packet.section(tag::BODY_GET, |w| {
                short.write(w)?;
                let mut all = all.iter();
                w.items(|w| {
                    let Some(run) = all.next() else { return Ok(false) };
                    run.write(w)?;
                    written += run.more as usize + 1;
                    Ok(true)
                });
                Ok(())
            });
            if written == 0 {
                return;
            }
            let asked = partner.to_get.drain(..written).map(|(body, part)| Asked { body, part, at: cx.now });
            partner.asked.extend(asked);
        }
    }
}
