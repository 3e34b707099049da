//! The map in a snapshot: what was seen, and what it left behind.

use alloc::vec::Vec;

use super::store::Write;
use super::sync::Range;
use super::{KvState, Scope, Version};
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::snapshot::{Reader, list};

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
        list(out, runs, |out, (writer, first, last)| {
            put_identity(out, writer);
            out.extend_from_slice(&first.to_be_bytes());
            out.extend_from_slice(&last.to_be_bytes());
        });
        list(out, self.store.iter(), |out, (scope, key, slot)| {
            put_identity(out, slot.version.writer());
            out.extend_from_slice(&slot.version.counter.to_be_bytes());
            out.extend_from_slice(&slot.stamp.to_be_bytes());
            out.push(u8::from(scope != Scope::Shared) | if slot.value.is_none() { 2 } else { 0 });
            put_blob(out, key);
            if let Some(value) = &slot.value {
                put_blob(out, value);
            }
        });
    }

    /// Takes over the map of a snapshot.
    pub(crate) fn restore(&mut self, cx: &mut Cx<'_, P>, map: &Persisted<'_>) {
        for write in &map.writes {
            if !self.context.contains(&write.version) {
                self.put(cx, write);
            }
        }
        for (writer, first, last) in &map.runs {
            if !self.context.add(cx.key, cx.config.kv.max_writers, *writer, *first, *last) {
                cx.stats.kv_dropped += 1;
            }
        }
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
