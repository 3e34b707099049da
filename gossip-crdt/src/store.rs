//! The dot store that all values are made of: from dots to what was written (DotFun in Almeida et al., section 7.2).

#[cfg(feature = "values")]
use alloc::vec::Vec;

use gossip_collections::SmallVec;

use crate::codec::{Codec, DecodeError, Reader};
use crate::context::Context;
use crate::dot::{Dot, Writer};

/// What was written by dots that are live, ascending: mostly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dots<W: Writer, T>(SmallVec<[(Dot<W>, T); 1]>);

impl<W: Writer, T> Default for Dots<W, T> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<W: Writer, T: Clone> Dots<W, T> {
    /// Of two versions of one dot, which do not exist unless a writer errs, the one that is here stays.
    pub(crate) fn join(&mut self, seen: &Context<W>, other: &Self, theirs: &Context<W>) {
        self.0.retain(|(dot, _)| other.find(dot).is_ok() || !theirs.contains(dot));
        for (dot, value) in &other.0 {
            if !seen.contains(dot) {
                self.insert(dot, || value.clone());
            }
        }
    }

    pub(crate) fn delta(&self, known: &Context<W>) -> Self {
        Self(self.0.iter().filter(|(dot, _)| !known.contains(dot)).cloned().collect())
    }

    /// In place of all that is here.
    pub(crate) fn replace(&mut self, dot: &Dot<W>, value: T) {
        self.0.clear();
        self.0.push((dot.clone(), value));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Of each writer only what it wrote last stays.
    #[cfg(feature = "values")]
    pub(crate) fn keep_last(&mut self) {
        let mut later: Option<W> = None;
        let mut is_last: Vec<bool> = self
            .0
            .iter()
            .rev()
            .map(|(dot, _)| later.replace(dot.writer.clone()).as_ref() != Some(&dot.writer))
            .collect();
        self.0.retain(|_| is_last.pop().unwrap_or(true));
    }

    /// Unless the dot is here.
    pub(crate) fn insert(&mut self, dot: &Dot<W>, value: impl FnOnce() -> T) {
        if let Err(at) = self.find(dot) {
            self.0.insert(at, (dot.clone(), value()));
        }
    }

    fn find(&self, dot: &Dot<W>) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(dot))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Dot<W>, &T)> {
        self.0.iter().map(|(dot, value)| (dot, value))
    }

    pub(crate) fn show<'a>(&'a self, show: &mut dyn FnMut(&'a W, u64)) {
        self.0.iter().for_each(|(dot, _)| show(&dot.writer, dot.counter));
    }

    #[cfg(feature = "values")]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<W: Writer, T> Dots<W, T> {
    pub(crate) fn encode(&self, to: &mut dyn FnMut(&[u8]), write: impl Fn(&T, &mut dyn FnMut(&[u8]))) {
        (self.0.len() as u64).encode(to);
        for (dot, value) in &self.0 {
            dot.writer.encode(to);
            dot.counter.encode(to);
            write(value, to);
        }
    }

    pub(crate) fn decode(
        from: &mut Reader<'_>,
        read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let mut dots = SmallVec::<[(Dot<W>, T); 1]>::new();
        for _ in 0..u64::decode(from)? {
            let dot = Dot::new(W::decode(from)?, from.counter()?);
            if dots.last().is_some_and(|(last, _)| *last >= dot) {
                return Err(DecodeError::NonCanonical);
            }
            let value = read(from)?;
            dots.push((dot, value));
        }
        Ok(Self(dots))
    }
}
