//! Sections of direct messages.

use super::codec::{DecodeError, Item, List, NoSpace, Reader};
use super::{Writer, tag};

/// Ports are numbered from 0 to one less than this.
pub const PORTS: u8 = 8;

/// A section of direct messages. Each names whom it is for: an address may have another owner by now.
#[derive(Clone, Copy, Debug)]
pub enum Section<'a> {
    /// See [`tag::DIRECT`].
    Message(Message<'a>),
    /// See [`tag::DIRECT_ACK`].
    Answers(Answers<'a>),
}

impl<'a> Section<'a> {
    #[cfg(feature = "direct")]
    #[inline]
    pub(super) fn read(tag: u8, reader: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match tag {
            tag::DIRECT => Self::Message(Message::read(reader)?),
            tag::DIRECT_ACK => Self::Answers(Answers { to: reader.u32()?, answers: List::read(reader)? }),
            _ => return Ok(None),
        }))
    }

    /// The section's tag.
    pub fn tag(&self) -> u8 {
        match self {
            Self::Message(_) => tag::DIRECT,
            Self::Answers(_) => tag::DIRECT_ACK,
        }
    }

    /// Writes the section's body.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        match self {
            Self::Message(message) => message.write(writer),
            Self::Answers(answers) => {
                writer.u32(answers.to)?;
                answers.answers.write(writer)
            }
        }
    }
}

/// A message: short name of the receiver (4 bytes), port (1 byte, below 8), sequence number (varint, from 1), payload (to
/// the end of the section).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// [`super::ClusterKey::short`] of the receiver.
    pub to: u32,
    /// Which of the receiver's inboxes it is for.
    pub port: u8,
    /// Its number among the messages of this life of the sender to the receiver; numbers may be left out.
    pub sequence: u64,
    /// The application's bytes.
    pub payload: &'a [u8],
}

impl<'a> Item<'a> for Message<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (to, port) = (reader.u32()?, reader.u8()?);
        if port >= PORTS {
            return Err(DecodeError::OutOfRange);
        }
        let sequence = sequence(reader)?;
        let payload = reader.rest();
        *reader = reader.over(&[]);
        Ok(Self { to, port, sequence, payload })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u32(self.to)?;
        writer.u8(self.port)?;
        writer.varint(self.sequence)?;
        writer.bytes(self.payload)
    }
}

/// What became of messages: short name of their sender (4 bytes), then one answer for each.
#[derive(Clone, Copy, Debug)]
pub struct Answers<'a> {
    /// [`super::ClusterKey::short`] of the messages' sender.
    pub to: u32,
    /// The answers.
    pub answers: List<'a, Answer>,
}

/// What became of a message: its sequence number (varint, from 1), 0 if the receiver has it or 1 if the receiver's inbox is
/// full (1 byte).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which message.
    pub sequence: u64,
    /// Whether the receiver has it; else its inbox is full, and the sender may try again.
    pub taken: bool,
}

impl Item<'_> for Answer {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let sequence = sequence(reader)?;
        match reader.u8()? {
            refused @ 0..=1 => Ok(Self { sequence, taken: refused == 0 }),
            _ => Err(DecodeError::OutOfRange),
        }
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.varint(self.sequence)?;
        writer.u8(u8::from(!self.taken))
    }
}

fn sequence(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    match reader.varint()? {
        0 => Err(DecodeError::OutOfRange),
        sequence => Ok(sequence),
    }
}
