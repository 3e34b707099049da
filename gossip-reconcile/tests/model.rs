//! A comparison finds exactly what differs, whatever the sets and whatever the network does to its messages.

mod common;

use common::{CLEAN, Key, Network, Random, Set, compare, difference, index, index_with};
use gossip_reconcile::Index;
use proptest::prelude::*;

/// Keys with long and short common beginnings, of which one may be the beginning of another.
fn key(random: &mut Random) -> Key {
    let mut key = match random.below(4) {
        0 => Vec::new(),
        1 => b"service/web/".to_vec(),
        2 => vec![b'x'; 140],
        _ => vec![random.below(3) as u8; random.below(9)],
    };
    let tail = random.below(6);
    key.extend((0..tail).map(|_| random.next() as u8));
    key
}

/// Two sets with `same` keys in common; then changes on either side.
fn sets(seed: u64, same: usize, changes: usize) -> (Set, Set) {
    let mut random = Random(seed);
    let mut a: Set = (0..same).map(|_| (key(&mut random), random.next())).collect();
    let mut b = a.clone();
    let keys: Vec<Key> = a.keys().cloned().collect();
    for _ in 0..changes {
        let side = if random.chance(50) { &mut a } else { &mut b };
        match (random.below(3), keys.get(random.below(keys.len()))) {
            (0, Some(key)) => _ = side.remove(key),
            (1, Some(key)) => _ = side.insert(key.clone(), random.next()),
            _ => _ = side.insert(key(&mut random), random.next()),
        }
    }
    (a, b)
}

fn check(seed: u64, network: Network, a: &Set, b: &Set) -> Result<(), TestCaseError> {
    check_indices(seed, network, (a, &index(a)), (b, &index(b)))
}

fn check_indices(
    seed: u64,
    network: Network,
    (a, index_a): (&Set, &Index<Key>),
    (b, index_b): (&Set, &Index<Key>),
) -> Result<(), TestCaseError> {
    let mut found = compare(seed, network, index_a, index_b);
    if !found.ours.is_superset(&difference(a, b)) || !found.theirs.is_superset(&difference(b, a)) {
        // Two versions may look alike in a list, in one case of some thousand; under another seed they do not.
        let again = compare(!seed, network, index_a, index_b);
        found.ours.extend(again.ours);
        found.theirs.extend(again.theirs);
    }
    for (found, differs) in [(&found.ours, difference(a, b)), (&found.theirs, difference(b, a))] {
        prop_assert!(found.is_superset(&differs), "not found: {:?}", differs.difference(found).collect::<Vec<_>>());
        // Two keys may have one hash: one case of ten thousand.
        prop_assert!(found.len() <= differs.len() + 2, "found {} of {}", found.len(), differs.len());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_comparison_finds_exactly_what_differs(
        seed: u64, same in 0_usize..3000, changes in 0_usize..400, budget in 508_usize..2000,
    ) {
        let (a, b) = sets(seed, same, changes);
        check(seed, Network { budget, ..CLEAN }, &a, &b)?;
    }

    #[test]
    fn messages_may_be_lost_repeated_and_reordered(
        seed: u64, same in 0_usize..1000, changes in 0_usize..300,
        lost in 0_usize..50, twice in 0_usize..50, late in 1_usize..60,
    ) {
        let (a, b) = sets(seed, same, changes);
        check(seed, Network { lost, twice, late, budget: 508 }, &a, &b)?;
    }

    #[test]
    fn either_side_may_keep_few_cells(
        seed: u64, same in 0_usize..3000, changes in 0_usize..400, few in 1_usize..100,
    ) {
        let (a, b) = sets(seed, same, changes);
        check_indices(seed, CLEAN, (&a, &index_with(few, &a)), (&b, &index(&b)))?;
        check_indices(seed, CLEAN, (&b, &index(&b)), (&a, &index_with(few, &a)))?;
    }

    #[test]
    fn sets_of_very_different_sizes_are_compared(seed: u64, small in 0_usize..20, large in 0_usize..5000) {
        let (a, _) = sets(seed, large, 0);
        let (_, b) = sets(seed, small, 10);
        check(seed, CLEAN, &a, &b)?;
        check(seed, CLEAN, &b, &a)?;
    }
}
