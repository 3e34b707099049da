//! What the application sees of direct messages.

use alloc::sync::Arc;
use core::fmt;

use super::outbox::Outbox;
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;

/// A message that arrived, once. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direct {
    /// Who sent it, in which life.
    pub from: Identity,
    /// The inbox that it is for.
    pub port: u8,
    /// The sender's bytes.
    pub data: Arc<[u8]>,
}

/// Names a message of this node while it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectId {
    /// The receiver.
    pub to: NodeId,
    /// Its number among the messages to that receiver.
    pub sequence: u64,
}

/// Why a message was given up. It may have arrived all the same, and the acknowledgement was lost; only after
/// [`Self::InboxFull`] it is all but certain that it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undelivered {
    /// The receiver failed, or was forgotten.
    Down,
    /// The receiver left.
    Left,
    /// The receiver, or this node, goes on under a new generation: the message was for or from the life before.
    Restarted,
    /// The receiver did not answer within `direct.timeout`.
    NoAnswer,
    /// The receiver said to the last try that its inbox is full, or that nobody reads it.
    InboxFull,
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "the member failed",
            Self::Left => "the member left",
            Self::Restarted => "the member restarted",
            Self::NoAnswer => "the member did not answer in time",
            Self::InboxFull => "the member's inbox is full",
        })
    }
}

impl core::error::Error for Undelivered {}

/// Direct messages, to look at; from [`crate::Node::directs`]. Cheap to make.
#[derive(Clone, Copy, Debug)]
pub struct Directs<'a, P: Peer> {
    outbox: &'a Outbox<P>,
    max_len: usize,
}

impl<'a, P: Peer> Directs<'a, P> {
    pub(super) fn new(outbox: &'a Outbox<P>, max_len: usize) -> Self {
        Self { outbox, max_len }
    }

    /// How many messages are under way.
    pub fn pending(&self) -> usize {
        self.outbox.len()
    }

    /// Whether this message is under way: its [`crate::Event::Sent`] is still to come.
    pub fn is_pending(&self, id: DirectId) -> bool {
        self.outbox.contains(id)
    }

    /// The longest message that any member takes, in bytes: longer ones go to those alone that have a stream lane, as this
    /// node has.
    pub fn max_len(&self) -> usize {
        self.max_len
    }
}
