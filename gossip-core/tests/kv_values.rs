//! Values that members change at the same time.

#![cfg(feature = "values")]

mod cluster;

use std::time::Duration;

use cluster::{Cluster, id};
use gossip_core::kv::{Blob, Content, Expect, KvError, Pen, Scope, Typed, Version, WriteOptions};
use gossip_core::{Config, Event};

const SHARED: Scope = Scope::Shared;

/// Until all members have seen and hold the same.
fn settle(cluster: &mut Cluster) {
    cluster.until(30, "all hold the same", Cluster::is_same);
}

/// Runs what the first three of them do at the same time, none of which hears of the others before.
fn apart(cluster: &mut Cluster, each: impl Fn(u64, &mut gossip_core::Node<u64>, gossip_core::Instant)) {
    cluster.cut = |_, _| true;
    for at in 1..=3 {
        let now = cluster.now;
        each(at, cluster.node(at), now);
    }
    cluster.run(2);
    cluster.cut = |_, _| false;
    settle(cluster);
}

fn content(cluster: &Cluster, at: u64, key: &[u8]) -> Content {
    cluster.nodes[&at].kv().content(SHARED, key).unwrap_or_default()
}

fn counted(cluster: &Cluster, at: u64, key: &[u8]) -> i128 {
    match content(cluster, at, key).kinds().next() {
        Some(Typed::Counter(counter)) => counter.get(),
        _ => 0,
    }
}

#[test]
fn values_set_at_the_same_time_are_siblings_until_one_that_saw_them_takes_their_place() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    apart(&mut cluster, |at, node, now| _ = node.kv_mut(now).set(SHARED, b"k", &[at as u8]).unwrap());
    for at in 1..=3 {
        let kv = cluster.nodes[&at].kv();
        let siblings: Vec<_> = kv.siblings(SHARED, b"k").into_iter().map(|(_, value)| value).collect();
        assert_eq!(siblings.len(), 3, "at {at}");
        assert!(siblings.contains(&kv.get(SHARED, b"k").unwrap().value.to_vec()));
        assert_eq!(kv.get(SHARED, b"k"), cluster.nodes[&1].kv().get(SHARED, b"k"));
    }
    let now = cluster.now;
    let version = cluster.node(2).kv_mut(now).set(SHARED, b"k", b"resolved").unwrap();
    settle(&mut cluster);
    for at in 1..=3 {
        assert_eq!(cluster.nodes[&at].kv().siblings(SHARED, b"k"), [(version, b"resolved".to_vec())], "at {at}");
        assert_eq!(cluster.nodes[&at].kv().versions(SHARED, b"k"), [version]);
    }
}

#[test]
fn a_write_that_saw_another_takes_its_place_whatever_the_clocks_say() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    let now = cluster.now;
    cluster.node(1).handle_wall_clock(now, 1_700_000_600_000);
    (2..=3).for_each(|at| cluster.node(at).handle_wall_clock(now, 1_700_000_000_000));
    cluster.node(1).kv_mut(now).set(SHARED, b"k", b"from ten minutes ahead").unwrap();
    settle(&mut cluster);
    let now = cluster.now;
    cluster.node(2).kv_mut(now).set(SHARED, b"k", b"later").unwrap();
    settle(&mut cluster);
    (1..=3).for_each(|at| assert_eq!(cluster.nodes[&at].kv().get(SHARED, b"k").unwrap().value, b"later"));
    let skews = cluster.events[&2].iter().filter(|event| matches!(event, Event::ClockSkew { ahead_ms: 1.. })).count();
    assert_eq!(skews, 1);
}

#[test]
fn what_members_count_at_the_same_time_adds_up() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    cluster.lost = |packet| packet % 5 == 0;
    for round in 0..20 {
        for at in 1..=3 {
            let now = cluster.now;
            let count = |content: &mut Content, pen: &mut Pen<'_>| content.counter().add(pen, at as i64 - round % 2);
            cluster.node(at).kv_mut(now).update(SHARED, b"n", count).unwrap();
        }
        cluster.run_for(Duration::from_millis(7));
    }
    settle(&mut cluster);
    (1..=3).for_each(|at| assert_eq!(counted(&cluster, at, b"n"), 20 * 6 - 10 * 3));
}

#[test]
fn what_is_counted_while_another_deletes_the_counter_stays_and_nothing_else() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    let now = cluster.now;
    cluster.node(1).kv_mut(now).update(SHARED, b"n", |content, pen| content.counter().add(pen, 100)).unwrap();
    settle(&mut cluster);
    apart(&mut cluster, |at, node, now| match at {
        1 => _ = node.kv_mut(now).delete(SHARED, b"n").unwrap(),
        2 => _ = node.kv_mut(now).update(SHARED, b"n", |content, pen| content.counter().add(pen, 5)).unwrap(),
        _ => (),
    });
    (1..=3).for_each(|at| assert_eq!(counted(&cluster, at, b"n"), 5, "at {at}"));
}

#[test]
fn an_element_that_is_added_and_removed_at_the_same_time_is_there_or_not_as_the_set_says() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    let (red, blue) = (|| Blob::from(&b"red"[..]), || Blob::from(&b"blue"[..]));
    let now = cluster.now;
    let both = |content: &mut Content, pen: &mut Pen<'_>| {
        for element in [red(), blue()] {
            content.set().add(pen, element.clone());
            content.strict_set().add(pen, element);
        }
    };
    cluster.node(1).kv_mut(now).update(SHARED, b"s", both).unwrap();
    settle(&mut cluster);
    apart(&mut cluster, |at, node, now| {
        let change = |content: &mut Content, pen: &mut Pen<'_>| match at {
            1 => {
                assert!(content.set().remove(&red()) && content.strict_set().remove(pen, red()));
            }
            2 => {
                content.set().add(pen, red());
                content.strict_set().add(pen, red());
            }
            _ => assert!(content.set().remove(&blue())),
        };
        node.kv_mut(now).update(SHARED, b"s", change).unwrap();
    });
    for at in 1..=3 {
        let content = content(&cluster, at, b"s");
        let elements: Vec<Vec<Blob>> = content
            .kinds()
            .filter_map(|typed| match typed {
                Typed::Set(set) => Some(set.iter().cloned().collect()),
                Typed::StrictSet(set) => Some(set.iter().cloned().collect()),
                _ => None,
            })
            .collect();
        assert_eq!(elements, [vec![red()], vec![blue()]], "at {at}");
    }
}

#[test]
fn maps_stand_in_maps_but_not_too_deep() {
    fn nest(content: &mut Content, pen: &mut Pen<'_>, depth: u8) {
        match depth {
            0 => content.counter().add(pen, 1),
            _ => content.map().update(pen, Blob::from(&b"f"[..]), |inner, pen| nest(inner, pen, depth - 1)),
        }
    }
    let mut cluster = Cluster::joined(2, &Config::lan());
    let now = cluster.now;
    let mut kv = cluster.node(1).kv_mut(now);
    assert_eq!(kv.update(SHARED, b"k", |content, pen| nest(content, pen, 9)), Err(KvError::TooDeep));
    kv.update(SHARED, b"k", |content, pen| nest(content, pen, 8)).unwrap();
    settle(&mut cluster);
    assert_eq!(content(&cluster, 2, b"k"), content(&cluster, 1, b"k"));
    assert!(cluster.nodes[&2].stats().kv_malformed == 0 && cluster.nodes[&2].kv().len() == 1);
}

#[test]
fn a_key_that_expires_is_gone_everywhere_and_what_is_written_again_stays() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    let options = WriteOptions { expires: Some(Duration::from_secs(5)), expect: None };
    for key in [b"a", b"b"] {
        let now = cluster.now;
        cluster.node(1).kv_mut(now).set_with(SHARED, key, b"v", &options).unwrap();
    }
    settle(&mut cluster);
    let left = cluster.nodes[&3].kv().expires_in(SHARED, b"a").unwrap();
    assert!(left > Duration::from_secs(3) && left <= Duration::from_secs(5), "{left:?}");
    let now = cluster.now;
    cluster.node(2).kv_mut(now).set(SHARED, b"b", b"w").unwrap();
    cluster.run(6);
    for at in 1..=3 {
        let kv = cluster.nodes[&at].kv();
        assert!(kv.get(SHARED, b"a").is_none(), "at {at}");
        assert_eq!(kv.get(SHARED, b"b").unwrap().value, b"w");
        let deleted = |event: &Event<u64>| matches!(event, Event::Kv(event) if event.deleted && &*event.key == b"a");
        assert!(cluster.events[&at].iter().any(deleted), "at {at}");
    }
    settle(&mut cluster);
}

#[test]
fn a_write_that_expects_something_else_changes_nothing_and_says_what_is_there() {
    let mut cluster = Cluster::joined(1, &Config::lan());
    let now = cluster.now;
    let mut kv = cluster.node(1).kv_mut(now);
    let expect = |expect| WriteOptions { expires: None, expect: Some(expect) };
    let first = kv.set_with(SHARED, b"k", b"1", &expect(Expect::Absent)).unwrap();
    assert_eq!(kv.set_with(SHARED, b"k", b"2", &expect(Expect::Absent)), Err(KvError::Changed { found: Some(first) }));
    let second = kv.set_with(SHARED, b"k", b"2", &expect(Expect::Version(first))).unwrap();
    let late = kv.delete_with(SHARED, b"k", &expect(Expect::Version(first)));
    assert_eq!(late, Err(KvError::Changed { found: Some(second) }));
    kv.delete_with(SHARED, b"k", &expect(Expect::Version(second))).unwrap();
    assert_eq!(
        kv.set_with(SHARED, b"k", b"3", &expect(Expect::Version(second))),
        Err(KvError::Changed { found: None })
    );
    assert!(kv.set_with(SHARED, b"k", b"3", &expect(Expect::Absent)).is_ok());
}

#[test]
fn several_own_keys_are_written_all_or_none() {
    let mut cluster = Cluster::joined(2, &Config::lan());
    let (now, own) = (cluster.now, Scope::Own(id(1)));
    let mut kv = cluster.node(1).kv_mut(now);
    kv.set(own, b"old", b"v").unwrap();
    let too_long = vec![0; 70_000];
    let refused = kv.transact(&[(b"a", Some(b"1")), (b"old", None), (b"b", Some(&too_long))]);
    assert!(matches!(refused, Err(KvError::TooLarge { .. })));
    kv.transact(&[(b"a", Some(b"1")), (b"old", None), (b"b", Some(b"2"))]).unwrap();
    settle(&mut cluster);
    let held: Vec<_> = cluster.nodes[&2].kv().prefix(own, b"").map(|entry| (entry.key, entry.value)).collect();
    assert_eq!(held, [(&b"a"[..], &b"1"[..]), (b"b", b"2")]);
}

#[test]
fn a_snapshot_carries_values_of_all_kinds_over() {
    let mut cluster = Cluster::joined(1, &Config::lan());
    let now = cluster.now;
    let mut kv = cluster.node(1).kv_mut(now);
    let fill = |content: &mut Content, pen: &mut Pen<'_>| {
        content.counter().add(pen, -7);
        content.set().add(pen, Blob::from(&b"e"[..]));
        content.strict_set().add(pen, Blob::from(&b"e"[..]));
        content.map().update(pen, Blob::from(&b"f"[..]), |inner, pen| inner.flag().enable(pen));
        content.flag().enable(pen);
        content.strict_flag().enable();
        content.max().set(pen, 3);
        content.min().set(pen, -3);
        content.sketch().record(pen, 1000, 2);
    };
    kv.update(SHARED, b"k", fill).unwrap();
    let (snapshot, before) = (cluster.node(1).snapshot().to_vec(), content(&cluster, 1, b"k"));
    assert_eq!(before.kinds().count(), 8);
    cluster.crash(1);
    cluster.start(1, 2, Config::lan());
    let now = cluster.now;
    cluster.node(1).restore(now, &snapshot).unwrap();
    assert_eq!(content(&cluster, 1, b"k"), before);
    let version: Vec<Version> = cluster.nodes[&1].kv().versions(SHARED, b"k");
    assert_eq!(version[0].generation(), 1);
}

#[test]
fn siblings_that_fit_no_packet_together_reach_a_member_that_missed_both() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    cluster.cut = |_, _| true;
    let now = cluster.now;
    for at in [1, 2] {
        cluster.node(at).kv_mut(now).set(SHARED, b"k", &[at as u8; 700]).unwrap();
    }
    cluster.run_for(Duration::from_millis(100));
    cluster.cut = |a, b| a == 3 || b == 3;
    cluster.run_for(Duration::from_secs(2));
    cluster.cut = |_, _| false;
    cluster.until(60, "all hold both", |cluster| {
        cluster.nodes.values().all(|node| node.kv().siblings(SHARED, b"k").len() == 2)
    });
}

#[test]
fn sets_that_fit_no_packet_together_reach_a_member_that_missed_both() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    cluster.cut = |_, _| true;
    let now = cluster.now;
    for at in [1_u64, 2] {
        for element in 0..15_u8 {
            cluster
                .node(at)
                .kv_mut(now)
                .update(SHARED, b"k", |content, pen| {
                    content.set().add(pen, Blob::from([&[at as u8, element][..], &[7; 28]].concat().as_slice()));
                })
                .unwrap();
        }
    }
    cluster.run_for(Duration::from_millis(100));
    cluster.cut = |a, b| a == 3 || b == 3;
    cluster.run_for(Duration::from_secs(2));
    cluster.cut = |_, _| false;
    cluster.until(60, "all hold the same", |cluster| {
        cluster.is_same() && cluster.nodes.values().all(|node| node.kv().len() == 1)
    });
}

#[test]
fn siblings_are_shown_as_the_function_of_their_prefix_merges_them() {
    fn longest(_: &[u8], values: &[&[u8]]) -> Vec<u8> {
        values.iter().max_by_key(|value| value.len()).unwrap_or(&&[][..]).to_vec()
    }
    fn all(_: &[u8], values: &[&[u8]]) -> Vec<u8> {
        values.concat()
    }
    let mut cluster = Cluster::joined(3, &Config::lan());
    apart(&mut cluster, |at, node, now| {
        for key in [&b"a/1"[..], b"a/all/1", b"b"] {
            node.kv_mut(now).set(SHARED, key, &vec![at as u8; at as usize]).unwrap();
        }
    });
    let now = cluster.now;
    let mut kv = cluster.node(1).kv_mut(now);
    kv.merge_with(b"a/", longest);
    kv.merge_with(b"a/all/", all);
    let kv = cluster.nodes[&1].kv();
    assert_eq!(kv.merged(SHARED, b"a/1"), Some(vec![3; 3]));
    assert_eq!(kv.merged(SHARED, b"a/all/1").unwrap().len(), 6);
    assert_eq!(kv.merged(SHARED, b"b"), kv.get(SHARED, b"b").map(|entry| entry.value.to_vec()));
    assert_eq!(kv.merged(SHARED, b"none"), None);
}

#[test]
fn a_node_that_holds_nothing_gets_what_has_priority_first() {
    let mut config = Config::lan();
    config.kv.priority = vec!["config/".into()];
    let mut cluster = Cluster::joined(2, &config);
    for number in 0..2000_u32 {
        let (now, prefix) = (cluster.now, if number % 20 == 7 { "config" } else { "other" });
        cluster.node(1).kv_mut(now).set(SHARED, format!("{prefix}/{number}").as_bytes(), &[7; 32]).unwrap();
    }
    settle(&mut cluster);
    cluster.start(3, 1, config);
    let now = cluster.now;
    cluster.node(3).join(now, 1).unwrap();
    cluster.until(20, "all with priority", |cluster| cluster.nodes[&3].kv().prefix(SHARED, b"config/").count() == 100);
    let others = cluster.nodes[&3].kv().prefix(SHARED, b"other/").count();
    assert!(others < 500, "{others} others came before");
    settle(&mut cluster);
}

#[test]
fn what_no_message_holds_holds_up_no_later_write() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    apart(&mut cluster, |at, node, now| _ = node.kv_mut(now).set(SHARED, b"k", &vec![at as u8; 65_000]).unwrap());
    let now = cluster.now;
    let mut kv = cluster.node(1).kv_mut(now);
    kv.update(SHARED, b"k", |content, pen| content.counter().add(pen, 1)).unwrap_err();
    kv.set(SHARED, b"later", b"v").unwrap();
    settle(&mut cluster);
    assert_eq!(cluster.nodes[&2].kv().siblings(SHARED, b"k").len(), 3);
}

#[test]
fn what_many_wrote_at_once_reaches_a_member_that_missed_it_up_to_the_most_a_key_may_hold() {
    let mut cluster = Cluster::joined(5, &Config::lan());
    cluster.cut = |_, _| true;
    let now = cluster.now;
    for at in 1..=4 {
        cluster.node(at).kv_mut(now).set(SHARED, b"k", &[at as u8; 60_000]).unwrap();
    }
    cluster.run_for(Duration::from_millis(100));
    cluster.cut = |a, b| a == 5 || b == 5;
    cluster.until(10, "all but one hold all", |cluster| {
        (1..=4).all(|at| cluster.nodes[&at].kv().siblings(SHARED, b"k").len() == 4)
    });
    cluster.run(10);
    cluster.cut = |_, _| false;
    cluster.until(60, "all hold all", |cluster| {
        cluster.nodes.values().all(|node| node.kv().siblings(SHARED, b"k").len() == 4)
    });
}

#[test]
fn every_key_is_shown_whatever_it_holds() {
    let mut cluster = Cluster::joined(1, &Config::lan());
    let (now, own) = (cluster.now, Scope::Own(id(1)));
    let mut kv = cluster.node(1).kv_mut(now);
    let plain = kv.set(SHARED, b"a", b"v").unwrap();
    let (counted, ()) = kv.update(SHARED, b"b", |content, pen| content.counter().add(pen, 1)).unwrap();
    let options = WriteOptions { expires: Some(Duration::from_secs(5)), expect: None };
    kv.set_with(own, b"c", b"v", &options).unwrap();
    kv.set(SHARED, b"gone", b"v").unwrap();
    kv.delete(SHARED, b"gone").unwrap();
    let kv = cluster.nodes[&1].kv();
    let shown: Vec<_> = kv.keys(None, b"").map(|key| (key.scope(), key.key(), key.is_plain())).collect();
    assert_eq!(shown, [(SHARED, &b"a"[..], true), (SHARED, b"b", false), (own, b"c", false)]);
    assert_eq!(kv.keys(Some(SHARED), b"b").count(), 1);
    let [a, b] = [b"a", b"b"].map(|key| kv.key(SHARED, key).unwrap());
    assert_eq!((a.entry().map(|entry| entry.version), a.versions()), (Some(plain), vec![plain]));
    assert_eq!((b.entry(), b.versions()), (None, vec![counted]));
    assert!(matches!(b.content().kinds().next(), Some(Typed::Counter(_))));
    assert!(kv.key(own, b"c").unwrap().expires_in().is_some() && kv.key(SHARED, b"gone").is_none());
}

/// A fourth member joins three that hold a set; with what it is given that long before it first holds anything.
fn joins_late(given: Option<(Duration, &[u8])>) -> (Cluster, Duration) {
    let mut config = Config::lan();
    config.broadcast.enabled = false;
    let mut cluster = Cluster::joined(3, &config);
    for element in [b"x", b"y"] {
        let now = cluster.now;
        add(&mut cluster.node(1).kv_mut(now), element);
    }
    settle(&mut cluster);
    cluster.run(5);
    let start = cluster.now;
    cluster.start(4, 1, config);
    let now = cluster.now;
    cluster.node(4).join(now, 1).unwrap();
    if let Some((after, snapshot)) = given {
        cluster.run_for(after);
        let now = cluster.now;
        assert!(cluster.nodes[&4].kv().is_empty());
        cluster.node(4).restore(now, snapshot).unwrap();
    }
    cluster.until(10, "it holds something", |cluster| cluster.nodes[&4].kv().len() == 1);
    let after = cluster.now.since(start);
    (cluster, after)
}

fn add(kv: &mut gossip_core::kv::KvMut<'_, u64>, element: &[u8]) {
    kv.update(SHARED, b"s", |content, pen| content.set().add(pen, Blob::from(element))).unwrap();
}

#[test]
fn an_element_that_comes_with_one_that_is_known_by_then_is_not_taken_for_removed() {
    let mut early = Cluster::joined(3, &Config::lan());
    let now = early.now;
    add(&mut early.node(1).kv_mut(now), b"x");
    let first = early.node(1).snapshot().to_vec();
    // The same again, but that the first element comes another way while both are on their way.
    let (_, arrival) = joins_late(None);
    let (mut cluster, _) = joins_late(Some((arrival - Duration::from_millis(3), &first)));
    cluster.run(10);
    for at in 1..=4 {
        let content = content(&cluster, at, b"s");
        let Some(Typed::Set(set)) = content.kinds().next() else { panic!("no set at {at}") };
        assert_eq!(set.iter().map(|element| &**element).collect::<Vec<_>>(), [b"x", b"y"], "at {at}");
    }
}
