//! What waits to be sent along one link. It goes together, so that packets to a neighbour are few and full.

use alloc::vec::Vec;

use gossip_collections::VecDeque;

use super::history::{History, LeaveOut, Place};
use crate::stats::Stats;
use crate::time::Instant;
use crate::wire::broadcast::{Class, ShortId};
use crate::wire::{Item as _, Writer, tag};

/// At most so many messages, and so many short ids of each kind, wait for a link.
pub(super) const MAX_WAITING: usize = 4096;

/// The kinds of lists of short ids, in the order in which they are written before messages.
const LISTS: [u8; 5] = [tag::PUSH_ACK, tag::PRUNE, tag::GRAFT, tag::GRAFT_NAMED, tag::ASK];

/// What a message has to pass on its way to a neighbour.
pub(super) trait Passage {
    /// Whether one more may go now.
    fn has_room(&mut self) -> bool;
    /// Whether the neighbour still lacks it, as far as is known. If not it is not written.
    fn is_needed(&mut self, place: Place) -> bool;
    /// It was written, or there was nothing left of it to write.
    fn written(&mut self, place: Place);
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// By class, with what each weighs.
    messages: [VecDeque<(Place, u32)>; Class::ALL.len()],
    /// Of packets for which several classes waited, modulo 8.
    turn: u8,
    /// What they weigh together, in bytes.
    weight: usize,
    lists: [Vec<ShortId>; LISTS.len()],
    announced: Vec<ShortId>,
    /// Whether an intent for this link waits already.
    pub(super) queued: bool,
}

impl Outbox {
    /// Adds a message of so many bytes; false if too many wait.
    pub(super) fn push(&mut self, class: Class, place: Place, bytes: usize) -> bool {
        let queue = &mut self.messages[class as usize];
        let room = queue.len() < MAX_WAITING;
        if room {
            queue.push_back((place, bytes as u32));
            self.weight += bytes;
        }
        room
    }

    /// Takes out all that waits of a class.
    pub(super) fn call_back(&mut self, class: Class) -> impl Iterator<Item = Place> + use<> {
        let waiting = core::mem::take(&mut self.messages[class as usize]);
        self.weight -= waiting.iter().map(|(_, bytes)| *bytes as usize).sum::<usize>();
        waiting.into_iter().map(|(place, _)| place)
    }

    /// How many messages of a class wait.
    pub(super) fn waiting(&self, class: Class) -> usize {
        self.messages[class as usize].len()
    }

    /// How many bytes of messages wait.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// The message that has waited longest, of those of one class.
    pub(super) fn first(&self, class: Class) -> Option<Place> {
        self.messages[class as usize].front().map(|(place, _)| *place)
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

    pub(super) fn has_messages(&self) -> bool {
        self.messages.iter().any(|waiting| !waiting.is_empty())
    }

    /// Whether there are short ids.
    pub(super) fn has_notes(&self) -> bool {
        self.lists.iter().any(|ids| !ids.is_empty()) || !self.announced.is_empty()
    }

    /// Which class goes first into a packet, and which follow: the most urgent, but of eight packets one begins with each of the
    /// others, so that none starves.
    fn order(&mut self) -> [Class; Class::ALL.len()] {
        let [urgent, normal, bulk] = Class::ALL;
        if self.messages.iter().filter(|waiting| !waiting.is_empty()).count() > 1 {
            self.turn = (self.turn + 1) % 8;
        }
        match self.turn {
            4 => [normal, urgent, bulk],
            7 => [bulk, urgent, normal],
            _ => [urgent, normal, bulk],
        }
    }

    /// Writes what fits into a packet that is empty yet. A message that does not fit even so never will: it is dropped, and
    /// does not hold up the others. `leave_out` says which content the neighbour does not want.
    pub(super) fn write(
        &mut self,
        now: Instant,
        history: &History,
        packet: &mut Writer<'_>,
        stats: &mut Stats,
        leave_out: LeaveOut<'_>,
        passage: &mut impl Passage,
    ) {
        let before = packet.len();
        for (tag, list) in LISTS.iter().zip(&mut self.lists) {
            write_ids(packet, *tag, list);
        }
        let mut order = self.order().into_iter();
        let mut class = order.next();
        packet.list(tag::PUSH, |w| {
            while let Some(of) = class {
                let waiting = &mut self.messages[of as usize];
                let Some((place, bytes)) = waiting.front().copied() else {
                    class = order.next();
                    continue;
                };
                let needed = passage.is_needed(place);
                if needed && !passage.has_room() {
                    class = None;
                    break;
                }
                let message = if needed { history.to_pushed(now, place, leave_out) } else { None };
                match &message {
                    Some(message) => message.write(w)?,
                    None => stats.broadcast_outdated += u64::from(needed),
                }
                waiting.pop_front();
                self.weight -= bytes as usize;
                if needed {
                    passage.written(place);
                }
                if message.is_some() {
                    return Ok(true);
                }
            }
            Ok(false)
        });
        write_ids(packet, tag::IHAVE, &mut self.announced);
        if packet.len() == before
            && let Some((place, bytes)) = class.and_then(|of| self.messages[of as usize].pop_front())
        {
            self.weight -= bytes as usize;
            passage.written(place);
            stats.broadcast_unfit += 1;
        }
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

    /// Room for so many, of which the neighbour lacks all.
    struct Room(usize);

    impl Passage for Room {
        fn has_room(&mut self) -> bool {
            self.0 > 0
        }

        fn is_needed(&mut self, _: Place) -> bool {
            true
        }

        fn written(&mut self, _: Place) {
            self.0 -= 1;
        }
    }

    #[test]
    fn no_class_starves_while_more_urgent_ones_fill_every_packet() {
        let now = Instant::ZERO;
        let mut history = History::new(MapHasher::new(&mut Rng::new([1; 32])));
        let mut outbox = Outbox::default();
        let me = Identity::new(NodeId::from_name("a"), 1);
        for sequence in 1..=60 {
            let class = Class::ALL[sequence as usize % 3];
            let id = MessageId { origin: me.id, generation: 1, sequence };
            let held = Held::Content(
                Message::new(id, class, &Content { topic: b"t", payload: &[0; 400], ..Content::default() }),
                None,
            );
            assert!(outbox.push(class, history.push(now, now, held, 7).place, 400));
        }
        for _ in 0..8 {
            let (mut buf, mut ids) = ([0; 600], Vec::new());
            let mut packet = Writer::new(&mut buf, &mut ids, &ClusterKey::new(""), me, true).unwrap();
            outbox.write(now, &history, &mut packet, &mut Stats::default(), &|_| None, &mut Room(100));
        }
        assert_eq!(Class::ALL.map(|class| 20 - outbox.waiting(class)), [6, 1, 1]);
    }

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
            assert!(outbox.push(Class::Normal, history.push(now, now, held, 7).place, payload.len()));
        }
        let mut write = || {
            let (mut buf, mut ids) = ([0; 600], Vec::new());
            let mut packet = Writer::new(&mut buf, &mut ids, &ClusterKey::new(""), me, true).unwrap();
            let header = packet.len();
            let mut stats = Stats::default();
            outbox.write(now, &history, &mut packet, &mut stats, &|_| None, &mut Room(100));
            (stats.broadcast_unfit, packet.len() > header, !outbox.has_messages())
        };
        assert_eq!(write(), (1, false, false));
        assert_eq!(write(), (0, true, true));
        assert_eq!(outbox.weight(), 0);
    }
}
