//! New entries go out at once: each to a few random members, which pass it on to a few others (rumour mongering,
//! infect and die). What that misses, anti-entropy finds.

use alloc::collections::VecDeque;

use super::store::Store;
use super::{Scope, Version};
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
    pub(crate) fn write(&mut self, store: &Store, packet: &mut Writer<'_>) -> usize {
        let mut waiting = self.queue.len();
        packet.list(wire::tag::KV_ENTRIES, |w| {
            while waiting > 0 {
                let Some((version, left)) = self.queue.front().copied() else { break };
                let Some((scope, key, slot)) = store.find(&version) else {
                    // Written over meanwhile: the later entry waits, too.
                    self.queue.pop_front();
                    waiting -= 1;
                    continue;
                };
                entry_of(scope, key, slot).write(w)?;
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

/// A slot as it stands on the wire.
pub(crate) fn entry_of<'a>(scope: Scope, key: &'a [u8], slot: &'a super::store::Slot) -> wire::kv::Entry<'a> {
    wire::kv::Entry {
        writer: slot.version.writer(),
        counter: slot.version.counter,
        stamp: slot.stamp,
        own: matches!(scope, Scope::Own(_)),
        key,
        value: slot.value.as_deref(),
    }
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
