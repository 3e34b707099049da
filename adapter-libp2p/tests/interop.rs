//! A node of another implementation, in JavaScript, in a cluster with two of ours.
//!
//! Skipped where Node.js 20 or its packages are not there: `npm install` in `interop/` fetches these.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt as _;
use gossip_adapter_libp2p::{Behaviour, Config, Handle, Libp2pPeer};
use gossip_core::kv::Scope;
use gossip_core::{NodeId, Status};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, SwarmBuilder, noise, tcp, yamux};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

type Cluster = Handle<Libp2pPeer>;

/// A hang must end and say where.
const LIMIT: Duration = Duration::from_secs(60);

/// A node that a task drives, and the address at which it is joined.
async fn node(contact: Option<&Multiaddr>) -> (Cluster, Multiaddr) {
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| {
            let config = Config::new(gossip_core::Config::local());
            Behaviour::new(key.public().to_peer_id(), config).unwrap()
        })
        .unwrap()
        .build();
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let addr = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            break address.with(Protocol::P2p(*swarm.local_peer_id()));
        }
    };
    let handle = swarm.behaviour().handle().clone();
    if let Some(contact) = contact {
        swarm.behaviour_mut().join(contact.clone()).unwrap();
    }
    tokio::spawn(async move { while swarm.next().await.is_some() {} });
    (handle, addr)
}

/// What the other implementation tells next, past what it tells of packets that it could not send or read.
async fn told(lines: &mut Lines<BufReader<ChildStdout>>, event: &str) -> serde_json::Value {
    loop {
        let line = timeout(LIMIT, lines.next_line()).await.unwrap_or_else(|_| panic!("not told: {event}"));
        let line = line.unwrap().unwrap_or_else(|| panic!("it ended before {event}"));
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        match told["event"].as_str() {
            Some("unsent" | "dropped") => eprintln!("{line}"),
            Some(name) if name == event => return told,
            _ => panic!("{event} expected: {line}"),
        }
    }
}

async fn until(cluster: &Cluster, what: &str, condition: impl Fn(&Cluster) -> bool) {
    let mut events = cluster.events();
    let holds = async {
        while !condition(cluster) {
            assert!(events.recv().await.is_some(), "closed before: {what}");
        }
    };
    timeout(LIMIT, holds).await.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}; {:?}", cluster.stats()));
}

fn status(cluster: &Cluster, id: NodeId) -> Option<Status> {
    cluster.with(|node, _| node.members().get(id).map(|member| member.status))
}

#[tokio::test]
async fn a_node_in_javascript_joins_reads_writes_stays_and_leaves() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop");
    let there = std::process::Command::new("node").arg("--version").output().is_ok();
    if !there || !folder.join("node_modules").is_dir() {
        eprintln!("skipped: needs Node.js 20, and `npm install` in {}", folder.display());
        return;
    }
    let (a, addr) = node(None).await;
    let (b, _) = node(Some(&addr)).await;
    until(&b, "two members", |cluster| cluster.with(|node, _| node.members().live()) == 2).await;
    a.set(Scope::Shared, b"color", b"blue").unwrap();

    let mut foreign = Command::new("node")
        .args(["node.mjs", &addr.to_string(), "color", "taste", "sweet"])
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (input, output) = (foreign.stdin.take().unwrap(), foreign.stdout.take().unwrap());
    let mut lines = BufReader::new(output).lines();
    assert_eq!(told(&mut lines, "joined").await["live"], "3");

    let known = told(&mut lines, "members").await["members"].clone();
    let known: Vec<String> = serde_json::from_value(known).unwrap();
    let ours = [&a, &b].map(|cluster| cluster.with(|node, _| node.identity().id.to_string()));
    let foreign_id = known.iter().find(|id| !ours.contains(id)).expect("itself").parse().unwrap();
    assert!(known.len() == 3 && ours.iter().all(|id| known.contains(id)), "{known:?}");
    assert_eq!(told(&mut lines, "read").await["value"], "blue");

    told(&mut lines, "written").await;
    for cluster in [&a, &b] {
        let read = |cluster: &Cluster| cluster.get(Scope::Shared, b"taste").map(|(value, _)| value);
        until(cluster, "the key", |cluster| read(cluster).as_deref() == Some(b"sweet")).await;
        assert_eq!(status(cluster, foreign_id), Some(Status::Alive));
    }
    // It answers probes: both of ours have heard it several times, and suspect nobody.
    for cluster in [&a, &b] {
        let probes = cluster.stats().probes;
        while cluster.stats().probes < probes + 8 {
            tokio::task::yield_now().await;
        }
        assert_eq!((status(cluster, foreign_id), cluster.stats().suspicions), (Some(Status::Alive), 0));
    }

    drop(input);
    told(&mut lines, "left").await;
    for cluster in [&a, &b] {
        until(cluster, "it has left", |cluster| status(cluster, foreign_id) == Some(Status::Left)).await;
    }
}
