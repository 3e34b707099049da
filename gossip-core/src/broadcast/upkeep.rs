//! What the overlay does in its own time: measuring members, asking for links that are missing, exchanging long ones for
//! short ones, noticing that the network has changed.

use core::time::Duration;

use super::Broadcast;
use super::links::{Choice, Slot, Slots};
use super::overlay::{Candidate, MAX_QUESTIONS, RETRY};
use crate::membership::MemberIndex;
use crate::peer::Peer;
use crate::protocol::{Cx, Target};
use crate::time::Instant;
use crate::wire::overlay::LinkKind;

/// How often links are looked after where nothing happens.
const UPKEEP: Duration = Duration::from_secs(1);
/// How often, and how many at once, members are measured until enough were.
const MEASURE: Duration = Duration::from_millis(200);
const MEASURED_AT_ONCE: usize = 4;
/// How often after that: others join, and ways change.
const REMEASURE: Duration = Duration::from_secs(10);
/// After so many measured the nearest of them will do for the time being.
const ENOUGH: usize = 8;
/// Who has had no way to the root for so long looks for one more link: all that it has may lead to others without one.
pub(super) const LOST: Duration = Duration::from_millis(200);
/// For so long after a link was lost two are asked in parallel for each that is missing: who is asked may be gone as well.
const HASTE: Duration = Duration::from_secs(2);
/// A link of which nothing was heard for so long is checked.
const SILENCE: Duration = Duration::from_secs(25);

impl<P: Peer> Broadcast<P> {
    pub(super) fn look_after_links(&mut self, cx: &mut Cx<'_, P>) {
        self.heed_membership(cx);
        self.repeat_questions(cx);
        self.repeat_checks(cx);
        if cx.now < self.overlay.next_upkeep {
            return;
        }
        self.drop_the_dead(cx);
        let others = cx.table.live().len().saturating_sub(1);
        let measuring = self.measure(cx, others);
        let seeking = self.seek(cx, others);
        let wait = match (measuring, seeking) {
            (true, _) => MEASURE * self.overlay.restraint(),
            (false, true) => RETRY * self.overlay.restraint(),
            (false, false) => UPKEEP,
        };
        let jitter = cx.rng.below(wait.as_micros() as usize / 4) as u64;
        self.overlay.next_upkeep = cx.now + (wait - Duration::from_micros(jitter));
    }

    /// Unanswered pings of membership are a sign, seconds before its verdict, that neighbours may be gone as well.
    fn heed_membership(&mut self, cx: &mut Cx<'_, P>) {
        let misses = cx.table.loss.misses();
        if core::mem::replace(&mut self.overlay.misses, misses) != misses && cx.table.loss.is_sign() {
            self.check_all(cx);
        }
    }

    fn drop_the_dead(&mut self, cx: &mut Cx<'_, P>) {
        for slot in self.links.all().iter() {
            let Some(link) = self.links.get(slot) else { continue };
            let there = cx.table.is_member(link.row, link.member) && cx.table.is_live_at(link.row, &link.addr);
            if !there {
                self.remove_link(slot);
            } else if cx.now.since(link.heard) > SILENCE {
                self.check(cx, slot);
            }
        }
        self.overlay.candidates.retain(|candidate| cx.table.is_member(candidate.row, candidate.member));
    }

    /// Measures members that are neither neighbours nor known as near; whether more are to be measured soon.
    fn measure(&mut self, cx: &mut Cx<'_, P>, others: usize) -> bool {
        let goal = cx.config.broadcast.candidates.min(others.saturating_sub(self.links.len()));
        let measuring = self.overlay.measured < goal;
        if !measuring && cx.now < self.overlay.next_measure {
            return false;
        }
        self.overlay.next_measure = cx.now + REMEASURE;
        let count = if measuring { MEASURED_AT_ONCE } else { 1 };
        for row in cx.table.pick(cx.rng, count, |row| !self.is_engaged(row)) {
            if self.overlay.questions.len() < MAX_QUESTIONS {
                self.ask_member(cx, row, None);
            }
        }
        measuring
    }

    fn is_engaged(&self, row: MemberIndex) -> bool {
        self.links.find(row).is_some() || self.overlay.questions.iter().any(|question| question.row == row)
    }

    /// Asks for what is missing; whether something is.
    fn seek(&mut self, cx: &mut Cx<'_, P>, others: usize) -> bool {
        let wanted = |choice| {
            let held = self.links.iter().filter(|(_, link)| link.mine == Some(choice)).count();
            let asked = self.overlay.questions.iter().filter(|question| question.wanted == Some(choice)).count();
            (held, asked)
        };
        let (near, asked_near) = wanted(Choice::Near);
        let (random, asked_random) = wanted(Choice::Random);
        let free = others.saturating_sub(self.links.len());
        // Without a neighbour two are asked at once, and whoever it is will do.
        let lost = self.tree.lost_since().is_some_and(|since| cx.now >= since + LOST);
        let random_goal =
            if self.links.len() == 0 { 2 } else { cx.config.broadcast.random_neighbours + usize::from(lost) };
        let at_once = if self.overlay.lost_link.is_some_and(|at| cx.now < at + HASTE) { 2 } else { 1 };
        let missing_random = random_goal.saturating_sub(random).min(free);
        for _ in asked_random..missing_random * at_once {
            for row in cx.table.pick(cx.rng, 1, |row| !self.is_engaged(row)) {
                self.ask_member(cx, row, Some(Choice::Random));
            }
        }
        let near_goal = cx.config.broadcast.near_neighbours;
        let missing_near = near_goal.saturating_sub(near).min(free);
        if self.overlay.measured >= ENOUGH.min(others) || missing_near == free {
            for _ in asked_near..missing_near * at_once {
                if let Some(row) = self.nearest(cx.now, |_| true) {
                    self.ask_member(cx, row, Some(Choice::Near));
                }
            }
        }
        self.give_up_surplus(cx, Choice::Random, random > random_goal);
        self.give_up_surplus(cx, Choice::Near, near > near_goal);
        if missing_near == 0 && near == near_goal && asked_near == 0 {
            self.exchange(cx);
        }
        missing_random > 0 || (missing_near > 0 && !self.overlay.candidates.is_empty())
    }

    fn nearest(&self, now: Instant, fits: impl Fn(&&Candidate) -> bool) -> Option<MemberIndex> {
        let free = |one: &&Candidate| one.after <= now && !self.is_engaged(one.row) && fits(one);
        self.overlay.candidates.iter().find(free).map(|one| one.row)
    }

    /// The longest link of a kind that is none of `kept`.
    fn longest(&self, choice: Choice, kept: Slots) -> Option<(Slot, Duration)> {
        let chosen = self.links.iter().filter(|(slot, link)| link.mine == Some(choice) && !kept.contains(*slot));
        chosen.map(|(slot, link)| (slot, link.way.shortest)).max_by_key(|(_, length)| *length)
    }

    /// Gives up the longest link of a kind if there is one too many: none that the tree uses, or what is behind it is cut off.
    fn give_up_surplus(&mut self, cx: &mut Cx<'_, P>, choice: Choice, surplus: bool) {
        if let Some((slot, _)) = self.longest(choice, self.tree.branches(&self.links)).filter(|_| surplus) {
            self.give_up(cx, slot);
        }
    }

    /// Asks for a near link that is shorter than the longest of them.
    fn exchange(&mut self, cx: &mut Cx<'_, P>) {
        let Some((_, length)) = self.longest(Choice::Near, Slots::default()) else { return };
        let shorter = |one: &&Candidate| one.rtt + MARGIN < length * 4 / 5;
        if let Some(row) = self.nearest(cx.now, shorter) {
            self.ask_member(cx, row, Some(Choice::Near));
        }
    }

    /// This node does not need a link any more; it stays while the neighbour does.
    fn give_up(&mut self, cx: &mut Cx<'_, P>, slot: Slot) {
        let Some(link) = self.links.get_mut(slot) else { return };
        link.mine = None;
        let to = Target { row: Some(link.row), ..Target::to(link.addr.clone()) };
        if link.theirs {
            self.tell_link(cx, to, LinkKind::Release, 0);
        } else {
            self.remove_link(slot);
            self.tell_link(cx, to, LinkKind::Drop, 0);
        }
    }
}

/// A way must be shorter by this at least to be worth an exchange.
const MARGIN: Duration = Duration::from_millis(1);
