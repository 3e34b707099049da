//! Several sockets at one port.

use gossip_adapter_tokio_udp::{BindError, bind};

use crate::support::{any_port, join, live, options, start, until};

#[tokio::test]
async fn peers_are_heard_by_whichever_socket_takes_what_they_send() {
    let mut shared = options("shared", 1);
    shared.shards = 4;
    let shared = bind(any_port(), shared).await.unwrap();
    let mut peers = Vec::new();
    // That none of them comes by another socket than the first has a chance of one in four thousand millions.
    for number in 0..16 {
        peers.push(start(&format!("peer-{number}")).await);
    }
    for peer in &peers {
        join(peer, &shared).await;
    }
    until(shared.handle(), "everybody is known", |cluster| live(cluster) == 17).await;
}

#[tokio::test]
async fn a_shared_port_is_not_shared_with_another_node() {
    for (first, second) in [(4, 1), (4, 4), (1, 4)] {
        let node = |name, shards| {
            let mut options = options(name, 1);
            options.shards = shards;
            options.config.transport.stream = None;
            options
        };
        let first = bind(any_port(), node("first", first)).await.unwrap();
        let second = bind(first.local_addr(), node("second", second)).await;
        assert!(matches!(second, Err(BindError::Socket { .. })), "{second:?}");
    }
}

#[tokio::test]
async fn no_socket_and_too_many_are_refused() {
    for shards in [0, 65] {
        let mut options = options("node", 1);
        options.shards = shards;
        let refused = bind(any_port(), options).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("`shards` is {shards}")), "{refused}");
    }
}
