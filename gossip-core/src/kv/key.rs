//! A key with its space, as one string of bytes.

use alloc::boxed::Box;
use core::cmp::Ordering;
use core::fmt;

use gossip_collections::SmallVec;
use gossip_reconcile::KeyRange;

use super::Scope;
use crate::identity::NodeId;

const SHARED: u8 = 0;
const OWN: u8 = 1;

/// How many bytes need no allocation.
const INLINE: usize = 22;

/// Shared keys come first, then those of each owner: a byte for which, the owner's id, and the key's own bytes.
#[derive(Clone)]
pub(crate) enum Key {
    Short { len: u8, bytes: [u8; INLINE] },
    Long(Box<[u8]>),
}

impl Key {
    pub(crate) fn new(scope: Scope, name: &[u8]) -> Self {
        let mut bytes: SmallVec<[u8; 64]> = SmallVec::new();
        match scope {
            Scope::Shared => bytes.push(SHARED),
            Scope::Own(owner) => {
                bytes.push(OWN);
                bytes.extend_from_slice(owner.as_bytes());
            }
        }
        bytes.extend_from_slice(name);
        let mut short = [0; INLINE];
        match short.get_mut(..bytes.len()) {
            Some(start) => {
                start.copy_from_slice(&bytes);
                Self::Short { len: bytes.len() as u8, bytes: short }
            }
            None => Self::Long(Box::from(&*bytes)),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => &bytes[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }

    fn owner(&self) -> Option<[u8; 16]> {
        let (first, rest) = self.bytes().split_first()?;
        rest.first_chunk().filter(|_| *first == OWN).copied()
    }

    pub(crate) fn scope(&self) -> Scope {
        self.owner().map_or(Scope::Shared, |owner| Scope::Own(NodeId::from_bytes(owner)))
    }

    /// The key as the application knows it.
    pub(crate) fn name(&self) -> &[u8] {
        &self.bytes()[if self.owner().is_some() { 17 } else { 1 }..]
    }

    /// The keys of a space that begin with `prefix`.
    pub(crate) fn range(scope: Scope, prefix: &[u8]) -> KeyRange {
        let low = Self::new(scope, prefix).bytes().to_vec();
        let mut high = low.clone();
        // The lowest string above all that begin with it. The first byte is never the highest.
        while let Some(last) = high.pop() {
            if last < u8::MAX {
                high.push(last + 1);
                break;
            }
        }
        KeyRange { low, high: Some(high) }
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_space_and_name() {
        let owner = Scope::Own(NodeId::from_name("a"));
        for (scope, name) in [(Scope::Shared, &b""[..]), (Scope::Shared, b"\x01key"), (owner, b""), (owner, b"key")] {
            let key = Key::new(scope, name);
            assert_eq!((key.scope(), key.name()), (scope, name));
        }
    }

    #[test]
    fn a_range_holds_what_begins_with_its_prefix() {
        let range = Key::range(Scope::Shared, b"a\xff");
        let holds = |name: &[u8]| {
            let key = Key::new(Scope::Shared, name);
            key.as_ref() >= range.low.as_slice() && key.as_ref() < range.high.as_deref().unwrap()
        };
        assert!(holds(b"a\xff") && holds(b"a\xff\xff") && !holds(b"a\xfe") && !holds(b"b"));
    }
}
