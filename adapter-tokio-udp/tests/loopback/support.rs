//! Nodes for tests, and waiting for what they do: for conditions, never for a time.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use gossip_adapter_tokio_udp::{Handle, Options, UdpNode, bind};
use gossip_core::kv::Scope;
use gossip_core::{Config, Identity, MemberChange, NodeId, Status};

pub(crate) type Cluster = Handle<SocketAddr>;

/// Far more than anything here takes; a test that hangs must end and say where.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(result) => result,
        Err(_) => panic!("not within {LIMIT:?}: {what}"),
    }
}

pub(crate) fn id(name: &str) -> NodeId {
    NodeId::from_name(name)
}

pub(crate) fn options(name: &str, generation: u64) -> Options {
    Options::new(Identity::new(id(name), generation), Config::local())
}

pub(crate) fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A node of that name in its first life.
pub(crate) async fn start(name: &str) -> UdpNode {
    bind(any_port(), options(name, 1)).await.unwrap()
}

/// A node at that address which holds so many keys of a former life, none of which is pushed any more.
pub(crate) async fn with_keys(options: Options, keys: u32, addr: SocketAddr) -> UdpNode {
    let node = start("writer").await;
    for number in 0..keys {
        node.handle().set(Scope::Shared, &number.to_be_bytes(), &[7; 1000]).unwrap();
    }
    let mut next = options;
    next.snapshot = Some(node.handle().with(|node, _| node.snapshot().to_vec()));
    node.abort().await;
    bind(addr, next).await.unwrap()
}

pub(crate) async fn join(node: &UdpNode, contact: &UdpNode) -> usize {
    within("join", node.handle().join(contact.local_addr())).await.unwrap()
}

/// That many nodes, all joined through the first and known to each other.
pub(crate) async fn cluster(names: &[&str]) -> Vec<UdpNode> {
    let mut nodes = Vec::new();
    for name in names {
        nodes.push(start(name).await);
    }
    for node in &nodes[1..] {
        join(node, &nodes[0]).await;
    }
    for node in &nodes {
        until(node.handle(), "everybody is known", |cluster| live(cluster) == names.len()).await;
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
            members.iter().map(|member| (member.id, *member.addr, member.status)).collect::<Vec<_>>()
        });
        panic!("not within {LIMIT:?}: {what}; members: {known:?}; {:?}", cluster.stats());
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

pub(crate) fn status(cluster: &Cluster, name: &str) -> Option<Status> {
    cluster.with(|node, _| node.members().get(id(name)).map(|member| member.status))
}

/// The changes that `events` brings of one member, until one of them is `last`, which is included.
pub(crate) async fn changes_until(
    events: &mut gossip_adapter_tokio_udp::Events<SocketAddr>,
    name: &str,
    last: MemberChange,
) -> Vec<MemberChange> {
    let mut seen = Vec::new();
    within(&format!("{name}: {last:?}"), async {
        while seen.last() != Some(&last) {
            let event = events.recv().await.expect("open");
            let gossip_core::Event::Members(batch) = event else { continue };
            seen.extend(batch.iter().filter(|member| member.id == id(name)).map(|member| member.change));
        }
    })
    .await;
    seen
}
