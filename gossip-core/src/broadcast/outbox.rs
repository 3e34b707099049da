//! What waits to be sent along one link. It goes together, so that packets to a neighbour are few and full.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::history::{History, Place};
use crate::time::Instant;
use crate::wire::broadcast::{Class, ShortId};
use crate::wire::{Item as _, Writer, tag};

/// At most so many messages, and so many short ids of each kind, wait for a link.
pub(super) const MAX_WAITING: usize = 4096;

/// The kinds of lists of short ids, in the order in which they are written before messages.
const LISTS: [u8; 5] = [tag::PUSH_ACK, tag::PRUNE, tag::GRAFT, tag::GRAFT_NAMED, tag::ASK];

#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// By class.
    messages: [VecDeque<Place>; Class::ALL.len()],
    lists: [Vec<ShortId>; LISTS.len()],
    announced: Vec<ShortId>,
    /// Whether an intent for this link waits already.
    pub(super) queued: bool,
}

impl Outbox {
    /// Adds a message; false if too many wait.
    pub(super) fn push(&mut self, class: Class, place: Place) -> bool {
        let queue = &mut self.messages[class as usize];
        let room = queue.len() < MAX_WAITING;
        if room {
            queue.push_back(place);
        }
        room
    }

    /// Adds a short id to the list of a section; false if too many wait.
    pub(super) fn note(&mut self, tag: u8, id: ShortId) -> bool {
        let list = match LISTS.iter().position(|of| *of == tag) {
            Some(at) => &mut self.lists[at],
            None => &mut self.announced,
        };
        let room = list.len() < MAX_WAITING;
        if room {
            list.push(id);
        }
        room
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.iter().all(VecDeque::is_empty)
            && self.lists.iter().all(Vec::is_empty)
            && self.announced.is_empty()
    }

    /// Writes what fits into a packet that is empty yet. A message that does not fit even so never will: it is dropped, and
    /// does not hold up the others; how many were.
    pub(super) fn write(&mut self, now: Instant, history: &History, packet: &mut Writer<'_>) -> u64 {
        let before = packet.len();
        for (tag, list) in LISTS.iter().zip(&mut self.lists) {
            write_ids(packet, *tag, list);
        }
        let mut queues = self.messages.iter_mut();
        let mut queue = queues.next();
        packet.list(tag::PUSH, |w| {
            while let Some(waiting) = &mut queue {
                // What has fallen out of the history meanwhile is left out.
                let Some(place) = waiting.front() else {
                    queue = queues.next();
                    continue;
                };
                if let Some(message) = history.to_pushed(now, *place) {
                    message.write(w)?;
                    waiting.pop_front();
                    return Ok(true);
                }
                waiting.pop_front();
            }
            Ok(false)
        });
        write_ids(packet, tag::IHAVE, &mut self.announced);
        let stuck = packet.len() == before && self.messages.iter_mut().find_map(VecDeque::pop_front).is_some();
        u64::from(stuck)
    }
}

fn write_ids(packet: &mut Writer<'_>, tag: u8, ids: &mut Vec<ShortId>) {
    if ids.is_empty() {
        return;
    }
    let mut left = ids.iter();
    let written = packet.list(tag, |w| left.next().map_or(Ok(false), |id| id.write(w).map(|()| true)));
    ids.drain(..written);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broadcast::message::{Held, Message, MessageId};
    use crate::identity::{Identity, NodeId};
    use crate::random::{MapHasher, Rng};
    use crate::wire::ClusterKey;
    use crate::wire::broadcast::Content;

    #[test]
    fn a_message_that_fits_no_packet_does_not_hold_up_the_next() {
        let now = Instant::ZERO;
        let mut history = History::new(MapHasher::new(&mut Rng::new([1; 32])));
        let mut outbox = Outbox::default();
        let me = Identity::new(NodeId::from_name("a"), 1);
        for (sequence, payload) in [(1, [0; 900].as_slice()), (2, b"short")] {
            let id = MessageId { origin: me.id, generation: 1, sequence };
            let content = Content { topic: b"t", payload, ..Content::default() };
            let held = Held::Content(Message::new(id, Class::Normal, &content), None);
            assert!(outbox.push(Class::Normal, history.push(now, now, held, 7).place));
        }
        let mut write = || {
            let (mut buf, mut ids) = ([0; 600], Vec::new());
            let mut packet = Writer::new(&mut buf, &mut ids, &ClusterKey::new(""), me, true).unwrap();
            let header = packet.len();
            let dropped = outbox.write(now, &history, &mut packet);
            (dropped, packet.len() > header, outbox.is_empty())
        };
        assert_eq!(write(), (1, false, false));
        assert_eq!(write(), (0, true, true));
    }
}
