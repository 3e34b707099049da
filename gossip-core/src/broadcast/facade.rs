//! What the application sees of broadcast.

use alloc::sync::Arc;
use core::fmt;

use super::Broadcast;
use super::history::History;
use crate::bulk::Bulk;
use crate::config::Config;
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::wire;
use crate::wire::broadcast::{Class, MAX_TOPIC, ShortId};
use crate::wire::bulk::Manifest;

/// Everything of a packet but topic and payload, at its longest: header, list of ids, section, message.
const OVERHEAD: usize = 96;
/// Everything of a packet but the bytes of a part.
const PART_OVERHEAD: usize = 48;

/// Names a message for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// Who sent it first.
    pub origin: NodeId,
    /// In which life.
    pub generation: u64,
    /// As which message of that life, from 1.
    pub sequence: u64,
}

impl MessageId {
    /// Who sent it first, in which life.
    pub(crate) fn origin(&self) -> Identity {
        Identity::new(self.origin, self.generation)
    }

    pub(super) fn new(origin: Identity, sequence: u64) -> Self {
        Self { origin: origin.id, generation: origin.generation, sequence }
    }
}

/// A message that was delivered. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// How urgent it is.
    pub class: Class,
    /// How often it was passed on before it arrived here.
    pub hops: u32,
    topic_len: usize,
    /// Whether the payload is a manifest.
    in_parts: bool,
    body: Arc<[u8]>,
}

impl Message {
    pub(super) fn new(id: MessageId, class: Class, hops: u32, topic: &[u8], payload: &[u8]) -> Self {
        // One allocation: an iterator whose length is trusted.
        let body = topic.iter().chain(payload).copied().collect();
        Self { id, class, hops, topic_len: topic.len(), in_parts: false, body }
    }

    pub(crate) fn is_manifest(&self) -> bool {
        self.in_parts
    }

    pub(crate) fn with_payload(&self, payload: &[u8]) -> Self {
        Self::new(self.id, self.class, self.hops, self.topic(), payload)
    }

    pub(super) fn in_parts(self, in_parts: bool) -> Self {
        Self { in_parts, ..self }
    }

    /// What it is about.
    pub fn topic(&self) -> &[u8] {
        &self.body[..self.topic_len]
    }

    /// The sender's bytes.
    pub fn payload(&self) -> &[u8] {
        &self.body[self.topic_len..]
    }

    /// The message as it is passed on, its origin by the one name or the other.
    pub(super) fn to_wire<O>(&self, origin: O, age: u16) -> wire::broadcast::Message<'_, O> {
        wire::broadcast::Message {
            origin,
            sequence: self.id.sequence,
            class: self.class,
            age,
            in_parts: self.in_parts,
            hops: self.hops.saturating_add(1),
            topic: self.topic(),
            payload: self.payload(),
        }
    }
}

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BroadcastError {
    /// The topic is longer than 255 bytes, or topic and payload do not fit into one datagram.
    TooLarge {
        /// The limit for the two together, in bytes.
        max: usize,
    },
    /// Too many large payloads are held for others.
    Busy,
    /// `broadcast.enabled` is off.
    Disabled,
    /// The node is leaving or has left.
    Leaving,
}

impl fmt::Display for BroadcastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { max } => {
                write!(f, "message too large: topic (at most {MAX_TOPIC} bytes) and payload have at most {max} bytes")
            }
            Self::Busy => f.write_str("busy: too many large payloads are held for others"),
            Self::Disabled => f.write_str("broadcast is turned off"),
            Self::Leaving => f.write_str("this node is leaving the cluster"),
        }
    }
}

impl core::error::Error for BroadcastError {}

/// Broadcast, to look at; from [`crate::Node::broadcasts`]. Cheap to make.
#[derive(Clone, Copy, Debug)]
pub struct Broadcasts<'a> {
    history: &'a History,
    mtu: usize,
}

impl<'a> Broadcasts<'a> {
    pub(super) fn new(history: &'a History, config: &Config) -> Self {
        Self { history, mtu: config.transport.datagram_mtu }
    }

    /// How many messages are kept for those who missed them.
    pub fn history_len(&self) -> usize {
        self.history.len()
    }

    /// Their bytes, about, at most `broadcast.history_bytes`.
    pub fn history_bytes(&self) -> usize {
        self.history.bytes()
    }

    /// The most bytes that topic and payload may have together.
    pub fn max_len(&self) -> usize {
        max_len(self.mtu)
    }
}

fn max_len(mtu: usize) -> usize {
    mtu.saturating_sub(OVERHEAD)
}

/// Broadcast, to send; from [`crate::Node::broadcasts_mut`].
#[derive(Debug)]
pub struct BroadcastsMut<'a, P: Peer> {
    state: &'a mut Broadcast<P>,
    bulk: &'a mut Bulk<P>,
    cx: Cx<'a, P>,
    running: bool,
}

impl<'a, P: Peer> BroadcastsMut<'a, P> {
    pub(crate) fn new(state: &'a mut Broadcast<P>, bulk: &'a mut Bulk<P>, cx: Cx<'a, P>, running: bool) -> Self {
        Self { state, bulk, cx, running }
    }

    /// Sends a message of [`Class::Normal`] to all members but this one. The same bytes sent twice are two messages.
    ///
    /// # Errors
    /// See [`BroadcastError`].
    pub fn send(&mut self, topic: &[u8], payload: &[u8]) -> Result<MessageId, BroadcastError> {
        self.send_as(Class::Normal, topic, payload)
    }

    /// As [`Self::send`], of any class.
    ///
    /// # Errors
    /// See [`BroadcastError`].
    pub fn send_as(&mut self, class: Class, topic: &[u8], payload: &[u8]) -> Result<MessageId, BroadcastError> {
        if !self.cx.config.broadcast.enabled {
            return Err(BroadcastError::Disabled);
        }
        if !self.running {
            return Err(BroadcastError::Leaving);
        }
        let max = max_len(self.cx.config.transport.datagram_mtu);
        if topic.len() > MAX_TOPIC {
            return Err(BroadcastError::TooLarge { max });
        }
        if topic.len() + payload.len() > max {
            return self.send_in_parts(class, topic, payload);
        }
        Ok(self.state.send(&mut self.cx, class, topic, payload, false).id)
    }

    /// Sends a manifest, and offers the payload to whoever wants it.
    fn send_in_parts(&mut self, class: Class, topic: &[u8], payload: &[u8]) -> Result<MessageId, BroadcastError> {
        let max = self.cx.config.broadcast.bulk_bytes / 2;
        if payload.len() > max {
            return Err(BroadcastError::TooLarge { max });
        }
        if !self.bulk.make_room(&self.cx, payload.len()) {
            return Err(BroadcastError::Busy);
        }
        let part = self.cx.config.transport.datagram_mtu - PART_OVERHEAD;
        let manifest = Manifest::of(self.cx.key, part, payload);
        let head = self.state.send(&mut self.cx, class, topic, &manifest.encode(), true);
        let id = head.id;
        let short = ShortId::of(self.cx.key.short(id.origin()), id.sequence);
        self.bulk.publish(&self.cx, short, head, manifest, payload);
        Ok(id)
    }
}
