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
fn node_stands_its_corpus() {
    replay("node", gossip_fuzz_bodies::node);
}
