//! New entries go out at once: each to a few random members, which pass it on to a few others (rumour mongering,
//! infect and die). What that misses, anti-entropy finds.

use alloc::collections::VecDeque;

use gossip_crdt::{Codec as _, Dot, Stamp};

use super::item::Item;
use super::key::Key;
use super::store::Store;
use super::{Blob, Scope, Version};
use crate::identity::Identity;
use crate::time::Instant;
use crate::wire::kv::{Entry, State};
use crate::wire::{self, Item as _, NoSpace, Writer};

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

/// Writes what is known of a key, by a write that it shows; by one that is gone if it shows none.
pub(crate) fn write_entry(
    w: &mut Writer<'_>,
    key: &Key,
    item: &Item,
    head: &Dot<Identity>,
    now: Instant,
) -> Result<(), NoSpace> {
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
    let expires = item.expires_in(now);
    let own = matches!(key.scope(), Scope::Own(_));
    Entry { writer: head.writer, counter: head.counter, own, expires, key: key.name(), state }.write(w)
}

/// Reads what another member knows of a key; none if it cannot be.
pub(crate) fn read_entry(entry: &Entry<'_>, now: Instant) -> Option<(Key, Item)> {
    let head = Dot::new(entry.writer, entry.counter);
    let mut item = match entry.state {
        State::Value { stamp, value } => Item::value(head, Stamp::from_u64(stamp), Blob::from(value)),
        State::Deleted => Item::deletion(head),
        State::Gone => Item::gone(&head),
        State::Full(bytes) => Item::from_bytes(bytes).ok().filter(|item| item.dots().contains(&head))?,
    };
    // Its owner alone writes an own key.
    if entry.own && !item.is_of(head.writer.id) {
        return None;
    }
    let ttl = entry.expires.map(core::time::Duration::from_millis);
    item.expires = ttl.map(|ttl| now + ttl);
    let scope = if entry.own { Scope::Own(entry.writer.id) } else { Scope::Shared };
    Some((Key::new(scope, entry.key), item))
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
