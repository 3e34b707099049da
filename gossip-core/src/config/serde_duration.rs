//! Durations as people write them: `"400ms"`, `"1s"`, `"5m"`, `"24h"`; a whole number and a unit.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

const UNITS: [(&str, u64); 5] = [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000)];

pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let whole = |(_, size): &&(&str, u64)| micros % size == 0;
    let (unit, size) = UNITS.iter().rev().find(whole).unwrap_or(&UNITS[0]);
    serializer.collect_str(&format_args!("{}{unit}", micros / size))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is no duration: write a whole number and us, ms, s, m or h, such as \"400ms\""
        ))
    })
}

fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, size) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*size).map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_is_a_duration() {
        assert_eq!(parse("400ms"), Some(Duration::from_millis(400)));
        assert_eq!(parse("24h"), Some(Duration::from_secs(86_400)));
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["", "5", "s", "-1s", "1.5s", "5 parsecs", "99999999999999999999s", "18446744073709551615h"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
