//! Two live nodes that claim one id. The later life wins: the higher generation, and of two with the same one that at the
//! lower address. The other stops without a word, once it has heard the winner itself: a restart under another address,
//! whose former life is dead, and a forged record look the same from afar.
//!
//! ```text
//! the loser     is told of a record that speaks for it from another address; asks there; heard: it yields
//! the winner    is asked by the loser; asks back; heard: it states itself above all that was said
//! an observer   is pinged by one whom its table holds elsewhere; asks back; heard: it tells that one of the other
//! ```

use gossip_collections::{SmallVec, VecDeque};

use super::leave::Phase;
use super::table::{ME, MemberIndex};
use super::{Intent, Membership};
use crate::event::{Claimant, Event};
use crate::identity::NodeId;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::{Instant, earliest};
use crate::wire;
use crate::wire::membership::{Record, Section};

/// An address that a record names is asked so often.
const TRIES: u8 = 3;
/// Of one id no more is told for so many seconds, so that two that cannot reach each other are no nuisance.
const MEMORY_S: u64 = 60;
/// Of so many ids at most.
const MAX_TOLD: usize = 32;

/// Somebody at an address is asked whether he claims an id.
#[derive(Debug)]
struct Question<P> {
    id: NodeId,
    addr: P,
    number: u32,
    until: Instant,
    tries: u8,
    /// Whether the other one said itself that it is at another address.
    stated: bool,
    /// The highest incarnation of this node that was heard from elsewhere and is not refuted yet.
    heard: Option<u64>,
}

/// Whether others bear the name of this node, or each other's.
#[derive(Debug)]
pub(super) struct Namesakes<P> {
    own: Option<Question<P>>,
    other: Option<Question<P>>,
    /// When this node asked last.
    asked: Option<Instant>,
    /// Of whom was told, and when.
    told: VecDeque<(NodeId, Instant)>,
}

impl<P: Peer> Namesakes<P> {
    pub(super) fn new() -> Self {
        Self { own: None, other: None, asked: None, told: VecDeque::new() }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        earliest([&self.own, &self.other].map(|question| question.as_ref().map(|question| question.until)))
    }

    /// The question that this answers.
    fn answered(&mut self, from: &Source<'_, P>, number: u32) -> Option<Question<P>> {
        let fits = |question: &mut Question<P>| {
            question.number == number && question.addr == *from.addr && question.id == from.sender.id
        };
        self.own.take_if(fits).or_else(|| self.other.take_if(fits))
    }

    fn was_told(&mut self, now: Instant, id: NodeId) -> bool {
        while self.told.front().is_some_and(|(_, at)| now.since(*at).as_secs() >= MEMORY_S) {
            self.told.pop_front();
        }
        self.told.iter().any(|(told, _)| *told == id)
    }

    /// Whether it is time to tell of it; then it is told.
    fn is_news(&mut self, now: Instant, id: NodeId) -> bool {
        if self.was_told(now, id) {
            return false;
        }
        if self.told.len() == MAX_TOLD {
            self.told.pop_front();
        }
        self.told.push_back((id, now));
        true
    }
}

impl<P: Peer> Membership<P> {
    /// A record about this node: whether it speaks for it from another address, and is to be followed up before it is
    /// answered.
    pub(super) fn meets_namesake(&mut self, cx: &mut Cx<'_, P>, record: &Record<P>) -> bool {
        let mine = cx.table.row(ME);
        let later = (record.member.generation, record.incarnation) >= (cx.me.generation, mine.incarnation);
        if !later || record.addr == mine.addr || !self.is_running() {
            return false;
        }
        let same = record.member.generation == cx.me.generation;
        if let Some(question) = &mut self.namesakes.own {
            if same {
                question.heard = question.heard.max(Some(record.incarnation));
            }
            return same;
        }
        // The first word is refuted at once; while it goes back and forth each waits for an answer.
        let first = self.namesakes.asked.is_none_or(|at| cx.now.since(at).as_secs() >= MEMORY_S);
        let waits = same && !(first && record.incarnation > mine.incarnation);
        self.namesakes.asked = Some(cx.now);
        let question = self.question(cx, cx.me.id, record.addr.clone(), TRIES);
        let to = Target::to(record.addr.clone());
        self.intents.push(cx.stats, to, Intent::AskNamesake(question.number));
        self.namesakes.own = Some(Question { heard: waits.then_some(record.incarnation), ..question });
        waits
    }

    /// A ping: whether it was from one who claims this node's id, or an id that the table holds elsewhere, and was answered by a
    /// question. Not by both: the address is not proved.
    pub(super) fn pinged_by_namesake(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>) -> bool {
        let Some(index) = from.row.filter(|_| self.is_running()) else { return false };
        let row = cx.table.row(index);
        let elsewhere = row.status.is_live() && row.addr != *from.addr;
        if !elsewhere || index != ME && from.sender.generation > row.member.generation {
            return false;
        }
        let asked = if index == ME { &self.namesakes.own } else { &self.namesakes.other };
        if asked.is_some() || self.namesakes.was_told(cx.now, from.sender.id) {
            return false;
        }
        let question = self.question(cx, from.sender.id, from.addr.clone(), 1);
        self.intents.push(cx.stats, Target::answer(from), Intent::Ping { number: question.number, promise: 0 });
        *(if index == ME { &mut self.namesakes.own } else { &mut self.namesakes.other }) = Some(question);
        true
    }

    /// A member that is live elsewhere by the table joins: is somebody there still?
    pub(super) fn joins_elsewhere(&mut self, cx: &mut Cx<'_, P>, index: MemberIndex, record: &Record<P>) {
        let row = cx.table.row(index);
        if index == ME || !row.status.is_live() || row.addr == record.addr || self.namesakes.other.is_some() {
            return;
        }
        let question = self.question(cx, row.member.id, row.addr.clone(), TRIES);
        let to = Target::to(question.addr.clone());
        self.intents.push(cx.stats, to, Intent::AskNamesake(question.number));
        self.namesakes.other = Some(Question { stated: true, ..question });
    }

    /// A packet under this node's very identity. Whether it is another's.
    pub(crate) fn hear_namesake<'a>(
        &mut self,
        cx: &mut Cx<'_, P>,
        from: &Source<'_, P>,
        sections: impl Iterator<Item = wire::Section<'a, P>>,
    ) -> bool {
        let mut heard = false;
        if cx.table.row(ME).addr == *from.addr {
            return heard;
        }
        for section in sections {
            let wire::Section::Membership(section) = section else { continue };
            match section {
                Section::Ping(ping) if self.is_own_question(ping.probe.number) => self.namesakes.own = None,
                Section::Ping(ping) => {
                    if !self.pinged_by_namesake(cx, from) {
                        self.intents.push(
                            cx.stats,
                            Target::answer(from),
                            Intent::Ack { number: ping.probe.number, place: false },
                        );
                    }
                    heard = true;
                }
                Section::Ack(probe) => heard |= self.namesake_answered(cx, from, probe.number),
                _ => (),
            }
        }
        heard
    }

    /// Whether a question was answered by this.
    pub(super) fn namesake_answered(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, number: u32) -> bool {
        let Some(question) = self.namesakes.answered(from, number) else { return false };
        let Some(index) = cx.table.find(question.id) else { return true };
        let row = cx.table.row(index);
        let theirs = Claimant { generation: from.sender.generation, addr: from.addr.clone() };
        let held = Claimant { generation: row.member.generation, addr: row.addr.clone() };
        if theirs.addr == held.addr {
            return true;
        }
        let known = theirs.generation != held.generation || question.stated || index == ME;
        let wins = held.generation > theirs.generation
            || held.generation == theirs.generation && (index != ME || held.addr < theirs.addr);
        if index != ME {
            if !wins {
                return true;
            }
            // It asks the other one in turn. Its address is proved by its answer.
            let to = Target::to(from.addr.clone());
            self.intents.push(cx.stats, to, Intent::Records(SmallVec::from_slice(&[index])));
        } else if !wins {
            self.yields(cx);
        } else if held.generation == theirs.generation {
            let mine = cx.table.row(ME).incarnation;
            self.refute(cx, question.heard.map_or(mine, |heard| heard.max(mine)));
        }
        if self.namesakes.is_news(cx.now, question.id) && known {
            let (winner, loser) = if wins { (held, theirs) } else { (theirs, held) };
            cx.events.push(Event::Namesake { id: question.id, winner, loser });
        }
        true
    }

    /// Asks again, or gives up: then nobody is there, and what was said of this node is refuted.
    pub(super) fn ask_namesakes(&mut self, cx: &mut Cx<'_, P>) {
        let now = cx.now;
        let due = |question: &mut Question<P>| question.until <= now;
        for own in [true, false] {
            let slot = if own { &mut self.namesakes.own } else { &mut self.namesakes.other };
            let Some(mut question) = slot.take_if(due) else { continue };
            question.tries -= 1;
            if question.tries > 0 {
                question.until = cx.now + cx.config.membership.probe_timeout;
                let (to, number) = (Target::to(question.addr.clone()), question.number);
                *slot = Some(question);
                self.intents.push(cx.stats, to, Intent::AskNamesake(number));
            } else if let Some(heard) = question.heard.filter(|heard| *heard >= cx.table.row(ME).incarnation) {
                self.refute(cx, heard);
            }
        }
    }

    fn question(&self, cx: &mut Cx<'_, P>, id: NodeId, addr: P, tries: u8) -> Question<P> {
        let until = cx.now + cx.config.membership.probe_timeout;
        Question { id, addr, number: cx.rng.u32(), until, tries, stated: false, heard: None }
    }

    fn is_own_question(&self, number: u32) -> bool {
        self.namesakes.own.as_ref().is_some_and(|question| question.number == number)
    }

    /// Stops without a goodbye, which would be the winner's. Whoever asks meanwhile still gets an answer.
    fn yields(&mut self, cx: &Cx<'_, P>) {
        self.phase = Phase::Yielding { until: cx.now + cx.config.membership.probe_timeout * 2 };
        self.updates.remove(ME);
        self.gossip_at = None;
    }
}
