//! Time as the caller tells it: `core` has no clock, and a state machine should not have one either.

use core::ops::Add;
use core::time::Duration;

/// A point in time: microseconds since an epoch that the caller chooses, the same for every call on one node.
///
/// Arithmetic saturates, so no value from the network or the configuration can overflow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The epoch.
    pub const ZERO: Self = Self(0);
    /// A moment that never comes.
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// The last moment that can be: deadlines lie after it, if they ever come.
    pub(crate) const LAST: Self = Self(u64::MAX - 1);

    /// The instant `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How much later this is than `earlier`; zero if it is not later.
    #[cfg_attr(not(feature = "fast"), inline(never))]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// The first of some deadlines.
#[cfg_attr(feature = "fast", inline)]
pub(crate) fn earliest<const N: usize>(deadlines: [Option<Instant>; N]) -> Option<Instant> {
    let first =
        deadlines.into_iter().fold(Instant::FAR_FUTURE, |first, at| first.min(at.unwrap_or(Instant::FAR_FUTURE)));
    (first < Instant::FAR_FUTURE).then_some(first)
}

impl Add<Duration> for Instant {
    type Output = Self;

    #[cfg_attr(not(feature = "fast"), inline(never))]
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// The process's monotonic clock as [`Instant`]s, counted from the moment of its creation.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

#[cfg(feature = "std")]
impl Clock {
    /// A clock whose epoch is now.
    #[allow(clippy::new_without_default, reason = "reading the clock is not a default value")]
    pub fn new() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    /// The current instant.
    pub fn now(&self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }

    /// `instant` in the terms of the standard library, for timers.
    pub fn to_std(&self, instant: Instant) -> std::time::Instant {
        self.origin
            .checked_add(Duration::from_micros(instant.as_micros()))
            .unwrap_or_else(|| self.origin + Duration::from_secs(1 << 32))
    }
}
