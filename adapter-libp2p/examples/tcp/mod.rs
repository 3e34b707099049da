//! What the `directory` example needs to look the same as over UDP: a swarm over TCP that a task drives, and a handle that
//! joins by address. Its keys are made from names, so that a name is enough to find the member again: **for examples only**.

use std::error::Error;
use std::io;
use std::ops::Deref;

use futures_util::StreamExt as _;
use gossip_adapter_libp2p::{Behaviour, Config, Event, Handle, Libp2pPeer};
use gossip_core::Identity;
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::{mpsc, oneshot};

type Join = (Multiaddr, oneshot::Sender<io::Result<usize>>);

/// Stands for `gossip_core::NodeId`: here the id of a member is that of its key.
pub(crate) struct NodeId;

impl NodeId {
    pub(crate) fn from_name(name: &str) -> gossip_core::NodeId {
        let peer = key_of(name).public().to_peer_id();
        Libp2pPeer::try_from(peer).expect("it is made from a key").node_id()
    }
}

pub(crate) struct Options(Config);

impl Options {
    pub(crate) fn new(me: Identity, node: gossip_core::Config) -> Self {
        let mut config = Config::new(node);
        config.generation = me.generation;
        Self(config)
    }
}

pub(crate) struct Running {
    node: Joining,
    addr: Multiaddr,
}

/// The handle, and a way to join by address.
pub(crate) struct Joining {
    handle: Handle<Libp2pPeer>,
    joins: mpsc::Sender<Join>,
}

/// Starts a node that listens there, named after the address.
pub(crate) async fn bind(addr: Multiaddr, options: Options) -> Result<Running, Box<dyn Error>> {
    let mut swarm = SwarmBuilder::with_existing_identity(key_of(&addr.to_string()))
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)?
        .with_behaviour(|key| Ok(Behaviour::new(key.public().to_peer_id(), options.0)?))?
        .build();
    swarm.listen_on(addr.clone())?;
    let handle = swarm.behaviour().handle().clone();
    let (joins, to_join) = mpsc::channel(1);
    tokio::spawn(drive(swarm, to_join));
    Ok(Running { node: Joining { handle, joins }, addr })
}

async fn drive(mut swarm: Swarm<Behaviour>, mut to_join: mpsc::Receiver<Join>) {
    // One at a time.
    let mut joining = None;
    loop {
        tokio::select! {
            event = swarm.select_next_some() => {
                let result = match event {
                    SwarmEvent::Behaviour(Event::Node(gossip_core::Event::Join { result, .. })) => result.map_err(io::Error::other),
                    SwarmEvent::Behaviour(Event::JoinFailed { reason, .. }) => Err(io::Error::other(reason)),
                    _ => continue,
                };
                joining.take().map(|waiting: oneshot::Sender<_>| waiting.send(result));
            }
            Some((contact, waiting)) = to_join.recv(), if joining.is_none() => {
                match swarm.behaviour_mut().join(contact) {
                    Ok(()) => joining = Some(waiting),
                    Err(error) => _ = waiting.send(Err(io::Error::other(error))),
                }
            }
        }
    }
}

impl Running {
    pub(crate) fn handle(&self) -> &Joining {
        &self.node
    }

    pub(crate) fn local_addr(&self) -> &Multiaddr {
        &self.addr
    }
}

impl Joining {
    pub(crate) async fn join(&self, contact: Multiaddr) -> io::Result<usize> {
        let (waiting, outcome) = oneshot::channel();
        self.joins.send((contact, waiting)).await.map_err(io::Error::other)?;
        outcome.await.map_err(io::Error::other)?
    }
}

impl Deref for Joining {
    type Target = Handle<Libp2pPeer>;

    fn deref(&self) -> &Self::Target {
        &self.handle
    }
}

fn key_of(name: &str) -> Keypair {
    let id = gossip_core::NodeId::from_name(name);
    let mut secret = [0; 32];
    secret[..16].copy_from_slice(id.as_bytes());
    Keypair::ed25519_from_bytes(secret).expect("any 32 bytes are a secret key")
}
