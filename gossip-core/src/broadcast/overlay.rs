//! The overlay of neighbours: links to a few near members and a random one (the structure of HyParView, Leitão et al., DSN
//! 2007, with X-BOT's bias to short ways, SRDS 2009), asked for, accepted, checked and given up.

use core::time::Duration;

use gossip_collections::SmallVec;

use super::links::{Check, Choice, Link, MAX_LINKS, Slot, Way};
use super::{Broadcast, Intent};
use crate::identity::Identity;
use crate::membership::MemberIndex;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;
use crate::wire::overlay::{LinkKind, LinkSection};

/// So many of the nearest members that were measured are remembered.
const MAX_CANDIDATES: usize = 16;
/// At most so many questions are open.
pub(super) const MAX_QUESTIONS: usize = 16;
/// Who was heard so recently need not be checked.
const FRESH: Duration = Duration::from_millis(300);
/// For so long after packets were lost, as far as links show, their checks are repeated so often more.
const LOSSY: Duration = Duration::from_secs(5);
const MORE_TRIES: u32 = 3;

/// A member whose way was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) row: MemberIndex,
    pub(super) member: Identity,
    pub(super) rtt: Duration,
    /// When it may be asked.
    pub(super) after: Instant,
}

/// What was asked of a member that is no neighbour.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) token: u16,
    pub(super) row: MemberIndex,
    pub(super) member: Identity,
    /// To become a neighbour, or else how long the way is.
    pub(super) wanted: Option<Choice>,
    pub(super) sent: Instant,
    pub(super) due: Instant,
    pub(super) tries: u8,
}

/// Who might become a neighbour, and what was asked.
#[derive(Debug)]
pub(super) struct Overlay {
    /// The nearest first.
    pub(super) candidates: SmallVec<[Candidate; 0]>,
    pub(super) questions: SmallVec<[Question; 0]>,
    /// How many members were measured.
    pub(super) measured: usize,
    pub(super) next_upkeep: Instant,
    pub(super) next_measure: Instant,
    /// How many pings of membership had no answer when last looked at.
    pub(super) misses: u64,
    /// When a link was lost last.
    pub(super) lost_link: Option<Instant>,
    /// When a check was answered last that had to be repeated: packets are lost, not only members.
    late_answer: Option<Instant>,
    /// How many questions in a row had no answer.
    unanswered: u32,
}

impl Overlay {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            candidates: SmallVec::new(),
            questions: SmallVec::new(),
            measured: 0,
            next_upkeep: now,
            next_measure: now,
            misses: 0,
            lost_link: None,
            late_answer: None,
            unanswered: 0,
        }
    }

    /// Takes in how long the way to a member is.
    fn measure(&mut self, row: MemberIndex, member: Identity, rtt: Duration) {
        self.candidates.retain(|candidate| candidate.row != row);
        let at = self.candidates.partition_point(|candidate| candidate.rtt <= rtt);
        self.candidates.insert(at, Candidate { row, member, rtt, after: Instant::ZERO });
        self.candidates.truncate(MAX_CANDIDATES);
    }

    fn answered(&mut self, token: u16, row: MemberIndex) -> Option<Question> {
        let at = self.questions.iter().position(|question| question.token == token && question.row == row)?;
        Some(self.questions.swap_remove(at))
    }

    /// How many times as long as usual the next questions wait: who is heard by nobody does not ask without end.
    pub(super) fn restraint(&self) -> u32 {
        1 << (self.unanswered / 8).min(5)
    }

    /// The next deadline.
    pub(super) fn poll_timeout(&self) -> Instant {
        self.questions
            .iter()
            .map(|question| question.due)
            .min()
            .map_or(self.next_upkeep, |due| due.min(self.next_upkeep))
    }
}

impl<P: Peer> Broadcast<P> {
    pub(super) fn tell_link(&mut self, cx: &mut Cx<'_, P>, to: Target<P>, kind: LinkKind, token: u16) {
        self.intents.push(cx.stats, to, Intent::Link(LinkSection { kind, token }));
    }

    /// Asks a member how long the way is, or to become a neighbour.
    pub(super) fn ask_member(&mut self, cx: &mut Cx<'_, P>, row: MemberIndex, wanted: Option<Choice>) {
        let token = cx.rng.u32() as u16;
        let member = cx.table.row(row).member;
        let patience = self.patience(row);
        let question = Question { token, row, member, wanted, sent: cx.now, due: cx.now + patience, tries: 1 };
        self.overlay.questions.push(question);
        self.send_question(cx, row, token, wanted);
    }

    /// How long an answer of a member that may have been measured is waited for.
    fn patience(&self, row: MemberIndex) -> Duration {
        let known = self.overlay.candidates.iter().find(|candidate| candidate.row == row);
        known.map_or(RETRY, |candidate| (candidate.rtt * 2).clamp(RETRY / 4, RETRY))
    }

    fn send_question(&mut self, cx: &mut Cx<'_, P>, row: MemberIndex, token: u16, wanted: Option<Choice>) {
        let kind = match wanted {
            None => LinkKind::Probe,
            Some(_) if self.links.len() == 0 => LinkKind::Plea,
            Some(_) => LinkKind::Request,
        };
        let to = Target { row: Some(row), ..Target::to(cx.table.row(row).addr.clone()) };
        self.tell_link(cx, to, kind, token);
    }

    /// Repeats questions, and gives up those that stay without an answer.
    pub(super) fn repeat_questions(&mut self, cx: &mut Cx<'_, P>) {
        let mut at = 0;
        while let Some(question) = self.overlay.questions.get_mut(at) {
            if question.due > cx.now {
                at += 1;
                continue;
            }
            let (row, token, wanted) = (question.row, question.token, question.wanted);
            self.overlay.unanswered = self.overlay.unanswered.saturating_add(1);
            // Without any neighbour others are asked instead.
            let tries = if self.links.len() == 0 { 1 } else { 3 };
            let stays = cx.table.is_member(row, question.member) && question.tries < tries;
            if stays && wanted.is_some() {
                question.tries += 1;
                question.sent = cx.now;
                question.due = cx.now + RETRY;
                self.send_question(cx, row, token, wanted);
                at += 1;
            } else {
                self.overlay.questions.swap_remove(at);
                self.overlay.candidates.retain(|candidate| candidate.row != row);
                if wanted.is_some() && self.overlay.restraint() == 1 {
                    self.overlay.next_upkeep = cx.now;
                }
            }
        }
    }

    pub(super) fn handle_link(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: LinkSection) {
        let LinkSection { kind, token } = section;
        let known = |row: &MemberIndex| cx.table.is_live_at(*row, from.addr) && cx.table.is_member(*row, from.sender);
        let Some(row) = from.row.filter(known) else {
            cx.stats.broadcast_strangers += 1;
            return;
        };
        let slot = self.links.find(row);
        let to = Target { row: Some(row), ..Target::answer(from) };
        if let Some(link) = slot.and_then(|slot| self.links.get_mut(slot)).filter(|_| kind == LinkKind::Check) {
            // Who checks a link has it.
            link.heard = cx.now;
        }
        let answer = match kind {
            LinkKind::Probe => Some(LinkKind::Echo),
            // Who was asked may have accepted.
            LinkKind::Check if slot.is_some() || self.awaits(row) => Some(LinkKind::Echo),
            LinkKind::Check => Some(LinkKind::Drop),
            LinkKind::Request | LinkKind::Plea => {
                let room = if kind == LinkKind::Plea { MAX_LINKS } else { cx.config.broadcast.max_neighbours };
                self.accept(cx, from, to, token, room);
                return;
            }
            LinkKind::Echo | LinkKind::Accept | LinkKind::Refuse => self.handle_answer(cx, from, row, section),
            LinkKind::Release => self.release(slot),
            LinkKind::Drop => {
                self.drop_link(cx, slot);
                None
            }
        };
        if let Some(answer) = answer {
            self.tell_link(cx, to, answer, token);
        }
    }

    /// Whether a member was asked to be a neighbour and has not answered. It may have, and the answer is still on its way.
    pub(super) fn awaits(&self, row: MemberIndex) -> bool {
        self.overlay.questions.iter().any(|question| question.row == row && question.wanted.is_some())
    }

    /// A member wants to be a neighbour. It is told before anything else: before that it takes nothing from this node.
    fn accept(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, to: Target<P>, token: u16, room: usize) {
        let Some(row) = to.row else { return };
        if let Some(link) = self.links.find(row).and_then(|slot| self.links.get_mut(slot)) {
            link.theirs = true;
            self.tell_link(cx, to, LinkKind::Accept, token);
            return;
        }
        if self.links.len() >= room {
            self.tell_link(cx, to, LinkKind::Refuse, token);
            return;
        }
        self.tell_link(cx, to, LinkKind::Accept, token);
        // Its way is as long as it is: the neighbour chose it.
        if let Some(slot) = self.connect(cx, row, from.sender, None, Way::guess(RETRY)) {
            self.check(cx, slot);
        }
    }

    fn handle_answer(
        &mut self,
        cx: &mut Cx<'_, P>,
        from: &Source<'_, P>,
        row: MemberIndex,
        LinkSection { kind, token }: LinkSection,
    ) -> Option<LinkKind> {
        let slot = self.links.find(row);
        if let Some(link) = slot.and_then(|slot| self.links.get_mut(slot)) {
            link.heard = cx.now;
            if let Some(check) = link.check.take_if(|check| check.token == token) {
                // Which of several it answers does not show.
                cx.table.has_answered(row);
                if check.tries > 1 {
                    self.overlay.late_answer = Some(cx.now);
                }
                if check.tries == 1 || link.way.is_guessed() {
                    link.way.sample(cx.now.since(check.sent));
                    self.tree.dirty = true;
                }
            }
        }
        let Some(question) = self.overlay.answered(token, row) else {
            // A late answer: what was given up meanwhile is not wanted any more.
            return (kind == LinkKind::Accept && slot.is_none()).then_some(LinkKind::Drop);
        };
        cx.table.has_answered(row);
        self.overlay.unanswered = 0;
        let rtt = cx.now.since(question.sent);
        if question.tries == 1 && slot.is_none() {
            self.overlay.measured += 1;
            self.overlay.measure(row, from.sender, rtt);
        }
        match (kind, question.wanted) {
            (LinkKind::Accept, Some(choice)) => self.linked(cx, from, row, choice, rtt),
            (LinkKind::Refuse, Some(_)) => {
                for candidate in self.overlay.candidates.iter_mut().filter(|candidate| candidate.row == row) {
                    candidate.after = cx.now + Duration::from_secs(60);
                }
                self.overlay.next_upkeep = cx.now;
            }
            _ => (),
        }
        None
    }

    /// A member that was asked has accepted.
    fn linked(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, row: MemberIndex, choice: Choice, rtt: Duration) {
        self.overlay.candidates.retain(|candidate| candidate.row != row);
        match self.links.find(row).and_then(|slot| self.links.get_mut(slot)) {
            Some(link) => link.mine = Some(choice),
            None => _ = self.connect(cx, row, from.sender, Some(choice), Way::new(rtt)),
        }
        self.overlay.next_upkeep = self.overlay.next_upkeep.min(cx.now + RETRY);
    }

    fn connect(
        &mut self,
        cx: &mut Cx<'_, P>,
        row: MemberIndex,
        member: Identity,
        mine: Option<Choice>,
        way: Way,
    ) -> Option<Slot> {
        let link = Link::new(cx.now, row, member, cx.table.row(row).addr.clone(), way);
        let slot = self.links.insert(Link { mine, theirs: mine.is_none(), ..link })?;
        self.tree.dirty = true;
        self.announce_recent(cx, slot);
        Some(slot)
    }

    fn release(&mut self, slot: Option<Slot>) -> Option<LinkKind> {
        let Some(slot) = slot else { return Some(LinkKind::Drop) };
        let link = self.links.get_mut(slot)?;
        link.theirs = false;
        if link.mine.is_some() {
            return None;
        }
        self.remove_link(slot);
        Some(LinkKind::Drop)
    }

    /// The neighbour gave the link up.
    fn drop_link(&mut self, cx: &Cx<'_, P>, slot: Option<Slot>) {
        let Some(slot) = slot else { return };
        if self.links.get(slot).is_some_and(|link| link.mine.is_some()) {
            self.overlay.next_upkeep = cx.now;
        }
        self.remove_link(slot);
    }

    pub(super) fn remove_link(&mut self, slot: Slot) {
        self.links.remove(slot);
        self.flights.forget_link(slot);
        self.lazy.forget_link(slot);
        self.fetches.forget_link(slot);
        self.tree.forget_link(slot);
    }

    /// Asks a neighbour whether the link is still there, unless that was asked already.
    pub(super) fn check(&mut self, cx: &mut Cx<'_, P>, slot: Slot) {
        let Some(link) = self.links.get_mut(slot).filter(|link| link.check.is_none()) else { return };
        let token = cx.rng.u32() as u16;
        link.check = Some(Check { token, tries: 1, sent: cx.now, due: cx.now + link.way.timeout() });
        let to = Target { row: Some(link.row), ..Target::to(link.addr.clone()) };
        self.tell_link(cx, to, LinkKind::Check, token);
    }

    /// Checks every link of which nothing was heard just now: something is wrong with the network.
    pub(super) fn check_all(&mut self, cx: &mut Cx<'_, P>) {
        for slot in self.links.all().iter() {
            if self.links.get(slot).is_some_and(|link| cx.now.since(link.heard) > FRESH) {
                self.check(cx, slot);
            }
        }
    }

    /// Repeats checks, and gives up links that do not answer.
    pub(super) fn repeat_checks(&mut self, cx: &mut Cx<'_, P>) {
        let lossy = self.overlay.late_answer.is_some_and(|at| cx.now < at + LOSSY);
        let enough = cx.table.loss.unlikely() + if lossy { MORE_TRIES } else { 0 };
        for slot in self.links.all().iter() {
            let Some(link) = self.links.get_mut(slot) else { continue };
            let timeout = link.way.timeout();
            let Some(check) = link.check.as_mut().filter(|check| check.due <= cx.now) else { continue };
            if link.heard > check.sent && !link.way.is_guessed() {
                link.check = None;
                continue;
            }
            if u32::from(check.tries) >= enough {
                self.lose_link(cx, slot);
                continue;
            }
            check.tries += 1;
            check.sent = cx.now;
            check.due = cx.now + timeout.min(RETRY);
            let (token, to) = (check.token, Target { row: Some(link.row), ..Target::to(link.addr.clone()) });
            self.tell_link(cx, to, LinkKind::Check, token);
        }
    }

    /// A neighbour does not answer: where one is gone others may be, too. If it is not gone, it should not wait for messages.
    pub(super) fn lose_link(&mut self, cx: &mut Cx<'_, P>, slot: Slot) {
        cx.stats.broadcast_links_lost += 1;
        self.overlay.lost_link = Some(cx.now);
        if let Some(link) = self.links.get(slot) {
            let to = Target { row: Some(link.row), ..Target::to(link.addr.clone()) };
            self.tell_link(cx, to, LinkKind::Drop, 0);
        }
        self.remove_link(slot);
        self.check_all(cx);
        self.overlay.next_upkeep = cx.now;
    }
}

/// How long an answer of a member that was not measured is waited for.
pub(super) const RETRY: Duration = Duration::from_millis(130);
