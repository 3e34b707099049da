//! The map in a snapshot: what was seen, and what it left behind; and single writes in the same form, for a journal
//! beside the snapshots.

use alloc::vec::Vec;
use core::time::Duration;

use gossip_crdt::Codec as _;

use super::item::{Item, expires_in, is_of};
use super::key::Key;
use super::sync::Range;
use super::version::generation_of;
use super::{Kv, KvState, Scope, Version};
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::snapshot::{Reader, begin, list, seal};
use crate::time::Instant;
use crate::wire::kv::MAX_KEY;

/// The map of a snapshot, read completely before anything takes it over.
#[derive(Debug)]
pub(crate) struct Persisted {
    runs: Vec<Range>,
    /// With how long it lives still.
    items: Vec<(Key, Item, Option<Duration>)>,
}

impl Persisted {
    /// Reads a map to the end of the bytes; nothing at all is an empty one.
    pub(crate) fn read(mut reader: Reader<'_>) -> Option<Self> {
        if reader.0.is_empty() {
            return Some(Self { runs: Vec::new(), items: Vec::new() });
        }
        let runs = reader.list(|r| Some((identity(r)?, u64(r)?, u64(r)?)))?;
        let items = reader.list(item)?;
        reader.0.is_empty().then_some(Self { runs, items })
    }
}

impl<P: Peer> KvState<P> {
    /// Adds the map to a snapshot.
    pub(crate) fn persist(&self, now: Instant, out: &mut Vec<u8>) {
        let writers = self.context.writers_after(None);
        let runs = writers.flat_map(|(writer, runs)| runs.iter().map(move |run| (writer, run.0, run.1)));
        list(out, runs, put_run);
        // At once: a large map would be copied, and held twice, each time the vector grows.
        let size = |(key, item): (&Key, Item)| 26 + key.as_ref().len() + item.size();
        out.reserve_exact(self.store.iter().map(size).sum::<usize>() + 16);
        list(out, self.store.iter(), |out, (key, item)| put_item(out, now, key, &item));
    }

    /// Takes over the map of a snapshot. The limits do not hold here: what was left out would count as deleted.
    pub(crate) fn restore(&mut self, cx: &mut Cx<'_, P>, map: Persisted) {
        for (key, mut item, ttl) in map.items {
            item.expires = ttl.map(|ttl| cx.now + ttl);
            self.join(cx, &key, &item);
        }
        for (writer, first, last) in map.runs {
            if !self.context.add(cx.key, usize::MAX, writer, first, last) {
                cx.stats.kv_dropped += 1;
            }
        }
        // Under the generation of a former life, others may remember more of it than the snapshot does.
        let last = generation_of(self.context.last_generation(cx.me.id));
        cx.me.generation = cx.me.generation.max(last.saturating_add(1));
    }
}

/// Writes of this node on their way to a disk. Taken as bytes, [`crate::Node::restore`] takes them back as they were, version
/// and stamp included: first the last snapshot, then what was taken since, in the same order.
#[derive(Debug)]
pub struct Writes {
    runs: Vec<Range>,
    /// Each as it stands in a snapshot.
    items: Vec<u8>,
    count: u32,
    /// The last one that was added, taken or not.
    last: (Identity, u64),
}

impl Default for Writes {
    fn default() -> Self {
        let nobody = Identity::new(NodeId::from_bytes([0; 16]), 0);
        Self { runs: Vec::new(), items: Vec::new(), count: 0, last: (nobody, 0) }
    }
}

impl Writes {
    /// Adds what this version wrote, and what the same life wrote between the one that was added last and this one: all of
    /// a transaction if it is its last. Whether it was still there: call this right after the write, before the node is
    /// given anything else, and it is.
    pub fn push(&mut self, kv: Kv<'_>, version: Version) -> bool {
        if kv.store.find(&version).is_none() {
            return false;
        }
        let (writer, last) = (version.writer(), version.counter);
        let first = if self.last.0 == writer { last.min(self.last.1.saturating_add(1)) } else { 1 };
        for (_, key, item) in kv.store.written(writer, first, last) {
            put_item(&mut self.items, kv.now, key, &item);
            self.count += 1;
        }
        match self.runs.last_mut() {
            Some(run) if run.0 == writer && run.2.checked_add(1) == Some(first) => run.2 = last,
            _ => self.runs.push((writer, first, last)),
        }
        self.last = (writer, last);
        true
    }

    /// Whether there is nothing to take.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many writes it holds.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Takes the writes as a snapshot that holds nothing else.
    pub fn take(&mut self) -> Vec<u8> {
        let Self { runs, items, count, .. } = core::mem::replace(self, Self { last: self.last, ..Self::default() });
        let mut out = begin();
        list(&mut out, core::iter::empty::<()>(), |_, ()| ());
        list(&mut out, runs.into_iter(), put_run);
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&items);
        seal(out)
    }
}

fn put_run(out: &mut Vec<u8>, (writer, first, last): Range) {
    put_identity(out, writer);
    out.extend_from_slice(&first.to_be_bytes());
    out.extend_from_slice(&last.to_be_bytes());
}

pub(super) fn put_item(out: &mut Vec<u8>, now: Instant, key: &Key, item: &Item) {
    match key.scope() {
        Scope::Shared => out.push(0),
        Scope::Own(owner) => {
            out.push(1);
            out.extend_from_slice(owner.as_bytes());
        }
    }
    put_blob(out, key.name());
    let left = expires_in(item.expires, now).unwrap_or(u64::MAX);
    out.extend_from_slice(&left.to_be_bytes());
    put_blob(out, &item.to_bytes());
}

fn put_identity(out: &mut Vec<u8>, identity: Identity) {
    out.extend_from_slice(identity.id.as_bytes());
    out.extend_from_slice(&identity.generation.to_be_bytes());
}

fn put_blob(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn u64(reader: &mut Reader<'_>) -> Option<u64> {
    reader.array().map(u64::from_be_bytes)
}

fn identity(reader: &mut Reader<'_>) -> Option<Identity> {
    Some(Identity { id: NodeId::from_bytes(reader.array()?), generation: u64(reader)? })
}

fn blob<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = reader.u32()?;
    reader.bytes(usize::try_from(len).ok()?)
}

/// Reads an item from all of the bytes.
pub(super) fn read_item(bytes: &[u8]) -> Option<(Key, Item, Option<Duration>)> {
    let mut reader = Reader(bytes);
    item(&mut reader).filter(|_| reader.0.is_empty())
}

fn item(reader: &mut Reader<'_>) -> Option<(Key, Item, Option<Duration>)> {
    let scope = match reader.array()? {
        [0_u8] => Scope::Shared,
        [1] => Scope::Own(NodeId::from_bytes(reader.array()?)),
        _ => return None,
    };
    let key = blob(reader).filter(|key| key.len() <= MAX_KEY)?;
    let ttl = Some(u64(reader)?).filter(|left| *left < u64::MAX).map(Duration::from_millis);
    let is_possible = |item: &Item| match scope {
        Scope::Shared => true,
        Scope::Own(owner) => is_of(item, owner),
    };
    let item = Item::from_bytes(blob(reader)?).ok().filter(is_possible)?;
    Some((Key::new(scope, key), item, ttl))
}
