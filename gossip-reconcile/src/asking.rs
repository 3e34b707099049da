//! Range-based set reconciliation (Meyer, "Range-Based Set Reconciliation", SRDS 2023), asked by one side: a range
//! whose fingerprint differs is split or listed by the other, until each difference is known. Each question stands for
//! itself, so any may be lost, and asked again; a fingerprint tells by itself which key differs if it is one.

use alloc::vec::Vec;

use gossip_collections::VecDeque;

use crate::cell::Cell;
use crate::codec::DecodeError;
use crate::found::Found;
use crate::index::Index;
use crate::message::{Ask, Part, Parts, Question};
use crate::range::KeyRange;
use crate::sum::Sum;

/// Questions that may be open at a time.
const OPEN: usize = 8;
/// Ranges that may wait; what is found beyond waits for the next comparison.
const WAITING: usize = 4096;
/// The most items of a range that are listed to the end.
const LISTED: usize = 65_536;
/// Lists of so many items are best where few of them differ, and where one of ten does.
const SPARSE: u8 = 32;
const DENSE: u8 = 255;
/// Bytes of an answer that a range takes, roughly.
const ANSWER: usize = 160;
/// Where so many times more are here than there, the range is halved here before its items are compared.
const UNEVEN: usize = 8;

/// Which ranges are still to be asked about.
#[derive(Debug)]
pub(crate) struct Asking {
    nonce: u16,
    /// The last first, so that what waits stays small.
    waiting: Vec<Asked>,
    open: Vec<(u16, Vec<Asked>)>,
    /// Ranges of no more items are to be listed.
    most: u8,
    is_incomplete: bool,
}

/// A range, and what was listed of it so far.
#[derive(Debug)]
struct Asked {
    ask: Ask,
    tags: Vec<u32>,
}

impl Asking {
    pub(crate) fn new(nonce: u16) -> Self {
        Self { nonce, waiting: Vec::new(), open: Vec::new(), most: SPARSE, is_incomplete: false }
    }

    pub(crate) fn ask(&mut self, range: KeyRange) {
        self.push(Asked { ask: Ask { range, skip: 0 }, tags: Vec::new() });
    }

    /// So many differ that long lists are best.
    pub(crate) fn set_dense(&mut self) {
        self.most = DENSE;
    }

    #[cfg(feature = "fast")]
    pub(crate) fn is_dense(&self) -> bool {
        self.most == DENSE
    }

    #[cfg(feature = "fast")]
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.open.clear();
    }

    /// About as many ranges as an answer has room for; about one alone, if that is a probe.
    pub(crate) fn next_question(&mut self, salt: u8, room: usize, is_probe: bool) -> Option<Question> {
        if self.open.len() == if is_probe { 1 } else { OPEN } || self.waiting.is_empty() {
            return None;
        }
        // A range takes 266 bytes at most.
        let most = if is_probe { 1 } else { (room / ANSWER).max(1) };
        let (mut asked, mut left) = (Vec::new(), room.saturating_sub(5));
        while let Some(bytes) =
            self.waiting.last().map(Asked::bytes).filter(|bytes| asked.len() < most && *bytes <= left)
        {
            left -= bytes;
            asked.extend(self.waiting.pop());
        }
        if asked.is_empty() {
            return None;
        }
        let asks = asked.iter().map(|asked| asked.ask.clone()).collect();
        self.nonce = self.nonce.wrapping_add(1);
        self.open.push((self.nonce, asked));
        Some(Question::Ranges { nonce: self.nonce, salt, most: self.most, asks })
    }

    /// How many parts of what was asked for are different, if that was split; none if nobody asked.
    pub(crate) fn take_parts<K: AsRef<[u8]>>(
        &mut self,
        index: &Index<K>,
        salt: u8,
        nonce: u16,
        mut parts: Parts<'_>,
        found: &mut VecDeque<Found>,
    ) -> Result<Option<usize>, DecodeError> {
        let Some(at) = self.open.iter().position(|(open, _)| *open == nonce) else { return Ok(None) };
        let (_, asked) = self.open.swap_remove(at);
        let mut asked = asked.into_iter();
        let (mut result, mut different) = (Ok(()), 0);
        while let Some(next) = asked.as_slice().first().filter(|_| !parts.is_empty()) {
            match parts.next(&next.ask.range) {
                Ok(part) => different += asked.next().map_or(0, |next| self.take(index, salt, next, part, found)),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        if result.is_ok() && !parts.is_empty() {
            result = Err(DecodeError::TrailingBytes);
        }
        // What was not answered had no room.
        asked.rev().for_each(|left| self.push(left));
        result.map(|()| Some(different))
    }

    /// How many parts of it are different, if it is split.
    pub(crate) fn take_part<K: AsRef<[u8]>>(
        &mut self,
        index: &Index<K>,
        salt: u8,
        range: KeyRange,
        part: Part,
        found: &mut VecDeque<Found>,
    ) -> usize {
        self.take(index, salt, Asked { ask: Ask { range, skip: 0 }, tags: Vec::new() }, part, found)
    }

    pub(crate) fn retry(&mut self) {
        for (_, asked) in core::mem::take(&mut self.open).into_iter().rev() {
            asked.into_iter().rev().for_each(|asked| self.push(asked));
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.open.is_empty()
    }

    pub(crate) fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    fn push(&mut self, asked: Asked) {
        if self.waiting.len() < WAITING {
            self.waiting.push(asked);
        } else {
            self.is_incomplete = true;
        }
    }

    fn take<K: AsRef<[u8]>>(
        &mut self,
        index: &Index<K>,
        salt: u8,
        asked: Asked,
        part: Part,
        found: &mut VecDeque<Found>,
    ) -> usize {
        match part {
            Part::Split { first, rest } => {
                let KeyRange { low, high } = asked.ask.range;
                let highs: Vec<_> = rest.iter().map(|(bound, _)| Some(bound.clone())).chain([high]).collect();
                let mut below = index.before(&low);
                let mut different = 0;
                for ((low, cell), high) in [(low, first)].into_iter().chain(rest).zip(highs) {
                    let range = KeyRange { low, high };
                    if range.is_valid() {
                        let before = core::mem::replace(&mut below, index.before_end(&range));
                        different += usize::from(self.compare(index, range, cell, below.minus(before), found));
                    }
                }
                different
            }
            Part::List { tags, is_cut } => {
                self.take_list(index, salt, asked, tags, is_cut, found);
                0
            }
        }
    }

    /// Whether what is here in a range, `ours`, differs from what sums up to `cell`.
    fn compare<K: AsRef<[u8]>>(
        &mut self,
        index: &Index<K>,
        range: KeyRange,
        cell: Cell,
        ours: Sum,
        found: &mut VecDeque<Found>,
    ) -> bool {
        let difference = cell.minus(ours.cell);
        if difference.is_zero() {
            return false;
        }
        let single = difference.single().and_then(|(hash, change)| index.found_key(hash, change));
        if let Some(single) = single {
            found.push_back(single);
        } else if ours.items == 0 {
            found.push_back(Found::All(range));
        } else if cell.is_zero() {
            found.push_back(Found::Range { range, salt: 0, tags: Vec::new() });
        } else {
            self.ask(range);
        }
        true
    }

    fn take_list<K: AsRef<[u8]>>(
        &mut self,
        index: &Index<K>,
        salt: u8,
        mut asked: Asked,
        new: Vec<u32>,
        is_cut: bool,
        found: &mut VecDeque<Found>,
    ) {
        asked.tags.extend(new);
        if is_cut {
            if asked.tags.len() > LISTED {
                self.is_incomplete = true;
                return;
            }
            asked.ask.skip = asked.tags.len() as u32;
            return self.push(asked);
        }
        let Asked { ask: Ask { range, .. }, mut tags } = asked;
        let (rank, items) = index.ranks(&range);
        if !tags.is_empty() && items as usize > 256 + UNEVEN * tags.len() {
            if let Some(halves) = index.halves(&range, rank, items) {
                return halves.into_iter().for_each(|half| self.ask(half));
            }
        }
        tags.sort_unstable();
        found.push_back(Found::Range { range, salt, tags });
    }
}

impl Asked {
    fn bytes(&self) -> usize {
        self.ask.range.low.len() + self.ask.range.high.as_ref().map_or(0, Vec::len) + 12
    }
}
