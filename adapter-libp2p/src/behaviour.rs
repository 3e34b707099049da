//! The node inside a swarm.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;
use futures_timer::Delay;
use gossip_core::{Clock, CommandError, Identity, Lane, MemberChange, Node, Transmit};
use gossip_handle::{Driver, Events, Handle, TransportCounters, Turn};
use libp2p_core::multiaddr::Protocol;
use libp2p_core::transport::PortUse;
use libp2p_core::{Endpoint, Multiaddr};
use libp2p_identity::PeerId;
use libp2p_swarm::behaviour::{ConnectionClosed, ConnectionEstablished, DialFailure};
use libp2p_swarm::dial_opts::DialOpts;
use libp2p_swarm::{
    ConnectionDenied, ConnectionError, ConnectionId, DialError, ExternalAddresses, FromSwarm, ListenAddresses,
    NetworkBehaviour, ToSwarm,
};

use crate::config::{Config, Error};
use crate::handler::{Handler, Received, ToBehaviour};
use crate::hints;
use crate::links::{Action, Links};
use crate::peer::Libp2pPeer;
use crate::protocol::Lanes;

/// How many packets of each lane, the datagram lane first, one turn takes from the node.
const PER_TURN: [usize; 2] = [32, 8];
/// How many contacts are dialled, or remembered with their addresses, at a time; of more the oldest are forgotten.
const MAX_CONTACTS: usize = 64;
/// How soon the timer goes off at the earliest, as timers of runtimes do.
const RESOLUTION: Duration = Duration::from_millis(1);
/// The timer when the node has no deadline.
const IDLE: Duration = Duration::from_secs(3600);

/// What happened, for [`SwarmEvent::Behaviour`](libp2p_swarm::SwarmEvent::Behaviour).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The node tells something; direct messages come by [`Handle::inbox`] alone.
    Node(gossip_core::Event<Libp2pPeer>),
    /// A contact given to [`Behaviour::join`] without its PeerId could not be dialled, or joined. It is not tried again.
    JoinFailed {
        /// As it was given.
        contact: Multiaddr,
        /// What the swarm or the node said.
        reason: String,
    },
    /// A peer that the node wanted to send to does not speak the protocol.
    Unsupported {
        /// The peer.
        peer: PeerId,
    },
}

/// One cluster member as a [`NetworkBehaviour`], alone in a swarm or composed with others. Dropping it stops it at once;
/// to leave the cluster wait for [`Handle::leave`] first, and drive the swarm meanwhile.
pub struct Behaviour {
    driver: Driver<Libp2pPeer>,
    handle: Handle<Libp2pPeer>,
    events: Events<Libp2pPeer>,
    counters: Arc<TransportCounters>,
    me: PeerId,
    lanes: Lanes,
    idle_timeout: Duration,
    links: Links,
    listen: ListenAddresses,
    external: ExternalAddresses,
    contacts: VecDeque<(PeerId, Multiaddr)>,
    /// Contacts of which the PeerId is not known yet, by the connection that is to tell it.
    joining: Vec<(ConnectionId, Multiaddr)>,
    /// For the next turn: what came, and whom the transport did not reach over which lane.
    received: Vec<Received>,
    unreached: Vec<(Libp2pPeer, Lane)>,
    actions: VecDeque<Action>,
    buffer: Vec<u8>,
    timer: Delay,
    /// When the timer goes off.
    timer_at: Instant,
    /// The node is to have a turn even if nothing came.
    wanted: bool,
}

impl Behaviour {
    /// A member in the swarm of that PeerId. It speaks to nobody before it is told to [join](Behaviour::join), or is spoken to.
    ///
    /// # Errors
    /// If the configuration cannot work, or the snapshot is refused.
    pub fn new(me: PeerId, config: Config) -> Result<Self, Error> {
        let addr = Libp2pPeer::try_from(me).map_err(Error::Peer)?;
        let transport = config.node.transport.clone();
        let clock = Clock::new();
        let identity = Identity::new(addr.node_id(), config.generation);
        let mut node = Node::new(identity, addr, config.node, config.seed, clock.now()).map_err(Error::Config)?;
        if let Some(snapshot) = &config.snapshot {
            node.restore(clock.now(), snapshot).map_err(Error::Snapshot)?;
        }
        let (driver, handle) = Driver::new(node, clock);
        let counters = driver.transport();
        Ok(Self {
            driver,
            events: handle.events(),
            handle,
            me,
            lanes: Lanes::new(&config.protocol, transport.stream),
            idle_timeout: config.idle_timeout,
            links: Links::new([config.max_queued_datagrams, config.max_queued_frames], Arc::clone(&counters)),
            counters,
            listen: ListenAddresses::default(),
            external: ExternalAddresses::default(),
            contacts: VecDeque::new(),
            joining: Vec::new(),
            received: Vec::new(),
            unreached: Vec::new(),
            actions: VecDeque::new(),
            buffer: vec![0; transport.datagram_mtu.max(transport.stream.unwrap_or(0))],
            timer: Delay::new(IDLE),
            timer_at: Instant::now() + IDLE,
            wanted: true,
        })
    }

    /// What the application works with; clones of it may outlive the behaviour, and are closed then.
    pub fn handle(&self) -> &Handle<Libp2pPeer> {
        &self.handle
    }

    /// Joins the cluster through the node at an address. If that does not end in `/p2p/` and a PeerId, it is dialled first. The
    /// outcome is [`gossip_core::Event::Join`], or [`Event::JoinFailed`].
    ///
    /// # Errors
    /// While leaving, with too many contacts, or of a PeerId that is not made from a key.
    pub fn join(&mut self, contact: Multiaddr) -> Result<(), CommandError> {
        if let Some(Protocol::P2p(peer)) = contact.iter().last() {
            return self.join_peer(peer, contact);
        }
        if self.joining.len() >= MAX_CONTACTS {
            return Err(CommandError::TooManyContacts { max: MAX_CONTACTS });
        }
        let opts = DialOpts::unknown_peer_id().address(contact.clone()).build();
        self.joining.push((opts.connection_id(), contact));
        self.actions.push_back(ToSwarm::Dial { opts });
        Ok(())
    }

    fn join_peer(&mut self, peer: PeerId, contact: Multiaddr) -> Result<(), CommandError> {
        let addr = Libp2pPeer::try_from(peer).map_err(|_| CommandError::UnknownMember)?;
        self.handle.with(|node, now| node.join(now, addr))?;
        self.contacts.retain(|known| *known != (peer, contact.clone()));
        self.contacts.truncate(MAX_CONTACTS - 1);
        self.contacts.push_front((peer, contact));
        Ok(())
    }

    fn take_joining(&mut self, connection: ConnectionId) -> Option<Multiaddr> {
        let place = self.joining.iter().position(|(dialled, _)| *dialled == connection)?;
        Some(self.joining.swap_remove(place).1)
    }

    fn join_failed(&mut self, contact: Multiaddr, reason: String) {
        self.actions.push_back(ToSwarm::GenerateEvent(Event::JoinFailed { contact, reason }));
    }

    fn handler(&self, peer: PeerId) -> Result<Handler, ConnectionDenied> {
        let peer = Libp2pPeer::try_from(peer).map_err(ConnectionDenied::new)?;
        let wanted = self.links.is_dialled(peer);
        Ok(Handler::new(peer, self.lanes.clone(), Arc::clone(&self.counters), self.idle_timeout, wanted))
    }

    fn on_established(&mut self, established: ConnectionEstablished<'_>) {
        let ConnectionEstablished { peer_id, connection_id, endpoint, .. } = established;
        let Ok(peer) = Libp2pPeer::try_from(peer_id) else { return };
        self.counters.connections.count();
        let opened = if endpoint.is_dialer() { &self.counters.dialed } else { &self.counters.accepted };
        opened.count();
        self.actions.extend(self.links.connected(peer, connection_id));
        if let Some(contact) = self.take_joining(connection_id)
            && let Err(error) = self.join_peer(peer_id, contact.clone())
        {
            self.join_failed(contact, error.to_string());
        }
    }

    fn on_closed(&mut self, closed: ConnectionClosed<'_>) {
        let ConnectionClosed { peer_id, connection_id, cause, .. } = closed;
        let Ok(peer) = Libp2pPeer::try_from(peer_id) else { return };
        self.counters.connections.take();
        let idle = matches!(cause, Some(ConnectionError::KeepAliveTimeout));
        match cause {
            Some(ConnectionError::KeepAliveTimeout) => self.counters.closed_idle.count(),
            Some(ConnectionError::IO(_)) => self.unreached.push((peer, Lane::Datagram)),
            None => {}
        }
        self.actions.extend(self.links.disconnected(peer, connection_id, idle));
    }

    fn on_dial_failure(&mut self, failure: DialFailure<'_>) {
        let DialFailure { peer_id, error, connection_id } = failure;
        if let Some(contact) = self.take_joining(connection_id) {
            self.join_failed(contact, error.to_string());
        }
        // Where another behaviour dials already, that is what is waited for.
        let refused = matches!(error, DialError::DialPeerConditionFalse(_));
        if let Some(Ok(peer)) = peer_id.map(Libp2pPeer::try_from)
            && !refused
            && self.links.undialled(peer)
        {
            self.counters.dial_failed.count();
            self.unreached.push((peer, Lane::Datagram));
        }
    }

    /// The addresses of a member, by its own word.
    fn hinted(&self, peer: Libp2pPeer) -> Vec<Multiaddr> {
        let id = peer.node_id();
        self.handle.with(|node, _| node.members().get(id).map(|member| hints::decode(member.hints)).unwrap_or_default())
    }

    /// What the swarm and its other behaviours may want to know of it.
    fn note(&mut self, event: &gossip_core::Event<Libp2pPeer>) {
        let gossip_core::Event::Members(changes) = event else { return };
        for change in changes.iter().filter(|of| matches!(of.change, MemberChange::Up | MemberChange::Updated)) {
            let peer_id = PeerId::from(change.addr);
            let hinted = self.hinted(change.addr).into_iter();
            self.actions.extend(hinted.map(|address| ToSwarm::NewExternalAddrOfPeer { peer_id, address }));
        }
    }

    /// Hands in what came, lets the timers run, takes what is to be sent.
    fn turn(&mut self) {
        let Self { driver, received, unreached, links, actions, counters, buffer, .. } = self;
        let (more, deadline) = driver.turn(|turn| {
            received.drain(..).for_each(|received| receive(turn, received, counters));
            for (peer, lane) in unreached.drain(..) {
                match lane {
                    Lane::Datagram => turn.handle_unreachable(&peer),
                    Lane::Stream => turn.handle_no_stream(&peer),
                }
            }
            turn.handle_timeout();
            let mut more = false;
            for lane in [Lane::Datagram, Lane::Stream] {
                more |= fill(turn, lane, links, actions, buffer);
            }
            (more, turn.deadline())
        });
        self.wanted = more;
        // Each setting wakes the timers' thread: it is set anew only if it would be late. Early is harmless.
        let now = Instant::now();
        let deadline = deadline.map_or(now + IDLE, |deadline| deadline.max(now + RESOLUTION));
        if deadline < self.timer_at || self.timer_at <= now {
            self.timer.reset(deadline - now);
            self.timer_at = deadline;
        }
    }
}

/// What came from a peer goes to the node, unless it names somebody else as its sender.
fn receive(turn: &mut Turn<'_, Libp2pPeer>, received: Received, counters: &TransportCounters) {
    let Received { from, id, lane, mut packet } = received;
    if turn.sender_of(&from, &packet).is_some_and(|sender| sender != id) {
        counters.wrong_sender.count();
        return;
    }
    // The node counts what it drops.
    _ = match lane {
        Lane::Datagram => turn.handle_packet(&from, &mut packet),
        Lane::Stream => turn.handle_frame(&from, &mut packet),
    };
}

/// Takes from the node what it has for a lane; says whether it may have more.
fn fill(
    turn: &mut Turn<'_, Libp2pPeer>,
    lane: Lane,
    links: &mut Links,
    actions: &mut VecDeque<Action>,
    buffer: &mut [u8],
) -> bool {
    for _ in 0..PER_TURN[lane as usize] {
        let next = match lane {
            Lane::Datagram => turn.next_transmit(buffer),
            Lane::Stream => turn.next_frame(buffer),
        };
        let Some(Transmit { to, len }) = next else { return false };
        actions.extend(links.send(to, lane, &buffer[..len]));
    }
    true
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        self.handler(peer)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let Some(peer) = peer else { return Ok(Vec::new()) };
        let contacts = self.contacts.iter().filter(|(contact, _)| *contact == peer).map(|(_, addr)| addr.clone());
        let hinted = Libp2pPeer::try_from(peer).map(|peer| self.hinted(peer)).unwrap_or_default();
        Ok(contacts.chain(hinted).collect())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        self.handler(peer)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if self.listen.on_swarm_event(&event) | self.external.on_swarm_event(&event) {
            let hints = hints::encode(self.me, self.external.iter(), self.listen.iter());
            // Refused only while leaving.
            _ = self.handle.with(|node, now| node.set_hints(now, &hints));
        }
        match event {
            FromSwarm::ConnectionEstablished(established) => self.on_established(established),
            FromSwarm::ConnectionClosed(closed) => self.on_closed(closed),
            FromSwarm::DialFailure(failure) => self.on_dial_failure(failure),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, _: ConnectionId, event: ToBehaviour) {
        match event {
            ToBehaviour::Received(received) => self.received.push(received),
            ToBehaviour::Refused { peer: addr, lane, unsupported } => {
                self.unreached.push((addr, lane));
                if unsupported && lane == Lane::Datagram {
                    self.actions.push_back(ToSwarm::GenerateEvent(Event::Unsupported { peer }));
                }
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Action> {
        let mut turned = false;
        loop {
            if let Some(action) = self.actions.pop_front() {
                return Poll::Ready(action);
            }
            if let Poll::Ready(Some(event)) = Pin::new(&mut self.events).poll_next(cx) {
                self.note(&event);
                return Poll::Ready(ToSwarm::GenerateEvent(Event::Node(event)));
            }
            self.wanted |= self.driver.poll_wake(cx).is_ready();
            self.wanted |= Pin::new(&mut self.timer).poll(cx).is_ready();
            if !self.wanted && self.received.is_empty() && self.unreached.is_empty() {
                return Poll::Pending;
            }
            if turned {
                // First the connections are to take what is queued, and others are to have their turn.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.turn();
            turned = true;
        }
    }
}
