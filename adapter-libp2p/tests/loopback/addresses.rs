//! How members are found, and for how long they stay connected.

use std::time::Duration;

use gossip_adapter_libp2p::{Behaviour, Event};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm};
use libp2p_swarm_test::SwarmExt as _;

use crate::support::{Cluster, Running, cluster, config, live, until, until_counted, within};

#[tokio::test]
async fn a_contact_is_joined_by_an_address_without_a_peer_id() {
    let (a, mut b) = (Running::start().await, Running::start().await);
    b.join(a.addr.clone());
    let joined = |event| match event {
        SwarmEvent::Behaviour(Event::Node(gossip_core::Event::Join { contact, result })) => Some((contact, result)),
        _ => None,
    };
    let (contact, result) = b.event("the outcome", joined).await;
    assert_eq!((libp2p::PeerId::from(contact), result), (a.peer, Ok(2)));
}

#[tokio::test]
async fn of_a_contact_that_cannot_be_dialled_the_address_is_told() {
    let mut node = Running::start().await;
    let nobody: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
    node.join(nobody.clone());
    let failed = |event| match event {
        SwarmEvent::Behaviour(Event::JoinFailed { contact, reason }) => Some((contact, reason)),
        _ => None,
    };
    let (contact, reason) = node.event("the failure", failed).await;
    assert!(contact == nobody && !reason.is_empty());
}

#[tokio::test]
async fn members_that_learnt_of_each_other_by_gossip_alone_go_on_without_their_contact() {
    let mut nodes = cluster(3).await;
    for (of, by) in [(1, 2), (2, 1)] {
        let id = nodes[of].id();
        let told = |cluster: &Cluster| cluster.with(|node, _| !node.members().get(id).unwrap().hints.is_empty());
        until(&nodes[by].handle, "the addresses of the other", told).await;
    }
    drop(nodes.remove(0));
    let [b, c] = &nodes[..] else { panic!("two are left") };
    for (from, to) in [(b, c), (c, b)] {
        until(&from.handle, "the contact is gone", |cluster| live(cluster) == 2).await;
        let mut inbox = to.handle.inbox(0, 1).unwrap();
        let sent = from.handle.send_to(to.id(), 0, b"still there?").unwrap();
        within("an acknowledgement", sent).await.unwrap();
        assert_eq!(within("the message", inbox.recv()).await.unwrap().data[..], *b"still there?");
    }
}

#[tokio::test]
async fn the_swarm_is_told_where_members_listen() {
    let mut nodes = cluster(3).await;
    let (peer, addr) = (nodes[2].peer, nodes[2].addr.clone());
    let told = |event| match event {
        SwarmEvent::NewExternalAddrOfPeer { peer_id, address } if peer_id == peer => Some(address),
        _ => None,
    };
    assert_eq!(nodes[1].event("the address of a member", told).await, addr);
}

#[tokio::test]
async fn connections_that_are_idle_close_and_come_back_and_nobody_is_suspected() {
    let mut hasty = config();
    hasty.idle_timeout = Duration::from_millis(20);
    let start = || Running::closing_idle(hasty.clone(), Duration::from_millis(100));
    let (a, b) = (start().await, start().await);
    b.join(a.addr_with_peer());
    until(&b.handle, "both are known", |cluster| live(cluster) == 2).await;
    until_counted(&b.handle, "connections that come and go", |_| {
        let (a, b) = (a.handle.transport(), b.handle.transport());
        a.closed_idle + b.closed_idle >= 2 && a.dialed + b.dialed >= 3
    })
    .await;
    for node in [&a, &b] {
        assert_eq!((live(&node.handle), node.handle.stats().suspicions), (2, 0));
    }
}

#[tokio::test]
async fn any_transport_of_the_swarm_will_do() {
    let new = || Swarm::new_ephemeral_tokio(|key| Behaviour::new(key.public().to_peer_id(), config()).unwrap());
    let (mut a, mut b) = (new(), new());
    let (memory, _) = a.listen().await;
    b.listen().await;
    let handles = [a.behaviour().handle().clone(), b.behaviour().handle().clone()];
    b.behaviour_mut().join(memory).unwrap();
    let swarms = [tokio::spawn(a.loop_on_next()), tokio::spawn(b.loop_on_next())];
    for handle in &handles {
        until(handle, "both are known", |cluster| live(cluster) == 2).await;
    }
    swarms.iter().for_each(tokio::task::JoinHandle::abort);
}
