//! How long an answer takes: RFC 6298 §2, for each member, and over all for those not measured yet.

use core::time::Duration;

use crate::config::MembershipConfig;

const UNIT_MICROS: u128 = 64;

/// A smoothed round trip and its variation, in units of 64 µs up to 4 s; nothing measured yet while both are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RoundTrip {
    smoothed: u16,
    variation: u16,
}

impl RoundTrip {
    /// Takes in a round trip. Only fresh answers may be given: one outlier of some seconds, from a member that reads
    /// late, would hide failures for minutes.
    pub(super) fn sample(&mut self, rtt: Duration) {
        let rtt = u16::try_from(rtt.as_micros() / UNIT_MICROS).unwrap_or(u16::MAX).max(1);
        if self.smoothed == 0 {
            // Twice what the RFC begins with: the second sample must not find the first one's bounds too narrow.
            (self.smoothed, self.variation) = (rtt, rtt);
        } else {
            // Rounded, so that a long row of the same sample arrives at it.
            let mean =
                |old: u16, new: u16, of: u32| ((u32::from(old) * (of - 1) + u32::from(new) + of / 2) / of) as u16;
            self.variation = mean(self.variation, self.smoothed.abs_diff(rtt), 4);
            self.smoothed = mean(self.smoothed, rtt, 8);
        }
    }

    /// What was measured, smoothed.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        (self.smoothed > 0).then(|| Duration::from_micros(u64::from(self.smoothed) * UNIT_MICROS as u64))
    }

    /// How long to wait for an answer of a member whose round trip this is, or, if it was not measured yet, one of `all`.
    pub(super) fn timeout(&self, all: &Self, config: &MembershipConfig) -> Duration {
        let measured = if self.smoothed > 0 { self } else { all };
        if measured.smoothed == 0 {
            return config.probe_timeout;
        }
        let units = u64::from(measured.smoothed) + 4 * u64::from(measured.variation);
        let timeout = Duration::from_micros(units * UNIT_MICROS as u64);
        // A quarter at least: a scheduler's delay is no loss.
        timeout.clamp(config.probe_timeout / 4, config.probe_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_follows_the_round_trip_within_its_bounds() {
        let config = MembershipConfig::default();
        let all = RoundTrip::default();
        let mut rtt = RoundTrip::default();
        assert_eq!(rtt.timeout(&all, &config), config.probe_timeout);
        (0..50).for_each(|_| rtt.sample(Duration::from_millis(1)));
        assert_eq!(rtt.timeout(&all, &config), config.probe_timeout / 4);
        (0..50).for_each(|_| rtt.sample(Duration::from_millis(200)));
        assert!((Duration::from_millis(200)..config.probe_timeout).contains(&rtt.timeout(&all, &config)));
        (0..50).for_each(|_| rtt.sample(Duration::from_secs(9)));
        assert_eq!(rtt.timeout(&all, &config), config.probe_timeout);
    }

    #[test]
    fn a_member_that_was_not_measured_is_waited_for_as_long_as_the_others() {
        let config = MembershipConfig::default();
        let mut all = RoundTrip::default();
        (0..50).for_each(|_| all.sample(Duration::from_millis(150)));
        assert_eq!(RoundTrip::default().timeout(&all, &config), all.timeout(&all, &config));
    }
}
