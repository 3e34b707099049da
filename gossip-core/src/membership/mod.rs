//! Who is a member, and who is alive: SWIM (Das, Gupta, Motivala, DSN 2002) with Lifeguard's suspicion and a digest of
//! the member table that repairs what gossip missed.
//!
//! It knows the member table, which only this folder may change, its own probes, its suspects and the updates that
//! still have to spread.

mod answer;
mod apply;
mod facade;
mod frames;
mod join;
mod leave;
mod probe;
mod profiles;
mod repair;
mod suspicion;
mod table;
mod timers;
mod updates;

use alloc::collections::VecDeque;

use smallvec::SmallVec;

pub use facade::{Member, Members, Status};
#[cfg(feature = "direct")]
pub(crate) use table::Row;
pub(crate) use table::{ME, MemberIndex, Table};

use self::apply::{Applied, Grave};
use self::join::{Cookies, Joining};
use self::leave::Phase;
use self::probe::Probing;
use self::profiles::Profiles;
use self::repair::Repair;
use self::suspicion::Suspicions;
use self::updates::{MAX_TRANSMISSIONS, UpdateQueue};
use crate::config::MembershipConfig;
use crate::error::CommandError;
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Intents, Protocol, Source, Target};
use crate::random::Rng;
use crate::time::Instant;
use crate::wire::membership::{Claim, Join, PingRequest, Probe, Record, Section, Welcome};
use crate::wire::{Item as _, Writer, tag};

/// At most this many intents wait.
const MAX_INTENTS: usize = 4096;
/// So many members of a snapshot are asked to let this node in.
const REMEMBERED: usize = 8;
/// The longest hints, in bytes: room for a few multiaddresses.
pub(crate) const MAX_HINTS: usize = 256;

/// What membership wants to send.
#[derive(Clone, Debug)]
pub(crate) enum Intent {
    Ping(u32),
    Ack(u32),
    PingRequest(PingRequest),
    PingReply(u32),
    Join {
        cookie: u64,
    },
    Cookie(u64),
    Welcome {
        live: u64,
        generation: u64,
    },
    WhoAreYou,
    /// Nothing but what rides along.
    Gossip,
    /// These members' records.
    Records(SmallVec<[MemberIndex; 4]>),
    Digest,
    Page(repair::PageIntent),
    ProfileRequest(SmallVec<[MemberIndex; 4]>),
    Profiles(SmallVec<[MemberIndex; 4]>),
}

/// The ground floor: everything above reads the table it keeps.
#[derive(Debug)]
pub(crate) struct Membership<P> {
    intents: Intents<P, Intent>,
    updates: UpdateQueue,
    probing: Probing<P>,
    suspicions: Suspicions,
    joining: Joining<P>,
    cookies: Cookies,
    repair: Repair<P>,
    profiles: Profiles,
    /// Members that are down or have left, and when they are forgotten.
    graves: VecDeque<(Instant, Grave)>,
    phase: Phase,
    gossip_at: Option<Instant>,
    gossiped: Instant,
    reconnect_at: Instant,
}

impl<P: Peer> Membership<P> {
    pub(crate) fn new(now: Instant, config: &MembershipConfig, rng: &mut Rng) -> Self {
        Self {
            intents: Intents::new(MAX_INTENTS),
            updates: UpdateQueue::new(),
            probing: Probing::new(now, config, rng),
            suspicions: Suspicions::default(),
            joining: Joining::new(),
            cookies: Cookies::new(rng),
            repair: Repair::new(now),
            profiles: Profiles::default(),
            graves: VecDeque::new(),
            phase: Phase::Running,
            gossip_at: None,
            gossiped: Instant::ZERO,
            reconnect_at: now + config.reconnect_interval,
        }
    }

    pub(crate) fn join(&mut self, cx: &Cx<'_, P>, contact: P) -> Result<(), CommandError> {
        if !self.takes_commands() {
            return Err(CommandError::Leaving);
        }
        self.joining.add(cx.now, &cx.config.membership, contact)
    }

    pub(crate) fn set_address(&mut self, cx: &mut Cx<'_, P>, addr: P) {
        self.restate(cx, |record| record.addr = addr);
    }

    /// Replaces this node's own metadata or hints.
    pub(crate) fn set_profile(
        &mut self,
        cx: &mut Cx<'_, P>,
        metadata: Option<&[u8]>,
        hints: Option<&[u8]>,
    ) -> Result<(), CommandError> {
        if !self.takes_commands() {
            return Err(CommandError::Leaving);
        }
        for (bytes, max) in [(metadata, cx.config.membership.max_metadata), (hints, MAX_HINTS)] {
            if bytes.is_some_and(|bytes| bytes.len() > max) {
                return Err(CommandError::TooLarge { max });
            }
        }
        let version = cx.table.row(ME).incarnation + 1;
        Profiles::set_own(cx.table, version, metadata, hints);
        self.restate(cx, |record| record.profile = version);
        Ok(())
    }

    /// The transport could not deliver to this address.
    pub(crate) fn unreachable(&mut self, cx: &Cx<'_, P>, addr: &P) {
        if let Some(index) = cx.table.find_addr(addr) {
            self.probing.unreachable(cx.now, index);
        }
    }

    /// Whether news of this sender are taken note of: it is in the table, by its address or its identity, or it was asked
    /// to let this node in. Strangers may ask and answer; else a forged packet could name any address as a member's, and
    /// all members would turn to it.
    pub(crate) fn listens_to(&self, table: &Table<P>, source: &Source<'_, P>) -> bool {
        source.answer == usize::MAX
            || source.row.is_some_and(|row| table.row(row).member == source.sender)
            || self.joining.is_contact(source.addr)
    }

    /// The name that a packet's sender wrote short is not known here.
    pub(crate) fn ask_who(&mut self, cx: &mut Cx<'_, P>, source: &Source<'_, P>) {
        self.intents.push(cx.stats, Target::answer(source), Intent::WhoAreYou);
    }

    /// Nothing that would accuse somebody happens before `until`: this node was late, and the answers that came
    /// meanwhile may still wait in its socket.
    pub(crate) fn put_off(&mut self, until: Instant) {
        self.probing.put_off(until);
        self.suspicions.put_off(until);
    }

    /// Another protocol gave this node a new generation.
    pub(crate) fn follow_generation(&mut self, cx: &mut Cx<'_, P>) {
        if cx.table.row(ME).member != *cx.me {
            self.restate(cx, |_| ());
        }
    }

    /// Members that a former life knew: a few of them are asked to let this node in.
    pub(crate) fn remember(&mut self, cx: &mut Cx<'_, P>, members: &[P]) {
        for _ in 0..members.len().min(REMEMBERED) {
            let member = &members[cx.rng.below(members.len())];
            self.joining.add_quietly(cx.now, cx.config.membership.join_timeout, member);
        }
    }

    /// Makes a new statement about this node under the next incarnation, and spreads it.
    fn restate(&mut self, cx: &mut Cx<'_, P>, change: impl FnOnce(&mut Record<P>)) {
        let row = cx.table.row(ME);
        let mut record = row.record(row.member.id);
        record.member = *cx.me;
        record.incarnation += 1;
        change(&mut record);
        self.publish(cx, record);
    }

    /// Replaces this node's own row, and spreads it.
    fn publish(&mut self, cx: &mut Cx<'_, P>, record: Record<P>) {
        let status = if self.is_running() { Status::Alive } else { Status::Left };
        let record = Record { claim: if self.is_running() { Claim::Alive } else { Claim::Left }, ..record };
        cx.table.update(ME, &record, status);
        self.spread(cx, ME);
    }

    /// Queues a member's row as an update, to go out soon.
    fn spread(&mut self, cx: &Cx<'_, P>, index: MemberIndex) {
        self.updates.put(index);
        self.gossip_soon(cx);
    }

    fn gossip_soon(&mut self, cx: &Cx<'_, P>) {
        let interval = cx.config.membership.gossip_interval;
        self.gossip_at.get_or_insert_with(|| cx.now.max(self.gossiped + interval));
    }

    /// How often an update is sent: about 4 log10 N times (memberlist's RetransmitMult), but a few times only while
    /// many wait, since the table digest repairs what that misses. That somebody left or failed is never cut short.
    fn transmissions(&self, cx: &Cx<'_, P>, index: MemberIndex) -> u8 {
        let live = cx.table.live().len().max(1);
        let full = (live.ilog2() + 3).min(u32::from(MAX_TRANSMISSIONS) - 1) as u8;
        let urgent = !cx.table.row(index).status.is_live();
        if urgent || self.updates.len() <= 16 { full } else { full.min(3) }
    }

    fn record(&self, table: &Table<P>, index: MemberIndex) -> Record<P> {
        let row = table.row(index);
        row.record(self.suspicions.by(index).unwrap_or(row.member.id))
    }

    /// Writes members' records as one section; answers how many found room.
    fn write_records(&self, cx: &Cx<'_, P>, members: &[MemberIndex], packet: &mut Writer<'_>) -> usize {
        let mut members = members.iter().filter(|index| cx.table.get(**index).is_some());
        packet.list(tag::UPDATES, |w| {
            let Some(index) = members.next() else { return Ok(false) };
            self.record(cx.table, *index).write(w).map(|()| true)
        })
    }

    fn write_records_or_requeue(
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

impl<P: Peer> Protocol<P> for Membership<P> {
    type Section<'a> = Section<'a, P>;
    type Intent = Intent;

    fn handle(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: Section<'_, P>) {
        match section {
            Section::Ping(probe) => self.handle_ping(cx, from, probe),
            Section::Ack(probe) => self.handle_ack(cx, from, probe),
            Section::PingRequest(request) => self.handle_ping_request(cx, from, request),
            Section::PingReply(number) if from.row.is_some() => self.probing.acked_to_other(number),
            Section::PingReply(_) => (),
            Section::Join(join) => self.handle_join(cx, from, &join),
            Section::Cookie(cookie) => self.handle_cookie(cx, from, cookie),
            Section::Welcome(welcome) => self.handle_welcome(cx, from, welcome),
            Section::WhoAreYou => self.handle_who_are_you(cx, from),
            Section::Updates(records) => records.iter().for_each(|record| {
                self.apply(cx, &record);
            }),
            Section::TableDigest(digest) => self.handle_digest(cx, from, digest),
            Section::TablePage(page) => self.handle_page(cx, from, &page),
            Section::ProfileRequest(ids) => self.handle_profile_request(cx, from, ids),
            Section::Profile(profile) => self.handle_profile(cx, profile),
        }
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_, P>) {
        self.handle_timers(cx);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.next_timer()
    }

    fn poll_intent(&mut self, lane: Lane) -> Option<(Target<P>, Intent)> {
        self.intents.pop(lane)
    }

    fn has_intents(&self) -> bool {
        !self.intents.is_empty()
    }

    fn write(&mut self, cx: &mut Cx<'_, P>, to: &Target<P>, intent: Intent, packet: &mut Writer<'_>) {
        // A section that finds no room even in an empty packet is left out; the other side asks again.
        let fingerprint = cx.table.fingerprint();
        let section = match intent {
            Intent::Ping(number) => Section::Ping(Probe { number, fingerprint }),
            Intent::Ack(number) => Section::Ack(Probe { number, fingerprint }),
            Intent::PingRequest(request) => Section::PingRequest(request),
            Intent::PingReply(number) => Section::PingReply(number),
            Intent::Join { cookie } => Section::Join(Join { cookie, record: self.record(cx.table, ME) }),
            Intent::Cookie(cookie) => Section::Cookie(cookie),
            Intent::Welcome { live, generation } => {
                // With the contact's own record, so that the joiner knows somebody to turn to.
                self.write_records(cx, &[ME], packet);
                Section::Welcome(Welcome { live, generation })
            }
            Intent::WhoAreYou => Section::WhoAreYou,
            Intent::Gossip => return,
            Intent::Records(members) => return self.write_records_or_requeue(cx, to, &members, packet),
            Intent::Digest => return self.write_digest(cx, packet),
            Intent::Page(page) => return self.write_page(cx, to, page, packet),
            Intent::ProfileRequest(members) => return Profiles::write_request(cx.table, &members, packet),
            Intent::Profiles(members) => return Profiles::write(cx.table, &members, packet),
        };
        _ = packet.section(section.tag(), |w| section.write(w));
    }

    fn fill(&mut self, cx: &mut Cx<'_, P>, packet: &mut Writer<'_>) {
        let mut cursor = self.updates.cursor();
        packet.list(tag::UPDATES, |w| {
            let Some(index) = self.updates.next(&mut cursor) else { return Ok(false) };
            self.record(cx.table, index).write(w)?;
            let limit = self.transmissions(cx, index);
            self.updates.sent(index, limit);
            Ok(true)
        });
    }

    fn is_hungry(&self) -> bool {
        self.updates.len() > 0
    }
}
