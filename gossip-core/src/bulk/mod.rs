//! Payloads that are too large for a datagram. Broadcast carries a manifest in their place; the payload goes in parts, asked for by
//! whoever lacks them, rarest first, of several partners at a time, which pass on what they have before they have all
//! (BitTorrent, Cohen, P2PEcon 2003). The sender shows each part to one partner first (its "super-seeding"), so that it sends
//! little more than one copy. How much is on its way is limited by the delay that it makes (`window`).
//!
//! `asking` is what a member does to get a body, `telling` what it does for others.

mod asking;
mod bits;
mod body;
mod partners;
mod telling;
mod window;

use alloc::vec::Vec;
use core::time::Duration;

use gossip_collections::{BTreeMap, VecDeque};

use self::body::Body;
use self::partners::{Partner, Partners, Slot};
use crate::broadcast::{Broadcast, Message};
use crate::membership::MemberIndex;
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Intents, Protocol, Source, Target, Urgency};
use crate::time::{Instant, earliest};
use crate::wire::Writer;
use crate::wire::broadcast::ShortId;
use crate::wire::bulk::{Manifest, Section};

const MAX_INTENTS: usize = 1024;
/// How often partners are looked after while there is something to exchange.
const TICK: Duration = Duration::from_millis(25);
/// So many bodies at most, whatever their size.
const MAX_BODIES: usize = 256;
/// So many parts that came are remembered for partners that were not told yet.
const MAX_NEWS: usize = 8192;
/// Stands for all parts among the news.
const ALL: u32 = u32::MAX;
/// What nobody asked for in this time may make room for others.
const IDLE: Duration = Duration::from_secs(10);

/// What bulk wants to send.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Intent {
    /// What a partner is asked and told.
    Talk(Slot),
    /// A part that a partner asked for.
    Part(Slot),
}

impl Urgency for Intent {
    fn rank(&self) -> usize {
        match self {
            Self::Talk(_) => 1,
            Self::Part(_) => 2,
        }
    }
}

/// One member's part in the exchange of bodies.
#[derive(Debug)]
pub(crate) struct Bulk<P> {
    intents: Intents<P, Intent>,
    bodies: BTreeMap<ShortId, Body>,
    partners: Partners<P>,
    /// Parts that came, the oldest first, and the number of the first.
    news: VecDeque<(ShortId, u32)>,
    first_news: u64,
    /// The length of all bodies.
    bytes: usize,
    next_tick: Option<Instant>,
}

impl<P: Peer> Bulk<P> {
    pub(crate) fn new() -> Self {
        Self {
            intents: Intents::new(MAX_INTENTS),
            bodies: BTreeMap::new(),
            partners: Partners::new(),
            news: VecDeque::new(),
            first_news: 0,
            bytes: 0,
            next_tick: None,
        }
    }

    /// The length of all bodies.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes room for a body: of those that nobody asks for, and of which nothing comes, the oldest go first. Whether there is
    /// room.
    pub(crate) fn make_room(&mut self, cx: &mut Cx<'_, P>, len: usize) -> bool {
        let max = cx.config.broadcast.bulk_bytes;
        let full = |bulk: &Self| bulk.bytes.saturating_add(len) > max || bulk.bodies.len() >= MAX_BODIES;
        while full(self) {
            let idle = self.bodies.iter().filter(|(_, body)| cx.now >= body.touched + IDLE);
            let oldest = idle.min_by_key(|(_, body)| body.since).map(|(short, body)| (*short, body.is_whole()));
            let Some((oldest, whole)) = oldest else { return false };
            cx.stats.broadcast_missed += u64::from(!whole);
            self.forget(oldest);
        }
        true
    }

    /// Offers a payload of this node; [`Self::make_room`] was asked.
    pub(crate) fn publish(
        &mut self,
        cx: &Cx<'_, P>,
        short: ShortId,
        head: Message,
        manifest: Manifest,
        payload: &[u8],
    ) {
        self.insert(short, Body::own(cx.now, head, manifest, payload));
        self.tick_soon(cx.now);
    }

    /// Follows what became of messages whose payload goes in parts: it is fetched, or is of no use any more.
    pub(crate) fn follow(&mut self, cx: &mut Cx<'_, P>, broadcast: &mut Broadcast<P>) {
        for head in broadcast.take_manifests() {
            // Where topics go to some alone, those around may have nothing of it.
            let origin = cx.table.find(head.id.origin).filter(|_| broadcast.tells_topics());
            self.begin(cx, head, origin.into_iter().chain(broadcast.neighbour_rows()));
        }
        for short in broadcast.take_bodiless() {
            self.forget(short);
        }
    }

    /// Goes for a payload: of these, and of others.
    fn begin(&mut self, cx: &mut Cx<'_, P>, head: Message, near: impl Iterator<Item = MemberIndex>) {
        let Ok(manifest) = Manifest::decode(head.payload()) else {
            cx.stats.bulk_refused += 1;
            return;
        };
        let short = ShortId::of(cx.key.short(head.id.origin()), head.id.sequence);
        // No sender that keeps to its own limit sends more than half.
        let len = manifest.len as usize;
        let takes = len <= cx.config.broadcast.bulk_bytes / 2 && !self.bodies.contains_key(&short);
        if !takes || !self.make_room(cx, len) {
            cx.stats.bulk_refused += 1;
            return;
        }
        self.insert(short, Body::wanted(cx.now, head, manifest));
        for row in near {
            self.engage(cx, row);
        }
        self.partners.iter_mut().for_each(|(_, partner)| partner.ask_at = cx.now);
        self.tick(cx);
    }

    fn insert(&mut self, short: ShortId, body: Body) {
        // Two may share a short id.
        self.forget(short);
        self.bytes += body.manifest.len as usize;
        self.bodies.insert(short, body);
    }

    fn forget(&mut self, short: ShortId) {
        let Some(body) = self.bodies.remove(&short) else { return };
        self.bytes -= body.manifest.len as usize;
        for (_, partner) in self.partners.iter_mut() {
            partner.asked.retain(|asked| asked.body != short);
            partner.to_get.retain(|(body, _)| *body != short);
            partner.hide(short);
            partner.to_tell.retain(|(body, _)| *body != short);
            partner.served.retain(|(body, _)| *body != short);
        }
    }

    fn tick_soon(&mut self, now: Instant) {
        self.next_tick = Some(self.next_tick.map_or(now + TICK, |at| at.min(now + TICK)));
    }

    fn is_asking(&self) -> bool {
        self.bodies.values().any(|body| !body.is_whole())
    }

    /// What there is to do from time to time.
    fn tick(&mut self, cx: &mut Cx<'_, P>) {
        self.forget_old(cx);
        self.drop_partners(cx);
        if self.is_asking() {
            self.find_partners(cx);
            self.ask_all(cx);
        }
        self.open_stuck(cx);
        self.tell_news(cx);
        let busy = self.is_asking() || self.partners.iter().next().is_some();
        let old = self.bodies.values().map(|body| body.touched + cx.config.broadcast.history).min();
        self.next_tick = if busy { Some(cx.now + TICK) } else { old.map(|old| old + TICK) };
    }

    /// Bodies that are older than messages are kept, and those of which nothing came for so long.
    fn forget_old(&mut self, cx: &mut Cx<'_, P>) {
        let old = |body: &Body| cx.now >= body.touched + cx.config.broadcast.history;
        let gone: Vec<_> = self.bodies.iter().filter(|(_, body)| old(body)).map(|(short, _)| *short).collect();
        for short in gone {
            if self.bodies.get(&short).is_some_and(|body| !body.is_whole()) {
                cx.stats.broadcast_missed += 1;
            }
            self.forget(short);
        }
    }

    fn add_news(&mut self, short: ShortId, part: u32) {
        if self.news.len() == MAX_NEWS {
            self.news.pop_front();
            self.first_news += 1;
        }
        self.news.push_back((short, part));
    }

    fn end_of_news(&self) -> u64 {
        self.first_news + self.news.len() as u64
    }

    fn add_partner(&mut self, cx: &Cx<'_, P>, row: MemberIndex) -> Option<Slot> {
        let member = cx.table.row(row);
        let partner = Partner::new(cx.now, row, member.member, member.addr.clone(), self.end_of_news());
        self.partners.insert(partner)
    }

    /// Nothing is asked of a partner any more: what it was asked for others may be.
    fn release(&mut self, slot: Slot) {
        let Some(partner) = self.partners.get_mut(slot) else { return };
        let asked = partner.asked.drain(..).map(|asked| (asked.body, asked.part)).chain(partner.to_get.drain(..));
        for (short, part) in asked {
            if let Some(body) = self.bodies.get_mut(&short) {
                body.asked.remove(part);
            }
        }
    }

    fn remove_partner(&mut self, slot: Slot) {
        self.release(slot);
        _ = self.partners.remove(slot);
        for body in self.bodies.values_mut() {
            body.held[usize::from(slot)] = None;
            body.only.take_if(|(only, _)| *only == slot);
        }
    }

    /// Makes sure that what there is to say to a partner is said.
    fn talk(&mut self, cx: &mut Cx<'_, P>, slot: Slot) {
        let full = self.intents.is_full(Lane::Datagram);
        let Some(partner) = self.partners.get_mut(slot).filter(|partner| !partner.talks && !full) else { return };
        partner.talks = true;
        let to = partner.target();
        self.intents.push(cx.stats, to, Intent::Talk(slot));
    }
}

impl<P: Peer> Protocol<P> for Bulk<P> {
    type Section<'a> = Section<'a>;
    type Intent = Intent;

    fn handle(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: Section<'_>) {
        let Some(row) = from.row.filter(|row| cx.table.is_live_at(*row, from.addr)) else {
            cx.stats.bulk_strangers += 1;
            return;
        };
        let slot = self.partners.find(row);
        match (section, slot) {
            (Section::Want(bodies), _) => self.handle_want(cx, row, bodies),
            (Section::Have(have), Some(slot)) => self.handle_have(cx, slot, &have),
            (Section::Get(get), Some(slot)) => self.handle_get(cx, slot, &get),
            (Section::Part(part), Some(slot)) => self.handle_part(cx, slot, &part),
            (_, None) => cx.stats.bulk_strangers += 1,
        }
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_, P>) {
        if self.next_tick.is_some_and(|at| at <= cx.now) {
            self.tick(cx);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        earliest([self.next_tick])
    }

    fn poll_intent(&mut self, lane: Lane) -> Option<(Target<P>, Intent)> {
        self.intents.pop(lane)
    }

    fn has_intents(&self) -> bool {
        !self.intents.is_empty()
    }

    fn write(&mut self, cx: &mut Cx<'_, P>, to: &Target<P>, intent: Intent, packet: &mut Writer<'_>) {
        let (Intent::Talk(slot) | Intent::Part(slot)) = intent;
        if self.partners.get_mut(slot).is_none_or(|partner| partner.addr != to.addr) {
            return;
        }
        match intent {
            Intent::Talk(slot) => self.write_talk(cx, slot, packet),
            Intent::Part(slot) => self.write_part(cx, slot, packet),
        }
    }
}
