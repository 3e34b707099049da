//! Local writes: refused before anything changes if they could not be kept, answered when they are on disk.

use std::net::SocketAddr;

use gossip_core::kv::{KvError, KvMut, Quorum, Scope, Version};
use gossip_handle::Awaited;

use super::State;
use super::error::{ApiError, of_key};
use crate::agent::saver::Ticket;

/// A write that is in the map, and on its way to the disk if there is one.
#[derive(Debug)]
#[must_use]
pub(super) struct Written {
    pub(super) version: Version,
    ticket: Option<Ticket>,
    awaited: Option<Awaited<SocketAddr>>,
}

impl Written {
    /// Waits until it, and every write before it, is on disk. What is left is to await the others, if they were asked.
    pub(super) async fn kept(self) -> Result<(Version, Option<Awaited<SocketAddr>>), ApiError> {
        if let Some(ticket) = self.ticket {
            ticket.on_disk().await?;
        }
        Ok((self.version, self.awaited))
    }
}

impl State {
    /// Sets a key; `shown` is what the user calls it. Whoever is to acknowledge it is asked to.
    pub(super) fn set(
        &self,
        shown: &str,
        scope: Scope,
        key: &[u8],
        value: &[u8],
        quorum: Option<Quorum>,
    ) -> Result<Written, ApiError> {
        self.write(shown, quorum, |kv| kv.set(scope, key, value))
    }

    /// Deletes a key.
    pub(super) fn delete(
        &self,
        shown: &str,
        scope: Scope,
        key: &[u8],
        quorum: Option<Quorum>,
    ) -> Result<Written, ApiError> {
        self.write(shown, quorum, |kv| kv.delete(scope, key))
    }

    fn write(
        &self,
        shown: &str,
        quorum: Option<Quorum>,
        change: impl FnOnce(&mut KvMut<'_, SocketAddr>) -> Result<Version, KvError>,
    ) -> Result<Written, ApiError> {
        if self.handle.is_closed() {
            return Err(of_key(shown, KvError::Leaving));
        }
        // Under one lock, so that the journal has the writes in the order of their versions.
        let (version, ticket) = self.handle.with(|node, now| {
            if let Some(saver) = &self.saver {
                saver.ready()?;
            }
            let refused = |error| of_key(shown, error);
            let mut kv = node.kv_mut(now);
            // Before the write: one that cannot be awaited is not made.
            quorum.map_or(Ok(0), |quorum| kv.check_await(quorum)).map_err(refused)?;
            let version = change(&mut kv).map_err(refused)?;
            quorum.map_or(Ok(()), |quorum| kv.await_acks(version, quorum)).map_err(refused)?;
            let ticket = self.saver.as_ref().map(|saver| saver.record(node.kv(), version));
            Ok::<_, ApiError>((version, ticket))
        })?;
        Ok(Written { version, ticket, awaited: quorum.map(|_| self.handle.awaited(version)) })
    }
}
