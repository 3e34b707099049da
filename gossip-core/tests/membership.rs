//! Members find each other, notice who died, and take back who returns.

mod cluster;

use std::time::Duration;

use cluster::{Cluster, id};
use gossip_core::{CommandError, Config, Event, Identity, Instant, Lane, MemberChange, Node, Status};

fn changes(cluster: &Cluster, at: u64, of: u64) -> Vec<MemberChange> {
    let batches = cluster.events[&at].iter().filter_map(|event| match event {
        Event::Members(batch) => Some(batch),
        _ => None,
    });
    batches.flatten().filter(|change| change.id == id(of)).map(|change| change.change).collect()
}

#[test]
fn all_join_through_one_contact_and_hear_of_it() {
    let cluster = Cluster::joined(12, &Config::lan());
    let outcomes = |at| cluster.events[&at].iter().filter(|event| matches!(event, Event::Join { result: Ok(_), .. }));
    assert!((2..=12).all(|at| outcomes(at).count() == 1));
}

#[test]
fn members_that_are_assumed_know_each_other_at_once_say_nothing_of_it_and_notice_who_is_not_there() {
    let mut cluster = Cluster::empty();
    (1..=12).for_each(|at| cluster.start(at, 1, Config::lan()));
    let members = (1..=13).map(|at| (Identity::new(id(at), 1), at)).collect::<Vec<_>>();
    for at in 1..=12 {
        cluster.node(at).assume(Instant::ZERO, members.iter().copied());
        assert_eq!(cluster.nodes[&at].members().live(), 13);
    }
    cluster.until(20, "all hold 13 down", |cluster| {
        cluster.nodes.keys().all(|at| cluster.status(13, *at) == Some(Status::Down))
    });
    for at in 1..=12 {
        assert_eq!(cluster.nodes[&at].members().live(), 12);
        assert!((1..=12).all(|of| changes(&cluster, at, of).is_empty()), "at {at}");
    }
}

#[test]
fn a_crashed_member_is_held_down_by_all_and_nobody_else_is() {
    let mut cluster = Cluster::joined(12, &Config::lan());
    cluster.crash(7);
    cluster.until(20, "all hold 7 down", |cluster| {
        cluster.nodes.keys().all(|at| cluster.status(7, *at) == Some(Status::Down))
    });
    assert!(cluster.nodes.values().all(|node| node.members().live() == 11));
}

#[test]
fn a_member_that_leaves_is_never_seen_as_failed() {
    let mut cluster = Cluster::joined(12, &Config::lan());
    let now = cluster.now;
    cluster.node(7).leave(now);
    cluster.until(5, "7 has left", |cluster| cluster.events[&7].contains(&Event::Left));
    cluster.crash(7);
    cluster.run(30);
    for at in cluster.nodes.keys() {
        assert_eq!(cluster.status(7, *at), Some(Status::Left), "at {at}");
        assert_eq!(changes(&cluster, *at, 7), [MemberChange::Up, MemberChange::Left], "at {at}");
    }
}

#[test]
fn a_goodbye_is_known_to_all_within_two_seconds_though_its_author_ends_at_once() {
    for lost in [0, 100] {
        let mut cluster = Cluster::joined(40, &Config::lan());
        cluster.lost = if lost == 0 { |_| false } else { |number| cluster::is_lost(number, 100) };
        let asked = cluster.now;
        cluster.node(7).leave(asked);
        cluster.until(2, "7 has left", |cluster| cluster.events[&7].contains(&Event::Left));
        cluster.crash(7);
        cluster.until(2, &format!("all know it at {lost} ‰ loss"), |cluster| {
            cluster.nodes.keys().all(|at| cluster.status(7, *at) == Some(Status::Left))
        });
        assert!(cluster.now.since(asked) < Duration::from_secs(2), "{:?} at {lost} ‰ loss", cluster.now.since(asked));
        assert!(cluster.nodes.keys().all(|at| !changes(&cluster, *at, 7).contains(&MemberChange::Down)));
    }
}

#[test]
fn a_member_that_is_down_is_made_to_leave_everywhere_and_not_contacted_any_more() {
    let mut cluster = Cluster::joined(12, &Config::lan());
    assert_eq!(cluster.node(1).force_leave(Instant::ZERO, id(7)), Err(CommandError::NotDown));
    assert_eq!(cluster.node(1).force_leave(Instant::ZERO, id(99)), Err(CommandError::UnknownMember));
    cluster.crash(7);
    cluster.until(20, "all hold 7 down", |cluster| {
        cluster.nodes.keys().all(|at| cluster.status(7, *at) == Some(Status::Down))
    });
    let now = cluster.now;
    cluster.node(1).force_leave(now, id(7)).unwrap();
    cluster.until(5, "7 has left everywhere", |cluster| {
        cluster.nodes.keys().all(|at| cluster.status(7, *at) == Some(Status::Left))
    });
    for at in cluster.nodes.keys() {
        assert_eq!(changes(&cluster, *at, 7).last(), Some(&MemberChange::Left), "at {at}");
        assert!(cluster.nodes[at].members().why(id(7)).is_some(), "why it failed is not forgotten at {at}");
    }
    cluster.sent_to.clear();
    cluster.run(120);
    assert_eq!(cluster.sent_to.get(&7), None);
    let now = cluster.now;
    assert_eq!(cluster.node(1).force_leave(now, id(7)), Ok(()), "to do it again is harmless");
}

#[test]
fn a_member_that_was_made_to_leave_while_it_was_cut_off_comes_back() {
    let mut cluster = Cluster::joined(6, &Config::lan());
    cluster.cut = |from, to| from == 6 || to == 6;
    cluster.until(20, "1 holds 6 down", |cluster| cluster.status(6, 1) == Some(Status::Down));
    let now = cluster.now;
    cluster.node(1).force_leave(now, id(6)).unwrap();
    cluster.run(5);
    cluster.cut = |_, _| false;
    cluster.until(60, "6 is back everywhere", |cluster| cluster.nodes.values().all(|node| node.members().live() == 6));
}

#[test]
fn a_restarted_member_returns_under_its_new_generation() {
    let mut cluster = Cluster::joined(6, &Config::lan());
    cluster.crash(3);
    cluster.start(3, 2, Config::lan());
    let now = cluster.now;
    cluster.node(3).join(now, 1).unwrap();
    cluster.until(20, "all hold the new 3 alive", |cluster| {
        cluster.nodes.values().all(|node| {
            let member = node.members().get(id(3)).unwrap();
            (member.generation, member.status) == (2, Status::Alive) && node.members().live() == 6
        })
    });
}

#[test]
fn a_member_whose_clock_went_back_outlives_its_former_life() {
    let mut cluster = Cluster::empty();
    cluster.start(1, 1, Config::lan());
    cluster.start(2, 100, Config::lan());
    let now = cluster.now;
    cluster.node(2).join(now, 1).unwrap();
    cluster.until(5, "joined", |cluster| cluster.nodes.values().all(|node| node.members().live() == 2));
    cluster.crash(2);
    cluster.start(2, 50, Config::lan());
    let now = cluster.now;
    cluster.node(2).join(now, 1).unwrap();
    cluster.until(10, "2 is back", |cluster| {
        cluster.nodes[&1].members().get(id(2)).unwrap().generation > 100 && cluster.nodes[&2].members().live() == 2
    });
    assert!(cluster.node(2).identity().generation > 100);
}

#[test]
fn two_halves_find_together_again() {
    let mut cluster = Cluster::joined(10, &Config::lan());
    cluster.cut = |a, b| (a <= 5) != (b <= 5);
    cluster.until(60, "each half holds the other down", |cluster| {
        cluster.nodes.values().all(|node| node.members().live() == 5)
    });
    cluster.cut = |_, _| false;
    cluster.until(30, "whole again", |cluster| cluster.nodes.values().all(|node| node.members().live() == 10));
    assert!(cluster.nodes.values().all(|node| node.identity().generation == 1));
}

#[test]
fn metadata_and_hints_reach_everybody_and_so_do_their_changes() {
    let mut cluster = Cluster::joined(6, &Config::lan());
    for (metadata, hints) in [(b"one".as_slice(), b"h1".as_slice()), (b"two", b"")] {
        let now = cluster.now;
        cluster.node(4).set_metadata(now, metadata).unwrap();
        cluster.node(4).set_hints(now, hints).unwrap();
        cluster.until(10, "all have it", |cluster| {
            cluster.nodes.values().all(|node| {
                let member = node.members().get(id(4)).unwrap();
                (member.metadata, member.hints) == (metadata, hints)
            })
        });
    }
}

#[test]
fn everybody_learns_a_new_address() {
    let mut cluster = Cluster::joined(4, &Config::lan());
    let mut node = cluster.nodes.remove(&4).unwrap();
    node.set_address(cluster.now, 40);
    cluster.nodes.insert(40, node);
    cluster.until(10, "all know 40", |cluster| {
        cluster.nodes.values().all(|node| *node.members().get(id(4)).unwrap().addr == 40)
    });
}

#[test]
fn a_join_that_nobody_answers_is_reported_once_and_goes_on() {
    let mut cluster = Cluster::empty();
    cluster.start(2, 1, Config::lan());
    let now = cluster.now;
    cluster.node(2).join(now, 1).unwrap();
    cluster.run(30);
    let failures = |cluster: &Cluster| {
        cluster.events[&2].iter().filter(|event| matches!(event, Event::Join { result: Err(_), .. })).count()
    };
    assert_eq!(failures(&cluster), 1);
    cluster.start(1, 1, Config::lan());
    cluster.until(10, "the contact has come", |cluster| {
        cluster.events[&2].iter().any(|event| matches!(event, Event::Join { contact: 1, result: Ok(2) }))
    });
}

#[test]
fn members_of_another_cluster_do_not_mix() {
    let mut cluster = Cluster::empty();
    cluster.start(1, 1, Config { cluster: "blue".into(), ..Config::lan() });
    cluster.start(2, 1, Config { cluster: "green".into(), ..Config::lan() });
    let now = cluster.now;
    cluster.node(2).join(now, 1).unwrap();
    cluster.run(5);
    assert_eq!(cluster.node(1).members().len(), 1);
    assert!(cluster.node(1).stats().dropped_checksum > 0);
}

#[test]
fn a_contact_that_restarts_without_its_memory_is_found_by_the_others() {
    let mut cluster = Cluster::joined(6, &Config::lan());
    cluster.crash(1);
    // All others came in through it; it knows nobody, and nobody is told to join.
    cluster.start(1, 2, Config::lan());
    cluster.until(60, "1 is back", |cluster| cluster.nodes.values().all(|node| node.members().live() == 6));
    assert_eq!(cluster.node(1).identity().generation, 2);
}

#[test]
fn a_member_that_dies_again_and_again_leaves_no_more_behind_than_its_row() {
    let mut config = Config::lan();
    config.membership.max_members = 4;
    let mut cluster = Cluster::joined(3, &config);
    for generation in 2..6 {
        for at in [2, 3] {
            cluster.crash(at);
            cluster.start(at, generation, config.clone());
            let now = cluster.now;
            cluster.node(at).join(now, 1).unwrap();
        }
        cluster.until(30, "back", |cluster| cluster.nodes.values().all(|node| node.members().live() == 3));
    }
    assert_eq!(cluster.node(1).members().len(), 3);
}

#[test]
fn a_node_that_is_told_of_a_moment_that_never_comes_comes_to_an_end_of_what_is_due() {
    let mut cluster = Cluster::joined(3, &Config::lan());
    let node = cluster.node(1);
    for _ in 0..3 {
        node.handle_timeout(Instant::FAR_FUTURE);
        assert_eq!(node.poll_timeout(), None);
    }
}

#[test]
fn a_member_that_fails_and_returns_again_and_again_is_said_once_to_flap() {
    let mut cluster = Cluster::joined(6, &Config::lan());
    for _ in 0..4 {
        cluster.paused.insert(3);
        cluster.until(30, "3 is down", |cluster| cluster.status(3, 1) == Some(Status::Down));
        cluster.paused.clear();
        cluster.until(5, "3 is back", |cluster| cluster.status(3, 1) == Some(Status::Alive));
    }
    let mut told = changes(&cluster, 1, 3);
    told.retain(|change| *change != MemberChange::Suspect);
    use MemberChange::{Down, Flapping, Up};
    assert_eq!(told, [Up, Down, Up, Down, Up, Down, Flapping, Down, Up]);
}

#[test]
fn the_header_of_a_packet_says_who_sent_it_in_full_or_by_a_short_name_that_is_known() {
    let mut cluster = Cluster::joined(2, &Config::lan());
    let mut buf = [0; 1200];
    let mut stranger = Node::new(Identity::new(id(9), 1), 9, Config::lan(), [9; 32], cluster.now).unwrap();
    stranger.join(cluster.now, 1).unwrap();
    stranger.handle_timeout(cluster.now);
    let request = stranger.poll_transmit(cluster.now, Lane::Datagram, &mut buf).unwrap();
    assert_eq!(cluster.node(1).sender_of(&9, &buf[..request.len]), Some(id(9)));

    // Members that know each other write themselves short.
    cluster.run(5);
    let probe = loop {
        cluster.now = cluster.node(2).poll_timeout().unwrap();
        let now = cluster.now;
        cluster.node(2).handle_timeout(now);
        if let Some(probe) = cluster.node(2).poll_transmit(now, Lane::Datagram, &mut buf) {
            break &buf[..probe.len];
        }
    };
    // By whatever address it comes: the address only decides between two that share the name.
    assert_eq!([2, 77].map(|from| cluster.node(1).sender_of(&from, probe)), [Some(id(2)); 2]);
    assert_eq!(stranger.sender_of(&2, probe), None);
    assert!((0..9).all(|len| cluster.node(1).sender_of(&2, &probe[..len]).is_none()), "cut short");
}
