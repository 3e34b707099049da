//! Why the map refuses a write.

use core::fmt;

use super::Version;
use crate::wire::kv::MAX_KEY;

/// Why a write was refused: nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KvError {
    /// The value, or all that the key would hold, is longer than `kv.max_value`.
    TooLarge {
        /// The limit, in bytes.
        max: usize,
    },
    /// The key is longer than 255 bytes.
    InvalidKey,
    /// Shared keys may not start with `@`: that is how own keys are shown.
    ReservedKey,
    /// Another member's own key.
    NotOwner,
    /// This node sees no such key.
    NotFound,
    /// The map holds `kv.max_entries` keys, deleted ones included.
    Full {
        /// The limit.
        max: usize,
    },
    /// No version is left for this node's writes: somebody claimed the last one there can be.
    Exhausted,
    /// The key is not what the write expects: nobody else's write is overwritten.
    Changed {
        /// The last write of the key; none: it is not there.
        found: Option<Version>,
    },
    /// Maps would stand in maps more than eight deep.
    TooDeep,
    /// This node has seen no such write.
    NoSuchWrite,
    /// Fewer other members are alive than are to acknowledge the write.
    TooFewMembers {
        /// How many there are, without this node.
        others: usize,
    },
    /// As many writes wait for acknowledgements as `kv.max_awaited` allows.
    TooManyAwaited {
        /// The limit.
        max: usize,
    },
    /// No other live member has this id.
    NoSuchMember,
    /// A comparison with a member that was asked for is under way; there is one at a time.
    Comparing,
    /// `kv.enabled` is off.
    Disabled,
    /// The node is leaving or has left.
    Leaving,
}

impl fmt::Display for KvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { max } => write!(f, "value too large: at most {max} bytes"),
            Self::InvalidKey => write!(f, "a key has at most {MAX_KEY} bytes"),
            Self::ReservedKey => f.write_str("a shared key may not start with `@`"),
            Self::NotOwner => f.write_str("only its owner may write that key"),
            Self::NotFound => f.write_str("no such key"),
            Self::Full { max } => write!(f, "the map is full: at most {max} keys, deleted ones included"),
            Self::Exhausted => {
                f.write_str("no version is left for this write: somebody claimed the last one there can be")
            }
            Self::Changed { found: Some(version) } => write!(f, "the key was changed: it is at version {version}"),
            Self::Changed { found: None } => f.write_str("the key is not there"),
            Self::TooDeep => write!(f, "maps may stand in maps at most {} deep", gossip_crdt::MAX_DEPTH),
            Self::NoSuchWrite => f.write_str("this node has seen no such write"),
            Self::TooFewMembers { others } => {
                write!(f, "only {others} other members are alive, fewer than are to acknowledge the write")
            }
            Self::TooManyAwaited { max } => write!(f, "{max} writes wait for acknowledgements, the most there may be"),
            Self::NoSuchMember => f.write_str("no other live member has this id"),
            Self::Comparing => f.write_str("a comparison with a member is under way, and there is one at a time"),
            Self::Disabled => f.write_str("the key-value map is turned off"),
            Self::Leaving => f.write_str("this node is leaving the cluster"),
        }
    }
}

impl core::error::Error for KvError {}
