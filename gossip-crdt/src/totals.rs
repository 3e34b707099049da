//! What each writer has counted in all, and from where on it counts: the ground of counters and sketches.

use gossip_collections::BTreeMap;

use crate::codec::{Codec, DecodeError, Reader, read_map};
use crate::context::Context;
use crate::dot::{Pen, Writer};
use crate::store::Dots;

/// A sum that only grows.
pub(crate) trait Total: Clone + Codec + Default {
    /// The higher of both, part by part.
    fn join(&mut self, other: &Self);
    /// What is above the other, part by part.
    fn above(&self, other: &Self) -> Self;
}

/// What was taken away of each writer: up to which of its counters, and its total there.
type Taken<W, T> = BTreeMap<W, (u64, T)>;

/// Of each writer the last total, under the dot of its last change; and of each reset the totals that it took away, so
/// that a reset and what is counted at the same time both hold (the problem of "The Problem with Embedded CRDT Counters
/// and a Solution", Baquero et al., PaPoC 2016).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Totals<W: Writer, T> {
    totals: Dots<W, T>,
    resets: Dots<W, Taken<W, T>>,
}

impl<W: Writer, T: Total> Totals<W, T> {
    /// The writer's total after a change.
    pub(crate) fn change(&mut self, pen: &mut Pen<'_, W>, change: impl FnOnce(&mut T)) {
        let dot = pen.dot();
        let own = self.totals.iter().find(|(known, _)| known.writer == dot.writer);
        let mut total = own.map(|(_, total)| total.clone()).unwrap_or_default();
        change(&mut total);
        self.totals.insert(&dot, || total);
        self.totals.keep_last();
    }

    /// What each writer has counted since the last reset that is seen here.
    pub(crate) fn counted(&self) -> impl Iterator<Item = T> {
        let taken = self.taken();
        self.totals.iter().map(move |(dot, total)| match taken.get(&dot.writer) {
            Some((_, taken)) => total.above(taken),
            None => total.clone(),
        })
    }

    pub(crate) fn is_written(&self) -> bool {
        let taken = self.taken();
        self.totals.iter().any(|(dot, _)| taken.get(&dot.writer).is_none_or(|(counter, _)| dot.counter > *counter))
    }

    pub(crate) fn reset(&mut self, pen: &mut Pen<'_, W>) {
        if !self.is_written() {
            return;
        }
        let mut taken = self.taken();
        for (dot, total) in self.totals.iter() {
            take(&mut taken, &dot.writer, dot.counter, total);
        }
        self.resets.replace(&pen.dot(), taken);
    }

    pub(crate) fn join(&mut self, seen: &Context<W>, other: &Self, theirs: &Context<W>) {
        self.totals.join(seen, &other.totals, theirs);
        self.totals.keep_last();
        self.resets.join(seen, &other.resets, theirs);
    }

    pub(crate) fn delta(&self, known: &Context<W>) -> Self {
        Self { totals: self.totals.delta(known), resets: self.resets.delta(known) }
    }

    pub(crate) fn show<'a>(&'a self, show: &mut dyn FnMut(&'a W, u64)) {
        self.totals.show(show);
        self.resets.show(show);
    }

    fn taken(&self) -> Taken<W, T> {
        let mut taken = Taken::new();
        for (writer, (counter, total)) in self.resets.iter().flat_map(|(_, taken)| taken) {
            take(&mut taken, writer, *counter, total);
        }
        taken
    }
}

fn take<W: Writer, T: Total>(taken: &mut Taken<W, T>, writer: &W, counter: u64, total: &T) {
    let known = taken.entry(writer.clone()).or_default();
    known.0 = known.0.max(counter);
    known.1.join(total);
}

impl<W: Writer, T: Clone> Default for Totals<W, T> {
    fn default() -> Self {
        Self { totals: Dots::default(), resets: Dots::default() }
    }
}

impl<W: Writer, T: Total> Codec for Totals<W, T> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        self.totals.encode(to, T::encode);
        self.resets.encode(to, |taken, to| {
            (taken.len() as u64).encode(to);
            for (writer, (counter, total)) in taken {
                writer.encode(to);
                counter.encode(to);
                total.encode(to);
            }
        });
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let totals = Dots::decode(from, T::decode)?;
        // Of each writer there is one.
        let is_one_each = totals.iter().zip(totals.iter().skip(1)).all(|((a, _), (b, _))| a.writer != b.writer);
        let resets = Dots::decode(from, |from| read_map(from, |from| Ok((from.counter()?, T::decode(from)?))))?;
        if is_one_each { Ok(Self { totals, resets }) } else { Err(DecodeError::NonCanonical) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dot::Dot;

    impl Total for u64 {
        fn join(&mut self, other: &Self) {
            *self = (*self).max(*other);
        }

        fn above(&self, other: &Self) -> Self {
            self.saturating_sub(*other)
        }
    }

    /// As from a sender that names what is new and not what is gone.
    #[test]
    fn of_a_writer_the_last_total_counts_alone() {
        let [mut old, mut new] = [1, 2].map(|counter| {
            let mut totals = Totals::<u64, u64>::default();
            totals.totals.insert(&Dot::new(7, counter), || 10 * counter);
            totals
        });
        let [seen_old, seen_new] = [1, 2].map(|counter| Context::from_iter([Dot::new(7, counter)]));
        let before = old.clone();
        old.join(&seen_old, &new, &seen_new);
        new.join(&seen_new, &before, &seen_old);
        assert_eq!((old.counted().sum::<u64>(), new.counted().sum::<u64>()), (20, 20));
        assert_eq!(old, new);
    }
}
