//! A table of hashes that uses none.

use alloc::vec::Vec;
use core::slice;

/// What would be found by its hash; here everything is looked at.
#[derive(Clone, Debug)]
pub struct HashTable<T>(Vec<T>);

impl<T> HashTable<T> {
    /// An empty one.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, more: usize, _: impl Fn(&T) -> u64) {
        self.0.reserve(more);
    }

    /// Puts one in, whatever is there.
    pub fn insert_unique(&mut self, _: u64, value: T, _: impl Fn(&T) -> u64) -> Occupied<'_, T> {
        let at = self.0.len();
        self.0.push(value);
        Occupied { table: self, at }
    }

    /// One of which it is said.
    pub fn find(&self, _: u64, is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        let at = self.0.iter().position(is_it)?;
        self.0.get(at)
    }

    /// One of which it is said, to change.
    pub fn find_mut(&mut self, _: u64, is_it: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let at = self.0.iter().position(is_it)?;
        self.0.get_mut(at)
    }

    /// The place of one of which it is said.
    ///
    /// # Errors
    /// If there is none.
    pub fn find_entry(&mut self, _: u64, is_it: impl FnMut(&T) -> bool) -> Result<Occupied<'_, T>, Absent> {
        let at = self.0.iter().position(is_it).ok_or(Absent)?;
        Ok(Occupied { table: self, at })
    }

    /// All that may have a hash: all.
    pub fn iter_hash(&self, _: u64) -> slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T> Default for HashTable<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The place of one that is there.
#[derive(Debug)]
pub struct Occupied<'a, T> {
    table: &'a mut HashTable<T>,
    at: usize,
}

impl<T> Occupied<'_, T> {
    /// Takes it out.
    pub fn remove(self) -> (T, Absent) {
        (self.table.0.swap_remove(self.at), Absent)
    }
}

/// It is not there.
#[derive(Clone, Copy, Debug)]
pub struct Absent;
