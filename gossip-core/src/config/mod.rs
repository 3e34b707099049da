//! Everything an operator may turn, with unit, range, source and the policy at each limit.

mod ablation;
mod broadcast;
mod direct;
mod kv;
mod membership;
#[cfg(feature = "serde")]
mod serde_duration;
#[cfg(feature = "serde")]
mod serde_or_zero;

use alloc::string::String;
use core::fmt;
use core::time::Duration;

#[cfg(not(feature = "ablation"))]
pub(crate) use ablation::Safeguard;
#[cfg(feature = "ablation")]
#[doc(hidden)]
pub use ablation::Safeguard;
pub use broadcast::{BroadcastConfig, BroadcastMode};
pub use direct::DirectConfig;
pub use kv::KvConfig;
pub use membership::{MembershipConfig, SuspicionConfig};

use crate::node::Lane;

/// The longest cluster label, in bytes.
pub const MAX_CLUSTER_LABEL: usize = 64;

/// How a node behaves. Start from a preset and change what you must; [`crate::Node::new`] refuses what cannot work.
///
/// All members of a cluster share the label; everything else may differ between members, though timings of one order of
/// magnitude work best together.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Config {
    /// The cluster's label, at most 64 bytes. It keys the checksum of every packet, so packets of another cluster are
    /// dropped and counted. It is a name against mix-ups, not a secret.
    pub cluster: String,
    /// What this node may send, in bytes per second over both lanes, averaged over a second; `0` means no limit.
    /// Probes, their answers and suspicions go first, and alone while less than half a second's worth is left; then what is
    /// new of members, then the comparison of tables, then the other protocols. What waits too long is shed in the
    /// opposite order: [`crate::Stats::pauses`] and [`crate::Stats::dropped_intents`] count it.
    pub max_bytes_per_second: u64,
    /// How many events may wait for [`crate::Node::poll_event`], each change of a member counted; 16 at least. At the
    /// limit the newest are dropped and their number is told by [`crate::Event::Lagged`].
    pub max_events: usize,
    /// The sizes of packets.
    pub transport: TransportConfig,
    /// Membership and failure detection.
    pub membership: MembershipConfig,
    /// Dissemination of messages.
    pub broadcast: BroadcastConfig,
    /// Messages to one member.
    pub direct: DirectConfig,
    /// The replicated key-value map.
    pub kv: KvConfig,
    /// What a test takes out, to see what it is for.
    #[cfg(feature = "ablation")]
    #[doc(hidden)]
    #[cfg_attr(feature = "serde", serde(skip))]
    pub without: &'static [Safeguard],
}

/// What the transport carries.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct TransportConfig {
    /// The largest datagram, in bytes, 508 to 65 507. Default 1 200, which every IPv6 path carries (RFC 8200 §5, QUIC's
    /// choice in RFC 9000 §14). All members of a cluster must be able to receive what any of them may send.
    /// A value that is too large for it, from a member with larger datagrams or from a time when they were larger, is kept,
    /// but not sent on: `kv_dropped` counts that.
    pub datagram_mtu: usize,
    /// The longest frame of the stream lane, in bytes, 4 096 to 1 048 576; none, the default of all presets: there is no
    /// stream lane. Set it, for example to [`TransportConfig::FRAME`], only where both lanes are polled: what is large and
    /// patient waits for the stream lane then, towards the members that have one, too. With a low `max_bytes_per_second`
    /// frames are shorter. Written as 0 if there is none.
    #[cfg_attr(feature = "serde", serde(with = "serde_or_zero"))]
    pub stream: Option<usize>,
}

impl TransportConfig {
    /// The usual longest frame: 64 KiB.
    pub const FRAME: usize = 64 << 10;
    /// The longest frames there may be.
    pub const MAX_FRAME: usize = 1 << 20;
}

impl Default for Config {
    /// The [`Config::lan`] preset.
    fn default() -> Self {
        Self::lan()
    }
}

impl Config {
    /// Members on one machine: round trips well below a millisecond, hardly any loss.
    pub fn local() -> Self {
        Self {
            membership: MembershipConfig {
                probe_interval: Duration::from_millis(400),
                probe_timeout: Duration::from_millis(150),
                gossip_interval: Duration::from_millis(20),
                sync_interval: Duration::from_millis(100),
                reconnect_interval: Duration::from_secs(1),
                join_retry: Duration::from_millis(100),
                join_timeout: Duration::from_secs(5),
                leave_timeout: Duration::from_millis(500),
                suspicion: SuspicionConfig { patience: Duration::from_secs(1), ..SuspicionConfig::default() },
                ..MembershipConfig::default()
            },
            broadcast: BroadcastConfig {
                gossip_interval: Duration::from_millis(20),
                announce_after: Duration::from_millis(50),
                ..BroadcastConfig::default()
            },
            kv: KvConfig {
                push_interval: Duration::from_millis(5),
                sync_interval: Duration::from_millis(50),
                ..KvConfig::default()
            },
            ..Self::lan()
        }
    }

    /// Members in one data centre or region: round trips up to about 100 ms, loss up to some percent.
    pub fn lan() -> Self {
        Self {
            cluster: String::new(),
            max_bytes_per_second: 0,
            max_events: 4096,
            transport: TransportConfig { datagram_mtu: 1200, stream: None },
            membership: MembershipConfig::default(),
            broadcast: BroadcastConfig::default(),
            direct: DirectConfig::default(),
            kv: KvConfig::default(),
            #[cfg(feature = "ablation")]
            without: &[],
        }
    }

    /// Members across the Internet: round trips up to half a second, bursts of loss. As in memberlist's WAN preset,
    /// probing is slower and suspicion lasts longer.
    pub fn wan() -> Self {
        Self {
            max_bytes_per_second: 1_000_000,
            membership: MembershipConfig {
                probe_interval: Duration::from_secs(3),
                probe_timeout: Duration::from_millis(1500),
                gossip_interval: Duration::from_millis(300),
                sync_interval: Duration::from_millis(1500),
                reconnect_interval: Duration::from_secs(10),
                join_retry: Duration::from_secs(1),
                join_timeout: Duration::from_secs(30),
                leave_timeout: Duration::from_secs(6),
                suspicion: SuspicionConfig { patience: Duration::from_secs(8), ..SuspicionConfig::default() },
                ..MembershipConfig::default()
            },
            broadcast: BroadcastConfig {
                gossip_interval: Duration::from_millis(300),
                announce_after: Duration::from_secs(1),
                ..BroadcastConfig::default()
            },
            direct: DirectConfig { timeout: Duration::from_secs(20), ..DirectConfig::default() },
            kv: KvConfig {
                push_interval: Duration::from_millis(50),
                sync_interval: Duration::from_secs(1),
                ..KvConfig::default()
            },
            ..Self::lan()
        }
    }

    /// The preset of that name, if there is one: `local`, `lan` or `wan`.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "local" => Some(Self::local()),
            "lan" => Some(Self::lan()),
            "wan" => Some(Self::wan()),
            _ => None,
        }
    }

    /// The longest packet of a lane. With a low `max_bytes_per_second` a frame must not hold up the probes behind it: it
    /// takes a quarter of a second at most.
    pub(crate) fn longest(&self, lane: Lane) -> usize {
        let datagram = self.transport.datagram_mtu;
        match (lane, self.transport.stream) {
            (Lane::Datagram, _) | (Lane::Stream, None) => datagram,
            (Lane::Stream, Some(frame)) if self.max_bytes_per_second == 0 => frame,
            (Lane::Stream, Some(frame)) => {
                let quarter = usize::try_from(self.max_bytes_per_second / 4).unwrap_or(usize::MAX);
                frame.min(quarter.max(datagram))
            }
        }
    }

    /// Whether a node can run with this configuration; [`crate::Node::new`] asks the same.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.cluster.len() > MAX_CLUSTER_LABEL {
            return Err(ConfigError { field: "cluster", must: "be at most 64 bytes long" });
        }
        check(self.max_events >= 16, "max_events", "be at least 16")?;
        check(
            (508..=65_507).contains(&self.transport.datagram_mtu),
            "transport.datagram_mtu",
            "be between 508 and 65507 bytes",
        )?;
        check(
            self.transport.stream.is_none_or(|max| (4096..=TransportConfig::MAX_FRAME).contains(&max)),
            "transport.stream",
            "be 0 (no stream lane) or between 4096 and 1048576 bytes",
        )?;
        check(
            self.max_bytes_per_second == 0 || self.max_bytes_per_second >= 1000,
            "max_bytes_per_second",
            "be 0 (no limit) or at least 1000",
        )?;
        self.membership.validate()?;
        self.broadcast.validate()?;
        self.direct.validate()?;
        self.kv.validate()
    }
}

/// A field of [`Config`] that no node can run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The field's path, such as `membership.probe_interval`.
    pub field: &'static str,
    /// What the field must do, in words that follow "must".
    pub must: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration: {} must {}", self.field, self.must)
    }
}

impl core::error::Error for ConfigError {}

fn check(holds: bool, field: &'static str, must: &'static str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { field, must }) }
}

/// The interval is one that a timer can keep: a millisecond to a day.
fn check_interval(interval: Duration, field: &'static str) -> Result<(), ConfigError> {
    let range = Duration::from_millis(1)..=Duration::from_secs(86_400);
    check(range.contains(&interval), field, "be between 1ms and 1day")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_valid() {
        for name in ["local", "lan", "wan"] {
            assert_eq!(Config::preset(name).unwrap().validate(), Ok(()), "{name}");
        }
    }

    #[test]
    fn the_error_names_the_field() {
        let mut config = Config::lan();
        config.transport.datagram_mtu = 100;
        assert_eq!(config.validate().unwrap_err().field, "transport.datagram_mtu");
    }
}
