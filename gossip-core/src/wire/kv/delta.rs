//! A delta: entries of one writer, each told by how it differs from the one before it, so that a large state costs little
//! more than its keys and values.

use super::super::Writer;
use super::super::codec::{DecodeError, NoSpace, Reader};
use super::{Entry, MAX_KEY, State};
use crate::identity::Identity;

/// A writer's entries that survive between two counters: flags (1 byte: 1 the sender has more for the receiver), the
/// writer's id, generation (varint), the counter after which the range begins (8 bytes), its last counter (8 bytes),
/// then the entries of that writer in the range, ascending by counter, as [`Previous`] says. What is missing in between
/// was overwritten since.
#[derive(Clone, Copy, Debug)]
pub struct Delta<'a> {
    /// Whether the receiver should ask again at once.
    pub more: bool,
    /// The writer.
    pub writer: Identity,
    /// The range begins after this counter.
    pub after: u64,
    /// The last counter of the range.
    pub through: u64,
    /// The entries that survive.
    entries: Reader<'a>,
}

impl<'a> Delta<'a> {
    #[cfg(feature = "kv")]
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let more = reader.flag()?;
        let writer = Identity { id: reader.id()?, generation: reader.varint()? };
        let (after, through) = (reader.u64()?, reader.u64()?);
        if after >= through {
            return Err(DecodeError::OutOfRange);
        }
        let delta = Self { more, writer, after, through, entries: *reader };
        if !reader.is_checked() {
            let mut previous = Previous::new(after);
            while !reader.is_empty() {
                previous.read(writer, reader)?;
            }
            if previous.counter > through {
                return Err(DecodeError::OutOfRange);
            }
        }
        *reader = reader.over(&[]);
        Ok(delta)
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u8(u8::from(self.more))?;
        writer.id(self.writer.id)?;
        writer.varint(self.writer.generation)?;
        writer.u64(self.after)?;
        writer.u64(self.through)?;
        let mut previous = Previous::new(self.after);
        self.entries().try_for_each(|entry| previous.write(&entry, writer))
    }

    /// The entries that survive, read on the way.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let (mut reader, writer, mut previous) = (self.entries, self.writer, Previous::new(self.after));
        core::iter::from_fn(move || if reader.is_empty() { None } else { previous.read(writer, &mut reader).ok() })
    }
}

/// The entry before one: flags (1 byte: 1 the key is one of the writer's own, 2 it expires, 4 and 8 what is known of it,
/// as of an [`Entry`], 16 it is not the next write, 32 the key is of another length, 64 the stamp is not the next one, 128
/// the value is of another length), and as those say: how many writes stand between the two less one, milliseconds until
/// it expires, the key's length, the key, the stamp, the value's length, the value. A stamp: how many milliseconds later
/// it is, modulo 2^48, times two, and one if its counter, which follows then, is not zero. Numbers are varints. Before the
/// first all are zero; a deletion, or an entry told in full behind its length, leaves stamp and length of a value as they
/// are.
#[derive(Clone, Copy, Debug)]
pub struct Previous {
    counter: u64,
    stamp: u64,
    key: usize,
    value: usize,
}

const FAR: u8 = 16;
const KEY: u8 = 32;
const STAMP: u8 = 64;
const VALUE: u8 = 128;
const MILLIS: u64 = (1 << 48) - 1;

impl Previous {
    /// Before the first entry of a range that begins after a counter.
    pub fn new(after: u64) -> Self {
        Self { counter: after, stamp: 0, key: 0, value: 0 }
    }

    /// Writes an entry of a later write of the same writer, or nothing that counts.
    ///
    /// # Errors
    /// There is no room.
    pub fn write(&mut self, entry: &Entry<'_>, w: &mut Writer<'_>) -> Result<(), NoSpace> {
        let far = entry.counter.saturating_sub(self.counter).checked_sub(2);
        let (mut next, key) = (Self { counter: entry.counter, ..*self }, entry.key.len());
        let mut flags = u8::from(entry.own) | u8::from(entry.expires.is_some()) << 1 | entry.state.flags();
        flags |= if far.is_some() { FAR } else { 0 } | if key == self.key { 0 } else { KEY };
        next.key = key;
        if let State::Value { stamp, value } = entry.state {
            flags |= if stamp == self.stamp.wrapping_add(1) { 0 } else { STAMP };
            flags |= if value.len() == self.value { 0 } else { VALUE };
            (next.stamp, next.value) = (stamp, value.len());
        }
        w.u8(flags)?;
        for number in far.into_iter().chain(entry.expires).chain((flags & KEY != 0).then_some(key as u64)) {
            w.varint(number)?;
        }
        w.bytes(entry.key)?;
        match entry.state {
            State::Value { stamp, value } => {
                if flags & STAMP != 0 {
                    let (later, count) = ((stamp >> 16).wrapping_sub(self.stamp >> 16) & MILLIS, stamp & 0xffff);
                    w.varint(later << 1 | u64::from(count != 0))?;
                    if count != 0 {
                        w.varint(count)?;
                    }
                }
                if flags & VALUE != 0 {
                    w.varint(value.len() as u64)?;
                }
                w.bytes(value)?;
            }
            State::Deleted | State::Gone => (),
            State::Full(bytes) => w.blob(bytes)?,
        }
        *self = next;
        Ok(())
    }

    fn read<'a>(&mut self, writer: Identity, reader: &mut Reader<'a>) -> Result<Entry<'a>, DecodeError> {
        let flags = reader.u8()?;
        let far = if flags & FAR == 0 { 0 } else { reader.varint()?.checked_add(1).ok_or(DecodeError::OutOfRange)? };
        let counter = self.counter.checked_add(1).and_then(|counter| counter.checked_add(far));
        self.counter = counter.ok_or(DecodeError::OutOfRange)?;
        let expires = if flags & 2 == 0 { None } else { Some(reader.varint()?) };
        if flags & KEY != 0 {
            self.key = other_than(self.key, reader)?;
        }
        if self.key > MAX_KEY {
            return Err(DecodeError::OutOfRange);
        }
        let key = reader.bytes(self.key)?;
        let state = match flags >> 2 & 3 {
            0 => self.read_value(flags, reader)?,
            _ if flags & (STAMP | VALUE) != 0 => return Err(DecodeError::NonCanonical),
            1 => State::Deleted,
            2 => State::Gone,
            _ => State::Full(reader.blob(usize::MAX)?),
        };
        Ok(Entry { writer, counter: self.counter, own: flags & 1 == 1, expires, key, state })
    }

    fn read_value<'a>(&mut self, flags: u8, reader: &mut Reader<'a>) -> Result<State<'a>, DecodeError> {
        let next = self.stamp.wrapping_add(1);
        if flags & STAMP == 0 {
            self.stamp = next;
        } else {
            let later = reader.varint()?;
            let count = if later & 1 == 0 { 0 } else { reader.varint()? };
            if later >> 1 > MILLIS || count > 0xffff {
                return Err(DecodeError::OutOfRange);
            }
            self.stamp = (self.stamp >> 16).wrapping_add(later >> 1) << 16 | count;
            if self.stamp == next || later & 1 == 1 && count == 0 {
                return Err(DecodeError::NonCanonical);
            }
        }
        if flags & VALUE != 0 {
            self.value = other_than(self.value, reader)?;
        }
        Ok(State::Value { stamp: self.stamp, value: reader.bytes(self.value)? })
    }
}

/// A length that is not the one before it.
fn other_than(previous: usize, reader: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let len = reader.varint_usize()?;
    if len == previous { Err(DecodeError::NonCanonical) } else { Ok(len) }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::identity::NodeId;

    const WRITER: Identity = Identity::new(NodeId::from_bytes([7; 16]), 3);

    fn entry(counter: u64, state: State<'static>) -> Entry<'static> {
        Entry { writer: WRITER, counter, own: false, expires: None, key: b"0123456789abcdef", state }
    }

    fn written(entries: &[Entry<'_>]) -> Vec<u8> {
        let (mut buf, mut ids) = ([0; 1200], Vec::new());
        let key = crate::wire::ClusterKey::new("");
        let mut writer = Writer::new(&mut buf, &mut ids, &key, WRITER, false).unwrap();
        let (start, mut previous) = (writer.position(), Previous::new(0));
        entries.iter().try_for_each(|entry| previous.write(entry, &mut writer)).unwrap();
        let end = writer.position();
        buf[start..end].to_vec()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Entry<'_>>, DecodeError> {
        let (mut reader, mut previous, mut entries) = (Reader::plain(bytes), Previous::new(0), Vec::new());
        while !reader.is_empty() {
            entries.push(previous.read(WRITER, &mut reader)?);
        }
        Ok(entries)
    }

    #[test]
    fn entries_of_all_kinds_come_back_as_they_were() {
        let value = |stamp, value| State::Value { stamp, value };
        let states = [
            value(5 << 16, b"one"),
            value(5 << 16 | 1, b"two"),
            State::Deleted,
            value(5 << 16 | 2, b""),
            State::Full(b"all that is known"),
            value(9 << 16 | 0xffff, b""),
            value(10 << 16, b""),
            value(1, b"an earlier one"),
            State::Gone,
            value(u64::MAX, b"x"),
            value(0, b"x"),
        ];
        let mut entries: Vec<Entry<'_>> = (1..).zip(states).map(|(at, state)| entry(at * at, state)).collect();
        (entries[3].own, entries[4].expires, entries[5].key) = (true, Some(300), b"");
        assert_eq!(read(&written(&entries)), Ok(entries));
    }

    #[test]
    fn a_write_in_a_row_takes_a_byte_more_than_its_key_and_value() {
        let row = |at| entry(at, State::Value { stamp: 1 << 40 | at, value: &[1; 32] });
        assert_eq!(written(&[row(1), row(2), row(3)]).len() - written(&[row(1), row(2)]).len(), 49);
    }

    #[test]
    fn there_is_one_way_to_write_an_entry() {
        assert_eq!(read(&[STAMP, 2]).unwrap()[0].state, State::Value { stamp: 1 << 16, value: b"" });
        assert_eq!(read(&[STAMP, 1, 1]), Err(DecodeError::NonCanonical), "it is the next one");
        assert_eq!(read(&[STAMP, 3, 0]), Err(DecodeError::NonCanonical), "its counter is zero");
        assert_eq!(read(&[KEY, 0]), Err(DecodeError::NonCanonical), "it is as long as the one before it");
        assert_eq!(read(&[VALUE, 0]), Err(DecodeError::NonCanonical), "it is as long as the one before it");
        assert_eq!(read(&[4 | STAMP, 2]), Err(DecodeError::NonCanonical), "a deletion has no stamp");
    }
}
