//! The agent's own inbox: messages of `gossip send`, kept until somebody reads them.

use std::net::SocketAddr;
use std::sync::Arc;

use gossip_handle::{Handle, Inbox};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The port of mail.
pub(super) const PORT: u8 = 0;
/// Messages that wait for a reader. At the limit senders are told that the inbox is full.
const CAPACITY: usize = 1024;

/// The inbox, which has one reader at a time.
#[derive(Clone)]
pub(super) struct Mail(Arc<Mutex<Option<Inbox>>>);

/// The inbox in the hands of its reader.
pub(super) struct Reader(OwnedMutexGuard<Option<Inbox>>);

impl Mail {
    pub(super) fn new(handle: &Handle<SocketAddr>) -> Self {
        Self(Arc::new(Mutex::new(handle.inbox(PORT, CAPACITY))))
    }

    /// The inbox for reading; none if somebody reads it.
    pub(super) fn read(&self) -> Option<Reader> {
        Arc::clone(&self.0).try_lock_owned().ok().map(Reader)
    }
}

impl Reader {
    /// The next message; none when the node has ended. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<gossip_core::direct::Direct> {
        match self.0.as_mut() {
            Some(inbox) => inbox.recv().await,
            None => None,
        }
    }
}
