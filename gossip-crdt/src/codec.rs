//! Values as bytes: each value has one encoding, and any other bytes are an error.
//!
//! ```text
//! number    LEB128 in its shortest form; signed: 0, -1, 1, -2 ... as 0, 1, 2, 3
//! bytes     their number, and themselves
//! dots      number of dots, then each ascending: writer, counter, what was written
//! map       number of keys, then each ascending: key, value
//! context   number of writers, then each ascending: writer, number of runs, then each:
//!           unseen counters before it less one (of the first: before it), counters less one
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use gossip_collections::BTreeMap;

/// Why bytes are no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// They end inside a field.
    Truncated,
    /// Bytes are left over.
    TrailingBytes,
    /// Something is not written in its one canonical form: not the shortest, not ascending, or empty where it would be
    /// left out.
    NonCanonical,
    /// A number is outside its range.
    OutOfRange,
    /// Maps stand in maps more than [`MAX_DEPTH`] deep.
    TooDeep,
}

/// So many maps may stand in each other.
pub const MAX_DEPTH: u8 = 8;

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "it ends inside a field",
            Self::TrailingBytes => "bytes are left over after the last field",
            Self::NonCanonical => "it is not in its canonical form",
            Self::OutOfRange => "a number is outside its range",
            Self::TooDeep => "maps stand in maps too deep",
        })
    }
}

impl core::error::Error for DecodeError {}

/// What can be written as bytes and read again. An encoding is never empty.
pub trait Codec: Sized {
    /// Hands the bytes out, piece by piece.
    fn encode(&self, to: &mut dyn FnMut(&[u8]));

    /// Reads from the front.
    ///
    /// # Errors
    /// If the bytes there are no encoding.
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// How many bytes it takes.
    fn size(&self) -> usize {
        let mut size = 0;
        self.encode(&mut |bytes| size += bytes.len());
        size
    }

    /// All bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        self.encode(&mut |bytes| all.extend_from_slice(bytes));
        all
    }

    /// Reads all bytes. The memory that it takes is bounded by their number.
    ///
    /// # Errors
    /// If they are not one encoding and nothing else.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let value = Self::decode(&mut from)?;
        if from.0.is_empty() { Ok(value) } else { Err(DecodeError::TrailingBytes) }
    }
}

/// Bytes that are read from the front.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8], #[cfg_attr(not(feature = "values"), expect(dead_code, reason = "no value nests"))] u8);

impl<'a> Reader<'a> {
    /// From these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes, 0)
    }

    /// The next bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Reads what stands one level deeper.
    #[cfg(feature = "values")]
    pub(crate) fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.1 == MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        self.1 += 1;
        let value = read(self);
        self.1 -= 1;
        value
    }

    pub(crate) fn counter(&mut self) -> Result<u64, DecodeError> {
        u64::decode(self).and_then(|counter| if counter == 0 { Err(DecodeError::OutOfRange) } else { Ok(counter) })
    }
}

impl Codec for u64 {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        let mut left = *self;
        while left >= 0x80 {
            to(&[left as u8 | 0x80]);
            left >>= 7;
        }
        to(&[left as u8]);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = from.bytes(1)?[0];
            let bits = Self::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError::OutOfRange);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { Err(DecodeError::NonCanonical) } else { Ok(value) };
            }
        }
        Err(DecodeError::OutOfRange)
    }
}

impl Codec for i64 {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        (((*self << 1) ^ (*self >> 63)) as u64).encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        u64::decode(from).map(|number| (number >> 1) as Self ^ -((number & 1) as Self))
    }
}

impl Codec for Vec<u8> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        (self.len() as u64).encode(to);
        to(self);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = usize::try_from(u64::decode(from)?).map_err(|_| DecodeError::Truncated)?;
        from.bytes(len).map(<[u8]>::to_vec)
    }
}

impl Codec for String {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        (self.len() as u64).encode(to);
        to(self.as_bytes());
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::from_utf8(Vec::decode(from)?).map_err(|_| DecodeError::OutOfRange)
    }
}

#[cfg(feature = "values")]
pub(crate) fn write_map<K: Codec, V: Codec>(map: &BTreeMap<K, V>, to: &mut dyn FnMut(&[u8])) {
    (map.len() as u64).encode(to);
    for (key, value) in map {
        key.encode(to);
        value.encode(to);
    }
}

pub(crate) fn read_map<K: Codec + Ord, V>(
    from: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<V, DecodeError>,
) -> Result<BTreeMap<K, V>, DecodeError> {
    let mut map = BTreeMap::new();
    for _ in 0..u64::decode(from)? {
        let key = K::decode(from)?;
        if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(DecodeError::NonCanonical);
        }
        let value = read(from)?;
        map.insert(key, value);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        for number in [0, 1, 127, 128, 300, u64::MAX >> 1, u64::MAX] {
            assert_eq!(u64::from_bytes(&number.to_bytes()), Ok(number));
            assert_eq!(number.size(), number.to_bytes().len());
            let signed = number as i64;
            assert_eq!(i64::from_bytes(&signed.to_bytes()), Ok(signed));
        }
        assert_eq!(
            [0_i64, -1, 1, -2].map(|number| number.to_bytes()),
            [[0], [1], [2], [3]].map(|bytes| bytes.to_vec())
        );
    }

    #[test]
    fn a_number_has_one_encoding() {
        assert_eq!(u64::from_bytes(&[0x80, 0]), Err(DecodeError::NonCanonical));
        assert_eq!(u64::from_bytes(&[0xff; 10]), Err(DecodeError::OutOfRange));
        assert_eq!(u64::from_bytes(&[0x80]), Err(DecodeError::Truncated));
        assert_eq!(u64::from_bytes(&[1, 1]), Err(DecodeError::TrailingBytes));
    }

    #[test]
    fn a_length_beyond_the_end_takes_no_memory() {
        assert_eq!(Vec::from_bytes(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]), Err(DecodeError::Truncated));
        assert_eq!(String::from_bytes(&[1, 0xff]), Err(DecodeError::OutOfRange));
    }
}
