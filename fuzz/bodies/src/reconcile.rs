//! Two sets, any bytes as messages between them, and a comparison over a network that loses.

use std::collections::{BTreeMap, BTreeSet};

use gossip_reconcile::{HashKey, Index, Session, Want};

use crate::input::Input;

type Set = BTreeMap<Vec<u8>, u8>;

/// Takes two sets from the input; then, as it says, gives each side bytes for messages, or compares them and loses some
/// messages.
///
/// # Panics
/// If a comparison does not find what differs, or finds more, or what is written is read as something else.
pub fn reconcile(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (a, b) = sets(&mut input);
    let [left, right] = [&a, &b].map(|set| {
        let mut index = Index::with_cells(HashKey::new([7; 16]), 64);
        set.iter().for_each(|(key, version)| _ = index.insert(key.clone(), &[*version]));
        index
    });
    if input.flag() {
        noise(&mut input, &left);
        return;
    }
    let (ours, wants) = compare(&mut input, &left, &right);
    let theirs = exchange(&wants, &right);
    // Two keys with one hash are found together. Two versions that look alike are beyond what an input can aim at.
    for (found, missing) in [(ours, missing(&a, &b)), (theirs, missing(&b, &a))] {
        assert!(found.is_superset(&missing) && found.len() <= missing.len() + 2, "{found:?}, not {missing:?}");
    }
}

/// Up to 255 common keys with a common beginning, and changes of either side.
fn sets(input: &mut Input<'_>) -> (Set, Set) {
    let (start, common) = (input.bytes(150), input.byte());
    let key = |number: u8| [start, &[number.wrapping_mul(77), number]].concat();
    let mut sides = [(); 2].map(|()| (0..common).map(|number| (key(number), 0)).collect::<Set>());
    for _ in 0..input.below(64) {
        let (side, number) = (&mut sides[input.below(2)], input.byte());
        match input.below(3) {
            0 => _ = side.remove(&key(number)),
            1 => _ = side.insert(input.bytes(20).to_vec(), number),
            _ => _ = side.insert(key(number), input.byte()),
        }
    }
    let [a, b] = sides;
    (a, b)
}

fn missing(from: &Set, at: &Set) -> BTreeSet<Vec<u8>> {
    from.iter().filter(|(key, version)| at.get(*key) != Some(*version)).map(|(key, _)| key.clone()).collect()
}

fn noise(input: &mut Input<'_>, index: &Index<Vec<u8>>) {
    let mut session = Session::new(input.u32());
    let mut buf = [0; 508];
    while !input.is_empty() {
        _ = session.poll_question(index, &mut buf);
        let message = input.bytes(255);
        if let Ok(len) = index.answer(message, &mut buf) {
            assert!(len <= buf.len());
        }
        if let Ok(wants) = Want::read(message) {
            let (written, len) = Want::write(&wants, &mut buf);
            assert_eq!(Want::read(&buf[..len]).as_deref(), Ok(&wants[..written]), "written and read");
        }
        _ = session.handle_answer(index, message);
        while let Some(found) = session.poll_found() {
            let wants = index.wants(&found);
            assert!(wants.iter().all(|want| index.wanted(want).count() <= index.len()));
        }
    }
}

fn compare(input: &mut Input<'_>, left: &Index<Vec<u8>>, right: &Index<Vec<u8>>) -> (BTreeSet<Vec<u8>>, Vec<Want>) {
    let mut session = Session::new(input.u32());
    let (mut question, mut answer) = ([0; 508], [0; 508]);
    let (mut ours, mut wants) = (BTreeSet::new(), Vec::new());
    let mut late = Vec::new();
    for _ in 0..10_000 {
        if session.is_done() {
            return (ours, wants);
        }
        let Some(asked) = session.poll_question(left, &mut question) else {
            session.retry();
            continue;
        };
        let answered = right.answer(&question[..asked], &mut answer).expect("a session asks well");
        // When the input is used up, nothing is lost.
        match input.below(4) {
            1 => {}
            2 => late.push(answer[..answered].to_vec()),
            _ => session.handle_answer(left, &answer[..answered]).expect("an index answers well"),
        }
        if input.below(4) == 1 && !late.is_empty() {
            session.handle_answer(left, &late.remove(0)).expect("an index answers well");
        }
        while let Some(found) = session.poll_found() {
            ours.extend(left.ours(&found).filter_map(|slot| left.key(slot).cloned()));
            wants.extend(left.wants(&found));
        }
    }
    panic!("a comparison comes to an end");
}

fn exchange(mut wants: &[Want], right: &Index<Vec<u8>>) -> BTreeSet<Vec<u8>> {
    let mut theirs = BTreeSet::new();
    let mut buf = [0; 508];
    while !wants.is_empty() {
        let (written, len) = Want::write(wants, &mut buf);
        assert!(written > 0, "room for one");
        for want in Want::read(&buf[..len]).expect("what was written") {
            theirs.extend(right.wanted(&want).filter_map(|slot| right.key(slot).cloned()));
        }
        wants = &wants[written..];
    }
    theirs
}
