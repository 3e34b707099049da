//! Bytes as hexadecimal digits, two for each: how JSON holds what is no text.

use std::fmt::Write as _;

pub(crate) fn write(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // A string takes whatever is written to it.
        _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// The bytes; none if that is no pairs of digits.
pub(crate) fn read(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some((digit(high)? << 4 | digit(low)?) as u8);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_their_digits() {
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(read(&write(&bytes)), Some(bytes));
        assert_eq!((write(&[0, 255, 127]).as_str(), read("00fF")), ("00ff7f", Some(vec![0, 255])));
        assert_eq!(["0", "+1", "0x", "\u{e4}"].map(read), [None, None, None, None]);
    }
}
