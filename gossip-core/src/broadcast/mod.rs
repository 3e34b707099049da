//! Messages to all members. They are pushed along one tree over an overlay of neighbours, hop by hop acknowledged; announced
//! by short ids over the other links, and grafted by whoever lacks them; a fingerprint of what is kept rides on
//! probes, and whoever missed something pulls it (Leitão et al., Plumtree, SRDS 2007; Demers et al., PODC 1987).
//!
//! Or as `broadcast.mode` says, in one of the textbook's ways (`modes`).
//!
//! `overlay` and `upkeep` keep the neighbours, `tree` chooses the branches, `push` and `lazy` are the two ways along links, `pull`
//! is the certainty, `log` is what was received; `topics` and `fetch` see to it that content goes where it is wanted.

mod coverage;
mod facade;
mod fetch;
mod flights;
mod history;
mod interests;
#[cfg(test)]
mod lab;
mod lazy;
mod links;
mod load;
mod log;
mod message;
mod modes;
mod neighbour;
mod order;
mod origin;
mod outbox;
mod overlay;
mod pressure;
mod pull;
mod push;
mod receipts;
mod schedule;
mod taking;
mod topics;
mod tree;
mod upkeep;
mod window;

use alloc::vec::Vec;

use gossip_collections::SmallVec;

pub use coverage::{Coverage, Survey};
pub use facade::{BroadcastError, Broadcasts, BroadcastsMut};
pub(crate) use links::Way;
pub use message::{Message, MessageId, SendOptions};
pub use receipts::Delivery;

use self::fetch::Fetches;
use self::flights::Flights;
use self::history::Place;
use self::lazy::Lazy;
use self::links::{Links, Slot};
use self::log::Log;
use self::modes::Gossip;
use self::order::Order;
use self::overlay::Overlay;
use self::receipts::Receipts;
use self::topics::Topics;
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
use crate::wire::broadcast::{Receipt, Section, ShortId, Wanted};
use crate::wire::overlay::{Advert, LinkSection};
use crate::wire::{Item as _, Writer, tag};

const MAX_INTENTS: usize = 8192;

/// What broadcast wants to send.
#[derive(Clone, Debug)]
pub(crate) enum Intent {
    Link(LinkSection),
    Advert(Advert),
    /// What waits for a neighbour.
    Outbox(Slot),
    Messages(SmallVec<[Place; 4]>),
    /// Of messages whose content the receiver does not want.
    Names(SmallVec<[Place; 4]>),
    Pull(SmallVec<[Wanted; 1]>),
    /// As `Pull`, of content that was left out.
    Fetch(SmallVec<[Wanted; 1]>),
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
    topics: Topics,
    fetches: Fetches,
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
            topics: Topics::new(),
            fetches: Fetches::default(),
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
        Broadcasts::new(&self.log.history, &self.receipts, &self.topics, bulk_bytes, config)
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

    /// Whether anybody around wants less than everything.
    pub(crate) fn tells_topics(&self) -> bool {
        self.topics.is_active()
    }

    pub(crate) fn neighbour_rows(&self) -> impl Iterator<Item = MemberIndex> {
        self.links.iter().map(|(_, link)| link.row)
    }

    /// The neighbours' addresses.
    pub(crate) fn neighbours(&self) -> impl Iterator<Item = &P> {
        self.links.iter().map(|(_, link)| &link.addr)
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
            Section::Pull(wanted) if known => {
                let asked = self.topics.asked(cx.now, from.row);
                self.handle_pull(cx, from.addr, &asked, wanted);
            }
            Section::Compare(digest) if known => self.handle_compare(cx, from.addr, digest),
            Section::Recent(ids) if known => {
                let asked = self.topics.asked(cx.now, from.row);
                self.handle_recent(cx, from.addr, &asked, ids);
            }
            Section::Interests(told) if told.of_answer => {
                if known {
                    self.note_asker(cx, from, &told);
                }
            }
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
        self.tend_links(cx);
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_, P>) {
        if !cx.config.broadcast.enabled {
            return;
        }
        cx.stats.broadcast_expired += self.log.history.expire(cx.now);
        self.tend_order(cx);
        if cx.config.broadcast.mode != BroadcastMode::Tree {
            self.tend_receipts(cx);
            self.fetch(cx);
            return self.begin_round(cx);
        }
        self.look_after_links(cx);
        self.send_collected(cx);
        self.repeat_pushes(cx);
        self.announce(cx);
        self.graft(cx);
        self.fetch(cx);
        self.tend_receipts(cx);
        self.tend_links(cx);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if let Some(round) = self.gossip.poll_timeout() {
            let others = [self.receipts.poll_timeout(), self.order.poll_timeout(), self.fetches.poll_timeout()];
            return earliest([Some(round), earliest(others)]);
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
            self.fetches.poll_timeout(),
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
            Intent::Advert(advert) => {
                // First what is wanted: what follows from the advert depends on it.
                self.write_wanted(to, packet);
                _ = packet.section(tag::TREE_ADVERT, |w| advert.write(w));
            }
            Intent::Outbox(slot) => self.write_outbox(cx, to, slot, packet),
            Intent::Messages(places) => self.write_messages(cx, to, &places, packet),
            Intent::Names(places) => self.write_names(cx, to, &places, packet),
            Intent::Pull(wanted) => {
                self.write_asked(packet);
                write_pull(&wanted, packet);
            }
            Intent::Fetch(wanted) => write_pull(&wanted, packet),
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

fn write_pull(wanted: &[Wanted], packet: &mut Writer<'_>) {
    let mut wanted = wanted.iter();
    packet.list(tag::MESSAGE_PULL, |w| wanted.next().map_or(Ok(false), |one| one.write(w).map(|()| true)));
}

/// The moment `ago` before `now`.
fn before(now: Instant, ago: core::time::Duration) -> Instant {
    Instant::from_micros(now.as_micros().saturating_sub(u64::try_from(ago.as_micros()).unwrap_or(u64::MAX)))
}
