//! How fast a peer may send.

use std::time::{Duration, Instant};

/// A token bucket that holds a second's worth. What was read may overdraw it; the next read waits.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Bytes per second, 1 at least.
    rate: u64,
    /// Bytes that may be read, or that were read too many.
    tokens: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn new(rate: u64, now: Instant) -> Self {
        let rate = rate.max(1);
        Self { rate, tokens: rate as f64, at: now }
    }

    /// So many bytes were read; how long to wait before the next.
    pub(super) fn spend(&mut self, now: Instant, bytes: usize) -> Duration {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * self.rate as f64;
        self.at = self.at.max(now);
        self.tokens = (self.tokens + earned).min(self.rate as f64) - bytes as f64;
        if self.tokens >= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(-self.tokens / self.rate as f64).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_used_up_a_second_s_worth_waits_for_more() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1000, start);
        assert_eq!(bucket.spend(start, 1000), Duration::ZERO);
        assert_eq!(bucket.spend(start, 500), Duration::from_millis(500));
        assert_eq!(bucket.spend(start + Duration::from_secs(1), 500), Duration::ZERO);
        assert_eq!(bucket.spend(start + Duration::from_secs(100), 1001), Duration::from_millis(1));
    }
}
