//! Quantiles of many numbers in little room.

use gossip_collections::BTreeMap;

use crate::codec::{Codec, DecodeError, Reader, read_map, write_map};
use crate::context::Context;
use crate::dot::{Pen, Writer};
use crate::totals::{Total, Totals};
use crate::value::{Value, kept_in};

/// Bins for each power of two, as a power of two.
const DETAIL: u32 = 5;
/// The number of bins: 58 * 32 + 63 is the highest.
const BINS: u16 = 1920;

/// The number of a bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bin(u16);

/// Counts by bin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bins(BTreeMap<Bin, u64>);

impl Total for Bins {
    fn join(&mut self, other: &Self) {
        for (bin, count) in &other.0 {
            let own = self.0.entry(*bin).or_default();
            *own = (*own).max(*count);
        }
    }

    fn above(&self, other: &Self) -> Self {
        let left = self.0.iter().map(|(bin, count)| (*bin, count.saturating_sub(*other.0.get(bin).unwrap_or(&0))));
        Self(left.filter(|(_, count)| *count > 0).collect())
    }
}

/// How numbers are distributed, to 1.6 % of each: bins that grow with the numbers (as in DDSketch, Masson et al., VLDB
/// 2019), 32 for each power of two, so that integers are enough to find one.
///
/// Of each writer there are 1 920 bins at most, and only those that are not empty are kept. A reset takes away what was
/// recorded before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch<W: Writer> {
    totals: Totals<W, Bins>,
}

impl<W: Writer> Sketch<W> {
    /// Records a number, so many times.
    pub fn record(&mut self, pen: &mut Pen<'_, W>, number: u64, times: u64) {
        if times == 0 {
            return;
        }
        self.totals.change(pen, |bins| {
            let count = bins.0.entry(bin(number)).or_default();
            *count = count.saturating_add(times);
        });
    }

    /// How many numbers were recorded.
    pub fn count(&self) -> u128 {
        self.totals.counted().flat_map(|bins| bins.0.into_values()).map(u128::from).sum()
    }

    /// The number below which so many of a million are: 500 000 is the median. None if nothing was recorded.
    pub fn quantile(&self, of_a_million: u32) -> Option<u64> {
        let mut all = BTreeMap::<Bin, u128>::new();
        for (bin, count) in self.totals.counted().flat_map(|bins| bins.0) {
            *all.entry(bin).or_default() += u128::from(count);
        }
        let count: u128 = all.values().sum();
        let rank = (count.saturating_sub(1) * u128::from(of_a_million.min(1_000_000))).div_ceil(1_000_000);
        let mut below = 0;
        let found = all.into_iter().find(|(_, count)| {
            below += count;
            below > rank
        });
        found.map(|(bin, _)| middle(bin))
    }
}

impl<W: Writer> Default for Sketch<W> {
    fn default() -> Self {
        Self { totals: Totals::default() }
    }
}

impl<W: Writer> Value<W> for Sketch<W> {
    kept_in!(totals);

    /// Keeps what it took away.
    fn reset(&mut self, pen: &mut Pen<'_, W>) {
        self.totals.reset(pen);
    }

    fn is_written(&self) -> bool {
        self.totals.is_written()
    }
}

impl<W: Writer> Codec for Sketch<W> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        self.totals.encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Totals::decode(from).map(|totals| Self { totals })
    }
}

impl Codec for Bins {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        write_map(&self.0, to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_map(from, |from| from.counter()).map(Self)
    }
}

impl Codec for Bin {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        u64::from(self.0).encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bin = u16::try_from(u64::decode(from)?).ok().filter(|bin| *bin < BINS);
        bin.map(Self).ok_or(DecodeError::OutOfRange)
    }
}

/// Small numbers each have a bin; of the others the power of two and the next five bits count.
fn bin(number: u64) -> Bin {
    let power = number.checked_ilog2().unwrap_or(0).max(DETAIL);
    let detail = number >> (power - DETAIL);
    Bin(((u64::from(power - DETAIL) << DETAIL) + detail) as u16)
}

fn middle(Bin(bin): Bin) -> u64 {
    let power = (u32::from(bin) >> DETAIL).saturating_sub(1);
    let low = (u64::from(bin) - (u64::from(power) << DETAIL)) << power;
    low + ((1 << power) - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_near_the_middle_of_its_bin() {
        let near = |number: u64| middle(bin(number)).abs_diff(number) <= number / 64;
        assert!((0..100_000).all(near));
        assert!((0..64).all(|power| near(1 << power) && near((1 << power) - 1) && near(u64::MAX - (1 << power))));
        assert_eq!(bin(u64::MAX), Bin(BINS - 1));
    }

    #[test]
    fn quantiles_of_two_writers_are_those_of_all_their_numbers() {
        let (mut context, mut sketch) = (Context::new(), Sketch::default());
        for number in 1..=1000_u64 {
            let mut pen = Pen::new(number % 2, &mut context).expect("there are counters");
            sketch.record(&mut pen, number, 1);
        }
        assert_eq!(sketch.count(), 1000);
        for (quantile, number) in [(0, 1), (500_000, 500), (990_000, 990), (1_000_000, 1000)] {
            let found = sketch.quantile(quantile).expect("there are some");
            assert!(found.abs_diff(number) <= 1 + number / 64, "{quantile}: {found}");
        }
        assert_eq!(Sketch::<u64>::default().quantile(500_000), None);
    }
}
