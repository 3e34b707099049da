//! Swarms for tests, each driven by a task, and waiting for what they do: for conditions, never for a time.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt as _;
use gossip_adapter_libp2p::{Behaviour, Config, Event, Handle, Libp2pPeer};
use gossip_core::NodeId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub(crate) type Cluster = Handle<Libp2pPeer>;
type Command = Box<dyn FnOnce(&mut Swarm<Behaviour>) + Send>;

/// Far more than anything here takes; a test that hangs must end and say where.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(result) => result,
        Err(_) => panic!("not within {LIMIT:?}: {what}"),
    }
}

pub(crate) fn config() -> Config {
    Config::new(gossip_core::Config::local())
}

/// A swarm over TCP, Noise and Yamux that closes what no protocol holds for so long.
pub(crate) fn swarm<B: NetworkBehaviour>(idle: Duration, behaviour: impl FnOnce(PeerId) -> B) -> Swarm<B> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| behaviour(key.public().to_peer_id()))
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(idle))
        .build()
}

/// Listens there, and drives the swarm until it does.
pub(crate) async fn listen_at<B: NetworkBehaviour>(swarm: &mut Swarm<B>, addr: &str) -> Multiaddr {
    swarm.listen_on(addr.parse().unwrap()).unwrap();
    within("an address to listen on", async {
        loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                return address;
            }
        }
    })
    .await
}

/// A node in a swarm of its own. Dropping it stops it at once.
pub(crate) struct Running {
    pub(crate) handle: Cluster,
    pub(crate) peer: PeerId,
    /// Where it listens, without its PeerId.
    pub(crate) addr: Multiaddr,
    pub(crate) events: mpsc::UnboundedReceiver<SwarmEvent<Event>>,
    commands: mpsc::UnboundedSender<Command>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::with(config()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        Self::closing_idle(config, Duration::from_secs(10)).await
    }

    pub(crate) async fn closing_idle(config: Config, after: Duration) -> Self {
        let mut swarm = swarm(after, |peer| Behaviour::new(peer, config).unwrap());
        let addr = listen_at(&mut swarm, "/ip4/127.0.0.1/tcp/0").await;
        let (handle, peer) = (swarm.behaviour().handle().clone(), *swarm.local_peer_id());
        let (commands, mut to_do) = mpsc::unbounded_channel::<Command>();
        let (told, events) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    event = swarm.select_next_some() => drop(told.send(event)),
                    Some(command) = to_do.recv() => command(&mut swarm),
                }
            }
        });
        Self { handle, peer, addr, events, commands, task }
    }

    pub(crate) fn id(&self) -> NodeId {
        Libp2pPeer::try_from(self.peer).unwrap().node_id()
    }

    pub(crate) fn addr_with_peer(&self) -> Multiaddr {
        self.addr.clone().with(Protocol::P2p(self.peer))
    }

    pub(crate) fn command(&self, command: impl FnOnce(&mut Swarm<Behaviour>) + Send + 'static) {
        assert!(self.commands.send(Box::new(command)).is_ok(), "the swarm is driven");
    }

    /// Tells the node to join, without waiting for the outcome.
    pub(crate) fn join(&self, contact: Multiaddr) {
        self.command(move |swarm| swarm.behaviour_mut().join(contact).unwrap());
    }

    /// The first event of the swarm that is of interest.
    pub(crate) async fn event<T>(&mut self, what: &str, of: impl Fn(SwarmEvent<Event>) -> Option<T>) -> T {
        within(what, async {
            loop {
                if let Some(found) = of(self.events.recv().await.expect("the swarm is driven")) {
                    return found;
                }
            }
        })
        .await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// That many nodes, all joined through the first and known to each other.
pub(crate) async fn cluster(size: usize) -> Vec<Running> {
    let mut nodes = vec![Running::start().await];
    for _ in 1..size {
        let node = Running::start().await;
        node.join(nodes[0].addr_with_peer());
        nodes.push(node);
    }
    for node in &nodes {
        until(&node.handle, "everybody is known", |cluster| live(cluster) == size).await;
    }
    nodes
}

/// Waits, from event to event, until `condition` holds.
pub(crate) async fn until(cluster: &Cluster, what: &str, condition: impl Fn(&Cluster) -> bool) {
    let mut events = cluster.events();
    let holds = async {
        while !condition(cluster) {
            assert!(events.recv().await.is_some(), "closed before: {what}");
        }
    };
    if tokio::time::timeout(LIMIT, holds).await.is_err() {
        let known = cluster.with(|node, _| {
            let members = node.members();
            members.iter().map(|member| (*member.addr, member.status)).collect::<Vec<_>>()
        });
        panic!("not within {LIMIT:?}: {what}; members: {known:?}; {:?}; {:?}", cluster.transport(), cluster.stats());
    }
}

/// Waits until a counter says so: counting makes no events.
pub(crate) async fn until_counted(cluster: &Cluster, what: &str, condition: impl Fn(&Cluster) -> bool) {
    within(what, async {
        while !condition(cluster) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(crate) fn live(cluster: &Cluster) -> usize {
    cluster.with(|node, _| node.members().live())
}
