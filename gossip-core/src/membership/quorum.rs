//! Verdicts by quorum, in the manner of Rapid (Suresh et al., ATC 2018 §4.1): who gets no answer tells the suspect's
//! observers alone; each asks for itself; when enough of them got none for long enough, one tells everybody, and whoever
//! hears it asks the suspect before he believes it. Any answer to anyone ends it.

use core::time::Duration;

use gossip_collections::SmallVec;

use super::apply::Allowance;
use super::checks::{Check, Claimed, Stage};
use super::observers::{self, MAX_RANKED};
use super::table::{ME, MemberIndex};
use super::{Intent, Membership};
use crate::config::Safeguard;
use crate::event::MemberChange;
use crate::identity::Identity;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;
use crate::wire::membership::{Claim, Suspicion};

/// After so many pings of a suspect without a verdict each takes a period.
const BRISK_PINGS: u8 = 24;

impl<P: Peer> Membership<P> {
    /// How long the member may be silent.
    pub(super) fn patience(&self, cx: &Cx<'_, P>, index: MemberIndex) -> Duration {
        cx.table.loss.stretch(cx.table.notes(index).lenience().patience(cx.now, &cx.config.membership.suspicion))
    }

    /// This node got no answer, though others hear it.
    pub(super) fn suspect(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex) {
        let Some(check) = self.checks.get_mut(cx.table, index) else { return };
        check.stage = Stage::Suspected;
        cx.stats.probes_failed += 1;
        cx.stats.suspicions += 1;
        cx.table.set_doubt(index, true);
        self.tell(cx, index, MemberChange::Suspect);
        self.next_round(cx, index);
    }

    /// Asks once more, and tells the observers, unless it is decided.
    pub(super) fn next_round(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex) {
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
            for observer in case.to_tell(&config.suspicion, cx.table).iter().filter(|observer| **observer != ME) {
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
        let enough = !cx.config.keeps(Safeguard::Confirmations) || confirmed.len() >= case.needed(config);
        let enough = enough && silent >= patience && *attempts >= cx.table.loss.unlikely();
        let accused = case.accusers.first().map(|accuser| accuser.by);
        if !enough || self.would_be_alone(cx) {
            return false;
        }
        self.declare_down(cx, index, accused, confirmed);
        true
    }

    /// Others say that the member is down or has left. They are believed once it does not answer here either.
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

    pub(super) fn believe(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, claimed: Claimed) {
        let case = self.checks.close(cx.table, index).and_then(|check| check.case);
        if claimed.claim != Claim::Left && self.would_be_alone(cx) {
            cx.table.set_doubt(index, false);
            return;
        }
        self.enter(cx, index, claimed);
        if let (Some(case), Some(verdict)) = (case, cx.table.notes_mut(index).verdict_mut()) {
            verdict.accused = case.accusers.first().map(|accuser| accuser.by);
            verdict.confirmed = case.accusers.iter().map(|accuser| accuser.by).collect();
        }
    }

    /// The member lives. Whoever asked this node about it hears so, if the answer is fresh: one that was read late says
    /// nothing about now.
    pub(super) fn clear(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, fresh: bool) {
        let Some(check) = self.checks.close(cx.table, index) else { return };
        if check.claim.is_some() {
            self.updates.remove(index);
            cx.stats.claims_dismissed += 1;
            self.wary.dismissed(cx.now);
            cx.table.notes_mut(index).trouble_mut().dismissed = fresh.then_some(cx.now);
        }
        self.acquit(cx, index, &check);
        let Some(case) = check.case.filter(|_| fresh) else { return };
        let told = if case.pings > 0 { case.to_tell(&cx.config.membership.suspicion, cx.table) } else { &[] };
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
            cx.table.notes_mut(index).trouble_mut().lenience.refuted(cx.now);
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
        // Its age counts from when it was said, which nobody knows: the suspect may have answered since. Reason to ask, no more.
        if cx.now < self.drowsy {
            return;
        }
        // Only the member itself confirms, not whoever writes its name.
        let by_itself = |row: MemberIndex| {
            let row = cx.table.row(row);
            row.member == from.sender && row.addr == *from.addr
        };
        if !from.row.is_some_and(by_itself) {
            return;
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
        cx.table.notes_mut(accuser).trouble_mut().suspicions.take(cx.now, Allowance::SUSPICIONS)
    }

    /// Somebody got an answer from a member that this node suspects.
    pub(super) fn handle_veto(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, member: Identity) {
        if from.answer != usize::MAX || !cx.config.keeps(Safeguard::Veto) {
            return;
        }
        let Some(index) = cx.table.find(member.id) else { return };
        if self.checks.get(cx.table, index).is_some_and(|check| check.member == member && check.case.is_some()) {
            cx.stats.vetoes += 1;
            self.clear(cx, index, false);
        }
    }
}
