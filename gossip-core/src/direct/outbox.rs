//! What is under way: repeated with growing patience until it is answered, overdue, or its receiver is gone.

use alloc::boxed::Box;
use core::time::Duration;

use gossip_collections::{BTreeMap, VecDeque};

use super::{DirectId, Intent, Undelivered, max_len, settle};
use crate::config::Config;
use crate::error::CommandError;
use crate::identity::{Identity, NodeId};
use crate::membership::{MemberIndex, Status};
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Intents, Target};
use crate::time::{Instant, earliest};
use crate::window::WINDOW;
use crate::wire::direct::{Answer, Message};
use crate::wire::{Item as _, Writer, tag};

#[derive(Debug)]
pub(super) struct Outbox<P> {
    intents: Intents<P, Intent>,
    receivers: BTreeMap<NodeId, Receiver>,
    /// How many messages are under way.
    len: usize,
    /// The highest number that was given to any message.
    last: u64,
    timer: Option<Instant>,
}

/// The messages to one life of a member, from one life of this node.
#[derive(Debug)]
struct Receiver {
    to: Identity,
    /// This node's generation.
    from: u64,
    /// The number of the first message.
    first: u64,
    /// In the order of their numbers; those that were settled before one of lower number leave a hole.
    messages: VecDeque<Option<Pending>>,
    used: Instant,
}

#[derive(Debug)]
struct Pending {
    port: u8,
    data: Box<[u8]>,
    deadline: Instant,
    retry: Instant,
    /// The next wait.
    patience: Duration,
    /// Whether its intent waits to be polled.
    queued: bool,
    sent: bool,
    /// Whether the inbox was said to be full since it was last sent: then no earlier try was taken either.
    refused: bool,
}

impl<P: Peer> Outbox<P> {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            intents: Intents::new(config.direct.max_pending),
            receivers: BTreeMap::new(),
            len: 0,
            last: 0,
            timer: None,
        }
    }

    /// The name of a message of this node to itself.
    pub(super) fn next_own(&mut self, to: NodeId) -> DirectId {
        self.last += 1;
        DirectId { to, sequence: self.last }
    }

    pub(super) fn send(
        &mut self,
        cx: &mut Cx<'_, P>,
        to: NodeId,
        port: u8,
        data: &[u8],
    ) -> Result<DirectId, CommandError> {
        let index = cx.table.find(to).ok_or(CommandError::UnknownMember)?;
        let row = cx.table.row(index);
        if !row.status.is_live() {
            return Err(CommandError::NotLive);
        }
        let datagram = max_len(cx.config, Lane::Datagram);
        if data.len() > datagram && row.has_no_stream_lane() {
            return Err(CommandError::TooLarge { max: datagram });
        }
        let (member, target) = (row.member, target(cx, index, data.len()));
        let config = &cx.config.direct;
        let receiver = self.receivers.get(&to);
        let waiting = receiver.map_or(0, |receiver| receiver.messages.iter().flatten().count());
        // A repetition must not fall behind the receiver's window, however many after it were settled.
        let spread = receiver.map_or(0, |receiver| receiver.messages.len());
        for (max, len) in [
            (config.max_pending, self.len),
            (config.max_pending_per_peer, waiting),
            (config.max_pending_per_peer.max(WINDOW as usize - 1), spread),
        ] {
            if len >= max {
                return Err(CommandError::TooManyPending { max });
            }
        }
        if receiver.is_some_and(|receiver| receiver.to != member || receiver.from != cx.me.generation) {
            self.give_up(cx, to, Undelivered::Restarted);
        }
        let last = self.last;
        let receiver = self.receivers.entry(to).or_insert_with(|| Receiver::new(member, cx, last));
        receiver.used = cx.now;
        let sequence = receiver.first + receiver.messages.len() as u64;
        let mut message = Pending::new(cx, port, data);
        if let Some(target) = target.filter(|target| !self.intents.is_full(target.lane)) {
            message.queued = true;
            self.intents.push(cx.stats, target, Intent::Message { to, sequence });
        }
        self.timer = earliest([self.timer, Some(message.due())]);
        receiver.messages.push_back(Some(message));
        self.last = self.last.max(sequence);
        self.len += 1;
        Ok(DirectId { to, sequence })
    }

    /// The receiver says what became of a message.
    pub(super) fn answered(&mut self, cx: &mut Cx<'_, P>, from: Identity, answer: Answer) {
        let id = DirectId { to: from.id, sequence: answer.sequence };
        let Some(receiver) = self.receivers.get_mut(&from.id).filter(|receiver| receiver.to == from) else { return };
        let Some(slot) = receiver.slot(answer.sequence) else { return };
        if answer.taken {
            *slot = None;
            receiver.used = cx.now;
            receiver.trim();
            self.len -= 1;
            settle(cx, id, Ok(()));
        } else if let Some(message) = slot {
            message.refused = true;
        }
    }

    pub(super) fn write(&mut self, cx: &mut Cx<'_, P>, to: NodeId, sequence: u64, packet: &mut Writer<'_>) {
        let Some(receiver) = self.receivers.get_mut(&to) else { return };
        let short = cx.key.short(receiver.to);
        let known = receiver.from == cx.me.generation;
        let Some(Some(message)) = receiver.slot(sequence) else { return };
        message.queued = false;
        message.refused = false;
        message.retry = cx.now + message.patience;
        message.patience = (message.patience * 2).min(cx.config.membership.probe_interval);
        self.timer = earliest([self.timer, Some(message.due())]);
        let wire = Message { to: short, port: message.port, sequence, payload: &message.data };
        // Under another name of this node it would be another message. Its time will come.
        if known && packet.section(tag::DIRECT, |w| wire.write(w)).is_ok() {
            let counter = if message.sent { &mut cx.stats.direct_repeated } else { &mut cx.stats.direct_sent };
            *counter += 1;
            message.sent = true;
        }
    }

    pub(super) fn handle_timeout(&mut self, cx: &mut Cx<'_, P>) {
        if self.timer.is_none_or(|timer| timer > cx.now) {
            return;
        }
        self.timer = None;
        let idle = cx.config.direct.timeout;
        let Self { receivers, intents, len, timer, .. } = self;
        receivers.retain(|to, receiver| {
            let fate = receiver.fate(cx);
            for at in 0..receiver.messages.len() {
                let sequence = receiver.first + at as u64;
                let Some(message) = &mut receiver.messages[at] else { continue };
                if let Some(reason) = fate.or_else(|| message.overdue(cx.now)) {
                    receiver.messages[at] = None;
                    *len -= 1;
                    settle(cx, DirectId { to: *to, sequence }, Err(reason));
                    continue;
                }
                if !message.queued && message.retry <= cx.now {
                    message.retry = cx.now + message.patience;
                    let target = cx.table.find(*to).and_then(|index| target(cx, index, message.data.len()));
                    if let Some(target) = target.filter(|target| !intents.is_full(target.lane)) {
                        message.queued = true;
                        intents.push(cx.stats, target, Intent::Message { to: *to, sequence });
                    }
                }
                *timer = earliest([*timer, Some(message.due())]);
            }
            receiver.trim();
            if receiver.messages.is_empty() {
                let over = receiver.used + idle;
                *timer = earliest([*timer, (over > cx.now).then_some(over)]);
                return over > cx.now;
            }
            true
        });
    }

    /// Ends what is under way to a member.
    fn give_up(&mut self, cx: &mut Cx<'_, P>, to: NodeId, reason: Undelivered) {
        let Some(receiver) = self.receivers.remove(&to) else { return };
        for (at, message) in receiver.messages.iter().enumerate() {
            if message.is_some() {
                self.len -= 1;
                settle(cx, DirectId { to, sequence: receiver.first + at as u64 }, Err(reason));
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.timer
    }

    pub(super) fn poll_intent(&mut self, lane: Lane) -> Option<(Target<P>, Intent)> {
        self.intents.pop(lane)
    }

    pub(super) fn has_intents(&self) -> bool {
        !self.intents.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn contains(&self, id: DirectId) -> bool {
        let place = self.receivers.get(&id.to).and_then(|receiver| {
            let at = usize::try_from(id.sequence.checked_sub(receiver.first)?).ok()?;
            receiver.messages.get(at)
        });
        matches!(place, Some(Some(_)))
    }
}

/// Where a message of that length goes, by which way; none while what is too long for a datagram finds none.
fn target<P: Peer>(cx: &Cx<'_, P>, index: MemberIndex, len: usize) -> Option<Target<P>> {
    let target = Target::to(cx.table.row(index).addr.clone());
    if len <= max_len(cx.config, Lane::Datagram) {
        return Some(target);
    }
    cx.table.may_take_frames(index, cx.now).then_some(Target { lane: Lane::Stream, ..target })
}

impl Receiver {
    /// Numbers go on from the highest of all, so that a receiver that was forgotten here never sees one again.
    fn new<P>(to: Identity, cx: &Cx<'_, P>, last: u64) -> Self {
        Self { to, from: cx.me.generation, first: last + 1, messages: VecDeque::new(), used: cx.now }
    }

    /// The place of a message that is under way.
    fn slot(&mut self, sequence: u64) -> Option<&mut Option<Pending>> {
        let at = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.messages.get_mut(at).filter(|slot| slot.is_some())
    }

    /// Lets settled messages at the front go.
    fn trim(&mut self) {
        while let Some(None) = self.messages.front() {
            self.messages.pop_front();
            self.first += 1;
        }
    }

    /// Why nothing will arrive there any more.
    fn fate<P: Peer>(&self, cx: &Cx<'_, P>) -> Option<Undelivered> {
        let Some(row) = cx.table.find(self.to.id).map(|row| cx.table.row(row)) else { return Some(Undelivered::Down) };
        match row.status {
            _ if row.member != self.to || self.from != cx.me.generation => Some(Undelivered::Restarted),
            Status::Alive | Status::Suspect => None,
            Status::Down => Some(Undelivered::Down),
            Status::Left => Some(Undelivered::Left),
        }
    }
}

impl Pending {
    fn new<P>(cx: &Cx<'_, P>, port: u8, data: &[u8]) -> Self {
        let membership = &cx.config.membership;
        // The stream lane is patient.
        let long = data.len() > max_len(cx.config, Lane::Datagram);
        let patience = if long { membership.probe_interval } else { membership.probe_timeout / 2 };
        Self {
            port,
            data: data.into(),
            deadline: cx.now + cx.config.direct.timeout,
            retry: cx.now + patience,
            patience,
            queued: false,
            sent: false,
            refused: false,
        }
    }

    fn overdue(&self, now: Instant) -> Option<Undelivered> {
        let reason = if self.refused { Undelivered::InboxFull } else { Undelivered::NoAnswer };
        (self.deadline <= now).then_some(reason)
    }

    /// When something is to be done about it.
    fn due(&self) -> Instant {
        if self.queued { self.deadline } else { self.deadline.min(self.retry) }
    }
}
