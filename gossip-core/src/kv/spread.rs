//! New writes go to all members as messages of broadcast: a message holds what survives of this node's writes since the one
//! before it, as a packet with one delta. What that misses, anti-entropy finds.

use alloc::vec::Vec;
use core::time::Duration;

use super::KvState;
use super::item::Item;
use super::key::Key;
use super::sync::Range;
use super::untold::Untold;
use crate::broadcast::{MessageId, SendOptions};
use crate::config::{BroadcastMode, Config};
use crate::identity::Identity;
use crate::node::Lane;
use crate::peer::Peer;
use crate::protocol::{Cx, Source};
use crate::wire::kv::Section;
use crate::wire::{self, Packet, Writer};

/// The topic of these messages. The first byte is zero: no application's topic is one like that.
pub(crate) const TOPIC: &[u8] = b"\0kv";
/// Who misses a message for so long finds by anti-entropy what was in it.
const LIFE: Duration = Duration::from_secs(5);
/// What of a datagram is left for a message, at least.
const HEAD: usize = 128;
/// The longest message: it goes in parts.
const LONGEST: usize = 1 << 17;
/// So many messages are sent at once; what is left waits for `kv.push_interval`.
pub(crate) const AT_ONCE: usize = 16;

/// Up to which of its writes a node has told others.
#[derive(Debug)]
pub(super) struct Told {
    writer: Identity,
    through: u64,
    untold: Untold,
}

impl Told {
    pub(super) fn new(writer: Identity) -> Self {
        Self { writer, through: 0, untold: Untold::default() }
    }

    /// A node writes as this writer: what was written before, in a former process, others have, or will find.
    pub(super) fn begin(&mut self, writer: Identity, before: u64) {
        if self.writer != writer {
            *self = Self { through: before, ..Self::new(writer) };
        }
    }
}

/// Whether messages spread what is written.
pub(super) fn is_by_message(config: &Config) -> bool {
    config.broadcast.enabled && config.broadcast.mode == BroadcastMode::Tree
}

/// How they are sent.
pub(crate) fn options() -> SendOptions<'static> {
    SendOptions::new().expires(LIFE)
}

impl<P: Peer> KvState<P> {
    /// The next message, if one is due; [`Self::told`] if it was sent.
    pub(crate) fn next_message(&mut self, cx: &mut Cx<'_, P>) -> Option<(Vec<u8>, u64)> {
        let (writer, last) = self.counter;
        while self.told.through < last {
            let range = (writer, self.told.through + 1, last);
            let lens = [cx.config.transport.datagram_mtu.saturating_sub(HEAD), LONGEST];
            let message = lens.into_iter().find_map(|len| self.message_of(cx, range, len));
            if message.is_some() {
                return message;
            }
            // What no message holds anti-entropy brings in parts.
            let next = self.store.written(writer, range.1, last).next();
            self.told.through = next.map_or(last, |(counter, ..)| counter);
        }
        None
    }

    fn message_of(&self, cx: &Cx<'_, P>, range: Range, len: usize) -> Option<(Vec<u8>, u64)> {
        let (mut buf, mut ids) = (alloc::vec![0; len], Vec::new());
        let mut packet = Writer::new(&mut buf, &mut ids, cx.key, range.0, false).ok()?;
        let shorter = |key: &Key, item: &Item| self.told.untold.of(key, item);
        let through = self.write_range(cx.now, range, false, &mut packet, &shorter)?;
        let len = packet.finish(cx.key);
        buf.truncate(len);
        Some((buf, through))
    }

    /// Writes up to this one were sent.
    pub(crate) fn told(&mut self, through: u64) {
        self.told.through = through;
        self.told.untold.told(through);
    }

    /// A write, the first of this life after `last`, made `after` of what was known of a key.
    pub(super) fn note_change(&mut self, cx: &Cx<'_, P>, key: &Key, last: u64, before: &Item, after: &Item) {
        let head = after.heads().last().filter(|_| Self::is_by_message(cx));
        if let Some(head) = head {
            self.told.begin(head.writer, last);
            self.told.untold.note(key, *head, self.told.through, before, after);
        }
    }

    /// A message of another member.
    pub(crate) fn handle_message(&mut self, cx: &mut Cx<'_, P>, origin: MessageId, payload: &[u8]) {
        if !cx.config.kv.enabled {
            return;
        }
        let Ok(packet) = Packet::decode::<P>(cx.key, payload) else {
            cx.stats.kv_malformed += 1;
            return;
        };
        for section in packet.sections::<P>(origin.origin) {
            let wire::Section::Kv(Section::Delta(delta)) = section else {
                cx.stats.kv_malformed += 1;
                continue;
            };
            let Some(row) = cx.table.find(origin.origin) else { continue };
            let addr = cx.table.row(row).addr.clone();
            let sender = cx.table.row(row).member;
            let answer = if cx.table.is_live_at(row, &addr) { usize::MAX } else { 0 };
            let from = Source { addr: &addr, sender, row: Some(row), answer, lane: Lane::Datagram };
            self.handle_delta(cx, &from, delta);
            if answer > 0 && self.context.has_gap(delta.writer) {
                self.gap(cx, &from, delta.writer);
            }
        }
    }
}

#[cfg(all(test, feature = "values"))]
mod tests {
    use super::*;
    use crate::kv::{Blob, Scope};
    use crate::time::Instant;
    use crate::{Config, Node, NodeId};

    fn node(name: &str) -> Node<u64> {
        Node::new(Identity::new(NodeId::from_name(name), 1), 1, Config::lan(), [1; 32], Instant::ZERO).unwrap()
    }

    fn add(node: &mut Node<u64>, elements: core::ops::Range<u32>) {
        let mut kv = node.kv_mut(Instant::ZERO);
        let add = |content: &mut crate::kv::Content, pen: &mut crate::kv::Pen<'_>| {
            elements.for_each(|number| content.set().add(pen, Blob::from(&number.to_be_bytes()[..])));
        };
        kv.update(Scope::Shared, b"set", add).unwrap();
    }

    fn elements(node: &Node<u64>) -> usize {
        node.kv().content(Scope::Shared, b"set").map_or(0, |mut content| content.set().iter().count())
    }

    fn message(node: &mut Node<u64>) -> Vec<u8> {
        let mut kv = node.kv_mut(Instant::ZERO);
        let (message, through) = kv.state.next_message(&mut kv.cx).unwrap();
        kv.state.told(through);
        message
    }

    fn hear(node: &mut Node<u64>, message: &[u8]) {
        let mut kv = node.kv_mut(Instant::ZERO);
        let packet = Packet::decode::<u64>(kv.cx.key, message).unwrap();
        for section in packet.sections::<u64>(NodeId::from_name("a")) {
            let wire::Section::Kv(Section::Delta(delta)) = section else { panic!("no delta") };
            let sender = Identity::new(NodeId::from_name("a"), 1);
            let from = Source { addr: &1, sender, row: None, answer: 0, lane: Lane::Datagram };
            kv.state.handle_delta(&mut kv.cx, &from, delta);
        }
    }

    #[test]
    fn of_a_large_set_a_message_tells_what_was_added() {
        let (mut a, mut b) = (node("a"), node("b"));
        add(&mut a, 0..1000);
        let whole = message(&mut a);
        hear(&mut b, &whole);
        add(&mut a, 1000..1001);
        add(&mut a, 1001..1002);
        let change = message(&mut a);
        assert!(whole.len() > 10_000 && change.len() < 250, "{} and {}", whole.len(), change.len());
        hear(&mut b, &change);
        assert_eq!((elements(&b), b.kv().fingerprint()), (1002, a.kv().fingerprint()));
    }

    #[test]
    fn who_missed_what_a_change_is_based_on_leaves_it_unseen() {
        let (mut a, mut b) = (node("a"), node("b"));
        add(&mut a, 0..100);
        _ = message(&mut a);
        a.kv_mut(Instant::ZERO).set(Scope::Shared, b"other", b"v").unwrap();
        add(&mut a, 100..101);
        let change = message(&mut a);
        hear(&mut b, &change);
        let kv = b.kv_mut(Instant::ZERO);
        let writer = kv.state.context.writers_after(None).next().map(|(writer, runs)| (writer, runs.to_vec()));
        assert_eq!(writer.unwrap().1, [(101, 101)], "the other key was seen, the set was not");
        assert_eq!((elements(&b), b.stats().kv_malformed), (0, 0));
    }
}
