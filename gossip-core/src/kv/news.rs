//! What an entry brings that was not seen: all that is known of a key, or what was changed of it.

use gossip_collections::SmallVec;
use gossip_crdt::{Change, Codec as _, Dot};

use super::item::Item;
use super::key::Key;
use super::push::{checked, key_of, read_entry};
use super::{Blob, KvState};
use crate::identity::Identity;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::wire::kv::{Entry, State};

/// An entry of which nothing can be taken over.
#[derive(Clone, Debug)]
pub(super) enum Refused {
    /// It is none.
    Unreadable,
    /// What it changed is not known here: these writes stay unseen.
    Ahead(SmallVec<[u64; 2]>),
}

impl<P: Peer> KvState<P> {
    /// Reads an entry; none if all that it shows was seen.
    pub(super) fn read_news(&self, cx: &mut Cx<'_, P>, entry: &Entry<'_>) -> Result<Option<(Key, Item)>, Refused> {
        let is_seen = |dot: &Dot<Identity>| self.context.contains(dot);
        let is_full = matches!(entry.state, State::Full(_));
        if !is_full && is_seen(&Dot::new(entry.writer, entry.counter)) {
            cx.stats.kv_duplicates += 1;
            return Ok(None);
        }
        let read = match entry.state {
            State::Full(bytes @ [0, ..]) => self.read_change(cx, entry, bytes)?,
            _ => read_entry(entry, cx.now),
        };
        let Some((key, item)) = read else {
            cx.stats.kv_malformed += 1;
            return Err(Refused::Unreadable);
        };
        // It may show later writes than the one that it is named by.
        if is_full && item.dots().iter().all(is_seen) {
            cx.stats.kv_duplicates += 1;
            return Ok(None);
        }
        Ok(Some((key, item)))
    }

    /// What the writer knew of a key, by what it changed of what is known here; none if that cannot be read.
    fn read_change(&self, cx: &Cx<'_, P>, entry: &Entry<'_>, bytes: &[u8]) -> Result<Option<(Key, Item)>, Refused> {
        let Some(change) = Change::<_, Blob>::from_bytes(bytes).ok().filter(|change| {
            *change.writer() == entry.writer && change.counters().any(|counter| counter == entry.counter)
        }) else {
            return Ok(None);
        };
        let known = self.store.open(&key_of(entry)).unwrap_or_default();
        match change.complete(&known) {
            Some(item) => Ok(checked(entry, item, cx.now)),
            None => Err(Refused::Ahead(change.counters().collect())),
        }
    }
}
