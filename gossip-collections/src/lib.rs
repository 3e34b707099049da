#![doc = include_str!("../README.md")]
#![no_std]
#![deny(missing_docs, unreachable_pub)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod map;
pub mod queue;
pub mod set;
pub mod small;
pub mod table;

#[cfg(feature = "fast")]
pub use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
#[cfg(feature = "fast")]
pub use hashbrown::HashTable;
#[cfg(feature = "fast")]
pub use smallvec::SmallVec;

#[cfg(not(feature = "fast"))]
pub use map::BTreeMap;
#[cfg(not(feature = "fast"))]
pub use queue::VecDeque;
#[cfg(not(feature = "fast"))]
pub use set::BTreeSet;
#[cfg(not(feature = "fast"))]
pub use small::SmallVec;
#[cfg(not(feature = "fast"))]
pub use table::HashTable;

/// The short collections do what those of `alloc` do.
#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::ops::Bound;
    use std::collections::{BTreeMap, BTreeSet, VecDeque};

    /// Numbers below `below`, the same at each run.
    fn numbers(seed: u64, below: u64) -> impl Iterator<Item = u64> {
        let mut state = seed;
        core::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        })
    }

    #[test]
    fn a_map_is_a_map() {
        let (mut map, mut model) = (crate::map::BTreeMap::new(), BTreeMap::new());
        let mut random = numbers(1, 40);
        for step in 0..2000 {
            let key = random.next().unwrap();
            match step % 4 {
                0 => assert_eq!(map.remove(&key), model.remove(&key)),
                1 => *map.entry(key).or_default() += *model.entry(key).and_modify(|n| *n += step).or_insert(step),
                _ => assert_eq!(map.insert(key, step), model.insert(key, step)),
            }
            model.iter().for_each(|(key, value)| _ = map.insert(*key, *value));
            assert!(map.iter().eq(&model) && map.len() == model.len());
            assert_eq!((map.get(&key), map.contains_key(&key)), (model.get(&key), model.contains_key(&key)));
            assert_eq!(
                (map.first_key_value(), map.last_key_value()),
                (model.first_key_value(), model.last_key_value())
            );
            let (low, high) = (key, key + random.next().unwrap());
            assert!(map.range(low..high).eq(model.range(low..high)));
            assert!(map.range(low..=high).eq(model.range(low..=high)));
            let after = (Bound::Excluded(low), Bound::Unbounded);
            assert!(map.range::<u64, _>(after).eq(model.range::<u64, _>(after)));
        }
        map.retain(|key, _| key % 3 == 0);
        model.retain(|key, _| key % 3 == 0);
        assert!(map.into_iter().eq(model));
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_empty() {
        let map: crate::map::BTreeMap<u8, ()> = (0..9).map(|key| (key, ())).collect();
        assert_eq!(map.range((Bound::Excluded(5), Bound::Excluded(5))).count(), 0);
        assert_eq!(map.range((Bound::Included(7), Bound::Included(2))).count(), 0);
    }

    #[test]
    fn a_set_is_a_set() {
        let (mut set, mut model) = (crate::set::BTreeSet::new(), BTreeSet::new());
        let mut random = numbers(2, 40);
        for step in 0..2000 {
            let element = random.next().unwrap();
            if step % 3 == 0 {
                assert_eq!(set.remove(&element), model.remove(&element));
            } else {
                assert_eq!(set.insert(element), model.insert(element));
            }
            assert!(set.iter().eq(&model) && set.len() == model.len() && set.first() == model.first());
            assert_eq!(set.contains(&element), model.contains(&element));
            assert!(set.range(element..).eq(model.range(element..)));
        }
    }

    #[test]
    fn a_queue_is_a_queue() {
        let (mut queue, mut model) = (crate::queue::VecDeque::new(), VecDeque::new());
        let mut random = numbers(3, 6);
        for step in 0..2000 {
            match random.next().unwrap() {
                0 => assert_eq!(queue.pop_front(), model.pop_front()),
                1 => assert_eq!(queue.pop_back(), model.pop_back()),
                2 => assert_eq!(queue.remove(3), model.remove(3)),
                3 => (queue.push_front(step), model.push_front(step)).0,
                _ => (queue.push_back(step), model.push_back(step)).0,
            }
            assert!(queue.iter().eq(&model) && queue.len() == model.len());
            assert_eq!((queue.front(), queue.back()), (model.front(), model.back()));
        }
        queue.retain(|element| element % 2 == 0);
        model.retain(|element| element % 2 == 0);
        assert!(queue.into_iter().eq(model));
    }

    #[test]
    fn a_table_finds_what_was_put_in_and_not_taken_out() {
        let hash = |element: &u64| *element;
        let mut table = crate::table::HashTable::new();
        (0..100).for_each(|element| _ = table.insert_unique(hash(&element), element, hash));
        for element in (0..100).step_by(3) {
            let entry = table.find_entry(element, |other| *other == element).expect("it is there");
            assert_eq!(entry.remove().0, element);
        }
        let left: Vec<u64> =
            (0..100).filter(|element| table.find(*element, |other| other == element).is_some()).collect();
        assert!(left.into_iter().eq((0..100).filter(|element| element % 3 != 0)));
        assert_eq!(table.len(), 66);
    }

    #[test]
    fn a_small_vector_is_a_vector() {
        let mut small: crate::small::SmallVec<[u64; 2]> = (0..9).collect();
        let mut model: Vec<u64> = (0..9).collect();
        small.insert(4, 44);
        model.insert(4, 44);
        assert_eq!(
            (small.remove(2), small.swap_remove(0), small.pop()),
            (model.remove(2), model.swap_remove(0), model.pop())
        );
        small.retain(|element| *element % 2 == 0);
        model.retain(|element| *element % 2 == 0);
        small.extend_from_slice(&[7, 7, 8]);
        model.extend_from_slice(&[7, 7, 8]);
        small.dedup();
        model.dedup();
        assert!(small.drain(1..3).eq(model.drain(1..3)));
        small.resize(6, 5);
        model.resize(6, 5);
        small.truncate(5);
        model.truncate(5);
        assert_eq!((small.as_slice(), small.clone().into_vec()), (&*model, model.clone()));
    }
}
