//! What a node's clocks show: the time that all share, and the jumps of its own.

use gossip_core::Instant;

use crate::scenario::spec::Jump;

/// The jumps of a node's clocks so far, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    monotonic: i64,
    wall: i64,
}

impl Clock {
    pub(super) fn jump(&mut self, jump: Jump) {
        match jump {
            Jump::Wall(micros) => self.wall = self.wall.saturating_add(micros),
            Jump::Monotonic(micros) => self.monotonic = self.monotonic.saturating_add(micros),
        }
    }

    /// The `now` that the node is given.
    pub(super) fn now(&self, shared: Instant) -> Instant {
        shift(shared, self.monotonic)
    }

    /// The Unix time in milliseconds that the node is given.
    pub(super) fn wall(&self, shared: u64) -> u64 {
        shared.saturating_add_signed(self.wall / 1000)
    }

    /// When in the time that all share the node's clock shows an instant.
    pub(super) fn shared(&self, instant: Instant) -> Instant {
        shift(instant, self.monotonic.saturating_neg())
    }
}

fn shift(instant: Instant, by: i64) -> Instant {
    Instant::from_micros(instant.as_micros().saturating_add_signed(by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_add_up_and_leave_the_other_clock_alone() {
        let mut clock = Clock::default();
        clock.jump(Jump::Monotonic(3_600_000_000));
        clock.jump(Jump::Monotonic(-600_000_000));
        clock.jump(Jump::Wall(-5_000_000));
        let minute = Instant::from_micros(60_000_000);
        assert_eq!(clock.now(minute), Instant::from_micros(3_060_000_000));
        assert_eq!(clock.shared(clock.now(minute)), minute);
        assert_eq!(clock.wall(60_000), 55_000);
    }
}
