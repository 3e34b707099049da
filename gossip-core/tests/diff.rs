//! Comparisons that the application asks for: what differs between two members, and what it took to find it.

#![cfg(feature = "reports")]

mod cluster;

use std::sync::Arc;
use std::time::Duration;

use cluster::{Cluster, id, is_lost};
use gossip_core::kv::{Diff, Difference, End, KvError, Scope, Way};
use gossip_core::{Config, Event};

const SHARED: Scope = Scope::Shared;
const SECOND: Duration = Duration::from_secs(1);

/// Two members, neither of which heard of what the other did: nothing is repaired but by comparing.
fn apart(each: impl Fn(u64, &mut gossip_core::kv::KvMut<'_, u64>)) -> Cluster {
    let mut config = Config::lan();
    config.broadcast.enabled = false;
    config.kv.sync_interval = Duration::from_secs(600);
    let mut cluster = Cluster::joined(2, &config);
    cluster.cut = |_, _| true;
    for at in 1..=2 {
        let now = cluster.now;
        each(at, &mut cluster.node(at).kv_mut(now));
    }
    cluster.run_for(SECOND);
    cluster.cut = |_, _| false;
    cluster
}

fn set(kv: &mut gossip_core::kv::KvMut<'_, u64>, key: &str, value: &[u8]) {
    kv.set(SHARED, key.as_bytes(), value).unwrap();
}

/// What the first finds out about the second.
fn compared(cluster: &mut Cluster, within: Duration) -> Arc<Diff> {
    let now = cluster.now;
    let asked = cluster.node(1).kv_mut(now).diff(id(2), within).unwrap();
    let found = |cluster: &Cluster| {
        cluster.events.get(&1).into_iter().flatten().find_map(|event| match event {
            Event::Compared(diff) if diff.id == asked => Some(Arc::clone(diff)),
            _ => None,
        })
    };
    cluster.until(30, "compared", |cluster| found(cluster).is_some());
    let diff = found(cluster).unwrap();
    assert_eq!(diff.with, id(2));
    assert!(diff.time <= cluster.now.since(now), "{diff:?}");
    diff
}

fn named(differences: &[Difference]) -> Vec<(String, bool, bool)> {
    let name = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
    let side = |found: &Difference| (name(&found.key), !found.here.is_empty(), !found.there.is_empty());
    differences.iter().map(side).collect()
}

fn equal(cluster: &Cluster) -> bool {
    cluster.nodes[&1].kv().iter().eq(cluster.nodes[&2].kv().iter())
}

#[test]
fn keys_of_one_side_and_keys_with_other_versions_are_named_and_both_have_them_then() {
    let mut cluster = apart(|at, kv| {
        set(kv, "both", &[at as u8]);
        set(kv, &format!("of {at}"), b"v");
    });
    let versions = |at: u64| cluster.nodes[&at].kv().versions(SHARED, b"both");
    let (here, there) = (versions(1), versions(2));
    let diff = compared(&mut cluster, 10 * SECOND);
    assert_eq!((diff.end, diff.way), (End::Complete, Some(Way::Ranges)));
    let expected = [("both", true, true), ("of 1", true, false), ("of 2", false, true)];
    assert_eq!(named(&diff.differences), expected.map(|(key, here, there)| (key.to_string(), here, there)));
    assert_eq!((&diff.differences[0].here, &diff.differences[0].there), (&here, &there));
    cluster.until(2, "both hold the same", equal);
    assert!(compared(&mut cluster, SECOND).differences.is_empty());
}

#[test]
fn that_two_are_equal_takes_one_small_question_and_one_small_answer() {
    let mut cluster = apart(|_, _| ());
    for at in (0..=u8::MAX).filter(|at| *at != b'@') {
        let now = cluster.now;
        cluster.node(1).kv_mut(now).set(SHARED, &[at, 0], b"v").unwrap();
    }
    let first = compared(&mut cluster, 10 * SECOND);
    assert_eq!((first.end, first.differences.len()), (End::Complete, 255));
    cluster.until(2, "both hold the same", equal);
    let diff = compared(&mut cluster, SECOND);
    assert_eq!((diff.end, diff.way, diff.differences.len()), (End::Complete, Some(Way::Equal), 0));
    assert_eq!((diff.comparison.packets_sent, diff.comparison.packets_received), (1, 1));
    assert!(diff.comparison.bytes_sent <= 32 && diff.comparison.bytes_received <= 8, "{:?}", diff.comparison);
    assert_eq!((diff.exchange.packets_sent, diff.exchange.packets_received), (0, 0));
}

#[test]
fn every_difference_of_thousands_is_found_though_a_tenth_of_the_packets_is_lost() {
    let mut cluster = apart(|at, kv| (0..1500).for_each(|key| set(kv, &format!("{at} {key}"), &[7; 40])));
    cluster.lost = |number| is_lost(number, 100);
    let diff = compared(&mut cluster, 30 * SECOND);
    assert_eq!(diff.end, End::Complete);
    let sides = [1, 2].map(|at| {
        let mut keys: Vec<String> = (0..1500).map(|key| format!("{at} {key}")).collect();
        keys.sort();
        keys.into_iter().map(move |key| (key, at == 1, at == 2)).collect::<Vec<_>>()
    });
    assert!(named(&diff.differences) == sides.concat(), "{} of 3000", diff.differences.len());
    assert!(diff.exchange.bytes_received > 1500 * 40, "{:?}", diff.exchange);
}

#[cfg(feature = "fast")]
#[test]
fn few_differences_of_many_keys_are_found_by_cells() {
    let mut cluster = apart(|at, kv| {
        if at == 1 {
            (0..4000).for_each(|key| set(kv, &format!("k{key}"), b"v"));
        }
    });
    compared(&mut cluster, 10 * SECOND);
    cluster.until(30, "both hold the same", equal);
    cluster.cut = |_, _| true;
    let now = cluster.now;
    (0..20).for_each(|key| set(&mut cluster.node(1).kv_mut(now), &format!("k{}", key * 190), b"new"));
    cluster.run_for(SECOND);
    cluster.cut = |_, _| false;
    let diff = compared(&mut cluster, 10 * SECOND);
    assert_eq!((diff.end, diff.way, diff.differences.len()), (End::Complete, Some(Way::Cells), 20));
    assert!(diff.differences.iter().all(|found| found.here.len() == 1 && found.there.len() == 1));
    assert!(diff.comparison.bytes_received < 2000, "{:?}", diff.comparison);
}

#[test]
fn a_value_that_fits_no_packet_is_named_too() {
    let mut cluster = apart(|at, kv| set(kv, &format!("of {at}"), &[at as u8; 20_000]));
    let diff = compared(&mut cluster, 10 * SECOND);
    assert_eq!(diff.end, End::Complete);
    assert_eq!(named(&diff.differences), [("of 1".into(), true, false), ("of 2".into(), false, true)]);
}

#[test]
fn a_key_that_was_deleted_here_differs_where_the_other_has_it_still() {
    let mut cluster = apart(|at, kv| {
        if at == 1 {
            set(kv, "k", b"v");
        }
    });
    compared(&mut cluster, 10 * SECOND);
    cluster.until(2, "both hold it", |cluster| cluster.nodes[&2].kv().len() == 1);
    cluster.cut = |_, _| true;
    let now = cluster.now;
    cluster.node(1).kv_mut(now).delete(SHARED, b"k").unwrap();
    cluster.run_for(SECOND);
    cluster.cut = |_, _| false;
    let diff = compared(&mut cluster, 10 * SECOND);
    assert_eq!((diff.end, named(&diff.differences)), (End::Complete, vec![("k".into(), false, true)]));
    cluster.until(2, "it is gone", |cluster| cluster.nodes[&2].kv().is_empty());
}

#[test]
fn who_does_not_answer_in_time_is_said_not_to() {
    let mut cluster = apart(|at, kv| set(kv, &format!("of {at}"), b"v"));
    cluster.cut = |_, _| true;
    let diff = compared(&mut cluster, 2 * SECOND);
    assert_eq!((diff.end, diff.way, diff.differences.len()), (End::NoAnswer, None, 0));
    assert_eq!(diff.time, 2 * SECOND);
    assert!(diff.comparison.packets_sent >= 4, "{:?}", diff.comparison);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut cluster = apart(|_, _| ());
    let now = cluster.now;
    let mut kv = cluster.node(1).kv_mut(now);
    assert_eq!(kv.diff(id(9), SECOND), Err(KvError::NoSuchMember));
    assert_eq!(kv.diff(id(1), SECOND), Err(KvError::NoSuchMember));
    kv.diff(id(2), SECOND).unwrap();
    assert_eq!(kv.diff(id(2), SECOND), Err(KvError::Comparing));
}
