//! The committed inputs of every fuzz target, on every compiler.

use std::fs;
use std::path::{Path, PathBuf};

fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target);
    let mut inputs: Vec<PathBuf> =
        fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("an entry").path()).collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "the corpus of {target} is empty");
    for input in inputs {
        let bytes = fs::read(&input).expect("an input");
        let replayed = std::panic::catch_unwind(|| body(&bytes));
        assert!(replayed.is_ok(), "{}: see above", input.display());
    }
}

#[test]
fn config_stands_its_corpus() {
    replay("config", gossip_fuzz_bodies::config);
}

#[test]
fn crdt_stands_its_corpus() {
    replay("crdt", gossip_fuzz_bodies::crdt);
}

#[test]
fn decode_stands_its_corpus() {
    replay("decode", gossip_fuzz_bodies::decode);
}

#[test]
fn frames_stands_its_corpus() {
    replay("frames", gossip_fuzz_bodies::frames);
}

#[test]
fn identity_stands_its_corpus() {
    replay("identity", gossip_fuzz_bodies::identity);
}

#[test]
fn node_stands_its_corpus_and_does_the_same_twice() {
    replay("node", |input| assert_eq!(gossip_fuzz_bodies::node(input), gossip_fuzz_bodies::node(input)));
}

#[test]
fn reconcile_stands_its_corpus() {
    replay("reconcile", gossip_fuzz_bodies::reconcile);
}

#[test]
fn restore_stands_its_corpus() {
    replay("restore", gossip_fuzz_bodies::restore);
}

#[test]
fn scenario_stands_its_corpus() {
    replay("scenario", gossip_fuzz_bodies::scenario);
}
