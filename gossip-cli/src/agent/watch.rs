//! What happens to the member, in the log; and the joins that the command line asked for.

use std::collections::HashSet;
use std::net::SocketAddr;

use gossip_core::{Event, JoinError, MemberChange, MemberEvent, NodeId};
use gossip_handle::Handle;
use tokio::task::JoinHandle;

use crate::profile::Profile;

/// Logs the node's events until it ends.
pub(super) fn spawn(handle: &Handle<SocketAddr>) -> JoinHandle<()> {
    let handle = handle.clone();
    tokio::spawn(async move {
        let mut events = handle.events();
        let mut log = Log { handle, announced: HashSet::new() };
        while let Some(event) = events.recv().await {
            log.event(&event);
        }
    })
}

/// Starts joining through every contact but this member itself; the log tells how it goes.
pub(super) fn join(handle: &Handle<SocketAddr>, contacts: &[SocketAddr], own: SocketAddr) {
    for contact in contacts {
        if *contact == own {
            tracing::debug!("not joining through {contact}: that is this member");
        } else if let Err(error) = handle.with(|node, now| node.join(now, *contact)) {
            tracing::warn!("cannot join through {contact}: {error}");
        }
    }
}

struct Log {
    handle: Handle<SocketAddr>,
    /// Live members that the log has named: a member's name follows some time after the first news of it.
    announced: HashSet<NodeId>,
}

impl Log {
    fn event(&mut self, event: &Event<SocketAddr>) {
        match event {
            Event::Members(changes) => changes.iter().for_each(|change| self.member(change)),
            Event::Join { contact, result: Ok(live) } => {
                tracing::info!("joined through {contact}: {live} live members");
            }
            Event::Join { result: Err(JoinError::NoAnswer), .. } => {
                tracing::warn!(
                    "no contact answered yet; trying on: is an agent of the same --cluster label there, and does a \
                     firewall let UDP through?"
                );
            }
            Event::Lagged(missed) => tracing::debug!("{missed} events were not logged: too many at once"),
            _ => {}
        }
    }

    fn member(&mut self, event: &MemberEvent<SocketAddr>) {
        let metadata = self.handle.with(|node, _| node.members().get(event.id).map(|member| member.metadata.to_vec()));
        let metadata = metadata.unwrap_or_default();
        let (name, addr) = (Profile::decode(event.id, &metadata).name, event.addr);
        match event.change {
            MemberChange::Up | MemberChange::Updated if metadata.is_empty() => {
                tracing::debug!("{name} at {addr} is up");
            }
            MemberChange::Up | MemberChange::Updated if self.announced.insert(event.id) => {
                tracing::info!("{name} at {addr} is up");
            }
            MemberChange::Down => {
                self.announced.remove(&event.id);
                tracing::warn!("{name} at {addr} is down");
            }
            MemberChange::Left => {
                self.announced.remove(&event.id);
                tracing::info!("{name} at {addr} has left");
            }
            MemberChange::Suspect => tracing::debug!("{name} at {addr} is suspected"),
            _ => tracing::debug!("{name} at {addr} was updated"),
        }
    }
}
