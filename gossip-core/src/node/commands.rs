//! What the application says to a node, and what it looks at: commands and facades.

use super::Node;
#[cfg(feature = "broadcast")]
use crate::broadcast::{Broadcasts, BroadcastsMut};
use crate::config::Config;
#[cfg(feature = "direct")]
use crate::direct::{DirectId, Directs};
use crate::error::CommandError;
use crate::identity::{Identity, NodeId};
#[cfg(feature = "kv")]
use crate::kv::{Kv, KvMut};
use crate::membership::Members;
use crate::peer::Peer;
use crate::stats::{Queues, Stats};
use crate::time::Instant;

impl<P: Peer> Node<P> {
    /// Joins the cluster through a contact, of which only the address is known; more contacts may be given. The outcome
    /// is [`crate::Event::Join`].
    ///
    /// # Errors
    /// While leaving, or with more than 64 contacts.
    pub fn join(&mut self, now: Instant, contact: P) -> Result<(), CommandError> {
        self.membership.join(&self.shared.cx(now), contact)
    }

    /// Leaves the cluster: makes sure that another member holds what was written here, says goodbye, and tells
    /// [`crate::Event::Left`] when that is done, within `membership.leave_timeout`. Drive the node on until then; it takes no
    /// commands meanwhile.
    pub fn leave(&mut self, now: Instant) {
        self.membership.leave(&self.shared.cx(now));
        self.go_on_leaving(now);
    }

    /// Marks a member that is down as left, here and everywhere: nobody contacts it any more to see whether it is back. If it
    /// is alive after all, it returns when it contacts somebody. To say it again is harmless.
    ///
    /// # Errors
    /// If the member is not known, or is not held down here; or while leaving.
    pub fn force_leave(&mut self, now: Instant, id: NodeId) -> Result<(), CommandError> {
        self.membership.force_leave(&mut self.shared.cx(now), id)
    }

    /// States a new address of this node.
    pub fn set_address(&mut self, now: Instant, addr: P) {
        self.membership.set_address(&mut self.shared.cx(now), addr);
    }

    /// Replaces this node's metadata: the application's own bytes, which every member sees.
    ///
    /// # Errors
    /// Longer than `membership.max_metadata`, or while leaving.
    pub fn set_metadata(&mut self, now: Instant, bytes: &[u8]) -> Result<(), CommandError> {
        self.membership.set_profile(&mut self.shared.cx(now), Some(bytes), None)
    }

    /// Replaces this node's hints: the transport's own bytes, for example further addresses.
    ///
    /// # Errors
    /// Longer than 256 bytes, or while leaving.
    pub fn set_hints(&mut self, now: Instant, bytes: &[u8]) -> Result<(), CommandError> {
        self.membership.set_profile(&mut self.shared.cx(now), None, Some(bytes))
    }

    /// How often this node tells a member its news, against other members: twice as often at twice the weight. Every
    /// member weighs 100 at first; none counts as less than a sixteenth of the heaviest, so that nobody is left out.
    /// Probes of failure detection do not follow it. It is this node's own affair, and over when the member is forgotten.
    ///
    /// # Errors
    /// Of a member that is not known.
    pub fn set_weight(&mut self, id: NodeId, weight: u16) -> Result<(), CommandError> {
        self.shared.table.set_weight(id, weight)
    }

    /// Sends a message to one member, which gets it at most once. What became of it is told by [`crate::Event::Sent`] within
    /// `direct.timeout`, unless the node leaves before.
    ///
    /// `port` says which of the receiver's inboxes it is for, below [`crate::wire::direct::PORTS`]. Messages may overtake
    /// each other.
    ///
    /// # Errors
    /// To a member that is not known or not live; longer than fits a datagram, or a frame if both have a stream lane; too many
    /// under way; to no port; turned off, or while
    /// leaving.
    #[cfg(feature = "direct")]
    pub fn send_to(&mut self, now: Instant, to: NodeId, port: u8, data: &[u8]) -> Result<DirectId, CommandError> {
        if !self.membership.takes_commands() {
            return Err(CommandError::Leaving);
        }
        self.direct.send(&mut self.shared.cx(now), to, port, data)
    }

    /// How many more direct messages the application can take at a port; each that arrives takes one away, and with no
    /// room left its sender is told that the inbox is full. Without a word the queue of events is the only limit.
    #[cfg(feature = "direct")]
    pub fn set_inbox_room(&mut self, port: u8, room: usize) {
        self.direct.set_room(port, room);
    }

    /// Who this node is. Its generation grows if a former life of it turns out to be remembered under a higher one.
    pub fn identity(&self) -> Identity {
        self.shared.me
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// How full what membership and broadcast keep was at most, beside its limits.
    pub fn queues(&self) -> Queues {
        let queues = self.membership.queues(&self.shared.table, &self.shared.config.membership);
        #[cfg(feature = "broadcast")]
        let queues = Queues { broadcast: self.broadcast.queues(&self.shared.config), ..queues };
        queues
    }

    /// What it counted.
    pub fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// Who is known.
    pub fn members(&self) -> Members<'_, P> {
        Members::new(&self.shared.table, self.shared.now)
    }

    /// The key-value map, to read.
    #[cfg(feature = "kv")]
    pub fn kv(&self) -> Kv<'_> {
        self.kv.facade(self.shared.now)
    }

    /// The key-value map, to write.
    #[cfg(feature = "kv")]
    pub fn kv_mut(&mut self, now: Instant) -> KvMut<'_, P> {
        KvMut::new(&mut self.kv, &mut self.membership, self.shared.cx(now))
    }

    /// Direct messages, to look at.
    #[cfg(feature = "direct")]
    pub fn directs(&self) -> Directs<'_, P> {
        self.direct.facade(&self.shared.config)
    }

    /// The neighbours of broadcast's overlay: a few members that are near and a random one, and those that chose this node.
    #[cfg(feature = "broadcast")]
    pub fn neighbours(&self) -> impl Iterator<Item = &P> + '_ {
        self.broadcast.neighbours()
    }

    /// Broadcast, to look at.
    #[cfg(feature = "broadcast")]
    pub fn broadcasts(&self) -> Broadcasts<'_> {
        self.broadcast.facade(self.bulk.bytes(), &self.shared.config)
    }

    /// Broadcast, to send.
    #[cfg(feature = "broadcast")]
    pub fn broadcasts_mut(&mut self, now: Instant) -> BroadcastsMut<'_, P> {
        BroadcastsMut::new(&mut self.broadcast, &mut self.bulk, self.shared.cx(now), self.membership.takes_commands())
    }
}
