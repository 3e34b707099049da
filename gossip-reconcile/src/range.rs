//! Ranges of keys, by bounds that are as short as will do.

use alloc::vec::Vec;

/// The keys from `low` on and before `high`, compared as bytes; without `high`, to the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRange {
    /// The lowest key that is in it, or may be.
    pub low: Vec<u8>,
    /// The lowest key above that is not.
    pub high: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys.
    pub fn all() -> Self {
        Self::default()
    }

    /// Whether the upper bound is above the lower one.
    pub(crate) fn is_valid(&self) -> bool {
        self.high.as_ref().is_none_or(|high| *high > self.low)
    }
}

/// The longest bound that is used to split a range: keys that are equal up to here stay together.
pub(crate) const BOUND_BYTES: usize = 128;

/// The shortest bytes that are above one key and not above the next; none if that takes too many.
pub(crate) fn separator<'a>(before: &[u8], next: &'a [u8]) -> Option<&'a [u8]> {
    let shared = before.iter().zip(next).take_while(|(a, b)| a == b).count();
    next.get(..shared + 1).filter(|bound| bound.len() <= BOUND_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separator_is_the_shortest_there_is() {
        assert_eq!(separator(b"apple", b"axis"), Some(&b"ax"[..]));
        assert_eq!(separator(b"a", b"apple"), Some(&b"ap"[..]));
        let long = [7; 200];
        assert_eq!(separator(&long[..199], &long), None);
    }
}
