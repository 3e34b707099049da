//! What a member does for those that want a body: it tells them what it has, and sends what they ask for.

use core::ops::Range;
use core::time::Duration;

use gossip_collections::SmallVec;

use super::body::{BLOCK, Body};
use super::partners::{MAX_SERVED, Slot};
use super::window::stamp;
use super::{ALL, Bulk, Intent};
use crate::membership::MemberIndex;
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::wire::broadcast::ShortId;
use crate::wire::bulk::{Get, Part, Run, runs};
use crate::wire::{Item as _, List, NoSpace, Writer, tag};

/// Who wanted something so long ago is not told any more.
const INTEREST: Duration = Duration::from_secs(4);
/// So many bodies of one question are answered.
pub(super) const MAX_WANTED: usize = 16;
/// So many parts of a new body that it has not asked for a partner is shown.
const AHEAD: u32 = 4 * BLOCK;
/// Nobody asks for anything new for so long.
const STUCK: Duration = Duration::from_secs(2);
/// So many parts are told at a time.
const MAX_TOLD: usize = 64;

impl<P: Peer> Bulk<P> {
    pub(super) fn handle_want(&mut self, cx: &mut Cx<'_, P>, row: MemberIndex, bodies: List<'_, ShortId>) {
        let Some(slot) = self.partners.find(row).or_else(|| self.add_partner(cx, row)) else {
            cx.stats.bulk_unserved += 1;
            return;
        };
        self.tick_soon(cx.now);
        for short in bodies.iter().take(MAX_WANTED) {
            let Some(partner) = self.partners.get_mut(slot) else { return };
            match self.bodies.get_mut(&short) {
                Some(body) if !body.open => {
                    body.touched = cx.now;
                    // What it was shown before it may have missed.
                    partner.to_show = partner.blocks.len();
                    self.show_more(cx, slot, short);
                }
                known => {
                    known.into_iter().filter(|body| body.is_whole()).for_each(|body| body.touched = cx.now);
                    partner.tell(short);
                }
            }
        }
        if let Some(partner) = self.partners.get_mut(slot) {
            partner.wanted = Some(cx.now);
        }
        self.talk(cx, slot);
    }

    /// Shows a partner parts of a body that no other was shown.
    fn show_more(&mut self, cx: &mut Cx<'_, P>, slot: Slot, short: ShortId) {
        let Some(body) = self.bodies.get_mut(&short).filter(|body| !body.open) else { return };
        let Some(partner) = self.partners.get_mut(slot) else { return };
        while partner.shown < AHEAD {
            let Some(block) = body.show() else { break };
            partner.show(short, block);
        }
        self.talk(cx, slot);
    }

    pub(super) fn handle_get(&mut self, cx: &mut Cx<'_, P>, slot: Slot, get: &Get<'_>) {
        let Some(partner) = self.partners.get_mut(slot) else { return };
        let Some(body) = self.bodies.get_mut(&get.body) else {
            partner.tell(get.body);
            self.talk(cx, slot);
            return;
        };
        let mut opens = false;
        for part in get.parts().take(MAX_SERVED) {
            if !body.have.contains(part) {
                continue;
            }
            if partner.serve.len() >= MAX_SERVED || !partner.may_have(get.body, body.parts()) {
                cx.stats.bulk_unserved += 1;
            } else {
                partner.serve.push_back((get.body, part));
                partner.shown = partner.shown.saturating_sub(1);
                opens |= body.sends(cx.now, part);
            }
        }
        if body.is_whole() {
            body.touched = cx.now;
        }
        partner.wanted = partner.wanted.map(|_| cx.now);
        let shows = !body.open && partner.shown <= AHEAD - BLOCK;
        if opens {
            // Who lacks any of it still hears of it by asking: told at once, all would ask the sender alone.
            self.partners.iter_mut().for_each(|(_, partner)| partner.hide(get.body));
        }
        if shows {
            self.show_more(cx, slot, get.body);
        }
        self.serve(cx, slot);
    }

    fn serve(&mut self, cx: &mut Cx<'_, P>, slot: Slot) {
        let full = self.intents.is_full(Lane::Datagram);
        let Some(partner) = self.partners.get_mut(slot).filter(|partner| !partner.serves && !full) else { return };
        if !partner.serve.is_empty() {
            partner.serves = true;
            let to = partner.target();
            self.intents.push(cx.stats, to, Intent::Part(slot));
        }
    }

    /// What partners were shown and have not asked for is open to all after a while.
    pub(super) fn open_stuck(&mut self, cx: &Cx<'_, P>) {
        let stuck = |body: &Body| !body.open && cx.now >= body.since + STUCK;
        let stuck: SmallVec<[ShortId; 4]> =
            self.bodies.iter().filter(|(_, body)| stuck(body)).map(|(short, _)| *short).collect();
        for short in stuck {
            self.bodies.entry(short).and_modify(|body| body.open = true);
            self.partners.iter_mut().for_each(|(_, partner)| partner.hide(short));
            self.add_news(short, ALL);
        }
    }

    /// Tells those that want to know what came since they were told.
    pub(super) fn tell_news(&mut self, cx: &mut Cx<'_, P>) {
        let end = self.end_of_news();
        let curious = self.partners.iter().filter(|(_, partner)| {
            partner.told < end && partner.wanted.is_some_and(|wanted| cx.now < wanted + INTEREST)
        });
        let curious: SmallVec<[Slot; 24]> = curious.map(|(slot, _)| slot).collect();
        for slot in curious {
            self.talk(cx, slot);
        }
    }

    pub(super) fn write_talk(&mut self, cx: &mut Cx<'_, P>, slot: Slot, packet: &mut Writer<'_>) {
        if let Some(partner) = self.partners.get_mut(slot) {
            partner.talks = false;
        }
        let before = packet.len();
        self.write_questions(cx, slot, packet);
        self.write_shown(slot, packet);
        self.write_news(slot, packet);
        self.write_told(slot, packet);
        let end = self.end_of_news();
        let Some(partner) = self.partners.get_mut(slot) else { return };
        let left = !partner.to_get.is_empty()
            || partner.to_show > 0
            || !partner.to_tell.is_empty()
            || (partner.told < end && partner.wanted.is_some());
        if left && packet.len() > before {
            self.talk(cx, slot);
        }
    }

    fn write_shown(&mut self, slot: Slot, packet: &mut Writer<'_>) {
        let Some(partner) = self.partners.get_mut(slot) else { return };
        while partner.to_show > 0 {
            let Some((short, block)) = partner.blocks.get(partner.blocks.len() - partner.to_show) else { return };
            if write_runs(packet, *short, one_run(block)).is_err() {
                return;
            }
            partner.to_show -= 1;
        }
    }

    fn write_news(&mut self, slot: Slot, packet: &mut Writer<'_>) {
        let (end, first) = (self.end_of_news(), self.first_news);
        let Some(partner) = self.partners.get_mut(slot) else { return };
        if partner.wanted.is_none() {
            partner.told = end;
        }
        if partner.told < first {
            // Too much has come.
            partner.to_tell = self.bodies.keys().map(|short| (*short, 0)).collect();
            partner.told = end;
        }
        while partner.told < end {
            let at = (partner.told - first) as usize;
            let Some((short, _)) = self.news.get(at).copied() else { return };
            let news = self.news.range(at..).take_while(|(body, _)| *body == short).take(MAX_TOLD);
            let mut parts: SmallVec<[u32; MAX_TOLD]> = news.map(|(_, part)| *part).collect();
            let count = parts.len() as u64;
            let Some(body) = self.bodies.get(&short) else {
                partner.told += count;
                continue;
            };
            let written = if parts.contains(&ALL) {
                write_runs(packet, short, one_run(&(0..body.parts())))
            } else {
                let held = body.held[usize::from(slot)].as_ref();
                parts.retain(|part| held.is_none_or(|held| !held.contains(*part)));
                parts.sort_unstable();
                parts.dedup();
                if parts.is_empty() { Ok(()) } else { write_runs(packet, short, runs(parts.into_iter())) }
            };
            if written.is_err() {
                return;
            }
            partner.told += count;
        }
    }

    /// Everything that is here of bodies.
    fn write_told(&mut self, slot: Slot, packet: &mut Writer<'_>) {
        let Some(partner) = self.partners.get_mut(slot) else { return };
        while let Some((short, first)) = partner.to_tell.front().copied() {
            let body = self.bodies.get(&short);
            let next = match body {
                None => write_runs(packet, short, one_run(&(0..0))).ok(),
                Some(body) if !body.open || body.have.is_empty() => Some(()),
                Some(body) if body.have.is_full() => write_runs(packet, short, one_run(&(0..body.parts()))).ok(),
                Some(body) => {
                    let mut bits = body.have.bytes(first);
                    let mut written = 0;
                    let fits = packet.section(tag::BODY_HAVE, |w| {
                        short.write(w)?;
                        w.u8(1)?;
                        w.varint(u64::from(first))?;
                        written = w.items(|w| bits.next().map_or(Ok(false), |byte| w.u8(byte).map(|()| true)));
                        if written == 0 { Err(NoSpace) } else { Ok(()) }
                    });
                    let next = first + 8 * written as u32;
                    if fits.is_ok() && next < body.parts() {
                        partner.to_tell[0].1 = next;
                        return;
                    }
                    fits.ok()
                }
            };
            if next.is_none() {
                return;
            }
            partner.to_tell.pop_front();
        }
    }

    pub(super) fn write_part(&mut self, cx: &mut Cx<'_, P>, slot: Slot, packet: &mut Writer<'_>) {
        let Some(partner) = self.partners.get_mut(slot) else { return };
        partner.serves = false;
        while let Some((short, number)) = partner.serve.pop_front() {
            let Some(bytes) = self.bodies.get(&short).and_then(|body| body.part(number)) else { continue };
            let part = Part { body: short, number, sent: stamp(cx.now), bytes };
            if packet.section(tag::BODY_PART, |w| part.write(w)).is_err() {
                // Members with longer datagrams cut it.
                cx.stats.bulk_unserved += 1;
                continue;
            }
            cx.stats.bulk_served += 1;
            break;
        }
        self.serve(cx, slot);
    }
}

/// A range as the one run that it is, if it is not empty.
fn one_run(range: &Range<u32>) -> impl Iterator<Item = Run> + use<> {
    let run = Run { gap: range.start, more: range.end.saturating_sub(range.start + 1) };
    (!range.is_empty()).then_some(run).into_iter()
}

fn write_runs(packet: &mut Writer<'_>, short: ShortId, mut runs: impl Iterator<Item = Run>) -> Result<(), NoSpace> {
    packet.section(tag::BODY_HAVE, |w| {
        short.write(w)?;
        w.u8(0)?;
        runs.try_for_each(|run| run.write(w))
    })
}
