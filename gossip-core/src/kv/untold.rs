//! What was changed of large keys since others were told: so a message tells that, and not all that the key holds. Who does not
//! know what was there before leaves the write unseen, and anti-entropy brings the whole.

use alloc::vec::Vec;

use gossip_collections::{BTreeMap, BTreeSet};
use gossip_crdt::{Change, Codec as _, Dot};

use super::Blob;
use super::item::Item;
use super::key::Key;
use crate::identity::Identity;

/// Less than these bytes that are known of a key go out whole.
pub(super) const LARGE: usize = 256;
/// Of so many keys what was changed is noted at a time.
const MAX_CHANGED: usize = 64;

/// By key.
#[derive(Debug, Default)]
pub(super) struct Untold(BTreeMap<Key, Changed>);

#[derive(Debug)]
struct Changed {
    writer: Identity,
    /// The first of the writer's writes that was not told when it changed the key, and the last that did.
    first: u64,
    last: u64,
    /// What these know of, but for each other.
    base: BTreeSet<Dot<Identity>>,
    removed: BTreeSet<Dot<Identity>>,
}

impl Untold {
    /// Notes a write that made `after` of `before`; `told` is the last of the writer's writes that was told.
    pub(super) fn note(&mut self, key: &Key, head: Dot<Identity>, told: u64, before: &Item, after: &Item) {
        let mut changed =
            self.0.remove(key).filter(|changed| changed.writer == head.writer).unwrap_or_else(|| Changed {
                writer: head.writer,
                first: told.saturating_add(1),
                last: 0,
                base: BTreeSet::new(),
                removed: BTreeSet::new(),
            });
        let last = Dot::new(head.writer, changed.last);
        changed.base.extend(before.heads().iter().copied().filter(|dot| *dot != last));
        // A write that was not noted here is no base: nobody has heard of it.
        let is_told = |dot: &Dot<Identity>| dot.writer != head.writer || dot.counter < changed.first;
        if after.is_deletion() || self.0.len() == MAX_CHANGED || !changed.base.iter().all(is_told) {
            return;
        }
        changed.last = head.counter;
        let left: BTreeSet<_> = after.dots().into_iter().collect();
        changed.removed.extend(before.dots().into_iter().filter(|dot| !left.contains(dot)));
        self.0.insert(key.clone(), changed);
    }

    /// What is to be told of a key in place of all that is known of it, if that is less.
    pub(super) fn of(&self, key: &Key, item: &Item) -> Option<Vec<u8>> {
        let Changed { writer, first, last, base, removed } = self.0.get(key)?;
        let change = Change::<Identity, Blob>::new(item, Dot::new(*writer, *last), *first, base, removed)?;
        let bytes = change.to_bytes();
        (bytes.len() < item.size()).then_some(bytes)
    }

    /// What was written up to this one was told.
    pub(super) fn told(&mut self, through: u64) {
        self.0.retain(|_, changed| changed.last > through);
    }
}
