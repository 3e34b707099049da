//! `gossip-reconcile`.

use std::collections::BTreeSet;

use gossip_reconcile::{HashKey, Index, Session, Slot, Want};

use super::{Cost, Key, Set};

/// The index of a set.
///
/// # Panics
/// If it has no room.
pub fn index(set: &Set) -> Index<Key> {
    let mut index = Index::new(HashKey::new(*b"0123456789abcdef"));
    for (key, version) in set {
        index.insert(*key, &version.to_be_bytes()).expect("there is room");
    }
    index
}

/// Compares two indices in messages of at most `budget` bytes: what it takes, and how many keys it finds.
///
/// # Panics
/// If a message makes no sense to the other side.
pub fn compare(seed: u32, budget: usize, a: &Index<Key>, b: &Index<Key>) -> (Cost, usize) {
    let mut session = Session::new(seed);
    let (mut question, mut answer) = (vec![0; budget], vec![0; budget]);
    let mut cost = Cost::default();
    let (mut ours, mut wants) = (BTreeSet::<Slot>::new(), Vec::new());
    while !session.is_done() {
        let asked = session.poll_question(a, &mut question).expect("nothing is lost");
        let answered = b.answer(&question[..asked], &mut answer).expect("the question is one");
        session.handle_answer(a, &answer[..answered]).expect("the answer is one");
        cost.bytes += asked + answered;
        cost.asked += asked;
        cost.messages += 2;
        while let Some(found) = session.poll_found() {
            ours.extend(a.ours(&found));
            wants.extend(a.wants(&found));
        }
    }
    let mut wants = wants.as_slice();
    while !wants.is_empty() {
        let (written, len) = Want::write(wants, &mut question);
        cost.wants += len;
        wants = &wants[written..];
    }
    (cost, ours.len())
}
