//! Frames over TCP between members, and what others do to the port.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use gossip_adapter_tokio_udp::{BindError, TransportStats, UdpNode, bind};
use gossip_core::Config;
use gossip_handle::frame::{Preamble, encode};

use crate::support::{any_port, cluster, id, join, live, options, start, until, until_counted, with_keys, within};

async fn until_keys(node: &UdpNode, keys: usize) {
    let held = |cluster: &crate::support::Cluster| cluster.with(|node, _| node.kv().len());
    until(node.handle(), "all keys", |cluster| held(cluster) == keys).await;
}

async fn until_transport(node: &UdpNode, what: &str, condition: impl Fn(&TransportStats) -> bool) {
    until_counted(node.handle(), what, |cluster| condition(&cluster.transport())).await;
}

/// A connection to a node that says it is the member at that port.
fn connect_as(node: &UdpNode, port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(node.local_addr()).unwrap();
    stream.write_all(&Preamble { port }.encode()).unwrap();
    stream
}

/// Waits, beside the runtime, until the other end has said who it is: then the connection is in use.
async fn greeted(mut stream: TcpStream) -> TcpStream {
    let port = stream.peer_addr().unwrap().port();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut greeting = [0; 6];
        stream.read_exact(&mut greeting).map(|()| (stream, greeting))
    });
    let (stream, greeting) = within("a greeting", read).await.unwrap().unwrap();
    assert_eq!(Preamble::decode(greeting).unwrap().port, port);
    stream
}

/// Waits, beside the runtime, until the other end has closed a connection.
async fn until_closed(mut stream: TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).map_err(|error| error.kind())
    });
    let read = within("the other end closes", read).await.unwrap();
    assert!(!matches!(read, Err(std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)), "{read:?}");
}

#[tokio::test]
async fn a_member_far_behind_catches_up_by_frames_and_the_connection_is_used_again() {
    let full = with_keys(options("a", 1), 3000, any_port()).await;
    let empty = start("b").await;
    join(&empty, &full).await;
    until_keys(&empty, 3000).await;
    let (sent, received) = (full.handle().stats().frames_sent, empty.handle().stats().frames_received);
    assert!(sent > 5 && received > 5, "{sent} {received}");
    let (a, b) = (full.handle().transport(), empty.handle().transport());
    assert_eq!((a.dialed + b.dialed, a.connections, b.connections), (1, 1, 1), "{a:?} {b:?}");
    assert_eq!((a.frames_unsent, a.frames_unqueued), (0, 0), "{a:?}");
}

#[tokio::test]
async fn a_node_without_a_stream_lane_opens_no_port_and_catches_up_by_datagrams() {
    let full = with_keys(options("a", 1), 500, any_port()).await;
    let mut without = options("b", 1);
    without.config.transport.stream = None;
    let empty = bind(any_port(), without).await.unwrap();
    assert!(TcpStream::connect(empty.local_addr()).is_err());
    join(&empty, &full).await;
    until_keys(&empty, 500).await;
    assert_eq!((full.handle().stats().frames_sent, full.handle().transport().dialed), (0, 0));
}

#[tokio::test]
async fn a_peer_that_refuses_connections_gets_datagrams() {
    let full = with_keys(options("a", 1), 500, any_port()).await;
    let mut closed = options("b", 1);
    closed.stream.max_accepted = 0;
    let empty = bind(any_port(), closed).await.unwrap();
    join(&empty, &full).await;
    until_keys(&empty, 500).await;
    assert_eq!(empty.handle().stats().frames_received, 0);
    if full.handle().stats().frames_sent > 0 {
        until_transport(&full, "it was told", |stats| stats.handshake_failed > 0).await;
    }
}

#[tokio::test]
async fn who_says_nothing_or_half_of_it_or_nonsense_is_disconnected_and_counted() {
    let mut hasty = options("a", 1);
    hasty.stream.handshake_timeout = Duration::from_millis(50);
    let node = bind(any_port(), hasty).await.unwrap();
    for said in [b"".as_slice(), b"gs", b"gsp\x01\x1f", b"gsp\x02\x1f\x0a", b"GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(node.local_addr()).unwrap();
        stream.write_all(said).unwrap();
        until_closed(stream).await;
    }
    until_transport(&node, "five refusals", |stats| stats.handshake_failed == 5 && stats.connections == 0).await;
}

#[tokio::test]
async fn a_stranger_is_refused_and_counted() {
    let nodes = cluster(&["a", "b"]).await;
    until_closed(connect_as(&nodes[0], 9)).await;
    until_transport(&nodes[0], "a refusal", |stats| stats.refused_stranger == 1).await;
}

#[tokio::test]
async fn a_frame_of_4_gib_or_of_garbage_closes_the_connection() {
    let nodes = cluster(&["a", "b"]).await;
    let port = nodes[1].local_addr().port();
    let mut stream = connect_as(&nodes[0], port);
    stream.write_all(&u32::MAX.to_be_bytes()).unwrap();
    until_closed(stream).await;
    until_transport(&nodes[0], "the length is refused", |stats| stats.closed_frame_length == 1).await;

    let mut stream = connect_as(&nodes[0], port);
    stream.write_all(&encode(&[0x55; 1000])).unwrap();
    until_closed(stream).await;
    until_transport(&nodes[0], "the garbage is refused", |stats| stats.closed_garbage == 1).await;
    assert_eq!(live(nodes[0].handle()), 2);
}

#[tokio::test]
async fn a_frame_that_does_not_end_closes_the_connection() {
    let mut hasty = options("a", 1);
    hasty.stream.frame_timeout = Duration::from_millis(50);
    let node = bind(any_port(), hasty).await.unwrap();
    let member = start("b").await;
    join(&member, &node).await;
    until(node.handle(), "b is there", |cluster| live(cluster) == 2).await;
    let mut stream = connect_as(&node, member.local_addr().port());
    stream.write_all(&[0, 0, 1, 0, 1, 2, 3]).unwrap();
    until_closed(stream).await;
    until_transport(&node, "a half frame", |stats| stats.closed_frame_timeout == 1).await;
}

#[tokio::test]
async fn who_says_nothing_cannot_keep_a_member_out() {
    let mut small = options("a", 1);
    (small.stream.max_pending, small.stream.handshake_timeout) = (4, Duration::from_secs(3600));
    let full = with_keys(small, 1000, any_port()).await;
    let silent: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(full.local_addr()).unwrap()).collect();
    until_transport(&full, "all but four are closed", |stats| stats.closed_pending == 36 && stats.connections == 4)
        .await;
    let empty = start("b").await;
    join(&empty, &full).await;
    until_keys(&empty, 1000).await;
    drop(greeted(connect_as(&full, empty.local_addr().port())).await);
    drop(silent);
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed() {
    let mut hasty = options("a", 1);
    hasty.stream.idle_timeout = Duration::from_millis(300);
    let full = with_keys(hasty, 1000, any_port()).await;
    let empty = start("b").await;
    join(&empty, &full).await;
    until_keys(&empty, 1000).await;
    assert!(empty.handle().stats().frames_received > 0);
    until_transport(&full, "closed", |stats| stats.connections == 0).await;
    until_transport(&empty, "closed", |stats| stats.connections == 0).await;
    assert!(full.handle().transport().closed_idle >= 1);
}

#[tokio::test]
async fn a_peer_that_never_reads_is_disconnected_and_holds_nobody_up() {
    let mut hasty = options("a", 1);
    hasty.stream.write_timeout = Duration::from_millis(200);
    // The messages are tried until the deaf one is gone.
    hasty.config.direct.timeout = Duration::from_secs(600);
    let node = bind(any_port(), hasty).await.unwrap();
    let (victim, other) = (start("b").await, start("c").await);
    join(&victim, &node).await;
    join(&other, &node).await;
    until(node.handle(), "both are there", |cluster| live(cluster) == 3).await;
    // Whoever says to be b first gets what is for b: greeted, it is in that place, and nothing was sent in frames yet.
    assert_eq!(node.handle().stats().frames_sent, 0);
    let deaf = greeted(connect_as(&node, victim.local_addr().port())).await;

    // More than any system keeps for somebody who does not read, and too long for datagrams.
    let lost: Vec<_> = (0..255).map(|_| node.handle().send_to(id("b"), 0, &[7; 60_000]).unwrap()).collect();
    let mut inboxes = [&victim, &other].map(|node| node.handle().inbox(0, 1).unwrap());
    let short = node.handle().send_to(id("b"), 0, b"short").unwrap();
    let long = node.handle().send_to(id("c"), 0, &[7; 60_000]).unwrap();
    within("what is short", short).await.unwrap();
    within("what is for the other one", long).await.unwrap();
    assert!(inboxes.iter_mut().all(|inbox| inbox.try_recv().is_some()));
    until_transport(&node, "the deaf one is gone", |stats| stats.closed_not_reading == 1).await;
    drop((deaf, lost));
}

#[tokio::test]
async fn the_rate_of_a_host_is_kept_by_reading_later() {
    let full = with_keys(options("a", 1), 1000, any_port()).await;
    let mut slow = options("b", 1);
    slow.stream.bytes_per_second_per_host = 400_000;
    let empty = bind(any_port(), slow).await.unwrap();
    join(&empty, &full).await;
    until_keys(&empty, 1000).await;
    assert!(empty.handle().transport().throttled > 0, "{:?}", empty.handle().transport());
    assert_eq!(empty.handle().transport().closed_frame_timeout, 0);
}

#[tokio::test]
async fn no_more_connections_of_one_host_are_taken_than_may() {
    let mut few = options("a", 1);
    few.stream.max_per_host = 2;
    let node = bind(any_port(), few).await.unwrap();
    let member = start("b").await;
    join(&member, &node).await;
    until(node.handle(), "b is there", |cluster| live(cluster) == 2).await;
    let port = member.local_addr().port();
    let held = [connect_as(&node, port), connect_as(&node, port), connect_as(&node, port)];
    until_transport(&node, "one is refused", |stats| stats.refused_host == 1).await;
    drop(held);
    until_transport(&node, "all are gone", |stats| stats.connections == 0).await;
}

#[tokio::test]
async fn port_0_is_one_port_for_both_lanes() {
    let node = start("a").await;
    assert!(TcpStream::connect(node.local_addr()).is_ok());
}

#[tokio::test]
async fn a_port_that_is_taken_for_tcp_is_named_with_a_hint() {
    let taken = TcpListener::bind(any_port()).unwrap();
    let addr: SocketAddr = taken.local_addr().unwrap();
    let error = bind(addr, options("a", 1)).await.unwrap_err();
    assert!(matches!(error, BindError::Listener { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&addr.to_string()) && text.contains("TCP") && text.contains("without"), "{text}");

    let mut without = options("a", 1);
    without.config.transport.stream = None;
    assert!(bind(addr, without).await.is_ok());
}

#[test]
fn a_node_has_a_stream_lane_unless_told_otherwise() {
    assert_eq!(Config::lan().transport.stream, None);
    assert_eq!(options("a", 1).config.transport.stream, Some(64 << 10));
}
