//! The side that answers: from the index alone, each question as if it were the only one.

use alloc::vec::Vec;

#[cfg(feature = "fast")]
use crate::cell::CELL_BYTES;
use crate::cell::Cell;
use crate::codec::{DecodeError, NoSpace, Writer};
use crate::index::Index;
use crate::message::{Ask, Part, Question, SMALL};
use crate::range::{KeyRange, separator};
use crate::strata::Strata;
use crate::sum::Sum;

/// A range is split into so many parts at most.
const PARTS: u32 = 16;
/// A range is not split for the sake of lists shorter than half of this.
const LEAST: u32 = 32;
/// A whole set of no more items is listed at once, if some of it differs.
const LIST_ALL: u32 = 1024;
#[cfg(feature = "fast")]
/// From so many differences on it is looked at first whether they lie together.
const MANY: u32 = 32;

#[cfg(feature = "fast")]
/// What n cells' worth of differences takes: some 1.35 n + sqrt(n) (figure 4 of the rateless IBLT's paper).
pub(crate) fn cells_for(differences: u32) -> u32 {
    let more = u64::from(differences) * 27 / 20 + u64::from(differences.isqrt()) + 1;
    u32::try_from(more).unwrap_or(u32::MAX)
}

impl<K: AsRef<[u8]>> Index<K> {
    /// Writes the answer to a question of a [`Session`](crate::Session) into `buf`, and says how long it is. Zero:
    /// there is no room for one, which takes some 300 bytes at most.
    ///
    /// # Errors
    /// If the bytes are no question.
    pub fn answer(&self, question: &[u8], buf: &mut [u8]) -> Result<usize, DecodeError> {
        let mut to = Writer::new(buf);
        let written = match Question::decode(question)? {
            Question::Summary { salt, items, cell, strata } => {
                if cell == self.cell() && items as usize == self.len() {
                    to.u8(0)
                } else if self.is_one_key(cell.minus(self.cell())) {
                    self.answer_cells(&mut to, 0, 1)
                } else {
                    self.answer_summary(&mut to, salt, items, strata)
                }
            }
            Question::Cells { from, count } => self.answer_cells(&mut to, from, count),
            Question::Ranges { nonce, salt, most, asks } => self.answer_ranges(&mut to, (nonce, salt, most), &asks),
        };
        Ok(if written.is_ok() { to.len() } else { 0 })
    }

    fn is_one_key(&self, difference: Cell) -> bool {
        difference.single().is_some_and(|(hash, change)| self.found_key(hash, change).is_some())
    }

    fn answer_summary(&self, to: &mut Writer<'_>, salt: u8, items: u32, strata: Option<Strata>) -> Result<(), NoSpace> {
        let own = self.len() as u32;
        #[cfg(feature = "fast")]
        let estimate = strata.map_or(items.saturating_add(own), |strata| self.strata().estimate(&strata) as u32);
        #[cfg(not(feature = "fast"))]
        let estimate = strata.map_or(items.saturating_add(own), |_| items.max(own));
        // By cells a different key takes four times as many bytes as any key in a list, and the estimate may be half
        // the truth.
        let list = own <= SMALL || own <= LIST_ALL && own / 8 <= estimate;
        #[cfg(feature = "fast")]
        if !list && estimate < MANY {
            return self.answer_cells(to, 0, cells_for(estimate));
        }
        to.u8(2)?;
        to.varint(u64::from(estimate))?;
        let all = Ask { range: KeyRange::all(), skip: 0 };
        if list { self.list(to, salt, &all, own, 0) } else { self.write_part(to, salt, LEAST, &all, true) }
    }

    #[cfg(feature = "fast")]
    fn answer_cells(&self, to: &mut Writer<'_>, from: u32, count: u32) -> Result<(), NoSpace> {
        let cells = self.sketch().cells(from as usize);
        to.u8(1)?;
        to.bytes(&self.state().to_be_bytes())?;
        to.varint(u64::from(from))?;
        let fitting = (count as usize).min(to.room() / CELL_BYTES);
        cells.take(fitting).try_for_each(|cell| to.bytes(&cell.to_bytes()))
    }

    /// The first alone, which is the sum of all; no others: then ranges are asked for.
    #[cfg(not(feature = "fast"))]
    fn answer_cells(&self, to: &mut Writer<'_>, from: u32, count: u32) -> Result<(), NoSpace> {
        to.u8(1)?;
        to.bytes(&self.state().to_be_bytes())?;
        to.varint(u64::from(from))?;
        if from == 0 && count == 1 { to.bytes(&self.cell().to_bytes()) } else { Ok(()) }
    }

    fn answer_ranges(&self, to: &mut Writer<'_>, how: (u16, u8, u8), asks: &[Ask]) -> Result<(), NoSpace> {
        let (nonce, salt, most) = how;
        to.u8(3)?;
        to.bytes(&nonce.to_be_bytes())?;
        for (at, ask) in asks.iter().enumerate() {
            // What has no room is asked again.
            if self.write_part(to, salt, u32::from(most), ask, at == 0).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Lists a range of at most `most` items, and splits a longer one into parts that are not much shorter than that.
    /// The first of a message may be cut.
    fn write_part(&self, to: &mut Writer<'_>, salt: u8, most: u32, ask: &Ask, is_first: bool) -> Result<(), NoSpace> {
        let (rank, items) = self.ranks(&ask.range);
        let is_list = ask.skip > 0 || items <= most;
        let mut parts = if is_list { 0 } else { PARTS.min(items.div_ceil(most.max(LEAST) / 2)) };
        // Fewer parts if there is little room; keys that cannot be told apart by a bound are listed.
        while parts > 1 {
            let split = self.split(&ask.range, rank, items, parts);
            if matches!(&split, Part::Split { rest, .. } if rest.is_empty()) {
                break;
            }
            match split.write(&ask.range.low, to) {
                Ok(()) => return Ok(()),
                Err(NoSpace) if !is_first => return Err(NoSpace),
                Err(NoSpace) => parts /= 2,
            }
        }
        let room = (to.room().saturating_sub(5) / 4) as u32;
        let left = items.saturating_sub(ask.skip);
        if left > room && !is_first {
            return Err(NoSpace);
        }
        self.list(to, salt, ask, items, rank)
    }

    /// What separates parts of a range that have as many items each as can be.
    fn bounds(&self, range: &KeyRange, rank: u32, items: u32, parts: u32) -> Vec<Vec<u8>> {
        let mut bounds: Vec<Vec<u8>> = Vec::new();
        for part in 1..parts {
            let at = rank + (u64::from(items) * u64::from(part) / u64::from(parts)) as u32;
            let mut around = self.at_rank(at.saturating_sub(1)).map(|slot| self.item(slot).key.as_ref());
            let (Some(before), Some(next)) = (around.next(), around.next()) else { continue };
            let above = bounds.last().unwrap_or(&range.low);
            bounds.extend(separator(before, next).filter(|bound| *bound > above.as_slice()).map(Vec::from));
        }
        bounds
    }

    fn split(&self, range: &KeyRange, rank: u32, items: u32, parts: u32) -> Part {
        let bounds = self.bounds(range, rank, items, parts);
        let mut below = self.before(&range.low).cell;
        let mut up_to = |sum: Sum| sum.cell.minus(core::mem::replace(&mut below, sum.cell));
        let mut cells: Vec<Cell> = bounds.iter().map(|bound| up_to(self.before(bound))).collect();
        cells.push(up_to(self.before_end(range)));
        Part::Split { first: cells[0], rest: bounds.into_iter().zip(cells.into_iter().skip(1)).collect() }
    }

    fn list(&self, to: &mut Writer<'_>, salt: u8, ask: &Ask, items: u32, rank: u32) -> Result<(), NoSpace> {
        let left = items.saturating_sub(ask.skip);
        let fitting = left.min((to.room().saturating_sub(5) / 4) as u32);
        let slots = self.at_rank(rank.saturating_add(ask.skip)).take(fitting as usize);
        let tags = slots.map(|slot| self.tag(slot, salt)).collect();
        Part::List { tags, is_cut: fitting < left }.write(&ask.range.low, to)
    }

    /// The two halves of a range, by the items that are here.
    pub(crate) fn halves(&self, range: &KeyRange, rank: u32, items: u32) -> Option<[KeyRange; 2]> {
        let bounds = self.bounds(range, rank, items, 2);
        let middle = bounds.into_iter().next()?;
        let low = KeyRange { low: range.low.clone(), high: Some(middle.clone()) };
        Some([low, KeyRange { low: middle, high: range.high.clone() }])
    }

    /// Names what the set is now.
    pub(crate) fn state(&self) -> u32 {
        let cell = self.cell().to_bytes();
        u32::from_be_bytes([cell[2], cell[3], cell[4], cell[5]])
    }
}
