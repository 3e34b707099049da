//! Sets of elements, from which elements are removed and to which they are added again.

use core::fmt::Debug;

use gossip_collections::BTreeMap;

use crate::codec::{Codec, DecodeError, Reader, read_map};
use crate::context::Context;
use crate::dot::{Pen, Writer};
use crate::store::Dots;
use crate::value::{Value, kept_in};

/// The elements of a set with what was written of each.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Elements<W: Writer, T, M>(BTreeMap<T, Dots<W, M>>);

impl<W: Writer, T: Clone + Ord, M: Clone> Elements<W, T, M> {
    fn replace(&mut self, pen: &mut Pen<'_, W>, element: T, mark: M) {
        self.0.entry(element).or_default().replace(&pen.dot(), mark);
    }

    fn join(&mut self, seen: &Context<W>, other: &Self, theirs: &Context<W>) {
        let nothing = Dots::default();
        for (element, dots) in &mut self.0 {
            dots.join(seen, other.0.get(element).unwrap_or(&nothing), theirs);
        }
        for (element, dots) in &other.0 {
            if !self.0.contains_key(element) {
                let mut taken = Dots::default();
                taken.join(seen, dots, theirs);
                self.0.insert(element.clone(), taken);
            }
        }
        self.0.retain(|_, dots| !dots.is_empty());
    }

    fn delta(&self, known: &Context<W>) -> Self {
        let deltas = self.0.iter().map(|(element, dots)| (element.clone(), dots.delta(known)));
        Self(deltas.filter(|(_, dots)| !dots.is_empty()).collect())
    }

    fn show<'a>(&'a self, show: &mut dyn FnMut(&'a W, u64)) {
        self.0.values().for_each(|dots| dots.show(show));
    }
}

impl<W: Writer, T: Codec + Ord, M: Clone> Elements<W, T, M> {
    fn encode(&self, to: &mut dyn FnMut(&[u8]), write: impl Fn(&M, &mut dyn FnMut(&[u8]))) {
        (self.0.len() as u64).encode(to);
        for (element, dots) in &self.0 {
            element.encode(to);
            dots.encode(to, &write);
        }
    }

    fn decode(
        from: &mut Reader<'_>,
        read: impl Fn(&mut Reader<'_>) -> Result<M, DecodeError>,
    ) -> Result<Self, DecodeError> {
        read_map(from, |from| {
            let dots = Dots::decode(from, &read)?;
            if dots.is_empty() { Err(DecodeError::NonCanonical) } else { Ok(dots) }
        })
        .map(Self)
    }
}

impl<W: Writer, T, M> Default for Elements<W, T, M> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// A set in which an element that is added and removed at the same time is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddWinsSet<W: Writer, T: Ord> {
    elements: Elements<W, T, ()>,
}

impl<W: Writer, T: Clone + Ord> AddWinsSet<W, T> {
    /// Adds an element.
    pub fn add(&mut self, pen: &mut Pen<'_, W>, element: T) {
        self.elements.replace(pen, element, ());
    }

    /// Removes an element, as far as it was added before. Whether it was there.
    pub fn remove(&mut self, element: &T) -> bool {
        self.elements.0.remove(element).is_some()
    }

    /// Whether an element is there.
    pub fn contains(&self, element: &T) -> bool {
        self.elements.0.contains_key(element)
    }

    /// The elements, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.elements.0.keys()
    }
}

impl<W: Writer, T: Ord> Default for AddWinsSet<W, T> {
    fn default() -> Self {
        Self { elements: Elements::default() }
    }
}

impl<W: Writer, T: Clone + Codec + Debug + Ord> Value<W> for AddWinsSet<W, T> {
    kept_in!(elements);

    fn reset(&mut self, _: &mut Pen<'_, W>) {
        self.elements.0.clear();
    }
}

/// A set in which an element that is added and removed at the same time is not there. That an element was removed is kept
/// until it is added again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveWinsSet<W: Writer, T: Ord> {
    /// Each with whether it was added or removed.
    elements: Elements<W, T, bool>,
}

impl<W: Writer, T: Clone + Ord> RemoveWinsSet<W, T> {
    /// Adds an element, as far as it was removed before.
    pub fn add(&mut self, pen: &mut Pen<'_, W>, element: T) {
        self.elements.replace(pen, element, true);
    }

    /// Removes an element. Whether it was there.
    pub fn remove(&mut self, pen: &mut Pen<'_, W>, element: T) -> bool {
        let was_there = self.contains(&element);
        self.elements.replace(pen, element, false);
        was_there
    }

    /// Whether an element is there.
    pub fn contains(&self, element: &T) -> bool {
        self.elements.0.get(element).is_some_and(is_added)
    }

    /// The elements, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.elements.0.iter().filter(|(_, dots)| is_added(dots)).map(|(element, _)| element)
    }
}

fn is_added<W: Writer>(dots: &Dots<W, bool>) -> bool {
    dots.iter().all(|(_, is_added)| *is_added)
}

impl<W: Writer, T: Ord> Default for RemoveWinsSet<W, T> {
    fn default() -> Self {
        Self { elements: Elements::default() }
    }
}

impl<W: Writer, T: Clone + Codec + Debug + Ord> Value<W> for RemoveWinsSet<W, T> {
    kept_in!(elements);

    fn reset(&mut self, _: &mut Pen<'_, W>) {
        self.elements.0.clear();
    }
}

impl<W: Writer, T: Codec + Ord> Codec for AddWinsSet<W, T> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        self.elements.encode(to, |(), _| ());
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Elements::decode(from, |_| Ok(())).map(|elements| Self { elements })
    }
}

impl<W: Writer, T: Codec + Ord> Codec for RemoveWinsSet<W, T> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        self.elements.encode(to, |is_added, to| to(&[u8::from(*is_added)]));
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let elements = Elements::decode(from, |from| match from.bytes(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(DecodeError::OutOfRange),
        })?;
        Ok(Self { elements })
    }
}
