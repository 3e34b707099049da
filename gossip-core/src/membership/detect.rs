//! Silence noticed: SWIM's probes (Das, Gupta, Motivala, DSN 2002 §3.1, §4.3), pings that were promised and do not come,
//! helpers. Who cannot even reach its helpers abstains (Lifeguard, arXiv 1707.00788 §IV-A). What silence leads to is
//! `quorum`'s affair.

use core::time::Duration;

use gossip_collections::SmallVec;

use super::checks::Stage;
use super::favours::Need;
use super::table::{MemberIndex, Table};
use super::{Intent, Membership, Status};
use crate::config::Safeguard;
use crate::event::MemberChange;
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;
use crate::wire::membership::{Ping, PingReply, PingRequest};
use crate::wire::{Item as _, Writer, tag};

/// So many pings go out before helpers are asked.
const DIRECT_PINGS: u32 = 2;
/// So many helpers must be heard, of those that were asked, before silence is held against another.
const CONTROLS: usize = 2;
/// So often helpers are asked, each time others, before this node puts it down to itself that too few are heard.
const HELPER_ASKS: u8 = 3;
/// In a cluster of so many who hears nobody at all may still decide, after it has tried so often: there is nobody else.
const SMALL: usize = 4;
const DEAF_TRIES: u8 = 2;
/// A promised ping may be late by this much more than an answer.
const PROMISE_SLACK: Duration = Duration::from_millis(20);

impl<P: Peer> Membership<P> {
    /// How long to wait for the member's answer.
    pub(super) fn patience_for_ack(&self, cx: &Cx<'_, P>, index: MemberIndex) -> Duration {
        cx.table.notes(index).rtt.timeout(&self.rtt, &cx.config.membership)
    }

    /// Pings a live member, and follows it up if there is no answer.
    pub(super) fn ask(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, promise: Option<Duration>) {
        if self.checks.get(cx.table, index).is_none() {
            let number = cx.rng.u32();
            if self.checks.open(cx.table, cx.now, index, number).is_none() {
                cx.stats.dropped_intents += 1;
                return;
            }
            let wait = self.patience_for_ack(cx, index);
            self.wait(cx, index, wait);
        }
        self.ping(cx, index, promise);
    }

    /// Sends one more ping of an open check.
    pub(super) fn ping(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, promise: Option<Duration>) {
        let Some(check) = self.checks.get_mut(cx.table, index) else { return };
        let number = check.ping(cx.now);
        cx.stats.probes += 1;
        let hundredths = |after: Duration| u16::try_from(after.as_millis().div_ceil(10)).unwrap_or(0) % Ping::DEAF;
        let promise = if self.is_deaf(cx) { Ping::DEAF } else { promise.map_or(0, hundredths) };
        let to = Target::to(cx.table.row(index).addr.clone());
        self.intents.push(cx.stats, to, Intent::Ping { number, promise });
    }

    /// As long, but so that two pings take no longer than the asker allows for.
    fn helper_patience(&self, cx: &Cx<'_, P>, index: MemberIndex) -> Duration {
        self.patience_for_ack(cx, index).min(cx.config.membership.probe_timeout / 2)
    }

    pub(super) fn wait(&mut self, cx: &Cx<'_, P>, index: MemberIndex, wait: Duration) {
        let until = cx.now + wait;
        if let Some(check) = self.checks.get_mut(cx.table, index) {
            check.until = until;
        }
        self.checks.wake(until);
    }

    /// Goes on with every check that is due.
    pub(super) fn run_checks(&mut self, cx: &mut Cx<'_, P>) {
        while let Some(index) = self.checks.due(cx.now) {
            let row = cx.table.row(index);
            let Some(check) = self.checks.get(cx.table, index) else { return };
            if row.member != check.member || !row.status.is_live() {
                self.checks.close(cx.table, index);
                continue;
            }
            let (stage, attempts, claimed) = (check.stage, check.attempts, check.claim.is_some());
            match stage {
                Stage::Direct if attempts < if claimed { 2 + cx.table.loss.unlikely() / 4 } else { DIRECT_PINGS } => {
                    // Of whom others hold down it says nothing about the network.
                    if attempts == 1 && !claimed {
                        cx.table.loss.sample(false);
                    }
                    self.ping(cx, index, None);
                    let wait = self.patience_for_ack(cx, index);
                    self.wait(cx, index, wait);
                }
                Stage::Direct if !claimed => self.ask_helpers(cx, index),
                Stage::Direct | Stage::Indirect => self.conclude(cx, index),
                Stage::Suspected => self.next_round(cx, index),
            }
        }
    }

    fn ask_helpers(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex) {
        self.ping(cx, index, None);
        self.ping_by_stream(cx, index);
        let Some(check) = self.checks.get_mut(cx.table, index) else { return };
        let request = PingRequest { number: cx.rng.u32(), target: check.member.id };
        let count = cx.config.membership.indirect_probes;
        let table = &cx.table;
        let helpers = table.sample(cx.rng, count, |at| at != index && table.row(at).status == Status::Alive);
        check.stage = Stage::Indirect;
        check.helpers.number = request.number;
        check.helpers.asked_at = cx.now;
        check.helpers.times += 1;
        check.helpers.missing = helpers.len() as u8;
        for helper in helpers {
            let to = Target::to(cx.table.row(helper).addr.clone());
            self.intents.push(cx.stats, to, Intent::PingRequest(request));
        }
        // A helper gives up after `probe_timeout`, and its answer takes a while.
        let wait = self.patience_for_ack(cx, index) + cx.config.membership.probe_timeout;
        self.wait(cx, index, wait);
    }

    /// The last ping once more over the stream lane, if there is one: of a member whose datagrams are lost on the way that
    /// tells that it lives (memberlist's TCP fallback).
    fn ping_by_stream(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex) {
        if cx.config.transport.stream.is_none() || !cx.table.takes_frames(index, cx.now) {
            return;
        }
        let Some(check) = self.checks.get(cx.table, index) else { return };
        let number = check.last_number();
        let to = Target { lane: Lane::Stream, ..Target::to(cx.table.row(index).addr.clone()) };
        self.intents.push(cx.stats, to, Intent::Ping { number, promise: 0 });
    }

    /// No ping was answered, and no helper got an answer.
    fn conclude(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex) {
        let live = cx.table.live().len();
        let Some(check) = self.checks.get_mut(cx.table, index) else { return };
        if let Some(claimed) = check.claim {
            return self.believe(cx, index, claimed);
        }
        let helpers = cx.config.membership.indirect_probes.min(live.saturating_sub(2));
        let alone = live <= SMALL && check.helpers.heard == 0 && self.deaf >= DEAF_TRIES;
        let abstains = cx.config.keeps(Safeguard::Abstention);
        let heard = !abstains || usize::from(check.helpers.heard) >= CONTROLS.min(helpers);
        let (asked, asks) = (check.helpers.times, if self.deaf > 0 { 1 } else { HELPER_ASKS });
        if heard && self.speaks(cx, index) {
            return self.clear(cx, index, true);
        }
        if heard || alone {
            self.deaf = 0;
            return self.suspect(cx, index);
        }
        if asked < asks {
            return self.ask_helpers(cx, index);
        }
        // It may be this node that is not heard, or hears late.
        self.deaf = self.deaf.saturating_add(1);
        self.checks.close(cx.table, index);
        cx.stats.abstentions += 1;
        self.suspect_partition(cx);
    }

    /// Whether the member did not answer of late, or is held down by others: news told to it may be told in vain.
    pub(crate) fn doubts(&self, table: &Table<P>, index: MemberIndex) -> bool {
        self.checks.get(table, index).is_some_and(|check| check.claim.is_some() || check.attempts > 1)
    }

    /// Tells a member what others say of it, if they hold it down: it may want to refute that. Once, and not while such
    /// verdicts prove idle.
    pub(crate) fn accuse(&self, now: Instant, table: &Table<P>, index: MemberIndex, packet: &mut Writer<'_>) {
        let check = self.checks.get(table, index);
        if check.is_some_and(|check| check.claim.is_some() && check.attempts == 1) && !self.wary.is_wary(now) {
            let mut news = Some(self.news(table, index));
            packet.list(tag::UPDATES, |w| news.take().map_or(Ok(false), |news| news.write(w).map(|()| true)));
        }
    }

    /// Whether the member sends packets although it does not answer: it reads late, or cannot send much. Not judged by
    /// whoever is himself not heard.
    pub(super) fn speaks(&self, cx: &Cx<'_, P>, index: MemberIndex) -> bool {
        let since = self.checks.get(cx.table, index).map_or(cx.now, |check| check.since);
        cx.table.notes(index).was_heard_after(since + cx.config.membership.probe_timeout)
    }

    /// A ping, perhaps with a promise: if the next does not come, this node asks.
    pub(super) fn pinged(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, ping: Ping) {
        let Some(index) = from.row.filter(|_| ping.promise != Ping::DEAF) else { return };
        let row = cx.table.row(index);
        if row.member != from.sender || row.addr != *from.addr || !row.status.is_live() {
            return;
        }
        let member = row.member;
        cx.table.notes_mut(index).hear(cx.now);
        if ping.promise > 0 {
            let grace = self.patience_for_ack(cx, index) + PROMISE_SLACK;
            let expected = cx.now + Duration::from_millis(u64::from(ping.promise) * 10);
            self.promises.note(index, member, expected, grace);
        }
    }

    /// Asks whoever broke a promise.
    pub(super) fn check_promises(&mut self, cx: &mut Cx<'_, P>) {
        while let Some(promise) = self.promises.broken(cx.now) {
            if self.deaf > 0 {
                // It may well have come.
                continue;
            }
            let same = cx.table.get(promise.index).is_some_and(|row| row.member == promise.member);
            if same
                && cx.table.row(promise.index).status.is_live()
                && self.checks.get(cx.table, promise.index).is_none()
            {
                self.ask(cx, promise.index, None);
                // The ping that did not come is the first that was not answered.
                if let Some(check) = self.checks.get_mut(cx.table, promise.index) {
                    check.since = promise.expected;
                }
            }
        }
    }

    /// An answer to one of this node's own pings. Whether it was one.
    pub(super) fn answered(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, number: u32) -> bool {
        let Some(index) = from.row else { return false };
        let Some(check) = self.checks.get(cx.table, index) else { return false };
        // Another life of it says nothing of this one, but that a claim of its death is idle.
        if check.member != from.sender && check.claim.is_none() {
            return false;
        }
        let Some(rtt) = check.round_trip(cx.now, number) else { return false };
        let fresh = rtt <= cx.config.membership.probe_interval;
        if check.attempts == 1 {
            cx.table.loss.sample(fresh);
        }
        if fresh {
            self.deaf = 0;
        }
        // What went by a stream, and perhaps opened one, tells nothing of datagrams.
        if fresh && from.lane == Lane::Datagram {
            cx.table.notes_mut(index).rtt.sample(rtt);
            self.rtt.sample(rtt);
            self.coordinates.measured(index);
        }
        self.clear(cx, index, fresh);
        true
    }

    /// A helper tells what became of the probe that it was asked for.
    pub(super) fn handle_ping_reply(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, reply: PingReply) {
        if from.row.is_none() {
            return;
        }
        let interval = cx.config.membership.probe_interval;
        let Some(check) = self.checks.asked_under(reply.number) else { return };
        if cx.now.since(check.helpers.asked_at) > interval {
            return;
        }
        check.helpers.heard = check.helpers.heard.saturating_add(1);
        check.helpers.missing = check.helpers.missing.saturating_sub(1);
        let (index, all) = (check.index, check.helpers.missing == 0);
        if reply.answered {
            self.clear(cx, index, true);
        } else if all {
            self.wait(cx, index, Duration::ZERO);
        }
    }

    /// Pings another member for one that got no answer from it.
    pub(super) fn handle_ping_request(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, request: PingRequest) {
        if from.answer != usize::MAX || !self.is_running() {
            return;
        }
        let Some(index) = cx.table.find(request.target) else { return };
        let until = cx.now + self.helper_patience(cx, index);
        let (number, row) = (cx.rng.u32(), cx.table.row(index));
        if self.favours.begin((index, row.member), (from.addr.clone(), request.number), number, until) {
            self.intents.push(cx.stats, Target::to(row.addr.clone()), Intent::Ping { number, promise: 0 });
        }
    }

    /// Goes on with what was asked for others.
    pub(super) fn do_favours(&mut self, cx: &mut Cx<'_, P>) {
        loop {
            let (rtt, table, config) = (&self.rtt, &cx.table, &cx.config.membership);
            let half = config.probe_timeout / 2;
            let wait = |at| table.notes(at).rtt.timeout(rtt, config).min(half);
            match self.favours.due(cx.now, |target| cx.now + wait(target)) {
                Some(Need::Retry(target, number)) => {
                    let Some(row) = cx.table.get(target) else { continue };
                    self.intents.push(cx.stats, Target::to(row.addr.clone()), Intent::Ping { number, promise: 0 });
                }
                Some(Need::Refuse(asker, number)) => {
                    let reply = PingReply { number, answered: false };
                    self.intents.push(cx.stats, Target::to(asker), Intent::PingReply(reply));
                }
                None => return,
            }
        }
    }

    /// This node slept, and the answers that came meanwhile may still wait in its socket: its doubts are begun anew, none
    /// of them before `until`.
    pub(crate) fn put_off(&mut self, cx: &mut Cx<'_, P>, until: Instant) {
        self.promises.put_off(until);
        self.drowsy = until;
        let mut doubted: SmallVec<[MemberIndex; 8]> = SmallVec::new();
        for check in self.checks.iter_mut().filter(|check| check.until <= until) {
            if check.stage == Stage::Suspected {
                doubted.push(check.index);
            }
            check.case = None;
            check.since = cx.now;
            check.restart(until);
        }
        for index in doubted {
            cx.table.set_doubt(index, false);
            self.tell(cx, index, MemberChange::Up);
        }
    }

    /// The transport could not deliver to this address: what is asked there goes on without waiting any longer.
    pub(crate) fn unreachable(&mut self, cx: &Cx<'_, P>, addr: &P) {
        let Some(index) = cx.table.find_addr(addr) else { return };
        if self.checks.get(cx.table, index).is_some_and(|check| check.stage == Stage::Direct) {
            self.wait(cx, index, Duration::ZERO);
        }
    }
}
