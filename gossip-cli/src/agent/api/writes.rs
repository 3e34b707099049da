//! Local writes: refused before anything changes if they could not be kept, answered when they are on disk.

use std::net::SocketAddr;

use gossip_core::kv::{KvError, Scope, Version};
use gossip_core::{Instant, Node};
use gossip_handle::Awaited;

use super::State;
use super::error::{ApiError, of_key};
use super::terms::Terms;
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
    /// Sets a key; `shown` is what the user calls it.
    pub(super) fn set(
        &self,
        shown: &str,
        scope: Scope,
        key: &[u8],
        value: &[u8],
        terms: &Terms,
    ) -> Result<Written, ApiError> {
        self.write(shown, terms, |node, now| {
            let options = terms.check(shown, node.kv().key(scope, key))?;
            node.kv_mut(now).set_with(scope, key, value, &options).map_err(|error| of_key(shown, error))
        })
    }

    /// Deletes a key.
    pub(super) fn delete(&self, shown: &str, scope: Scope, key: &[u8], terms: &Terms) -> Result<Written, ApiError> {
        self.write(shown, terms, |node, now| {
            let options = terms.check(shown, node.kv().key(scope, key))?;
            node.kv_mut(now).delete_with(scope, key, &options).map_err(|error| of_key(shown, error))
        })
    }

    /// Makes one write, which is recorded and, if the terms say so, awaited. Whoever is to acknowledge it is asked to.
    pub(super) fn write(
        &self,
        shown: &str,
        terms: &Terms,
        change: impl FnOnce(&mut Node<SocketAddr>, Instant) -> Result<Version, ApiError>,
    ) -> Result<Written, ApiError> {
        let quorum = terms.quorum;
        if self.handle.is_closed() {
            return Err(of_key(shown, KvError::Leaving));
        }
        // Under one lock, so that the journal has the writes in the order of their versions.
        let (version, ticket) = self.handle.with(|node, now| {
            if let Some(saver) = &self.saver {
                saver.ready()?;
            }
            let refused = |error| of_key(shown, error);
            // Before the write: one that cannot be awaited is not made.
            quorum.map_or(Ok(0), |quorum| node.kv_mut(now).check_await(quorum)).map_err(refused)?;
            let version = change(node, now)?;
            let ticket = self.saver.as_ref().map(|saver| saver.record(node.kv(), version));
            quorum.map_or(Ok(()), |quorum| node.kv_mut(now).await_acks(version, quorum)).map_err(refused)?;
            Ok::<_, ApiError>((version, ticket))
        })?;
        Ok(Written { version, ticket, awaited: quorum.map(|_| self.handle.awaited(version)) })
    }
}
