//! Who a member is, apart from where it is reached.

use core::fmt;
use core::hash::Hasher as _;
use core::str::FromStr;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

/// The name of a member for as long as its operator wants it: 128 bits, the hash of its public key or of its name, or
/// random. Two live members must never share one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 16]);

impl NodeId {
    /// An id from its 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id that stands for a human-readable name: SipHash-2-4-128 of the name under the all-zero key.
    ///
    /// ```
    /// use gossip_core::NodeId;
    /// assert_eq!(NodeId::from_name("web-1"), NodeId::from_name("web-1"));
    /// assert_ne!(NodeId::from_name("web-1"), NodeId::from_name("web-2"));
    /// ```
    pub fn from_name(name: &str) -> Self {
        let mut hasher = SipHasher24::new();
        hasher.write(name.as_bytes());
        Self(hasher.finish128().as_bytes())
    }

    /// The 16 bytes, as they stand on the wire.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A string that is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidNodeId;

impl fmt::Display for InvalidNodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node id is 32 hexadecimal digits")
    }
}

impl core::error::Error for InvalidNodeId {}

impl FromStr for NodeId {
    type Err = InvalidNodeId;

    fn from_str(text: &str) -> Result<Self, InvalidNodeId> {
        if text.len() != 32 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(InvalidNodeId);
        }
        u128::from_str_radix(text, 16).map(|bits| Self(bits.to_be_bytes())).map_err(|_| InvalidNodeId)
    }
}

/// Who a member is and which of its lives this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The member.
    pub id: NodeId,
    /// Higher at each start of the same member: a persisted counter, or the Unix time in milliseconds where there is no
    /// disk. It separates the lives of a member everywhere, in incarnations as in the versions of its writes.
    pub generation: u64,
}

impl Identity {
    /// An identity from its parts.
    pub const fn new(id: NodeId, generation: u64) -> Self {
        Self { id, generation }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn an_id_prints_and_parses_as_32_hex_digits() {
        let id = NodeId::from_name("a");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn a_sign_or_a_short_string_is_no_id() {
        assert_eq!("+1".parse::<NodeId>(), Err(InvalidNodeId));
        assert_eq!("+0000000000000000000000000000001".parse::<NodeId>(), Err(InvalidNodeId));
    }
}
