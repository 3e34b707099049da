//! Messages that come after others wait until those were delivered, for a while: first in, first out of one sender, and causal
//! order where the sender names what it knew (Birman, Schiper and Stephenson, TOCS 1991, with explicit dependencies).

use alloc::vec::Vec;

use gossip_collections::{BTreeMap, BTreeSet, SmallVec};

use super::history::Place;
use super::{Broadcast, Message, MessageId};
use crate::event::Event;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::stats::Fill;
use crate::time::Instant;
use crate::wire::broadcast::ShortId;

/// What a message takes while it waits, besides its own bytes, about.
const OVERHEAD: usize = 192;

/// Of so many at most it is waited for what is hidden behind one whose content was left out.
const MAX_HIDDEN: usize = 16;

#[derive(Debug)]
struct Waiting {
    message: Message,
    short: ShortId,
    /// What it waits for.
    missing: SmallVec<[ShortId; 1]>,
    due: Instant,
}

/// Messages that wait for others.
#[derive(Debug, Default)]
pub(super) struct Order {
    waiting: BTreeMap<MessageId, Waiting>,
    /// Which wait for one.
    on: BTreeSet<(ShortId, MessageId)>,
    due: BTreeSet<(Instant, MessageId)>,
    bytes: usize,
    peak: usize,
}

impl Order {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(super) fn fill(&self, limit: usize) -> Fill {
        Fill { peak: self.peak, limit }
    }

    fn hold(&mut self, waiting: Waiting) {
        let id = waiting.message.id;
        // It may have fallen out of the history, and come again.
        _ = self.release(id);
        self.bytes += waiting.message.len() + OVERHEAD;
        self.on.extend(waiting.missing.iter().map(|short| (*short, id)));
        self.due.insert((waiting.due, id));
        self.waiting.insert(id, waiting);
    }

    fn release(&mut self, id: MessageId) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        self.bytes -= waiting.message.len() + OVERHEAD;
        waiting.missing.iter().for_each(|short| _ = self.on.remove(&(*short, id)));
        self.due.remove(&(waiting.due, id));
        Some(waiting)
    }

    /// A message waits for nothing any more; those that waited for it alone.
    fn settle(&mut self, short: ShortId) -> SmallVec<[MessageId; 1]> {
        let least = MessageId { origin: crate::identity::NodeId::from_bytes([0; 16]), generation: 0, sequence: 0 };
        let mut free = SmallVec::new();
        while let Some(pair) = self.on.range((short, least)..).next().copied().filter(|(of, _)| *of == short) {
            self.on.remove(&pair);
            let Some(waiting) = self.waiting.get_mut(&pair.1) else { continue };
            waiting.missing.retain(|of| *of != short);
            if waiting.missing.is_empty() {
                free.push(pair.1);
            }
        }
        free
    }

    /// Of the same life of an origin, the first up to this one.
    fn first_up_to(&self, id: MessageId) -> Option<MessageId> {
        self.waiting.range(MessageId { sequence: 0, ..id }..=id).next().map(|(first, _)| *first)
    }
}

impl<P: Peer> Broadcast<P> {
    /// A message has come: it is delivered unless it comes after others that have not.
    pub(super) fn deliver(&mut self, cx: &mut Cx<'_, P>, place: Place, message: Message) {
        let Some(short) = self.log.history.short(place) else { return };
        let Some((previous, after)) = message.order() else {
            self.tell(cx, message);
            return self.settle(cx, short);
        };
        if self.log.is_after_its_successor(message.id) {
            cx.stats.broadcast_late += 1;
            return self.settle(cx, short);
        }
        let mut missing: SmallVec<[ShortId; 1]> = SmallVec::new();
        if let Some(previous) = previous
            && (!self.log.knows(previous) || self.is_awaited(previous))
        {
            missing.push(ShortId::of(cx.key.short(message.id.origin()), previous.sequence));
        }
        missing.extend(self.hidden_behind(cx, previous));
        missing.extend(after.filter(|id| !self.was_delivered(*id)));
        if missing.is_empty() {
            return self.deliver_now(cx, message, short);
        }
        missing.sort_unstable();
        missing.dedup();
        let due = cx.now + cx.config.broadcast.ordered_wait;
        self.order.hold(Waiting { message, short, missing, due });
        while self.order.bytes > cx.config.broadcast.ordered_bytes {
            let Some((_, oldest)) = self.order.due.first().copied() else { break };
            self.give_up_waiting(cx, oldest);
        }
        self.order.peak = self.order.peak.max(self.order.bytes);
    }

    /// A message whose content was left out does not say which one it comes after: what is to be delivered before it may be any
    /// that has not come, or waits.
    fn hidden_behind(&self, cx: &Cx<'_, P>, previous: Option<MessageId>) -> SmallVec<[ShortId; 1]> {
        let Some(of) = previous.filter(|id| self.find_left_out(*id).is_some()) else { return SmallVec::new() };
        let waiting = self.order.waiting.range(MessageId { sequence: 0, ..of }..of).map(|(id, _)| id.sequence);
        let awaited = self.awaited_before(of).map(|id| id.sequence);
        let unknown = self.log.missing_before(of).take(MAX_HIDDEN);
        let origin = cx.key.short(of.origin());
        waiting.chain(awaited).chain(unknown).map(|sequence| ShortId::of(origin, sequence)).collect()
    }

    fn was_delivered(&self, short: ShortId) -> bool {
        let id = self.log.history.find_short(short).and_then(|place| self.log.history.id(place));
        id.is_some_and(|id| !self.is_awaited(id))
    }

    /// Whether a message that is known is still to be delivered.
    fn is_awaited(&self, id: MessageId) -> bool {
        self.order.waiting.contains_key(&id) || self.awaits_content(id)
    }

    fn deliver_now(&mut self, cx: &mut Cx<'_, P>, message: Message, short: ShortId) {
        self.deliver_freed(cx, message);
        self.settle(cx, short);
    }

    /// A message was delivered, or never will be: what came after it alone is delivered.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_, P>, short: ShortId) {
        if self.order.on.is_empty() {
            return;
        }
        let mut settled: Vec<ShortId> = alloc::vec![short];
        while let Some(short) = settled.pop() {
            for id in self.order.settle(short) {
                let Some(waiting) = self.order.release(id) else { continue };
                let hidden = self.hidden_behind(cx, waiting.message.order().and_then(|(previous, _)| previous));
                if !hidden.is_empty() {
                    self.order.hold(Waiting { missing: hidden, ..waiting });
                    continue;
                }
                self.deliver_freed(cx, waiting.message);
                settled.push(waiting.short);
            }
        }
    }

    fn deliver_freed(&mut self, cx: &mut Cx<'_, P>, message: Message) {
        self.log.note_ordered(message.id);
        // It may have been replaced, taken back or expired while it waited.
        let withdrawn = self.log.history.find(message.id).is_some_and(|place| self.log.history.get(place).is_none());
        if withdrawn {
            cx.stats.broadcast_withdrawn += 1;
        } else {
            self.tell(cx, message);
        }
    }

    /// Delivers a message, and those of its origin that come before it, without what they wait for.
    fn give_up_waiting(&mut self, cx: &mut Cx<'_, P>, id: MessageId) {
        while let Some(first) = self.order.first_up_to(id) {
            let Some(Waiting { message, short, .. }) = self.order.release(first) else { return };
            if let Some((Some(previous), _)) = message.order()
                && let Some(last) = self.log.ordered_gap(first, previous)
            {
                let origin = first.origin();
                cx.stats.broadcast_gaps += 1;
                cx.events.push(Event::Gap { origin, first: last + 1, last: previous.sequence });
            }
            self.deliver_now(cx, message, short);
        }
    }

    /// Tells the application, if it wants that topic: what it does not want is passed on, and comes before others all the same.
    fn tell(&self, cx: &mut Cx<'_, P>, message: Message) {
        if self.topics.wants(&message) {
            cx.events.push(Event::Broadcast(message));
        }
    }

    /// Gives up waiting where it took too long.
    pub(super) fn tend_order(&mut self, cx: &mut Cx<'_, P>) {
        while let Some((_, id)) = self.order.due.first().copied().filter(|(due, _)| *due <= cx.now) {
            self.give_up_waiting(cx, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::NodeId;
    use crate::wire::broadcast::{Class, Content};

    #[test]
    fn a_message_that_comes_again_while_it_waits_waits_once() {
        let id = MessageId { origin: NodeId::from_name("a"), generation: 1, sequence: 2 };
        let mut order = Order::default();
        for due in [1, 2] {
            let message =
                Message::new(id, Class::Normal, &Content { topic: b"t", payload: b"p", ..Content::default() });
            let missing = SmallVec::from_slice(&[ShortId(7)]);
            order.hold(Waiting { message, short: ShortId(9), missing, due: Instant::from_micros(due) });
        }
        assert_eq!((order.due.len(), order.poll_timeout()), (1, Some(Instant::from_micros(2))));
        assert!(order.release(id).is_some());
        assert!(order.due.is_empty() && order.on.is_empty() && order.bytes == 0);
    }
}
