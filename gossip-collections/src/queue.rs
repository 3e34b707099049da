//! A queue as a vector.

use alloc::vec::{self, Vec};
use core::ops::{Deref, DerefMut, RangeBounds};
use core::slice;

/// A queue: who is taken out in front makes the others move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VecDeque<T>(Vec<T>);

impl<T> VecDeque<T> {
    /// An empty one.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The first.
    pub fn front(&self) -> Option<&T> {
        self.0.first()
    }

    /// The first, to change.
    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.0.first_mut()
    }

    /// The last.
    pub fn back(&self) -> Option<&T> {
        self.0.last()
    }

    /// The last, to change.
    pub fn back_mut(&mut self) -> Option<&mut T> {
        self.0.last_mut()
    }

    /// Puts one at the end.
    #[inline(never)]
    pub fn push_back(&mut self, element: T) {
        self.0.push(element);
    }

    /// Puts one in front.
    #[inline(never)]
    pub fn push_front(&mut self, element: T) {
        self.0.insert(0, element);
    }

    /// Puts all of another at the end.
    pub fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    /// Takes the first one out.
    #[inline(never)]
    pub fn pop_front(&mut self) -> Option<T> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }

    /// Takes the last one out.
    pub fn pop_back(&mut self) -> Option<T> {
        self.0.pop()
    }

    /// Takes one out, if it is there.
    #[inline(never)]
    pub fn remove(&mut self, at: usize) -> Option<T> {
        if at < self.0.len() { Some(self.0.remove(at)) } else { None }
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes some out.
    ///
    /// # Panics
    /// If the range goes beyond the end.
    #[inline(never)]
    pub fn drain(&mut self, range: impl RangeBounds<usize>) -> vec::Drain<'_, T> {
        self.0.drain(range)
    }

    /// Some of them.
    ///
    /// # Panics
    /// If the range goes beyond the end.
    pub fn range(&self, range: impl RangeBounds<usize>) -> slice::Iter<'_, T> {
        self.0[(range.start_bound().cloned(), range.end_bound().cloned())].iter()
    }

    /// Keeps those of which it is said, after a change.
    pub fn retain_mut(&mut self, keep: impl FnMut(&mut T) -> bool) {
        self.0.retain_mut(keep);
    }

    /// Keeps those of which it is said.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
    }
}

impl<T> Deref for VecDeque<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for VecDeque<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> Default for VecDeque<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Extend<T> for VecDeque<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        self.0.extend(elements);
    }
}

impl<T> FromIterator<T> for VecDeque<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self(elements.into_iter().collect())
    }
}

impl<T> IntoIterator for VecDeque<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a VecDeque<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut VecDeque<T> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut()
    }
}
