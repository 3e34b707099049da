use core::time::Duration;

use super::{ConfigError, check, check_interval};

/// Dissemination of messages: eager push to a few random members, then announcements on probes and pull of what was
/// missed (Demers et al., PODC 1987: rumour mongering backed by anti-entropy).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct BroadcastConfig {
    /// Whether the node takes part. Off, it neither relays nor delivers.
    pub enabled: bool,
    /// To how many random members a message is pushed on its first receipt: 1 to 16, default 4. A fraction of about
    /// e^-4, 2 %, is left to pull (Kermarrec, Massoulié, Ganesh, TPDS 2003).
    pub fanout: usize,
    /// How old a message must be before it is announced: younger ones are still on their way. Default 400 ms.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub announce_after: Duration,
    /// How long a message is kept for those who missed it. Default 150 s.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub history: Duration,
    /// How many bytes of messages are kept at most: 64 KiB at least, default 4 MiB. At the limit the oldest go first.
    pub history_bytes: usize,
    /// The most origins whose sequence numbers are remembered: 16 at least, default 16 384. At the limit one that has been
    /// silent for longer than `history` is forgotten; while there is none, messages of further origins are left out and
    /// counted.
    pub max_origins: usize,
}

impl Default for BroadcastConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            fanout: 4,
            announce_after: Duration::from_millis(400),
            history: Duration::from_secs(150),
            history_bytes: 4 << 20,
            max_origins: 16_384,
        }
    }
}

impl BroadcastConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        check((1..=16).contains(&self.fanout), "broadcast.fanout", "be between 1 and 16")?;
        check_interval(self.announce_after, "broadcast.announce_after")?;
        check_interval(self.history, "broadcast.history")?;
        check(self.history_bytes >= 64 << 10, "broadcast.history_bytes", "be at least 65536")?;
        check((16..=1 << 20).contains(&self.max_origins), "broadcast.max_origins", "be between 16 and 1048576")
    }
}
