//! Sections of broadcast.

use super::codec::{DecodeError, Item, List, NoSpace, Reader};
use super::{Writer, tag};
use crate::identity::Identity;

/// The longest topic, in bytes.
pub const MAX_TOPIC: usize = 255;

/// A section of broadcast.
#[derive(Clone, Copy, Debug)]
pub enum Section<'a> {
    /// See [`tag::MESSAGES`].
    Messages(List<'a, Message<'a>>),
    /// See [`tag::MESSAGE_DIGEST`].
    Digest(List<'a, Announcement>),
    /// See [`tag::MESSAGE_PULL`].
    Pull(List<'a, Wanted>),
}

impl<'a> Section<'a> {
    #[inline(always)]
    pub(super) fn read(tag: u8, reader: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match tag {
            tag::MESSAGES => Self::Messages(List::read(reader)?),
            tag::MESSAGE_DIGEST => Self::Digest(List::read(reader)?),
            tag::MESSAGE_PULL => Self::Pull(List::read(reader)?),
            _ => return Ok(None),
        }))
    }

    /// The section's tag.
    pub fn tag(&self) -> u8 {
        match self {
            Self::Messages(_) => tag::MESSAGES,
            Self::Digest(_) => tag::MESSAGE_DIGEST,
            Self::Pull(_) => tag::MESSAGE_PULL,
        }
    }

    /// Writes the section's body.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        match self {
            Self::Messages(messages) => messages.write(writer),
            Self::Digest(announcements) => announcements.write(writer),
            Self::Pull(wanted) => wanted.write(writer),
        }
    }
}

/// A message: origin's id, generation (varint), sequence number (varint, from 1), hops so far (varint), topic (length,
/// at most 255 bytes), payload (length).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who sent it first.
    pub origin: Identity,
    /// Its number among the messages of that life of the origin.
    pub sequence: u64,
    /// How often it was passed on, this packet included.
    pub hops: u32,
    /// What it is about.
    pub topic: &'a [u8],
    /// The application's bytes.
    pub payload: &'a [u8],
}

impl<'a> Item<'a> for Message<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            origin: Identity { id: reader.id()?, generation: reader.varint()? },
            sequence: sequence(reader)?,
            hops: u32::try_from(reader.varint()?).map_err(|_| DecodeError::OutOfRange)?,
            topic: reader.blob(MAX_TOPIC)?,
            payload: reader.blob(usize::MAX)?,
        })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.id(self.origin.id)?;
        writer.varint(self.origin.generation)?;
        writer.varint(self.sequence)?;
        writer.varint(u64::from(self.hops))?;
        writer.blob(self.topic)?;
        writer.blob(self.payload)
    }
}

/// Announces what the sender holds of an origin: id, generation (varint), the first sequence number it still holds
/// (varint), how many more up to the last it has received (varint).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The origin.
    pub origin: Identity,
    /// The first number still held.
    pub first: u64,
    /// The last number received.
    pub last: u64,
}

impl Item<'_> for Announcement {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let origin = Identity { id: reader.id()?, generation: reader.varint()? };
        let first = sequence(reader)?;
        let last = first.checked_add(reader.varint()?).ok_or(DecodeError::OutOfRange)?;
        Ok(Self { origin, first, last })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.id(self.origin.id)?;
        writer.varint(self.origin.generation)?;
        writer.varint(self.first)?;
        writer.varint(self.last - self.first)
    }
}

/// Asks for messages of an origin: id, generation (varint), the first number (varint), and which of the 64 that follow
/// it are wanted too (8 bytes, the lowest bit for the next number; none above 2^64 - 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The origin.
    pub origin: Identity,
    /// The first number that is wanted.
    pub first: u64,
    /// Bit i: number `first + 1 + i` is wanted too.
    pub more: u64,
}

impl Wanted {
    /// The numbers, ascending.
    pub fn sequences(&self) -> impl Iterator<Item = u64> + use<> {
        let Self { first, more, .. } = *self;
        let following = (0..64).filter(move |bit| more >> bit & 1 == 1).map(move |bit| first.saturating_add(1 + bit));
        core::iter::once(first).chain(following)
    }
}

impl Item<'_> for Wanted {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let origin = Identity { id: reader.id()?, generation: reader.varint()? };
        let (first, more) = (sequence(reader)?, reader.u64()?);
        let span = u64::from(u64::BITS - more.leading_zeros());
        first.checked_add(span).ok_or(DecodeError::OutOfRange)?;
        Ok(Self { origin, first, more })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.id(self.origin.id)?;
        writer.varint(self.origin.generation)?;
        writer.varint(self.first)?;
        writer.u64(self.more)
    }
}

fn sequence(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    match reader.varint()? {
        0 => Err(DecodeError::OutOfRange),
        sequence => Ok(sequence),
    }
}
