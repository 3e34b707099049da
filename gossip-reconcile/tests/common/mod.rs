//! Two sets, a network between them, and what a comparison of them finds.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};

use gossip_reconcile::{HashKey, Index, Session, Want};

pub(crate) type Key = Vec<u8>;
pub(crate) type Set = BTreeMap<Key, u64>;

pub(crate) fn index(set: &Set) -> Index<Key> {
    index_with(Index::<Key>::DEFAULT_CELLS, set)
}

pub(crate) fn index_with(cells: usize, set: &Set) -> Index<Key> {
    let mut index = Index::with_cells(HashKey::new(*b"0123456789abcdef"), cells);
    for (key, version) in set {
        index.insert(key.clone(), &version.to_be_bytes());
    }
    index
}

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What a comparison costs and finds.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Keys of items here that the other side has not.
    pub(crate) ours: BTreeSet<Key>,
    /// Keys of items there that this side has not.
    pub(crate) theirs: BTreeSet<Key>,
    pub(crate) question_bytes: usize,
    pub(crate) answer_bytes: usize,
    pub(crate) want_bytes: usize,
    pub(crate) messages: usize,
}

/// Percent of messages that are lost, come twice, or come late; and the longest message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    pub(crate) lost: usize,
    pub(crate) twice: usize,
    pub(crate) late: usize,
    pub(crate) budget: usize,
}

pub(crate) const CLEAN: Network = Network { lost: 0, twice: 0, late: 0, budget: 1200 };

/// Compares `a` with `b`, from the side of `a`.
pub(crate) fn compare(seed: u64, network: Network, a: &Index<Key>, b: &Index<Key>) -> Outcome {
    let mut random = Random(seed);
    let mut outcome = Outcome::default();
    let mut session = Session::new(random.next() as u32);
    let (mut questions, mut answers) = (Vec::new(), Vec::new());
    let mut buf = vec![0; network.budget];
    let mut wants = Vec::new();
    let mut rounds = 0;
    while !session.is_done() {
        while let Some(len) = session.poll_question(a, &mut buf) {
            outcome.question_bytes += len;
            send(&mut random, network, &mut questions, &buf[..len], &mut outcome.messages);
        }
        while let Some(question) = receive(&mut random, network, &mut questions) {
            let len = b.answer(&question, &mut buf).expect("a session asks well");
            assert!(len > 0, "no room for an answer");
            outcome.answer_bytes += len;
            send(&mut random, network, &mut answers, &buf[..len], &mut outcome.messages);
        }
        while let Some(answer) = receive(&mut random, network, &mut answers) {
            session.handle_answer(a, &answer).expect("an index answers well");
        }
        while let Some(found) = session.poll_found() {
            outcome.ours.extend(a.ours(&found).filter_map(|slot| a.key(slot).cloned()));
            wants.extend(a.wants(&found));
        }
        rounds += 1;
        if questions.is_empty() && answers.is_empty() {
            session.retry();
        }
        assert!(rounds < 100_000, "seed {seed}: it does not come to an end: {session:?}");
    }
    assert!(!session.is_incomplete());
    let mut wants = wants.as_slice();
    while !wants.is_empty() {
        let (written, len) = Want::write(wants, &mut buf);
        assert!(written > 0, "no room for {:?}", wants[0]);
        let read = Want::read(&buf[..len]).expect("what was written can be read");
        assert_eq!(read, wants[..written]);
        for want in &read {
            outcome.theirs.extend(b.wanted(want).filter_map(|slot| b.key(slot).cloned()));
        }
        outcome.want_bytes += len;
        wants = &wants[written..];
    }
    outcome
}

fn send(random: &mut Random, network: Network, queue: &mut Vec<Vec<u8>>, message: &[u8], messages: &mut usize) {
    *messages += 1;
    if !random.chance(network.lost) {
        queue.push(message.to_vec());
        if random.chance(network.twice) {
            queue.push(message.to_vec());
        }
    }
}

fn receive(random: &mut Random, network: Network, queue: &mut Vec<Vec<u8>>) -> Option<Vec<u8>> {
    if queue.is_empty() || random.chance(network.late) {
        return None;
    }
    let at = if network.late > 0 { random.below(queue.len()) } else { 0 };
    Some(queue.remove(at))
}

/// The keys of `a` that `b` has not, or not in this version.
pub(crate) fn difference(a: &Set, b: &Set) -> BTreeSet<Key> {
    a.iter().filter(|(key, version)| b.get(*key) != Some(*version)).map(|(key, _)| key.clone()).collect()
}
