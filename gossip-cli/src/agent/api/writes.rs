//! Local writes: refused before anything changes if they could not be kept, answered when they are on disk.

use std::net::SocketAddr;

use gossip_core::kv::{KvError, KvMut, Scope, Version};

use super::State;
use super::error::{ApiError, of_key};
use crate::agent::saver::Ticket;

/// A write that is in the map, and on its way to the disk if there is one.
#[derive(Debug)]
#[must_use]
pub(super) struct Written {
    pub(super) version: Version,
    ticket: Option<Ticket>,
}

impl Written {
    /// Waits until it, and every write before it, is on disk.
    pub(super) async fn kept(self) -> Result<Version, ApiError> {
        if let Some(ticket) = self.ticket {
            ticket.on_disk().await?;
        }
        Ok(self.version)
    }
}

impl State {
    /// Sets a key; `shown` is what the user calls it.
    pub(super) fn set(&self, shown: &str, scope: Scope, key: &[u8], value: &[u8]) -> Result<Written, ApiError> {
        self.write(shown, |mut kv| kv.set(scope, key, value))
    }

    /// Deletes a key.
    pub(super) fn delete(&self, shown: &str, scope: Scope, key: &[u8]) -> Result<Written, ApiError> {
        self.write(shown, |mut kv| kv.delete(scope, key))
    }

    fn write(
        &self,
        shown: &str,
        change: impl FnOnce(KvMut<'_, SocketAddr>) -> Result<Version, KvError>,
    ) -> Result<Written, ApiError> {
        if self.handle.is_closed() {
            return Err(of_key(shown, KvError::Leaving));
        }
        // Under one lock, so that the journal has the writes in the order of their versions.
        self.handle.with(|node, now| {
            if let Some(saver) = &self.saver {
                saver.ready()?;
            }
            let version = change(node.kv_mut(now)).map_err(|error| of_key(shown, error))?;
            let ticket = self.saver.as_ref().map(|saver| saver.record(node.kv(), version));
            Ok(Written { version, ticket })
        })
    }
}
