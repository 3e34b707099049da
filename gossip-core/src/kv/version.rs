//! What names a write, and the map's spaces.

use core::fmt;

use gossip_crdt::{Codec, DecodeError, Dot, Reader};

use crate::identity::{Identity, NodeId};

/// The dot of a write: who wrote it, in which life, as which write of that life. It names the write for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Who wrote it.
    pub node: NodeId,
    /// In which life.
    pub generation: u64,
    /// As which write of that life, from 1.
    pub counter: u64,
}

impl Version {
    pub(crate) fn new(writer: Identity, counter: u64) -> Self {
        Self { node: writer.id, generation: writer.generation, counter }
    }

    pub(crate) fn writer(&self) -> Identity {
        Identity { id: self.node, generation: self.generation }
    }

    pub(crate) fn dot(&self) -> Dot<Identity> {
        Dot::new(self.writer(), self.counter)
    }
}

impl From<&Dot<Identity>> for Version {
    fn from(dot: &Dot<Identity>) -> Self {
        Self::new(dot.writer, dot.counter)
    }
}

/// As a writer of replicated values: the id, and the generation as a number of LEB128.
impl Codec for Identity {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        to(self.id.as_bytes());
        self.generation.encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let id = from.bytes(16)?.try_into().map_err(|_| DecodeError::Truncated)?;
        Ok(Self { id: NodeId::from_bytes(id), generation: u64::decode(from)? })
    }
}

/// The first eight digits of the node, the generation, the counter: `0011aabb.1763700000000.42`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.as_bytes()[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, ".{}.{}", self.generation, self.counter)
    }
}

/// Which of the map's spaces a key is in. The same key in two spaces is two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Any member may write.
    Shared,
    /// Only this member may write: shown as `@name/key`.
    Own(NodeId),
}
