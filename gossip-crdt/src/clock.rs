//! A hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", OPODIS 2014): it orders concurrent writes, and
//! nothing else.

use core::fmt;

/// A reading of the clock: Unix milliseconds in the upper 48 bits, a counter of what happened within one in the lower
/// 16. Stamps compare as numbers; of two equal ones the writer decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

impl Stamp {
    /// From its number.
    pub fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// As a number.
    pub fn to_u64(self) -> u64 {
        self.0
    }

    /// The time that it tells, in Unix milliseconds.
    pub fn unix_ms(self) -> u64 {
        self.0 >> 16
    }

    /// The first stamp of a millisecond; of the last that there is, in the year 10889, if it is later.
    fn at(unix_ms: u64) -> Self {
        Self(unix_ms.min((1 << 48) - 1) << 16)
    }
}

/// Somebody's clock is ahead of this one by more than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSkew {
    /// By how much, in milliseconds.
    pub ahead_ms: u64,
}

impl fmt::Display for ClockSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a clock is {} ms ahead", self.ahead_ms)
    }
}

/// The clock of one replica. The caller brings the time; it may jump and stand still.
///
/// A stamp that is further ahead than the limit is not refused, since what it belongs to may be causally later than
/// everything here: it is reported, and the clock follows it no further than the limit. So one wrong clock does not
/// carry all others along, and what is written after such a stamp was seen is decided by causality, not by stamps.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    last: Stamp,
    max_drift_ms: u64,
}

impl Clock {
    /// A clock that follows others at most so far beyond the time it is told.
    pub fn new(max_drift_ms: u64) -> Self {
        Self { last: Stamp::default(), max_drift_ms }
    }

    /// A stamp for a write: later than all that were given out, and than all seen within the limit.
    pub fn stamp(&mut self, now_ms: u64) -> Stamp {
        self.last = Stamp(self.last.0.saturating_add(1)).max(Stamp::at(now_ms));
        self.last
    }

    /// A stamp that somebody else gave.
    ///
    /// # Errors
    /// If it is ahead of `now_ms` by more than the limit.
    pub fn observe(&mut self, now_ms: u64, stamp: Stamp) -> Result<(), ClockSkew> {
        let limit = now_ms.saturating_add(self.max_drift_ms);
        if stamp.unix_ms() > limit {
            self.last = self.last.max(Stamp::at(limit));
            return Err(ClockSkew { ahead_ms: stamp.unix_ms() - now_ms });
        }
        self.last = self.last.max(stamp);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_ascend_when_the_time_stands_still_or_goes_back() {
        let mut clock = Clock::new(500);
        let stamps = [1000, 1000, 900, 0, 1001].map(|now| clock.stamp(now));
        assert!(stamps.is_sorted_by(|a, b| a < b));
        assert_eq!(stamps[4].unix_ms(), 1001);
    }

    #[test]
    fn what_is_written_after_a_stamp_was_seen_is_later() {
        let (mut a, mut b) = (Clock::new(500), Clock::new(500));
        let ahead = a.stamp(1400);
        assert_eq!(b.observe(1000, ahead), Ok(()));
        assert!(b.stamp(1000) > ahead);
    }

    #[test]
    fn a_clock_that_is_far_ahead_is_reported_and_not_followed() {
        let mut clock = Clock::new(500);
        let far = Stamp::at(600_000);
        assert_eq!(clock.observe(1000, far), Err(ClockSkew { ahead_ms: 599_000 }));
        assert_eq!(clock.stamp(1000).unix_ms(), 1500);
    }

    #[test]
    fn no_time_is_too_late() {
        let mut clock = Clock::new(u64::MAX);
        _ = clock.observe(u64::MAX, Stamp::from_u64(u64::MAX));
        assert_eq!(clock.stamp(u64::MAX), Stamp::from_u64(u64::MAX));
    }
}
