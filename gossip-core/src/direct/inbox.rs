//! What has arrived: each message is taken once, and only if the application has room for it.

use core::ops::Bound;

use gossip_collections::BTreeMap;

use super::Direct;
use crate::event::Event;
use crate::identity::{Identity, NodeId};
use crate::protocol::Cx;
use crate::time::Instant;
use crate::window::{WINDOW, Window};
use crate::wire::direct::{Message, PORTS};

#[derive(Debug)]
pub(super) struct Inbox {
    senders: BTreeMap<NodeId, Sender>,
    /// How many more messages the application takes at each port; `usize::MAX`: as many as the queue of events does.
    rooms: [usize; PORTS as usize],
    /// The sender that was forgotten last.
    forgotten: NodeId,
}

/// What arrived of one life of a sender.
#[derive(Debug)]
struct Sender {
    generation: u64,
    window: Window,
    heard: Instant,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { senders: BTreeMap::new(), rooms: [usize::MAX; PORTS as usize], forgotten: NodeId::from_bytes([0; 16]) }
    }

    pub(super) fn set_room(&mut self, port: u8, room: usize) {
        if let Some(known) = self.rooms.get_mut(usize::from(port)) {
            *known = room;
        }
    }

    /// Whether the message was taken, now or before; none: it is of a life that is over.
    pub(super) fn handle<P>(&mut self, cx: &mut Cx<'_, P>, from: Identity, message: Message<'_>) -> Option<bool> {
        let Some(sender) = self.sender(cx, from) else {
            cx.stats.direct_refused += 1;
            return Some(false);
        };
        if sender.generation > from.generation {
            cx.stats.direct_ignored += 1;
            return None;
        }
        if sender.generation < from.generation {
            *sender = Sender::new(from.generation, cx.now);
        }
        sender.heard = cx.now;
        // What has fallen out of the window is no longer under way: its sender keeps to fewer at a time.
        if sender.window.contains(message.sequence) {
            cx.stats.direct_duplicates += 1;
            return Some(true);
        }
        let taken = self.take(cx, from, message.port, message.payload);
        if let Some(sender) = self.senders.get_mut(&from.id).filter(|_| taken) {
            sender.window.insert(message.sequence);
        }
        Some(taken)
    }

    /// Hands a message to the application, if there is room.
    pub(super) fn take<P>(&mut self, cx: &mut Cx<'_, P>, from: Identity, port: u8, data: &[u8]) -> bool {
        let room = &mut self.rooms[usize::from(port)];
        if *room == 0 || !cx.events.has_room() {
            cx.stats.direct_refused += 1;
            return false;
        }
        if *room != usize::MAX {
            *room -= 1;
        }
        cx.stats.direct_received += 1;
        cx.events.push(Event::Direct(Direct { from, port, data: data.into() }));
        true
    }

    fn sender<P>(&mut self, cx: &Cx<'_, P>, from: Identity) -> Option<&mut Sender> {
        if self.senders.len() >= cx.config.direct.max_senders && !self.senders.contains_key(&from.id) {
            self.forget_one(cx)?;
        }
        Some(self.senders.entry(from.id).or_insert_with(|| Sender::new(from.generation, cx.now)))
    }

    /// Makes room for another sender: of a few, the first that is silent for so long that it repeats nothing any more.
    fn forget_one<P>(&mut self, cx: &Cx<'_, P>) -> Option<()> {
        let silence = cx.config.direct.timeout * 2;
        let after = (Bound::Excluded(self.forgotten), Bound::Unbounded);
        let mut circle = self.senders.range(after).chain(self.senders.iter()).take(32);
        let (id, _) = circle.find(|(_, sender)| sender.heard + silence <= cx.now)?;
        self.forgotten = *id;
        self.senders.remove(&self.forgotten).map(|_| ())
    }
}

impl Sender {
    fn new(generation: u64, now: Instant) -> Self {
        Self { generation, window: Window::new(WINDOW), heard: now }
    }
}
