//! What the application sees of the map.

use alloc::sync::Arc;
use core::fmt;

use super::acks::{Acks, Awaiting, Quorum};
use super::store::{Outcome, Slot, Write};
use super::{KvState, Scope, Version};
use crate::membership::Membership;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::wire::kv::MAX_KEY;

/// Everything of a packet but key and value, at its longest: header, list of ids, delta and entry.
const OVERHEAD: usize = 144;

/// A live entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The space of its key.
    pub scope: Scope,
    /// Its key.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// The write that set it.
    pub version: Version,
}

impl<'a> Entry<'a> {
    fn of(scope: Scope, key: &'a Arc<[u8]>, slot: &'a Slot) -> Option<Self> {
        Some(Self { scope, key, value: slot.value.as_deref()?, version: slot.version })
    }
}

/// A key's value changed. The map holds the new one, or one later still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvEvent {
    /// The space of the key.
    pub scope: Scope,
    /// The key.
    pub key: Arc<[u8]>,
    /// The write that changed it.
    pub version: Version,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// Why a write was refused: nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KvError {
    /// Key and value do not fit into one datagram.
    TooLarge {
        /// The longest value for this key, in bytes.
        max: usize,
    },
    /// The key is longer than 255 bytes.
    InvalidKey,
    /// Shared keys may not start with `@`: that is how own keys are shown.
    ReservedKey,
    /// Another member's own key.
    NotOwner,
    /// This node sees no such key.
    NotFound,
    /// The map holds `kv.max_entries` keys, deleted ones included.
    Full {
        /// The limit.
        max: usize,
    },
    /// No version is left for this node's writes, or no stamp above that of the key's last write: somebody claimed the
    /// last one there can be.
    Exhausted,
    /// This node has seen no such write.
    NoSuchWrite,
    /// Fewer other members are alive than are to acknowledge the write.
    TooFewMembers {
        /// How many there are, without this node.
        others: usize,
    },
    /// As many writes wait for acknowledgements as `kv.max_awaited` allows.
    TooManyAwaited {
        /// The limit.
        max: usize,
    },
    /// `kv.enabled` is off.
    Disabled,
    /// The node is leaving or has left.
    Leaving,
}

impl fmt::Display for KvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { max } => write!(f, "value too large: at most {max} bytes with this key"),
            Self::InvalidKey => write!(f, "a key has at most {MAX_KEY} bytes"),
            Self::ReservedKey => f.write_str("a shared key may not start with `@`"),
            Self::NotOwner => f.write_str("only its owner may write that key"),
            Self::NotFound => f.write_str("no such key"),
            Self::Full { max } => write!(f, "the map is full: at most {max} keys, deleted ones included"),
            Self::Exhausted => {
                f.write_str("no version or stamp is left for this write: somebody claimed the last one there can be")
            }
            Self::NoSuchWrite => f.write_str("this node has seen no such write"),
            Self::TooFewMembers { others } => {
                write!(f, "only {others} other members are alive, fewer than are to acknowledge the write")
            }
            Self::TooManyAwaited { max } => write!(f, "{max} writes wait for acknowledgements, the most there may be"),
            Self::Disabled => f.write_str("the key-value map is turned off"),
            Self::Leaving => f.write_str("this node is leaving the cluster"),
        }
    }
}

impl core::error::Error for KvError {}

/// The map, to read; from [`crate::Node::kv`]. Cheap to make.
#[derive(Clone, Copy, Debug)]
pub struct Kv<'a> {
    pub(super) store: &'a super::store::Store,
    awaiting: &'a Awaiting,
    fingerprint: u64,
}

impl<'a> Kv<'a> {
    pub(super) fn new(store: &'a super::store::Store, awaiting: &'a Awaiting, fingerprint: u64) -> Self {
        Self { store, awaiting, fingerprint }
    }

    /// A key's entry, if it has a value.
    pub fn get(&self, scope: Scope, key: &[u8]) -> Option<Entry<'a>> {
        let (key, slot) = self.store.from(scope, key).next().filter(|(found, _)| ***found == *key)?;
        Entry::of(scope, key, slot)
    }

    /// Entries whose key starts with `prefix`, ascending.
    pub fn prefix<'p>(&self, scope: Scope, prefix: &'p [u8]) -> impl Iterator<Item = Entry<'a>> + use<'a, 'p> {
        let keys = self.store.from(scope, prefix).take_while(move |(key, _)| key.starts_with(prefix));
        keys.filter_map(move |(key, slot)| Entry::of(scope, key, slot))
    }

    /// All entries: shared ones first, then by owner; ascending by key.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        self.store.iter().filter_map(|(scope, key, slot)| Entry::of(scope, key, slot))
    }

    /// How many entries have a value.
    pub fn len(&self) -> usize {
        self.store.live()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Deleted keys that are still remembered.
    pub fn tombstones(&self) -> usize {
        self.store.deleted()
    }

    /// A summary of all that was written and seen: equal on two members that hold the same.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Who has acknowledged a write that is [awaited](KvMut::await_acks), and who has not.
    pub fn acks(&self, version: Version) -> Option<Acks<'a>> {
        self.awaiting.acks(version)
    }

    /// Grows with each change of an entry: a cheap way to see that nothing did.
    pub fn revision(&self) -> u64 {
        self.store.revision()
    }
}

/// The map, to write; from [`crate::Node::kv_mut`].
#[derive(Debug)]
pub struct KvMut<'a, P: Peer> {
    state: &'a mut KvState<P>,
    membership: &'a mut Membership<P>,
    cx: Cx<'a, P>,
}

impl<'a, P: Peer> KvMut<'a, P> {
    pub(crate) fn new(state: &'a mut KvState<P>, membership: &'a mut Membership<P>, cx: Cx<'a, P>) -> Self {
        Self { state, membership, cx }
    }

    /// Sets a key's value, here at once and soon everywhere.
    ///
    /// # Errors
    /// See [`KvError`].
    pub fn set(&mut self, scope: Scope, key: &[u8], value: &[u8]) -> Result<Version, KvError> {
        self.check(scope, key, value.len())?;
        self.write(scope, key, Some(value))
    }

    /// Deletes a key that this node sees.
    ///
    /// # Errors
    /// See [`KvError`].
    pub fn delete(&mut self, scope: Scope, key: &[u8]) -> Result<Version, KvError> {
        self.check_key(scope, key)?;
        if self.state.store.get(scope, key).is_none_or(|slot| slot.value.is_none()) {
            return Err(KvError::NotFound);
        }
        self.write(scope, key, None)
    }

    /// Whether [`KvMut::set`] would take a value of that length, unless the map is full.
    ///
    /// # Errors
    /// See [`KvError`].
    pub fn check(&self, scope: Scope, key: &[u8], len: usize) -> Result<(), KvError> {
        self.check_key(scope, key)?;
        if matches!(scope, Scope::Shared) && key.first() == Some(&b'@') {
            return Err(KvError::ReservedKey);
        }
        let max = self.cx.config.transport.datagram_mtu.saturating_sub(OVERHEAD + key.len());
        if len > max { Err(KvError::TooLarge { max }) } else { Ok(()) }
    }

    /// Asks the other members whether they have a write, and sends it to those that have not, until as many acknowledged it
    /// as `quorum` says: then [`Event::Acknowledged`](crate::Event::Acknowledged) tells it, at once if nobody has to. Only
    /// members count that are alive now: who joins later is not asked; who fails meanwhile stays among the
    /// [missing](Acks::missing) until it is back and acknowledges. Look with [`Kv::acks`], and [`KvMut::forget_acks`] when
    /// the answer is no longer of interest, which nobody else does. Awaited again, it begins anew.
    ///
    /// # Errors
    /// [`KvError::NoSuchWrite`], and what [`KvMut::check_await`] refuses.
    pub fn await_acks(&mut self, version: Version, quorum: Quorum) -> Result<(), KvError> {
        if !self.state.context.contains(&version) {
            return Err(KvError::NoSuchWrite);
        }
        let wanted = self.wanted(quorum)?;
        self.forget_acks(version);
        self.check_awaited()?;
        self.state.awaiting.add(&mut self.cx, version, wanted);
        Ok(())
    }

    /// Whether [`KvMut::await_acks`] would take a write now, and how many others are then to acknowledge it. Ask before a
    /// write that must not be made in vain.
    ///
    /// # Errors
    /// [`KvError::TooFewMembers`] and [`KvError::TooManyAwaited`], besides [`KvError::Disabled`] and [`KvError::Leaving`].
    pub fn check_await(&self, quorum: Quorum) -> Result<usize, KvError> {
        let wanted = self.wanted(quorum)?;
        self.check_awaited()?;
        Ok(wanted)
    }

    fn wanted(&self, quorum: Quorum) -> Result<usize, KvError> {
        self.check_running()?;
        let others = self.cx.table.live().len().saturating_sub(1);
        let wanted = quorum.of(others);
        if wanted > others { Err(KvError::TooFewMembers { others }) } else { Ok(wanted) }
    }

    fn check_awaited(&self) -> Result<(), KvError> {
        let max = self.cx.config.kv.max_awaited;
        if self.state.awaiting.len() >= max { Err(KvError::TooManyAwaited { max }) } else { Ok(()) }
    }

    /// Awaits no more acknowledgements of a write.
    pub fn forget_acks(&mut self, version: Version) {
        self.state.awaiting.forget(version);
    }

    fn check_running(&self) -> Result<(), KvError> {
        match () {
            () if !self.cx.config.kv.enabled => Err(KvError::Disabled),
            () if !self.membership.takes_commands() => Err(KvError::Leaving),
            () => Ok(()),
        }
    }

    fn check_key(&self, scope: Scope, key: &[u8]) -> Result<(), KvError> {
        self.check_running()?;
        match scope {
            _ if key.len() > MAX_KEY => Err(KvError::InvalidKey),
            Scope::Own(owner) if owner != self.cx.me.id => Err(KvError::NotOwner),
            _ => Ok(()),
        }
    }

    fn write(&mut self, scope: Scope, key: &[u8], value: Option<&[u8]>) -> Result<Version, KvError> {
        let last = self.state.store.get(scope, key);
        let stamp = self.state.clock.above(self.cx.unix_ms(), last.map_or(0, |slot| slot.stamp));
        let mut me = *self.cx.me;
        if let (Scope::Own(_), Some(last)) = (scope, last) {
            // A life with a higher number wrote it: its clock was ahead. An own key's last write is its owner's last.
            if last.version.generation > me.generation {
                me.generation = last.version.generation.saturating_add(1);
            }
        }
        let version = self.state.next_version(me).ok_or(KvError::Exhausted)?;
        let write = Write { scope, key, version, stamp, value };
        let max = self.cx.config.kv.max_entries;
        match self.state.put(&mut self.cx, &write, max) {
            Outcome::Full => Err(KvError::Full { max }),
            Outcome::Superseded => Err(KvError::Exhausted),
            Outcome::Stored { .. } => {
                *self.cx.me = me;
                self.membership.follow_generation(&mut self.cx);
                self.state.wrote(&mut self.cx, version);
                Ok(version)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::Writes;
    use crate::{Config, Identity, Instant, Node, NodeId};

    fn node(generation: u64) -> Node<u64> {
        let me = Identity::new(NodeId::from_name("a"), generation);
        Node::new(me, 1, Config::lan(), [1; 32], Instant::ZERO).unwrap()
    }

    #[test]
    fn a_write_for_which_no_version_is_left_changes_no_generation() {
        let (mut last_life, mut node) = (node(u64::MAX), node(1));
        let own = Scope::Own(node.identity().id);
        let mut writes = Writes::default();
        for value in [b"1", b"2"] {
            let version = last_life.kv_mut(Instant::ZERO).set(own, b"k", value).unwrap();
            // The first write is not among what is remembered.
            assert!(value == b"1" || writes.push(last_life.kv(), version));
        }
        node.restore(Instant::ZERO, &writes.take()).unwrap();
        let refused = node.kv_mut(Instant::ZERO).set(own, b"k", b"3");
        assert_eq!((refused, node.identity().generation), (Err(KvError::Exhausted), 1));
    }

    #[test]
    fn a_write_under_a_new_generation_is_told_by_the_members_at_once() {
        let (mut last_life, mut node) = (node(9), node(1));
        let me = node.identity().id;
        last_life.kv_mut(Instant::ZERO).set(Scope::Own(me), b"k", b"1").unwrap();
        node.restore(Instant::ZERO, &last_life.snapshot().to_vec()).unwrap();
        let version = node.kv_mut(Instant::ZERO).set(Scope::Own(me), b"k", b"2").unwrap();
        assert_eq!((version.generation, node.identity().generation), (10, 10));
        assert_eq!(node.members().get(me).unwrap().generation, 10);
    }
}
