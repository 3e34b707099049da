//! Writes reach everybody, deletions stay, snapshots carry over.

#![cfg(feature = "kv")]

mod cluster;

use std::time::Duration;

use cluster::{Cluster, id};
use gossip_core::Config;
#[cfg(feature = "values")]
use gossip_core::kv::{Content, Pen};
use gossip_core::kv::{KvError, Scope, Version, Writes};

const SHARED: Scope = Scope::Shared;

fn contents(cluster: &Cluster, at: u64) -> Vec<(Scope, Vec<u8>, Vec<u8>)> {
    cluster.nodes[&at].kv().iter().map(|entry| (entry.scope, entry.key.to_vec(), entry.value.to_vec())).collect()
}

fn settle(cluster: &mut Cluster, entries: usize) {
    cluster.until(20, "all hold the same", Cluster::is_same);
    let expected = contents(cluster, 1);
    assert_eq!(expected.len(), entries);
    for at in cluster.nodes.keys() {
        assert_eq!(contents(cluster, *at), expected, "at {at}");
    }
}

#[test]
fn writes_of_all_members_reach_all_members_on_a_network_that_loses() {
    let mut cluster = Cluster::joined(8, &Config::lan());
    cluster.lost = |packet| packet % 5 == 0;
    for number in 0..400_u64 {
        let (at, now) = (1 + number % 8, cluster.now);
        cluster.node(at).kv_mut(now).set(SHARED, format!("k{number}").as_bytes(), &[7; 100]).unwrap();
    }
    settle(&mut cluster, 400);
}

#[test]
fn what_a_push_shows_to_be_missing_is_asked_for_without_waiting_for_a_probe() {
    let mut config = Config::lan();
    config.membership.probe_interval = Duration::from_secs(600);
    config.membership.suspicion.patience = Duration::from_secs(600);
    let mut cluster = Cluster::joined(5, &config);
    cluster.lost = |packet| packet % 2 == 0;
    let set = |cluster: &mut Cluster, number: u64| {
        let now = cluster.now;
        cluster.node(1).kv_mut(now).set(SHARED, &number.to_be_bytes(), &[7; 100]).unwrap();
    };
    (0..100).for_each(|number| set(&mut cluster, number));
    cluster.run(1);
    cluster.lost = |_| false;
    // These show it, each to those that it reaches; one may be asked that lacks the same.
    for number in 100..104 {
        set(&mut cluster, number);
        cluster.run(2);
    }
    // The last one itself may not have reached everybody: there is no probe that would tell.
    (1..=5).for_each(|at| assert!(contents(&cluster, at).len() >= 103, "at {at}"));
}

#[test]
fn what_is_deleted_stays_deleted_when_a_member_returns_that_still_has_it() {
    let mut cluster = Cluster::joined(4, &Config::lan());
    let now = cluster.now;
    cluster.node(1).kv_mut(now).set(SHARED, b"k", b"v").unwrap();
    settle(&mut cluster, 1);
    cluster.cut = |a, b| (a == 4) != (b == 4);
    let now = cluster.now;
    cluster.node(2).kv_mut(now).delete(SHARED, b"k").unwrap();
    cluster.run(5);
    assert_eq!(contents(&cluster, 4).len(), 1);
    cluster.cut = |_, _| false;
    settle(&mut cluster, 0);
}

#[test]
fn the_later_of_two_writes_holds_everywhere() {
    let mut cluster = Cluster::joined(4, &Config::lan());
    let now = cluster.now;
    cluster.node(1).kv_mut(now).set(SHARED, b"k", b"first").unwrap();
    settle(&mut cluster, 1);
    let now = cluster.now;
    cluster.node(3).kv_mut(now).set(SHARED, b"k", b"second").unwrap();
    settle(&mut cluster, 1);
    assert_eq!(contents(&cluster, 2)[0].2, b"second");
}

#[test]
fn own_keys_are_written_by_their_owner_alone() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    let now = cluster.now;
    let own = Scope::Own(id(2));
    assert_eq!(cluster.node(1).kv_mut(now).set(own, b"k", b"v"), Err(KvError::NotOwner));
    cluster.node(2).kv_mut(now).set(own, b"k", b"v").unwrap();
    cluster.node(1).kv_mut(now).set(SHARED, b"k", b"shared").unwrap();
    settle(&mut cluster, 2);
    assert_eq!(cluster.node(3).kv().get(own, b"k").unwrap().value, b"v");
}

#[test]
fn what_cannot_be_written_is_refused_with_its_reason() {
    let mut cluster = Cluster::joined(1, &Config::lan());
    let now = cluster.now;
    let mut kv = cluster.node(1).kv_mut(now);
    assert_eq!(kv.set(SHARED, &[b'k'; 256], b"v"), Err(KvError::InvalidKey));
    assert_eq!(kv.set(SHARED, b"@a/k", b"v"), Err(KvError::ReservedKey));
    assert_eq!(kv.delete(SHARED, b"k"), Err(KvError::NotFound));
    let Err(KvError::TooLarge { max }) = kv.set(SHARED, b"k", &[0; 70_000]) else { panic!("taken") };
    assert!(kv.set(SHARED, b"k", &vec![0; max]).is_ok());
}

#[test]
fn the_longest_value_reaches_everybody() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    let now = cluster.now;
    let mut kv = cluster.node(1).kv_mut(now);
    let Err(KvError::TooLarge { max }) = kv.set(SHARED, &[b'k'; 255], &[0; 70_000]) else { panic!("taken") };
    kv.set(SHARED, &[b'k'; 255], &vec![1; max]).unwrap();
    settle(&mut cluster, 1);
}

#[test]
fn what_fits_no_datagram_goes_in_parts_that_may_be_lost() {
    let mut config = Config::lan();
    config.transport.stream = None;
    config.transport.datagram_mtu = 508;
    let mut cluster = Cluster::joined(3, &config);
    cluster.cut = |a, b| (a == 3) != (b == 3);
    let now = cluster.now;
    for (number, len) in [700, 60_000, 5, 3000].into_iter().enumerate() {
        let value: Vec<u8> = (0..len).map(|at| (at * 7 + number) as u8).collect();
        cluster.node(1).kv_mut(now).set(SHARED, &[number as u8], &value).unwrap();
    }
    cluster.run(20);
    cluster.lost = |packet| packet % 5 == 0;
    cluster.cut = |_, _| false;
    settle(&mut cluster, 4);
    assert_eq!(cluster.nodes[&3].stats().kv_malformed, 0);
}

#[test]
fn a_snapshot_carries_the_map_into_the_next_life() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    let now = cluster.now;
    cluster.node(2).kv_mut(now).set(SHARED, b"a", b"1").unwrap();
    cluster.node(2).kv_mut(now).set(Scope::Own(id(2)), b"b", b"2").unwrap();
    cluster.node(2).kv_mut(now).delete(SHARED, b"a").unwrap();
    let snapshot = cluster.node(2).snapshot().to_vec();
    let before = contents(&cluster, 2);
    cluster.crash(2);
    cluster.start(2, 2, Config::lan());
    let now = cluster.now;
    cluster.node(2).restore(now, &snapshot).unwrap();
    assert_eq!(contents(&cluster, 2), before);
    cluster.node(2).kv_mut(now).set(Scope::Own(id(2)), b"b", b"3").unwrap();
    // Nobody told it whom to join: the snapshot did.
    cluster.until(20, "it is back", |cluster| cluster.nodes.values().all(|node| node.members().live() == 3));
    settle(&mut cluster, 1);
    assert_eq!(contents(&cluster, 1)[0].2, b"3");
}

/// Sets (`Some`) or deletes a shared key at node 2 and adds that to the journal.
fn write(cluster: &mut Cluster, journal: &mut Writes, key: &[u8], value: Option<&[u8]>) -> Version {
    let now = cluster.now;
    let node = cluster.node(2);
    let version = match value {
        Some(value) => node.kv_mut(now).set(SHARED, key, value),
        None => node.kv_mut(now).delete(SHARED, key),
    };
    let version = version.unwrap();
    assert!(journal.push(node.kv(), version));
    version
}

#[test]
fn writes_that_were_taken_singly_come_back_as_they_were_above_an_older_snapshot() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    let mut journal = Writes::default();
    write(&mut cluster, &mut journal, b"deleted", Some(b"1"));
    write(&mut cluster, &mut journal, b"changed", Some(b"2"));
    let snapshot = cluster.node(2).snapshot().to_vec();
    assert_eq!(journal.len(), 2);
    let mut taken = vec![journal.take()];
    write(&mut cluster, &mut journal, b"deleted", None);
    write(&mut cluster, &mut journal, b"changed", Some(b"3"));
    taken.push(journal.take());
    let last = write(&mut cluster, &mut journal, b"new", Some(b"4"));
    taken.push(journal.take());
    assert!(journal.is_empty());
    let (before, fingerprint) = (contents(&cluster, 2), cluster.nodes[&2].kv().fingerprint());

    cluster.crash(2);
    cluster.start(2, 2, Config::lan());
    let now = cluster.now;
    for bytes in [&snapshot].into_iter().chain(&taken) {
        cluster.node(2).restore(now, bytes).unwrap();
    }
    assert_eq!(contents(&cluster, 2), before);
    assert_eq!(cluster.nodes[&2].kv().fingerprint(), fingerprint);
    assert_eq!(cluster.nodes[&2].kv().tombstones(), 1);
    assert_eq!(cluster.nodes[&2].kv().get(SHARED, b"new").unwrap().version, last);
    cluster.until(20, "it is back", |cluster| cluster.nodes.values().all(|node| node.members().live() == 3));
    settle(&mut cluster, 2);
}

#[cfg(feature = "values")]
#[test]
fn what_was_taken_singly_has_all_writes_of_a_transaction_and_of_a_change_and_no_holes() {
    let mut cluster = Cluster::joined(1, &Config::lan());
    let (now, mut journal) = (cluster.now, Writes::default());
    let node = cluster.node(1);
    let version = node.kv_mut(now).transact(&[(b"a", Some(b"1")), (b"b", Some(b"2")), (b"a", None)]).unwrap();
    assert!(journal.push(node.kv(), version));
    // Of the first element nothing is left when the change is over.
    let change = |content: &mut Content, pen: &mut Pen<'_>| {
        content.set().add(pen, b"x"[..].into());
        content.set().remove(&b"x"[..].into());
        content.set().add(pen, b"y"[..].into());
    };
    let (version, ()) = node.kv_mut(now).update(SHARED, b"set", change).unwrap();
    assert!(journal.push(node.kv(), version));
    let (before, fingerprint) = (contents(&cluster, 1), cluster.nodes[&1].kv().fingerprint());
    cluster.crash(1);
    cluster.start(1, 2, Config::lan());
    cluster.node(1).restore(now, &journal.take()).unwrap();
    assert_eq!(contents(&cluster, 1), before);
    assert_eq!(cluster.nodes[&1].kv().fingerprint(), fingerprint);
}

#[test]
fn a_deletion_taken_singly_holds_against_a_member_that_never_heard_of_it() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    let mut journal = Writes::default();
    write(&mut cluster, &mut journal, b"k", Some(b"v"));
    settle(&mut cluster, 1);
    cluster.cut = |a, b| (a == 2) != (b == 2);
    write(&mut cluster, &mut journal, b"k", None);
    let bytes = journal.take();
    cluster.crash(2);
    cluster.start(2, 2, Config::lan());
    let now = cluster.now;
    cluster.node(2).restore(now, &bytes).unwrap();
    cluster.cut = |_, _| false;
    cluster.node(2).join(now, 1).unwrap();
    settle(&mut cluster, 0);
}

#[test]
fn a_write_that_is_gone_cannot_be_taken_any_more() {
    let mut cluster = Cluster::joined(1, &Config::lan());
    let (now, mut journal) = (cluster.now, Writes::default());
    let first = cluster.node(1).kv_mut(now).set(SHARED, b"k", b"1").unwrap();
    cluster.node(1).kv_mut(now).set(SHARED, b"k", b"2").unwrap();
    assert!(!journal.push(cluster.nodes[&1].kv(), first));
    assert!(journal.is_empty());
}

#[test]
fn a_limit_that_was_lowered_loses_nothing_of_a_snapshot() {
    let mut cluster = Cluster::joined(1, &Config::lan());
    let now = cluster.now;
    for number in 0..40 {
        cluster.node(1).kv_mut(now).set(SHARED, format!("k{number}").as_bytes(), b"v").unwrap();
    }
    let (snapshot, before) = (cluster.node(1).snapshot().to_vec(), contents(&cluster, 1));
    let mut config = Config::lan();
    config.kv.max_entries = 16;
    cluster.start(1, 2, config);
    cluster.node(1).restore(now, &snapshot).unwrap();
    assert_eq!(contents(&cluster, 1), before);
    assert_eq!(cluster.node(1).kv_mut(now).set(SHARED, b"new", b"v"), Err(KvError::Full { max: 16 }));
}

#[test]
fn a_member_that_leaves_hands_over_what_it_wrote_just_before() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    cluster.lost = |packet| packet % 4 == 0;
    let now = cluster.now;
    for number in 0..300 {
        cluster.node(2).kv_mut(now).set(SHARED, format!("k{number}").as_bytes(), &[1; 300]).unwrap();
    }
    cluster.node(2).leave(now);
    assert_eq!(cluster.node(2).kv_mut(now).set(SHARED, b"late", b""), Err(KvError::Leaving));
    cluster.until(4, "2 has left", |cluster| cluster.events[&2].contains(&gossip_core::Event::Left));
    cluster.crash(2);
    settle(&mut cluster, 300);
}

#[test]
fn a_damaged_snapshot_is_refused_as_a_whole() {
    let mut cluster = Cluster::joined(2, &Config::lan());
    let now = cluster.now;
    cluster.node(1).kv_mut(now).set(SHARED, b"a", b"1").unwrap();
    let good = cluster.node(1).snapshot().to_vec();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(cluster.node(2).restore(now, &bad).is_err(), "byte {at}");
        assert!(cluster.node(2).restore(now, &good[..at]).is_err(), "cut at {at}");
    }
    assert!(cluster.node(2).kv().is_empty());
}

#[test]
fn a_node_that_forgot_its_own_writes_takes_a_new_generation() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    let now = cluster.now;
    cluster.node(2).kv_mut(now).set(SHARED, b"a", b"1").unwrap();
    settle(&mut cluster, 1);
    cluster.crash(2);
    // The same life again, with an empty disk: its first version would name two writes.
    cluster.start(2, 1, Config::lan());
    let now = cluster.now;
    cluster.node(2).join(now, 1).unwrap();
    cluster.until(20, "a new generation", |cluster| cluster.nodes[&2].identity().generation > 1);
    settle(&mut cluster, 1);
}

#[test]
fn an_own_key_of_a_life_with_a_higher_number_can_be_written() {
    let mut cluster = Cluster::empty();
    cluster.start(2, 9, Config::lan());
    let own = Scope::Own(id(2));
    let now = cluster.now;
    cluster.node(2).kv_mut(now).set(own, b"k", b"before").unwrap();
    let snapshot = cluster.node(2).snapshot().to_vec();
    // The clock that gives the generation went back.
    cluster.start(2, 5, Config::lan());
    cluster.node(2).restore(now, &snapshot).unwrap();
    let version = cluster.node(2).kv_mut(now).set(own, b"k", b"after").unwrap();
    assert_eq!((cluster.node(2).kv().get(own, b"k").unwrap().value, version.generation()), (b"after".as_slice(), 10));
}

#[test]
fn a_write_that_saw_a_forged_stamp_wins_over_it() {
    use gossip_core::wire::{ClusterKey, Item as _, Writer, kv::Entry, kv::State, tag};
    let mut cluster = Cluster::joined(2, &Config::lan());
    let (key, mut ids, mut buf) = (ClusterKey::new(""), Vec::new(), [0; 1200]);
    let (me, forger) = (gossip_core::Identity::new(id(1), 1), gossip_core::Identity::new(id(2), 1));
    let highest = gossip_core::NodeId::from_bytes([0xff; 16]);
    let writer = gossip_core::Identity::new(highest, 1);
    assert!(writer > me);
    let state = State::Value { stamp: u64::MAX, value: b"forged" };
    let entry = Entry { writer, counter: 1, own: false, expires: None, key: b"k", state };
    let mut packet = Writer::new(&mut buf, &mut ids, &key, forger, true).unwrap();
    packet.section(tag::KV_ENTRIES, |w| entry.write(w)).unwrap();
    let len = packet.finish(&key);
    let now = cluster.now;
    let node = cluster.node(1);
    node.handle_packet(now, gossip_core::Lane::Datagram, &2, &mut buf[..len]).unwrap();
    assert_eq!(node.kv().get(SHARED, b"k").unwrap().value, b"forged");
    node.kv_mut(now).set(SHARED, b"k", b"mine").unwrap();
    assert_eq!(node.kv().get(SHARED, b"k").unwrap().value, b"mine");
    cluster.until(5, "it is told", |cluster| {
        cluster.nodes[&2].kv().get(SHARED, b"k").is_some_and(|entry| entry.value == b"mine")
    });
}

#[test]
fn what_was_written_when_datagrams_were_larger_reaches_all_in_parts() {
    let (mut small, large) = (Config::lan(), Config::lan());
    small.transport.datagram_mtu = 508;
    let mut cluster = Cluster::empty();
    cluster.start(2, 1, large);
    let now = cluster.now;
    for (key, len) in [(b"a", 10), (b"b", 900), (b"c", 10), (b"d", 900), (b"e", 900), (b"f", 10)] {
        cluster.node(2).kv_mut(now).set(SHARED, key, &vec![7; len]).unwrap();
    }
    let snapshot = cluster.node(2).snapshot().to_vec();
    cluster.start(1, 1, small.clone());
    cluster.start(2, 2, small);
    cluster.node(2).restore(now, &snapshot).unwrap();
    cluster.node(2).join(now, 1).unwrap();
    settle(&mut cluster, 6);
}

/// Members 1 to 4 that hold 20 000 keys of 16 bytes with values of 32, and what has priority.
fn loaded(config: &Config) -> Cluster {
    let mut cluster = Cluster::joined(4, config);
    let now = cluster.now;
    for number in 0..20_000_u32 {
        let key = format!("{}{number:010}", if number % 100 == 0 { "first/" } else { "other/" });
        cluster.node(1 + u64::from(number) % 4).kv_mut(now).set(SHARED, key.as_bytes(), &[7; 32]).unwrap();
    }
    settle(&mut cluster, 20_000);
    cluster
}

#[test]
fn a_node_that_joins_is_told_everything_once() {
    for stream in [None, Some(65_536)] {
        let mut config = Config::lan();
        config.transport.stream = stream;
        let mut cluster = loaded(&config);
        (cluster.bytes, cluster.frames) = Default::default();
        cluster.start(5, 1, config.clone());
        let now = cluster.now;
        cluster.node(5).join(now, 1).unwrap();
        settle(&mut cluster, 20_000);
        let frames = cluster.frames.iter().filter(|(_, to, _)| *to == 5).map(|(_, _, len)| *len as u64).sum::<u64>();
        let bytes = cluster.bytes.iter().filter(|((_, to), _)| *to == 5).map(|(_, bytes)| bytes).sum::<u64>() + frames;
        // What all members say of themselves meanwhile counts, too.
        assert!(bytes < 20_000 * 48 * 6 / 5, "{bytes} bytes, stream lane {stream:?}");
    }
}

#[test]
fn what_has_priority_comes_within_two_round_trips_to_the_first_member_that_is_met() {
    let mut config = Config::lan();
    config.kv.priority = vec!["first/".into()];
    let mut cluster = loaded(&config);
    cluster.start(5, 1, config);
    let now = cluster.now;
    cluster.node(5).join(now, 1).unwrap();
    cluster.until(5, "somebody is met", |cluster| cluster.nodes[&5].members().live() > 1);
    // 5 ms each way, and a millisecond of a step.
    cluster.run_for(Duration::from_millis(22));
    assert_eq!(cluster.nodes[&5].kv().prefix(SHARED, b"first/").count(), 200);
    assert!(cluster.nodes[&5].kv().len() < 20_000);
}
