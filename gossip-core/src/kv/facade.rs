//! The map, as the application reads it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use gossip_crdt::Register;
use gossip_reconcile::KeyRange;

#[cfg(feature = "reports")]
use super::acks::{Acks, Awaiting};
use super::content::Content;
use super::item::Held;
use super::key::Key;
use super::stable::Stability;
use super::store::Store;
use super::{KvState, Scope, Version};
use crate::identity::Identity;
use crate::peer::Peer;
use crate::time::Instant;

/// A live entry: a key whose value was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The space of its key.
    pub scope: Scope,
    /// Its key.
    pub key: &'a [u8],
    /// Its value. If several were set by members that did not know of each other: of an own key the owner's last, else that of
    /// the latest stamp. See [`Kv::siblings`].
    pub value: &'a [u8],
    /// The write that set it.
    pub version: Version,
}

impl<'a> Entry<'a> {
    fn of(key: &'a Key, held: &'a Held) -> Option<Self> {
        let scope = key.scope();
        let (dot, value) = held.value(matches!(scope, Scope::Own(_)))?;
        Some(Self { scope, key: key.name(), value, version: Version::from(&dot) })
    }
}

/// A key that holds something, of whatever kind; from [`Kv::key`] and [`Kv::keys`]. Cheap to make.
#[derive(Clone, Copy, Debug)]
pub struct Holding<'a> {
    key: &'a Key,
    held: &'a Held,
    now: Instant,
}

impl<'a> Holding<'a> {
    /// The space of its key.
    pub fn scope(&self) -> Scope {
        self.key.scope()
    }

    /// Its key.
    pub fn key(&self) -> &'a [u8] {
        self.key.name()
    }

    /// Its value and the write that set it, if one was set.
    pub fn entry(&self) -> Option<Entry<'a>> {
        Entry::of(self.key, self.held)
    }

    /// Whether [`Self::entry`] tells all of it: a value that was set once and stays. Much cheaper than to look.
    pub fn is_plain(&self) -> bool {
        matches!(self.held, Held::Plain { .. })
    }

    /// All that it holds: also counters, sets and so on.
    pub fn content(&self) -> Content {
        self.held.open().content().clone()
    }

    /// Its last writes, none of which knows of another: usually one.
    pub fn versions(&self) -> Vec<Version> {
        self.held.heads().iter().map(Version::from).collect()
    }

    /// How long it lives still.
    pub fn expires_in(&self) -> Option<Duration> {
        self.held.open().expires.map(|at| at.since(self.now))
    }
}

/// A key's value changed. The map holds the new one, or one later still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvEvent {
    /// The space of the key.
    pub scope: Scope,
    /// The key.
    pub key: Arc<[u8]>,
    /// The write that changed it; of what has expired, or is gone, the last one of the key.
    pub version: Version,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// What several values of a key, which members set that did not know of each other, are taken for: the key, and the values in
/// the order of their versions, which is the same everywhere. A member that computes something else sees something else.
pub type Merge = fn(&[u8], &[&[u8]]) -> Vec<u8>;

/// The map, to read; from [`crate::Node::kv`]. Cheap to make.
#[derive(Clone, Copy, Debug)]
pub struct Kv<'a> {
    pub(super) store: &'a Store,
    #[cfg(feature = "reports")]
    awaiting: &'a Awaiting,
    stability: &'a Stability,
    merges: &'a [(Vec<u8>, Merge)],
    fingerprint: u64,
    pub(super) now: Instant,
}

impl<'a> Kv<'a> {
    pub(super) fn new<P: Peer>(state: &'a KvState<P>, now: Instant) -> Self {
        let KvState { store, stability, merges, .. } = state;
        Self {
            store,
            #[cfg(feature = "reports")]
            awaiting: &state.awaiting,
            stability,
            merges,
            fingerprint: state.fingerprint(),
            now,
        }
    }

    /// A key's entry, if its value was set.
    pub fn get(&self, scope: Scope, key: &[u8]) -> Option<Entry<'a>> {
        let slot = self.store.index().slot(Key::new(scope, key).as_ref())?;
        Entry::of(self.store.index().key(slot)?, self.store.at(slot)?)
    }

    /// A key, if it holds something.
    pub fn key(&self, scope: Scope, key: &[u8]) -> Option<Holding<'a>> {
        let slot = self.store.index().slot(Key::new(scope, key).as_ref())?;
        let holding = Holding { key: self.store.index().key(slot)?, held: self.store.at(slot)?, now: self.now };
        holding.held.is_visible().then_some(holding)
    }

    /// The keys of a space that start with `prefix` and hold something, ascending; without a space all keys: shared ones
    /// first, then by owner.
    pub fn keys(&self, scope: Option<Scope>, prefix: &[u8]) -> impl Iterator<Item = Holding<'a>> + use<'a> {
        let (now, range) = (self.now, scope.map_or(KeyRange::all(), |scope| Key::range(scope, prefix)));
        let held = self.store.range(&range).filter(|(_, held)| held.is_visible());
        held.map(move |(key, held)| Holding { key, held, now })
    }

    /// The values of a key that were set by members that did not know of each other, by version: usually one.
    pub fn siblings(&self, scope: Scope, key: &[u8]) -> Vec<(Version, Vec<u8>)> {
        let item = self.store.open(&Key::new(scope, key));
        let register = item.as_ref().and_then(|item| item.content().siblings());
        let values = register.into_iter().flat_map(Register::values);
        values.map(|(dot, _, value)| (Version::from(dot), value.to_vec())).collect()
    }

    /// A key's value; if several were set by members that did not know of each other, what the function makes of them that
    /// was registered for the longest prefix of the key with [`KvMut::merge_with`](super::KvMut::merge_with), or else
    /// the one that is shown.
    pub fn merged(&self, scope: Scope, key: &[u8]) -> Option<Vec<u8>> {
        let siblings = self.siblings(scope, key);
        let merge =
            self.merges.iter().filter(|(prefix, _)| key.starts_with(prefix)).max_by_key(|(prefix, _)| prefix.len());
        match (siblings.as_slice(), merge) {
            ([_, _, ..], Some((_, merge))) => {
                let values: Vec<&[u8]> = siblings.iter().map(|(_, value)| value.as_slice()).collect();
                Some(merge(key, &values))
            }
            _ => self.get(scope, key).map(|entry| entry.value.to_vec()),
        }
    }

    /// All that a key holds: also counters, sets and so on.
    pub fn content(&self, scope: Scope, key: &[u8]) -> Option<Content> {
        let held = self.store.get(&Key::new(scope, key)).filter(|held| held.is_visible())?;
        Some(held.open().content().clone())
    }

    /// The last writes of a key, none of which knows of another: usually one; none if nobody wrote it, or it is gone.
    pub fn versions(&self, scope: Scope, key: &[u8]) -> Vec<Version> {
        let item = self.store.open(&Key::new(scope, key)).unwrap_or_default();
        item.heads().iter().map(Version::from).collect()
    }

    /// How long a key lives still.
    pub fn expires_in(&self, scope: Scope, key: &[u8]) -> Option<Duration> {
        self.store.open(&Key::new(scope, key))?.expires.map(|at| at.since(self.now))
    }

    /// Entries whose key starts with `prefix`, ascending.
    pub fn prefix(&self, scope: Scope, prefix: &[u8]) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        self.store.range(&Key::range(scope, prefix)).filter_map(|(key, held)| Entry::of(key, held))
    }

    /// All entries: shared ones first, then by owner; ascending by key.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        self.store.range(&KeyRange::all()).filter_map(|(key, held)| Entry::of(key, held))
    }

    /// How many keys hold something.
    pub fn len(&self) -> usize {
        self.store.live()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Deleted keys that are still remembered.
    pub fn tombstones(&self) -> usize {
        self.store.deletions()
    }

    /// Up to which of a writer's writes (an id, and a [life](Version::life) as its generation) every member has seen all, as far as this node knows: what they overwrote nobody will
    /// ever speak of again (causal stability; Baquero et al., "Making Operation-Based CRDTs Operation-Based", 2014).
    /// Members that failed count until membership forgets them.
    pub fn stable_through(&self, writer: Identity) -> u64 {
        self.stability.through(writer)
    }

    /// Whether every member has seen a write, and all of that writer before it: see [`Self::stable_through`].
    pub fn is_stable(&self, version: Version) -> bool {
        self.stability.is_stable(&version.dot())
    }

    /// A summary of all that was written and seen: equal on two members that hold the same.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Who has acknowledged a write that is [awaited](super::KvMut::await_acks), and who has not.
    #[cfg(feature = "reports")]
    pub fn acks(&self, version: Version) -> Option<Acks<'a>> {
        self.awaiting.acks(version)
    }

    /// Grows with each change of an entry: a cheap way to see that nothing did.
    pub fn revision(&self) -> u64 {
        self.store.revision()
    }
}
