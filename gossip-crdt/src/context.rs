//! Which writes have been seen.

use core::ops::Bound;

use gossip_collections::{BTreeMap, SmallVec};

use crate::codec::{Codec, DecodeError, Reader, read_map};
use crate::dot::{Dot, Writer};

/// Seen counters, both ends included, ascending, with a hole between any two.
type Runs = SmallVec<[(u64, u64); 1]>;

/// A causal context: of each writer, the runs of counters that were seen. Holes are allowed, so deltas may come in any
/// order (version vectors with exceptions; "Delta State Replicated Data Types", Almeida et al., 2018, section 7.2).
///
/// A writer without holes takes one entry, each hole one more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context<W: Writer> {
    writers: BTreeMap<W, Runs>,
}

impl<W: Writer> Default for Context<W> {
    fn default() -> Self {
        Self { writers: BTreeMap::new() }
    }
}

impl<W: Writer> Context<W> {
    /// Nothing was seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a write. Whether it is new.
    pub fn insert(&mut self, dot: &Dot<W>) -> bool {
        let is_new = !self.contains(dot);
        self.insert_run(dot.writer.clone(), dot.counter, dot.counter);
        is_new
    }

    /// Notes all writes of a writer from `first` to `last`; nothing if there are none, or `first` is zero.
    pub fn insert_run(&mut self, writer: W, first: u64, last: u64) {
        if first == 0 || first > last {
            return;
        }
        let runs = self.writers.entry(writer).or_default();
        // Those that touch the new one become one with it.
        let from = runs.partition_point(|run| run.1.saturating_add(1) < first);
        let to = runs.partition_point(|run| run.0 <= last.saturating_add(1));
        if from == to {
            runs.insert(from, (first, last));
        } else {
            runs[from] = (first.min(runs[from].0), last.max(runs[to - 1].1));
            runs.drain(from + 1..to);
        }
    }

    /// Notes what another has seen.
    pub fn join(&mut self, other: &Self) {
        for (writer, first, last) in other.runs() {
            self.insert_run(writer.clone(), first, last);
        }
    }

    /// Whether a write was seen.
    pub fn contains(&self, dot: &Dot<W>) -> bool {
        self.writers.get(&dot.writer).is_some_and(|runs| {
            let after = runs.partition_point(|run| run.0 <= dot.counter);
            after > 0 && runs[after - 1].1 >= dot.counter
        })
    }

    /// Whether all that the other has seen was seen here.
    pub fn covers(&self, other: &Self) -> bool {
        other.missing(self).next().is_none()
    }

    /// Up to which counter every write of a writer was seen.
    pub fn through(&self, writer: &W) -> u64 {
        self.writers.get(writer).and_then(|runs| runs.first()).map_or(0, |run| if run.0 == 1 { run.1 } else { 0 })
    }

    /// The last of a writer's counters that was seen; zero if none was.
    pub fn last(&self, writer: &W) -> u64 {
        self.writers.get(writer).and_then(|runs| runs.last()).map_or(0, |run| run.1)
    }

    /// What was seen of one writer: first and last counter of each run, ascending.
    pub fn of(&self, writer: &W) -> &[(u64, u64)] {
        self.writers.get(writer).map_or(&[], SmallVec::as_slice)
    }

    /// The writers after one, or all, ascending, with what was seen of each.
    pub fn after<'a>(&'a self, writer: Option<&W>) -> impl Iterator<Item = (&'a W, &'a [(u64, u64)])> + use<'a, W> {
        let from = writer.map_or(Bound::Unbounded, Bound::Excluded);
        self.writers.range::<W, _>((from, Bound::Unbounded)).map(|(writer, runs)| (writer, runs.as_slice()))
    }

    /// How many writers anything was seen of.
    pub fn writers(&self) -> usize {
        self.writers.len()
    }

    /// What was seen, by writer and counter: (writer, first, last), ascending.
    pub fn runs(&self) -> impl Iterator<Item = (&W, u64, u64)> {
        self.writers.iter().flat_map(|(writer, runs)| runs.iter().map(move |run| (writer, run.0, run.1)))
    }

    /// What was seen here and not by the other, ascending.
    pub fn missing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a W, u64, u64)> {
        self.writers.iter().flat_map(move |(writer, runs)| {
            let theirs = other.writers.get(writer).map_or(&[][..], Runs::as_slice);
            without(runs, theirs).into_iter().map(move |(first, last)| (writer, first, last))
        })
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.writers.is_empty()
    }

    /// How many runs it holds: what its size grows with.
    pub fn len(&self) -> usize {
        self.writers.values().map(SmallVec::len).sum()
    }

    /// Notes that a write was not seen after all.
    pub fn remove(&mut self, dot: &Dot<W>) {
        let Some(runs) = self.writers.get_mut(&dot.writer) else { return };
        *runs = without(runs, &[(dot.counter, dot.counter)]);
        if runs.is_empty() {
            self.writers.remove(&dot.writer);
        }
    }
}

impl<W: Writer> FromIterator<Dot<W>> for Context<W> {
    fn from_iter<I: IntoIterator<Item = Dot<W>>>(dots: I) -> Self {
        let mut context = Self::default();
        dots.into_iter().for_each(|dot| _ = context.insert(&dot));
        context
    }
}

impl<W: Writer> Codec for Context<W> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        (self.writers.len() as u64).encode(to);
        for (writer, runs) in &self.writers {
            writer.encode(to);
            (runs.len() as u64).encode(to);
            let mut next = 1;
            for (first, last) in runs {
                (first - next).encode(to);
                (last - first).encode(to);
                // Between two runs at least one counter is missing. There is no run behind the last counter.
                next = last.saturating_add(2);
            }
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_map(from, read_runs).map(|writers| Self { writers })
    }
}

fn read_runs(from: &mut Reader<'_>) -> Result<Runs, DecodeError> {
    let (mut runs, mut next) = (Runs::new(), Some(1_u64));
    for _ in 0..from.counter()? {
        let (before, more) = (u64::decode(from)?, u64::decode(from)?);
        let first = next.and_then(|next| next.checked_add(before));
        let run = first.and_then(|first| Some((first, first.checked_add(more)?))).ok_or(DecodeError::OutOfRange)?;
        runs.push(run);
        next = run.1.checked_add(2);
    }
    Ok(runs)
}

/// The parts of `mine` that are not in `theirs`.
fn without(mine: &[(u64, u64)], theirs: &[(u64, u64)]) -> Runs {
    let mut left = Runs::new();
    for (mut first, last) in mine.iter().copied() {
        let from = theirs.partition_point(|run| run.1 < first);
        let mut is_over = false;
        for run in theirs[from..].iter().take_while(|run| run.0 <= last) {
            if run.0 > first {
                left.push((first, run.0 - 1));
            }
            let Some(next) = run.1.checked_add(1).filter(|next| *next <= last) else {
                is_over = true;
                break;
            };
            first = next;
        }
        if !is_over {
            left.push((first, last));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dot::Pen;

    const A: u64 = 1;
    const B: u64 = 2;

    fn context(runs: &[(u64, u64)]) -> Context<u64> {
        let mut context = Context::new();
        runs.iter().for_each(|run| context.insert_run(A, run.0, run.1));
        context
    }

    fn runs(context: &Context<u64>) -> alloc::vec::Vec<(u64, u64)> {
        context.runs().map(|(_, first, last)| (first, last)).collect()
    }

    #[test]
    fn runs_that_touch_become_one() {
        assert_eq!(runs(&context(&[(5, 6), (1, 2), (8, 9), (7, 7)])), [(1, 2), (5, 9)]);
        assert_eq!(runs(&context(&[(5, 6), (1, 2), (3, 4), (2, 5)])), [(1, 6)]);
        assert_eq!(runs(&context(&[(u64::MAX, u64::MAX), (1, u64::MAX - 1)])), [(1, u64::MAX)]);
        assert_eq!(runs(&context(&[(0, 3), (4, 3)])), []);
    }

    #[test]
    fn a_hole_is_not_covered() {
        let holed = context(&[(1, 2), (4, 9)]);
        assert!(!holed.contains(&Dot::new(A, 3)) && holed.contains(&Dot::new(A, 4)));
        assert!(!holed.covers(&context(&[(1, 5)])) && context(&[(1, 9)]).covers(&holed));
        assert_eq!((holed.through(&A), context(&[(2, 5)]).through(&A)), (2, 0));
    }

    #[test]
    fn what_is_missing_is_what_the_other_has_not_seen() {
        let (mine, theirs) = (context(&[(1, 10), (20, 30)]), context(&[(1, 2), (5, 6), (9, 22), (30, 40)]));
        let missing: alloc::vec::Vec<_> = mine.missing(&theirs).map(|(_, first, last)| (first, last)).collect();
        assert_eq!(missing, [(3, 4), (7, 8), (23, 29)]);
    }

    #[test]
    fn a_writer_counts_on_from_the_last_that_it_has_seen_of_itself() {
        let mut context = context(&[(1, 2), (7, 8)]);
        let dot = Pen::new(A, &mut context).map(|mut pen| [pen.dot(), pen.dot()]);
        assert_eq!(dot, Some([Dot::new(A, 9), Dot::new(A, 10)]));
        assert_eq!(Pen::new(B, &mut context).map(|mut pen| pen.dot()), Some(Dot::new(B, 1)));
        assert!(context.contains(&Dot::new(A, 10)) && context.contains(&Dot::new(B, 1)));
        context.insert_run(A, u64::MAX, u64::MAX);
        assert!(Pen::new(A, &mut context).is_none());
    }
}
