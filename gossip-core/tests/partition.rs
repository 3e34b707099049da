//! Which side of a split a node is on.

mod cluster;

use cluster::Cluster;
use gossip_core::{Config, Event};

/// What a node told of splits: how many it reaches, of how many, and whether it is over.
fn told(cluster: &Cluster, at: u64) -> Vec<(usize, usize, bool)> {
    let news = cluster.events[&at].iter().filter_map(|event| match event {
        Event::Partition { reachable, roster } => Some((*reachable, *roster, false)),
        Event::Healed { reachable, roster } => Some((*reachable, *roster, true)),
        _ => None,
    });
    news.collect()
}

#[test]
fn both_halves_tell_that_they_are_one_and_that_it_is_over() {
    let mut cluster = Cluster::joined(64, &Config::lan());
    cluster.cut = |a, b| (a <= 32) != (b <= 32);
    cluster.run(60);
    for at in 1..=64 {
        // Once: one or two of the other side may fall after that.
        assert!(matches!(told(&cluster, at)[..], [(32..=34, 64, false)]), "at {at}: {:?}", told(&cluster, at));
    }
    cluster.cut = |_, _| false;
    cluster.run(20);
    for at in 1..=64 {
        assert!(matches!(told(&cluster, at)[..], [_, (64, 64, true)]), "at {at}: {:?}", told(&cluster, at));
    }
}

#[test]
fn each_side_of_an_uneven_split_tells_which_it_is() {
    let mut cluster = Cluster::joined(20, &Config::lan());
    cluster.cut = |a, b| (a <= 5) != (b <= 5);
    cluster.run(40);
    for at in 1..=20 {
        let side = if at <= 5 { 5 } else { 15 };
        assert_eq!(told(&cluster, at), [(side, 20, false)], "at {at}");
    }
    cluster.cut = |_, _| false;
    cluster.run(20);
    assert!((1..=20).all(|at| told(&cluster, at).last() == Some(&(20, 20, true))));
}

#[test]
fn a_node_that_is_cut_off_tells_that_it_is_alone() {
    for count in [3, 4, 5, 8, 20] {
        let mut cluster = Cluster::joined(count, &Config::lan());
        cluster.cut = |a, b| (a == 1) != (b == 1);
        cluster.run(60);
        assert_eq!(told(&cluster, 1), [(1, count as usize, false)], "{count} nodes");
        assert!((2..=count).all(|at| told(&cluster, at).is_empty()), "{count} nodes");
        cluster.cut = |_, _| false;
        cluster.run(20);
        assert_eq!(told(&cluster, 1).last(), Some(&(count as usize, count as usize, true)), "{count} nodes");
    }
}

#[test]
fn the_crash_of_one_is_no_split() {
    for count in [2, 3, 4, 8] {
        let mut cluster = Cluster::joined(count, &Config::lan());
        cluster.crash(2);
        cluster.run(60);
        assert!(cluster.nodes.keys().all(|at| told(&cluster, *at).is_empty()), "{count} nodes");
    }
}

#[test]
fn members_that_crash_one_by_one_are_no_split() {
    let mut cluster = Cluster::joined(12, &Config::lan());
    for at in 6..=12 {
        cluster.crash(at);
        cluster.run(90);
    }
    assert!(cluster.nodes.keys().all(|at| told(&cluster, *at).is_empty()));
}

#[test]
fn loss_is_no_split() {
    let mut cluster = Cluster::joined(24, &Config::lan());
    cluster.lost = |number| cluster::is_lost(number, 300);
    cluster.run(600);
    assert!(cluster.nodes.keys().all(|at| told(&cluster, *at).is_empty()));
}
