//! The application's side: commands and questions from any thread.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gossip_core::broadcast::{BroadcastError, Class, Coverage, Delivery, MessageId, SendOptions, Survey};
use gossip_core::kv::{Diff, KvError, Scope, Version};
use gossip_core::{CommandError, Event, Instant, Node, NodeId, Peer, Stats};

use crate::awaited::Awaited;
use crate::events::Events;
use crate::inbox::Inbox;
use crate::sending::{SendFailure, Sending};
use crate::shared::{Shared, State};
use crate::transport::TransportStats;

/// Outcomes wait in a queue of their own, which holds more than anybody lets pile up.
const OUTCOMES: usize = 64;

/// One running node, as its application sees it. Cheap to clone; all clones are the same node.
///
/// Calls lock the node for as long as they take, microseconds; only [`Handle::join`] and [`Handle::leave`] wait. The
/// node runs as long as its adapter does; after that it [is closed](Handle::is_closed): it can still be read, and
/// writes are refused as while leaving.
#[derive(Debug)]
pub struct Handle<P: Peer> {
    shared: Arc<Shared<P>>,
}

impl<P: Peer> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<P: Peer> Handle<P> {
    pub(crate) fn new(shared: Arc<Shared<P>>) -> Self {
        Self { shared }
    }

    /// Locks the node, calls `f` with it and the current time, then hands its events to the subscribers and lets the
    /// adapter send. For everything that has no method here.
    ///
    /// `f` must be quick and must not call this handle, which would wait for itself.
    pub fn with<R>(&self, f: impl FnOnce(&mut Node<P>, Instant) -> R) -> R {
        self.run(|state, now| f(&mut state.node, now))
    }

    /// Joins the cluster through `contact` and waits for the answer: the number of live members that the contact
    /// knows, itself and this node included.
    ///
    /// Several contacts may be asked at once, each by a call of its own. Dropped, or after [`JoinFailure::NoAnswer`],
    /// the node goes on trying in the background.
    pub async fn join(&self, contact: P) -> Result<usize, JoinFailure> {
        let mut outcomes = self.run(|state, now| {
            if state.closed {
                return Err(JoinFailure::Closed);
            }
            let outcomes = state.hub.subscribe(OUTCOMES, |event| matches!(event, Event::Join { .. } | Event::Left));
            state.node.join(now, contact.clone()).map_err(JoinFailure::Command)?;
            Ok(Events::new(outcomes))
        })?;
        while let Some(event) = outcomes.recv().await {
            match event {
                Event::Join { contact: asked, result } if asked == contact => {
                    return result.map_err(|_| JoinFailure::NoAnswer);
                }
                Event::Left => break,
                // The outcome may be among what was missed: the table knows.
                Event::Lagged(_) => {
                    let live = self.shared.read(|state| state.node.members().live());
                    if live > 1 {
                        return Ok(live);
                    }
                }
                _ => {}
            }
        }
        Err(JoinFailure::Closed)
    }

    /// Leaves the cluster and waits until that is done, which `membership.leave_timeout` bounds, or until the node is
    /// closed.
    pub async fn leave(&self) {
        let outcome = self.run(|state, now| {
            let outcome = state.hub.subscribe(OUTCOMES, |event| matches!(event, Event::Left));
            state.node.leave(now);
            (!state.left).then_some(outcome)
        });
        let Some(mut outcome) = outcome.map(Events::new) else { return };
        while let Some(event) = outcome.recv().await {
            if matches!(event, Event::Left) || self.shared.read(|state| state.left) {
                return;
            }
        }
    }

    /// Marks a member that is down as left, everywhere; see [`Node::force_leave`].
    ///
    /// # Errors
    /// If the member is not known or not held down here, or while leaving.
    pub fn force_leave(&self, id: NodeId) -> Result<(), CommandError> {
        self.run(|state, now| {
            state.writable(CommandError::Leaving)?;
            state.node.force_leave(now, id)
        })
    }

    /// A new subscription to all events from now on, except direct messages and what became of them: those come by
    /// [`Handle::inbox`] and [`Handle::send_to`] alone. On a closed node it ends at once.
    pub fn events(&self) -> Events<P> {
        self.run(|state, _| {
            let capacity = state.node.config().max_events;
            Events::new(state.hub.subscribe(capacity, |_| true))
        })
    }

    /// Writes a key: in [`Scope::Shared`] any, in [`Scope::Own`] of this node's own id its own.
    pub fn set(&self, scope: Scope, key: &[u8], value: &[u8]) -> Result<Version, KvError> {
        self.run(|state, now| {
            state.writable(KvError::Leaving)?;
            state.node.kv_mut(now).set(scope, key, value)
        })
    }

    /// A key's value and the version that wrote it, as far as this node knows.
    pub fn get(&self, scope: Scope, key: &[u8]) -> Option<(Vec<u8>, Version)> {
        self.shared.read(|state| {
            let kv = state.node.kv();
            kv.get(scope, key).map(|entry| (entry.value.to_vec(), entry.version))
        })
    }

    /// Deletes a key; the rules are those of [`Handle::set`].
    pub fn delete(&self, scope: Scope, key: &[u8]) -> Result<Version, KvError> {
        self.run(|state, now| {
            state.writable(KvError::Leaving)?;
            state.node.kv_mut(now).delete(scope, key)
        })
    }

    /// Waits for the acknowledgements of a write for which [`KvMut::await_acks`](gossip_core::kv::KvMut::await_acks) was called
    /// within [`Handle::with`], best in the same call as the write itself.
    pub fn awaited(&self, version: Version) -> Awaited<P> {
        let events = self.run(|state, _| {
            let wants = |event: &Event<P>| matches!(event, Event::Acknowledged(_) | Event::Left);
            Events::new(state.hub.subscribe(OUTCOMES, wants))
        });
        Awaited::new(self.clone(), version, events)
    }

    /// Compares what both hold with another live member, as [`KvMut::diff`](gossip_core::kv::KvMut::diff) does, and waits for
    /// what was found. Dropped, the comparison goes on.
    ///
    /// # Errors
    /// What that refuses, or that the node ends before.
    pub async fn diff(&self, with: NodeId, within: Duration) -> Result<Arc<Diff>, KvError> {
        let (id, mut events) = self.run(|state, now| {
            state.writable(KvError::Leaving)?;
            let wants = |event: &Event<P>| matches!(event, Event::Compared(_) | Event::Left);
            let queue = state.hub.subscribe(OUTCOMES, wants);
            let id = state.node.kv_mut(now).diff(with, within)?;
            Ok((id, Events::new(queue)))
        })?;
        while let Some(event) = events.recv().await {
            match event {
                Event::Compared(diff) if diff.id == id => return Ok(diff),
                Event::Left => break,
                _ => {}
            }
        }
        Err(KvError::Leaving)
    }

    /// Sends a message of [`Class::Normal`] to all members; this node itself does not get it back.
    pub fn publish(&self, topic: &[u8], payload: &[u8]) -> Result<MessageId, BroadcastError> {
        self.publish_with(Class::Normal, topic, payload)
    }

    /// As [`Handle::publish`], in another way: a [`Class`], or more of [`SendOptions`].
    pub fn publish_with<'o>(
        &self,
        options: impl Into<SendOptions<'o>>,
        topic: &[u8],
        payload: &[u8],
    ) -> Result<MessageId, BroadcastError> {
        self.run(|state, now| {
            state.writable(BroadcastError::Leaving)?;
            state.node.broadcasts_mut(now).send_with(options, topic, payload)
        })
    }

    /// Takes back a message of this node; see [`BroadcastsMut::cancel`](gossip_core::broadcast::BroadcastsMut::cancel).
    pub fn cancel(&self, id: MessageId) -> Result<MessageId, BroadcastError> {
        self.run(|state, now| {
            state.writable(BroadcastError::Leaving)?;
            state.node.broadcasts_mut(now).cancel(id)
        })
    }

    /// Takes messages of this topic, and of no others but those named before; see
    /// [`BroadcastsMut::subscribe`](gossip_core::broadcast::BroadcastsMut::subscribe).
    pub fn subscribe(&self, topic: &[u8]) -> Result<(), BroadcastError> {
        self.run(|state, now| state.node.broadcasts_mut(now).subscribe(topic))
    }

    /// Takes no more messages of this topic.
    pub fn unsubscribe(&self, topic: &[u8]) {
        self.run(|state, now| state.node.broadcasts_mut(now).unsubscribe(topic));
    }

    /// Takes messages of all topics, as in the beginning.
    pub fn subscribe_all(&self) {
        self.run(|state, now| state.node.broadcasts_mut(now).subscribe_all());
    }

    /// What is known of how far a message got that is kept; see
    /// [`Broadcasts::delivery`](gossip_core::broadcast::Broadcasts::delivery).
    pub fn delivery(&self, id: MessageId) -> Option<Delivery> {
        self.shared.read(|state| state.node.broadcasts().delivery(id))
    }

    /// Asks members for a message that is kept, until a share of them, 0 to 1, have it with a confidence of 95 %, or the time is
    /// over: what is known then, which [`Coverage::at_least`] tells. Dropped, the asking goes on.
    ///
    /// # Errors
    /// If the message is not kept, too many are asked for others, or the node ends before.
    pub async fn wait_coverage(&self, id: MessageId, share: f64, within: Duration) -> Result<Coverage, BroadcastError> {
        let mut events = self.run(|state, now| {
            state.writable(BroadcastError::Leaving)?;
            let wants = |event: &Event<P>| matches!(event, Event::Coverage(..) | Event::Left);
            let queue = state.hub.subscribe(OUTCOMES, wants);
            state.node.broadcasts_mut(now).survey(id, Survey::until(share).within(within))?;
            Ok(Events::new(queue))
        })?;
        while let Some(event) = events.recv().await {
            match event {
                Event::Coverage(of, coverage) if of == id => return Ok(coverage),
                // It may be among what was missed: the node knows how far it is.
                Event::Lagged(_) => {
                    let known = self.delivery(id).and_then(|delivery| delivery.coverage);
                    if let Some(coverage) = known.filter(|known| known.at_least() >= share) {
                        return Ok(coverage);
                    }
                }
                Event::Left => break,
                _ => {}
            }
        }
        Err(BroadcastError::Leaving)
    }

    /// Sends a message to one member's inbox of that port; see [`Node::send_to`]. It is under way when this returns; what is
    /// returned waits for its outcome.
    ///
    /// # Errors
    /// The node refused to send it.
    pub fn send_to(&self, to: NodeId, port: u8, data: &[u8]) -> Result<Sending, SendFailure> {
        self.run(|state, now| {
            state.writable(SendFailure::Closed)?;
            let id = state.node.send_to(now, to, port, data).map_err(SendFailure::Command)?;
            Ok(state.sending.wait(id))
        })
    }

    /// Opens the inbox of a port for `capacity` messages. Without one, and while it is full, senders are told that the inbox
    /// is full. None if it is open already, or if there is no such port. On a closed node it ends at once.
    pub fn inbox(&self, port: u8, capacity: usize) -> Option<Inbox> {
        self.run(|state, _| state.inboxes.open(port, capacity))
    }

    /// What the node has counted since it was made.
    pub fn stats(&self) -> Stats {
        self.shared.read(|state| state.node.stats().clone())
    }

    /// What its adapter has counted since then.
    pub fn transport(&self) -> TransportStats {
        self.shared.transport().read()
    }

    /// Whether the address is that of a live member, as far as this node knows.
    pub fn is_live_at(&self, addr: &P) -> bool {
        self.shared.read(|state| state.node.members().at(addr).is_some())
    }

    /// Whether the adapter has stopped: nothing is sent or received any more.
    pub fn is_closed(&self) -> bool {
        self.shared.read(|state| state.closed)
    }

    pub(crate) fn shared(&self) -> &Shared<P> {
        &self.shared
    }

    fn run<R>(&self, f: impl FnOnce(&mut State<P>, Instant) -> R) -> R {
        let result = self.shared.run(f);
        self.shared.wake_driver();
        result
    }
}

impl<P: Peer> State<P> {
    /// No write on a closed node reports success: nobody would hear of it.
    fn writable<E>(&self, refusal: E) -> Result<(), E> {
        if self.closed { Err(refusal) } else { Ok(()) }
    }
}

/// Why [`Handle::join`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinFailure {
    /// The node refused to try.
    Command(CommandError),
    /// The contact did not answer within `membership.join_timeout`. While it is alone the node goes on trying each
    /// `membership.reconnect_interval`.
    NoAnswer,
    /// The node left or was closed meanwhile.
    Closed,
}

impl fmt::Display for JoinFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(error) => write!(f, "cannot join: {error}"),
            Self::NoAnswer => f.write_str(
                "the contact does not answer: check the address, that a node of the same cluster label runs there, and the \
                 firewall; joining is tried again in the background",
            ),
            Self::Closed => f.write_str("the node has left or was stopped"),
        }
    }
}

impl std::error::Error for JoinFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Command(error) => Some(error),
            Self::NoAnswer | Self::Closed => None,
        }
    }
}
