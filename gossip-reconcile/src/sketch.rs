//! Cells in a row, each over fewer keys than the one before: what is kept of a set, and what two of them tell.

use alloc::vec::Vec;

use crate::cell::Cell;
use crate::field;
use crate::item::KeyHash;

/// The cells that a key maps to, ascending: 0, then each cell i with probability 1 / (1 + i/2) (section 4 of the paper).
///
/// The paper draws the gap from (i + 1.5) (1/sqrt(u) - 1) with a uniform u. Here in integers: the square root of a
/// uniform number is distributed as the larger of two.
#[derive(Debug)]
pub(crate) struct Mapping {
    state: u64,
    next: u64,
}

impl Mapping {
    pub(crate) fn new(key: KeyHash) -> Self {
        Self { state: key.spread() | 1, next: 0 }
    }

    /// Those of the first `cells`.
    pub(crate) fn below(self, cells: usize) -> impl Iterator<Item = usize> {
        self.map_while(move |cell| usize::try_from(cell).ok().filter(|at| *at < cells))
    }
}

impl Iterator for Mapping {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let current = self.next;
        self.state = self.state.wrapping_mul(0xda94_2042_e4dd_58b5);
        let random = (self.state ^ (self.state >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let root = (random >> 32).max(random & 0xffff_ffff).max(1);
        // Where a key goes beyond cell 2^20 nobody asks.
        let weight = 2 * current.min(1 << 20) + 3;
        self.next = current + (weight * ((1 << 32) - root)).div_ceil(2 * root);
        Some(current)
    }
}

/// The first cells of a set, kept up to date: some 2 ln m of m cells are touched by a write.
#[derive(Clone, Debug)]
pub(crate) struct Sketch {
    len: usize,
    /// None before the first key comes.
    cells: Vec<Cell>,
}

impl Sketch {
    pub(crate) fn new(len: usize) -> Self {
        Self { len, cells: Vec::new() }
    }

    pub(crate) fn add(&mut self, key: KeyHash, change: Cell) {
        self.cells.resize(self.len, Cell::default());
        for at in Mapping::new(key).below(self.len) {
            self.cells[at].add(change);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The cells from one on.
    pub(crate) fn cells(&self, from: usize) -> impl Iterator<Item = Cell> + '_ {
        (from..self.len).map(|at| self.cells.get(at).copied().unwrap_or_default())
    }
}

/// Takes the keys out of differences of cells, of which any may be missing: section 3 of the paper. None if some stay.
///
/// What only looks like one key is left, as far as `is_real` knows. The keys come with the differences of their versions,
/// ascending, each once. The work is bounded by the number of cells:
/// as many keys are taken out as there are cells, twice.
pub(crate) fn peel(cells: &mut [Option<Cell>], is_real: impl Fn(KeyHash, u64) -> bool) -> Option<Vec<(KeyHash, u64)>> {
    let mut found = Vec::new();
    let mut is_changed = alloc::vec![false; cells.len()];
    let mut round: Vec<usize> = (0..cells.len()).filter(|at| cells[*at].is_some()).collect();
    let mut next = Vec::new();
    while !round.is_empty() {
        let inverses = inverses(round.iter().map(|at| cells[*at].unwrap_or_default().versions));
        for (at, inverse) in round.drain(..).zip(inverses) {
            // What was changed meanwhile is looked at in the next round.
            let Some(cell) = cells[at].filter(|_| !is_changed[at]) else { continue };
            let Some((key, change)) = cell.single_by(inverse) else { continue };
            if Mapping::new(key).below(at + 1).last() != Some(at) || !is_real(key, change) {
                continue;
            }
            if found.len() == 2 * cells.len() {
                return None;
            }
            found.push((key, change));
            let change = Cell::of(key, change);
            for at in Mapping::new(key).below(cells.len()) {
                if let Some(cell) = &mut cells[at] {
                    cell.sub(change);
                    if !core::mem::replace(&mut is_changed[at], true) {
                        next.push(at);
                    }
                }
            }
        }
        core::mem::swap(&mut round, &mut next);
        round.iter().for_each(|at| is_changed[*at] = false);
    }
    cells.iter().flatten().all(Cell::is_zero).then(|| merged(found))
}

/// The inverses of many numbers, zero for zero, by one inversion and three multiplications for each (Montgomery's trick).
fn inverses(numbers: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut product = 1;
    // Each number with the product of those before it.
    let mut all: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        all.push((number, product));
        product = if number == 0 { product } else { field::mul(product, number) };
    }
    let mut inverse = field::inverse(product);
    for (number, before) in all.iter_mut().rev().filter(|(number, _)| *number != 0) {
        let own = field::mul(inverse, *before);
        inverse = field::mul(inverse, *number);
        *number = own;
    }
    all.into_iter().map(|(inverse, _)| inverse).collect()
}

/// A key that was wrongly taken out comes out again with the opposite sign.
fn merged(mut found: Vec<(KeyHash, u64)>) -> Vec<(KeyHash, u64)> {
    found.sort_unstable();
    found.dedup_by(|(key, change), (kept, sum)| {
        let same = key == kept;
        *sum = if same { field::add(*sum, *change) } else { *sum };
        same
    });
    found.retain(|(_, change)| *change != 0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::HashKey;

    fn sketch(keys: impl Iterator<Item = u32>, cells: usize) -> Sketch {
        let hashes = HashKey::new([3; 16]);
        let mut sketch = Sketch::new(cells);
        for number in keys {
            let key = number.to_be_bytes();
            let hash = hashes.key(&key);
            sketch.add(hash, Cell::of(hash, hashes.version(&key, hash, b"1").get()));
        }
        sketch
    }

    fn differences(a: &Sketch, b: &Sketch) -> Vec<Option<Cell>> {
        a.cells(0).zip(b.cells(0)).map(|(a, b)| Some(a.minus(b))).collect()
    }

    #[test]
    fn one_cell_tells_one_key() {
        let (a, b) = (sketch(0..1000, 1), sketch(0..1001, 1));
        assert_eq!(peel(&mut differences(&b, &a), |_, _| true).map(|found| found.len()), Some(1));
    }

    /// Keys need 1.35 to 1.75 cells each, as in figure 4 of the paper.
    #[test]
    fn a_few_more_cells_than_keys_tell_them_all() {
        for (keys, cells) in [(10, 30), (100, 175), (1000, 1500)] {
            let (a, b) = (sketch(0..5000, cells), sketch(keys..5000, cells));
            let found = peel(&mut differences(&a, &b), |_, _| true).expect("it decodes");
            assert_eq!(found.len(), keys as usize);
        }
    }

    #[test]
    fn cells_that_are_missing_are_made_up_for_by_later_ones() {
        let (a, b) = (sketch(0..5000, 300), sketch(100..5000, 300));
        let mut cells = differences(&a, &b);
        cells.iter_mut().step_by(4).for_each(|cell| *cell = None);
        assert_eq!(peel(&mut cells, |_, _| true).map(|found| found.len()), Some(100));
    }

    #[test]
    fn many_inverses_are_those_of_each() {
        let numbers = [5, 0, 1, field::P - 1, 0, 77];
        assert_eq!(inverses(numbers.into_iter()), numbers.map(field::inverse));
    }

    #[test]
    fn too_few_cells_tell_nothing() {
        let (a, b) = (sketch(0..5000, 90), sketch(100..5000, 90));
        assert_eq!(peel(&mut differences(&a, &b), |_, _| true), None);
    }

    #[test]
    fn cells_of_noise_are_given_up() {
        let noise = |at: u64| Cell::of(KeyHash::from_u32(at as u32 * 77), at * 12_345_678_901 % field::P);
        let mut cells: Vec<_> = (1..500).map(|at| Some(noise(at))).collect();
        assert_eq!(peel(&mut cells, |_, _| true), None);
    }

    #[test]
    fn a_key_maps_to_cell_i_with_probability_two_over_i_plus_two() {
        for cell in [1, 2, 10, 100, 1000] {
            let keys = 20_000;
            let hits = (0..keys)
                .filter(|key| Mapping::new(KeyHash::from_u32(*key)).take_while(|at| *at <= cell).last() == Some(cell));
            let expected = f64::from(keys) * 2.0 / (cell as f64 + 2.0);
            let hits = hits.count() as f64;
            assert!(
                (hits / expected - 1.0).abs() < 0.05 + 5.0 / expected.sqrt(),
                "cell {cell}: {hits}, not {expected}"
            );
        }
    }
}
