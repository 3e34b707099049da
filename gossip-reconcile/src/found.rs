//! What a comparison finds, and how the other side is asked for its part of it.

use alloc::vec::Vec;

use crate::codec::{DecodeError, NoSpace, Reader, Writer};
use crate::field;
use crate::index::Index;
use crate::item::{KeyHash, is_version};
use crate::range::KeyRange;
use crate::slab::Slot;

/// A difference between the index here and the other one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// Keys with this hash have other versions there, or are on one side only.
    Key {
        /// The hash of the key, or very rarely of two.
        hash: KeyHash,
        /// Whether the other side has any.
        is_there: bool,
    },
    /// Exactly these versions are there in a range.
    Range {
        /// The keys that this is about.
        range: KeyRange,
        /// What shortened the versions.
        salt: u8,
        /// The versions, ascending.
        tags: Vec<u32>,
    },
    /// There is something in a range in which nothing is here.
    All(KeyRange),
}

/// What to ask the other side for: all of it is what it has and this side has not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Want {
    /// The items with keys of this hash.
    Key(KeyHash),
    /// The items of a range, either those with these tags or all but those.
    Range {
        /// The keys that this is about.
        range: KeyRange,
        /// What shortened the versions; zero without tags.
        salt: u8,
        /// The tags; ascending.
        tags: Vec<u32>,
        /// Whether it is all but those.
        is_rest: bool,
    },
}

/// How many tags are named at once.
const TAGS: usize = 48;
const KEYS: u64 = 0;
const ONLY: u64 = 1;
const REST: u64 = 2;

impl<K: AsRef<[u8]>> Index<K> {
    /// The items here that the other side has in another version or not at all.
    pub fn ours<'a>(&'a self, found: &'a Found) -> impl Iterator<Item = Slot> + 'a {
        let (hash, rest) = match found {
            Found::Key { hash, .. } => (Some(self.with_hash(*hash)), None),
            Found::Range { range, salt, tags } => (None, Some((range, *salt, tags))),
            Found::All(_) => (None, None),
        };
        let rest = rest.map(|(range, salt, tags)| {
            self.range(range).filter(move |slot| tags.binary_search(&self.tag(*slot, salt)).is_err())
        });
        hash.into_iter().flatten().chain(rest.into_iter().flatten())
    }

    /// What to ask the other side for.
    pub fn wants(&self, found: &Found) -> Vec<Want> {
        match found {
            Found::Key { hash, is_there: true } => alloc::vec![Want::Key(*hash)],
            Found::Key { .. } => Vec::new(),
            Found::All(range) => {
                alloc::vec![Want::Range { range: range.clone(), salt: 0, tags: Vec::new(), is_rest: true }]
            }
            Found::Range { range, salt, tags } => self.wants_of_range(range, *salt, tags),
        }
    }

    /// The items that another side wants.
    pub fn wanted<'a>(&'a self, want: &'a Want) -> impl Iterator<Item = Slot> + 'a {
        let (hash, range) = match want {
            Want::Key(hash) => (Some(self.with_hash(*hash)), None),
            Want::Range { range, salt, tags, is_rest } => (None, Some((range, *salt, tags, *is_rest))),
        };
        let range = range.map(|(range, salt, tags, is_rest)| {
            self.range(range).filter(move |slot| tags.binary_search(&self.tag(*slot, salt)).is_err() == is_rest)
        });
        hash.into_iter().flatten().chain(range.into_iter().flatten())
    }

    /// A key by its hash, and by how much its version there is above that here; none if there is no such version, so
    /// that several keys were taken for one.
    pub(crate) fn found_key(&self, hash: KeyHash, change: u64) -> Option<Found> {
        let (mut keys, mut there) = (0, change);
        for slot in self.with_hash(hash) {
            keys += 1;
            there = field::add(there, self.item(slot).version.get());
        }
        let is_there = there != 0;
        (!is_there || keys > 1 || is_version(there, hash)).then_some(Found::Key { hash, is_there })
    }

    fn wants_of_range(&self, range: &KeyRange, salt: u8, tags: &[u32]) -> Vec<Want> {
        let mut here: Vec<u32> = self.range(range).map(|slot| self.tag(slot, salt)).collect();
        here.sort_unstable();
        here.dedup();
        let (known, unknown): (Vec<u32>, Vec<u32>) = tags.iter().partition(|tag| here.binary_search(tag).is_ok());
        let want = |tags: &[u32], is_rest| {
            let salt = if tags.is_empty() { 0 } else { salt };
            Want::Range { range: range.clone(), salt, tags: tags.to_vec(), is_rest }
        };
        if unknown.is_empty() {
            Vec::new()
        } else if known.len() < unknown.len().min(TAGS) {
            alloc::vec![want(&known, true)]
        } else {
            unknown.chunks(TAGS).map(|tags| want(tags, false)).collect()
        }
    }
}

impl Want {
    /// Writes as many from the front as fit: how many, and into how many bytes. One takes 460 bytes at most.
    pub fn write(wants: &[Self], buf: &mut [u8]) -> (usize, usize) {
        let (mut to, mut written, mut before): (_, _, &[u8]) = (Writer::new(buf), 0, &[]);
        while let Some(want) = wants.get(written) {
            let keys = wants[written..].iter().map_while(Self::key).take(to.room().saturating_sub(5) / 4);
            let keys: Vec<u32> = keys.collect();
            let fits = to.whole(|to| match want {
                Self::Key(_) if keys.is_empty() => Err(NoSpace),
                Self::Key(_) => {
                    to.varint((keys.len() as u64) << 2 | KEYS)?;
                    to.tags(&keys)
                }
                Self::Range { range, salt, tags, is_rest } => {
                    to.varint((tags.len() as u64) << 2 | if *is_rest { REST } else { ONLY })?;
                    to.range(before, range)?;
                    if !tags.is_empty() {
                        to.u8(*salt)?;
                    }
                    to.tags(tags)
                }
            });
            if fits.is_err() {
                break;
            }
            if let Self::Range { range, .. } = want {
                before = range.high.as_deref().unwrap_or_default();
            }
            written += keys.len().max(1);
        }
        (written, to.len())
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// If it is nothing of that kind.
    pub fn read(bytes: &[u8]) -> Result<Vec<Self>, DecodeError> {
        let mut from = Reader::new(bytes);
        let (mut wants, mut before) = (Vec::new(), Vec::new());
        while !from.is_empty() {
            let head = from.count()?;
            let (count, kind) = (head >> 2, u64::from(head & 3));
            if kind == KEYS && count > 0 {
                for hash in from.tags(count)? {
                    wants.push(Self::Key(KeyHash::from_wire(hash).ok_or(DecodeError::OutOfRange)?));
                }
                continue;
            }
            if !matches!(kind, ONLY | REST) || kind == ONLY && count == 0 {
                return Err(DecodeError::OutOfRange);
            }
            let range = from.range(&before)?;
            before = range.high.clone().unwrap_or_default();
            let salt = if count > 0 { from.u8()? } else { 0 };
            let tags = from.tags(count)?;
            if !tags.is_sorted_by(|a, b| a < b) {
                return Err(DecodeError::NonCanonical);
            }
            wants.push(Self::Range { range, salt, tags, is_rest: kind == REST });
        }
        Ok(wants)
    }

    fn key(&self) -> Option<u32> {
        match self {
            Self::Key(hash) => Some(hash.to_u32()),
            Self::Range { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;
    use crate::item::HashKey;

    /// The check bits of the key alone err once in 65 536 times.
    #[test]
    fn two_keys_that_look_like_one_are_not_taken_for_it() {
        let hashes = HashKey::new([5; 16]);
        let index = Index::<[u8; 4]>::with_cells(hashes, 1);
        let cell = |key: u32, version: u32| {
            let key = key.to_be_bytes();
            let hash = hashes.key(&key);
            Cell::of(hash, hashes.version(&key, hash, &version.to_be_bytes()).get())
        };
        let other = cell(0, 0);
        let singles = (1..1_000_000_u32).filter_map(|number| {
            let mut both = cell(number, number);
            both.add(other);
            both.single()
        });
        let singles: Vec<_> = singles.collect();
        assert!(!singles.is_empty());
        assert!(singles.into_iter().all(|(hash, change)| index.found_key(hash, change).is_none()));
    }
}
