//! A message, its name, and how it is sent.

use alloc::sync::Arc;
use core::time::Duration;

use gossip_collections::SmallVec;

use crate::identity::{Identity, NodeId};
use crate::time::Instant;
use crate::wire::broadcast::{Body, Class, Content, Order, ShortId, TopicHash};

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
    /// Whether the payload is a manifest.
    in_parts: bool,
    /// How much lower the number of the origin's last ordered message is, if this one is ordered.
    previous: Option<u64>,
    topic_len: u8,
    key_len: u8,
    after_len: u8,
    /// Topic, key, short ids of what it comes after, payload.
    body: Arc<[u8]>,
}

impl Message {
    pub(super) fn new(id: MessageId, class: Class, content: &Content<'_>) -> Self {
        let Content { key, order, hops, in_parts, topic, payload, .. } = *content;
        let after = order.map_or(&[][..], |order| order.after);
        // One allocation: an iterator whose length is trusted.
        let body = topic.iter().chain(key).chain(after).chain(payload).copied().collect();
        let [topic_len, key_len, after_len] = [topic, key, after].map(|part| part.len() as u8);
        let previous = order.map(|order| order.previous);
        Self { id, class, hops, in_parts, previous, topic_len, key_len, after_len, body }
    }

    /// What it is about.
    pub fn topic(&self) -> &[u8] {
        self.parts().0
    }

    /// What it is the latest of, if the sender gave it a key.
    pub fn key(&self) -> Option<&[u8]> {
        Some(self.parts().1).filter(|key| !key.is_empty())
    }

    /// The sender's bytes.
    pub fn payload(&self) -> &[u8] {
        self.parts().3
    }

    /// Topic, key, short ids, payload: whatever arrives has a topic of at most 255 bytes, and the others are shorter.
    fn parts(&self) -> (&[u8], &[u8], &[u8], &[u8]) {
        let (topic, rest) = self.body.split_at(usize::from(self.topic_len));
        let (key, rest) = rest.split_at(usize::from(self.key_len));
        let (after, payload) = rest.split_at(usize::from(self.after_len));
        (topic, key, after, payload)
    }

    /// Whether a manifest stands in place of its payload.
    pub(crate) fn is_in_parts(&self) -> bool {
        self.in_parts
    }

    /// The message with its payload in place of its manifest.
    pub(crate) fn with_payload(&self, payload: &[u8]) -> Self {
        let head = &self.body[..self.body.len() - self.payload().len()];
        let body = head.iter().chain(payload).copied().collect();
        Self { in_parts: false, body, ..self.clone() }
    }

    /// What it comes after, if it is ordered: the last ordered message of its origin, and messages of others.
    pub(super) fn order(&self) -> Option<(Option<MessageId>, impl Iterator<Item = ShortId> + use<>)> {
        let previous = self.previous?;
        let after: SmallVec<[ShortId; 1]> = Order { previous, after: self.parts().2 }.after().collect();
        let before = MessageId { sequence: self.id.sequence.saturating_sub(previous), ..self.id };
        Some(((previous > 0).then_some(before), after.into_iter()))
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.body.len()
    }

    /// The message as it is passed on, `expires` milliseconds before its life ends.
    pub(super) fn to_wire(&self, expires: u32) -> Content<'_> {
        let (topic, key, after, payload) = self.parts();
        let order = self.previous.map(|previous| Order { previous, after });
        let (hops, in_parts) = (self.hops.saturating_add(1), self.in_parts);
        Content { expires, key, order, hops, in_parts, topic, payload }
    }
}

/// What is kept of a message.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// Itself, and when its life ends.
    Content(Message, Option<Instant>),
    /// That it is not delivered any more; and how much lower the number of the one is that it takes back, if not 0.
    Withdrawn { id: MessageId, class: Class, back: u64 },
    /// That its content was left out, since nobody here seemed to want its topic.
    LeftOut { id: MessageId, class: Class, topic: TopicHash },
}

impl Held {
    /// Of a message that comes now.
    pub(super) fn new(now: Instant, id: MessageId, class: Class, body: &Body<'_>) -> Self {
        match body {
            Body::Content(content) => {
                let dies = (content.expires > 0).then(|| now + Duration::from_millis(content.expires.into()));
                Self::Content(Message::new(id, class, content), dies)
            }
            Body::Withdrawn { back } => Self::Withdrawn { id, class, back: *back },
            Body::LeftOut { topic } => Self::LeftOut { id, class, topic: *topic },
        }
    }

    pub(super) fn id(&self) -> MessageId {
        match self {
            Self::Content(message, _) => message.id,
            Self::Withdrawn { id, .. } | Self::LeftOut { id, .. } => *id,
        }
    }

    pub(super) fn is_left_out(&self) -> bool {
        matches!(self, Self::LeftOut { .. })
    }

    pub(super) fn class(&self) -> Class {
        match self {
            Self::Content(message, _) => message.class,
            Self::Withdrawn { class, .. } | Self::LeftOut { class, .. } => *class,
        }
    }

    /// As it is passed on. Who reads it takes off the time for which it was held, and what has none left says nothing.
    pub(super) fn to_wire(&self, now: Instant) -> Body<'_> {
        match self {
            Self::Content(message, dies) => match dies.map_or(0, |dies| left(now, dies)) {
                0 if dies.is_some() => Body::Withdrawn { back: 0 },
                expires => Body::Content(message.to_wire(expires)),
            },
            Self::Withdrawn { back, .. } => Body::Withdrawn { back: *back },
            Self::LeftOut { topic, .. } => Body::LeftOut { topic: *topic },
        }
    }
}

/// What is left until then, in milliseconds.
fn left(now: Instant, until: Instant) -> u32 {
    u32::try_from(until.since(now).as_millis()).unwrap_or(u32::MAX)
}

/// How a message is sent; from a [`Class`] alone, or built up: `SendOptions::new().class(Class::Urgent).key(b"load")`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendOptions<'a> {
    pub(super) class: Class,
    pub(super) expires: Option<Duration>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) ordered: bool,
    pub(super) after: &'a [MessageId],
}

impl<'a> SendOptions<'a> {
    /// Of [`Class::Normal`], for ever, without a key, in no order.
    pub fn new() -> Self {
        Self::default()
    }

    /// How urgent it is.
    pub fn class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// After so long it is of no use: whoever has not got it by then never does. It is carried in the message as what is left of
    /// it, in milliseconds, from 1 to 2^32 - 1; the time on the wire itself is not taken off.
    pub fn expires(self, after: Duration) -> Self {
        Self { expires: Some(after), ..self }
    }

    /// It is the latest of its key, 1 to [`crate::wire::broadcast::MAX_MESSAGE_KEY`] bytes: older messages of this node with the same topic and key are
    /// not passed on any more where it arrives, and not delivered where it arrived first.
    pub fn key(self, key: &'a [u8]) -> Self {
        Self { key: Some(key), ..self }
    }

    /// It is delivered after this node's former ordered messages, everywhere. What does not come within
    /// `broadcast.ordered_wait` is given up, and the application there is told of the gap.
    pub fn ordered(self) -> Self {
        Self { ordered: true, ..self }
    }

    /// As [`Self::ordered`], and after these messages of whomever, at most [`crate::wire::broadcast::MAX_AFTER`]: causal
    /// order. Those that this node does not keep any more are left out; of a payload that goes in parts nothing but that it
    /// is to come is waited for.
    pub fn after(self, after: &'a [MessageId]) -> Self {
        Self { ordered: true, after, ..self }
    }
}

impl SendOptions<'_> {
    /// What they add to a message at most.
    pub(super) fn wire_len(&self) -> usize {
        // A varint below 2^32, a length and the key.
        let order = if self.ordered { 10 + 1 + 4 * self.after.len() } else { 0 };
        self.expires.map_or(0, |_| 5) + self.key.map_or(0, |key| 1 + key.len()) + order
    }

    /// What is left of its life, as it is carried.
    pub(super) fn expires_ms(&self) -> u32 {
        self.expires.map_or(0, |life| u32::try_from(life.as_millis()).unwrap_or(u32::MAX).max(1))
    }
}

impl From<Class> for SendOptions<'_> {
    fn from(class: Class) -> Self {
        Self::new().class(class)
    }
}
