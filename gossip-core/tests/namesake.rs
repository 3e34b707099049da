//! Two live nodes that claim one id.

mod cluster;

use cluster::{Cluster, id};
use gossip_core::{Claimant, Config, Event, Identity, Node, Status};

/// Starts a second node that claims the id of node `of`, at another address, joining through node 1.
fn start_namesake(cluster: &mut Cluster, of: u64, at: u64, generation: u64) {
    let mut node =
        Node::new(Identity::new(id(of), generation), at, Config::lan(), [at as u8; 32], cluster.now).unwrap();
    node.join(cluster.now, 1).unwrap();
    cluster.nodes.insert(at, node);
}

/// What a node told of namesakes: who keeps the id, who gives it up.
fn told(cluster: &Cluster, at: u64) -> Vec<(u64, u64)> {
    let events = cluster.events.get(&at).into_iter().flatten();
    let told = events.filter_map(|event| match event {
        Event::Namesake { winner, loser, .. } => Some((winner.addr, loser.addr)),
        _ => None,
    });
    told.collect()
}

fn has_left(cluster: &Cluster, at: u64) -> bool {
    cluster.events.get(&at).is_some_and(|events| events.contains(&Event::Left))
}

/// Whether all that run hold the id alive at this address, and nobody else down.
fn all_hold(cluster: &Cluster, of: u64, addr: u64, gone: u64) -> bool {
    cluster.nodes.iter().filter(|(at, _)| **at != gone).all(|(_, node)| {
        node.members().iter().all(|member| member.status == Status::Alive)
            && *node.members().get(id(of)).unwrap().addr == addr
    })
}

#[test]
fn the_later_life_keeps_the_id_and_the_earlier_stops() {
    for generation in [2, 1 << 41] {
        let mut cluster = Cluster::joined(8, &Config::lan());
        start_namesake(&mut cluster, 5, 50, generation);
        cluster.until(10, &format!("5 has stopped {generation}"), |cluster| has_left(cluster, 5));
        cluster.run(60);
        assert!(all_hold(&cluster, 5, 50, 5));
        for at in [5, 50] {
            assert_eq!(told(&cluster, at), [(50, 5)], "at {at}");
        }
        assert!((1..=8).filter(|at| *at != 5).any(|at| told(&cluster, at) == [(50, 5)]), "somebody heard both");
        assert_eq!(cluster.node(50).identity().generation, generation);
        let expected = Event::Namesake {
            id: id(5),
            winner: Claimant { generation, addr: 50 },
            loser: Claimant { generation: 1, addr: 5 },
        };
        assert!(cluster.events[&5].contains(&expected));
    }
}

#[test]
fn of_two_in_the_same_life_the_lower_address_keeps_the_id() {
    for (of, at) in [(5, 50), (50, 5)] {
        for early in [false, true] {
            let mut cluster = Cluster::joined(4, &Config::lan());
            start_namesake(&mut cluster, 9, of, 1);
            cluster.run(5);
            start_namesake(&mut cluster, 9, at, 1);
            let now = cluster.now;
            if early {
                cluster.node(at).set_metadata(now, b"mine").unwrap();
            }
            cluster.until(20, "50 has stopped", |cluster| has_left(cluster, 50));
            cluster.run(30);
            assert!(all_hold(&cluster, 9, 5, 50), "{of} {at} {early}");
            assert_eq!((told(&cluster, 5), told(&cluster, 50)), (vec![(5, 50)], vec![(5, 50)]));
            assert!(cluster.node(1).members().get(id(9)).unwrap().incarnation < 10);
        }
    }
}

#[test]
fn one_that_claims_an_id_with_a_clock_behind_takes_it_all_the_same() {
    let mut cluster = Cluster::joined(6, &Config::lan());
    start_namesake(&mut cluster, 7, 70, 100);
    cluster.run(5);
    start_namesake(&mut cluster, 7, 71, 50);
    cluster.until(10, "70 has stopped", |cluster| has_left(cluster, 70));
    cluster.run(60);
    assert!(all_hold(&cluster, 7, 71, 70));
    assert_eq!(cluster.node(71).identity().generation, 101);
}

#[test]
fn two_that_meet_when_a_split_heals_are_one_afterwards() {
    let mut cluster = Cluster::joined(6, &Config::lan());
    cluster.cut = |a, b| (a % 10 <= 3) != (b % 10 <= 3);
    cluster.run(60);
    start_namesake(&mut cluster, 9, 11, 7);
    let now = cluster.now;
    let mut other = Node::new(Identity::new(id(9), 8), 19, Config::lan(), [19; 32], now).unwrap();
    other.join(now, 5).unwrap();
    cluster.nodes.insert(19, other);
    cluster.run(10);
    cluster.cut = |_, _| false;
    cluster.until(30, "11 has stopped", |cluster| has_left(cluster, 11));
    cluster.run(30);
    assert!(all_hold(&cluster, 9, 19, 11));
}

#[test]
fn two_that_cannot_reach_each_other_make_no_storm() {
    for (generation, count) in [(1, 8), (2, 8)] {
        let mut quiet = Cluster::joined(count, &Config::lan());
        let before = quiet.datagrams();
        quiet.run(60);
        let usual = quiet.datagrams() - before;
        let mut cluster = Cluster::joined(count, &Config::lan());
        cluster.cut = |a, b| (a.min(b), a.max(b)) == (5, 50);
        start_namesake(&mut cluster, 5, 50, generation);
        cluster.run(5);
        let now = cluster.now;
        cluster.node(50).set_metadata(now, b"mine").unwrap();
        let before = cluster.datagrams();
        cluster.run(60);
        let sent = cluster.datagrams() - before;
        assert!(sent < usual * 2, "{sent} datagrams, {usual} without a namesake");
        let row = cluster.nodes[&1].members().get(id(5)).unwrap();
        assert!(row.incarnation < 100, "{}", row.incarnation);
        assert!(told(&cluster, 1).len() <= 3, "{:?}", told(&cluster, 1));
    }
}

#[test]
fn a_member_that_restarts_elsewhere_is_no_namesake_of_its_former_life() {
    for generation in [1, 2] {
        let mut cluster = Cluster::joined(6, &Config::lan());
        cluster.crash(3);
        start_namesake(&mut cluster, 3, 30, generation);
        cluster.until(20, "all know 30", |cluster| all_hold(cluster, 3, 30, 3));
        cluster.run(60);
        assert!(cluster.nodes.keys().all(|at| told(&cluster, *at).is_empty()));
        assert_eq!(cluster.node(30).identity().generation, generation);
        assert!(!has_left(&cluster, 30));
    }
}

#[test]
fn a_member_that_changes_its_address_is_no_namesake_of_itself() {
    let mut cluster = Cluster::joined(6, &Config::lan());
    let mut node = cluster.nodes.remove(&4).unwrap();
    node.set_address(cluster.now, 40);
    cluster.nodes.insert(40, node);
    cluster.run(60);
    assert!(all_hold(&cluster, 4, 40, 4));
    assert!(cluster.nodes.keys().all(|at| told(&cluster, *at).is_empty()));
}

#[test]
fn one_of_two_stops_although_packets_are_lost() {
    let mut cluster = Cluster::joined(8, &Config::lan());
    cluster.lost = |number| cluster::is_lost(number, 300);
    start_namesake(&mut cluster, 5, 50, 2);
    cluster.until(30, "5 has stopped", |cluster| has_left(cluster, 5));
    cluster.run(30);
    assert!(!has_left(&cluster, 50));
    assert!(cluster.nodes.iter().all(|(at, node)| *at == 5 || *node.members().get(id(5)).unwrap().addr == 50));
}
