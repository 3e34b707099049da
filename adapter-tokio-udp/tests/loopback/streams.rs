//! Event streams of a running node.

use gossip_adapter_tokio_udp::bind;
use gossip_core::Event;
use gossip_core::kv::Scope;

use crate::support::{any_port, options};

#[tokio::test]
async fn a_slow_subscriber_gets_lagged_in_place_of_what_it_missed() {
    let mut small = options("a", 1);
    small.config.max_events = 16;
    let node = bind(any_port(), small).await.unwrap();
    let mut slow = node.handle().events();
    for number in 0..100_u8 {
        node.handle().set(Scope::Shared, &[b'k', number], b"v").unwrap();
    }
    let waiting: Vec<_> = std::iter::from_fn(|| slow.try_recv()).collect();
    assert_eq!(waiting.len(), 17);
    assert_eq!(waiting.last(), Some(&Event::Lagged(84)));

    node.handle().set(Scope::Shared, b"later", b"v").unwrap();
    assert!(matches!(slow.recv().await, Some(Event::Kv(_))));
}

#[tokio::test]
async fn a_slow_subscriber_does_not_slow_down_another() {
    let mut small = options("a", 1);
    small.config.max_events = 16;
    let node = bind(any_port(), small).await.unwrap();
    let (_slow, mut quick) = (node.handle().events(), node.handle().events());
    for number in 0..100_u8 {
        node.handle().set(Scope::Shared, &[b'k', number], b"v").unwrap();
        assert!(matches!(quick.recv().await, Some(Event::Kv(_))), "{number}");
    }
}
