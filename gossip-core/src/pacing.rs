//! `max_bytes_per_second`: a token bucket that holds a second's worth.

use core::time::Duration;

use crate::time::Instant;

/// A rate above this, some terabytes a second, limits nothing: it is taken for this one.
const MAX_RATE: u64 = i64::MAX as u64 / (2 * BYTE as u64);
/// What a byte costs.
const BYTE: i64 = 1_000_000;

#[derive(Debug)]
pub(crate) struct Pacing {
    /// Bytes per second; zero: no limit.
    rate: i64,
    /// Millionths of a byte that may be sent. A packet may overdraw it; the next one waits.
    tokens: i64,
    at: Instant,
}

impl Pacing {
    pub(crate) fn new(now: Instant, rate: u64) -> Self {
        let rate = rate.min(MAX_RATE) as i64;
        Self { rate, tokens: rate * BYTE, at: now }
    }

    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        if self.rate == 0 {
            return true;
        }
        let micros = i64::try_from(now.as_micros().saturating_sub(self.at.as_micros())).unwrap_or(i64::MAX);
        self.tokens = self.tokens.saturating_add(micros.saturating_mul(self.rate)).min(self.rate * BYTE);
        self.at = self.at.max(now);
        self.tokens > 0
    }

    /// Whether that was the moment from which all that is not urgent has to wait.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        let before = self.is_short();
        if self.rate > 0 {
            self.tokens = self.tokens.saturating_sub((bytes as i64).saturating_mul(BYTE));
        }
        !before && self.is_short()
    }

    /// Whether less than half a second's worth is left.
    pub(crate) fn is_short(&self) -> bool {
        self.rate > 0 && self.tokens < self.rate * (BYTE / 2)
    }

    /// When sending goes on, if it has to wait.
    pub(crate) fn poll_timeout(&self, urgent: bool) -> Option<Instant> {
        let waits = if urgent { self.rate > 0 && self.tokens <= 0 } else { self.is_short() };
        if !waits {
            return None;
        }
        let enough = if urgent { 0 } else { self.rate * (BYTE / 2) };
        let micros = enough.saturating_sub(self.tokens) / self.rate + 1;
        Some(self.at + Duration::from_micros(micros.unsigned_abs()))
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
