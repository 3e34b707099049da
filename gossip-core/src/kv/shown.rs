//! Where each write is that a key shows, by writer and counter. Counters mostly follow each other: so many of them share one
//! place in the tree that an entry takes 5 bytes, not 35.

use alloc::sync::Arc;

use gossip_collections::{BTreeMap, SmallVec};
use gossip_crdt::Dot;
use gossip_reconcile::Slot;

use crate::identity::Identity;

/// So many counters share a chunk: one bit for each.
const CHUNK: u64 = 64;

/// Where a write is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Live(Slot),
    /// Among the deletions, under this number.
    Deleted(u32),
}

/// The writes that keys show.
#[derive(Debug, Default)]
pub(super) struct Shown {
    writers: BTreeMap<Identity, Writes>,
}

#[derive(Debug)]
struct Writes {
    /// One for all entries.
    name: Arc<Identity>,
    /// By the number of the chunk.
    chunks: BTreeMap<u64, Chunk>,
}

#[derive(Debug, Default)]
struct Chunk {
    /// Which counters are there.
    shown: u64,
    /// Which of these are deletions.
    deleted: u64,
    /// Of those that are there, ascending.
    places: SmallVec<[u32; 4]>,
}

impl Shown {
    pub(super) fn get(&self, dot: &Dot<Identity>) -> Option<Place> {
        let chunk = self.writers.get(&dot.writer)?.chunks.get(&(dot.counter / CHUNK))?;
        chunk.place(dot.counter % CHUNK)
    }

    pub(super) fn insert(&mut self, dot: &Dot<Identity>, place: Place) {
        let writes = self.writers.entry(dot.writer);
        let writes = writes.or_insert_with(|| Writes { name: Arc::new(dot.writer), chunks: BTreeMap::new() });
        writes.chunks.entry(dot.counter / CHUNK).or_default().insert(dot.counter % CHUNK, place);
    }

    pub(super) fn remove(&mut self, dot: &Dot<Identity>) {
        let Some(writes) = self.writers.get_mut(&dot.writer) else { return };
        let number = dot.counter / CHUNK;
        let Some(chunk) = writes.chunks.get_mut(&number) else { return };
        chunk.remove(dot.counter % CHUNK);
        if chunk.shown == 0 {
            writes.chunks.remove(&number);
        }
        if writes.chunks.is_empty() {
            self.writers.remove(&dot.writer);
        }
    }

    /// A writer's name, the same for all its entries.
    pub(super) fn name(&self, writer: Identity) -> Arc<Identity> {
        self.writers.get(&writer).map_or_else(|| Arc::new(writer), |writes| Arc::clone(&writes.name))
    }

    /// A writer's writes in a range, both ends included, ascending.
    pub(super) fn range(&self, writer: Identity, first: u64, last: u64) -> impl Iterator<Item = (u64, Place)> + '_ {
        let chunks = (first <= last).then(|| self.writers.get(&writer)).flatten();
        let chunks = chunks.into_iter().flat_map(move |writes| writes.chunks.range(first / CHUNK..=last / CHUNK));
        chunks
            .flat_map(|(number, chunk)| chunk.iter().map(move |(bit, place)| (number * CHUNK + bit, place)))
            .filter(move |(counter, _)| (first..=last).contains(counter))
    }
}

impl Chunk {
    /// How many places there are before that of a counter.
    fn rank(&self, bit: u64) -> usize {
        (self.shown & ((1 << bit) - 1)).count_ones() as usize
    }

    fn place(&self, bit: u64) -> Option<Place> {
        if self.shown & 1 << bit == 0 {
            return None;
        }
        let number = self.places[self.rank(bit)];
        Some(if self.deleted & 1 << bit == 0 { Place::Live(Slot::from_u32(number)) } else { Place::Deleted(number) })
    }

    fn insert(&mut self, bit: u64, place: Place) {
        self.remove(bit);
        let number = match place {
            Place::Live(slot) => slot.to_u32(),
            Place::Deleted(number) => {
                self.deleted |= 1 << bit;
                number
            }
        };
        self.places.insert(self.rank(bit), number);
        self.shown |= 1 << bit;
    }

    fn remove(&mut self, bit: u64) {
        if self.shown & 1 << bit != 0 {
            self.places.remove(self.rank(bit));
            self.shown &= !(1 << bit);
            self.deleted &= !(1 << bit);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (u64, Place)> + '_ {
        (0..CHUNK).filter_map(|bit| Some((bit, self.place(bit)?)))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::identity::NodeId;
    use crate::random::Rng;

    #[test]
    fn it_is_an_ordered_map_of_dots() {
        for seed in 0..20 {
            let (mut rng, mut shown, mut model) = (Rng::new([seed; 32]), Shown::default(), BTreeMap::new());
            let writers = ["a", "b"].map(|name| Identity::new(NodeId::from_name(name), 1));
            for _ in 0..600 {
                let dot = Dot::new(writers[rng.below(2)], 1 + rng.below(300) as u64);
                if rng.below(3) == 0 {
                    shown.remove(&dot);
                    model.remove(&dot);
                } else {
                    let place = Place::Deleted(rng.u32());
                    shown.insert(&dot, place);
                    model.insert(dot, place);
                }
                assert_eq!(shown.get(&dot), model.get(&dot).copied(), "seed {seed}");
            }
            for writer in writers {
                let (first, last) = (1 + rng.below(100) as u64, 100 + rng.below(200) as u64);
                let in_model = model.range(Dot::new(writer, first)..=Dot::new(writer, last));
                let expected: Vec<(u64, Place)> = in_model.map(|(dot, place)| (dot.counter, *place)).collect();
                assert_eq!(shown.range(writer, first, last).collect::<Vec<_>>(), expected, "seed {seed}");
            }
        }
    }
}
