//! Whom the node is connected to, and what waits to be sent to whom.

use std::collections::HashMap;
use std::sync::Arc;

use asynchronous_codec::Bytes;
use gossip_core::Lane;
use gossip_handle::TransportCounters;
use libp2p_identity::PeerId;
use libp2p_swarm::dial_opts::DialOpts;
use libp2p_swarm::{ConnectionId, NotifyHandler, ToSwarm};

use crate::behaviour::Event;
use crate::outbox::Outbox;
use crate::peer::Libp2pPeer;

/// What the swarm is asked for.
pub(crate) type Action = ToSwarm<Event, Arc<Outbox>>;

/// The peers that are connected, or dialled because the node wants to send there.
pub(crate) struct Links {
    links: HashMap<Libp2pPeer, Link>,
    limits: [usize; 2],
    counters: Arc<TransportCounters>,
}

struct Link {
    outbox: Arc<Outbox>,
    /// The first has the outbox. None: the peer is being dialled.
    connections: Vec<ConnectionId>,
}

impl Links {
    /// `limits` are the packets of each lane that may wait for one peer.
    pub(crate) fn new(limits: [usize; 2], counters: Arc<TransportCounters>) -> Self {
        Self { links: HashMap::new(), limits, counters }
    }

    /// Queues a packet; a peer that is not connected has to be dialled.
    pub(crate) fn send(&mut self, to: Libp2pPeer, lane: Lane, packet: &[u8]) -> Option<Action> {
        let known = self.links.contains_key(&to);
        let dropped = self.link(to).outbox.push(lane, Bytes::copy_from_slice(packet));
        match lane {
            Lane::Datagram => self.counters.datagrams_unqueued.add(dropped),
            Lane::Stream => self.counters.frames_unqueued.add(dropped),
        }
        (!known).then(|| dial(to))
    }

    /// The first connection to a peer gets what waits for it.
    pub(crate) fn connected(&mut self, peer: Libp2pPeer, connection: ConnectionId) -> Option<Action> {
        let link = self.link(peer);
        link.connections.push(connection);
        (link.connections.len() == 1).then(|| link.hand_over(peer)).flatten()
    }

    /// What waits goes over another connection, if there is one. If this node itself closed the last one, for want of use, it is
    /// dialled anew; what the peer closed, or the network, is a loss as any other.
    pub(crate) fn disconnected(&mut self, peer: Libp2pPeer, connection: ConnectionId, idle: bool) -> Option<Action> {
        let link = self.links.get_mut(&peer)?;
        link.connections.retain(|open| *open != connection);
        let unused = link.outbox.is_empty(Lane::Datagram) && link.outbox.is_empty(Lane::Stream);
        if link.connections.is_empty() && (unused || !idle) {
            self.forget(peer);
            return None;
        }
        link.hand_over(peer).or_else(|| Some(dial(peer)))
    }

    /// Forgets what waits for a peer that could not be dialled; says whether anybody waited for it.
    pub(crate) fn undialled(&mut self, peer: Libp2pPeer) -> bool {
        let dialled = self.is_dialled(peer);
        if dialled {
            self.forget(peer);
        }
        dialled
    }

    /// Whether something waits for a connection to the peer.
    pub(crate) fn is_dialled(&self, peer: Libp2pPeer) -> bool {
        self.links.get(&peer).is_some_and(|link| link.connections.is_empty())
    }

    fn forget(&mut self, peer: Libp2pPeer) {
        if let Some(link) = self.links.remove(&peer) {
            self.counters.datagrams_unsent.add(link.outbox.clear(Lane::Datagram));
            self.counters.frames_unsent.add(link.outbox.clear(Lane::Stream));
        }
    }

    fn link(&mut self, peer: Libp2pPeer) -> &mut Link {
        let outbox = || Arc::new(Outbox::new(self.limits));
        self.links.entry(peer).or_insert_with(|| Link { outbox: outbox(), connections: Vec::new() })
    }
}

impl Link {
    fn hand_over(&self, peer: Libp2pPeer) -> Option<Action> {
        let handler = NotifyHandler::One(*self.connections.first()?);
        Some(ToSwarm::NotifyHandler { peer_id: peer.into(), handler, event: Arc::clone(&self.outbox) })
    }
}

/// Where the peer is reached is asked of all behaviours of the swarm, this one included.
fn dial(peer: Libp2pPeer) -> Action {
    ToSwarm::Dial { opts: DialOpts::peer_id(PeerId::from(peer)).build() }
}

#[cfg(test)]
mod tests {
    use libp2p_identity::Keypair;

    use super::*;

    fn peer() -> Libp2pPeer {
        Libp2pPeer::try_from(Keypair::ed25519_from_bytes([7; 32]).unwrap().public().to_peer_id()).unwrap()
    }

    fn links() -> (Links, Arc<TransportCounters>) {
        let counters = Arc::new(TransportCounters::default());
        (Links::new([2, 1], Arc::clone(&counters)), counters)
    }

    #[test]
    fn a_peer_is_dialled_once_for_all_that_waits_and_of_that_the_oldest_goes_first() {
        let (mut links, counters) = links();
        assert!(matches!(links.send(peer(), Lane::Datagram, b"a"), Some(ToSwarm::Dial { .. })));
        for packet in [b"b", b"c"] {
            assert!(links.send(peer(), Lane::Datagram, packet).is_none());
        }
        for packet in [b"large", b"later"] {
            assert!(links.send(peer(), Lane::Stream, packet).is_none());
        }
        let Some(ToSwarm::NotifyHandler { event: outbox, .. }) =
            links.connected(peer(), ConnectionId::new_unchecked(1))
        else {
            panic!("the connection gets what waits")
        };
        let left = [outbox.pop(Lane::Datagram), outbox.pop(Lane::Datagram), outbox.pop(Lane::Stream)];
        assert_eq!(left.map(Option::unwrap), ["b", "c", "later"]);
        let counted = counters.read();
        assert_eq!((counted.datagrams_unqueued, counted.frames_unqueued), (1, 1));
    }

    #[test]
    fn what_waits_moves_to_another_connection_and_only_after_an_idle_one_to_a_new_one() {
        for idle in [true, false] {
            let (mut links, counters) = links();
            let [first, second] = [1, 2].map(ConnectionId::new_unchecked);
            assert!(links.connected(peer(), first).is_some() && links.connected(peer(), second).is_none());
            assert!(links.send(peer(), Lane::Datagram, b"a").is_none());
            let Some(ToSwarm::NotifyHandler { handler: NotifyHandler::One(next), .. }) =
                links.disconnected(peer(), first, idle)
            else {
                panic!("the other connection gets what waits")
            };
            assert_eq!(next, second);
            let after = links.disconnected(peer(), second, idle);
            assert_eq!(matches!(after, Some(ToSwarm::Dial { .. })), idle);
            assert_eq!((links.is_dialled(peer()), counters.read().datagrams_unsent), (idle, u64::from(!idle)));
        }
    }

    #[test]
    fn a_peer_that_cannot_be_dialled_is_forgotten_with_what_waited_for_it() {
        let (mut links, counters) = links();
        links.send(peer(), Lane::Datagram, b"a");
        links.send(peer(), Lane::Stream, b"large");
        assert!(links.undialled(peer()) && !links.undialled(peer()));
        assert_eq!((counters.read().datagrams_unsent, counters.read().frames_unsent), (1, 1));
        assert!(links.send(peer(), Lane::Datagram, b"b").is_some(), "it is dialled anew");
    }

    #[test]
    fn nothing_is_kept_of_a_peer_that_is_gone_and_wanted_by_nobody() {
        let (mut links, _) = links();
        links.connected(peer(), ConnectionId::new_unchecked(1));
        assert!(links.disconnected(peer(), ConnectionId::new_unchecked(1), true).is_none());
        assert!(links.links.is_empty());
    }
}
