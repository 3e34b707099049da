//! The same for others, used as their documentation does: negentropy, riblt, merkle-search-tree.

use merkle_search_tree::MerkleSearchTree;
use merkle_search_tree::diff::diff;
use negentropy::{Id, Negentropy, NegentropyStorageVector};
use riblt::{RatelessIBLT, Symbol};

use super::merkle::hash;
use super::{Cost, Key, Set};

/// What negentropy keeps: ids of 32 bytes, here of a key and the hash of its version, so that the ids are in the order of
/// the keys.
///
/// # Panics
/// If it does not take them.
pub fn negentropy(set: &Set) -> NegentropyStorageVector {
    let mut storage = NegentropyStorageVector::with_capacity(set.len());
    for (key, version) in set {
        let mut id = [0; 32];
        id[..16].copy_from_slice(key);
        id[16..24].copy_from_slice(&hash(key, *version).to_be_bytes());
        storage.insert(0, Id::from_byte_array(id)).expect("an item");
    }
    storage.seal().expect("all are there");
    storage
}

/// Compares by negentropy, in frames of at most `frame` bytes; 0: of any length.
///
/// # Panics
/// If one side does not understand the other.
pub fn compare_negentropy(frame: u64, a: &NegentropyStorageVector, b: &NegentropyStorageVector) -> Cost {
    let mut client = Negentropy::borrowed(a, frame).expect("a client");
    let mut server = Negentropy::borrowed(b, frame).expect("a server");
    let (mut have, mut need) = (Vec::new(), Vec::new());
    let mut cost = Cost::default();
    let mut question = Some(client.initiate().expect("a first question"));
    while let Some(asked) = question {
        let answer = server.reconcile(&asked).expect("an answer");
        cost.bytes += asked.len() + answer.len();
        cost.asked += asked.len();
        cost.messages += 2;
        question = client.reconcile_with_ids(&answer, &mut have, &mut need).expect("a next question");
    }
    cost.wants = need.len() * 32;
    cost
}

/// An element for riblt: eight bytes.
#[derive(Clone, Debug)]
pub struct Element(u64);

impl Symbol for Element {
    const BYTE_ARRAY_LENGTH: usize = 8;

    fn encode_to_bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn decode_from_bytes(bytes: &Vec<u8>) -> Self {
        Self(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

/// Compares by riblt: the fewest coded symbols that can be peeled, each of a sum of 8 bytes, a hash of 8, and a count
/// of 1.
///
/// # Panics
/// If it never comes to an end.
pub fn compare_riblt(differ: usize, a: &Set, b: &Set) -> Cost {
    let elements = |set: &Set| set.iter().map(|(key, version)| Element(hash(key, *version))).collect::<Vec<_>>();
    let (mut a, mut b) = (RatelessIBLT::new(elements(a)), RatelessIBLT::new(elements(b)));
    let mut symbols = differ.max(1);
    loop {
        a.extend_coded_symbols(symbols - 1);
        b.extend_coded_symbols(symbols - 1);
        let mut difference = riblt::UnmanagedRatelessIBLT::<Element>::new();
        for at in 0..symbols {
            difference.add_coded_symbol(&a.get_coded_symbol(at).collapse(&b.get_coded_symbol(at)));
        }
        _ = difference.peel_all_symbols();
        if difference.is_empty() {
            return Cost { bytes: symbols * 17, asked: 0, wants: differ * 8, messages: 2 };
        }
        symbols += 1 + symbols / 50;
        assert!(symbols < 10 * differ + 100);
    }
}

/// A Merkle search tree of a set.
pub fn merkle_search_tree(set: &Set) -> MerkleSearchTree<Key, u64> {
    let mut tree = MerkleSearchTree::default();
    for (key, version) in set {
        tree.upsert(*key, version);
    }
    _ = tree.root_hash();
    tree
}

/// Compares Merkle search trees: root hashes, all page ranges (two keys and a hash of 16 bytes each), the ranges that
/// differ, and the keys in them with hashes of 8 bytes.
///
/// # Panics
/// If a tree was changed since its root hash was asked for.
pub fn compare_merkle_search_tree(a: &MerkleSearchTree<Key, u64>, b: &MerkleSearchTree<Key, u64>, set: &Set) -> Cost {
    let mut cost = Cost { bytes: 16, asked: 0, wants: 0, messages: 1 };
    if a.root_hash_cached() == b.root_hash_cached() {
        return cost;
    }
    let [ours, theirs] = [a, b].map(|tree| tree.serialise_page_ranges().expect("the hashes are made"));
    cost.bytes += theirs.len() * 48;
    let ranges = diff(ours, theirs);
    cost.asked = ranges.len() * 32;
    cost.bytes +=
        cost.asked + ranges.iter().map(|range| set.range(*range.start()..=*range.end()).count() * 24).sum::<usize>();
    cost.messages = 4;
    cost
}
