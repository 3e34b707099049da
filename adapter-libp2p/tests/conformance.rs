//! The behaviours that all adapters share.

use std::io;
use std::net::{SocketAddr, TcpListener};

use futures_util::StreamExt as _;
use gossip_adapter_libp2p::{Behaviour, Config, Handle, JoinFailure, Libp2pPeer};
use gossip_conformance::{Adapter, Start};
use gossip_core::{Identity, NodeId};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, SwarmBuilder, noise, tcp, yamux};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

#[derive(Debug)]
struct Libp2p;

/// A swarm that a task drives.
struct Node {
    handle: Handle<Libp2pPeer>,
    place: Multiaddr,
    contacts: mpsc::UnboundedSender<Multiaddr>,
    task: JoinHandle<()>,
}

/// The key of a member is made from its name.
fn key_of(name: &str) -> Keypair {
    let mut secret = [0; 32];
    secret[..16].copy_from_slice(NodeId::from_name(name).as_bytes());
    Keypair::ed25519_from_bytes(secret).unwrap()
}

impl Adapter for Libp2p {
    type Peer = Libp2pPeer;
    type Place = Multiaddr;
    type Node = Node;
    type Error = io::Error;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(future)
    }

    fn identity(&self, name: &str, generation: u64) -> Identity {
        let peer = Libp2pPeer::try_from(key_of(name).public().to_peer_id()).unwrap();
        Identity::new(peer.node_id(), generation)
    }

    async fn start(&self, start: Start<'_, Multiaddr>) -> Result<Node, io::Error> {
        let mut config = Config::new(start.config);
        config.generation = start.generation;
        let mut swarm = SwarmBuilder::with_existing_identity(key_of(start.name))
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
            .map_err(io::Error::other)?
            .with_behaviour(|key| Ok(Behaviour::new(key.public().to_peer_id(), config)?))
            .map_err(io::Error::other)?
            .build();
        let at = start.at.unwrap_or_else(|| "/ip4/127.0.0.1/tcp/0".parse().unwrap());
        let tcp: Multiaddr = at.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect();
        if let Some(port) = stream_address(&tcp) {
            // libp2p's sockets share their ports (SO_REUSEPORT): it would listen beside another.
            TcpListener::bind(port).map_err(|error| io::Error::other(format!("cannot listen at {at}: {error}")))?;
        }
        swarm.listen_on(tcp).map_err(|error| io::Error::other(format!("cannot listen at {at}: {error}")))?;
        let place = loop {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { address, .. } => break address.with(Protocol::P2p(*swarm.local_peer_id())),
                SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                    return Err(io::Error::other(format!("cannot listen at {at}: {error}")));
                }
                _ => {}
            }
        };
        let handle = swarm.behaviour().handle().clone();
        let (contacts, mut to_join) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = swarm.select_next_some() => {}
                    Some(contact) = to_join.recv() => drop(swarm.behaviour_mut().join(contact)),
                }
            }
        });
        Ok(Node { handle, place, contacts, task })
    }

    fn handle<'n>(&self, node: &'n Node) -> &'n Handle<Libp2pPeer> {
        &node.handle
    }

    fn place(&self, node: &Node) -> Multiaddr {
        node.place.clone()
    }

    async fn join(&self, node: &Node, contact: &Multiaddr) -> Result<usize, JoinFailure> {
        // The behaviour learns the address, and asks; the handle asks as well, and waits for the outcome.
        let Some(Protocol::P2p(peer)) = contact.iter().last() else { panic!("{contact} names no peer") };
        node.contacts.send(contact.clone()).map_err(|_| JoinFailure::Closed)?;
        node.handle.join(Libp2pPeer::try_from(peer).unwrap()).await
    }

    async fn shutdown(&self, node: Node) {
        node.handle.leave().await;
        self.abort(node).await;
    }

    async fn abort(&self, mut node: Node) {
        node.task.abort();
        _ = (&mut node.task).await;
    }

    fn stream_address(&self, node: &Node) -> Option<SocketAddr> {
        stream_address(&node.place)
    }
}

fn stream_address(place: &Multiaddr) -> Option<SocketAddr> {
    match place.iter().collect::<Vec<_>>()[..] {
        [Protocol::Ip4(ip), Protocol::Tcp(port), ..] => Some((ip, port).into()),
        _ => None,
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

gossip_conformance::behaviours!(Libp2p);
