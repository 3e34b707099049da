//! A vector that has the interface of one whose first elements need no allocation.

use alloc::vec::{self, Vec};
use core::ops::{Deref, DerefMut, RangeBounds};
use core::{fmt, slice};

/// An array, of which only the type of its elements matters here.
pub trait Array {
    /// What it is made of.
    type Item;
}

impl<T, const N: usize> Array for [T; N] {
    type Item = T;
}

/// A vector. `A` says how many elements would need no allocation elsewhere; here all do.
pub struct SmallVec<A: Array>(Vec<A::Item>);

impl<A: Array> SmallVec<A> {
    /// An empty one.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Of these elements.
    #[inline(never)]
    pub fn from_slice(elements: &[A::Item]) -> Self
    where
        A::Item: Clone,
    {
        Self(elements.to_vec())
    }

    /// All of it.
    pub fn as_slice(&self) -> &[A::Item] {
        &self.0
    }

    /// As a vector.
    pub fn into_vec(self) -> Vec<A::Item> {
        self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts one at the end.
    #[inline(never)]
    pub fn push(&mut self, element: A::Item) {
        self.0.push(element);
    }

    /// Takes the last one out.
    pub fn pop(&mut self) -> Option<A::Item> {
        self.0.pop()
    }

    /// Puts one in front of the one at a place.
    ///
    /// # Panics
    /// If the place is beyond the end.
    #[inline(never)]
    pub fn insert(&mut self, at: usize, element: A::Item) {
        self.0.insert(at, element);
    }

    /// Takes one out.
    ///
    /// # Panics
    /// If the place is at the end, or beyond.
    #[inline(never)]
    pub fn remove(&mut self, at: usize) -> A::Item {
        self.0.remove(at)
    }

    /// Takes one out, the last one goes to its place.
    ///
    /// # Panics
    /// If the place is at the end, or beyond.
    pub fn swap_remove(&mut self, at: usize) -> A::Item {
        self.0.swap_remove(at)
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Keeps the first ones.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Takes some out.
    ///
    /// # Panics
    /// If the range goes beyond the end.
    #[inline(never)]
    pub fn drain(&mut self, range: impl RangeBounds<usize>) -> vec::Drain<'_, A::Item> {
        self.0.drain(range)
    }

    /// Keeps those of which it is said.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut A::Item) -> bool) {
        self.0.retain_mut(|element| keep(element));
    }

    /// Of equal ones that follow each other keeps the first.
    pub fn dedup(&mut self)
    where
        A::Item: PartialEq,
    {
        self.0.dedup();
    }

    /// Makes it so long, with this element.
    #[inline(never)]
    pub fn resize(&mut self, len: usize, element: A::Item)
    where
        A::Item: Clone,
    {
        self.0.resize(len, element);
    }

    /// Puts these at the end.
    #[inline(never)]
    pub fn extend_from_slice(&mut self, elements: &[A::Item])
    where
        A::Item: Clone,
    {
        self.0.extend_from_slice(elements);
    }
}

impl<A: Array> Deref for SmallVec<A> {
    type Target = [A::Item];

    fn deref(&self) -> &[A::Item] {
        &self.0
    }
}

impl<A: Array> DerefMut for SmallVec<A> {
    fn deref_mut(&mut self) -> &mut [A::Item] {
        &mut self.0
    }
}

impl<A: Array> Default for SmallVec<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Array<Item: Clone>> Clone for SmallVec<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Array<Item: fmt::Debug>> fmt::Debug for SmallVec<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<A: Array<Item: PartialEq<B::Item>>, B: Array> PartialEq<SmallVec<B>> for SmallVec<A> {
    fn eq(&self, other: &SmallVec<B>) -> bool {
        self.0 == other.0
    }
}

impl<A: Array<Item: Eq>> Eq for SmallVec<A> {}

impl<A: Array> FromIterator<A::Item> for SmallVec<A> {
    fn from_iter<I: IntoIterator<Item = A::Item>>(elements: I) -> Self {
        let mut all = Self::new();
        all.extend(elements);
        all
    }
}

impl<A: Array> Extend<A::Item> for SmallVec<A> {
    fn extend<I: IntoIterator<Item = A::Item>>(&mut self, elements: I) {
        elements.into_iter().for_each(|element| self.push(element));
    }
}

impl<A: Array> IntoIterator for SmallVec<A> {
    type Item = A::Item;
    type IntoIter = vec::IntoIter<A::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, A: Array> IntoIterator for &'a SmallVec<A> {
    type Item = &'a A::Item;
    type IntoIter = slice::Iter<'a, A::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a, A: Array> IntoIterator for &'a mut SmallVec<A> {
    type Item = &'a mut A::Item;
    type IntoIter = slice::IterMut<'a, A::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut()
    }
}
