use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::{ConfigError, check, check_interval};

/// The replicated key-value map: writes are pushed at once, then anti-entropy over causal contexts makes them certain.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct KvConfig {
    /// Whether the node takes part. Off, it neither holds nor relays entries.
    pub enabled: bool,
    /// To how many random members a new entry is pushed on its first receipt: 1 to 16, default 3.
    pub fanout: usize,
    /// How long new entries wait for each other before they are pushed together. Default 10 ms.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub push_interval: Duration,
    /// The least time between two requests of anti-entropy, unless the last one is still being answered. Default 300 ms.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub sync_interval: Duration,
    /// How far ahead of this node's wall clock another's may be, before that is told and not followed: 500 ms by default. It
    /// matters only to which of several values that were written at the same time is shown. At most a day; 0: not at all.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub max_clock_drift: Duration,
    /// How long a deletion is remembered at least; it is until all members have seen it. It never comes back in either case:
    /// forgotten early, it only takes more bytes to tell a member that missed it. Default 24 h.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub tombstone_ttl: Duration,
    /// The longest value, in bytes, and about the most that a key may hold of other kinds of values: 64 to 1 048 576, default
    /// 65 536. What fits no datagram goes in parts.
    pub max_value: usize,
    /// A node that holds nothing asks for the shared keys that begin with these first, at most 16 of 64 bytes each; none by
    /// default.
    pub priority: Vec<String>,
    /// The most entries, tombstones included, of all members: 16 at least, default 1 048 576. At the limit local writes of
    /// new keys are refused with `Full`; entries of others are left out, counted, and asked for again once there is room.
    /// What a snapshot holds is restored in any case. What is kept to compare maps is four bytes for each, 1 KiB at least and 32 KiB
    /// at most, once there is one.
    pub max_entries: usize,
    /// The most writers (members times lives) whose versions are known: 16 at least, default 65 536. At the limit entries
    /// of unknown writers are ignored and counted.
    pub max_writers: usize,
    /// The most local writes whose acknowledgements are awaited at a time: 1 to 65 536, default 256. At the limit awaiting
    /// another is refused with `TooManyAwaited`. Each takes 24 bytes for each live member.
    pub max_awaited: usize,
}

impl Default for KvConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            fanout: 3,
            push_interval: Duration::from_millis(10),
            sync_interval: Duration::from_millis(300),
            max_clock_drift: Duration::from_millis(500),
            tombstone_ttl: Duration::from_secs(24 * 3600),
            max_value: 1 << 16,
            priority: Vec::new(),
            max_entries: 1 << 20,
            max_writers: 1 << 16,
            max_awaited: 256,
        }
    }
}

impl KvConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        check((1..=16).contains(&self.fanout), "kv.fanout", "be between 1 and 16")?;
        check_interval(self.push_interval, "kv.push_interval")?;
        check_interval(self.sync_interval, "kv.sync_interval")?;
        check(self.max_clock_drift <= Duration::from_secs(86_400), "kv.max_clock_drift", "be at most 1day")?;
        check(self.tombstone_ttl >= Duration::from_secs(60), "kv.tombstone_ttl", "be at least 60s")?;
        check((64..=1 << 20).contains(&self.max_value), "kv.max_value", "be between 64 and 1048576")?;
        let priority = self.priority.len() <= 16 && self.priority.iter().all(|prefix| prefix.len() <= 64);
        check(priority, "kv.priority", "be at most 16 prefixes of at most 64 bytes each")?;
        check(self.max_entries >= 16, "kv.max_entries", "be at least 16")?;
        check(self.max_writers >= 16, "kv.max_writers", "be at least 16")?;
        check((1..=1 << 16).contains(&self.max_awaited), "kv.max_awaited", "be between 1 and 65536")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_drift_by_nothing_or_up_to_a_day() {
        let drift = |max_clock_drift| KvConfig { max_clock_drift, ..KvConfig::default() }.validate();
        assert_eq!([Duration::ZERO, Duration::from_secs(86_400)].map(drift), [Ok(()), Ok(())]);
        let error = drift(Duration::from_millis(86_400_001)).unwrap_err();
        assert_eq!(error.field, "kv.max_clock_drift");
    }
}
