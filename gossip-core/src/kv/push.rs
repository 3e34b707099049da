//! New entries go out at once: each to a few random members, which pass it on to a few others (rumour mongering,
//! infect and die). What that misses, anti-entropy finds.

use gossip_collections::VecDeque;
use gossip_crdt::{Codec as _, Dot, Stamp};

use super::item::{Item, expires_in, is_of};
use super::join::Joined;
use super::key::Key;
use super::store::Store;
use super::{Blob, Intent, KvState, Scope, Version};
use crate::identity::Identity;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;
use crate::wire::kv::{Entry, State};
use crate::wire::{self, Item as _, List, NoSpace, Writer};

/// More entries than this do not wait: the oldest are left to anti-entropy, which is cheaper for that many.
const MAX_HOT: usize = 1024;

/// The entries that wait to be pushed, and how often still.
#[derive(Debug, Default)]
pub(crate) struct Hot {
    queue: VecDeque<(Version, usize)>,
}

impl Hot {
    /// Adds an entry; whether another one had to make room for it before it was pushed as often as it should.
    pub(crate) fn add(&mut self, version: Version, fanout: usize) -> bool {
        let full = self.queue.len() == MAX_HOT;
        if full {
            self.queue.pop_front();
        }
        self.queue.push_back((version, fanout));
        full
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Gives up the entry that waits first, if there is one.
    pub(crate) fn pop(&mut self) -> bool {
        self.queue.pop_front().is_some()
    }

    /// Writes each waiting entry once, as many as find room; how many did.
    pub(crate) fn write(&mut self, store: &Store, now: Instant, packet: &mut Writer<'_>) -> usize {
        let mut waiting = self.queue.len();
        packet.list(wire::tag::KV_ENTRIES, |w| {
            while waiting > 0 {
                let Some((version, left)) = self.queue.front().copied() else { break };
                let Some((key, item)) = store.find(&version) else {
                    // Written over meanwhile: the later entry waits, too.
                    self.queue.pop_front();
                    waiting -= 1;
                    continue;
                };
                write_entry(w, key, &item, &version.dot(), now)?;
                self.queue.pop_front();
                waiting -= 1;
                if left > 1 {
                    self.queue.push_back((version, left - 1));
                }
                return Ok(true);
            }
            Ok::<bool, NoSpace>(false)
        })
    }
}

impl<P: Peer> KvState<P> {
    pub(super) fn push(&mut self, cx: &mut Cx<'_, P>, version: Version) {
        if Self::is_by_message(cx) {
            if version.writer() == self.writer(*cx.me) {
                self.push_at.get_or_insert(cx.now);
            }
            return;
        }
        let others = cx.table.live().len().saturating_sub(1).max(1);
        let dropped = self.hot.add(version, cx.config.kv.fanout.min(others));
        cx.stats.kv_unpushed += u64::from(dropped);
        self.push_at.get_or_insert(cx.now + cx.config.kv.push_interval);
    }

    pub(super) fn handle_entries(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, entries: List<'_, Entry<'_>>) {
        for entry in entries.iter() {
            let Ok(Some((key, item))) = self.read_news(cx, &entry) else { continue };
            self.check_memory(cx, entry.writer, entry.counter);
            let joined = self.take(cx, &key, &item);
            if joined == Joined::Full {
                continue;
            }
            if from.answer == usize::MAX && self.context.has_gap(entry.writer) {
                self.gap(cx, from, entry.writer);
            }
            if joined == Joined::Changed {
                self.push(cx, Version::new(entry.writer, entry.counter));
            }
        }
    }

    /// Writes new entries into a packet that is made for them.
    pub(super) fn write_push(&mut self, cx: &mut Cx<'_, P>, packet: &mut Writer<'_>) {
        // What even this packet does not hold no packet of this node does: what follows shall not wait for it.
        while self.hot.write(&self.store, cx.now, packet) == 0 && self.hot.pop() {
            cx.stats.kv_dropped += 1;
        }
    }

    pub(super) fn push_if_due(&mut self, cx: &mut Cx<'_, P>) {
        if self.push_at.is_none_or(|at| at > cx.now) || Self::is_by_message(cx) {
            return;
        }
        self.push_at = None;
        if self.hot.len() == 0 {
            return;
        }
        // A packet holds a few entries: where many wait, more are sent at a time.
        let packets = (self.hot.len() / 8).clamp(cx.config.kv.fanout, 16);
        let members = cx.table.pick(cx.rng, packets, |_| true);
        for index in members.iter().cycle().take(packets) {
            self.intents.push(cx.stats, Target::to(cx.table.row(*index).addr.clone()), Intent::Push);
        }
        self.push_at = Some(cx.now + cx.config.kv.push_interval);
    }
}

/// Writes what is known of a key, by a write that it shows; by one that is gone if it shows none.
pub(crate) fn write_entry(
    w: &mut Writer<'_>,
    key: &Key,
    item: &Item,
    head: &Dot<Identity>,
    now: Instant,
) -> Result<(), NoSpace> {
    with_entry(key, item, head, now, |entry| entry.write(w))
}

/// What is known of a key as an entry, as [`write_entry`] writes it.
pub(crate) fn with_entry<R>(
    key: &Key,
    item: &Item,
    head: &Dot<Identity>,
    now: Instant,
    then: impl FnOnce(&Entry<'_>) -> R,
) -> R {
    let bytes;
    let state = match item.as_plain() {
        _ if item.is_nothing() => State::Gone,
        Some((_, Some((stamp, value)))) => State::Value { stamp: stamp.to_u64(), value },
        Some((_, None)) => State::Deleted,
        None => {
            bytes = item.to_bytes();
            State::Full(&bytes)
        }
    };
    let expires = expires_in(item.expires, now);
    let own = matches!(key.scope(), Scope::Own(_));
    then(&Entry { writer: head.writer, counter: head.counter, own, expires, key: key.name(), state })
}

/// Reads what another member knows of a key; none if it cannot be.
pub(crate) fn read_entry(entry: &Entry<'_>, now: Instant) -> Option<(Key, Item)> {
    let head = Dot::new(entry.writer, entry.counter);
    let item = match entry.state {
        State::Value { stamp, value } => Item::value(head, Stamp::from_u64(stamp), Blob::from(value)),
        State::Deleted => Item::deletion(head),
        State::Gone => Item::gone(&head),
        State::Full(bytes) => Item::from_bytes(bytes).ok().filter(|item| item.dots().contains(&head))?,
    };
    checked(entry, item, now)
}

/// An entry's key with what it says of it; none if that cannot be. Its owner alone writes an own key.
pub(super) fn checked(entry: &Entry<'_>, mut item: Item, now: Instant) -> Option<(Key, Item)> {
    let ttl = entry.expires.map(core::time::Duration::from_millis);
    item.expires = ttl.map(|ttl| now + ttl);
    (!entry.own || is_of(&item, entry.writer.id)).then(|| (key_of(entry), item))
}

pub(super) fn key_of(entry: &Entry<'_>) -> Key {
    Key::new(if entry.own { Scope::Own(entry.writer.id) } else { Scope::Shared }, entry.key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Identity, NodeId};

    #[test]
    fn what_makes_room_for_a_later_entry_is_told() {
        let mut hot = Hot::default();
        let writer = Identity::new(NodeId::from_name("a"), 1);
        let dropped = (1..=MAX_HOT as u64 + 3).filter(|counter| hot.add(Version::new(writer, *counter), 2)).count();
        assert_eq!((dropped, hot.len()), (3, MAX_HOT));
    }
}
