//! The map, as the application writes it.

use core::time::Duration;

use gossip_crdt::{Codec as _, Stamp, Value as _};

use super::content::{Blob, Content};
use super::item::{Held, Item};
use super::key::Key;
use super::version::generation_of;
use super::{KvError, KvState, Merge, Pen, Scope, Version};
use crate::membership::Membership;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::wire::kv::MAX_KEY;

/// What a write expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// That the key is not there.
    Absent,
    /// That this was its last write, and no other one was made at the same time.
    Version(Version),
}

/// How a key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// After how long the key is gone everywhere, unless it is written again; none: never. What is left of the time travels,
    /// and each member counts it down by its own clock.
    pub expires: Option<Duration>,
    /// What this node must see of the key, or else nothing is written; none: whatever is there.
    pub expect: Option<Expect>,
}

/// The map, to write; from [`crate::Node::kv_mut`].
#[derive(Debug)]
pub struct KvMut<'a, P: Peer> {
    pub(super) state: &'a mut KvState<P>,
    membership: &'a mut Membership<P>,
    pub(super) cx: Cx<'a, P>,
}

impl<'a, P: Peer> KvMut<'a, P> {
    pub(crate) fn new(state: &'a mut KvState<P>, membership: &'a mut Membership<P>, cx: Cx<'a, P>) -> Self {
        Self { state, membership, cx }
    }

    /// Sets a key's value, here at once and soon everywhere, in place of all that this node sees of it.
    ///
    /// # Errors
    /// See [`KvError`].
    pub fn set(&mut self, scope: Scope, key: &[u8], value: &[u8]) -> Result<Version, KvError> {
        self.set_with(scope, key, value, &WriteOptions::default())
    }

    /// Sets a key's value as [`Self::set`] does.
    ///
    /// # Errors
    /// See [`KvError`].
    pub fn set_with(
        &mut self,
        scope: Scope,
        key: &[u8],
        value: &[u8],
        options: &WriteOptions,
    ) -> Result<Version, KvError> {
        self.check(scope, key, value.len())?;
        if let Some(version) = self.set_again(&Key::new(scope, key), value, options) {
            return Ok(version);
        }
        let value = Blob::from(value);
        let set = |content: &mut Content, pen: &mut Pen<'_>, stamp| {
            content.reset(pen);
            content.register().set(pen, stamp, value);
        };
        self.write(scope, key, options, set).map(|(version, ())| version)
    }

    /// The usual write, without a look at more than it changes: of a key that this node, and in this life, set last.
    fn set_again(&mut self, key: &Key, value: &[u8], options: &WriteOptions) -> Option<Version> {
        if *options != WriteOptions::default() {
            return None;
        }
        let state = &mut *self.state;
        let writer = state.writer(*self.cx.me);
        let before = state.counter(writer);
        let version = Version::new(writer, before.checked_add(1)?);
        let slot = state.store.last_set_by(key, writer)?;
        let stamp = state.clock.stamp(self.cx.unix_ms());
        state.store.set_again(slot, version.counter, stamp, value);
        state.tell(&mut self.cx, key, version, true, true);
        state.wrote(&mut self.cx, before, version);
        Some(version)
    }

    /// Deletes a key that this node sees: what others write at the same time stays.
    ///
    /// # Errors
    /// See [`KvError`].
    pub fn delete(&mut self, scope: Scope, key: &[u8]) -> Result<Version, KvError> {
        self.delete_with(scope, key, &WriteOptions::default())
    }

    /// Deletes a key as [`Self::delete`] does; that it expires is of no meaning.
    ///
    /// # Errors
    /// See [`KvError`].
    pub fn delete_with(&mut self, scope: Scope, key: &[u8], options: &WriteOptions) -> Result<Version, KvError> {
        self.check_key(scope, key)?;
        if !self.state.store.get(&Key::new(scope, key)).is_some_and(Held::is_visible) {
            self.check_expected(&Item::default(), options)?;
            return Err(KvError::NotFound);
        }
        let options = WriteOptions { expires: None, ..*options };
        self.write(scope, key, &options, |content, pen, _| content.reset(pen)).map(|(version, ())| version)
    }

    /// Changes what a key holds: counts, adds to a set, writes in a map. `change` is given all that there is, nothing if the
    /// key is new, and what to write with. What it writes and what others write at the same time is joined.
    ///
    /// ```
    /// # use gossip_core::{Config, Identity, Instant, Node, NodeId, kv::Scope};
    /// # let me = Identity::new(NodeId::from_name("a"), 1);
    /// # let mut node = Node::<u64>::new(me, 1, Config::lan(), [1; 32], Instant::ZERO).unwrap();
    /// let mut kv = node.kv_mut(Instant::ZERO);
    /// kv.update(Scope::Shared, b"visits", |content, pen| content.counter().add(pen, 1))?;
    /// # Ok::<(), gossip_core::kv::KvError>(())
    /// ```
    ///
    /// # Errors
    /// See [`KvError`].
    pub fn update<R>(
        &mut self,
        scope: Scope,
        key: &[u8],
        change: impl FnOnce(&mut Content, &mut Pen<'_>) -> R,
    ) -> Result<(Version, R), KvError> {
        self.update_with(scope, key, &WriteOptions::default(), change)
    }

    /// Changes what a key holds as [`Self::update`] does.
    ///
    /// # Errors
    /// See [`KvError`].
    pub fn update_with<R>(
        &mut self,
        scope: Scope,
        key: &[u8],
        options: &WriteOptions,
        change: impl FnOnce(&mut Content, &mut Pen<'_>) -> R,
    ) -> Result<(Version, R), KvError> {
        self.check(scope, key, 0)?;
        self.write(scope, key, options, |content, pen, _| change(content, pen))
    }

    /// A stamp for a register in a map, later than all that were seen: see [`Self::update`].
    pub fn stamp(&mut self) -> Stamp {
        self.state.clock.stamp(self.cx.unix_ms())
    }

    /// Sets or deletes several own keys, all or none; the version of the last. They go out together; another member may still
    /// see some of them before the others.
    ///
    /// # Errors
    /// What [`Self::set`] refuses of any of them, and [`Self::delete`] but that the key is not there.
    pub fn transact(&mut self, writes: &[(&[u8], Option<&[u8]>)]) -> Result<Version, KvError> {
        let own = Scope::Own(self.cx.me.id);
        let mut new = 0;
        for (key, value) in writes {
            self.check(own, key, value.map_or(0, <[u8]>::len))?;
            new += usize::from(!self.state.store.contains(&Key::new(own, key)));
        }
        let max = self.cx.config.kv.max_entries;
        if self.state.store.len() + new > max {
            return Err(KvError::Full { max });
        }
        let mut last = Err(KvError::NotFound);
        for (key, value) in writes {
            match (value, self.state.store.get(&Key::new(own, key)).is_some_and(Held::is_visible)) {
                (Some(value), _) => last = Ok(self.set(own, key, value)?),
                (None, true) => last = Ok(self.delete(own, key)?),
                (None, false) => (),
            }
        }
        last
    }

    /// From now on [`Kv::merged`](super::Kv::merged) makes of several values of a key that begins with this what the function
    /// says; it takes the place of one that was registered for the same prefix. Nothing is written.
    pub fn merge_with(&mut self, prefix: &[u8], merge: Merge) {
        self.state.merges.retain(|(known, _)| known != prefix);
        self.state.merges.push((prefix.to_vec(), merge));
    }

    /// Whether [`KvMut::set`] would take a value of that length, unless the map is full, or much is to be told of what it
    /// takes the place of.
    ///
    /// # Errors
    /// See [`KvError`].
    pub fn check(&self, scope: Scope, key: &[u8], len: usize) -> Result<(), KvError> {
        self.check_key(scope, key)?;
        if matches!(scope, Scope::Shared) && key.first() == Some(&b'@') {
            return Err(KvError::ReservedKey);
        }
        let max = self.cx.config.kv.max_value;
        if len > max { Err(KvError::TooLarge { max }) } else { Ok(()) }
    }

    pub(super) fn check_running(&self) -> Result<(), KvError> {
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

    fn check_expected(&self, known: &Item, options: &WriteOptions) -> Result<(), KvError> {
        let found = known.heads().last().filter(|_| known.is_visible()).map(Version::from);
        let holds = match options.expect {
            None => true,
            Some(Expect::Absent) => found.is_none(),
            Some(Expect::Version(version)) => found == Some(version) && known.heads().len() == 1,
        };
        if holds { Ok(()) } else { Err(KvError::Changed { found }) }
    }

    fn write<R>(
        &mut self,
        scope: Scope,
        key: &[u8],
        options: &WriteOptions,
        change: impl FnOnce(&mut Content, &mut Pen<'_>, Stamp) -> R,
    ) -> Result<(Version, R), KvError> {
        let (key, state) = (Key::new(scope, key), &mut *self.state);
        let known = state.store.open(&key);
        let max = self.cx.config.kv.max_entries;
        if known.is_none() && state.store.len() >= max {
            return Err(KvError::Full { max });
        }
        let mut item = known.unwrap_or_default();
        self.check_expected(&item, options)?;
        let mut me = *self.cx.me;
        if let (Scope::Own(_), Some(last)) = (scope, item.heads().last()) {
            // A life with a higher number wrote it: its clock was ahead. An own key's last write is its owner's last.
            if last.writer.generation > self.state.writer(me).generation {
                me.generation = generation_of(last.writer.generation).saturating_add(1);
            }
        }
        #[cfg(feature = "broadcast")]
        let large = (item.size() >= super::untold::LARGE).then(|| item.clone());
        let stamp = self.state.clock.stamp(self.cx.unix_ms());
        let writer = self.state.writer(me);
        let (before, was) = (self.state.counter(writer), item.is_visible());
        let written = item.write(writer, before, |content, pen| change(content, pen, stamp));
        let (result, counter) = written.ok_or(KvError::Exhausted)?;
        self.check_item(&item)?;
        item.expires = options.expires.map(|ttl| self.cx.now + ttl);
        let version = Version::new(writer, counter);
        *self.cx.me = me;
        self.membership.follow_generation(&mut self.cx);
        self.state.tell(&mut self.cx, &key, version, was, item.is_visible());
        #[cfg(feature = "broadcast")]
        if let Some(large) = large {
            self.state.note_change(&self.cx, &key, before, &large, &item);
        }
        self.state.put(&self.cx, &key, item);
        self.state.wrote(&mut self.cx, before, version);
        Ok((version, result))
    }

    /// Whether others can be told of it.
    fn check_item(&self, item: &Item) -> Result<(), KvError> {
        if item.content().is_too_deep() {
            return Err(KvError::TooDeep);
        }
        let len = match item.as_plain() {
            Some((_, value)) => value.map_or(0, |(_, value)| value.len()),
            None => item.size(),
        };
        let max = self.cx.config.kv.max_value;
        if len > max && !item.is_deletion() { Err(KvError::TooLarge { max }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Identity, Instant, Node, NodeId};

    fn node(generation: u64) -> Node<u64> {
        let me = Identity::new(NodeId::from_name("a"), generation);
        Node::new(me, 1, Config::lan(), [1; 32], Instant::ZERO).unwrap()
    }

    #[test]
    fn a_write_for_which_no_version_is_left_changes_nothing() {
        let mut node = node(u64::MAX);
        let mut kv = node.kv_mut(Instant::ZERO);
        let me = kv.state.writer(*kv.cx.me);
        let last = Item::deletion(gossip_crdt::Dot::new(me, u64::MAX));
        kv.state.join(&mut kv.cx, &Key::new(Scope::Shared, b"other"), &last);
        assert_eq!(kv.set(Scope::Shared, b"k", b"3"), Err(KvError::Exhausted));
        assert!(node.kv().is_empty());
    }

    #[test]
    fn a_key_set_again_is_as_if_it_were_set_in_any_other_way() {
        let (mut one, mut other) = (node(1), node(1));
        for value in [&b"1"[..], b"2", b"longer", b""] {
            let mut kv = one.kv_mut(Instant::ZERO);
            let version = kv.set(Scope::Shared, b"k", value).unwrap();
            let mut kv = other.kv_mut(Instant::ZERO);
            let found = kv.state.store.get(&Key::new(Scope::Shared, b"k")).map(|held| Version::from(&held.heads()[0]));
            let expect = Some(found.map_or(Expect::Absent, Expect::Version));
            let options = WriteOptions { expect, ..WriteOptions::default() };
            assert_eq!(kv.set_with(Scope::Shared, b"k", value, &options), Ok(version));
            assert_eq!(one.kv().fingerprint(), other.kv().fingerprint());
            assert_eq!(one.snapshot().to_vec(), other.snapshot().to_vec());
            let events = |node: &mut Node<u64>| core::iter::from_fn(|| node.poll_event()).count();
            assert_eq!(events(&mut one), events(&mut other));
        }
    }

    #[test]
    fn a_write_under_a_new_generation_is_told_by_the_members_at_once() {
        let (mut last_life, mut node) = (node(9), node(1));
        let me = node.identity().id;
        last_life.kv_mut(Instant::ZERO).set(Scope::Own(me), b"k", b"1").unwrap();
        node.restore(Instant::ZERO, &last_life.snapshot().to_vec()).unwrap();
        let version = node.kv_mut(Instant::ZERO).set(Scope::Own(me), b"k", b"2").unwrap();
        assert_eq!((version.generation(), node.identity().generation), (10, 10));
        assert_eq!(node.members().get(me).unwrap().generation, 10);
    }
}
