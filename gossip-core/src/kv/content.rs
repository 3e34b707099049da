//! What a key holds.

use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;

use gossip_crdt::{Codec, DecodeError, Dot, Reader, Register};

use crate::identity::Identity;

/// A value of one of the kinds that there are.
pub type Typed = gossip_crdt::Typed<Identity, Blob>;

/// What a key holds: of each kind of value that was written, one. It is more than one kind only if members that did not
/// know of each other used a key in different ways.
pub type Content = gossip_crdt::Content<Identity, Blob>;

/// Bytes that are shared, not copied.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob(Arc<[u8]>);

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl Codec for Blob {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        (self.0.len() as u64).encode(to);
        to(&self.0);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = usize::try_from(u64::decode(from)?).map_err(|_| DecodeError::Truncated)?;
        from.bytes(len).map(Self::from)
    }
}

/// Of values written at the same time the one that is shown: of a key that one member owns its owner's last, else that of the
/// latest stamp.
pub(crate) fn winner(register: &Register<Identity, Blob>, own: bool) -> Option<(&Dot<Identity>, &Blob)> {
    let rank = |dot: &Dot<Identity>, stamp: u64| if own { (0, *dot) } else { (stamp, *dot) };
    let best = register.values().max_by_key(|(dot, stamp, _)| rank(dot, stamp.to_u64()));
    best.map(|(dot, _, value)| (dot, value))
}
