//! The side that asks: it chooses the cheapest way to the difference, and alone remembers how far it has come.

#[cfg(feature = "fast")]
use alloc::vec::Vec;

use gossip_collections::VecDeque;

#[cfg(feature = "fast")]
use crate::answer::cells_for;
use crate::asking::Asking;
#[cfg(feature = "fast")]
use crate::cell::CELL_BYTES;
use crate::cell::Cell;
use crate::codec::{DecodeError, Writer};
use crate::found::Found;
use crate::index::Index;
use crate::message::{Answer, Part, Question, SMALL};
use crate::range::KeyRange;
#[cfg(feature = "fast")]
use crate::sketch::peel;

#[cfg(feature = "fast")]
/// The other side's set may change so often while its cells are asked for; then ranges do better.
const RESTARTS: u32 = 3;
#[cfg(feature = "fast")]
/// If of the sixteen parts of a set no more differ, differences may lie together,
const FEW_PARTS: usize = 12;
#[cfg(feature = "fast")]
/// and they do if so many are in a part of which fewer than half of the parts differ.
const MANY_IN_PART: usize = 16;
#[cfg(feature = "fast")]
const HALF_OF_PARTS: usize = 8;

/// One comparison of an [`Index`] with another one, which answers with [`Index::answer`].
///
/// ```text
/// poll_question --> (lost, twice, late) --> Index::answer --> (lost, twice, late) --> handle_answer
///                                                                                     poll_found
/// ```
/// It asks for a summary first, which tells whether the two are equal, or which key differs if it is one; then for cells of a
/// rateless IBLT, or, where differences lie together or are too many, for ranges of keys, parts of them, and lists. Any question or
/// answer may be lost, repeated or late: call [`Self::retry`] after a while without answers. Both indices may change meanwhile;
/// what changed is found by this comparison or by the next.
#[derive(Debug)]
pub struct Session {
    salt: u8,
    phase: Phase,
    asking: Asking,
    found: VecDeque<Found>,
    way: Option<Way>,
}

/// How a comparison finds what differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// The two are equal, as their fingerprints told at once.
    Equal,
    /// By cells of a rateless IBLT.
    Cells,
    /// By ranges of keys, whose parts are compared, and lists of what they hold.
    Ranges,
}

#[derive(Debug)]
enum Phase {
    Summary {
        is_asked: bool,
    },
    #[cfg(feature = "fast")]
    /// One part of the whole is looked at to tell whether differences lie together; what the others told waits.
    Probe {
        cells: Cells,
        found: VecDeque<Found>,
    },
    #[cfg(feature = "fast")]
    Cells(Cells),
    Ranges,
}

#[cfg(feature = "fast")]
#[derive(Debug)]
struct Cells {
    /// What came of the other side's cells.
    cells: Vec<Option<Cell>>,
    state: Option<u32>,
    restarts: u32,
    /// As many from the first on are wanted.
    target: usize,
    /// As many from the first on have been asked for.
    asked: usize,
    /// No more are ever asked for: as many as are kept here, or as are worthwhile for so many items.
    limit: usize,
    is_limited_by_items: bool,
}

impl Session {
    /// A comparison that has not begun. The seed is to be random: it keeps answers to other comparisons out, and hashes
    /// that happen to be equal from being so the next time.
    pub fn new(seed: u32) -> Self {
        let [salt, _, nonce @ ..] = seed.to_be_bytes();
        Self {
            salt,
            phase: Phase::Summary { is_asked: false },
            asking: Asking::new(u16::from_be_bytes(nonce)),
            found: VecDeque::new(),
            way: None,
        }
    }

    /// Writes the next question into `buf`, which has 508 bytes or more, and says how long it is. Several may be asked
    /// before there is an answer; none: answers are to be waited for, or nothing is left to ask.
    pub fn poll_question<K: AsRef<[u8]>>(&mut self, index: &Index<K>, buf: &mut [u8]) -> Option<usize> {
        let room = buf.len();
        let mut to = Writer::new(buf);
        let question = match &mut self.phase {
            Phase::Summary { is_asked: true } => return None,
            Phase::Summary { is_asked } => {
                *is_asked = true;
                let items = index.len() as u32;
                let strata = (items > SMALL).then(|| index.strata());
                Question::Summary { salt: self.salt, items, cell: index.cell(), strata }
            }
            #[cfg(feature = "fast")]
            Phase::Cells(cells) => cells.next_question(room)?,
            #[cfg(feature = "fast")]
            Phase::Probe { .. } => self.asking.next_question(self.salt, room, true)?,
            Phase::Ranges => self.asking.next_question(self.salt, room, false)?,
        };
        question.write(&mut to).ok().map(|()| to.len())
    }

    /// Takes an answer. One that fits no open question is passed over.
    ///
    /// # Errors
    /// If the bytes are no answer; what came before it in them may have been taken.
    pub fn handle_answer<K: AsRef<[u8]>>(&mut self, index: &Index<K>, answer: &[u8]) -> Result<(), DecodeError> {
        match (Answer::decode(answer)?, &mut self.phase) {
            (Answer::Equal, Phase::Summary { .. }) => {
                self.phase = Phase::Ranges;
                self.way = Some(Way::Equal);
            }
            #[cfg(feature = "fast")]
            (Answer::Cells { state, from: 0, cells }, Phase::Summary { .. }) => {
                self.phase = Phase::Cells(Cells::new(index, cells.len()));
                self.take_cells(index, state, 0, &cells);
            }
            #[cfg(feature = "fast")]
            (Answer::Cells { state, from, cells }, Phase::Cells(_)) => self.take_cells(index, state, from, &cells),
            #[cfg(not(feature = "fast"))]
            (Answer::Cells { from: 0, cells, .. }, Phase::Summary { .. }) => self.take_sum(index, &cells),
            (Answer::Overview { estimate, part }, Phase::Summary { .. }) => self.choose(index, estimate, part),
            (Answer::Parts { nonce, parts }, Phase::Ranges) => {
                self.asking.take_parts(index, self.salt, nonce, parts, &mut self.found)?;
            }
            #[cfg(feature = "fast")]
            (Answer::Parts { nonce, parts }, Phase::Probe { found, .. }) => {
                let different = self.asking.take_parts(index, self.salt, nonce, parts, found)?;
                different.into_iter().for_each(|different| self.end_probe(different));
            }
            _ => {}
        }
        Ok(())
    }

    /// What was asked and has not been answered will be asked again.
    pub fn retry(&mut self) {
        match &mut self.phase {
            Phase::Summary { is_asked } => *is_asked = false,
            #[cfg(feature = "fast")]
            Phase::Cells(cells) => cells.asked = cells.received(),
            #[cfg(feature = "fast")]
            Phase::Probe { .. } => self.asking.retry(),
            Phase::Ranges => self.asking.retry(),
        }
    }

    /// The next difference.
    pub fn poll_found(&mut self) -> Option<Found> {
        self.found.pop_front()
    }

    /// The way that was chosen, if one was; cells that turn out to be too few give way to ranges.
    pub fn way(&self) -> Option<Way> {
        self.way
    }

    /// Whether all that there is to find has been found.
    pub fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Ranges) && self.asking.is_done()
    }

    /// Whether so many differences turned up at once that some were passed over; another comparison finds them.
    pub fn is_incomplete(&self) -> bool {
        self.asking.is_incomplete()
    }

    /// From what the whole's parts look like: cells, or what is left of the ranges.
    #[cfg(feature = "fast")]
    fn choose<K: AsRef<[u8]>>(&mut self, index: &Index<K>, estimate: u32, part: Part) {
        self.phase = Phase::Ranges;
        self.way = Some(Way::Ranges);
        if estimate as usize >= index.len() / 10 {
            self.asking.set_dense();
        }
        let is_split = matches!(part, Part::Split { .. });
        let mut found = VecDeque::new();
        let different = self.asking.take_part(index, self.salt, KeyRange::all(), part, &mut found);
        let need = cells_for(estimate) as usize;
        // The estimate may be twice or half the truth: the first cells tell, and are too few to matter if they are in
        // vain.
        let cells = Cells::new(index, 0);
        let cells = Cells { target: (need * 2 / 3).min(cells.limit / 3).max(1), ..cells };
        if !is_split || need > 2 * cells.limit || self.asking.is_done() {
            self.found.append(&mut found);
        } else if different > FEW_PARTS || (estimate as usize) < different * MANY_IN_PART {
            self.asking.clear();
            self.phase = Phase::Cells(cells);
        } else {
            self.phase = Phase::Probe { cells, found };
        }
    }

    /// What is left of the ranges.
    #[cfg(not(feature = "fast"))]
    fn choose<K: AsRef<[u8]>>(&mut self, index: &Index<K>, estimate: u32, part: Part) {
        self.phase = Phase::Ranges;
        self.way = Some(Way::Ranges);
        if estimate as usize >= index.len() / 10 {
            self.asking.set_dense();
        }
        self.asking.take_part(index, self.salt, KeyRange::all(), part, &mut self.found);
    }

    /// If it shows by the sum of all which key differs, since it is one, that is all; else ranges are asked for.
    #[cfg(not(feature = "fast"))]
    fn take_sum<K: AsRef<[u8]>>(&mut self, index: &Index<K>, cells: &[Cell]) {
        let difference = cells.first().and_then(|cell| cell.minus(index.cell()).single());
        let found = difference.and_then(|(hash, change)| index.found_key(hash, change));
        self.phase = Phase::Ranges;
        self.way = Some(if found.is_some() { Way::Cells } else { Way::Ranges });
        match found {
            Some(found) => self.found.push_back(found),
            None => self.asking.ask(KeyRange::all()),
        }
    }

    #[cfg(feature = "fast")]
    fn end_probe(&mut self, different: usize) {
        match core::mem::replace(&mut self.phase, Phase::Ranges) {
            Phase::Probe { cells, .. } if different >= HALF_OF_PARTS && !self.asking.is_dense() => {
                self.asking.clear();
                self.phase = Phase::Cells(cells);
            }
            Phase::Probe { found, .. } => self.found.extend(found),
            _ => {}
        }
    }

    #[cfg(feature = "fast")]
    fn take_cells<K: AsRef<[u8]>>(&mut self, index: &Index<K>, state: u32, from: u32, new: &[Cell]) {
        let Phase::Cells(cells) = &mut self.phase else { return };
        cells.take(state, from as usize, new);
        self.way = Some(Way::Cells);
        if cells.restarts > RESTARTS || new.is_empty() {
            return self.turn_to_ranges();
        }
        if cells.received() < cells.target {
            return;
        }
        match cells.decode(index) {
            Some(found) => {
                self.found.extend(found);
                self.phase = Phase::Ranges;
            }
            None => {
                let target = cells.next_target(index);
                if cells.target == cells.limit || target > cells.limit + cells.limit / 8 {
                    return self.turn_to_ranges();
                }
                cells.target = target.min(cells.limit);
            }
        }
    }

    #[cfg(feature = "fast")]
    fn turn_to_ranges(&mut self) {
        if matches!(&self.phase, Phase::Cells(cells) if cells.is_limited_by_items) {
            self.asking.set_dense();
        }
        self.phase = Phase::Ranges;
        self.way = Some(Way::Ranges);
        self.asking.ask(KeyRange::all());
    }
}

#[cfg(feature = "fast")]
impl Cells {
    /// Cells may take three fourths of what a list of all items does: then ranges cost less.
    fn new<K: AsRef<[u8]>>(index: &Index<K>, target: usize) -> Self {
        let (kept, worthwhile) = (index.sketch().len(), (index.len() / 4).max(8));
        let limit = kept.min(worthwhile);
        let is_limited_by_items = worthwhile < kept;
        let target = target.clamp(1, limit);
        Self { cells: Vec::new(), state: None, restarts: 0, target, asked: 0, limit, is_limited_by_items }
    }

    fn next_question(&mut self, room: usize) -> Option<Question> {
        let missing = |at: &usize| self.cells.get(*at).copied().flatten().is_none();
        let from = (self.asked..self.target).find(missing)?;
        // An answer is as long as a question may be.
        let count = (room.saturating_sub(12) / CELL_BYTES).clamp(1, self.target - from);
        self.asked = from + count;
        Some(Question::Cells { from: from as u32, count: count as u32 })
    }

    fn take(&mut self, state: u32, from: usize, new: &[Cell]) {
        if self.state.is_some_and(|known| known != state) {
            self.cells.clear();
            self.restarts += 1;
            self.asked = 0;
        }
        self.state = Some(state);
        let new = &new[..new.len().min(self.limit.saturating_sub(from))];
        let end = from + new.len();
        if !new.is_empty() && self.cells.len() < end {
            self.cells.resize(end, None);
        }
        for (at, cell) in (from..end).zip(new) {
            self.cells[at] = Some(*cell);
        }
        self.asked = self.asked.max(if from <= self.asked { end } else { 0 });
    }

    /// How many are there from the first on without a gap.
    fn received(&self) -> usize {
        self.cells.iter().take_while(|cell| cell.is_some()).count()
    }

    fn differences<K: AsRef<[u8]>>(&self, index: &Index<K>) -> Vec<Option<Cell>> {
        let ours = index.sketch().cells(0);
        self.cells.iter().zip(ours).map(|(theirs, ours)| theirs.map(|theirs| theirs.minus(ours))).collect()
    }

    fn decode<K: AsRef<[u8]>>(&self, index: &Index<K>) -> Option<Vec<Found>> {
        let is_real = |hash, change| index.found_key(hash, change).is_some();
        let found = peel(&mut self.differences(index), is_real)?;
        Some(found.into_iter().filter_map(|(hash, change)| index.found_key(hash, change)).collect())
    }

    /// How many are enough, as the cells that are there let guess: of the last half, those that are zero have no
    /// different key in them, and cell i has one of d with probability 1 - exp(-2 d / (i + 2)).
    fn next_target<K: AsRef<[u8]>>(&self, index: &Index<K>) -> usize {
        let cells = self.differences(index);
        let (len, half) = (cells.len() as u64, cells.len() / 2);
        let zero = cells[half..].iter().flatten().filter(|cell| cell.is_zero()).count() as u64;
        let least = self.target + (self.target / 8).max(2);
        let estimate = match log2_256((len - half as u64) * 256, zero.max(1)) {
            _ if zero == 0 => 2 * len,
            // ln 2 / 256, times three fourths of the cells by two.
            log => log * 177 * len * 3 / (256 * 256 * 8),
        };
        least.max(cells_for(estimate as u32) as usize)
    }
}

#[cfg(feature = "fast")]
/// 256 times the logarithm of a / 256 / b to the base 2, from below by at most a tenth of 256.
fn log2_256(a: u64, b: u64) -> u64 {
    let ratio = (a / b).max(256);
    let whole = u64::from(ratio.ilog2());
    (whole - 8) * 256 + ((ratio << 8) >> whole) - 256
}
