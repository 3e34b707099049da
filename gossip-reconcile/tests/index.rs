//! The index is a set, in order, whatever comes and goes.

mod common;

use std::collections::BTreeMap;

use common::Random;
use gossip_reconcile::{HashKey, Index, KeyRange};
use proptest::prelude::*;

fn fresh() -> Index<Vec<u8>> {
    Index::with_cells(HashKey::new([9; 16]), 64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_map_does(seed: u64, steps in 1_usize..4000, keys in 1_usize..2000, removals in 0_usize..60) {
        let mut random = Random(seed);
        let (mut index, mut model) = (fresh(), BTreeMap::new());
        for _ in 0..steps {
            // The first eight bytes of half of them decide nothing.
            let number = random.below(keys);
            let start = ["", "a common beginning "][number % 2];
            let key = format!("{start}{number}").into_bytes();
            if random.chance(removals) {
                prop_assert_eq!(index.remove(&key).is_some(), model.remove(&key).is_some());
            } else {
                let version = random.below(3) as u64;
                let slot = index.insert(key.clone(), &version.to_be_bytes());
                prop_assert_eq!(slot, index.slot(&key));
                model.insert(key, version);
            }
        }
        prop_assert_eq!(index.len(), model.len());
        let in_order: Vec<_> = index.range(&KeyRange::all()).filter_map(|slot| index.key(slot)).collect();
        prop_assert_eq!(in_order, model.keys().collect::<Vec<_>>());
        let (low, high) = (random.below(keys).to_string(), random.below(keys).to_string());
        if low < high {
            let range = KeyRange { low: low.clone().into_bytes(), high: Some(high.clone().into_bytes()) };
            let found: Vec<_> = index.range(&range).filter_map(|slot| index.key(slot)).collect();
            prop_assert_eq!(found, model.range(low.into_bytes()..high.into_bytes()).map(|(key, _)| key).collect::<Vec<_>>());
        }
    }

    #[test]
    fn its_fingerprint_depends_on_what_it_holds_alone(seed: u64, keys in 1_usize..500) {
        let mut random = Random(seed);
        let mut wanted: Vec<(Vec<u8>, u64)> = (0..keys).map(|at| (at.to_string().into_bytes(), random.next())).collect();
        let mut first = fresh();
        for (key, version) in &wanted {
            first.insert(key.clone(), &version.to_be_bytes());
        }
        // In another order, by detours.
        let mut second = fresh();
        for at in 0..keys {
            second.insert(random.below(2 * keys).to_string().into_bytes(), &at.to_be_bytes());
            wanted.swap(at, random.below(keys));
        }
        for (key, version) in &wanted {
            let slot = second.insert(key.clone(), b"another");
            prop_assert!(slot.is_some_and(|slot| second.set_version(slot, &version.to_be_bytes())));
        }
        for at in keys..2 * keys {
            second.remove(at.to_string().as_bytes());
        }
        prop_assert_eq!(first.fingerprint(), second.fingerprint());
        second.insert(b"0".to_vec(), b"yet another");
        prop_assert_ne!(first.fingerprint(), second.fingerprint());
    }
}

#[test]
fn an_index_that_is_empty_again_is_as_if_it_were_new() {
    let mut index = fresh();
    for number in 0..10_000_u32 {
        index.insert(number.to_be_bytes().to_vec(), b"1");
    }
    for number in (0..10_000_u32).rev() {
        assert!(index.remove(&number.to_be_bytes()).is_some());
    }
    assert!(index.is_empty());
    assert_eq!(index.fingerprint(), fresh().fingerprint());
    assert_eq!(index.range(&KeyRange::all()).count(), 0);
    assert!(index.insert(b"a".to_vec(), b"1").is_some_and(|slot| slot.index() < 10_000));
}
