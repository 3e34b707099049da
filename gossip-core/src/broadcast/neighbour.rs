//! What neighbours send, and what is sent to them.

use super::history::Place;
use super::interests::Interests;
use super::links::Slot;
use super::taking::Came;
use super::{Broadcast, Message, MessageId};
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::wire::broadcast::{Pushed, Section, ShortId};
use crate::wire::overlay::LinkKind;
use crate::wire::{List, Writer, tag};

impl<P: Peer> Broadcast<P> {
    fn handle_pushed(
        &mut self,
        cx: &mut Cx<'_, P>,
        from: &Source<'_, P>,
        slot: Option<Slot>,
        pushed: List<'_, Pushed<'_>>,
    ) {
        for wire in pushed.iter() {
            let short = ShortId::of(wire.origin, wire.sequence);
            // Before the payload is touched: a copy costs a look-up.
            if let Some(place) = self.log.history.find_short(short) {
                if self.log.history.left_out(place).is_some() && self.fill(cx, place, &wire, slot) {
                    slot.into_iter().for_each(|slot| self.acknowledge(cx, slot, tag::PUSH_ACK, short));
                    continue;
                }
                match slot {
                    Some(slot) => self.handle_copy(cx, slot, place, short),
                    None => cx.stats.broadcast_duplicates += 1,
                }
                continue;
            }
            let Some(row) = cx.table.find_only_short(wire.origin) else {
                slot.into_iter().for_each(|slot| self.note(cx, slot, tag::GRAFT_NAMED, short));
                continue;
            };
            let id = MessageId::new(cx.table.row(row).member, wire.sequence);
            slot.into_iter().for_each(|slot| self.acknowledge(cx, slot, tag::PUSH_ACK, short));
            if self.log.knows(id) || id.origin == cx.me.id {
                cx.stats.broadcast_duplicates += 1;
                continue;
            }
            self.receive(cx, id, &wire, &Came { from: from.addr, slot, pushed: true });
        }
    }

    /// A message came again: where the link is not one of the tree, its other end should know.
    fn handle_copy(&mut self, cx: &mut Cx<'_, P>, slot: Slot, place: Place, short: ShortId) {
        cx.stats.broadcast_duplicates += 1;
        let mut again = false;
        if let Some(flight) = self.flights.get_mut(place) {
            again = flight.have.contains(slot) && !flight.pending.contains(slot);
            flight.have.insert(slot);
        }
        let branch = self.tree.branches(&self.links).contains(slot);
        let tag = if branch || again { tag::PUSH_ACK } else { tag::PRUNE };
        self.acknowledge(cx, slot, tag, short);
    }

    /// A section of a neighbour, or of one who takes this node for one.
    pub(super) fn handle_neighbour(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: Section<'_>) {
        let Some(row) = from.row.filter(|row| cx.table.is_live_at(*row, from.addr)) else {
            cx.stats.broadcast_strangers += 1;
            return;
        };
        let Some(slot) = self.links.find(row) else {
            cx.stats.broadcast_strangers += 1;
            // Once for all sections of a packet.
            let told = self.told_off.replace((cx.now, row)) == Some((cx.now, row));
            if !told && !self.awaits(row) {
                self.tell_link(cx, Target { row: Some(row), ..Target::answer(from) }, LinkKind::Drop, 0);
            }
            // A message is one all the same: that a link is gone its two ends learn one after the other.
            if let Section::Push(pushed) = section {
                self.handle_pushed(cx, from, None, pushed);
            }
            return;
        };
        if let Some(link) = self.links.get_mut(slot) {
            link.heard = cx.now;
        }
        match section {
            Section::Advert(advert) => self.handle_advert(cx, slot, advert),
            Section::Interests(told) => self.handle_interests(cx, slot, &told),
            Section::Push(pushed) => self.handle_pushed(cx, from, Some(slot), pushed),
            Section::Ack(ids) => ids.iter().for_each(|id| self.acknowledged(cx, slot, id)),
            Section::Prune(ids) => self.handle_pruned(cx, slot, ids),
            Section::IHave(ids) => self.handle_announced(cx, slot, ids, false),
            Section::Ask(ids) => self.handle_announced(cx, slot, ids, true),
            Section::Graft(ids) => ids.iter().for_each(|id| self.handle_graft(cx, slot, id)),
            Section::GraftNamed(ids) => self.handle_graft_named(cx, from, slot, ids),
            _ => (),
        }
    }

    /// The neighbour had the messages, and the link is none of its tree: the two do not see it alike.
    fn handle_pruned(&mut self, cx: &mut Cx<'_, P>, slot: Slot, ids: List<'_, ShortId>) {
        ids.iter().for_each(|id| self.acknowledged(cx, slot, id));
        if let Some(link) = self.links.get_mut(slot) {
            link.child = false;
            link.told = None;
            self.tree.dirty = true;
        }
    }

    pub(super) fn write_outbox(&mut self, cx: &mut Cx<'_, P>, to: &Target<P>, slot: Slot, packet: &mut Writer<'_>) {
        let Some(link) = self.links.get_mut(slot).filter(|link| link.addr == to.addr) else { return };
        link.outbox.queued = false;
        if link.advert.is_none() {
            // It has heard nothing yet, and is going to push.
            link.write_wanted(packet);
        }
        let (due, flights) = (cx.now + link.way.timeout(), &mut self.flights);
        let (key, wanted) = (cx.key, &link.wanted);
        let unwanted = |message: &Message| Some(key.topic(message.topic())).filter(|topic| !wanted.contains(*topic));
        let leave_out = |message: &Message| if *wanted == Interests::All { None } else { unwanted(message) };
        let mut passage = flights.passage(cx.now, slot, due);
        link.outbox.write(cx.now, &self.log.history, packet, cx.stats, &leave_out, &mut passage);
        if link.outbox.has_messages() || link.outbox.has_notes() {
            self.flush(cx, slot);
        }
    }
}
