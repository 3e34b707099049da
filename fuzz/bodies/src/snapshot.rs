//! Snapshots that are not quite what a node wrote.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use crate::input::Input;

/// Makes the checksum fit.
pub(crate) fn seal(snapshot: &mut [u8]) {
    let Some((content, sum)) = snapshot.split_last_chunk_mut::<8>() else { return };
    let mut hasher = SipHasher24::new();
    hasher.write(content);
    *sum = hasher.finish().to_be_bytes();
}

/// Up to three changes; then the checksum fits again, or not.
pub(crate) fn mutate(snapshot: &mut Vec<u8>, input: &mut Input<'_>) {
    for _ in 0..input.below(4) {
        let at = input.u32() as usize % (snapshot.len() + 1);
        match input.below(5) {
            0 => snapshot.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << input.below(8)),
            1 => snapshot.get_mut(at).into_iter().for_each(|byte| *byte = input.byte()),
            2 => _ = snapshot.splice(at..at, input.bytes(255).iter().copied()),
            3 => {
                let end = snapshot.len().min(at + usize::from(input.byte()));
                snapshot.drain(at..end);
            }
            _ => {
                // What stands there stands there twice.
                let end = snapshot.len().min(at + usize::from(input.byte()));
                snapshot.extend_from_within(at..end);
                let len = snapshot.len();
                snapshot[at..].rotate_right((end - at).min(len - at));
            }
        }
    }
    if input.flag() {
        seal(snapshot);
    }
}
