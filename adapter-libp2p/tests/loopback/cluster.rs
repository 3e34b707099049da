//! What members do together.

use gossip_core::kv::Scope;
use gossip_core::{Event, Status};

use crate::support::{Cluster, Running, cluster, config, live, until, within};

fn keys(cluster: &Cluster) -> usize {
    cluster.with(|node, _| node.kv().len())
}

/// A node that holds so many keys of a former life, none of which is pushed any more.
async fn full(keys: u32) -> Running {
    let writer = Running::start().await;
    for number in 0..keys {
        writer.handle.set(Scope::Shared, &number.to_be_bytes(), &[7; 1000]).unwrap();
    }
    let mut next = config();
    next.snapshot = Some(writer.handle.with(|node, _| node.snapshot().to_vec()));
    Running::with(next).await
}

#[tokio::test]
async fn eight_nodes_that_know_one_address_reach_each_other_in_all_pairs() {
    let nodes = cluster(8).await;
    let mut inboxes: Vec<_> = nodes.iter().map(|node| node.handle.inbox(0, 16).unwrap()).collect();
    for from in &nodes {
        for to in nodes.iter().filter(|to| to.peer != from.peer) {
            let status = from.handle.with(|node, _| node.members().get(to.id()).map(|member| member.status));
            assert_eq!(status, Some(Status::Alive));
            let sent = from.handle.send_to(to.id(), 0, b"are you there?").unwrap();
            within("an acknowledgement", sent).await.unwrap();
        }
    }
    for inbox in &mut inboxes {
        for _ in 1..nodes.len() {
            within("a message of each", inbox.recv()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_broadcast_of_a_megabyte_reaches_all() {
    let nodes = cluster(4).await;
    let mut subscriptions: Vec<_> = nodes[1..].iter().map(|node| node.handle.events()).collect();
    let payload: Vec<u8> = (0..1_u32 << 20).map(|at| (at % 251) as u8).collect();
    nodes[0].handle.publish(b"large", &payload).unwrap();
    for events in &mut subscriptions {
        let received = within("the payload", async {
            loop {
                if let Event::Broadcast(message) = events.recv().await.unwrap() {
                    return message;
                }
            }
        });
        assert_eq!(received.await.payload(), payload);
    }
}

#[tokio::test]
async fn a_member_far_behind_catches_up_by_frames() {
    let full = full(3000).await;
    let empty = Running::start().await;
    empty.join(full.addr_with_peer());
    until(&empty.handle, "all keys", |cluster| keys(cluster) == 3000).await;
    let (sent, received) = (full.handle.stats().frames_sent, empty.handle.stats().frames_received);
    assert!(sent > 5 && received > 5, "{sent} {received}");
    let transport = full.handle.transport();
    assert_eq!((transport.frames_unsent, transport.frames_unqueued), (0, 0));
}

#[tokio::test]
async fn what_one_writes_all_read() {
    let nodes = cluster(3).await;
    nodes[1].handle.set(Scope::Shared, b"color", b"blue").unwrap();
    for node in &nodes {
        let read = |cluster: &Cluster| cluster.get(Scope::Shared, b"color").map(|(value, _)| value);
        until(&node.handle, "the value", |cluster| read(cluster).as_deref() == Some(b"blue")).await;
    }
}

#[tokio::test]
async fn who_leaves_is_known_to_have_left_and_who_is_gone_is_held_down() {
    let mut nodes = cluster(4).await;
    let (crashed, leaving) = (nodes.pop().unwrap(), nodes.pop().unwrap());
    within("the leave", leaving.handle.leave()).await;
    let ids = [leaving.id(), crashed.id()];
    drop(crashed);
    for node in &nodes {
        let statuses = |cluster: &Cluster| {
            cluster.with(|node, _| ids.map(|id| node.members().get(id).map(|member| member.status)))
        };
        let expected = [Some(Status::Left), Some(Status::Down)];
        until(&node.handle, "both are gone", |cluster| statuses(cluster) == expected).await;
    }
}

#[tokio::test]
async fn a_node_without_a_stream_lane_gets_all_by_datagrams() {
    let full = full(500).await;
    let mut without = config();
    without.node.transport.stream = None;
    let empty = Running::with(without).await;
    empty.join(full.addr_with_peer());
    until(&empty.handle, "all keys", |cluster| keys(cluster) == 500).await;
    assert_eq!(full.handle.stats().frames_sent, 0);
}

#[tokio::test]
async fn two_clusters_under_two_names_do_not_meet() {
    let mut other = config();
    other.protocol = libp2p::StreamProtocol::new("/another/7");
    let (mut a, b) = (Running::with(other).await, Running::start().await);
    a.join(b.addr_with_peer());
    let unsupported = |event| match event {
        libp2p::swarm::SwarmEvent::Behaviour(gossip_adapter_libp2p::Event::Unsupported { peer }) => Some(peer),
        _ => None,
    };
    assert_eq!(a.event("that the contact does not speak the protocol", unsupported).await, b.peer);
    assert_eq!((live(&a.handle), live(&b.handle)), (1, 1));
}
