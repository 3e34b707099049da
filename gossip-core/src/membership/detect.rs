//! Failure detection: SWIM's probes (Das, Gupta, Motivala, DSN 2002) with verdicts by quorum, in the manner of Rapid
//! (Suresh et al., ATC 2018 §4.1): who gets no answer tells the suspect's observers alone; each asks for itself; when
//! enough of them got none for long enough, one tells everybody, and whoever hears it asks the suspect before he believes
//! it. Any answer to anyone ends it. Who cannot even reach its helpers abstains (Lifeguard, arXiv 1707.00788 §IV-A).

use core::time::Duration;

use smallvec::SmallVec;

use super::apply::Allowance;
use super::checks::{Check, Claimed, Stage};
use super::favours::Need;
use super::observers::{self, MAX_RANKED};
use super::table::{ME, MemberIndex};
use super::{Intent, Membership, Status};
use crate::event::MemberChange;
use crate::identity::Identity;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;
use crate::wire::membership::{Ping, PingReply, PingRequest, Suspicion};

/// So many pings go out before helpers are asked.
const DIRECT_PINGS: u32 = 2;
/// So many helpers must be heard, of those that were asked, before silence is held against another.
const CONTROLS: usize = 2;
/// So often helpers are asked, each time others, before this node puts it down to itself that too few are heard.
const HELPER_ASKS: u8 = 3;
/// In a cluster of so many who hears nobody at all may still decide, after it has tried so often: there is nobody else.
const SMALL: usize = 4;
const DEAF_TRIES: u8 = 2;
/// After so many pings of a suspect without a verdict each takes a period.
const BRISK_PINGS: u8 = 24;
/// A promised ping may be late by this much more than an answer.
const PROMISE_SLACK: Duration = Duration::from_millis(20);

impl<P: Peer> Membership<P> {
    /// How long to wait for the member's answer.
    fn patience_for_ack(&self, cx: &Cx<'_, P>, index: MemberIndex) -> Duration {
        cx.table.row(index).rtt.timeout(&self.rtt, &cx.config.membership)
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
    fn ping(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, promise: Option<Duration>) {
        let Some(check) = self.checks.get_mut(cx.table, index) else { return };
        let number = check.ping(cx.now);
        cx.stats.probes += 1;
        let hundredths = |after: Duration| u16::try_from(after.as_millis().div_ceil(10)).unwrap_or(0) % Ping::DEAF;
        let deaf = cx.now.since(self.heard) > cx.config.membership.suspicion.patience * 2;
        let promise = if deaf { Ping::DEAF } else { promise.map_or(0, hundredths) };
        let to = Target::to(cx.table.row(index).addr.clone());
        self.intents.push(cx.stats, to, Intent::Ping { number, promise });
    }

    /// How long the member may be silent.
    fn patience(&self, cx: &Cx<'_, P>, index: MemberIndex) -> Duration {
        self.loss.stretch(cx.table.row(index).lenience.patience(cx.now, &cx.config.membership.suspicion))
    }

    /// As long, but so that two pings take no longer than the asker allows for.
    fn helper_patience(&self, cx: &Cx<'_, P>, index: MemberIndex) -> Duration {
        self.patience_for_ack(cx, index).min(cx.config.membership.probe_timeout / 2)
    }

    fn wait(&mut self, cx: &Cx<'_, P>, index: MemberIndex, wait: Duration) {
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
                Stage::Direct if attempts < if claimed { 2 + self.loss.unlikely() / 4 } else { DIRECT_PINGS } => {
                    if attempts == 1 {
                        self.loss.sample(false);
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

    /// No ping was answered, and no helper got an answer.
    fn conclude(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex) {
        let live = cx.table.live().len();
        let Some(check) = self.checks.get_mut(cx.table, index) else { return };
        if let Some(claimed) = check.claim {
            return self.believe(cx, index, claimed);
        }
        let helpers = cx.config.membership.indirect_probes.min(live.saturating_sub(2));
        let alone = live <= SMALL && check.helpers.heard == 0 && self.deaf >= DEAF_TRIES;
        let heard = usize::from(check.helpers.heard) >= CONTROLS.min(helpers);
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
    }

    /// Whether the member sends packets although it does not answer: it reads late, or cannot send much. Not judged by
    /// whoever is himself not heard.
    fn speaks(&self, cx: &Cx<'_, P>, index: MemberIndex) -> bool {
        let since = self.checks.get(cx.table, index).map_or(cx.now, |check| check.since);
        cx.table.row(index).heard > since + cx.config.membership.probe_timeout
    }

    /// This node got no answer, though others hear it.
    fn suspect(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex) {
        let Some(check) = self.checks.get_mut(cx.table, index) else { return };
        check.stage = Stage::Suspected;
        cx.stats.probes_failed += 1;
        cx.stats.suspicions += 1;
        cx.table.set_doubt(index, true);
        self.tell(cx, index, MemberChange::Suspect);
        self.next_round(cx, index);
    }

    /// Asks once more, and tells the observers, unless it is decided.
    fn next_round(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex) {
        let ranked = observers::ranked(cx.table, index, MAX_RANKED);
        let (me, config, patience) = (cx.me.id, &cx.config.membership, self.patience(cx, index));
        let Some(check) = self.checks.get_mut(cx.table, index) else { return };
        check.case().ranked = ranked;
        check.case().accuse(cx.now, me, patience);
        if self.speaks(cx, index) {
            return self.clear(cx, index, true);
        }
        if self.decide(cx, index) {
            return;
        }
        self.ping(cx, index, None);
        let Some(check) = self.checks.get_mut(cx.table, index) else { return };
        let tenths = |time: Duration| u8::try_from(time.as_millis() / 100).unwrap_or(u8::MAX);
        let silent = cx.now.since(check.since);
        let suspicion = Suspicion { suspect: check.member, age: tenths(silent), patience: tenths(patience) };
        let case = check.case();
        let brisk = case.pings < BRISK_PINGS;
        // At first, that they ask too; then for as long as too few of them confirmed, and when it is to be decided.
        let settled = case.accusers.len() >= case.needed(&config.suspicion);
        let soon = silent + config.probe_interval >= patience;
        if case.pings == 0 || (case.pings % 4 == 0 || !brisk) && (soon || !settled) {
            case.spares += u8::from(!settled);
            for observer in case.to_tell(&config.suspicion).iter().filter(|observer| **observer != ME) {
                let to = Target::to(cx.table.row(*observer).addr.clone());
                self.intents.push(cx.stats, to, Intent::Suspicion(suspicion));
            }
        }
        case.pings = case.pings.saturating_add(1);
        let pause = if brisk { config.probe_interval / 4 } else { config.probe_interval };
        let decision = check.since + patience;
        let next = cx.now + pause;
        check.until = if decision > cx.now { next.min(decision) } else { next };
        let until = check.until;
        self.checks.wake(until);
    }

    /// Holds the member down if it has been silent for long enough towards enough observers. Whether it did.
    fn decide(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex) -> bool {
        let config = &cx.config.membership.suspicion;
        let patience = self.patience(cx, index);
        let Some(Check { stage: Stage::Suspected, since, attempts, case: Some(case), .. }) =
            self.checks.get(cx.table, index)
        else {
            return false;
        };
        // Told anew before that, by whoever still gets no answer.
        let validity = cx.config.membership.probe_interval * 5 / 2;
        let silent = cx.now.since(*since);
        let confirmed = case.confirmed(cx.now, cx.table, validity, silent);
        let enough = confirmed.len() >= case.needed(config);
        let enough = enough && silent >= patience && *attempts >= self.loss.unlikely();
        let accused = case.accusers.first().map(|accuser| accuser.by);
        if !enough || self.would_be_alone(cx) {
            return false;
        }
        self.declare_down(cx, index, accused, confirmed);
        true
    }

    /// Others say that the member is down. They are believed once it does not answer here either.
    pub(super) fn hear_claim(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, claimed: Claimed) {
        if self.checks.get(cx.table, index).is_none() {
            self.ask(cx, index, None);
        }
        let Some(check) = self.checks.get_mut(cx.table, index) else { return };
        if check.stage == Stage::Suspected {
            return self.believe(cx, index, claimed);
        }
        if check.claim.is_none() {
            check.claim = Some(claimed);
            cx.stats.claims += 1;
            // Passed on at once, and dropped by each for himself if the member answers; but not while many are idle.
            if !self.wary.is_wary(cx.now) {
                self.spread(cx, index);
            }
        }
    }

    fn believe(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, claimed: Claimed) {
        self.checks.close(cx.table, index);
        if self.would_be_alone(cx) {
            cx.table.set_doubt(index, false);
            return;
        }
        self.take_down(cx, index, claimed);
    }

    /// A ping, perhaps with a promise: if the next does not come, this node asks.
    pub(super) fn pinged(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, ping: Ping) {
        let Some(index) = from.row.filter(|_| ping.promise != Ping::DEAF) else { return };
        let row = cx.table.row_mut(index);
        if row.member != from.sender || row.addr != *from.addr || !row.status.is_live() {
            return;
        }
        row.heard = cx.now;
        if ping.promise > 0 {
            let row = cx.table.row(index);
            let grace = self.patience_for_ack(cx, index) + PROMISE_SLACK;
            let expected = cx.now + Duration::from_millis(u64::from(ping.promise) * 10);
            self.promises.note(index, row.member, expected, grace);
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
            self.loss.sample(fresh);
        }
        if fresh {
            self.deaf = 0;
            cx.table.row_mut(index).rtt.sample(rtt);
            self.rtt.sample(rtt);
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

    /// The member lives. Whoever asked this node about it hears so, if the answer is fresh: one that was read late says
    /// nothing about now.
    fn clear(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, fresh: bool) {
        let Some(check) = self.checks.close(cx.table, index) else { return };
        if check.claim.is_some() {
            self.updates.remove(index);
            cx.stats.claims_dismissed += 1;
            self.wary.dismissed(cx.now);
            cx.table.row_mut(index).dismissed = fresh.then_some(cx.now);
        }
        self.acquit(cx, index, &check);
        let Some(case) = check.case.filter(|_| fresh) else { return };
        let told = if case.pings > 0 { case.to_tell(&cx.config.membership.suspicion) } else { &[] };
        let mut concerned: SmallVec<[MemberIndex; 16]> = told.iter().copied().collect();
        concerned.extend(case.accusers.iter().filter_map(|accuser| cx.table.find(accuser.by)));
        concerned.sort_unstable();
        concerned.dedup();
        for at in concerned.into_iter().filter(|at| *at != ME) {
            if let Some(row) = cx.table.get(at) {
                self.intents.push(cx.stats, Target::to(row.addr.clone()), Intent::Veto(check.member));
            }
        }
    }

    fn acquit(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, check: &Check) {
        if check.stage != Stage::Suspected || !cx.table.row(index).status.is_live() {
            return;
        }
        if cx.now.since(check.since) * 2 >= self.patience(cx, index) {
            cx.table.row_mut(index).lenience.refuted(cx.now);
        }
        cx.table.set_doubt(index, false);
        self.tell(cx, index, MemberChange::Up);
    }

    /// Another member got no answer from `suspect`. Only its observers follow that up.
    pub(super) fn handle_suspicion(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, suspicion: Suspicion) {
        if from.answer != usize::MAX || !self.is_running() {
            return;
        }
        let to = Target::to(from.addr.clone());
        if suspicion.suspect == *cx.me {
            if Self::heeds(cx, from) {
                self.intents.push(cx.stats, to, Intent::Veto(suspicion.suspect));
            }
            return;
        }
        let Some(index) = cx.table.find(suspicion.suspect.id) else { return };
        let row = cx.table.row(index);
        if row.member != suspicion.suspect || !row.status.is_live() {
            if Self::heeds(cx, from) {
                self.intents.push(cx.stats, to, Intent::Records(SmallVec::from_slice(&[index])));
            }
            return;
        }
        if self.checks.get(cx.table, index).is_none_or(|check| check.case.is_none()) {
            let ranked = observers::ranked(cx.table, index, MAX_RANKED);
            if !ranked.contains(&ME) {
                return;
            }
            if self.checks.get(cx.table, index).is_none() {
                if !Self::heeds(cx, from) {
                    return;
                }
                self.ask(cx, index, None);
            }
            let Some(check) = self.checks.get_mut(cx.table, index) else { return };
            check.case().ranked = ranked;
        }
        let patience = self.patience(cx, index);
        let Some(check) = self.checks.get_mut(cx.table, index) else { return };
        // By others' word alone no more than half of the time is over.
        let age = Duration::from_millis(u64::from(suspicion.age) * 100).min(patience / 2);
        check.since = check.since.min(Instant::from_micros(cx.now.as_micros().saturating_sub(age.as_micros() as u64)));
        let theirs = Duration::from_millis(u64::from(suspicion.patience) * 100);
        // Decided at the next ping, not now: a node that slept reads at once what was said for a while.
        check.case().accuse(cx.now, from.sender.id, theirs);
    }

    /// Whether a suspicion from this address that needs a packet is followed up: each member has some of them.
    fn heeds(cx: &mut Cx<'_, P>, from: &Source<'_, P>) -> bool {
        let accuser = cx.table.find_addr(from.addr).or(from.row).unwrap_or(ME);
        cx.table.row_mut(accuser).suspicions.take(cx.now, Allowance::SUSPICIONS)
    }

    /// Somebody got an answer from a member that this node suspects.
    pub(super) fn handle_veto(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, member: Identity) {
        if from.answer != usize::MAX {
            return;
        }
        let Some(index) = cx.table.find(member.id) else { return };
        if self.checks.get(cx.table, index).is_some_and(|check| check.member == member && check.case.is_some()) {
            cx.stats.vetoes += 1;
            self.clear(cx, index, false);
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
            let wait = |at| table.get(at).map_or(half, |row| row.rtt.timeout(rtt, config).min(half));
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
        let mut doubted: SmallVec<[MemberIndex; 8]> = SmallVec::new();
        for check in self.checks.iter_mut().filter(|check| check.until < until) {
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
