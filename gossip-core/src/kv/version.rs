//! What names a write, and the map's spaces.

use core::fmt;

use gossip_crdt::{Codec, DecodeError, Dot, Reader};

use crate::identity::{Identity, NodeId};

/// The dot of a write: who wrote it, in which life, as which write of that life. It names the write for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Who wrote it.
    pub node: NodeId,
    /// In which life: its generation, at most 2^48 - 1, times 65 536, and 16 random bits. So two processes that were started
    /// under one identity by mistake name no two writes alike.
    pub life: u64,
    /// As which write of that life, from 1.
    pub counter: u64,
}

impl Version {
    pub(crate) fn new(writer: Identity, counter: u64) -> Self {
        Self { node: writer.id, life: writer.generation, counter }
    }

    pub(crate) fn writer(&self) -> Identity {
        Identity { id: self.node, generation: self.life }
    }

    /// The generation of the member that wrote it.
    pub fn generation(&self) -> u64 {
        generation_of(self.life)
    }

    pub(crate) fn dot(&self) -> Dot<Identity> {
        Dot::new(self.writer(), self.counter)
    }
}

/// Who a member is as a writer, if these are its random bits.
pub(super) fn writer_of(me: Identity, salt: u16) -> Identity {
    Identity::new(me.id, me.generation.min((1 << 48) - 1) << 16 | u64::from(salt))
}

pub(super) fn generation_of(life: u64) -> u64 {
    life >> 16
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

/// What a member changes a value with: it gives each change a dot of its own.
pub type Pen<'a> = gossip_crdt::Pen<'a, Identity>;

/// The first eight digits of the node, the life, the counter: `0011aabb.115593420800000123.42`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.as_bytes()[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, ".{}.{}", self.life, self.counter)
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
