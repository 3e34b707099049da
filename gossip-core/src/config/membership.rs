use alloc::string::String;
use core::time::Duration;

use super::{ConfigError, check, check_interval};

/// The longest name of a zone, in bytes.
const MAX_ZONE: usize = 32;

/// Membership and failure detection: SWIM's probes (Das, Gupta, Motivala, DSN 2002), verdicts by quorum, and a digest of
/// the member table.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct MembershipConfig {
    /// SWIM's protocol period: one member is pinged in each. Default 1 s (SWIM §5).
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub probe_interval: Duration,
    /// The longest wait for a direct acknowledgement before other members are asked to probe. Measured round trips
    /// shorten it. At most half of `probe_interval`, default 400 ms.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub probe_timeout: Duration,
    /// How many members are asked to probe one that did not answer: SWIM's k, 0 to 16. Default 3 (SWIM §3.1).
    pub indirect_probes: usize,
    /// When a suspect is declared down.
    pub suspicion: SuspicionConfig,
    /// How often waiting updates are sent while there are any. Default 100 ms.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub gossip_interval: Duration,
    /// To how many random members each time: 1 to 16, default 2. How often an update is sent in all follows the number N of
    /// live members: log2 N + 3 times that somebody failed or left, other news three times, fewer where others tell it too.
    pub fanout: usize,
    /// The least time between two table digests of one node. Default 400 ms.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub sync_interval: Duration,
    /// How often one member that is held down is contacted again, and, without any live member, a contact given at join.
    /// Default 4 s.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub reconnect_interval: Duration,
    /// How often a join is tried again, over the contacts in turn. Default 300 ms.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub join_retry: Duration,
    /// After how long without an answer a join is reported as failed; contacts stay known and are tried again each
    /// `reconnect_interval`. Default 10 s.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub join_timeout: Duration,
    /// The longest time a graceful leave takes: half of it to see that another member holds what was written here, half to
    /// say goodbye. Default 3 s.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub leave_timeout: Duration,
    /// How long a member that is down or has left stays in the table, so that stale news cannot bring it back.
    /// Default 24 h.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub forget_after: Duration,
    /// The most members the table holds, this node, those down and those that left included: 2 to 1 048 576, default
    /// 16 384. At the limit the member that has been down or gone for longest makes way; while there is none, unknown members
    /// are ignored and counted. The updates that wait are bounded by it, too.
    pub max_members: usize,
    /// The longest metadata of any member, in bytes, at most 512. Default 512.
    pub max_metadata: usize,
    /// The name of the zone that this node is in, such as a data centre or rack: at most 32 bytes, empty for none. Members
    /// of one zone tell each other most of what they hear, and one in four members of other zones. Default: none.
    pub zone: String,
}

/// When a member that does not answer is declared down: when it has been silent towards enough of its observers for
/// long enough. The observers are the first in the order of rendezvous hashing, and all members agree on them.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct SuspicionConfig {
    /// How long a member may be silent, counted from the first ping that it did not answer. Twice as long after a
    /// refutation, four times after two; a refutation is forgotten after ten minutes. It follows the loss that this node
    /// measures, too: from half of all pings unanswered on it grows, up to three times as long, and the number of pings
    /// that must go unanswered grows with the square of the loss. Default 2.5 s.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub patience: Duration,
    /// How many members observe another: it promises them its pings, and they confirm that it is silent. 1 to 8,
    /// default 5.
    pub observers: usize,
    /// How many of them must confirm, `observers` at most; where fewer are alive, all that are. Default 3.
    pub confirmations: usize,
}

impl Default for MembershipConfig {
    fn default() -> Self {
        Self {
            probe_interval: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(400),
            indirect_probes: 3,
            suspicion: SuspicionConfig::default(),
            gossip_interval: Duration::from_millis(100),
            fanout: 2,
            sync_interval: Duration::from_millis(400),
            reconnect_interval: Duration::from_secs(4),
            join_retry: Duration::from_millis(300),
            join_timeout: Duration::from_secs(10),
            leave_timeout: Duration::from_secs(3),
            forget_after: Duration::from_secs(24 * 3600),
            max_members: 16_384,
            max_metadata: 512,
            zone: String::new(),
        }
    }
}

impl Default for SuspicionConfig {
    fn default() -> Self {
        Self { patience: Duration::from_millis(2500), observers: 5, confirmations: 3 }
    }
}

impl MembershipConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        for (interval, field) in [
            (self.probe_interval, "membership.probe_interval"),
            (self.probe_timeout, "membership.probe_timeout"),
            (self.gossip_interval, "membership.gossip_interval"),
            (self.sync_interval, "membership.sync_interval"),
            (self.reconnect_interval, "membership.reconnect_interval"),
            (self.join_retry, "membership.join_retry"),
            (self.join_timeout, "membership.join_timeout"),
            (self.leave_timeout, "membership.leave_timeout"),
        ] {
            check_interval(interval, field)?;
        }
        check(
            self.probe_timeout * 2 <= self.probe_interval,
            "membership.probe_timeout",
            "be at most half of membership.probe_interval",
        )?;
        check(self.indirect_probes <= 16, "membership.indirect_probes", "be at most 16")?;
        check((1..=16).contains(&self.fanout), "membership.fanout", "be between 1 and 16")?;
        check((2..=1 << 20).contains(&self.max_members), "membership.max_members", "be between 2 and 1048576")?;
        check(self.max_metadata <= 512, "membership.max_metadata", "be at most 512 bytes")?;
        check(self.zone.len() <= MAX_ZONE, "membership.zone", "be at most 32 bytes")?;
        check(
            self.forget_after >= Duration::from_secs(60),
            "membership.forget_after",
            "be at least 60s: stale news outlive a shorter memory",
        )?;
        let suspicion = &self.suspicion;
        check_interval(suspicion.patience, "membership.suspicion.patience")?;
        check(
            suspicion.patience >= self.probe_interval,
            "membership.suspicion.patience",
            "be at least membership.probe_interval",
        )?;
        check((1..=8).contains(&suspicion.observers), "membership.suspicion.observers", "be between 1 and 8")?;
        check(
            (1..=suspicion.observers).contains(&suspicion.confirmations),
            "membership.suspicion.confirmations",
            "be between 1 and membership.suspicion.observers",
        )
    }
}
