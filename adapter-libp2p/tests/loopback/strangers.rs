//! Peers that are no nodes: what they send over the substreams of the protocol.

use std::time::Duration;

use futures_util::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use gossip_adapter_libp2p::Libp2pPeer;
use gossip_core::{Clock, Identity, Lane, Node, NodeId};
use libp2p::{PeerId, Stream, StreamProtocol};
use libp2p_stream as stream;

use crate::support::{Running, live, swarm, until, until_counted, within};

const DATAGRAM: StreamProtocol = StreamProtocol::new("/gossip-core/1/datagram");
const STREAM: StreamProtocol = StreamProtocol::new("/gossip-core/1/stream");

/// A peer that is connected to a node, and opens what substreams it likes.
struct Stranger {
    peer: PeerId,
    control: stream::Control,
    node: PeerId,
}

impl Stranger {
    async fn of(node: &Running) -> Self {
        let mut swarm = swarm(Duration::from_secs(60), |_| stream::Behaviour::new());
        let (peer, control) = (*swarm.local_peer_id(), swarm.behaviour().new_control());
        swarm.dial(node.addr_with_peer()).unwrap();
        tokio::spawn(async move { while swarm.next().await.is_some() {} });
        Self { peer, control, node: node.peer }
    }

    async fn open(&mut self, protocol: StreamProtocol) -> Stream {
        within("a substream", self.control.open_stream(self.node, protocol)).await.unwrap()
    }

    /// A packet by which a node of that id would ask to be let in.
    fn packet(&self, id: NodeId) -> Vec<u8> {
        let (me, contact) = (Libp2pPeer::try_from(self.peer).unwrap(), Libp2pPeer::try_from(self.node).unwrap());
        let clock = Clock::new();
        let config = gossip_core::Config::local();
        let mut node = Node::new(Identity::new(id, 1), me, config, [7; 32], clock.now()).unwrap();
        node.join(clock.now(), contact).unwrap();
        node.handle_timeout(clock.now());
        let mut buf = vec![0; 1200];
        let len = node.poll_transmit(clock.now(), Lane::Datagram, &mut buf).expect("a request to join").len;
        buf.truncate(len);
        buf
    }
}

/// A frame: the length as a varint, then the packet.
fn frame(packet: &[u8]) -> Vec<u8> {
    let mut len = unsigned_varint::encode::usize_buffer();
    [unsigned_varint::encode::usize(packet.len(), &mut len), packet].concat()
}

async fn send(stream: &mut Stream, bytes: &[u8]) {
    within("the bytes are taken", async {
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
    })
    .await;
}

/// Waits until the node has closed its end.
async fn until_closed(stream: &mut Stream) {
    let read = within("the node closes the substream", stream.read_to_end(&mut Vec::new())).await;
    assert!(read.is_err() || read.is_ok_and(|len| len == 0));
}

#[tokio::test]
async fn a_packet_that_names_another_sender_is_refused_and_counted() {
    let node = Running::start().await;
    let mut stranger = Stranger::of(&node).await;
    let own = Libp2pPeer::try_from(stranger.peer).unwrap().node_id();
    let mut substream = stranger.open(DATAGRAM).await;
    send(&mut substream, &frame(&stranger.packet(NodeId::from_name("somebody else")))).await;
    until_counted(&node.handle, "the refusal", |cluster| cluster.transport().wrong_sender == 1).await;
    assert_eq!(node.handle.stats().packets_received, 0);
    // The same in its own name reaches the node.
    send(&mut substream, &frame(&stranger.packet(own))).await;
    until_counted(&node.handle, "the packet", |cluster| cluster.stats().packets_received == 1).await;
    assert_eq!(node.handle.transport().wrong_sender, 1);
}

#[tokio::test]
async fn a_frame_beyond_the_limit_is_refused_by_its_length_alone() {
    let node = Running::start().await;
    let mut stranger = Stranger::of(&node).await;
    for (lane, max, refused) in [(DATAGRAM, 65_507, 1), (STREAM, 64 << 10, 2)] {
        let mut substream = stranger.open(lane.clone()).await;
        send(&mut substream, &frame(&vec![0; max])).await;
        until_counted(&node.handle, "the longest frame", |cluster| cluster.stats().dropped_version == refused).await;
        let mut len = unsigned_varint::encode::usize_buffer();
        send(&mut substream, unsigned_varint::encode::usize(max + 1, &mut len)).await;
        until_counted(&node.handle, "the refusal", |cluster| cluster.transport().closed_frame_length == refused).await;
        until_closed(&mut substream).await;
    }
}

#[tokio::test]
async fn a_length_that_is_no_number_closes_the_substream_and_the_next_one_is_taken() {
    let node = Running::start().await;
    let mut stranger = Stranger::of(&node).await;
    let mut substream = stranger.open(DATAGRAM).await;
    send(&mut substream, &[0xff; 20]).await;
    until_closed(&mut substream).await;
    let own = Libp2pPeer::try_from(stranger.peer).unwrap().node_id();
    let mut substream = stranger.open(DATAGRAM).await;
    send(&mut substream, &frame(&stranger.packet(own))).await;
    until_counted(&node.handle, "the packet", |cluster| cluster.stats().packets_received == 1).await;
}

#[tokio::test]
async fn of_substreams_of_one_lane_the_newest_is_read() {
    let node = Running::start().await;
    let mut stranger = Stranger::of(&node).await;
    let own = Libp2pPeer::try_from(stranger.peer).unwrap().node_id();
    let mut old = stranger.open(DATAGRAM).await;
    send(&mut old, &frame(&stranger.packet(own))).await;
    until_counted(&node.handle, "a packet", |cluster| cluster.stats().packets_received == 1).await;
    let mut new = stranger.open(DATAGRAM).await;
    send(&mut new, &frame(&stranger.packet(own))).await;
    until_counted(&node.handle, "another", |cluster| cluster.stats().packets_received == 2).await;
    until_closed(&mut old).await;
}

#[tokio::test]
async fn a_node_that_is_fed_garbage_serves_the_others() {
    let (node, other) = (Running::start().await, Running::start().await);
    let mut stranger = Stranger::of(&node).await;
    let mut substream = stranger.open(DATAGRAM).await;
    for len in 0..100 {
        send(&mut substream, &frame(&vec![0x10; len])).await;
    }
    other.join(node.addr_with_peer());
    until(&other.handle, "both are known", |cluster| live(cluster) == 2).await;
    until_counted(&node.handle, "all of it is counted", |cluster| {
        let stats = cluster.stats();
        stats.dropped_malformed + stats.dropped_checksum == 100
    })
    .await;
}
