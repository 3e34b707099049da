//! What is large goes by the stream lane where both ends have one, and arrives without it all the same.

#![cfg(feature = "kv")]

mod cluster;

use cluster::{Cluster, id};
use gossip_core::kv::Scope;
use gossip_core::{Config, Status};

const FRAME: usize = 16 << 10;

fn with_stream() -> Config {
    let mut config = Config::lan();
    config.transport.stream = Some(FRAME);
    config
}

/// Node 1 holds so many keys of a former life when node 2, which is of this kind, joins it; until both hold the same.
fn catch_up(keys: u32, joiner: &Config, lost_frame: fn(u64) -> bool) -> Cluster {
    let mut cluster = Cluster::empty();
    cluster.lost_frame = lost_frame;
    cluster.start(1, 1, with_stream());
    write(&mut cluster, keys);
    let snapshot = cluster.nodes[&1].snapshot().to_vec();
    cluster.start(1, 2, with_stream());
    cluster.start(2, 1, joiner.clone());
    let now = cluster.now;
    cluster.node(1).restore(now, &snapshot).unwrap();
    cluster.node(2).join(now, 1).unwrap();
    cluster.until(60, "both hold the same", |cluster| cluster.nodes[&2].kv().len() == keys as usize);
    cluster
}

fn write(cluster: &mut Cluster, keys: u32) {
    let now = cluster.now;
    for number in 0..keys {
        let key = number.to_be_bytes();
        cluster.node(1).kv_mut(now).set(Scope::Shared, &key, &[7; 200]).unwrap();
    }
}

#[test]
fn a_member_far_behind_catches_up_by_frames() {
    let by_frames = catch_up(2000, &with_stream(), |_| false);
    let by_datagrams = catch_up(2000, &Config::lan(), |_| false);
    let bytes: usize = by_frames.frames.iter().map(|(.., len)| len).sum();
    assert!(bytes > 300_000, "{bytes} bytes in frames");
    assert!(by_frames.datagrams() * 2 < by_datagrams.datagrams(), "{}", by_frames.datagrams());
}

#[test]
fn no_frame_is_longer_than_its_limit_and_some_are_nearly_as_long() {
    let cluster = catch_up(2000, &with_stream(), |_| false);
    let longest = cluster.frames.iter().map(|(.., len)| *len).max().unwrap();
    assert!((FRAME * 9 / 10..=FRAME).contains(&longest), "{longest}");
}

#[test]
fn a_member_without_a_stream_lane_catches_up_by_datagrams_and_gets_no_frame() {
    let cluster = catch_up(500, &Config::lan(), |_| false);
    assert_eq!(cluster.frames, []);
    assert_eq!(cluster.nodes[&1].stats().frames_sent, 0);
}

#[test]
fn what_is_small_needs_no_frame() {
    let cluster = catch_up(10, &with_stream(), |_| false);
    assert_eq!(cluster.frames, []);
}

#[test]
fn a_stream_lane_that_loses_everything_in_silence_keeps_nothing_from_arriving() {
    let cluster = catch_up(1000, &with_stream(), |_| true);
    assert!(!cluster.frames.is_empty());
    assert_eq!(cluster.nodes[&2].stats().frames_received, 0);
}

#[test]
fn a_member_that_the_transport_cannot_reach_by_stream_gets_datagrams_for_a_while() {
    let mut cluster = Cluster::joined(2, &with_stream());
    cluster.run(2);
    let now = cluster.now;
    cluster.node(1).handle_no_stream(now, &2);
    cluster.cut = |_, _| true;
    write(&mut cluster, 500);
    cluster.run(1);
    cluster.cut = |_, _| false;
    cluster.until(20, "caught up", |cluster| cluster.nodes[&2].kv().len() == 500);
    assert!(cluster.frames.iter().all(|(from, ..)| *from != 1), "{:?}", cluster.frames);

    cluster.run(30);
    cluster.cut = |_, _| true;
    write(&mut cluster, 2000);
    cluster.run(1);
    cluster.cut = |_, _| false;
    cluster.until(20, "caught up", |cluster| cluster.nodes[&2].kv().len() == 2000);
    assert!(cluster.frames.iter().any(|(from, ..)| *from == 1), "the pause is over");
}

#[test]
fn members_with_and_without_a_stream_lane_hold_the_same_in_the_end() {
    let mut cluster = Cluster::empty();
    for at in 1..=6 {
        cluster.start(at, 1, if at % 2 == 1 { with_stream() } else { Config::lan() });
    }
    cluster.lost = |packet| packet % 7 == 0;
    write(&mut cluster, 1500);
    let now = cluster.now;
    for at in 2..=6 {
        cluster.node(at).join(now, 1).unwrap();
    }
    cluster.until(60, "all hold the same", |cluster| {
        cluster.is_same() && cluster.nodes.values().all(|node| node.members().live() == 6)
    });
    assert!(cluster.frames.iter().all(|(from, to, _)| from % 2 == 1 && to % 2 == 1), "{:?}", cluster.frames);
    assert!(!cluster.frames.is_empty());
}

#[test]
fn a_low_rate_keeps_frames_short_so_that_probes_go_on() {
    let mut config = with_stream();
    config.max_bytes_per_second = 20_000;
    let mut cluster = Cluster::joined(2, &config);
    cluster.cut = |_, _| true;
    write(&mut cluster, 1000);
    cluster.run(1);
    cluster.cut = |_, _| false;
    cluster.until(60, "caught up", |cluster| cluster.nodes[&2].kv().len() == 1000);
    assert!(cluster.frames.iter().all(|(.., len)| *len <= 5000), "{:?}", cluster.frames);
    assert_eq!(cluster.nodes[&2].members().get(id(1)).map(|member| member.status), Some(Status::Alive));
}
