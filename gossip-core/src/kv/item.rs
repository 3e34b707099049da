//! What is known of a key, and how it is kept.

use alloc::boxed::Box;
use alloc::sync::Arc;

use gossip_collections::SmallVec;
use gossip_crdt::{Dot, Stamp};

use super::content::{Blob, winner};
use crate::identity::{Identity, NodeId};
use crate::time::Instant;

/// What one replica knows of a key.
pub(crate) type Item = gossip_crdt::Keyed<Identity, Blob, Instant>;

/// How long it lives still, in milliseconds.
pub(crate) fn expires_in(expires: Option<Instant>, now: Instant) -> Option<u64> {
    expires.map(|at| u64::try_from(at.since(now).as_millis()).unwrap_or(u64::MAX - 1))
}

/// Whether one member wrote all that an item shows.
pub(crate) fn is_of(item: &Item, id: NodeId) -> bool {
    item.dots().iter().all(|dot| dot.writer.id == id)
}

/// An item as it is kept: a register that was written once takes a quarter of the room.
#[derive(Debug)]
pub(crate) enum Held {
    Plain { writer: Arc<Identity>, counter: u64, stamp: Stamp, value: Box<[u8]> },
    Rich(Box<Item>),
}

impl Held {
    pub(crate) fn new(item: Item, name: impl FnOnce(Identity) -> Arc<Identity>) -> Self {
        match item.as_plain() {
            Some((dot, Some((stamp, value)))) if item.expires.is_none() => {
                Self::Plain { writer: name(dot.writer), counter: dot.counter, stamp, value: Box::from(&**value) }
            }
            _ => Self::Rich(Box::new(item)),
        }
    }

    pub(crate) fn open(&self) -> Item {
        match self {
            Self::Plain { writer, counter, stamp, value } => {
                Item::value(Dot::new(**writer, *counter), *stamp, Blob::from(&**value))
            }
            Self::Rich(item) => Item::clone(item),
        }
    }

    pub(crate) fn heads(&self) -> SmallVec<[Dot<Identity>; 2]> {
        match self {
            Self::Plain { writer, counter, .. } => SmallVec::from_iter([Dot::new(**writer, *counter)]),
            Self::Rich(item) => SmallVec::from_slice(item.heads()),
        }
    }

    /// The writes that it shows.
    pub(crate) fn dots(&self) -> SmallVec<[Dot<Identity>; 2]> {
        match self {
            Self::Plain { .. } => self.heads(),
            Self::Rich(item) => item.dots(),
        }
    }

    pub(crate) fn is_visible(&self) -> bool {
        match self {
            Self::Plain { .. } => true,
            Self::Rich(item) => item.is_visible(),
        }
    }

    /// The value of a register that is shown, and which write set it.
    pub(crate) fn value(&self, own: bool) -> Option<(Dot<Identity>, &[u8])> {
        match self {
            Self::Plain { writer, counter, value, .. } => Some((Dot::new(**writer, *counter), value)),
            Self::Rich(item) => winner(item.content().siblings()?, own).map(|(dot, value)| (*dot, &**value)),
        }
    }
}
