//! `max_bytes_per_second`: a token bucket that holds a second's worth.

use core::time::Duration;

use crate::time::Instant;

#[derive(Debug)]
pub(crate) struct Pacing {
    /// Bytes per second; zero: no limit.
    rate: u64,
    /// Millionths of a byte that may be sent. A packet may overdraw it; the next one waits.
    tokens: i128,
    at: Instant,
}

impl Pacing {
    pub(crate) fn new(now: Instant, rate: u64) -> Self {
        Self { rate, tokens: i128::from(rate) * 1_000_000, at: now }
    }

    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        if self.rate == 0 {
            return true;
        }
        let earned = now.since(self.at).as_micros() as i128 * i128::from(self.rate);
        self.tokens = (self.tokens + earned).min(i128::from(self.rate) * 1_000_000);
        self.at = self.at.max(now);
        self.tokens > 0
    }

    /// Whether that was the moment from which all that is not urgent has to wait.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        let before = self.is_short();
        if self.rate > 0 {
            self.tokens -= bytes as i128 * 1_000_000;
        }
        !before && self.is_short()
    }

    /// Whether less than half a second's worth is left.
    pub(crate) fn is_short(&self) -> bool {
        self.rate > 0 && self.tokens < i128::from(self.rate) * 500_000
    }

    /// When sending goes on, if it has to wait.
    pub(crate) fn poll_timeout(&self, urgent: bool) -> Option<Instant> {
        let waits = if urgent { self.rate > 0 && self.tokens <= 0 } else { self.is_short() };
        if !waits {
            return None;
        }
        let enough = if urgent { 0 } else { i128::from(self.rate) * 500_000 };
        let micros = (enough - self.tokens) / i128::from(self.rate) + 1;
        Some(self.at + Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sending_waits_until_the_rate_has_caught_up() {
        let mut pacing = Pacing::new(Instant::ZERO, 1000);
        assert!(!pacing.is_short());
        assert!(pacing.spend(1500) && pacing.is_short());
        assert!(!pacing.allows(Instant::ZERO));
        let on = pacing.poll_timeout(true).unwrap();
        assert!((500_000..500_010).contains(&on.as_micros()), "{on:?}");
        assert!(pacing.allows(on) && pacing.is_short());
        assert_eq!(pacing.poll_timeout(true), None);
        let rest = pacing.poll_timeout(false).unwrap();
        assert!(pacing.allows(rest) && !pacing.is_short());
    }

    #[test]
    fn no_rate_is_no_limit() {
        let mut pacing = Pacing::new(Instant::ZERO, 0);
        assert!(!pacing.spend(1 << 40) && !pacing.is_short());
        assert!(pacing.allows(Instant::ZERO));
        assert_eq!(pacing.poll_timeout(false), None);
    }
}
