use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::{ConfigError, check, check_interval};

/// How messages spread.
///
/// All modes but the first are the textbook's: they need no overlay, only random members, and cost more copies or more time. What
/// they leave out is pulled, unless [`BroadcastConfig::repair`] is off. In them a message's class makes no difference. Members of
/// one cluster should have one mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum BroadcastMode {
    /// Along one tree over an overlay of neighbours, each hop acknowledged.
    #[default]
    Tree,
    /// Each member sends a message to `fanout` random members a round, `transmits` times in all: infect and die if that is one
    /// round (Kermarrec, Massoulié, Ganesh, TPDS 2003), memberlist's queue if it is as many as it says.
    Push,
    /// Each member asks a random one a round for what it lacks (Demers et al., PODC 1987).
    Pull,
    /// Each member compares with a random one a round, and each of the two asks for what it lacks, of one member at a time: hardly
    /// any message is sent twice (Mercier, Hayez, Matos, 2017).
    PushPull,
    /// As `PushPull`, but each of the two sends at once what the other lacks: a step less, and a third more copies (Demers et
    /// al., PODC 1987: anti-entropy).
    EagerPushPull,
    /// Each member sends a message to `fanout` random members a round, until `rumour_counter` of them had it before (Demers et
    /// al., PODC 1987: rumour mongering, feedback, counter).
    Rumour,
    /// Each member calls a random one a round, and both send all that they still spread; a member spreads a message until most
    /// of those it met had spread it longer (Karp, Schindelhauer, Shenker, Vöcking, FOCS 2000: the median-counter algorithm).
    MedianCounter,
}

impl BroadcastMode {
    /// Whether members compare what they hold, round by round, instead of passing on what is new.
    #[cfg(feature = "broadcast")]
    pub(crate) fn compares(self) -> bool {
        matches!(self, Self::Pull | Self::PushPull)
    }
}

/// Dissemination of messages: push along a tree over an overlay of neighbours, announcements over its other links, and pull
/// of what was missed (Plumtree, Leitão et al., SRDS 2007; anti-entropy, Demers et al., PODC 1987).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct BroadcastConfig {
    /// Whether the node takes part. Off, it neither relays nor delivers.
    pub enabled: bool,
    /// How messages spread. Default `tree`.
    pub mode: BroadcastMode,
    /// To how many random members a message is pushed at a time: in a tree while the node has no neighbours yet, with `push` and
    /// `rumour` in each round. 1 to 16, default 4.
    pub fanout: usize,
    /// How long a round is, in which each member acts once; of no account in a tree. Default 100 ms.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub gossip_interval: Duration,
    /// How often a member sends a message with `push`, all receivers counted; 0, the default: 4 times the digits of the number of
    /// members, as memberlist does.
    pub transmits: u16,
    /// How many receivers that had a message before make a member stop with `rumour`; how far its counter goes, and how many
    /// rounds it goes on after that, with `median_counter`. 1 to 32, default 3.
    pub rumour_counter: u8,
    /// Whether members compare on probes what they hold, and pull what they missed. Off, what the mode leaves out is missed for
    /// good: for measurements. Default true.
    pub repair: bool,
    /// How many near members a node chooses as its neighbours: 1 to 4, default 2. Others choose it, so that it has about twice
    /// as many links as it chose.
    pub near_neighbours: usize,
    /// How many random members it chooses besides: 1 to 4, default 1. They hold the cluster together, and shorten the ways
    /// through it.
    pub random_neighbours: usize,
    /// The most neighbours a node accepts: 6 to 12, default 9. Who has none at all is accepted above that.
    pub max_neighbours: usize,
    /// How many random members are measured to find near ones: 8 to 1 024, default 64.
    pub candidates: usize,
    /// How old a message must be before members compare whether they have it: younger ones are still on their way. Default
    /// 400 ms.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub announce_after: Duration,
    /// How long a message is kept for those who missed it. Default 150 s.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub history: Duration,
    /// How many bytes of messages are kept at most: 64 KiB at least, default 4 MiB. At the limit the oldest go first.
    pub history_bytes: usize,
    /// How much of what was missed is asked for, in bytes per second, averaged over a second; 0, the default, means no limit. Who
    /// comes late, or was cut off, then takes longer and burdens the others less.
    pub catch_up_bytes_per_second: u64,
    /// How many bytes of payloads that are too large for a datagram are held at most, those included that come just now:
    /// 64 KiB at least, default 64 MiB. One payload has half of it at most. At the limit those that nobody has asked for of late
    /// make room; while there are none, others are not taken, and own ones refused.
    pub bulk_bytes: usize,
    /// How many bytes of messages may wait for one neighbour while the application may still send: 16 KiB at least, default
    /// 1 MiB, and never more than half of `history_bytes`. Above it sending is refused as busy; what others send is passed on
    /// all the same.
    pub max_unsent_bytes: usize,
    /// How long a message waits for those that it comes after. Default 5 s.
    #[cfg_attr(feature = "serde", serde(with = "super::serde_duration"))]
    pub ordered_wait: Duration,
    /// How many bytes of messages may wait so, at least 16 KiB, default 1 MiB. At the limit the oldest are delivered without.
    pub ordered_bytes: usize,
    /// The most origins whose sequence numbers are remembered: 16 at least, default 16 384. At the limit one that has been
    /// silent for longer than `history` is forgotten; while there is none, messages of further origins are left out and
    /// counted.
    pub max_origins: usize,
    /// The most topics that a node may restrict itself to: 1 to 60, default 60. Where those of a node and of what is behind it are
    /// more than 64 together, those of protocols included, its neighbours send it messages of all topics.
    pub max_topics: usize,
    /// The topics that the node takes messages of from the start, at most `max_topics`; none, the default: all. See
    /// [`crate::broadcast::BroadcastsMut::subscribe`].
    pub topics: Vec<String>,
}

impl Default for BroadcastConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            mode: BroadcastMode::Tree,
            fanout: 4,
            gossip_interval: Duration::from_millis(100),
            transmits: 0,
            rumour_counter: 3,
            repair: true,
            near_neighbours: 2,
            random_neighbours: 1,
            max_neighbours: 9,
            candidates: 64,
            announce_after: Duration::from_millis(400),
            history: Duration::from_secs(150),
            history_bytes: 4 << 20,
            catch_up_bytes_per_second: 0,
            bulk_bytes: 64 << 20,
            max_unsent_bytes: 1 << 20,
            ordered_wait: Duration::from_secs(5),
            ordered_bytes: 1 << 20,
            max_origins: 16_384,
            max_topics: 60,
            topics: Vec::new(),
        }
    }
}

impl BroadcastConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        check((1..=16).contains(&self.fanout), "broadcast.fanout", "be between 1 and 16")?;
        check_interval(self.gossip_interval, "broadcast.gossip_interval")?;
        check((1..=32).contains(&self.rumour_counter), "broadcast.rumour_counter", "be between 1 and 32")?;
        check((1..=4).contains(&self.near_neighbours), "broadcast.near_neighbours", "be between 1 and 4")?;
        check((1..=4).contains(&self.random_neighbours), "broadcast.random_neighbours", "be between 1 and 4")?;
        check((6..=12).contains(&self.max_neighbours), "broadcast.max_neighbours", "be between 6 and 12")?;
        check((8..=1024).contains(&self.candidates), "broadcast.candidates", "be between 8 and 1024")?;
        check_interval(self.announce_after, "broadcast.announce_after")?;
        check_interval(self.history, "broadcast.history")?;
        check(self.history_bytes >= 64 << 10, "broadcast.history_bytes", "be at least 65536")?;
        check(self.bulk_bytes >= 64 << 10, "broadcast.bulk_bytes", "be at least 65536")?;
        check(self.max_unsent_bytes >= 16 << 10, "broadcast.max_unsent_bytes", "be at least 16384")?;
        check_interval(self.ordered_wait, "broadcast.ordered_wait")?;
        check(self.ordered_bytes >= 16 << 10, "broadcast.ordered_bytes", "be at least 16384")?;
        check((16..=1 << 20).contains(&self.max_origins), "broadcast.max_origins", "be between 16 and 1048576")?;
        check((1..=60).contains(&self.max_topics), "broadcast.max_topics", "be between 1 and 60")?;
        check(self.topics.len() <= self.max_topics, "broadcast.topics", "be at most broadcast.max_topics")?;
        let short = self.topics.iter().all(|topic| topic.len() <= 255);
        check(short, "broadcast.topics", "have at most 255 bytes each")?;
        let own = self.topics.iter().all(|topic| !topic.starts_with('\0'));
        check(own, "broadcast.topics", "not begin with a zero byte")
    }
}
