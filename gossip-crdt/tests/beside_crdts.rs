//! The same writes to the crate `crdts`, where that is right: it has no reset that is safe, and its multi-value register is
//! left out, since it takes concurrent for later writes (rust-crdt issue 10).

#![cfg(feature = "values")]

use crdts::{CmRDT, CvRDT, Orswot, PNCounter};
use gossip_crdt::{AddWinsSet, Causal, Counter};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Up(usize, u64),
    Down(usize, u64),
    Send(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3_usize, 0..6_u64).prop_map(|(at, with)| Step::Up(at, with)),
        2 => (0..3_usize, 0..6_u64).prop_map(|(at, with)| Step::Down(at, with)),
        2 => (0..3_usize, 0..3_usize).prop_map(|(from, to)| Step::Send(from, to)),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_add_wins_set_is_an_orswot(steps in steps()) {
        let mut ours: [Causal<u64, AddWinsSet<u64, u64>>; 3] = core::array::from_fn(|_| Causal::new());
        let mut theirs: [Orswot<u64, usize>; 3] = core::array::from_fn(|_| Orswot::new());
        for step in steps {
            match step {
                Step::Up(at, element) => {
                    ours[at].write(at as u64, |set, pen| set.add(pen, element));
                    let add = theirs[at].add(element, theirs[at].read_ctx().derive_add_ctx(at));
                    theirs[at].apply(add);
                }
                Step::Down(at, element) => {
                    ours[at].write(at as u64, |set, _| set.remove(&element));
                    let remove = theirs[at].rm(element, theirs[at].contains(&element).derive_rm_ctx());
                    theirs[at].apply(remove);
                }
                Step::Send(from, to) => {
                    let (delta, whole) = (ours[from].delta(ours[to].context()), theirs[from].clone());
                    ours[to].join(&delta);
                    theirs[to].merge(whole);
                }
            }
        }
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let mut elements: Vec<u64> = theirs.read().val.into_iter().collect();
            elements.sort_unstable();
            prop_assert_eq!(ours.value().iter().copied().collect::<Vec<_>>(), elements);
        }
    }

    #[test]
    fn a_counter_is_a_pn_counter(steps in steps()) {
        let mut ours: [Causal<u64, Counter<u64>>; 3] = core::array::from_fn(|_| Causal::new());
        let mut theirs: [PNCounter<usize>; 3] = core::array::from_fn(|_| PNCounter::new());
        for step in steps {
            match step {
                Step::Up(at, amount) => {
                    ours[at].write(at as u64, |counter, pen| counter.add(pen, amount as i64));
                    let up = theirs[at].inc_many(at, amount);
                    theirs[at].apply(up);
                }
                Step::Down(at, amount) => {
                    ours[at].write(at as u64, |counter, pen| counter.add(pen, -(amount as i64)));
                    let down = theirs[at].dec_many(at, amount);
                    theirs[at].apply(down);
                }
                Step::Send(from, to) => {
                    let (delta, whole) = (ours[from].delta(ours[to].context()), theirs[from].clone());
                    ours[to].join(&delta);
                    theirs[to].merge(whole);
                }
            }
        }
        for (ours, theirs) in ours.iter().zip(&theirs) {
            prop_assert_eq!(ours.value().get().to_string(), theirs.read().to_string());
        }
    }
}
