//! The dot store that all values are made of: from dots to what was written (DotFun in Almeida et al., section 7.2).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::codec::{Codec, DecodeError, Reader};
use crate::context::Context;
use crate::dot::{Dot, Writer};

/// What was written by dots that are live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dots<W: Writer, T>(BTreeMap<Dot<W>, T>);

impl<W: Writer, T> Default for Dots<W, T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<W: Writer, T: Clone> Dots<W, T> {
    /// Of two versions of one dot, which do not exist unless a writer errs, the one that is here stays.
    pub(crate) fn join(&mut self, seen: &Context<W>, other: &Self, theirs: &Context<W>) {
        self.0.retain(|dot, _| other.0.contains_key(dot) || !theirs.contains(dot));
        for (dot, value) in &other.0 {
            if !seen.contains(dot) {
                self.0.entry(dot.clone()).or_insert_with(|| value.clone());
            }
        }
    }

    pub(crate) fn delta(&self, known: &Context<W>) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(dot, _)| !known.contains(dot))
                .map(|(dot, value)| (dot.clone(), value.clone()))
                .collect(),
        )
    }

    /// In place of all that is here.
    pub(crate) fn replace(&mut self, dot: &Dot<W>, value: T) {
        self.0.clear();
        self.0.insert(dot.clone(), value);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Of each writer only what it wrote last stays.
    pub(crate) fn keep_last(&mut self) {
        let mut last: Option<&Dot<W>> = None;
        let overwritten: Vec<Dot<W>> = self
            .0
            .keys()
            .filter_map(|dot| last.replace(dot).filter(|before| before.writer == dot.writer).cloned())
            .collect();
        for dot in overwritten {
            self.0.remove(&dot);
        }
    }

    pub(crate) fn insert(&mut self, dot: &Dot<W>, value: T) {
        self.0.insert(dot.clone(), value);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Dot<W>, &T)> {
        self.0.iter()
    }

    pub(crate) fn show<'a>(&'a self, show: &mut dyn FnMut(&'a W, u64)) {
        self.0.keys().for_each(|dot| show(&dot.writer, dot.counter));
    }

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
        let mut dots = BTreeMap::new();
        for _ in 0..u64::decode(from)? {
            let dot = Dot::new(W::decode(from)?, from.counter()?);
            if dots.last_key_value().is_some_and(|(last, _)| *last >= dot) {
                return Err(DecodeError::NonCanonical);
            }
            let value = read(from)?;
            dots.insert(dot, value);
        }
        Ok(Self(dots))
    }
}
