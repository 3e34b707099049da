//! `driver.rounds`: what the textbooks mean by a round, with real nodes; and that their figures come out.

use gossip_sim::{Report, Scenario, SeedReport, Value, floors, run};

const SEED: u64 = 1;

/// Nodes that know each other, in rounds of 100 ms, and one message of n0.
fn report(nodes: usize, config: &str, at: &str, network: &str) -> SeedReport {
    let text = format!(
        "name = \"t\"\nnodes = {nodes}\nduration = \"30s\"\n[network]\nlatency = {{ fixed = \"30ms\" }}\n{network}\n[driver]\nrounds = true\n[join]\nwarm = true\n[config]\n\"broadcast.repair\" = false\n{config}\n[[event]]\nat = \"{at}\"\nbroadcast = {{ from = \"n0\", bytes = 50 }}"
    );
    let scenario = Scenario::parse(&text, "t.toml").unwrap_or_else(|error| panic!("{error}"));
    run(&scenario, SEED, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"))
}

fn figure(report: &SeedReport, name: &str) -> Option<f64> {
    report.metrics.get(name).unwrap_or_else(|| panic!("no {name}")).map(Value::as_f64)
}

const DIE: &str = "\"broadcast.mode\" = \"push\"\n\"broadcast.fanout\" = 3\n\"broadcast.transmits\" = 3";

#[test]
fn a_message_sent_in_a_round_is_there_as_the_next_begins_and_not_earlier() {
    let push = DIE.replace('3', "16");
    // Sent as a round begins, or within the one before: it goes in the round of 10.1 s, and is there at 10.2 s.
    for (at, after) in [("10100ms", 100.0), ("10030ms", 170.0), ("10099ms", 101.0)] {
        let report = report(8, &push, at, "");
        assert_eq!(figure(&report, "broadcast.t50_ms"), Some(after), "{at}");
        assert_eq!(figure(&report, "broadcast.t100_ms"), Some(after), "{at}");
        assert_eq!(figure(&report, "broadcast.gossip_rounds_max"), Some(1.0), "{at}");
    }
}

#[test]
fn a_message_makes_one_hop_a_round() {
    let report = report(64, DIE, "10s", "");
    let rounds = figure(&report, "broadcast.gossip_rounds_max");
    // Whoever gets it sends it in the next round, and in no other.
    assert!(rounds >= Some(3.0) && rounds == figure(&report, "broadcast.hops_max"), "{rounds:?}");
}

#[test]
fn questions_and_answers_find_room_in_one_round() {
    for mode in ["pull", "push_pull", "eager_push_pull", "median_counter"] {
        let report = report(2, &format!("\"broadcast.mode\" = \"{mode}\""), "10s", "");
        assert_eq!(figure(&report, "broadcast.gossip_rounds_max"), Some(1.0), "{mode}");
        assert_eq!(figure(&report, "broadcast.reach_min"), Some(1.0), "{mode}");
    }
}

#[test]
fn what_a_node_answers_follows_from_what_it_held_as_the_round_began() {
    // Three nodes, each with the same chances: who lacks it asks the sender, or who lacks it as well, in every round.
    for second in 10..20 {
        let report = report(3, "\"broadcast.mode\" = \"pull\"", &format!("{second}s"), "");
        let (rounds, hops) = (figure(&report, "broadcast.gossip_rounds_max"), figure(&report, "broadcast.hops_max"));
        assert!(hops <= rounds, "{second}: {hops:?} hops in {rounds:?} rounds");
        assert_eq!(figure(&report, "broadcast.payloads_per_node"), Some(2.0 / 3.0));
    }
}

#[test]
fn a_contact_that_is_lost_costs_no_payload_where_it_begins_with_a_question() {
    let report = report(64, "\"broadcast.mode\" = \"push_pull\"", "10s", "loss = 0.3");
    assert_eq!(figure(&report, "broadcast.payloads_per_node"), Some(63.0 / 64.0));
    assert_eq!(figure(&report, "broadcast.reach_min"), Some(1.0));
}

/// The least of those whose figures hang on one thing each: how often pushed, who asks and who gives, and when a rumour ends.
#[test]
fn the_textbooks_figures_come_out_at_a_hundred_nodes() {
    let modes = ["eager-push-pull", "median-counter", "pull"].map(|mode| format!("broadcast/textbook-{mode}"));
    let rows = floors().into_iter().filter(|row| row.nodes == Some(100) && modes.contains(&row.scenario));
    let mut judged = 0;
    for row in rows {
        let scenario = row.scenario().unwrap_or_else(|error| panic!("{error}"));
        let seed = run(&scenario, SEED, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"));
        let report = Report::new(&scenario, vec![seed]);
        for floor in &row.floors {
            let judgement = floor.judge(&report);
            assert!(judgement.holds, "{floor:?}: {judgement:?} in {report}");
            judged += 1;
        }
    }
    assert!(judged >= 10, "{judged} floors judged");
}
