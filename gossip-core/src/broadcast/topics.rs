//! Topics go where they are wanted. A node may restrict itself to some; along the tree each tells its neighbours what is wanted on
//! its own side of a link, so that a message's content goes down those branches alone where somebody wants it. The others get
//! its name, so that all hold the same numbers (interest propagation as in Siena, Carzaniga, Rosenblum, Wolf, TOCS 2001).

use alloc::boxed::Box;
use core::time::Duration;

use gossip_collections::{BTreeSet, SmallVec};

use super::history::Place;
use super::interests::Interests;
use super::links::{Link, Slot, Slots};
use super::{Broadcast, Intent, Message};
use crate::membership::MemberIndex;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;
use crate::wire::broadcast::{Class, Interests as Told, TopicHash};
use crate::wire::{Writer, tag};

/// The name of a message waits so long for others that go the same way.
const NAMES: Duration = Duration::from_millis(20);

/// Neighbours that leave out what is wanted are told again so often at most: nobody can make this node tell them all the time.
const RETOLD: Duration = Duration::from_millis(200);

/// What is wanted here and around.
#[derive(Debug)]
pub(super) struct Topics {
    /// What the application wants; none: everything.
    names: Option<BTreeSet<Box<[u8]>>>,
    /// The same, as others are told.
    own: Interests,
    /// Whether anybody around ever wanted less than everything: before that there is nothing to tell.
    active: bool,
    /// Whether what neighbours are told may have changed, and by which branches it was summed up last.
    changed: bool,
    branches: Slots,
    /// When a neighbour was last told again.
    retold: Instant,
    /// What a member wants of the answer to the packet at hand.
    asker: Option<(Instant, Option<MemberIndex>, Interests)>,
}

impl Topics {
    pub(super) fn new() -> Self {
        let (names, own, branches, retold) = (None, Interests::All, Slots::default(), Instant::ZERO);
        Self { names, own, active: false, changed: false, branches, retold, asker: None }
    }

    pub(super) fn is_active(&self) -> bool {
        self.active
    }

    pub(super) fn names(&self) -> Option<&BTreeSet<Box<[u8]>>> {
        self.names.as_ref()
    }

    /// Whether the application wants messages of that topic, or of one that is told alike.
    pub(super) fn may_want(&self, topic: TopicHash) -> bool {
        self.own.contains(topic)
    }

    /// Whether the application wants a message.
    pub(super) fn wants(&self, message: &Message) -> bool {
        // What protocols say among themselves all take that run them.
        let reserved = message.topic().first() == Some(&0);
        self.names.as_ref().is_none_or(|names| reserved || names.contains(message.topic()))
    }

    /// What the asker wants of the answer to this packet: everything if it says nothing.
    pub(super) fn asked(&mut self, now: Instant, by: Option<MemberIndex>) -> Interests {
        let asker = self.asker.take().filter(|(at, of, _)| (*at, *of) == (now, by));
        asker.map_or(Interests::All, |(.., wanted)| wanted)
    }
}

impl<P> Link<P> {
    pub(super) fn write_wanted(&self, packet: &mut Writer<'_>) {
        if let Some(wanted) = &self.told_wanted {
            _ = packet.section(tag::INTERESTS, |w| Told::tell(false, wanted.topics(), w));
        }
    }
}

impl<P: Peer> Broadcast<P> {
    pub(crate) fn restrict_as_configured(&mut self, cx: &mut Cx<'_, P>) {
        let topics = &cx.config.broadcast.topics;
        if !topics.is_empty() {
            let names = topics.iter().map(|topic| topic.as_bytes().into()).collect();
            self.restrict(cx, Some(names));
        }
    }

    /// The application wants these topics alone from now on; none: all.
    pub(super) fn restrict(&mut self, cx: &mut Cx<'_, P>, names: Option<BTreeSet<Box<[u8]>>>) {
        let mut own = if names.is_some() { Interests::none() } else { Interests::All };
        for name in names.iter().flatten() {
            own.add(&Interests::Some(alloc::vec![cx.key.topic(name)]));
        }
        #[cfg(feature = "kv")]
        if cx.config.kv.enabled {
            own.add(&Interests::Some(alloc::vec![cx.key.topic(crate::kv::TOPIC)]));
        }
        self.topics.active |= names.is_some();
        self.topics.changed = true;
        (self.topics.names, self.topics.own) = (names, own);
        self.tend_links(cx);
    }

    pub(super) fn handle_interests(&mut self, cx: &Cx<'_, P>, slot: Slot, told: &Told<'_>) {
        let Some(link) = self.links.get_mut(slot) else { return };
        link.heard = cx.now;
        if link.wanted.hear(told.topics) {
            self.topics.active = true;
            self.topics.changed = true;
        }
    }

    /// What the sender of a packet wants of its answer.
    pub(super) fn note_asker(&mut self, cx: &Cx<'_, P>, from: &Source<'_, P>, told: &Told<'_>) {
        self.topics.asker = Some((cx.now, from.row, Interests::heard(told.topics)));
    }

    /// The links behind which somebody gets messages from this node. Without a way to the root it pushes by all links, but not all
    /// have their messages from it.
    fn behind(&self) -> Slots {
        if self.tree.is_attached() {
            return self.tree.branches(&self.links);
        }
        self.links.iter().filter(|(_, link)| link.child).map(|(slot, _)| slot).collect()
    }

    /// What is wanted on this side of a link.
    fn wanted_here(&self, but: Slot) -> Interests {
        let mut wanted = self.topics.own.clone();
        for slot in self.behind().iter().filter(|slot| *slot != but) {
            if wanted == Interests::All {
                break;
            }
            // Of who has just become a neighbour nothing is known.
            let link = self.links.get(slot).filter(|link| link.advert.is_some());
            link.into_iter().for_each(|link| wanted.add(&link.wanted));
        }
        wanted
    }

    /// Whether the content of a message is wanted here, or where this node passes it on to.
    pub(super) fn is_wanted(&self, topic: TopicHash, from: Option<Slot>) -> bool {
        let wants = |link: &Link<P>| link.advert.is_some() && link.wanted.contains(topic);
        let behind = |slot| self.links.get(slot).is_some_and(wants);
        self.topics.may_want(topic) || self.behind().iter().any(|slot| Some(slot) != from && behind(slot))
    }

    /// Follows what has changed around: the tree, and what is wanted along it.
    pub(super) fn tend_links(&mut self, cx: &mut Cx<'_, P>) {
        self.topics.changed |= self.tree.dirty;
        self.tend_tree(cx);
        if self.topics.active && self.sum_up() {
            self.tend_tree(cx);
        }
    }

    /// Sums up what is wanted on this side of each link; whether somebody has to be told.
    fn sum_up(&mut self) -> bool {
        let branches = self.behind();
        let moved = core::mem::replace(&mut self.topics.branches, branches) != branches;
        if !core::mem::take(&mut self.topics.changed) && !moved {
            return false;
        }
        for slot in self.links.all().iter() {
            let wanted = self.wanted_here(slot);
            let Some(link) = self.links.get_mut(slot) else { continue };
            if link.told_wanted.as_ref().unwrap_or(&Interests::All) != &wanted {
                link.told_wanted = Some(wanted);
                // It goes with an advert, and again with that of each round.
                link.told = None;
                self.tree.dirty = true;
            }
        }
        self.tree.dirty
    }

    /// A neighbour left out what is wanted here: it has not heard of that.
    pub(super) fn tell_wanted_again(&mut self, cx: &Cx<'_, P>, slot: Slot) {
        if cx.now < self.topics.retold + RETOLD {
            return;
        }
        self.topics.retold = cx.now;
        let wanted = self.wanted_here(slot);
        if let Some(link) = self.links.get_mut(slot) {
            link.told_wanted = Some(wanted);
            link.told = None;
            self.tree.dirty = true;
        }
    }

    /// With an advert: what is wanted on this side of the link, if it is not everything, or was not.
    pub(super) fn write_wanted(&self, to: &Target<P>, packet: &mut Writer<'_>) {
        let link = to.row.and_then(|row| self.links.find(row)).and_then(|slot| self.links.get(slot));
        link.into_iter().for_each(|link| link.write_wanted(packet));
    }

    /// With a question: what is wanted of its answer, if that is not everything.
    pub(super) fn write_asked(&self, packet: &mut Writer<'_>) {
        if self.topics.own != Interests::All {
            _ = packet.section(tag::INTERESTS, |w| Told::tell(true, self.topics.own.topics(), w));
        }
    }

    /// The topic of a message, if that matters to anybody.
    pub(super) fn topic_of(&self, cx: &Cx<'_, P>, place: Place) -> Option<TopicHash> {
        let left_out = self.log.history.left_out(place);
        let content = || self.log.history.get(place).map(|message| cx.key.topic(message.topic()));
        left_out.or_else(|| if self.topics.active { content() } else { None })
    }

    /// A message that a neighbour does not want: its name goes along the tree, unless it is to wait for its content.
    pub(super) fn push_named(&mut self, cx: &mut Cx<'_, P>, slot: Slot, class: Class, place: Place) {
        let own = self.log.history.id(place).is_some_and(|id| id.origin == cx.me.id);
        if self.enqueue(cx, slot, class, place) {
            // Whether anybody has an own one should be known soon.
            let wait = if own { Duration::ZERO } else { NAMES };
            self.flights.collect(slot, cx.now + wait);
        }
    }

    /// Sends messages to a member, of what it does not want the names.
    pub(super) fn send_places(
        &mut self,
        cx: &mut Cx<'_, P>,
        to: Target<P>,
        mut places: SmallVec<[Place; 4]>,
        wanted: &Interests,
    ) {
        let mut names: SmallVec<[Place; 4]> = SmallVec::new();
        if *wanted != Interests::All {
            places.retain(|place| {
                let message = self.log.history.get(*place);
                let keep = message.is_none_or(|message| wanted.contains(cx.key.topic(message.topic())));
                names.extend((!keep).then_some(*place));
                keep
            });
        }
        if !names.is_empty() {
            self.intents.push(cx.stats, to.clone(), Intent::Names(names));
        }
        if !places.is_empty() {
            self.intents.push(cx.stats, to, Intent::Messages(places));
        }
    }
}
