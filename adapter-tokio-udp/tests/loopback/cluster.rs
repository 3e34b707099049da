//! What a cluster of nodes does together.

use gossip_adapter_tokio_udp::bind;
use gossip_core::kv::{KvError, Scope};
use gossip_core::{Event, MemberChange, Status};

use crate::support::{any_port, changes_until, cluster, id, join, live, options, start, status, until, within};

#[tokio::test]
async fn three_nodes_join_through_one_and_know_each_other() {
    for node in cluster(&["a", "b", "c"]).await {
        for name in ["a", "b", "c"] {
            assert_eq!(status(node.handle(), name), Some(Status::Alive));
        }
    }
}

#[tokio::test]
async fn a_joining_node_is_told_how_many_members_the_contact_knows() {
    let nodes = cluster(&["a", "b"]).await;
    let newcomer = start("c").await;
    assert!(join(&newcomer, &nodes[0]).await >= 2);
}

#[tokio::test]
async fn a_key_set_on_one_node_is_read_and_deleted_on_another() {
    let nodes = cluster(&["a", "b", "c"]).await;
    let (writer, reader) = (nodes[1].handle(), nodes[2].handle());
    let version = writer.set(Scope::Shared, b"color", b"blue").unwrap();
    let expected = Some((b"blue".to_vec(), version));
    until(reader, "the value is there", |reader| reader.get(Scope::Shared, b"color") == expected).await;
    reader.delete(Scope::Shared, b"color").unwrap();
    until(writer, "the value is gone", |writer| writer.get(Scope::Shared, b"color").is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_threads_write_at_once_and_everything_arrives() {
    let nodes = cluster(&["a", "b"]).await;
    let (writer, reader) = (nodes[0].handle(), nodes[1].handle());
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            scope.spawn(move || {
                for number in 0..250_u8 {
                    writer.set(Scope::Shared, &[thread, number], &[number; 100]).unwrap();
                }
            });
        }
    });
    until(reader, "1000 keys", |reader| reader.with(|node, _| node.kv().len()) == 1000).await;
}

#[tokio::test]
async fn a_message_published_on_one_node_is_delivered_on_the_others_once() {
    let nodes = cluster(&["a", "b", "c"]).await;
    let mut streams = [nodes[0].handle().events(), nodes[2].handle().events()];
    let sent = [b"one", b"two"].map(|payload| nodes[1].handle().publish(b"news", payload).unwrap());
    for stream in &mut streams {
        let mut received = Vec::new();
        within("both messages", async {
            while received.len() < 2 {
                if let Some(Event::Broadcast(message)) = stream.recv().await {
                    assert_eq!(message.topic(), b"news");
                    received.push(message.id);
                }
            }
        })
        .await;
        received.sort();
        assert_eq!(received, sent);
    }
}

#[tokio::test]
async fn a_payload_of_a_megabyte_crosses_real_sockets_unchanged() {
    let nodes = cluster(&["a", "b", "c"]).await;
    let mut streams = [nodes[0].handle().events(), nodes[2].handle().events()];
    let payload: Vec<u8> = (0..1_000_000_u32).map(|at| (at.wrapping_mul(31) >> 3) as u8).collect();
    nodes[1].handle().publish(b"file", &payload).unwrap();
    for stream in &mut streams {
        within("the payload", async {
            while !matches!(stream.recv().await, Some(Event::Broadcast(message)) if message.payload() == payload) {}
        })
        .await;
    }
}

#[tokio::test]
async fn a_graceful_shutdown_is_seen_as_left_and_never_as_down() {
    let mut nodes = cluster(&["a", "b", "c"]).await;
    let mut streams: Vec<_> = nodes[..2].iter().map(|node| node.handle().events()).collect();
    within("shutdown", nodes.pop().unwrap().shutdown()).await;
    for stream in &mut streams {
        let seen = changes_until(stream, "c", MemberChange::Left).await;
        assert!(!seen.contains(&MemberChange::Down), "{seen:?}");
    }
}

#[tokio::test]
async fn an_abort_is_seen_as_down() {
    let mut nodes = cluster(&["a", "b", "c"]).await;
    let mut streams: Vec<_> = nodes[..2].iter().map(|node| node.handle().events()).collect();
    within("abort", nodes.pop().unwrap().abort()).await;
    for stream in &mut streams {
        let seen = changes_until(stream, "c", MemberChange::Down).await;
        assert!(!seen.contains(&MemberChange::Left), "{seen:?}");
    }
}

#[tokio::test]
async fn a_crashed_node_comes_back_with_a_higher_generation() {
    let mut nodes = cluster(&["a", "b", "c"]).await;
    let crashed = nodes.pop().unwrap();
    let addr = crashed.local_addr();
    crashed.abort().await;
    until(nodes[0].handle(), "c is down", |a| status(a, "c") == Some(Status::Down)).await;

    let back = bind(addr, options("c", 2)).await.unwrap();
    join(&back, &nodes[1]).await;
    for node in &nodes {
        until(node.handle(), "c is back", |cluster| {
            cluster.with(|node, _| {
                node.members().get(id("c")).is_some_and(|c| c.status == Status::Alive && c.generation == 2)
            })
        })
        .await;
    }
}

#[tokio::test]
async fn a_snapshot_brings_the_next_life_its_state_back() {
    let node = start("a").await;
    let version = node.handle().set(Scope::Shared, b"color", b"blue").unwrap();
    let snapshot = node.handle().with(|node, _| node.snapshot().to_vec());
    node.abort().await;

    let mut next = options("a", 2);
    next.snapshot = Some(snapshot);
    let node = bind(any_port(), next).await.unwrap();
    assert_eq!(node.handle().get(Scope::Shared, b"color"), Some((b"blue".to_vec(), version)));
}

#[tokio::test]
async fn after_a_shutdown_the_handle_is_closed_and_refuses_writes() {
    let node = start("a").await;
    let handle = node.handle().clone();
    let mut events = handle.events();
    within("shutdown", node.shutdown()).await;
    assert!(handle.is_closed());
    assert_eq!(handle.set(Scope::Shared, b"k", b"v"), Err(KvError::Leaving));
    within("the end of the stream", async { while events.recv().await.is_some() {} }).await;
    within("leave", handle.leave()).await;
    assert_eq!(live(&handle), live(&handle.clone()));
}

#[tokio::test]
async fn a_dropped_node_frees_its_port_and_ends_its_streams() {
    let node = start("a").await;
    let (addr, mut events) = (node.local_addr(), node.handle().events());
    drop(node);
    within("the end of the stream", async { while events.recv().await.is_some() {} }).await;
    // The stream ends while the task is dropped, the socket with it a moment later.
    within("the port", async {
        while bind(addr, options("a", 2)).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
