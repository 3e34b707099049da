//! Sections of the key-value map.

mod delta;

pub use delta::{Delta, Previous};

use super::codec::{DecodeError, Item, List, NoSpace, Reader};
use super::{Writer, tag};
use crate::identity::Identity;

/// The longest key, in bytes.
pub const MAX_KEY: usize = 255;

/// A section of the map.
#[derive(Clone, Copy, Debug)]
pub enum Section<'a> {
    /// See [`tag::KV_ENTRIES`].
    Entries(List<'a, Entry<'a>>),
    /// See [`tag::KV_SUMMARY`].
    Summary(u64),
    /// See [`tag::KV_CONTEXT`].
    Context(ContextPage<'a>),
    /// See [`tag::KV_DELTA`].
    Delta(Delta<'a>),
    /// See [`tag::KV_RECEIPT`].
    Receipt(Receipt<'a>),
    /// See [`tag::KV_QUESTION`].
    Question(&'a [u8]),
    /// See [`tag::KV_ANSWER`].
    Answer(&'a [u8]),
    /// See [`tag::KV_WANTS`].
    Wants(&'a [u8]),
    /// See [`tag::KV_STATES`].
    States(States<'a>),
    /// See [`tag::KV_PART`].
    Part(Part<'a>),
    /// See [`tag::KV_FETCH`].
    Fetch(Fetch),
}

impl<'a> Section<'a> {
    #[cfg(feature = "kv")]
    #[cfg_attr(feature = "fast", inline(always))]
    pub(super) fn read(tag: u8, reader: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match tag {
            tag::KV_ENTRIES => Self::Entries(List::read(reader)?),
            tag::KV_SUMMARY => Self::Summary(reader.u64()?),
            tag::KV_CONTEXT => Self::Context(ContextPage::read(reader)?),
            tag::KV_DELTA => Self::Delta(Delta::read(reader)?),
            tag::KV_RECEIPT => Self::Receipt(Receipt::read(reader)?),
            tag::KV_QUESTION => Self::Question(all(reader)?),
            tag::KV_ANSWER => Self::Answer(all(reader)?),
            tag::KV_WANTS => Self::Wants(all(reader)?),
            tag::KV_PART => Self::Part(Part::read(reader)?),
            tag::KV_FETCH => Self::Fetch(Fetch::read(reader)?),
            tag::KV_STATES => Self::States(States { wants_answer: reader.flag()?, entries: List::read(reader)? }),
            _ => return Ok(None),
        }))
    }

    /// The section's tag.
    pub fn tag(&self) -> u8 {
        match self {
            Self::Entries(_) => tag::KV_ENTRIES,
            Self::Summary(_) => tag::KV_SUMMARY,
            Self::Context(_) => tag::KV_CONTEXT,
            Self::Delta(_) => tag::KV_DELTA,
            Self::Receipt(_) => tag::KV_RECEIPT,
            Self::Question(_) => tag::KV_QUESTION,
            Self::Answer(_) => tag::KV_ANSWER,
            Self::Wants(_) => tag::KV_WANTS,
            Self::States(_) => tag::KV_STATES,
            Self::Part(_) => tag::KV_PART,
            Self::Fetch(_) => tag::KV_FETCH,
        }
    }

    /// Writes the section's body.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        match self {
            Self::Entries(entries) => entries.write(writer),
            Self::Summary(fingerprint) => writer.u64(*fingerprint),
            Self::Context(page) => page.write(writer),
            Self::Delta(delta) => delta.write(writer),
            Self::Receipt(receipt) => writer.item(receipt),
            Self::Part(part) => writer.item(part),
            Self::Fetch(fetch) => writer.item(fetch),
            Self::Question(bytes) | Self::Answer(bytes) | Self::Wants(bytes) => writer.bytes(bytes),
            Self::States(states) => {
                writer.u8(u8::from(states.wants_answer))?;
                states.entries.write(writer)
            }
        }
    }
}

/// What a key holds: the id of a writer, generation (varint), counter (varint, from 1), flags (1 byte: 1 the key is one of
/// the writer's own, 2 it expires, 4 and 8 what follows), milliseconds until it expires (varint) if it does, key (length,
/// at most 255 bytes), and then what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Who wrote it, in which life.
    pub writer: Identity,
    /// The number of the write in that life.
    pub counter: u64,
    /// Whether the key is one of the writer's own.
    pub own: bool,
    /// How long it lives still, in milliseconds; none: until it is deleted.
    pub expires: Option<u64>,
    /// The key.
    pub key: &'a [u8],
    /// What is known of it.
    pub state: State<'a>,
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State<'a> {
    /// Flags 0: the write set a register, and all before it of which the receiver may know is its writer's. Stamp (8
    /// bytes), value (length).
    Value {
        /// The hybrid logical clock of the write: Unix milliseconds (48 bits), then a counter (16 bits).
        stamp: u64,
        /// The value.
        value: &'a [u8],
    },
    /// Flags 4: the write deleted the key, and the same holds.
    Deleted,
    /// Flags 8: the sender has seen the write, and nothing is left of it, nor of those of its writer before it.
    Gone,
    /// Flags 12: a length, and all that is known of the key, of which the write is a head. Not looked into here.
    Full(&'a [u8]),
}

impl State<'_> {
    fn flags(&self) -> u8 {
        match self {
            Self::Value { .. } => 0,
            Self::Deleted => 4,
            Self::Gone => 8,
            Self::Full(_) => 12,
        }
    }
}

impl<'a> Item<'a> for Entry<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let writer = Identity { id: reader.id()?, generation: reader.varint()? };
        let counter = counter(reader)?;
        let flags = reader.u8()?;
        if flags > 15 {
            return Err(DecodeError::NonCanonical);
        }
        let expires = if flags & 2 == 0 { None } else { Some(reader.varint()?) };
        let key = reader.blob(MAX_KEY)?;
        let state = match flags >> 2 {
            0 => State::Value { stamp: reader.u64()?, value: reader.blob(usize::MAX)? },
            1 => State::Deleted,
            2 => State::Gone,
            _ => State::Full(reader.blob(usize::MAX)?),
        };
        Ok(Self { writer, counter, own: flags & 1 == 1, expires, key, state })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.id(self.writer.id)?;
        writer.varint(self.writer.generation)?;
        writer.varint(self.counter)?;
        writer.u8(u8::from(self.own) | u8::from(self.expires.is_some()) << 1 | self.state.flags())?;
        self.expires.map_or(Ok(()), |expires| writer.varint(expires))?;
        writer.blob(self.key)?;
        match self.state {
            State::Value { stamp, value } => {
                writer.u64(stamp)?;
                writer.blob(value)
            }
            State::Deleted | State::Gone => Ok(()),
            State::Full(bytes) => writer.blob(bytes),
        }
    }
}

/// What the sender knows of keys: whether it wants to be told of what is gone (1 byte: 1 if so), then the entries.
#[derive(Clone, Copy, Debug)]
pub struct States<'a> {
    /// Whether the receiver is to tell what it knows to be gone.
    pub wants_answer: bool,
    /// The entries.
    pub entries: List<'a, Entry<'a>>,
}

/// A part of what is known of a key that fits no packet: the id of a writer, life (varint) and counter (varint, from 1) of a
/// write that the key shows; in how many milliseconds it expires and one, or 0 (varint); the length of the whole (varint) and its checksum ([`super::ClusterKey::body`], 8 bytes); the
/// number of the part (varint, from 0), and its bytes, to the section's end: 400 of each but the last. No bytes: it
/// only says that there is such a thing. The whole is written as in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Who made a write that the key shows.
    pub writer: Identity,
    /// The number of the write.
    pub counter: u64,
    /// How long it lives still, in milliseconds; none: until it is deleted.
    pub expires: Option<u64>,
    /// How long the whole is.
    pub total: usize,
    /// Its checksum.
    pub sum: u64,
    /// Which part this is.
    pub number: usize,
    /// Its bytes; none: it is not here.
    pub bytes: &'a [u8],
}

impl<'a> Item<'a> for Part<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let writer = Identity { id: reader.id()?, generation: reader.varint()? };
        let (counter, expires) = (counter(reader)?, reader.varint()?.checked_sub(1));
        let (total, sum) = (reader.varint_usize()?, reader.u64()?);
        Ok(Self { writer, counter, expires, total, sum, number: reader.varint_usize()?, bytes: all(reader)? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.id(self.writer.id)?;
        writer.varint(self.writer.generation)?;
        writer.varint(self.counter)?;
        writer.varint(self.expires.map_or(0, |left| left.saturating_add(1)))?;
        writer.varint(self.total as u64)?;
        writer.u64(self.sum)?;
        writer.varint(self.number as u64)?;
        writer.bytes(self.bytes)
    }
}

/// Asks for parts of what is known of a key: the id of a writer, life (varint) and counter (varint, from 1) of a write that the
/// key shows; the number of a part (varint), and which of the 32 from it on are wanted (4 bytes, the lowest bit is the
/// first).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Who made a write that the key shows.
    pub writer: Identity,
    /// The number of the write.
    pub counter: u64,
    /// The first part.
    pub first: usize,
    /// Which from it on.
    pub mask: u32,
}

impl<'a> Item<'a> for Fetch {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let writer = Identity { id: reader.id()?, generation: reader.varint()? };
        let counter = counter(reader)?;
        Ok(Self { writer, counter, first: reader.varint_usize()?, mask: reader.u32()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.id(self.writer.id)?;
        writer.varint(self.writer.generation)?;
        writer.varint(self.counter)?;
        writer.varint(self.first as u64)?;
        writer.u32(self.mask)
    }
}

/// Which versions the sender has seen of the writers in a range: flags (1 byte: 1 the range begins after a writer, 2 it
/// ends with the last one listed, 4 the page answers another), the fingerprints of all that it has seen and of its entries (8 bytes each), that first writer (16-byte id, generation as varint) if
/// there is one, then all writers that the sender knows in the range, ascending by id and generation.
#[derive(Clone, Copy, Debug)]
pub struct ContextPage<'a> {
    /// What the sender has seen and its entries sum up to.
    pub fingerprints: (u64, u64),
    /// The range begins after this writer; none: from the beginning.
    pub after: Option<Identity>,
    /// Whether the range ends with the last writer listed; else it goes to the end.
    pub cut: bool,
    /// Whether the page was sent because another showed that the sender lacks something. It is not answered in kind.
    pub reply: bool,
    /// The writers, ascending. That they are is not checked: a short sender's id is known to its receiver alone. Out of
    /// order they only make the answer longer.
    pub writers: List<'a, Seen<'a>>,
}

impl<'a> ContextPage<'a> {
    /// The flag of a range that is cut.
    pub(crate) const CUT: u8 = 2;

    #[cfg(feature = "kv")]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let flags = reader.u8()?;
        if flags > 7 {
            return Err(DecodeError::NonCanonical);
        }
        let fingerprints = (reader.u64()?, reader.u64()?);
        let after =
            if flags & 1 == 1 { Some(Identity { id: reader.raw_id()?, generation: reader.varint()? }) } else { None };
        let cut = flags & Self::CUT != 0;
        let writers = List::<Seen<'_>>::read(reader)?;
        if cut && writers.iter().next().is_none() {
            return Err(DecodeError::OutOfRange);
        }
        Ok(Self { fingerprints, after, cut, reply: flags & 4 != 0, writers })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        let flags = Self::write_range(writer, self.fingerprints, self.after, self.reply)?;
        if self.cut {
            writer.patch(flags.0, &[flags.1 | Self::CUT]);
        }
        self.writers.write(writer)
    }

    /// Writes what stands before the writers, of a range that is not cut; where the flags stand, and what they are.
    pub(crate) fn write_range(
        writer: &mut Writer<'_>,
        fingerprints: (u64, u64),
        after: Option<Identity>,
        reply: bool,
    ) -> Result<(usize, u8), NoSpace> {
        let at = writer.position();
        let flags = u8::from(after.is_some()) | if reply { 4 } else { 0 };
        writer.u8(flags)?;
        writer.u64(fingerprints.0)?;
        writer.u64(fingerprints.1)?;
        if let Some(after) = after {
            writer.bytes(after.id.as_bytes())?;
            writer.varint(after.generation)?;
        }
        Ok((at, flags))
    }
}

/// How much of a writer was seen: id, generation (varint), the last counter up to which everything was seen (varint),
/// the runs of counters seen beyond (length in bytes, then of each run how many counters the hole before it has, less
/// one, and how many the run has, less one; varints).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// The writer.
    pub writer: Identity,
    /// Everything from 1 to this was seen.
    pub through: u64,
    /// The runs beyond, as they are written.
    beyond: &'a [u8],
}

impl<'a> Seen<'a> {
    /// What was seen of `writer`: everything to `through`, and the runs that `beyond` encodes.
    #[cfg(feature = "kv")]
    pub(crate) fn new(writer: Identity, through: u64, beyond: &'a [u8]) -> Self {
        Self { writer, through, beyond }
    }

    /// The runs of counters seen, first and last of each, ascending, with a hole between any two.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        let contiguous = (self.through > 0).then_some((1, self.through));
        contiguous.into_iter().chain(Runs { bytes: self.beyond, after: self.through }.map_while(Result::ok))
    }
}

impl<'a> Item<'a> for Seen<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let writer = Identity { id: reader.id()?, generation: reader.varint()? };
        let seen = Self { writer, through: reader.varint()?, beyond: reader.blob(usize::MAX)? };
        Runs { bytes: seen.beyond, after: seen.through }.try_for_each(|run| run.map(|_| ()))?;
        Ok(seen)
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.id(self.writer.id)?;
        writer.varint(self.writer.generation)?;
        writer.varint(self.through)?;
        writer.blob(self.beyond)
    }
}

/// Reads runs from their bytes.
struct Runs<'a> {
    bytes: &'a [u8],
    after: u64,
}

impl Runs<'_> {
    fn read(&mut self) -> Result<(u64, u64), DecodeError> {
        let mut reader = Reader::plain(self.bytes);
        let (hole, len) = (reader.varint()?, reader.varint()?);
        let first = self.after.checked_add(2).and_then(|first| first.checked_add(hole));
        let first = first.ok_or(DecodeError::OutOfRange)?;
        let last = first.checked_add(len).ok_or(DecodeError::OutOfRange)?;
        (self.bytes, self.after) = (reader.rest(), last);
        Ok((first, last))
    }
}

impl Iterator for Runs<'_> {
    type Item = Result<(u64, u64), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.bytes.is_empty()).then(|| self.read())
    }
}

/// Asks how much of a writer was seen, or says it: flags (1 byte: 1 it answers), then of a question the writer's id and
/// generation (varint), of an answer [`Seen`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt<'a> {
    /// How much of this writer has the receiver seen?
    Question(Identity),
    /// The sender has seen this.
    Answer(Seen<'a>),
}

impl<'a> Item<'a> for Receipt<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => Ok(Self::Question(Identity { id: reader.id()?, generation: reader.varint()? })),
            1 => Seen::read(reader).map(Self::Answer),
            _ => Err(DecodeError::NonCanonical),
        }
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        match self {
            Self::Question(of) => {
                writer.u8(0)?;
                writer.id(of.id)?;
                writer.varint(of.generation)
            }
            Self::Answer(seen) => {
                writer.u8(1)?;
                seen.write(writer)
            }
        }
    }
}

/// Whatever the section holds.
fn all<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    reader.bytes(reader.rest().len())
}

fn counter(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    match reader.varint()? {
        0 => Err(DecodeError::OutOfRange),
        counter => Ok(counter),
    }
}
