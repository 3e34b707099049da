//! Messages to all members. They are pushed along one tree over an overlay of neighbours, hop by hop acknowledged; announced
//! by short ids over the other links, and grafted by whoever lacks them; a fingerprint of what is kept rides on
//! probes, and whoever missed something pulls it (Leitão et al., Plumtree, SRDS 2007; Demers et al., PODC 1987).
//!
//! Or as `broadcast.mode` says, in one of the textbook's ways (`modes`).
//!
//! `overlay` and `upkeep` keep the neighbours, `tree` chooses the branches, `push` and `lazy` are the two ways along links, `pull`
//! is the certainty, `log` is what was received.

mod coverage;
mod facade;
mod history;
#[cfg(test)]
mod lab;
mod lazy;
mod links;
mod load;
mod log;
mod message;
mod modes;
mod order;
mod origin;
mod outbox;
mod overlay;
mod pressure;
mod pull;
mod push;
mod receipts;
mod taking;
mod tree;
mod upkeep;

use alloc::vec::Vec;

use smallvec::SmallVec;

pub use coverage::{Coverage, Survey};
pub use facade::{BroadcastError, Broadcasts, BroadcastsMut};
pub(crate) use links::Way;
pub use message::{Message, MessageId, SendOptions};
pub use receipts::Delivery;

use self::history::Place;
use self::lazy::Lazy;
use self::links::{Links, Slot};
use self::log::Log;
use self::modes::Gossip;
use self::order::Order;
use self::overlay::Overlay;
use self::push::Flights;
use self::receipts::Receipts;
use self::tree::Tree;
use crate::config::{BroadcastConfig, BroadcastMode, Config};
use crate::membership::MemberIndex;
use crate::node::Lane;
use crate::pacing::Pacing;
use crate::peer::Peer;
use crate::protocol::{Cx, Intents, Protocol, Source, Target, Urgency};
use crate::random::Rng;
use crate::time::{Instant, earliest};
pub use crate::wire::broadcast::Class;
use crate::wire::broadcast::{Pushed, Receipt, Section, ShortId, Wanted};
use crate::wire::overlay::{Advert, LinkKind, LinkSection};
use crate::wire::{Item as _, List, Writer, tag};

const MAX_INTENTS: usize = 8192;

/// What broadcast wants to send.
#[derive(Clone, Debug)]
pub(crate) enum Intent {
    Link(LinkSection),
    Advert(Advert),
    /// What waits for a neighbour.
    Outbox(Slot),
    Messages(SmallVec<[Place; 4]>),
    Pull(SmallVec<[Wanted; 1]>),
    /// Asks whether a member has messages, or answers that of so many.
    Question(u16, SmallVec<[ShortId; 1]>),
    Receipt {
        token: u16,
        count: u8,
        has: u64,
    },
    /// What was received of late.
    Recent,
    /// What is held.
    Digest {
        wants_answer: bool,
    },
    /// What it sums up to.
    Fingerprint,
    /// What the receiver sent in vain.
    Feedback(SmallVec<[ShortId; 4]>),
    /// A call of the median-counter algorithm, and what each end has to say.
    Call,
    Rumours {
        /// Those that came before this place are done with.
        from: Place,
    },
}

impl Urgency for Intent {
    fn rank(&self) -> usize {
        match self {
            Self::Link(_) | Self::Advert(_) | Self::Outbox(_) => 0,
            _ => 1,
        }
    }
}

/// One member's part in dissemination.
#[derive(Debug)]
pub(crate) struct Broadcast<P> {
    intents: Intents<P, Intent>,
    log: Log,
    /// The most messages of one class that ever waited for one link.
    outbox_peak: usize,
    links: Links<P>,
    overlay: Overlay,
    tree: Tree,
    flights: Flights,
    lazy: Lazy,
    receipts: Receipts,
    gossip: Gossip,
    order: Order,
    /// This node's last ordered message.
    ordered: Option<MessageId>,
    /// This node's last message, in which of its lives.
    sent: (u64, u64),
    /// Since when fingerprints of others differ, and when a digest was sent for it.
    differed: Option<Instant>,
    compared: Instant,
    told_recent: Instant,
    /// What may be asked for of messages that were missed.
    catch_up: Pacing,
    /// Who was told last that it is no neighbour, and when.
    told_off: Option<(Instant, MemberIndex)>,
    /// Messages whose payload has to be fetched.
    manifests: Vec<Message>,
}

impl<P: Peer> Broadcast<P> {
    pub(crate) fn new(rng: &mut Rng, now: Instant, config: &BroadcastConfig) -> Self {
        Self {
            intents: Intents::new(MAX_INTENTS),
            log: Log::new(rng),
            outbox_peak: 0,
            links: Links::new(),
            overlay: Overlay::new(now),
            tree: Tree::new(now),
            flights: Flights::new(),
            lazy: Lazy::new(),
            receipts: Receipts::default(),
            gossip: Gossip::new(rng, now, config),
            order: Order::default(),
            ordered: None,
            sent: (0, 0),
            differed: None,
            compared: now,
            told_recent: now,
            catch_up: Pacing::new(now, config.catch_up_bytes_per_second),
            told_off: None,
            manifests: Vec::new(),
        }
    }

    pub(crate) fn facade(&self, bulk_bytes: usize, config: &Config) -> Broadcasts<'_> {
        Broadcasts::new(&self.log.history, &self.receipts, bulk_bytes, config)
    }

    /// A message that is kept.
    fn find(&self, id: MessageId) -> Option<&Message> {
        self.log.history.get(self.log.history.find(id)?)
    }

    /// The messages that came and whose payload has to be fetched.
    pub(crate) fn take_manifests(&mut self) -> Vec<Message> {
        core::mem::take(&mut self.manifests)
    }

    /// The messages that were withdrawn since, and whose payload need not be fetched.
    pub(crate) fn take_bodiless(&mut self) -> Vec<ShortId> {
        self.log.history.take_bodiless()
    }

    pub(crate) fn neighbour_rows(&self) -> impl Iterator<Item = MemberIndex> {
        self.links.iter().map(|(_, link)| link.row)
    }

    /// The neighbours' addresses.
    pub(crate) fn neighbours(&self) -> impl Iterator<Item = &P> {
        self.links.iter().map(|(_, link)| &link.addr)
    }

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
            self.receive(cx, id, &wire, from.addr, slot);
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
    fn handle_neighbour(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: Section<'_>) {
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

    fn write_outbox(&mut self, cx: &mut Cx<'_, P>, to: &Target<P>, slot: Slot, packet: &mut Writer<'_>) {
        let Some(link) = self.links.get_mut(slot).filter(|link| link.addr == to.addr) else { return };
        link.outbox.queued = false;
        let (due, flights) = (cx.now + link.way.timeout(), &mut self.flights);
        link.outbox.write(cx.now, &self.log.history, packet, cx.stats, |place| flights.written(place, slot, due));
        if !link.outbox.is_empty() {
            self.flush(cx, slot);
        }
    }
}

impl<P: Peer> Protocol<P> for Broadcast<P> {
    type Section<'a> = Section<'a>;
    type Intent = Intent;

    fn handle(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: Section<'_>) {
        if !cx.config.broadcast.enabled {
            return;
        }
        if cx.config.broadcast.mode != BroadcastMode::Tree {
            return self.handle_gossip(cx, from, section);
        }
        let known = from.answer == usize::MAX;
        match section {
            Section::Messages(messages) => self.handle_messages(cx, from, messages),
            Section::Digest(digest) if known => self.handle_digest(cx, from.addr, digest),
            Section::Pull(wanted) if known => self.handle_pull(cx, from.addr, wanted),
            Section::Compare(digest) if known => self.handle_compare(cx, from.addr, digest),
            Section::Recent(ids) if known => self.handle_recent(cx, from.addr, ids),
            Section::Fingerprint(fingerprint) if known && cx.config.broadcast.repair => {
                self.handle_fingerprint(cx, from.addr, fingerprint);
            }
            Section::Digest(_)
            | Section::Pull(_)
            | Section::Compare(_)
            | Section::Recent(_)
            | Section::Fingerprint(_)
            | Section::Rumours(_) => (),
            Section::Receipt(receipt) => self.handle_receipt(cx, from, receipt),
            Section::Link(link) => self.handle_link(cx, from, link),
            section => self.handle_neighbour(cx, from, section),
        }
        self.tend_tree(cx);
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_, P>) {
        if !cx.config.broadcast.enabled {
            return;
        }
        cx.stats.broadcast_expired += self.log.history.expire(cx.now);
        self.tend_order(cx);
        if cx.config.broadcast.mode != BroadcastMode::Tree {
            self.tend_receipts(cx);
            return self.begin_round(cx);
        }
        self.look_after_links(cx);
        self.send_collected(cx);
        self.repeat_pushes(cx);
        self.announce(cx);
        self.graft(cx);
        self.tend_receipts(cx);
        self.tend_tree(cx);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if let Some(round) = self.gossip.poll_timeout() {
            return earliest([Some(round), self.receipts.poll_timeout(), self.order.poll_timeout()]);
        }
        let checks = self.links.iter().filter_map(|(_, link)| link.check.map(|check| check.due)).min();
        earliest([
            Some(self.overlay.poll_timeout()),
            checks,
            self.tree.poll_timeout(),
            self.flights.poll_timeout(),
            self.lazy.poll_timeout(),
            self.receipts.poll_timeout(),
            self.order.poll_timeout(),
        ])
    }

    fn poll_intent(&mut self, lane: Lane) -> Option<(Target<P>, Intent)> {
        self.intents.pop(lane)
    }

    fn has_intents(&self) -> bool {
        !self.intents.is_empty()
    }

    fn write(&mut self, cx: &mut Cx<'_, P>, to: &Target<P>, intent: Intent, packet: &mut Writer<'_>) {
        // What finds no room is lost, as packets may be.
        match intent {
            Intent::Link(link) => _ = packet.section(tag::LINK, |w| link.write(w)),
            Intent::Advert(advert) => _ = packet.section(tag::TREE_ADVERT, |w| advert.write(w)),
            Intent::Outbox(slot) => self.write_outbox(cx, to, slot, packet),
            Intent::Messages(places) => self.write_messages(cx, to, &places, packet),
            Intent::Pull(wanted) => {
                let mut wanted = wanted.iter();
                packet.list(tag::MESSAGE_PULL, |w| wanted.next().map_or(Ok(false), |one| one.write(w).map(|()| true)));
            }
            Intent::Question(token, ids) => {
                _ = packet.section(tag::MESSAGE_RECEIPT, |w| Receipt::ask(token, &ids, w));
            }
            Intent::Receipt { token, count, has } => {
                _ = packet.section(tag::MESSAGE_RECEIPT, |w| Receipt::answer(token, count.into(), has, w));
            }
            Intent::Recent => self.write_recent(cx, packet),
            Intent::Digest { wants_answer } => {
                let tag = if wants_answer { tag::MESSAGE_COMPARE } else { tag::MESSAGE_DIGEST };
                self.log.write_digest(tag, packet);
            }
            Intent::Fingerprint => self.write_fingerprint(cx, packet),
            Intent::Feedback(had) => {
                let mut had = had.iter();
                packet.list(tag::PRUNE, |w| had.next().map_or(Ok(false), |id| id.write(w).map(|()| true)));
            }
            Intent::Call => _ = packet.section(tag::RUMOURS, |_| Ok(())),
            Intent::Rumours { from } => self.write_rumours(cx, to, from, packet),
        }
    }

    fn ride(&mut self, cx: &mut Cx<'_, P>, packet: &mut Writer<'_>) {
        let config = &cx.config.broadcast;
        if config.enabled && config.repair && self.log.history.len() > 0 {
            self.write_fingerprint(cx, packet);
        }
    }
}

/// The moment `ago` before `now`.
fn before(now: Instant, ago: core::time::Duration) -> Instant {
    Instant::from_micros(now.as_micros().saturating_sub(u64::try_from(ago.as_micros()).unwrap_or(u64::MAX)))
}
