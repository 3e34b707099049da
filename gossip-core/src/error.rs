//! Why a node refuses: one small enum an operation, named for whose fault it is.

use core::fmt;

use crate::wire::DecodeError;

/// Why a packet was dropped. The network's fault: nothing but counters has changed, unless a variant says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketError {
    /// The checksum does not fit: the packet was damaged on its way or belongs to a cluster of another label.
    Checksum,
    /// A version of the wire format that this node does not speak.
    Version(u8),
    /// A sealed packet; this node has no keys.
    Sealed,
    /// The checksum fits, but the content is no packet.
    Malformed(DecodeError),
    /// The sender wrote its name short and is not known here. It is asked who it is.
    UnknownSender,
    /// This node's own packet came back.
    OwnPacket,
    /// The node has left the cluster.
    NotRunning,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checksum => f.write_str("damaged packet, or one of another cluster"),
            Self::Version(version) => write!(f, "wire format version {version} is not spoken here"),
            Self::Sealed => f.write_str("sealed packet without a key to open it"),
            Self::Malformed(error) => write!(f, "malformed packet: {error}"),
            Self::UnknownSender => f.write_str("short name of an unknown sender"),
            Self::OwnPacket => f.write_str("this node's own packet"),
            Self::NotRunning => f.write_str("this node has left the cluster"),
        }
    }
}

impl core::error::Error for PacketError {}

/// Why a command was refused. The caller's fault: nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// The node is leaving or has left.
    Leaving,
    /// Longer than the limit.
    TooLarge {
        /// The limit, in bytes.
        max: usize,
    },
    /// The feature is turned off in the configuration.
    Disabled,
    /// No such member is known.
    UnknownMember,
    /// The member is down or has left.
    NotLive,
    /// The member is not held down: it would come back at once.
    NotDown,
    /// No such port.
    UnknownPort {
        /// How many there are, from 0 on.
        ports: u8,
    },
    /// More messages under way than allowed, in all or to this member.
    TooManyPending {
        /// The limit.
        max: usize,
    },
    /// More contacts than a node remembers.
    TooManyContacts {
        /// The limit.
        max: usize,
    },
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaving => f.write_str("this node is leaving the cluster"),
            Self::TooLarge { max } => write!(f, "too large: at most {max} bytes"),
            Self::Disabled => f.write_str("it is turned off"),
            Self::UnknownMember => f.write_str("no such member is known"),
            Self::NotLive => f.write_str("the member is down or has left"),
            Self::NotDown => f.write_str("the member is not down"),
            Self::UnknownPort { ports } => write!(f, "no such port: they are numbered from 0 to {}", ports - 1),
            Self::TooManyPending { max } => write!(f, "too many messages are under way: at most {max}"),
            Self::TooManyContacts { max } => write!(f, "too many contacts: at most {max}"),
        }
    }
}

impl core::error::Error for CommandError {}
