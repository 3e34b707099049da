//! The messages: whole, bounded by the buffer that they are written to, and read without any state.
//!
//! ```text
//! question  summary   0 salt items cell [strata, if more than 48 items]
//!           cells     1 from count
//!           ranges    2 nonce(2) salt most (range skip)...      what has no more than so many items is to be listed
//! answer    equal     0
//!           cells     1 state(4) from cell...
//!           overview  2 estimate part
//!           parts     3 nonce(2) part...
//! part      varint count << 2 | kind, then
//!           split 0   cell, then (bound cell) for each further one of the parts of the range
//!           list  1   a tag (4) for each item of the range from the one asked for on, in the order of the keys
//!           cut   2   the same, and there are more
//! ```
//! A cell is 12 bytes, a range two bounds, a bound what it shares with the one before, a count is a varint.

use alloc::vec::Vec;

use crate::cell::Cell;
use crate::codec::{DecodeError, NoSpace, Reader, Writer};
use crate::range::KeyRange;
use crate::strata::{STRATA, Strata};

/// A set of no more items is small enough to be listed: its summary tells no strata.
pub(crate) const SMALL: u32 = 48;

/// What is to be said about a range, from its `skip`th item on if that is a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) range: KeyRange,
    pub(crate) skip: u32,
}

impl Ask {
    pub(crate) fn write(&self, before: &[u8], to: &mut Writer<'_>) -> Result<(), NoSpace> {
        to.whole(|to| {
            to.range(before, &self.range)?;
            to.varint(u64::from(self.skip))
        })
    }
}

#[derive(Debug)]
pub(crate) enum Question {
    Summary { salt: u8, items: u32, cell: Cell, strata: Option<Strata> },
    Cells { from: u32, count: u32 },
    Ranges { nonce: u16, salt: u8, most: u8, asks: Vec<Ask> },
}

impl Question {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let question = match from.u8()? {
            0 => {
                let (salt, items, cell) = (from.u8()?, from.count()?, from.cell()?);
                let strata = if items > SMALL { Some(Strata(from.array::<STRATA>()?)) } else { None };
                Self::Summary { salt, items, cell, strata }
            }
            1 => Self::Cells { from: from.count()?, count: from.count()? },
            2 => {
                let (nonce, salt, most) = (u16::from_be_bytes(from.array()?), from.u8()?, from.u8()?);
                let mut asks: Vec<Ask> = Vec::new();
                while !from.is_empty() {
                    let before = asks.last().and_then(|ask| ask.range.high.as_deref()).unwrap_or_default();
                    asks.push(Ask { range: from.range(before)?, skip: from.count()? });
                }
                Self::Ranges { nonce, salt, most, asks }
            }
            _ => return Err(DecodeError::UnknownKind),
        };
        from.end().map(|()| question)
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) -> Result<(), NoSpace> {
        match self {
            Self::Summary { salt, items, cell, strata } => {
                to.bytes(&[0, *salt])?;
                to.varint(u64::from(*items))?;
                to.bytes(&cell.to_bytes())?;
                strata.map_or(Ok(()), |strata| to.bytes(&strata.0))
            }
            Self::Cells { from, count } => {
                to.u8(1)?;
                to.varint(u64::from(*from))?;
                to.varint(u64::from(*count))
            }
            Self::Ranges { nonce, salt, most, asks } => {
                to.u8(2)?;
                to.bytes(&nonce.to_be_bytes())?;
                to.bytes(&[*salt, *most])?;
                let mut before: &[u8] = &[];
                asks.iter().try_for_each(|ask| {
                    ask.write(before, to)?;
                    before = ask.range.high.as_deref().unwrap_or_default();
                    Ok(())
                })
            }
        }
    }
}

#[derive(Debug)]
pub(crate) enum Answer<'a> {
    Equal,
    /// `state` names the set that the cells are of: cells of two states do not go together.
    Cells {
        #[cfg_attr(not(feature = "fast"), expect(dead_code, reason = "at most one cell is taken"))]
        state: u32,
        from: u32,
        cells: Vec<Cell>,
    },
    /// The whole, and how many keys seem to differ.
    Overview {
        estimate: u32,
        part: Part,
    },
    Parts {
        nonce: u16,
        parts: Parts<'a>,
    },
}

impl<'a> Answer<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let answer = match from.u8()? {
            0 => Self::Equal,
            1 => {
                let (state, first) = (u32::from_be_bytes(from.array()?), from.count()?);
                let mut cells = Vec::new();
                while !from.is_empty() {
                    cells.push(from.cell()?);
                }
                Self::Cells { state, from: first, cells }
            }
            2 => Self::Overview { estimate: from.count()?, part: Part::read(&[], &mut from)? },
            3 => return Ok(Self::Parts { nonce: u16::from_be_bytes(from.array()?), parts: Parts(from) }),
            _ => return Err(DecodeError::UnknownKind),
        };
        from.end().map(|()| answer)
    }
}

/// What is said of ranges, one after the other. They are read with the ranges at hand, whose lower bounds they refer to.
#[derive(Debug)]
pub(crate) struct Parts<'a>(Reader<'a>);

impl Parts<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn next(&mut self, range: &KeyRange) -> Result<Part, DecodeError> {
        Part::read(&range.low, &mut self.0)
    }
}

/// What is said of a range.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The first cell, and bounds with the cells of what is from there on.
    Split {
        first: Cell,
        rest: Vec<(Vec<u8>, Cell)>,
    },
    List {
        tags: Vec<u32>,
        is_cut: bool,
    },
}

impl Part {
    fn read(low: &[u8], from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let head = from.count()?;
        let count = head >> 2;
        match head & 3 {
            0 if count > 0 => {
                let first = from.cell()?;
                let mut rest: Vec<(Vec<u8>, Cell)> = Vec::new();
                for _ in 1..count {
                    let before = rest.last().map_or(low, |(bound, _)| bound);
                    let bound = from.bound(before)?.filter(|bound| bound.as_slice() > before);
                    rest.push((bound.ok_or(DecodeError::OutOfRange)?, from.cell()?));
                }
                Ok(Self::Split { first, rest })
            }
            kind @ (1 | 2) => Ok(Self::List { tags: from.tags(count)?, is_cut: kind == 2 }),
            _ => Err(DecodeError::OutOfRange),
        }
    }

    pub(crate) fn write(&self, low: &[u8], to: &mut Writer<'_>) -> Result<(), NoSpace> {
        to.whole(|to| match self {
            Self::Split { first, rest } => {
                to.usize((rest.len() + 1) << 2)?;
                to.bytes(&first.to_bytes())?;
                let mut before = low;
                rest.iter().try_for_each(|(bound, cell)| {
                    to.bound(before, Some(bound))?;
                    before = bound;
                    to.bytes(&cell.to_bytes())
                })
            }
            Self::List { tags, is_cut } => {
                to.usize(tags.len() << 2 | if *is_cut { 2 } else { 1 })?;
                to.tags(tags)
            }
        })
    }
}
