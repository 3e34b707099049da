//! Reading and writing the primitives of messages: each value has one encoding.

use alloc::vec::Vec;
use core::fmt;

use crate::cell::{CELL_BYTES, Cell};
use crate::range::{BOUND_BYTES, KeyRange};

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// It ends inside a field.
    Truncated,
    /// Bytes are left over.
    TrailingBytes,
    /// A value is not written in its one canonical form.
    NonCanonical,
    /// A value is outside its range.
    OutOfRange,
    /// It begins with a kind that there is none of here.
    UnknownKind,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "it ends inside a field",
            Self::TrailingBytes => "bytes are left over after the last field",
            Self::NonCanonical => "a value is not in its canonical form",
            Self::OutOfRange => "a value is outside its range",
            Self::UnknownKind => "its first byte names no kind of message that belongs here",
        })
    }
}

impl core::error::Error for DecodeError {}

/// What was to be written does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoSpace;

#[derive(Debug)]
pub(crate) struct Writer<'a> {
    buf: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(buf: &'a mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn room(&self) -> usize {
        self.buf.len() - self.len
    }

    /// Writes all of it or nothing.
    pub(crate) fn whole(&mut self, write: impl FnOnce(&mut Self) -> Result<(), NoSpace>) -> Result<(), NoSpace> {
        let before = self.len;
        write(self).inspect_err(|_| self.len = before)
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), NoSpace> {
        let end = self.len + bytes.len();
        self.buf.get_mut(self.len..end).ok_or(NoSpace)?.copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    pub(crate) fn u8(&mut self, value: u8) -> Result<(), NoSpace> {
        self.bytes(&[value])
    }

    /// LEB128, in as few bytes as will do.
    pub(crate) fn varint(&mut self, mut value: u64) -> Result<(), NoSpace> {
        while value >= 0x80 {
            self.u8(value as u8 | 0x80)?;
            value >>= 7;
        }
        self.u8(value as u8)
    }

    pub(crate) fn usize(&mut self, value: usize) -> Result<(), NoSpace> {
        self.varint(value as u64)
    }

    pub(crate) fn tags(&mut self, tags: &[u32]) -> Result<(), NoSpace> {
        tags.iter().try_for_each(|tag| self.bytes(&tag.to_be_bytes()))
    }

    /// What is shared with the bound before, and the rest. Without a bound: one zero byte.
    pub(crate) fn bound(&mut self, before: &[u8], bound: Option<&[u8]>) -> Result<(), NoSpace> {
        let Some(bound) = bound else { return self.u8(0) };
        let shared = before.iter().zip(bound).take_while(|(a, b)| a == b).count();
        self.usize(bound.len() - shared + 1)?;
        self.usize(shared)?;
        self.bytes(&bound[shared..])
    }

    pub(crate) fn range(&mut self, before: &[u8], range: &KeyRange) -> Result<(), NoSpace> {
        self.bound(before, Some(&range.low))?;
        self.bound(&range.low, range.high.as_deref())
    }
}

#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError::OutOfRange);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { Err(DecodeError::NonCanonical) } else { Ok(value) };
            }
        }
        Err(DecodeError::OutOfRange)
    }

    /// A count or a position: at most 2^32 - 1.
    pub(crate) fn count(&mut self) -> Result<u32, DecodeError> {
        u32::try_from(self.varint()?).map_err(|_| DecodeError::OutOfRange)
    }

    pub(crate) fn cell(&mut self) -> Result<Cell, DecodeError> {
        Cell::from_bytes(&self.array::<CELL_BYTES>()?).ok_or(DecodeError::OutOfRange)
    }

    /// Never allocates for more than there is.
    pub(crate) fn tags(&mut self, count: u32) -> Result<Vec<u32>, DecodeError> {
        let len = usize::try_from(count).ok().and_then(|count| count.checked_mul(4)).ok_or(DecodeError::OutOfRange)?;
        let tags = self.bytes(len)?.chunks_exact(4);
        Ok(tags.map(|tag| u32::from_be_bytes([tag[0], tag[1], tag[2], tag[3]])).collect())
    }

    pub(crate) fn bound(&mut self, before: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
        let Some(rest) = self.count()?.checked_sub(1) else { return Ok(None) };
        let (rest, shared) = (rest as usize, self.count()? as usize);
        if shared > before.len() || shared.saturating_add(rest) > BOUND_BYTES {
            return Err(DecodeError::OutOfRange);
        }
        let rest = self.bytes(rest)?;
        // As much is shared as can be.
        if rest.first().is_some_and(|byte| before.get(shared) == Some(byte)) {
            return Err(DecodeError::NonCanonical);
        }
        Ok(Some([&before[..shared], rest].concat()))
    }

    pub(crate) fn range(&mut self, before: &[u8]) -> Result<KeyRange, DecodeError> {
        let low = self.bound(before)?.ok_or(DecodeError::OutOfRange)?;
        let range = KeyRange { high: self.bound(&low)?, low };
        if range.is_valid() { Ok(range) } else { Err(DecodeError::OutOfRange) }
    }
}
