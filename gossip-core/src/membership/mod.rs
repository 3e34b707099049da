//! Who is a member, and who is alive: SWIM's probes (Das, Gupta, Motivala, DSN 2002), verdicts by quorum, and a digest of
//! the member table that repairs what gossip missed.
//!
//! It knows the member table, which only this folder may change, whom it pings next and who promised to ping it, who is
//! in question, and the updates that still have to spread.

mod answer;
mod apply;
mod assume;
mod buckets;
mod checks;
#[cfg_attr(not(feature = "coordinates"), path = "nowhere.rs")]
mod coordinates;
mod detect;
mod draw;
mod facade;
mod favours;
mod frames;
mod intent;
mod join;
mod lazy;
mod leave;
mod namesake;
mod notes;
mod observers;
mod partition;
mod profiles;
mod promises;
mod quorum;
mod repair;
mod row;
mod rtt;
mod schedule;
mod selection;
mod spread;
mod suspicion;
mod table;
mod timers;
mod updates;

pub use facade::{Hearing, Member, Members, Status, Verdict};
pub(crate) use intent::Intent;
pub(crate) use table::{ME, MemberIndex, Table};

use gossip_collections::VecDeque;

use self::apply::{Applied, Grave};
use self::checks::Checks;
use self::coordinates::Coordinates;
use self::favours::Favours;
use self::join::{Cookies, Joining};
use self::lazy::Lazy;
use self::leave::Phase;
use self::namesake::Namesakes;
use self::partition::Partition;
use self::profiles::Profiles;
use self::promises::Promises;
use self::repair::Repair;
use self::rtt::RoundTrip;
use self::schedule::Schedule;
use self::suspicion::Wariness;
use self::updates::UpdateQueue;
use crate::config::MembershipConfig;
use crate::error::CommandError;
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Intents, Protocol, Source, Target};
use crate::random::Rng;
use crate::stats::{BroadcastQueues, Fill, Queues};
use crate::time::Instant;
use crate::wire::membership::{Claim, Join, Ping, Probe, Record, Section, Welcome};
use crate::wire::{Item as _, Writer, tag};

/// At most this many intents wait.
const MAX_INTENTS: usize = 4096;
/// So many members of a snapshot are asked to let this node in.
const REMEMBERED: usize = 8;
/// The longest hints, in bytes: room for a few multiaddresses.
pub(crate) const MAX_HINTS: usize = 256;

/// The ground floor: everything above reads the table it keeps.
#[derive(Debug)]
pub(crate) struct Membership<P> {
    intents: Intents<P, Intent>,
    updates: UpdateQueue,
    lazy: Lazy,
    schedule: Schedule,
    promises: Promises,
    checks: Checks,
    favours: Favours<P>,
    /// Over all members.
    rtt: RoundTrip,
    coordinates: Coordinates,
    /// How often too few helpers were heard since the last fresh answer.
    deaf: u8,
    wary: Wariness,
    /// This node slept: suspicions that it reads before may have been said long ago.
    drowsy: Instant,
    /// When anything was heard of a member last.
    heard: Instant,
    /// When members went down, of late.
    falls: VecDeque<Instant>,
    partition: Partition,
    namesakes: Namesakes<P>,
    joining: Joining<P>,
    cookies: Cookies,
    repair: Repair<P>,
    profiles: Profiles,
    /// Members that are down or have left, and when they are forgotten.
    graves: VecDeque<(Instant, Grave)>,
    graves_peak: usize,
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
            lazy: Lazy::new(),
            schedule: Schedule::new(now, config, rng),
            promises: Promises::default(),
            checks: Checks::default(),
            favours: Favours::new(),
            rtt: RoundTrip::default(),
            coordinates: Coordinates::new(),
            deaf: 0,
            wary: Wariness::default(),
            drowsy: now,
            heard: now,
            falls: VecDeque::new(),
            partition: Partition::default(),
            namesakes: Namesakes::new(),
            joining: Joining::new(),
            cookies: Cookies::new(rng),
            repair: Repair::new(now),
            profiles: Profiles::default(),
            graves: VecDeque::new(),
            graves_peak: 0,
            phase: Phase::Running,
            gossip_at: None,
            gossiped: Instant::ZERO,
            reconnect_at: now + config.reconnect_interval,
        }
    }

    /// Takes an intent that detection waits for.
    pub(crate) fn poll_urgent(&mut self, lane: Lane) -> Option<(Target<P>, Intent)> {
        self.intents.pop_urgent(lane)
    }

    /// Whether there is one.
    pub(crate) fn has_urgent(&self) -> bool {
        self.intents.has_urgent()
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

    /// Replaces this node's own metadata or hints; its zone is as configured.
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
        Profiles::set_own(cx.table, version, metadata, hints, &cx.config.membership.zone);
        self.restate(cx, |record| record.profile = version);
        Ok(())
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

    pub(crate) fn queues(&self, table: &Table<P>, config: &MembershipConfig) -> Queues {
        let members = Fill { peak: table.peak(), limit: config.max_members };
        Queues {
            members,
            updates: Fill { peak: self.updates.peak(), ..members },
            intents: self.intents.fill(),
            graves: Fill { peak: self.graves_peak, limit: Self::max_graves(config.max_members) },
            broadcast: BroadcastQueues::default(),
        }
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
            let config = &cx.config.membership;
            self.joining.add_quietly(cx.now, config.join_timeout, config, member);
        }
    }
}

impl<P: Peer> Protocol<P> for Membership<P> {
    type Section<'a> = Section<'a, P>;
    type Intent = Intent;

    fn handle(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: Section<'_, P>) {
        if from.answer == usize::MAX {
            self.heard = cx.now;
        }
        match section {
            Section::Ping(probe) => self.handle_ping(cx, from, probe),
            Section::Ack(probe) => self.handle_ack(cx, from, probe),
            Section::PingRequest(request) => self.handle_ping_request(cx, from, request),
            Section::PingReply(reply) => self.handle_ping_reply(cx, from, reply),
            Section::Join(join) => self.handle_join(cx, from, &join),
            Section::Cookie(cookie) => self.handle_cookie(cx, from, cookie),
            Section::Welcome(welcome) => self.handle_welcome(cx, from, welcome),
            Section::WhoAreYou => self.handle_who_are_you(cx, from),
            Section::Updates(records) => records.iter().for_each(|record| self.hear(cx, from, &record)),
            Section::TableDigest(digest) => self.handle_digest(cx, from, digest),
            Section::TablePage(page) => self.handle_page(cx, from, &page),
            Section::ProfileRequest(ids) => self.handle_profile_request(cx, from, ids),
            Section::Profile(profile) => self.handle_profile(cx, profile),
            Section::Suspicion(suspicion) => self.handle_suspicion(cx, from, suspicion),
            Section::Veto(member) => self.handle_veto(cx, from, member),
            Section::Notices(notices) => self.handle_notices(cx, from, notices),
            Section::RecordRequest(names) => self.handle_record_request(cx, from, names),
            Section::Coordinate(coordinate) => self.handle_coordinate(cx, from, coordinate),
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
            Intent::Ping { number, promise } => Section::Ping(Ping { probe: Probe { number, fingerprint }, promise }),
            Intent::AskNamesake(number) => {
                // With this node's record, so that the question is longer than its answer.
                self.write_records(cx, &[ME], packet);
                Section::Ping(Ping { probe: Probe { number, fingerprint }, promise: 0 })
            }
            Intent::Ack { number, place } => return self.write_ack(Probe { number, fingerprint }, place, packet),
            Intent::PingRequest(request) => Section::PingRequest(request),
            Intent::PingReply(reply) => Section::PingReply(reply),
            Intent::Suspicion(suspicion) => Section::Suspicion(suspicion),
            Intent::Veto(member) => Section::Veto(member),
            Intent::Join { cookie } => Section::Join(Join { cookie, record: cx.table.record(ME) }),
            Intent::Cookie(cookie) => Section::Cookie(cookie),
            Intent::Welcome { live, generation } => {
                // With the contact's own record, so that the joiner knows somebody to turn to.
                self.write_records(cx, &[ME], packet);
                Section::Welcome(Welcome { live, generation })
            }
            Intent::WhoAreYou => Section::WhoAreYou,
            Intent::Gossip => return self.lazy.due = true,
            Intent::Records(members) => return self.write_records_or_requeue(cx, to, &members, packet),
            Intent::Digest => return self.write_digest(cx, packet),
            Intent::Page(page) => return self.write_page(cx, to, page, packet),
            Intent::Notices(members) => return Lazy::write(cx.table, &members, packet),
            Intent::RecordRequest(names) => return Lazy::write_request(&names, packet),
            Intent::ProfileRequest(members) => return Profiles::write_request(cx.table, &members, packet),
            Intent::Profiles(members) => return Profiles::write(cx.table, &members, packet),
        };
        _ = packet.section(section.tag(), |w| section.write(w));
    }

    fn fill(&mut self, cx: &mut Cx<'_, P>, packet: &mut Writer<'_>) {
        let mut cursor = self.updates.cursor();
        packet.list(tag::UPDATES, |w| {
            let Some(index) = self.updates.next(&mut cursor) else { return Ok(false) };
            self.news(cx.table, index).write(w)?;
            self.told(cx, index);
            Ok(true)
        });
        if core::mem::take(&mut self.lazy.due) {
            self.write_notices(cx, packet);
        }
    }

    fn is_hungry(&self) -> bool {
        // What is told in short goes in the packets that are sent for news alone.
        self.updates.len() > 0 || self.lazy.due
    }
}
