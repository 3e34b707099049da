//! `broadcast.*`: whom messages reach, when, and at what price.
//!
//! A message is due to every node that is live from its sending to the end and wanted its topic then, but for its sender, who
//! has it. The sender counts as a live node where bytes are shared out over those.

mod cost;
mod heal;
mod isolation;
mod names;
mod rounds;
mod stepped;
mod unwanted;

use std::time::Duration;

use gossip_core::Instant;

use self::cost::Cost;
use self::heal::Heal;
use self::isolation::Isolation;
use self::names::Names;
use self::rounds::Round;
use self::unwanted::Bystanders;
use super::{Cluster, Plan, Results, mean};
use crate::scenario::spec::Class;
use crate::trace::Observation;

#[derive(Debug)]
pub(super) struct Broadcast {
    /// By the message's number.
    rounds: Vec<Round>,
    duplicated: u64,
    cost: Cost,
    heal: Heal,
    isolation: Isolation,
    /// How long a round is, where time goes in rounds.
    step: Option<Duration>,
}

impl Broadcast {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            rounds: Vec::new(),
            duplicated: 0,
            cost: Cost::new(plan),
            heal: Heal::default(),
            isolation: Isolation::new(plan.nodes),
            step: plan.round,
        }
    }

    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        self.cost.observe(at, seen);
        self.heal.observe(at, seen, &mut self.rounds);
        self.isolation.observe(at, seen, cluster);
        match *seen {
            Observation::Broadcast { node, bytes, class, measured } => {
                self.rounds.push(Round::new(at, node, bytes, class, measured, cluster));
            }
            Observation::Unwanted { by } => {
                if let Some(round) = self.rounds.last_mut() {
                    round.bystanders = Bystanders::new(by);
                }
            }
            Observation::Carried { message, from, to, bytes } => self.rounds[message].bystanders.carry(from, to, bytes),
            Observation::Payload { message, bytes } => self.rounds[message].pay(at, bytes),
            Observation::Delivered { message, node, hops } => {
                let again = self.rounds[message].deliver(at, node, hops, cluster.starts(node));
                self.duplicated += u64::from(again);
            }
            _ => {}
        }
    }

    pub(super) fn finish(self, end: Instant, cluster: &Cluster, results: &mut Results) {
        results.integer("broadcast.duplicated", Some(self.duplicated));
        let measured = self.rounds.iter().filter(|round| round.measured).collect::<Vec<_>>();
        judge(&names::ALL, &measured, cluster, results);
        if measured.iter().any(|round| round.class != measured[0].class) {
            for (class, names) in &names::CLASSES {
                let of_class = measured.iter().copied().filter(|round| round.class == *class).collect::<Vec<_>>();
                if !of_class.is_empty() {
                    judge(names, &of_class, cluster, results);
                }
            }
            slowdown(&measured, cluster, results);
        }
        unwanted::judge(&measured, cluster, results);
        if let Some(step) = self.step {
            stepped::judge(step, &measured, results);
        }
        self.cost.finish(end, cluster, measured.iter().map(|round| round.live).sum(), results);
        self.heal.finish(cluster, &self.rounds, results);
        self.isolation.finish(results);
    }
}

/// How much longer urgent messages take while a bulk message is under way than otherwise.
fn slowdown(rounds: &[&Round], cluster: &Cluster, results: &mut Results) {
    let of = |class| rounds.iter().filter(move |round| round.class == class);
    let under_way =
        |at: Instant| of(Class::Bulk).any(|bulk| bulk.at <= at && bulk.ends(cluster).is_none_or(|end| at < end));
    let (beside, alone) = of(Class::Urgent).partition::<Vec<&Round>, _>(|round| under_way(round.at));
    if !beside.is_empty() && !alone.is_empty() {
        let t99 = |rounds: &[&Round]| {
            let times = rounds.iter().map(|round| round.outcome(cluster).reached_at(99)).collect::<Option<Vec<_>>>();
            times.and_then(|times| mean(times.into_iter()))
        };
        let ratio = t99(&beside).zip(t99(&alone)).map(|(beside, alone)| beside / alone);
        results.real("broadcast.urgent.slowdown", ratio.filter(|ratio| ratio.is_finite()));
    }
}

/// Whom these messages reached, when, and with how many payloads.
fn judge(names: &Names, rounds: &[&Round], cluster: &Cluster, results: &mut Results) {
    let outcomes = rounds.iter().map(|round| round.outcome(cluster)).collect::<Vec<_>>();
    results.integer(names.rounds, Some(outcomes.len() as u64));
    if outcomes.is_empty() {
        return;
    }
    let full = outcomes.iter().filter(|outcome| outcome.reached == outcome.due).count();
    results.integer(names.full_rounds, Some(full as u64));
    results.real(names.reach_mean, mean(outcomes.iter().map(|outcome| outcome.reach)));
    results.real(names.reach_min, outcomes.iter().map(|outcome| outcome.reach).reduce(f64::min));

    let sent = rounds.iter().map(|round| round.payload_bytes as f64).sum::<f64>();
    let share = |nodes: usize, round: &Round| (round.bytes * nodes) as f64;
    let reached = rounds.iter().zip(&outcomes).map(|(round, outcome)| share(outcome.hops.len(), round)).sum::<f64>();
    results.real(names.rmr, (reached > 0.0).then_some(sent / reached - 1.0));
    let live = rounds.iter().map(|round| share(round.live, round)).sum::<f64>();
    results.real(names.payloads_per_node, (live > 0.0).then_some(sent / live));

    let hops = |of: fn(&[u16]) -> Option<f64>| mean(outcomes.iter().filter_map(|outcome| of(&outcome.hops)));
    results.real(names.hops_mean, hops(|hops| mean(hops.iter().map(|hops| f64::from(*hops)))));
    results.real(names.hops_max, hops(|hops| hops.iter().max().map(|hops| f64::from(*hops))));
    for (percent, name, worst) in names.times {
        let times = outcomes.iter().map(|outcome| outcome.reached_at(percent)).collect::<Option<Vec<_>>>();
        results.real(name, times.as_ref().and_then(|times| mean(times.iter().copied())));
        if let Some(worst) = worst {
            results.real(worst, times.and_then(|times| times.into_iter().reduce(f64::max)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::script::{Script, instant};
    use crate::report::Value::{Integer, Real};
    use crate::trace::{Cause, Parts};

    fn send(measured: bool) -> Observation<'static> {
        Observation::Broadcast { node: 0, bytes: 100, class: Class::Normal, measured }
    }

    fn deliver(message: usize, node: usize, hops: u32) -> Observation<'static> {
        Observation::Delivered { message, node, hops }
    }

    fn payload(message: usize, bytes: usize) -> Observation<'static> {
        Observation::Payload { message, bytes }
    }

    /// Five nodes, n0 sends message 0 at 10 s.
    fn script() -> Script {
        let mut script = Script::new(5, 60);
        script.plan.broadcast = true;
        (0..5).for_each(|node| {
            script.start(0.0, node);
        });
        script.at(10.0, send(true));
        script
    }

    fn script_of_one_round() -> Script {
        let mut script = script();
        script.at(10.0, payload(0, 200)).at(10.1, deliver(0, 1, 1)).at(10.2, deliver(0, 2, 2));
        script.at(10.2, payload(0, 400)).at(10.3, deliver(0, 3, 2)).at(10.4, deliver(0, 4, 3));
        script
    }

    #[test]
    fn a_round_that_reaches_all_is_measured_to_the_millisecond_hop_and_byte() {
        let metrics = script_of_one_round().finish();
        for (name, value) in [
            ("broadcast.reach_mean", Real(1.0)),
            ("broadcast.reach_min", Real(1.0)),
            ("broadcast.full_rounds", Integer(1)),
            ("broadcast.rounds", Integer(1)),
            ("broadcast.duplicated", Integer(0)),
            ("broadcast.rmr", Real(0.5)),
            ("broadcast.payloads_per_node", Real(1.2)),
            ("broadcast.hops_mean", Real(2.0)),
            ("broadcast.hops_max", Real(3.0)),
            ("broadcast.t50_ms", Real(200.0)),
            ("broadcast.t99_ms", Real(400.0)),
            ("broadcast.t100_ms", Real(400.0)),
        ] {
            assert_eq!(metrics[name], Some(value), "{name}");
        }
    }

    #[test]
    fn times_are_means_over_rounds_and_the_worst_round() {
        let mut script = script_of_one_round();
        script.at(20.0, send(true));
        (1..5).for_each(|node| {
            script.at(20.2, deliver(1, node, 1));
        });
        let metrics = script.finish();
        assert_eq!(metrics["broadcast.t100_ms"], Some(Real(300.0)));
        assert_eq!(metrics["broadcast.t100_max_ms"], Some(Real(400.0)));
        assert_eq!(metrics["broadcast.hops_max"], Some(Real(2.0)));
        assert_eq!(metrics["broadcast.hops_mean"], Some(Real(1.5)));
    }

    #[test]
    fn a_node_that_missed_it_lowers_reach_and_leaves_t100_unfinished() {
        let mut script = script();
        (1..4).for_each(|node| {
            script.at(10.1, deliver(0, node, 1));
        });
        let metrics = script.finish();
        assert_eq!(metrics["broadcast.reach_min"], Some(Real(0.75)));
        assert_eq!(metrics["broadcast.full_rounds"], Some(Integer(0)));
        assert_eq!(metrics["broadcast.t50_ms"], Some(Real(100.0)));
        assert_eq!(metrics["broadcast.t100_ms"], None);
        assert_eq!(metrics["broadcast.t100_max_ms"], None);
    }

    #[test]
    fn who_is_not_live_from_the_sending_to_the_end_is_not_expected_to_have_it() {
        let mut script = script();
        script.at(10.1, deliver(0, 1, 1)).at(10.1, deliver(0, 2, 1));
        script.stop(11.0, 3, Cause::Crash).stop(11.0, 4, Cause::Restart).start_as(12.0, 4, 2);
        assert_eq!(script.finish()["broadcast.reach_min"], Some(Real(1.0)));
    }

    #[test]
    fn a_second_delivery_or_one_to_the_sender_is_a_duplicate() {
        let mut script = script();
        script.at(10.1, deliver(0, 1, 1)).at(10.2, deliver(0, 1, 2)).at(10.3, deliver(0, 0, 1));
        assert_eq!(script.finish()["broadcast.duplicated"], Some(Integer(2)));
    }

    #[test]
    fn a_new_process_may_get_it_again() {
        let mut script = script();
        script.at(10.1, deliver(0, 1, 1)).stop(11.0, 1, Cause::Restart).start_as(12.0, 1, 2);
        script.at(13.0, deliver(0, 1, 1));
        assert_eq!(script.finish()["broadcast.duplicated"], Some(Integer(0)));
    }

    #[test]
    fn a_warming_up_message_is_not_measured() {
        let mut script = Script::new(2, 60);
        script.plan.broadcast = true;
        script.start(0.0, 0).start(0.0, 1);
        script.at(10.0, send(false)).at(10.0, payload(0, 900)).at(10.5, send(true)).at(10.5, payload(1, 100));
        script.at(10.6, deliver(1, 1, 1)).at(10.7, payload(0, 100));
        let metrics = script.finish();
        assert_eq!(metrics["broadcast.rounds"], Some(Integer(1)));
        assert_eq!(metrics["broadcast.reach_min"], Some(Real(1.0)));
        assert_eq!(metrics["broadcast.rmr"], Some(Real(0.0)));
    }

    /// Broadcasting from 10 s to 20 s, idle from 50 s to the end at 60 s.
    fn script_of_costs() -> Script {
        let mut script = Script::new(2, 60);
        script.plan.broadcast = true;
        script.plan.broadcasting = Some((instant(10.0), instant(20.0)));
        script.plan.idle = Some(instant(50.0));
        script.start(0.0, 0).start(0.0, 1);
        script
    }

    fn sent(node: usize, bytes: usize, broadcast: usize) -> Observation<'static> {
        Observation::Sent { node, bytes, of: Parts { kv: 0, broadcast } }
    }

    #[test]
    fn control_is_what_broadcast_sends_in_the_window_besides_payload() {
        let mut script = script_of_costs();
        script.at(9.0, send(false)).at(9.0, payload(0, 100)).at(9.0, sent(0, 500, 500));
        script.at(10.0, send(true)).at(10.0, payload(1, 100)).at(10.0, sent(0, 130, 130));
        // A warming-up message on its way still is payload all the same.
        script.at(12.0, sent(1, 90, 20)).at(12.0, payload(0, 100)).at(12.0, sent(1, 100, 100));
        script.at(13.0, send(true)).at(13.0, payload(2, 100)).at(13.0, sent(0, 130, 130));
        script.at(20.0, payload(2, 100)).at(20.0, sent(1, 400, 400));
        // 30 + 20 + 30 bytes for two messages of two nodes each.
        assert_eq!(script.finish()["broadcast.control_bytes_per_node"], Some(Real(20.0)));
    }

    #[test]
    fn upkeep_is_what_broadcast_sends_while_idle() {
        let mut script = script_of_costs();
        script.at(10.0, send(true)).at(49.0, sent(0, 700, 700)).at(50.0, sent(0, 100, 100)).at(55.0, sent(1, 500, 60));
        // 160 bytes of two nodes in 10 s.
        assert_eq!(script.finish()["broadcast.upkeep_bytes_per_node_s"], Some(Real(8.0)));
    }

    #[test]
    fn control_above_idle_is_what_upkeep_alone_would_not_have_sent_in_the_window() {
        let mut script = script_of_costs();
        script.at(10.0, send(true)).at(10.0, payload(0, 100)).at(10.0, sent(0, 400, 400)).at(50.0, sent(1, 160, 160));
        let metrics = script.finish();
        // 300 bytes, of which two nodes of 8 bytes a second send 160 in 10 s anyway; one message, two nodes.
        assert_eq!(metrics["broadcast.control_bytes_per_node"], Some(Real(150.0)));
        assert_eq!(metrics["broadcast.control_above_idle_bytes_per_node"], Some(Real(70.0)));
    }

    #[test]
    fn urgent_messages_are_slowed_down_by_bulk_that_is_under_way() {
        let of = |class| Observation::Broadcast { node: 0, bytes: 100, class, measured: true };
        let mut script = Script::new(2, 60);
        script.plan.broadcast = true;
        script.start(0.0, 0).start(0.0, 1);
        script.at(10.0, of(Class::Urgent)).at(10.1, deliver(0, 1, 1));
        script.at(20.0, of(Class::Bulk)).at(21.0, of(Class::Urgent)).at(21.4, deliver(2, 1, 1));
        script.at(30.0, deliver(1, 1, 1)).at(31.0, of(Class::Urgent)).at(31.3, deliver(3, 1, 1));
        // 400 ms against the mean of 100 ms and 300 ms.
        assert_eq!(script.finish()["broadcast.urgent.slowdown"], Some(Real(2.0)));
        script.at(40.0, of(Class::Bulk)).at(41.0, of(Class::Urgent));
        assert_eq!(script.finish()["broadcast.urgent.slowdown"], None);
        assert!(!script_of_one_round().finish().contains_key("broadcast.urgent.slowdown"));
    }

    #[test]
    fn the_busiest_uplink_is_compared_with_the_mean_of_the_nodes_that_live_through_it() {
        let mut script = script_of_costs();
        script.at(9.0, sent(1, 9000, 0)).at(10.0, send(true)).at(11.0, sent(0, 300, 100)).at(12.0, sent(1, 100, 100));
        script.at(21.0, sent(0, 9000, 0));
        assert_eq!(script.finish()["broadcast.busiest_over_mean"], Some(Real(1.5)));
        let mut script = script_of_costs();
        script.at(10.0, sent(0, 100, 100)).at(11.0, sent(1, 500, 100)).stop(12.0, 1, Cause::Crash);
        assert_eq!(script.finish()["broadcast.busiest_over_mean"], Some(Real(1.0)));
    }

    #[test]
    fn where_classes_differ_each_is_judged_alone_too() {
        let of = |class| Observation::Broadcast { node: 0, bytes: 100, class, measured: true };
        let mut script = script();
        script.at(20.0, of(Class::Urgent)).at(20.1, deliver(1, 1, 1));
        (2..5).for_each(|node| {
            script.at(20.2, deliver(1, node, 1));
        });
        let metrics = script.finish();
        assert_eq!(metrics["broadcast.urgent.t100_ms"], Some(Real(200.0)));
        assert_eq!((metrics["broadcast.t100_ms"], metrics["broadcast.normal.t100_ms"]), (None, None));
        assert_eq!(
            (metrics["broadcast.rounds"], metrics["broadcast.urgent.rounds"]),
            (Some(Integer(2)), Some(Integer(1)))
        );
        assert!(!metrics.contains_key("broadcast.bulk.rounds"));
        assert!(!script_of_one_round().finish().contains_key("broadcast.normal.rounds"));
    }

    #[test]
    fn survivors_are_isolated_until_the_last_of_them_has_a_live_neighbour_for_good() {
        let neighbours = |node, of| Observation::Neighbours { node, of };
        let mut script = Script::new(4, 60);
        script.plan.broadcast = true;
        (0..4).for_each(|node| {
            script.start(0.0, node);
        });
        script.at(1.0, neighbours(0, &[1])).at(1.0, neighbours(1, &[0, 2])).at(1.0, neighbours(2, &[1]));
        script.at(1.0, neighbours(3, &[2]));
        assert!(!script.finish().contains_key("broadcast.isolated_s"));
        // n0 has n1 alone, n3 has n2 alone.
        script.stop(10.0, 1, Cause::Crash).stop(10.0, 2, Cause::Crash);
        assert_eq!(script.finish()["broadcast.isolated_s"], None);
        script.at(10.5, neighbours(0, &[1, 2])).at(11.0, neighbours(0, &[3])).at(12.0, neighbours(3, &[0]));
        assert_eq!(script.finish()["broadcast.isolated_s"], Some(Real(2.0)));
        script.at(13.0, neighbours(3, &[])).at(13.5, neighbours(3, &[0]));
        assert_eq!(script.finish()["broadcast.isolated_s"], Some(Real(3.5)));
    }

    #[test]
    fn a_crash_that_leaves_everybody_a_neighbour_isolates_nobody() {
        let mut script = Script::new(3, 60);
        script.plan.broadcast = true;
        (0..3).for_each(|node| {
            script.start(0.0, node);
        });
        script.at(1.0, Observation::Neighbours { node: 0, of: &[1, 2] });
        script.at(2.0, Observation::Neighbours { node: 1, of: &[0] });
        script.at(3.0, Observation::Neighbours { node: 2, of: &[0] }).stop(10.0, 1, Cause::Crash);
        assert_eq!(script.finish()["broadcast.isolated_s"], Some(Real(0.0)));
    }

    /// Three nodes; n2 is apart from 10 s to 20 s, and a message of 100 bytes, sent meanwhile, reaches n1 in time.
    fn script_of_a_partition() -> Script {
        let mut script = Script::new(3, 60);
        script.plan.broadcast = true;
        (0..3).for_each(|node| {
            script.start(0.0, node);
        });
        script.at(10.0, Observation::PartitionBegan).at(11.0, send(true)).at(11.0, payload(0, 300));
        script.at(11.1, deliver(0, 1, 1)).at(20.0, Observation::PartitionEnded).at(22.0, Observation::Reunited);
        script
    }

    #[test]
    fn after_a_partition_only_the_copies_and_the_time_since_its_end_count() {
        let mut script = script_of_a_partition();
        script.at(23.0, payload(0, 150)).at(24.5, deliver(0, 2, 1)).at(30.0, send(true)).at(30.0, payload(1, 900));
        let metrics = script.finish();
        assert_eq!(metrics["broadcast.payloads_per_missing"], Some(Real(1.5)));
        assert_eq!(metrics["broadcast.heal_s"], Some(Real(2.5)));
    }

    #[test]
    fn a_message_that_stays_behind_or_halves_that_never_meet_are_not_healed() {
        assert_eq!(script_of_a_partition().finish()["broadcast.heal_s"], None);
        let mut script = Script::new(2, 60);
        script.plan.broadcast = true;
        script.start(0.0, 0).start(0.0, 1).at(10.0, Observation::PartitionBegan).at(11.0, Observation::PartitionEnded);
        let metrics = script.finish();
        assert_eq!((metrics["broadcast.heal_s"], metrics["broadcast.payloads_per_missing"]), (None, None));
    }
}
