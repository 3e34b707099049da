//! The hybrid logical clock (Kulkarni et al., OPODIS 2014): 48 bits of Unix milliseconds, 16 bits of counter.

/// A stamp further ahead of this node's wall clock than this, in milliseconds, does not move its clock.
const MAX_DRIFT_MS: u64 = 60_000;

#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: u64,
}

impl Clock {
    /// A stamp above all that this clock gave or saw, and above `than`.
    pub(crate) fn above(&mut self, unix_ms: u64, than: u64) -> u64 {
        self.last = (unix_ms << 16).max(self.last.saturating_add(1));
        // What a write overwrites it has seen: it comes after it, however far ahead that one's clock was.
        self.last.max(than.saturating_add(1))
    }

    /// Another's stamp was seen.
    pub(crate) fn observe(&mut self, unix_ms: u64, stamp: u64) {
        if stamp >> 16 <= unix_ms.saturating_add(MAX_DRIFT_MS) {
            self.last = self.last.max(stamp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_grow_even_if_the_wall_clock_goes_back() {
        let mut clock = Clock::default();
        let first = clock.above(1000, 0);
        let second = clock.above(900, 0);
        assert!(second > first);
    }

    #[test]
    fn a_write_comes_after_what_it_saw() {
        let mut clock = Clock::default();
        clock.observe(1000, 1500 << 16);
        assert!(clock.above(1000, 0) > 1500 << 16);
    }

    #[test]
    fn a_stamp_from_far_ahead_moves_only_the_write_that_replaces_it() {
        let mut clock = Clock::default();
        let ahead = 10_000_000 << 16;
        clock.observe(1000, ahead);
        assert!(clock.above(1000, ahead) > ahead);
        assert!(clock.above(1000, 0) < ahead);
    }
}
