//! A broadcast message as it stands in a packet.
//!
//! ```text
//! origin | sequence | flags 1 | age 2?
//!   | expires? | key? | previous, after? | hops | topic | payload      of one that is to be delivered
//!   | back                                                             of one that is not any more
//!   | topic 4                                                          of one that is left out here
//! ```

use super::Writer;
use super::broadcast::{ShortId, TopicHash};
use super::codec::{DecodeError, Item, NoSpace, Reader};
use crate::identity::Identity;

/// How urgent a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// At once over more links than the tree has: faster, and more copies.
    Urgent,
    /// Along the tree.
    #[default]
    Normal,
    /// Patient: goes when nothing else waits for the link.
    Bulk,
}

impl Class {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Bulk];
}

/// The bits of the flags that are the class.
const CLASS: u8 = 0x03;
/// The flag of a message that comes after others.
const ORDERED: u8 = 0x04;
/// The flag of a message whose payload goes in parts.
const IN_PARTS: u8 = 0x08;
/// The flag of a message that is not to be delivered any more.
const WITHDRAWN: u8 = 0x10;
/// The flags of a message whose content is left out.
const LEFT_OUT: u8 = WITHDRAWN | IN_PARTS;
/// The flag of a message with a key.
const KEYED: u8 = 0x20;
/// The flag of a message whose life ends.
const EXPIRES: u8 = 0x40;
/// The flag of a message that has an age.
const AGED: u8 = 0x80;

/// The longest topic, in bytes.
pub const MAX_TOPIC: usize = 255;
/// The longest key, in bytes.
pub const MAX_MESSAGE_KEY: usize = 64;
/// The most messages of others that a message may come after.
pub const MAX_AFTER: usize = 8;

/// A message: the origin ([`Identity`]: id, generation (varint)), sequence number (varint, from 1), flags (1 byte: the class, 0
/// urgent, 1 normal, 2 bulk, and what follows), if it has an age (128) that in tenths of a second (2 bytes, not 0), and its
/// body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a, O = Identity> {
    /// Who sent it first.
    pub origin: O,
    /// Its number among the messages of that life of the origin.
    pub sequence: u64,
    /// How urgent it is.
    pub class: Class,
    /// How old it is, in tenths of a second; 0 if it is on its way.
    pub age: u16,
    /// What it says.
    pub body: Body<'a>,
}

/// A message as neighbours push it: the origin by its short name (4 bytes, [`super::ClusterKey::short`]), the rest as in
/// [`Message`].
pub type Pushed<'a> = Message<'a, u32>;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// Something to deliver.
    Content(Content<'a>),
    /// Nothing any more (flag 16): it expired, was replaced, or was taken back. Or it takes another one back itself.
    Withdrawn {
        /// How much lower the number of the message of the same origin is that this one takes back (varint, below its own
        /// number); 0: none.
        back: u64,
    },
    /// Nothing here (flags 16 and 8): who sends it thinks that the receiver does not want the topic. Who does asks for it.
    LeftOut {
        /// The hash of the topic (4 bytes).
        topic: TopicHash,
    },
}

/// What is delivered of a message: the rest of its life in milliseconds (varint, below 2^32; flag 64), its key (length, 1 to 64
/// bytes; flag 32), what it comes after (flag 4), hops so far (varint, below 2^32), topic (length, at most 255 bytes),
/// payload (length).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content<'a> {
    /// What is left of its life, in milliseconds; 0: it does not end.
    pub expires: u32,
    /// It displaces older messages of the same origin, topic and key; empty: none.
    pub key: &'a [u8],
    /// What it is to be delivered after.
    pub order: Option<Order<'a>>,
    /// How often it was passed on, this packet included.
    pub hops: u32,
    /// What it is about.
    pub topic: &'a [u8],
    /// Whether they are a [`Manifest`](super::bulk::Manifest) in place of what the application sent.
    pub in_parts: bool,
    /// The application's bytes.
    pub payload: &'a [u8],
}

/// What a message is to be delivered after: how much lower the number of the last ordered message of the same origin is
/// (varint, below its own number; 0: there was none), and messages of others (length, at most 8 [`ShortId`]s).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order<'a> {
    /// How much lower the number of the origin's last ordered message is; 0: there was none.
    pub previous: u64,
    /// Short ids of other messages, 4 bytes each, at most [`MAX_AFTER`].
    pub after: &'a [u8],
}

impl Order<'_> {
    /// The other messages.
    pub fn after(&self) -> impl Iterator<Item = ShortId> {
        self.after.chunks_exact(4).map(|id| ShortId(id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte))))
    }
}

impl<'a, O> Message<'a, O> {
    /// One that is just being sent, and is passed on for the first time.
    pub fn new(origin: O, sequence: u64, class: Class, topic: &'a [u8], payload: &'a [u8]) -> Self {
        let content = Content { hops: 1, topic, payload, ..Content::default() };
        Self { origin, sequence, class, age: 0, body: Body::Content(content) }
    }

    /// The payload; empty if it was withdrawn, or left out.
    pub fn payload(&self) -> &'a [u8] {
        match self.body {
            Body::Content(content) => content.payload,
            Body::Withdrawn { .. } | Body::LeftOut { .. } => &[],
        }
    }

    /// Reads all but the origin.
    pub(super) fn read_of(origin: O, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let sequence = sequence(reader)?;
        let flags = reader.u8()?;
        let class = Class::ALL.get(usize::from(flags & CLASS)).copied().ok_or(DecodeError::OutOfRange)?;
        let age = if flags & AGED == 0 { 0 } else { not_zero(reader.u16()?)? };
        let body = if flags & WITHDRAWN == 0 {
            Body::Content(Content::read(flags, sequence, reader)?)
        } else if flags & (EXPIRES | KEYED | ORDERED) != 0 {
            return Err(DecodeError::NonCanonical);
        } else if flags & IN_PARTS == 0 {
            Body::Withdrawn { back: below(sequence, reader)? }
        } else {
            Body::LeftOut { topic: TopicHash::read(reader)? }
        };
        Ok(Self { origin, sequence, class, age, body })
    }
}

impl<'a> Content<'a> {
    fn read(flags: u8, sequence: u64, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let expires = if flags & EXPIRES == 0 { 0 } else { not_zero(u32_varint(reader)?)? };
        let key = if flags & KEYED == 0 { &[] } else { reader.blob(MAX_MESSAGE_KEY)? };
        if flags & KEYED != 0 && key.is_empty() {
            return Err(DecodeError::NonCanonical);
        }
        let order = if flags & ORDERED == 0 { None } else { Some(Order::read(sequence, reader)?) };
        Ok(Self {
            expires,
            key,
            order,
            in_parts: flags & IN_PARTS != 0,
            hops: u32_varint(reader)?,
            topic: reader.blob(MAX_TOPIC)?,
            payload: reader.blob(usize::MAX)?,
        })
    }

    fn flags(&self) -> u8 {
        let flag = |set: bool, flag| if set { flag } else { 0 };
        let kept = flag(self.expires > 0, EXPIRES) | flag(!self.key.is_empty(), KEYED);
        kept | flag(self.order.is_some(), ORDERED) | flag(self.in_parts, IN_PARTS)
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        if self.expires > 0 {
            writer.varint(u64::from(self.expires))?;
        }
        if !self.key.is_empty() {
            writer.blob(self.key)?;
        }
        if let Some(order) = &self.order {
            writer.varint(order.previous)?;
            writer.blob(order.after)?;
        }
        writer.varint(u64::from(self.hops))?;
        writer.blob(self.topic)?;
        writer.blob(self.payload)
    }
}

impl<'a> Order<'a> {
    fn read(sequence: u64, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let order = Self { previous: below(sequence, reader)?, after: reader.blob(4 * MAX_AFTER)? };
        if order.after.len() % 4 == 0 { Ok(order) } else { Err(DecodeError::OutOfRange) }
    }
}

impl<'a, O: Item<'a>> Item<'a> for Message<'a, O> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Self::read_of(O::read(reader)?, reader)
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        self.origin.write(writer)?;
        writer.varint(self.sequence)?;
        let aged = if self.age == 0 { 0 } else { AGED };
        let body = match &self.body {
            Body::Content(content) => content.flags(),
            Body::Withdrawn { .. } => WITHDRAWN,
            Body::LeftOut { .. } => LEFT_OUT,
        };
        writer.u8(self.class as u8 | aged | body)?;
        if self.age > 0 {
            writer.bytes(&self.age.to_be_bytes())?;
        }
        match &self.body {
            Body::Content(content) => content.write(writer),
            Body::Withdrawn { back } => writer.varint(*back),
            Body::LeftOut { topic } => topic.write(writer),
        }
    }
}

fn u32_varint(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(reader.varint()?).map_err(|_| DecodeError::OutOfRange)
}

/// How much lower than `sequence` another number is: a number that there is.
fn below(sequence: u64, reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let back = reader.varint()?;
    if back < sequence { Ok(back) } else { Err(DecodeError::OutOfRange) }
}

/// What is nothing is not written.
fn not_zero<T: Default + PartialEq>(value: T) -> Result<T, DecodeError> {
    if value == T::default() { Err(DecodeError::NonCanonical) } else { Ok(value) }
}

/// A sequence number.
pub(super) fn sequence(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    match reader.varint()? {
        0 => Err(DecodeError::OutOfRange),
        sequence => Ok(sequence),
    }
}
