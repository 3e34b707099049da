//! What happens to the member, in the log; and the joins that the command line asked for.

use std::collections::HashSet;
use std::net::SocketAddr;

use gossip_core::{Claimant, Event, JoinError, MemberChange, MemberEvent, NodeId};
use gossip_handle::Handle;
use tokio::task::JoinHandle;

use crate::exit::Failure;
use crate::profile::Profile;

/// Logs the node's events until it ends; why, if it did so by itself.
pub(super) fn spawn(handle: &Handle<SocketAddr>) -> JoinHandle<Failure> {
    let handle = handle.clone();
    tokio::spawn(async move {
        let mut events = handle.events();
        let mut log = Log { handle, announced: HashSet::new(), lost_to: None };
        while let Some(event) = events.recv().await {
            log.event(&event);
        }
        log.why_it_ended()
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
    /// Where the member is that keeps this one's name.
    lost_to: Option<SocketAddr>,
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
            Event::Partition { reachable, roster } => {
                tracing::warn!("partition: {reachable} of {roster} members are reachable from here");
            }
            Event::Healed { reachable, roster } => {
                tracing::info!("the partition has healed: {reachable} of {roster} members are reachable");
            }
            Event::Namesake { id, winner, loser } => self.namesake(*id, winner, loser),
            Event::ClockSkew { ahead_ms } => tracing::warn!(
                "a member's clock is {ahead_ms} ms ahead of this one: of values written at the same time its are shown; \
                 is the time synchronised on all machines?"
            ),
            Event::Lagged(missed) => tracing::debug!("{missed} events were not logged: too many at once"),
            _ => {}
        }
    }

    fn namesake(&mut self, id: NodeId, winner: &Claimant<SocketAddr>, loser: &Claimant<SocketAddr>) {
        let (me, addr, metadata) = self.handle.with(|node, _| {
            let (me, members) = (node.identity().id, node.members());
            let own = members.get(me).map(|member| *member.addr);
            (me, own, members.get(id).map(|member| member.metadata.to_vec()).unwrap_or_default())
        });
        let name = Profile::decode(id, &metadata).name;
        let (winner, loser) = (winner.addr, loser.addr);
        if id == me && addr != Some(winner) {
            tracing::error!("another live member is {name}, too: {winner} started later and keeps the name");
            self.lost_to = Some(winner);
        } else {
            tracing::warn!("two live members are {name}: {winner} keeps the name, {loser} stops");
        }
    }

    fn why_it_ended(self) -> Failure {
        match self.lost_to {
            Some(winner) => Failure::namesake(format!("another live member bears this one's name: {winner} keeps it"))
                .hint("give each member a name of its own with --name; members of one --data-dir are one member"),
            None => Failure::failed("the node stopped unexpectedly").hint("the log says why"),
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
            MemberChange::Flapping => {
                self.announced.insert(event.id);
                tracing::warn!("{name} at {addr} is up, and flaps: it failed and came back again and again");
            }
            MemberChange::Suspect => tracing::debug!("{name} at {addr} is suspected"),
            _ => tracing::debug!("{name} at {addr} was updated"),
        }
    }
}
