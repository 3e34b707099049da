use core::time::Duration;

use super::{ConfigError, check, check_interval};

/// Messages from one member to one other: acknowledged, repeated until then, delivered once.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct DirectConfig {
    /// Whether the node takes part. Off, it neither sends nor answers.
    pub enabled: bool,
    /// How long a message is tried before it is given up. It is repeated after half of `membership.probe_timeout`, then
    /// after twice as long each time, up to `membership.probe_interval`; in a frame, after each of those. Default 5 s.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub timeout: Duration,
    /// The most messages under way, to all members: 1 to 65 536, default 1 024. At the limit further ones are refused.
    pub max_pending: usize,
    /// The most messages under way to one member: 1 to 512, default 256. At the limit further ones are refused.
    pub max_pending_per_peer: usize,
    /// The longest message, in bytes, as far as a datagram has room for it, or a frame where both ends have a stream lane.
    /// Default 65 536; longer ones are refused.
    pub max_payload: usize,
    /// The most senders whose messages are told from their repetitions: 16 at least, default 16 384. At the limit one that
    /// has been silent for longer than twice `timeout` is forgotten; while there is none, further senders are answered
    /// that the inbox is full.
    pub max_senders: usize,
}

impl Default for DirectConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            timeout: Duration::from_secs(5),
            max_pending: 1024,
            max_pending_per_peer: 256,
            max_payload: 65_536,
            max_senders: 16_384,
        }
    }
}

impl DirectConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        check_interval(self.timeout, "direct.timeout")?;
        check((1..=1 << 16).contains(&self.max_pending), "direct.max_pending", "be between 1 and 65536")?;
        check((1..=512).contains(&self.max_pending_per_peer), "direct.max_pending_per_peer", "be between 1 and 512")?;
        check(self.max_senders >= 16, "direct.max_senders", "be at least 16")
    }
}
