//! Who has messages: a question of their origin, and the answer.
//!
//! ```text
//! 0 | token 2 | short id 4 ...      question
//! 1 | token 2 | bits 1 ...          answer
//! ```

use super::Writer;
use super::broadcast::ShortId;
use super::codec::{DecodeError, Item, List, NoSpace, Reader};

/// A question names so many messages at most.
pub const MAX_RECEIPT: usize = 64;

/// Asks whether the receiver has messages, or says it: kind (1 byte), token (2 bytes), and what follows.
#[derive(Clone, Copy, Debug)]
pub enum Receipt<'a> {
    /// Kind 0: 1 to [`MAX_RECEIPT`] [`ShortId`]s.
    Question {
        /// What the answer repeats.
        token: u16,
        /// The messages.
        ids: List<'a, ShortId>,
    },
    /// Kind 1: a bit for each message of the question, in their order, the lowest of the first byte first; set if the sender has it.
    Answer {
        /// That of the question.
        token: u16,
        /// 1 to 8 bytes.
        bits: &'a [u8],
    },
}

impl Receipt<'_> {
    /// Writes a question.
    pub fn ask(token: u16, ids: &[ShortId], writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u8(0)?;
        writer.bytes(&token.to_be_bytes())?;
        ids.iter().try_for_each(|id| id.write(writer))
    }

    /// Writes an answer to a question of so many messages: bit i is set if the sender has the message i.
    pub fn answer(token: u16, count: usize, has: u64, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u8(1)?;
        writer.bytes(&token.to_be_bytes())?;
        writer.bytes(&has.to_le_bytes()[..count.clamp(1, MAX_RECEIPT).div_ceil(8)])
    }
}

impl<'a> Item<'a> for Receipt<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (kind, token) = (reader.u8()?, reader.u16()?);
        let len = reader.rest().len();
        match kind {
            0 if len == 0 || len > 4 * MAX_RECEIPT => Err(DecodeError::OutOfRange),
            0 => Ok(Self::Question { token, ids: List::read(reader)? }),
            1 if len == 0 || len > MAX_RECEIPT / 8 => Err(DecodeError::OutOfRange),
            1 => Ok(Self::Answer { token, bits: reader.bytes(len)? }),
            _ => Err(DecodeError::OutOfRange),
        }
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        match self {
            Self::Question { token, ids } => {
                writer.u8(0)?;
                writer.bytes(&token.to_be_bytes())?;
                ids.write(writer)
            }
            Self::Answer { token, bits } => {
                writer.u8(1)?;
                writer.bytes(&token.to_be_bytes())?;
                writer.bytes(bits)
            }
        }
    }
}
