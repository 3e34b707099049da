//! Suspicions, vetoes and verdicts that somebody invented.

use std::time::Duration;

use gossip_core::wire::membership::{Claim, Suspicion};
use gossip_core::wire::{section_sizes, tag};
use gossip_core::{Config, Event, Identity, Node, NodeId, Status};

use super::kinds::{STRANGER, record, section, stranger};
use super::lab::{Lab, id, packet};

const COUNT: u64 = 8;

fn lab() -> Lab {
    let mut lab = Lab::new(COUNT, &Config::lan());
    lab.run(10);
    lab.heard.clear();
    lab
}

fn all_alive(lab: &Lab) -> bool {
    lab.nodes.values().all(|node| node.members().iter().all(|member| member.status == Status::Alive))
}

/// A packet that suspects all others than 1 and 2, or says that they answered.
fn about_all(lab: &Lab, sender: Identity, tag: u8) -> Vec<u8> {
    packet(sender, true, |w| {
        for at in 3..=COUNT {
            let suspect = lab.identity(at);
            section(w, tag, |w| match tag {
                tag::SUSPICION => w.item(&Suspicion { suspect, age: u8::MAX, patience: 0 }),
                _ => w.item(&suspect),
            });
        }
    })
}

/// How many sections of a tag node 1 sent to others than node 2.
fn said_to_third(lab: &Lab, wanted: u8) -> usize {
    let third = lab.heard.iter().filter(|(from, to, _)| *from == 1 && *to > 2);
    third.flat_map(|(_, _, packet)| section_sizes(packet)).filter(|(tag, _)| *tag == wanted).count()
}

#[test]
fn a_flood_of_suspicions_of_a_member_makes_no_more_packets_than_it_has_suspects() {
    let mut lab = lab();
    let flood = about_all(&lab, lab.identity(2), tag::SUSPICION);
    let suspects = COUNT as usize - 2;
    // What comes before the suspects could answer is one question to each.
    (0..1000).for_each(|_| lab.forge(2, 1, &flood).unwrap());
    lab.settle();
    let pings = said_to_third(&lab, tag::PING);
    assert!(pings <= suspects, "{pings} pings to third parties");
    assert_eq!(said_to_third(&lab, tag::SUSPICION), 0);
    lab.run(60);
    assert!(all_alive(&lab));
    assert_eq!(lab.node(1).stats().verdicts, 0);
}

#[test]
fn whoever_invents_suspicions_is_soon_not_heard_any_more() {
    let mut lab = lab();
    let flood = about_all(&lab, lab.identity(2), tag::SUSPICION);
    for _ in 0..1000 {
        lab.forge(2, 1, &flood).unwrap();
        lab.settle();
    }
    let pings = said_to_third(&lab, tag::PING);
    assert!(pings <= 32, "{pings} pings to third parties for one member's word");
    lab.run(60);
    assert!(all_alive(&lab));
}

#[test]
fn suspicions_of_the_receiver_in_one_packet_are_not_all_answered() {
    let mut lab = lab();
    let suspect = lab.identity(1);
    let flood = packet(lab.identity(2), true, |w| {
        (0..80).for_each(|_| section(w, tag::SUSPICION, |w| w.item(&Suspicion { suspect, age: 1, patience: 0 })));
    });
    (0..100).for_each(|_| lab.forge(2, 1, &flood).unwrap());
    let answers = lab.settle();
    assert!(answers <= 32, "{answers} answers");
}

#[test]
fn a_flood_of_vetoes_of_a_member_is_answered_to_nobody() {
    let mut lab = lab();
    let flood = about_all(&lab, lab.identity(2), tag::VETO);
    (0..1000).for_each(|_| lab.forge(2, 1, &flood).unwrap());
    assert_eq!(lab.settle(), 0);
    assert!(all_alive(&lab));
}

#[test]
fn suspicions_and_vetoes_of_a_stranger_are_not_heard() {
    for tag in [tag::SUSPICION, tag::VETO] {
        let mut lab = lab();
        for sender in [stranger(), lab.identity(2)] {
            let flood = about_all(&lab, sender, tag);
            let revision = lab.node(1).members().revision();
            (0..100).for_each(|_| lab.forge(STRANGER, 1, &flood).unwrap());
            assert_eq!((lab.settle(), lab.outside.len()), (0, 0), "{sender:?}");
            assert_eq!(lab.node(1).members().revision(), revision);
        }
    }
}

#[test]
fn verdicts_by_many_names_under_the_highest_incarnation_kill_nobody() {
    let mut lab = lab();
    for round in 0..30 {
        for victim in 3..=COUNT {
            let by = if round % 2 == 0 { id(1 + round % COUNT) } else { NodeId::from_name(&format!("x{round}")) };
            for incarnation in [0, u64::MAX] {
                let forged = record(lab.identity(victim), incarnation, Claim::Down { by }, victim);
                let verdict = packet(lab.identity(2), true, |w| section(w, tag::UPDATES, |w| w.item(&forged)));
                for to in [1, 1 + round % COUNT].into_iter().filter(|to| *to != 2) {
                    lab.forge(2, to, &verdict).unwrap();
                }
            }
        }
        lab.run(1);
        let live: Vec<usize> = lab.nodes.values().map(|node| node.members().live()).collect();
        assert!(live.iter().all(|live| *live as u64 == COUNT), "round {round}: {live:?}");
    }
    lab.run(30);
    assert!(all_alive(&lab));
    assert!(lab.nodes.values().all(|node| node.stats().verdicts == 0));
}

#[test]
fn a_forged_verdict_is_dismissed_and_not_passed_on_again_and_again() {
    let mut lab = lab();
    let quiet = lab.run(20);
    let forged = record(lab.identity(5), 0, Claim::Down { by: id(2) }, 5);
    let verdict = packet(lab.identity(2), true, |w| section(w, tag::UPDATES, |w| w.item(&forged)));
    lab.forge(2, 1, &verdict).unwrap();
    let after = lab.run(20);
    assert!(all_alive(&lab));
    assert!(lab.node(5).members().get(id(5)).unwrap().incarnation > 0, "it heard of it and refuted it");
    let claims: u64 = lab.nodes.values().map(|node| node.stats().claims).sum();
    let dismissed: u64 = lab.nodes.values().map(|node| node.stats().claims_dismissed).sum();
    assert!(claims > 0 && claims == dismissed, "{claims} claims, {dismissed} dismissed");
    // Each member weighs it once.
    assert!(claims < COUNT, "{claims} claims");
    assert!(after < quiet + 200, "{after} packets, {quiet} without the verdict");
}

#[test]
fn forged_goodbyes_of_live_members_are_not_believed() {
    let mut lab = lab();
    for round in 0..30 {
        for victim in 3..=COUNT {
            for incarnation in [0, round, 1 << 30] {
                let forged = record(lab.identity(victim), incarnation, Claim::Left, victim);
                let goodbye = packet(lab.identity(2), true, |w| section(w, tag::UPDATES, |w| w.item(&forged)));
                for to in [1, 1 + round % COUNT].into_iter().filter(|to| *to != 2) {
                    lab.forge(2, to, &goodbye).unwrap();
                }
            }
        }
        lab.run(1);
        let live: Vec<usize> = lab.nodes.values().map(|node| node.members().live()).collect();
        assert!(live.iter().all(|live| *live as u64 == COUNT), "round {round}: {live:?}");
    }
    lab.run(30);
    assert!(all_alive(&lab));
    // What is followed up of one member: a burst, and one in ten seconds.
    let claims = lab.node(1).stats().claims;
    assert!((1..=(COUNT - 2) * (32 + 5)).contains(&claims), "{claims} claims");
}

#[test]
fn a_verdict_that_is_repeated_is_not_weighed_again_at_once() {
    let mut lab = lab();
    let mut pings = 0;
    for _ in 0..200 {
        let forged = record(lab.identity(5), u64::MAX >> 1, Claim::Down { by: id(2) }, 5);
        let verdict = packet(lab.identity(2), true, |w| section(w, tag::UPDATES, |w| w.item(&forged)));
        lab.forge(2, 1, &verdict).unwrap();
        lab.settle();
        pings = said_to_third(&lab, tag::PING);
    }
    assert!(pings <= 2, "{pings} pings within a moment");
    assert!(lab.node(1).stats().claims <= 2, "{}", lab.node(1).stats().claims);
}

#[test]
fn whoever_invents_verdicts_is_soon_not_heard_any_more() {
    let mut lab = lab();
    for round in 0..50_u64 {
        let verdicts = packet(lab.identity(2), true, |w| {
            section(w, tag::UPDATES, |w| {
                (3..=COUNT).try_for_each(|at| w.item(&record(lab.identity(at), round, Claim::Down { by: id(2) }, at)))
            });
        });
        lab.forge(2, 1, &verdicts).unwrap();
        lab.run(1);
    }
    let claims = lab.node(1).stats().claims;
    // A burst, and one in ten seconds.
    assert!((1..=32 + 5).contains(&claims), "{claims} claims of 300");
    lab.run(30);
    assert!(all_alive(&lab));
}

#[test]
fn a_record_that_puts_a_member_where_another_or_nobody_is_makes_nobody_stop() {
    let mut lab = lab();
    for (later, addr) in [(0, 3), (0, STRANGER), (1, 3), (1, STRANGER)] {
        let mut member = lab.identity(5);
        member.generation += later;
        let forged = record(member, 9, Claim::Alive, addr);
        let news = packet(lab.identity(2), true, |w| section(w, tag::UPDATES, |w| w.item(&forged)));
        lab.forge(2, 5, &news).unwrap();
        lab.run(5);
        let victim = lab.node(5);
        assert!(victim.members().live() as u64 == COUNT && victim.poll_timeout().is_some(), "{later} {addr}");
        let told: Vec<_> = std::iter::from_fn(|| victim.poll_event()).collect();
        assert!(!told.iter().any(|event| matches!(event, Event::Namesake { .. } | Event::Left)), "{told:?}");
    }
}

#[test]
fn one_member_cannot_confirm_a_suspicion_under_the_names_of_others() {
    let mut lab = lab();
    let dead: Vec<Identity> = (5..=COUNT).map(|at| lab.nodes.remove(&at).unwrap().identity()).collect();
    for _ in 0..15 {
        for suspect in &dead {
            for sender in dead.iter().filter(|sender| *sender != suspect) {
                let suspicion = Suspicion { suspect: *suspect, age: u8::MAX, patience: 0 };
                let forged = packet(*sender, true, |w| section(w, tag::SUSPICION, |w| w.item(&suspicion)));
                [1, 3, 4].iter().for_each(|to| lab.forge(2, *to, &forged).unwrap());
            }
        }
        lab.run(1);
    }
    let why =
        |node: &Node<u64>| dead.iter().filter_map(|dead| node.members().why(dead.id).cloned()).collect::<Vec<_>>();
    let verdicts: Vec<_> = lab.nodes.values().flat_map(why).collect();
    assert_eq!(verdicts.len(), 4 * dead.len());
    let confirmed = |by: &Identity| verdicts.iter().any(|verdict| verdict.confirmed.contains(&by.id));
    assert!(!dead.iter().any(confirmed), "{verdicts:?}");
}

/// How long members have been silent when node 1 holds one of them down, which sleeps, or does not, before others say that
/// they were silent for long.
fn silent_before_a_verdict(sleeps: bool) -> Duration {
    let mut lab = lab();
    if sleeps {
        lab.now = lab.now + Duration::from_secs(8);
        let now = lab.now;
        lab.node(1).handle_timeout(now);
    }
    for by in [2, 3, 4] {
        let forged = about_all(&lab, lab.identity(by), tag::SUSPICION);
        lab.forge(by, 1, &forged).unwrap();
    }
    lab.nodes.retain(|at, _| *at <= 4);
    let crashed = lab.now;
    while lab.node(1).stats().verdicts == 0 {
        lab.step();
    }
    lab.now.since(crashed)
}

#[test]
fn a_node_that_wakes_does_not_count_the_time_that_others_said_while_it_slept() {
    let patience = Config::lan().membership.suspicion.patience;
    assert!(silent_before_a_verdict(true) >= patience);
    assert!(silent_before_a_verdict(false) < patience, "else the word of others would count for nothing");
}
