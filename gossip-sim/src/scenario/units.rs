//! Values with units, as people write them.

use std::time::Duration;

const DURATIONS: [(&str, u64); 5] =
    [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000)];
const RATES: [(&str, u64); 4] = [("bit/s", 1), ("kbit/s", 1_000), ("Mbit/s", 1_000_000), ("Gbit/s", 1_000_000_000)];

/// The longest virtual time that a scenario may name: a hundred days.
const LONGEST_US: u64 = 100 * 24 * 3_600_000_000;

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match with_unit(text, &DURATIONS) {
        Some(micros) if micros <= LONGEST_US => Ok(Duration::from_micros(micros)),
        Some(_) => Err(format!("`{text}` is longer than a hundred days")),
        None => Err(format!("`{text}` is no duration: write a whole number and us, ms, s, m or h, such as \"400ms\"")),
    }
}

/// A duration with a sign, in microseconds.
pub(super) fn jump(text: &str) -> Result<i64, String> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let micros = duration(unsigned)?.as_micros();
    Ok(sign * i64::try_from(micros).unwrap_or(i64::MAX))
}

/// Bits per second.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    match with_unit(text, &RATES) {
        Some(bits) if bits > 0 => Ok(bits),
        _ => Err(format!(
            "`{text}` is no rate: write a whole number and bit/s, kbit/s, Mbit/s or Gbit/s, such as \"10Mbit/s\""
        )),
    }
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, size) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_time_is_read() {
        for (text, micros) in
            [("7us", 7), ("5ms", 5_000), ("120s", 120_000_000), ("10m", 600_000_000), ("1 h", 3_600_000_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_micros(micros)), "{text}");
        }
    }

    #[test]
    fn a_missing_or_unknown_unit_is_an_error() {
        for text in ["5", "", "s", "-1s", "1.5s", "5 parsecs", "99999999999999999999s", "9999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["10", "0bit/s", "10MB/s", "10mbit/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_jump_goes_forward_or_back() {
        assert_eq!(jump("+10m"), Ok(600_000_000));
        assert_eq!(jump("1h"), Ok(3_600_000_000));
        assert_eq!(jump("-5s"), Ok(-5_000_000));
        assert!(jump("--5s").is_err() && jump("+").is_err());
    }

    #[test]
    fn a_rate_is_in_bits_per_second() {
        assert_eq!(rate("10Mbit/s"), Ok(10_000_000));
    }
}
