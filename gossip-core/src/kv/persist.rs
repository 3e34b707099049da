//! The map in a snapshot: what was seen, and what it left behind; and single writes in the same form, for a journal
//! beside the snapshots.

use alloc::vec::Vec;

use super::store::{Slot, Write};
use super::sync::Range;
use super::{Kv, KvState, Scope, Version};
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::snapshot::{Reader, begin, list, seal};

/// The most bytes of a write besides its key and its value.
const MAX_SLOT_HEAD: usize = 16 + 8 + 8 + 8 + 1 + 4 + 4;

/// The map of a snapshot, read completely before anything takes it over.
#[derive(Debug)]
pub(crate) struct Persisted<'a> {
    runs: Vec<Range>,
    writes: Vec<Write<'a>>,
}

impl<'a> Persisted<'a> {
    /// Reads a map to the end of the bytes; nothing at all is an empty one.
    pub(crate) fn read(mut reader: Reader<'a>) -> Option<Self> {
        if reader.0.is_empty() {
            return Some(Self { runs: Vec::new(), writes: Vec::new() });
        }
        let runs = reader.list(|r| Some((identity(r)?, u64(r)?, u64(r)?)))?;
        let writes = reader.list(write)?;
        reader.0.is_empty().then_some(Self { runs, writes })
    }
}

impl<P: Peer> KvState<P> {
    /// Adds the map to a snapshot.
    pub(crate) fn persist(&self, out: &mut Vec<u8>) {
        let writers = self.context.writers_after(None);
        let runs = writers.flat_map(|(writer, runs)| runs.iter().map(move |run| (writer, run.0, run.1)));
        list(out, runs, put_run);
        // At once: a large map would be copied, and held twice, each time the vector grows.
        let size =
            |key: &[u8], slot: &Slot| MAX_SLOT_HEAD + key.len() + slot.value.as_ref().map_or(0, |value| value.len());
        out.reserve_exact(self.store.iter().map(|(_, key, slot)| size(key, slot)).sum::<usize>() + 16);
        list(out, self.store.iter(), |out, (scope, key, slot)| put_slot(out, scope, key, slot));
    }

    /// Takes over the map of a snapshot. The limits do not hold here: what was left out would count as deleted.
    pub(crate) fn restore(&mut self, cx: &mut Cx<'_, P>, map: &Persisted<'_>) {
        for write in &map.writes {
            if !self.context.contains(&write.version) {
                self.put(cx, write, usize::MAX);
            }
        }
        for (writer, first, last) in &map.runs {
            if !self.context.add(cx.key, usize::MAX, *writer, *first, *last) {
                cx.stats.kv_dropped += 1;
            }
        }
    }
}

/// Writes of this node on their way to a disk. Taken as bytes, [`crate::Node::restore`] takes them back as they were, version
/// and stamp included: first the last snapshot, then what was taken since, in the same order.
#[derive(Debug, Default)]
pub struct Writes {
    runs: Vec<Range>,
    /// Each as it stands in a snapshot.
    slots: Vec<u8>,
    count: u32,
}

impl Writes {
    /// Adds what this version wrote. Whether it was still there: call this right after the write, before the node is given
    /// anything else, and it is.
    pub fn push(&mut self, kv: Kv<'_>, version: Version) -> bool {
        let Some((scope, key, slot)) = kv.store.find(&version) else { return false };
        put_slot(&mut self.slots, scope, key, slot);
        self.count += 1;
        let (writer, counter) = (version.writer(), version.counter);
        match self.runs.last_mut() {
            Some(run) if run.0 == writer && run.2.checked_add(1) == Some(counter) => run.2 = counter,
            _ => self.runs.push((writer, counter, counter)),
        }
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
        let Self { runs, slots, count } = core::mem::take(self);
        let mut out = begin();
        list(&mut out, core::iter::empty::<()>(), |_, ()| ());
        list(&mut out, runs.into_iter(), put_run);
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&slots);
        seal(out)
    }
}

fn put_run(out: &mut Vec<u8>, (writer, first, last): Range) {
    put_identity(out, writer);
    out.extend_from_slice(&first.to_be_bytes());
    out.extend_from_slice(&last.to_be_bytes());
}

fn put_slot(out: &mut Vec<u8>, scope: Scope, key: &[u8], slot: &Slot) {
    put_identity(out, slot.version.writer());
    out.extend_from_slice(&slot.version.counter.to_be_bytes());
    out.extend_from_slice(&slot.stamp.to_be_bytes());
    out.push(u8::from(scope != Scope::Shared) | if slot.value.is_none() { 2 } else { 0 });
    put_blob(out, key);
    if let Some(value) = &slot.value {
        put_blob(out, value);
    }
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

fn write<'a>(reader: &mut Reader<'a>) -> Option<Write<'a>> {
    let writer = identity(reader)?;
    let version = Version::new(writer, u64(reader)?);
    let stamp = u64(reader)?;
    let [flags] = reader.array()?;
    Some(Write {
        scope: if flags & 1 == 1 { Scope::Own(writer.id) } else { Scope::Shared },
        key: blob(reader)?,
        version,
        stamp,
        value: if flags & 2 == 0 { Some(blob(reader)?) } else { None },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Instant, Node};

    #[test]
    fn of_two_keys_that_name_one_version_the_first_is_restored() {
        let me = Identity::new(NodeId::from_name("a"), 1);
        let mut node = Node::new(me, 1_u64, Config::lan(), [1; 32], Instant::ZERO).unwrap();
        let mut writes = Writes::default();
        for key in [b"k", b"l"] {
            let slot = Slot { version: Version::new(me, 1), stamp: 1, value: Some([b'v'].into()) };
            put_slot(&mut writes.slots, Scope::Shared, key, &slot);
            writes.count += 1;
        }
        node.restore(Instant::ZERO, &writes.take()).unwrap();
        assert_eq!((node.kv().len(), node.kv().tombstones(), node.kv().get(Scope::Shared, b"l")), (1, 0, None));
    }
}
