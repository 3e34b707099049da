//! What a comparison may cost, in bytes. The seeds are fixed, so the figures are.

#![cfg(feature = "fast")]

mod common;

use common::{CLEAN, Key, Network, Outcome, Random, Set, compare, index};
use gossip_reconcile::{Index, Session};

/// `n` keys of 16 bytes on both sides; of those from `first` on, in their order, `differ` are newer on one side or the other, one in
/// `every`.
fn pair(n: usize, differ: usize, every: usize) -> [Index<Key>; 2] {
    let mut random = Random(n as u64);
    let set: Set = (0..n).map(|_| ([random.next().to_be_bytes(), random.next().to_be_bytes()].concat(), 1)).collect();
    let mut sides = [set.clone(), set];
    let keys: Vec<Key> = sides[0].keys().skip((n - differ * every) / 2).step_by(every).take(differ).cloned().collect();
    for (at, key) in keys.into_iter().enumerate() {
        sides[at % 2].insert(key, 2);
    }
    sides.map(|side| index(&side))
}

fn cost(seed: u64, budget: usize, [a, b]: &[Index<Key>; 2]) -> Outcome {
    compare(seed, Network { budget, ..CLEAN }, a, b)
}

#[test]
fn equal_sets_take_one_question_of_32_bytes() {
    for n in [0, 1, 1000, 100_000] {
        let found = cost(1, 1200, &pair(n, 0, 1));
        assert!(found.question_bytes <= 32 && found.answer_bytes == 1 && found.messages == 2, "{n}: {found:?}");
    }
}

#[test]
fn one_key_of_a_hundred_thousand_takes_64_bytes_and_one_round_trip() {
    let sides = pair(100_000, 1, 1);
    for seed in 0..20 {
        let found = cost(seed, 1200, &sides);
        assert!(found.question_bytes + found.answer_bytes + found.want_bytes <= 64 && found.messages == 2, "{found:?}");
    }
}

#[test]
fn a_hundred_scattered_keys_take_3_600_bytes() {
    for every in [997, 501, 333] {
        let found = cost(2, 1200, &pair(100_000, 100, every));
        let bytes = found.question_bytes + found.answer_bytes + found.want_bytes;
        assert!(bytes <= 3600, "one in {every}: {bytes}");
    }
}

#[test]
fn a_thousand_neighbours_take_10_000_bytes() {
    let found = cost(3, 1200, &pair(100_000, 1000, 1));
    let bytes = found.question_bytes + found.answer_bytes + found.want_bytes;
    assert!(bytes <= 10_000, "{bytes}");
}

#[test]
fn no_difference_costs_more_than_a_list_of_hashes_nor_do_datagrams_cost_a_tenth_more() {
    for n in [10, 60, 300, 1000, 3000] {
        for every in [1, 3, 9, 40] {
            for differ in
                [2, n / (20 * every), n / (5 * every), n / every].into_iter().filter(|differ| *differ * every <= n)
            {
                let sides = pair(n, differ, every);
                let [stream, datagrams] = [65_536, 1200].map(|budget| {
                    let found = cost(4, budget, &sides);
                    (found.question_bytes + found.answer_bytes) as f64
                });
                assert!(datagrams <= 1.05 * 8.0 * n as f64, "{differ} of {n}, one in {every}: {datagrams}");
                assert!(datagrams <= 1.1 * stream, "{differ} of {n}, one in {every}: {datagrams}, {stream}");
            }
        }
    }
}

#[test]
fn a_write_on_the_other_side_meanwhile_costs_no_more_than_to_begin_again() {
    let [a, mut b] = pair(100_000, 500, 199);
    let alone = cost(5, 1200, &[a.clone(), b.clone()]);
    let mut session = Session::new(5);
    let (mut question, mut answer) = ([0; 1200], [0; 1200]);
    let (mut bytes, mut found, mut rounds) = (0, 0, 0);
    while !session.is_done() {
        let asked = session.poll_question(&a, &mut question).expect("nothing is lost");
        let answered = b.answer(&question[..asked], &mut answer).expect("a question");
        session.handle_answer(&a, &answer[..answered]).expect("an answer");
        (bytes, rounds) = (bytes + asked + answered, rounds + 1);
        if rounds == 5 {
            b.insert(b"a new key".to_vec(), b"1");
        }
        while session.poll_found().is_some() {
            found += 1;
        }
    }
    assert_eq!((found, alone.ours.len()), (501, 500));
    let once = alone.question_bytes + alone.answer_bytes;
    assert!(bytes < 2 * once, "{bytes}, alone {once}");
}
