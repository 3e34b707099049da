//! Any bytes as replicated values.

use gossip_crdt::{
    AddWinsSet, Causal, Change, Codec, Context, Counter, Keyed, OrMap, Register, RemoveWinsSet, Sketch, Value,
};

/// Reads the two halves of the input as replicas of one value, of each type, joins them and writes them again.
///
/// # Panics
/// If a value has two encodings, or if what a join leaves cannot be read.
pub fn crdt(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let (left, right) = rest.split_at(rest.len() / 2);
    match kind % 7 {
        0 => value::<Register<u64, Vec<u8>>>(left, right),
        1 => value::<Counter<u64>>(left, right),
        2 => value::<AddWinsSet<u64, String>>(left, right),
        3 => value::<RemoveWinsSet<u64, u64>>(left, right),
        4 => value::<Sketch<u64>>(left, right),
        5 => value::<OrMap<u64, u64, OrMap<u64, u64, Counter<u64>>>>(left, right),
        _ => change(left, right),
    }
}

/// The halves as what is known of a key, and as what somebody changed of it.
fn change(left: &[u8], right: &[u8]) {
    let read = |bytes: &[u8]| {
        let key = Keyed::<u64, u64, u64>::from_bytes(bytes).ok()?;
        assert_eq!(key.to_bytes(), bytes, "one encoding");
        Some(key)
    };
    let (Some(mut key), Ok(change)) = (read(left), Change::<u64, u64>::from_bytes(right)) else { return };
    assert_eq!(change.to_bytes(), right, "one encoding");
    if let Some(whole) = change.complete(&key) {
        key.join(&Context::new(), &whole);
        assert_eq!(Keyed::from_bytes(&key.to_bytes()), Ok(key), "read as it was written");
    }
}

fn value<V: Value<u64>>(left: &[u8], right: &[u8]) {
    let read = |bytes: &[u8]| {
        let value = Causal::<u64, V>::from_bytes(bytes).ok()?;
        assert_eq!(value.to_bytes(), bytes, "one encoding");
        Some(value)
    };
    let (Some(mut left), Some(mut right)) = (read(left), read(right)) else { return };
    let delta = left.delta(right.context());
    right.join(&left);
    left.join(&delta);
    left.write(7, |value, pen| value.reset(pen));
    right.join(&left);
    for value in [&left, &right, &delta] {
        assert_eq!(Causal::from_bytes(&value.to_bytes()).as_ref(), Ok(value), "read as it was written");
    }
}
