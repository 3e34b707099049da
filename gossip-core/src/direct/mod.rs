//! Messages to one member: repeated until they are acknowledged or given up, told from their repetitions by their number
//! among those of that life of the sender (RFC 9293 §3.4 for a stream; here each message stands alone, in no order).
//!
//! It knows what is under way to whom, and of each sender which numbers have arrived.

mod facade;
mod inbox;
mod outbox;

pub use facade::{Direct, DirectId, Directs, Undelivered};

use gossip_collections::SmallVec;

use self::inbox::Inbox;
use self::outbox::Outbox;
use crate::config::Config;
use crate::error::CommandError;
use crate::event::Event;
use crate::identity::NodeId;
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Intents, Protocol, Source, Target, Urgency};
use crate::time::Instant;
use crate::wire::direct::{Answer, Answers, Message, PORTS, Section};
use crate::wire::{Item as _, List, Writer, tag};

/// At most so many packets of answers wait; what is not answered is sent again.
const MAX_ANSWERS: usize = 4096;
/// Answers to one sender that wait for one packet.
type Waiting = SmallVec<[Answer; MAX_WAITING]>;
const MAX_WAITING: usize = 8;
/// Everything of a packet but the payload, at its longest: header, section, message.
const OVERHEAD: usize = 64;

/// What direct messages want to send.
#[derive(Clone, Debug)]
pub(crate) enum Intent {
    Message { to: NodeId, sequence: u64 },
    Answers { to: u32, answers: Waiting },
}

impl Urgency for Intent {}

/// One member's part in direct messages.
#[derive(Debug)]
pub(crate) struct DirectState<P> {
    /// Answers go first: who waits for one sends again.
    answers: Intents<P, Intent>,
    outbox: Outbox<P>,
    inbox: Inbox,
}

impl<P: Peer> DirectState<P> {
    pub(crate) fn new(config: &Config) -> Self {
        Self { answers: Intents::new(MAX_ANSWERS), outbox: Outbox::new(config), inbox: Inbox::new() }
    }

    pub(crate) fn facade(&self, config: &Config) -> Directs<'_, P> {
        Directs::new(&self.outbox, max_len(config, Lane::Datagram))
    }

    /// How many more messages the application takes at a port.
    pub(crate) fn set_room(&mut self, port: u8, room: usize) {
        self.inbox.set_room(port, room);
    }

    pub(crate) fn send(
        &mut self,
        cx: &mut Cx<'_, P>,
        to: NodeId,
        port: u8,
        data: &[u8],
    ) -> Result<DirectId, CommandError> {
        if !cx.config.direct.enabled {
            return Err(CommandError::Disabled);
        }
        if port >= PORTS {
            return Err(CommandError::UnknownPort { ports: PORTS });
        }
        let max = max_len(cx.config, Lane::Stream);
        if data.len() > max {
            return Err(CommandError::TooLarge { max });
        }
        if to != cx.me.id {
            return self.outbox.send(cx, to, port, data);
        }
        let id = self.outbox.next_own(to);
        let taken = self.inbox.take(cx, *cx.me, port, data);
        cx.stats.direct_sent += 1;
        settle(cx, id, if taken { Ok(()) } else { Err(Undelivered::InboxFull) });
        Ok(id)
    }

    fn handle_message(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, message: Message<'_>) {
        let Some(taken) = self.inbox.handle(cx, from.sender, message) else { return };
        let to = cx.key.short(from.sender);
        let answer = Answer { sequence: message.sequence, taken };
        // Answers to messages that come in one burst go back in one packet.
        if let Some((target, Intent::Answers { to: same, answers })) = self.answers.last_mut()
            && *same == to
            && target.addr == *from.addr
            && answers.len() < MAX_WAITING
        {
            answers.push(answer);
            return;
        }
        let answers = SmallVec::from_iter([answer]);
        self.answers.push(cx.stats, Target::answer(from), Intent::Answers { to, answers });
    }

    fn handle_answers(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, answers: List<'_, Answer>) {
        for answer in answers.iter() {
            self.outbox.answered(cx, from.sender, answer);
        }
    }
}

impl<P: Peer> Protocol<P> for DirectState<P> {
    type Section<'a> = Section<'a>;
    type Intent = Intent;

    /// Of members at their address alone, in the life that they are known in; each section names this life of this node.
    fn handle(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, section: Section<'_>) {
        let known = from.answer == usize::MAX && from.row.is_some_and(|row| cx.table.row(row).member == from.sender);
        let to = match section {
            Section::Message(Message { to, .. }) | Section::Answers(Answers { to, .. }) => to,
        };
        if !cx.config.direct.enabled || !known || to != cx.key.short(*cx.me) {
            cx.stats.direct_ignored += 1;
            return;
        }
        match section {
            Section::Message(message) => self.handle_message(cx, from, message),
            Section::Answers(Answers { answers, .. }) => self.handle_answers(cx, from, answers),
        }
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_, P>) {
        self.outbox.handle_timeout(cx);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.outbox.poll_timeout()
    }

    fn poll_intent(&mut self, lane: Lane) -> Option<(Target<P>, Intent)> {
        self.answers.pop(lane).or_else(|| self.outbox.poll_intent(lane))
    }

    fn has_intents(&self) -> bool {
        !self.answers.is_empty() || self.outbox.has_intents()
    }

    fn write(&mut self, cx: &mut Cx<'_, P>, _to: &Target<P>, intent: Intent, packet: &mut Writer<'_>) {
        match intent {
            Intent::Message { to, sequence } => self.outbox.write(cx, to, sequence, packet),
            // Without room they are left out, and the messages come again.
            Intent::Answers { to, answers } => {
                _ = packet.section(tag::DIRECT_ACK, |w| {
                    w.u32(to)?;
                    answers.iter().try_for_each(|answer| answer.write(w))
                });
            }
        }
    }
}

/// The longest message that goes by a lane: what fits into one packet.
fn max_len(config: &Config, lane: Lane) -> usize {
    config.longest(lane).saturating_sub(OVERHEAD).min(config.direct.max_payload)
}

/// Tells what became of a message of this node.
fn settle<P>(cx: &mut Cx<'_, P>, id: DirectId, result: Result<(), Undelivered>) {
    match result {
        Ok(()) => cx.stats.direct_delivered += 1,
        Err(_) => cx.stats.direct_failed += 1,
    }
    cx.events.push(Event::Sent { id, result });
}
