//! Sections of bulk: bodies that are too large for a datagram go in parts.

use alloc::vec::Vec;
use core::ops::Range;

use super::broadcast::ShortId;
use super::codec::{DecodeError, Item, List, NoSpace, Reader};
use super::{ClusterKey, Writer, tag};

/// The most parts that a body has.
pub const MAX_PARTS: u32 = 1 << 20;

/// A section of bulk.
#[derive(Clone, Copy, Debug)]
pub enum Section<'a> {
    /// See [`tag::BODY_WANT`].
    Want(List<'a, ShortId>),
    /// See [`tag::BODY_HAVE`].
    Have(Have<'a>),
    /// See [`tag::BODY_GET`].
    Get(Get<'a>),
    /// See [`tag::BODY_PART`].
    Part(Part<'a>),
}

impl<'a> Section<'a> {
    #[cfg(feature = "broadcast")]
    #[cfg_attr(feature = "fast", inline(always))]
    pub(super) fn read(tag: u8, reader: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match tag {
            tag::BODY_WANT => Self::Want(List::read(reader)?),
            tag::BODY_HAVE => Self::Have(Have::read(reader)?),
            tag::BODY_GET => Self::Get(Get::read(reader)?),
            tag::BODY_PART => Self::Part(Part::read(reader)?),
            _ => return Ok(None),
        }))
    }

    /// The section's tag.
    pub fn tag(&self) -> u8 {
        match self {
            Self::Want(_) => tag::BODY_WANT,
            Self::Have(_) => tag::BODY_HAVE,
            Self::Get(_) => tag::BODY_GET,
            Self::Part(_) => tag::BODY_PART,
        }
    }

    /// Writes the section's body.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        match self {
            Self::Want(bodies) => bodies.write(writer),
            Self::Have(have) => have.write(writer),
            Self::Get(get) => get.write(writer),
            Self::Part(part) => part.write(writer),
        }
    }
}

/// Stands in a message in place of a payload that is too large: the payload's length (varint, 1 to 2^32 - 1), the length of each
/// part but the last (varint, 64 to 65 535; at most 2^20 parts), the payload's checksum (8 bytes,
/// [`super::ClusterKey::body`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The length of the payload, in bytes.
    pub len: u32,
    /// The length of a part, in bytes.
    pub part: u16,
    /// The payload's checksum.
    pub check: u64,
}

impl Manifest {
    /// The shortest parts, in bytes.
    pub const MIN_PART: u16 = 64;

    /// Of a payload of 1 to 2^32 - 1 bytes, in parts of this length.
    pub fn of(key: &ClusterKey, part: u16, payload: &[u8]) -> Self {
        Self { len: payload.len() as u32, part, check: key.body(payload) }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for mut number in [self.len, u32::from(self.part)] {
            while number >= 0x80 {
                bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            bytes.push(number as u8);
        }
        bytes.extend_from_slice(&self.check.to_be_bytes());
        bytes
    }

    /// How many parts there are.
    pub fn parts(&self) -> u32 {
        self.len.div_ceil(u32::from(self.part))
    }

    /// Reads one that takes all of `bytes`.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::plain(bytes);
        let manifest = Self::read(&mut reader)?;
        if reader.is_empty() { Ok(manifest) } else { Err(DecodeError::TrailingBytes) }
    }
}

impl Item<'_> for Manifest {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = u32::try_from(reader.varint()?).map_err(|_| DecodeError::OutOfRange)?;
        let part = u16::try_from(reader.varint()?).map_err(|_| DecodeError::OutOfRange)?;
        let manifest = Self { len, part, check: reader.u64()? };
        let fits = len > 0 && part >= Self::MIN_PART && manifest.parts() <= MAX_PARTS;
        if fits { Ok(manifest) } else { Err(DecodeError::OutOfRange) }
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.varint(u64::from(self.len))?;
        writer.varint(u64::from(self.part))?;
        writer.u64(self.check)
    }
}

/// A run of parts: how many are passed over since the last one (varint), how many it has besides the first (varint).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many are passed over.
    pub gap: u32,
    /// How many there are besides the first.
    pub more: u32,
}

impl Item<'_> for Run {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut number = || reader.varint().and_then(|n| u32::try_from(n).map_err(|_| DecodeError::OutOfRange));
        Ok(Self { gap: number()?, more: number()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.varint(u64::from(self.gap))?;
        writer.varint(u64::from(self.more))
    }
}

/// The runs of `parts`, which ascend.
pub fn runs(parts: impl Iterator<Item = u32>) -> impl Iterator<Item = Run> {
    let mut parts = parts.peekable();
    let mut next = 0;
    core::iter::from_fn(move || {
        let first = parts.next()?;
        let mut last = first;
        while parts.next_if_eq(&(last + 1)).is_some() {
            last += 1;
        }
        let run = Run { gap: first - next, more: last - first };
        next = last + 1;
        Some(run)
    })
}

/// The ranges of runs, as far as a body can have them.
fn ranges<'a>(runs: List<'a, Run>) -> impl Iterator<Item = Range<u32>> + use<'a> {
    let mut next = 0_u32;
    runs.iter().map_while(move |run| {
        let first = next.checked_add(run.gap)?;
        next = first.checked_add(run.more)?.checked_add(1).filter(|next| *next <= MAX_PARTS)?;
        Some(first..next)
    })
}

/// Which parts the sender has: the message's short id (4 bytes), 0 and runs of them, or 1, the number of the first that is spoken
/// of (varint, a multiple of 8) and a bit for each from there, the lowest of a byte first. No run: the sender has
/// nothing of the body, and will not get it.
#[derive(Clone, Copy, Debug)]
pub struct Have<'a> {
    /// The message.
    pub body: ShortId,
    /// Which it has.
    pub held: Held<'a>,
}

/// How it is written which parts there are.
#[derive(Clone, Copy, Debug)]
pub enum Held<'a> {
    /// As runs.
    Runs(List<'a, Run>),
    /// As bits.
    Bits {
        /// The part that the first bit stands for.
        first: u32,
        /// The bits, the lowest of a byte first.
        bits: &'a [u8],
    },
}

impl<'a> Have<'a> {
    /// The parts, ascending, as ranges.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u32>> + use<'a> {
        let (runs, bits) = match self.held {
            Held::Runs(runs) => (Some(ranges(runs)), None),
            Held::Bits { first, bits } => {
                let each = bits.iter().enumerate().flat_map(|(at, byte)| {
                    (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| 8 * at as u32 + bit)
                });
                (None, Some(each.map(move |at| first + at..first + at + 1)))
            }
        };
        runs.into_iter().flatten().chain(bits.into_iter().flatten())
    }

    /// Whether the sender has nothing of the body.
    pub fn is_nothing(&self) -> bool {
        matches!(self.held, Held::Runs(runs) if runs.iter().next().is_none())
    }
}

impl<'a> Item<'a> for Have<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let body = ShortId::read(reader)?;
        let held = if reader.flag()? {
            let first = u32::try_from(reader.varint()?).map_err(|_| DecodeError::OutOfRange)?;
            if first % 8 != 0 || first >= MAX_PARTS {
                return Err(DecodeError::OutOfRange);
            }
            Held::Bits { first, bits: reader.bytes(reader.rest().len())? }
        } else {
            Held::Runs(List::read(reader)?)
        };
        Ok(Self { body, held })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        self.body.write(writer)?;
        match self.held {
            Held::Runs(runs) => {
                writer.u8(0)?;
                runs.write(writer)
            }
            Held::Bits { first, bits } => {
                writer.u8(1)?;
                writer.varint(u64::from(first))?;
                writer.bytes(bits)
            }
        }
    }
}

/// Asks for parts: the message's short id (4 bytes), runs of them.
#[derive(Clone, Copy, Debug)]
pub struct Get<'a> {
    /// The message.
    pub body: ShortId,
    /// Which parts.
    pub runs: List<'a, Run>,
}

impl<'a> Get<'a> {
    /// The parts, ascending.
    pub fn parts(&self) -> impl Iterator<Item = u32> + use<'a> {
        ranges(self.runs).flatten()
    }
}

impl<'a> Item<'a> for Get<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { body: ShortId::read(reader)?, runs: List::read(reader)? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        self.body.write(writer)?;
        self.runs.write(writer)
    }
}

/// A part: the message's short id (4 bytes), its number (varint), when it was sent by the sender's clock, in units of 64
/// microseconds (2 bytes, modulo 2^16), its bytes to the section's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The message.
    pub body: ShortId,
    /// Which part, from 0.
    pub number: u32,
    /// When it was sent.
    pub sent: u16,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl<'a> Item<'a> for Part<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let body = ShortId::read(reader)?;
        let number = u32::try_from(reader.varint()?).map_err(|_| DecodeError::OutOfRange)?;
        if number >= MAX_PARTS {
            return Err(DecodeError::OutOfRange);
        }
        let sent = reader.u16()?;
        Ok(Self { body, number, sent, bytes: reader.bytes(reader.rest().len())? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        self.body.write(writer)?;
        writer.varint(u64::from(self.number))?;
        writer.bytes(&self.sent.to_be_bytes())?;
        writer.bytes(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_the_parts_they_were_made_of() {
        let ascending = [0, 1, 2, 7, 9, 10, 500_000];
        let mut bytes = Vec::new();
        for run in runs(ascending.into_iter()) {
            bytes.extend([run.gap, run.more].map(|number| {
                assert!(number < 0x80 || number == 499_989);
                number
            }));
        }
        assert_eq!(bytes, [0, 2, 4, 0, 1, 1, 499_989, 0]);
    }

    #[test]
    fn runs_end_where_no_body_goes_on() {
        let body = [0, 3, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x0f];
        let runs = List::read(&mut Reader::plain(&body)).unwrap();
        assert_eq!(ranges(runs).flatten().collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn a_manifest_of_nothing_or_of_too_many_parts_is_refused() {
        let manifest = |len: &[u8], part: &[u8]| Manifest::decode(&[len, part, &[0; 8]].concat());
        assert!(manifest(&[100], &[64]).is_ok());
        assert_eq!(manifest(&[0], &[64]), Err(DecodeError::OutOfRange));
        assert_eq!(manifest(&[100], &[63]), Err(DecodeError::OutOfRange));
        assert_eq!(manifest(&[0xff, 0xff, 0xff, 0xff, 0x0f], &[64]), Err(DecodeError::OutOfRange));
    }
}
