//! Sections of broadcast.

use super::codec::{DecodeError, Item, List, NoSpace, Reader};
pub use super::interests::{Interests, MAX_INTERESTS, TopicHash};
use super::message::sequence;
pub use super::message::{Body, Class, Content, MAX_AFTER, MAX_MESSAGE_KEY, MAX_TOPIC, Message, Order, Pushed};
use super::overlay::{Advert, LinkSection};
pub use super::receipt::{MAX_RECEIPT, Receipt};
use super::{Writer, tag};
use crate::identity::Identity;

/// A section of broadcast.
#[derive(Clone, Copy, Debug)]
pub enum Section<'a> {
    /// See [`tag::MESSAGES`].
    Messages(List<'a, Message<'a>>),
    /// See [`tag::MESSAGE_DIGEST`].
    Digest(List<'a, Announcement>),
    /// See [`tag::MESSAGE_PULL`].
    Pull(List<'a, Wanted>),
    /// See [`tag::MESSAGE_FINGERPRINT`].
    Fingerprint(u32),
    /// See [`tag::MESSAGE_COMPARE`].
    Compare(List<'a, Announcement>),
    /// See [`tag::MESSAGE_RECENT`].
    Recent(List<'a, ShortId>),
    /// See [`tag::MESSAGE_RECEIPT`].
    Receipt(Receipt<'a>),
    /// See [`tag::RUMOURS`].
    Rumours(List<'a, Rumour>),
    /// See [`tag::INTERESTS`].
    Interests(Interests<'a>),
    /// See [`tag::LINK`].
    Link(LinkSection),
    /// See [`tag::TREE_ADVERT`].
    Advert(Advert),
    /// See [`tag::PUSH`].
    Push(List<'a, Pushed<'a>>),
    /// See [`tag::PUSH_ACK`].
    Ack(List<'a, ShortId>),
    /// See [`tag::PRUNE`].
    Prune(List<'a, ShortId>),
    /// See [`tag::IHAVE`].
    IHave(List<'a, ShortId>),
    /// See [`tag::GRAFT`].
    Graft(List<'a, ShortId>),
    /// See [`tag::ASK`].
    Ask(List<'a, ShortId>),
    /// See [`tag::GRAFT_NAMED`].
    GraftNamed(List<'a, ShortId>),
}

impl<'a> Section<'a> {
    #[cfg(feature = "broadcast")]
    #[cfg_attr(feature = "fast", inline(always))]
    pub(super) fn read(tag: u8, reader: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match tag {
            tag::MESSAGES => Self::Messages(List::read(reader)?),
            tag::MESSAGE_DIGEST => Self::Digest(List::read(reader)?),
            tag::MESSAGE_PULL => Self::Pull(List::read(reader)?),
            tag::MESSAGE_FINGERPRINT => Self::Fingerprint(reader.u32()?),
            tag::MESSAGE_COMPARE => Self::Compare(List::read(reader)?),
            tag::MESSAGE_RECENT => Self::Recent(List::read(reader)?),
            tag::MESSAGE_RECEIPT => Self::Receipt(Receipt::read(reader)?),
            tag::RUMOURS => Self::Rumours(List::read(reader)?),
            tag::INTERESTS => Self::Interests(Interests::read(reader)?),
            tag::LINK => Self::Link(LinkSection::read(reader)?),
            tag::TREE_ADVERT => Self::Advert(Advert::read(reader)?),
            tag::PUSH => Self::Push(List::read(reader)?),
            tag::PUSH_ACK => Self::Ack(List::read(reader)?),
            tag::PRUNE => Self::Prune(List::read(reader)?),
            tag::IHAVE => Self::IHave(List::read(reader)?),
            tag::GRAFT => Self::Graft(List::read(reader)?),
            tag::ASK => Self::Ask(List::read(reader)?),
            tag::GRAFT_NAMED => Self::GraftNamed(List::read(reader)?),
            _ => return Ok(None),
        }))
    }

    /// The section's tag.
    pub fn tag(&self) -> u8 {
        match self {
            Self::Messages(_) => tag::MESSAGES,
            Self::Digest(_) => tag::MESSAGE_DIGEST,
            Self::Pull(_) => tag::MESSAGE_PULL,
            Self::Fingerprint(_) => tag::MESSAGE_FINGERPRINT,
            Self::Compare(_) => tag::MESSAGE_COMPARE,
            Self::Recent(_) => tag::MESSAGE_RECENT,
            Self::Receipt(_) => tag::MESSAGE_RECEIPT,
            Self::Rumours(_) => tag::RUMOURS,
            Self::Interests(_) => tag::INTERESTS,
            Self::Link(_) => tag::LINK,
            Self::Advert(_) => tag::TREE_ADVERT,
            Self::Push(_) => tag::PUSH,
            Self::Ack(_) => tag::PUSH_ACK,
            Self::Prune(_) => tag::PRUNE,
            Self::IHave(_) => tag::IHAVE,
            Self::Graft(_) => tag::GRAFT,
            Self::Ask(_) => tag::ASK,
            Self::GraftNamed(_) => tag::GRAFT_NAMED,
        }
    }

    /// Writes the section's body.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        match self {
            Self::Messages(messages) => messages.write(writer),
            Self::Digest(announcements) | Self::Compare(announcements) => announcements.write(writer),
            Self::Fingerprint(fingerprint) => writer.u32(*fingerprint),
            Self::Pull(wanted) => wanted.write(writer),
            Self::Receipt(receipt) => receipt.write(writer),
            Self::Rumours(rumours) => rumours.write(writer),
            Self::Interests(interests) => interests.write(writer),
            Self::Link(link) => link.write(writer),
            Self::Advert(advert) => advert.write(writer),
            Self::Push(pushed) => pushed.write(writer),
            Self::Recent(ids) | Self::Ack(ids) | Self::Prune(ids) | Self::IHave(ids) => ids.write(writer),
            Self::Graft(ids) | Self::Ask(ids) | Self::GraftNamed(ids) => ids.write(writer),
        }
    }
}

/// A message by 4 bytes, among those of the last minutes: [`ShortId::of`]. Two may share one; what is missed for that is
/// pulled by its full name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortId(pub u32);

impl ShortId {
    /// Of a message: the origin's short name in the upper half, XOR the sequence number, mixed by the finalizer of
    /// MurmurHash3, the lower half of which counts.
    pub fn of(origin: u32, sequence: u64) -> Self {
        let mut mixed = u64::from(origin) << 32 ^ sequence;
        mixed = (mixed ^ mixed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        Self((mixed ^ mixed >> 33) as u32)
    }
}

impl Item<'_> for ShortId {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.u32().map(Self)
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u32(self.0)
    }
}

/// How far a rumour has spread, as its sender sees it (Karp et al., FOCS 2000): the message (4 bytes), the counter (1 byte, from 1;
/// 0: it has reached its end, and the sender spreads it for its last rounds), its age in rounds (1 byte, 255 if it is older).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rumour {
    /// Which message.
    pub message: ShortId,
    /// The counter; 0 in the last rounds.
    pub counter: u8,
    /// In rounds.
    pub age: u8,
}

impl Item<'_> for Rumour {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { message: ShortId::read(reader)?, counter: reader.u8()?, age: reader.u8()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        self.message.write(writer)?;
        writer.u8(self.counter)?;
        writer.u8(self.age)
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
