//! What the application sees of broadcast.

use core::fmt;
use core::time::Duration;

use super::Broadcast;
use super::coverage::Survey;
use super::history::History;
use super::message::{MessageId, SendOptions};
use super::receipts::{Delivery, Receipts};
use super::topics::Topics;
use crate::bulk::Bulk;
use crate::config::Config;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::wire::broadcast::{Class, MAX_AFTER, MAX_MESSAGE_KEY, MAX_TOPIC, ShortId};
use crate::wire::bulk::{MAX_PARTS, Manifest};

/// Everything of a packet but topic and payload, at its longest: header, list of ids, section, message.
const OVERHEAD: usize = 96;
/// Everything of a packet but the bytes of a part.
const PART_OVERHEAD: usize = 48;

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BroadcastError {
    /// The topic is longer than 255 bytes.
    TopicLength,
    /// The topic begins with a zero byte: those are the protocols' own.
    ReservedTopic,
    /// The payload is longer than half of `broadcast.bulk_bytes`, or an ordered message does not fit into a datagram.
    TooLarge {
        /// The limit, in bytes.
        max: usize,
    },
    /// The key is empty or longer than 64 bytes.
    KeyLength,
    /// It comes after more than 8 messages.
    TooManyBefore,
    /// A message to take back is another member's, or of another life of this node.
    NotOwn,
    /// A message to take back has expired, was replaced or taken back before, or is not kept any more.
    Gone,
    /// The node restricts itself to `broadcast.max_topics` topics already; see [`BroadcastsMut::subscribe_all`].
    TooManyTopics {
        /// How many there may be.
        max: usize,
    },
    /// Too much waits to be sent, or too many large payloads are held for others: nothing was sent, and it may be tried again.
    Busy {
        /// How long what waits has waited: after about that long there is room again, unless the network got slower. Large payloads
        /// that nobody asks for any more make room after ten seconds.
        retry_after: Duration,
    },
    /// `broadcast.enabled` is off.
    Disabled,
    /// The node is leaving or has left.
    Leaving,
}

impl fmt::Display for BroadcastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TopicLength => write!(f, "a topic has at most {MAX_TOPIC} bytes"),
            Self::ReservedTopic => f.write_str("a topic may not begin with a zero byte"),
            Self::TooLarge { max } => write!(f, "message too large: a payload has at most {max} bytes"),
            Self::KeyLength => write!(f, "a key has 1 to {MAX_MESSAGE_KEY} bytes"),
            Self::TooManyBefore => write!(f, "a message comes after {MAX_AFTER} others at most"),
            Self::NotOwn => f.write_str("the message is not one that this node sent in this life"),
            Self::Gone => {
                f.write_str("the message has expired, was replaced or taken back before, or is not kept any more")
            }
            Self::TooManyTopics { max } => {
                write!(f, "a node restricts itself to {max} topics at most; it may take all instead")
            }
            Self::Busy { retry_after } => {
                write!(
                    f,
                    "too much waits to be sent, or is held for others; try again in {} ms",
                    retry_after.as_millis()
                )
            }
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
    receipts: &'a Receipts,
    topics: &'a Topics,
    bulk_bytes: usize,
    mtu: usize,
}

impl<'a> Broadcasts<'a> {
    pub(super) fn new(
        history: &'a History,
        receipts: &'a Receipts,
        topics: &'a Topics,
        bulk_bytes: usize,
        config: &Config,
    ) -> Self {
        Self { history, receipts, topics, bulk_bytes, mtu: config.transport.datagram_mtu }
    }

    /// What is known of how far a message got that is kept: mostly one of this node's own, for as long as `broadcast.history` says.
    pub fn delivery(&self, id: MessageId) -> Option<Delivery> {
        let (pushed, acknowledged) = self.history.delivery(self.history.find(id)?)?;
        Some(Delivery { pushed, acknowledged, coverage: self.receipts.coverage(id) })
    }

    /// The topics that this node restricts itself to; none: it takes all.
    pub fn topics(&self) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
        self.topics.names().map(|names| names.iter().map(|name| &**name))
    }

    /// How many messages are kept for those who missed them.
    pub fn history_len(&self) -> usize {
        self.history.len()
    }

    /// Their bytes, about, at most `broadcast.history_bytes`.
    pub fn history_bytes(&self) -> usize {
        self.history.bytes()
    }

    /// The bytes of payloads that go in parts, those included that are still to come; at most `broadcast.bulk_bytes`.
    pub fn bulk_bytes(&self) -> usize {
        self.bulk_bytes
    }

    /// The most bytes that topic and payload may have together to go in one piece, in a message without options. They cost what
    /// they add to it. What is longer goes in parts.
    pub fn one_piece(&self) -> usize {
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
        self.send_with(Class::Normal, topic, payload)
    }

    /// As [`Self::send`], in another way.
    ///
    /// # Errors
    /// See [`BroadcastError`].
    pub fn send_with<'o>(
        &mut self,
        options: impl Into<SendOptions<'o>>,
        topic: &[u8],
        payload: &[u8],
    ) -> Result<MessageId, BroadcastError> {
        if topic.first() == Some(&0) {
            return Err(BroadcastError::ReservedTopic);
        }
        self.is_running()?;
        self.send_any(&options.into(), topic, payload)
    }

    /// As [`Self::send_with`], of any topic, and while the node is leaving.
    pub(crate) fn send_any(
        &mut self,
        options: &SendOptions<'_>,
        topic: &[u8],
        payload: &[u8],
    ) -> Result<MessageId, BroadcastError> {
        if options.key.is_some_and(|key| key.is_empty() || key.len() > MAX_MESSAGE_KEY) {
            return Err(BroadcastError::KeyLength);
        }
        if options.after.len() > MAX_AFTER {
            return Err(BroadcastError::TooManyBefore);
        }
        let max = max_len(self.cx.config.transport.datagram_mtu).saturating_sub(options.wire_len());
        if topic.len() > MAX_TOPIC {
            return Err(BroadcastError::TopicLength);
        }
        self.has_room(options.class)?;
        if topic.len() + payload.len() > max && options.ordered {
            // Whoever has all parts of one may not have those of the next.
            return Err(BroadcastError::TooLarge { max });
        }
        if topic.len() + payload.len() > max {
            return self.send_in_parts(options, topic, payload);
        }
        let id = self.state.send(&mut self.cx, options, topic, payload, false);
        self.bulk.follow(&mut self.cx, self.state);
        Ok(id)
    }

    /// Sends a manifest, and offers the payload to whoever wants it.
    fn send_in_parts(
        &mut self,
        options: &SendOptions<'_>,
        topic: &[u8],
        payload: &[u8],
    ) -> Result<MessageId, BroadcastError> {
        let part = (self.cx.config.transport.datagram_mtu - PART_OVERHEAD) as u16;
        let most = u64::from(part) * u64::from(MAX_PARTS);
        let most = usize::try_from(most.min(u32::MAX.into())).unwrap_or(usize::MAX);
        let max = most.min(self.cx.config.broadcast.bulk_bytes / 2);
        if payload.len() > max {
            return Err(BroadcastError::TooLarge { max });
        }
        if !self.bulk.make_room(&mut self.cx, payload.len()) {
            return Err(self.busy(Duration::from_secs(10)));
        }
        let manifest = Manifest::of(self.cx.key, part, payload);
        let id = self.state.send(&mut self.cx, options, topic, &manifest.encode(), true);
        if let Some(head) = self.state.find(id) {
            let short = ShortId::of(self.cx.key.short(id.origin()), id.sequence);
            self.bulk.publish(&self.cx, short, head.clone(), manifest, payload);
        }
        self.bulk.follow(&mut self.cx, self.state);
        Ok(id)
    }

    /// Takes back a message of this node: where it has not arrived it is not delivered any more. That travels as a message of its
    /// own, as reliably as others; its name is the answer.
    ///
    /// # Errors
    /// See [`BroadcastError`].
    pub fn cancel(&mut self, id: MessageId) -> Result<MessageId, BroadcastError> {
        self.is_running()?;
        if id.origin() != *self.cx.me {
            return Err(BroadcastError::NotOwn);
        }
        self.has_room(Class::Urgent)?;
        let taken_back = self.state.take_back(&mut self.cx, id).ok_or(BroadcastError::Gone);
        self.bulk.follow(&mut self.cx, self.state);
        taken_back
    }

    /// Finds out how many members have a message that is kept: asks a sample of them, those again that have it not or do not
    /// answer, until enough have it or the time is over. Then [`crate::Event::Coverage`] is told, and
    /// [`Broadcasts::delivery`] knows how far it is meanwhile. Of a payload that goes in parts the first message counts.
    ///
    /// # Errors
    /// [`BroadcastError::Gone`] if it is not kept; [`BroadcastError::Busy`] while too many are asked for other messages.
    pub fn survey(&mut self, id: MessageId, survey: Survey) -> Result<(), BroadcastError> {
        self.is_running()?;
        self.state.survey(&mut self.cx, id, survey)
    }

    /// Takes messages of this topic, and no others but those of the topics named before. Until the first call a node takes
    /// messages of all topics. It passes on what its neighbours want all the same, and gets of everything else no more than
    /// the names. Messages of a topic that went by before are not fetched.
    ///
    /// # Errors
    /// [`BroadcastError::TopicLength`], [`BroadcastError::ReservedTopic`], [`BroadcastError::TooManyTopics`].
    pub fn subscribe(&mut self, topic: &[u8]) -> Result<(), BroadcastError> {
        let mut names = self.state.topics.names().cloned().unwrap_or_default();
        if topic.len() > MAX_TOPIC {
            return Err(BroadcastError::TopicLength);
        }
        if topic.first() == Some(&0) {
            return Err(BroadcastError::ReservedTopic);
        }
        if names.contains(topic) {
            return Ok(());
        }
        let max = self.cx.config.broadcast.max_topics;
        if names.len() >= max {
            return Err(BroadcastError::TooManyTopics { max });
        }
        names.insert(topic.into());
        self.state.restrict(&mut self.cx, Some(names));
        Ok(())
    }

    /// Takes no more messages of this topic, if it was named by [`Self::subscribe`]. Without any that is left the node takes none,
    /// and still sends what it likes.
    pub fn unsubscribe(&mut self, topic: &[u8]) {
        let Some(mut names) = self.state.topics.names().cloned() else { return };
        if names.remove(topic) {
            self.state.restrict(&mut self.cx, Some(names));
        }
    }

    /// Takes messages of all topics, as in the beginning.
    pub fn subscribe_all(&mut self) {
        if self.state.topics.names().is_some() {
            self.state.restrict(&mut self.cx, None);
        }
    }

    fn has_room(&mut self, class: Class) -> Result<(), BroadcastError> {
        self.state.is_busy(&self.cx, class).map_or(Ok(()), |retry_after| Err(self.busy(retry_after)))
    }

    fn busy(&mut self, retry_after: Duration) -> BroadcastError {
        self.cx.stats.broadcast_busy += 1;
        BroadcastError::Busy { retry_after }
    }

    fn is_running(&self) -> Result<(), BroadcastError> {
        if !self.cx.config.broadcast.enabled {
            Err(BroadcastError::Disabled)
        } else if !self.running {
            Err(BroadcastError::Leaving)
        } else {
            Ok(())
        }
    }
}
