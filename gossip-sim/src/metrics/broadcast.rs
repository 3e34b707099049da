//! `broadcast.*`: whom messages reach, when, and at what price.
//!
//! A message is due to every node that is live from its sending to the end, but for its sender, who has it. The
//! sender counts as a live node where bytes are shared out over those.

use std::collections::BTreeMap;

use gossip_core::Instant;
use gossip_core::broadcast::MessageId;

use super::{Cluster, Results, mean, millis};
use crate::trace::Observation;

#[derive(Debug)]
pub(super) struct Broadcast {
    nodes: usize,
    rounds: BTreeMap<MessageId, Round>,
    duplicated: u64,
}

/// One message.
#[derive(Debug)]
struct Round {
    sender: usize,
    at: Instant,
    bytes: usize,
    measured: bool,
    /// Live nodes at the sending.
    live: usize,
    payload_bytes: u64,
    /// By node: its first delivery.
    arrivals: Vec<Option<Arrival>>,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: Instant,
    hops: u32,
    /// Which of the node's processes got it: a new one may get it again.
    starts: u32,
}

/// What is known of one message at the end.
struct Outcome {
    reach: f64,
    reached: usize,
    hops: Vec<u32>,
    /// Ascending milliseconds.
    delays: Vec<f64>,
    due: usize,
}

impl Broadcast {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes, rounds: BTreeMap::new(), duplicated: 0 }
    }

    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        match *seen {
            Observation::Broadcast { message, node, bytes, measured } => {
                let arrivals = vec![None; self.nodes];
                let live = cluster.live();
                let round = Round { sender: node, at, bytes, measured, live, payload_bytes: 0, arrivals };
                self.rounds.insert(message, round);
            }
            Observation::Payload { message, bytes } => {
                if let Some(round) = self.rounds.get_mut(&message) {
                    round.payload_bytes += bytes as u64;
                }
            }
            Observation::Delivered { message, node, hops } => {
                let Some(round) = self.rounds.get_mut(&message) else { return };
                let starts = cluster.starts(node) as u32;
                match &mut round.arrivals[node] {
                    Some(arrival) if arrival.starts == starts => self.duplicated += 1,
                    Some(arrival) => arrival.starts = starts,
                    // To its sender a message is never news.
                    None if node == round.sender => self.duplicated += 1,
                    none => *none = Some(Arrival { at, hops, starts }),
                }
            }
            _ => {}
        }
    }

    pub(super) fn finish(self, cluster: &Cluster, results: &mut Results) {
        let measured = || self.rounds.values().filter(|round| round.measured);
        let outcomes = measured().map(|round| round.outcome(cluster)).collect::<Vec<_>>();
        results.integer("broadcast.rounds", Some(outcomes.len() as u64));
        results.integer("broadcast.duplicated", Some(self.duplicated));
        if outcomes.is_empty() {
            return;
        }
        let full = outcomes.iter().filter(|outcome| outcome.reached == outcome.due).count();
        results.integer("broadcast.full_rounds", Some(full as u64));
        results.real("broadcast.reach_mean", mean(outcomes.iter().map(|outcome| outcome.reach)));
        results.real("broadcast.reach_min", outcomes.iter().map(|outcome| outcome.reach).reduce(f64::min));

        let sent = measured().map(|round| round.payload_bytes as f64).sum::<f64>();
        let share = |nodes: usize, round: &Round| (round.bytes * nodes) as f64;
        let reached = measured().zip(&outcomes).map(|(round, outcome)| share(outcome.hops.len(), round)).sum::<f64>();
        results.real("broadcast.rmr", (reached > 0.0).then_some(sent / reached - 1.0));
        let live = measured().map(|round| share(round.live, round)).sum::<f64>();
        results.real("broadcast.payloads_per_node", (live > 0.0).then_some(sent / live));

        let hops = |of: fn(&[u32]) -> Option<f64>| mean(outcomes.iter().filter_map(|outcome| of(&outcome.hops)));
        results.real("broadcast.hops_mean", hops(|hops| mean(hops.iter().map(|hops| f64::from(*hops)))));
        results.real("broadcast.hops_max", hops(|hops| hops.iter().max().map(|hops| f64::from(*hops))));
        for (percent, name, worst) in [
            (50, "broadcast.t50_ms", None),
            (99, "broadcast.t99_ms", Some("broadcast.t99_max_ms")),
            (100, "broadcast.t100_ms", Some("broadcast.t100_max_ms")),
        ] {
            let times = outcomes.iter().map(|outcome| outcome.reached_at(percent)).collect::<Option<Vec<_>>>();
            results.real(name, times.as_ref().and_then(|times| mean(times.iter().copied())));
            if let Some(worst) = worst {
                results.real(worst, times.and_then(|times| times.into_iter().reduce(f64::max)));
            }
        }
    }
}

impl Round {
    fn outcome(&self, cluster: &Cluster) -> Outcome {
        let is_due = |node: &usize| *node != self.sender && cluster.live_since(*node, self.at);
        let due = (0..self.arrivals.len()).filter(is_due).count();
        let arrived = (0..self.arrivals.len()).filter(is_due).filter_map(|node| self.arrivals[node]);
        let mut delays = arrived.map(|arrival| millis(self.at, arrival.at)).collect::<Vec<_>>();
        delays.sort_by(f64::total_cmp);
        let reached = delays.len();
        let reach = if due == 0 { 1.0 } else { reached as f64 / due as f64 };
        let hops = self.arrivals.iter().flatten().map(|arrival| arrival.hops).collect();
        Outcome { reach, reached, hops, delays, due }
    }
}

impl Outcome {
    /// Milliseconds until that many percent of the nodes had it.
    fn reached_at(&self, percent: usize) -> Option<f64> {
        match (self.due * percent).div_ceil(100) {
            0 => Some(0.0),
            needed => self.delays.get(needed - 1).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::script::Script;
    use crate::report::Value::{Integer, Real};
    use crate::trace::Cause;

    fn message(sequence: u64) -> MessageId {
        MessageId { origin: gossip_core::NodeId::from_name("n0"), generation: 1, sequence }
    }

    fn send(sequence: u64, measured: bool) -> Observation<'static> {
        Observation::Broadcast { message: message(sequence), node: 0, bytes: 100, measured }
    }

    fn deliver(sequence: u64, node: usize, hops: u32) -> Observation<'static> {
        Observation::Delivered { message: message(sequence), node, hops }
    }

    fn payload(sequence: u64, bytes: usize) -> Observation<'static> {
        Observation::Payload { message: message(sequence), bytes }
    }

    /// Five nodes, n0 sends message 1 at 10 s.
    fn script() -> Script {
        let mut script = Script::new(5, 60);
        script.plan.broadcast = true;
        (0..5).for_each(|node| {
            script.start(0.0, node);
        });
        script.at(10.0, send(1, true));
        script
    }

    fn script_of_one_round() -> Script {
        let mut script = script();
        script.at(10.0, payload(1, 200)).at(10.1, deliver(1, 1, 1)).at(10.2, deliver(1, 2, 2));
        script.at(10.2, payload(1, 400)).at(10.3, deliver(1, 3, 2)).at(10.4, deliver(1, 4, 3));
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
        script.at(20.0, send(2, true));
        (1..5).for_each(|node| {
            script.at(20.2, deliver(2, node, 1));
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
            script.at(10.1, deliver(1, node, 1));
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
        script.at(10.1, deliver(1, 1, 1)).at(10.1, deliver(1, 2, 1));
        script.stop(11.0, 3, Cause::Crash).stop(11.0, 4, Cause::Restart).start_as(12.0, 4, 2);
        assert_eq!(script.finish()["broadcast.reach_min"], Some(Real(1.0)));
    }

    #[test]
    fn a_second_delivery_or_one_to_the_sender_is_a_duplicate() {
        let mut script = script();
        script.at(10.1, deliver(1, 1, 1)).at(10.2, deliver(1, 1, 2)).at(10.3, deliver(1, 0, 1));
        assert_eq!(script.finish()["broadcast.duplicated"], Some(Integer(2)));
    }

    #[test]
    fn a_new_process_may_get_it_again() {
        let mut script = script();
        script.at(10.1, deliver(1, 1, 1)).stop(11.0, 1, Cause::Restart).start_as(12.0, 1, 2);
        script.at(13.0, deliver(1, 1, 1));
        assert_eq!(script.finish()["broadcast.duplicated"], Some(Integer(0)));
    }

    #[test]
    fn a_warming_up_message_is_not_measured() {
        let mut script = Script::new(2, 60);
        script.plan.broadcast = true;
        script.start(0.0, 0).start(0.0, 1);
        script.at(10.0, send(1, false)).at(10.0, payload(1, 900)).at(10.5, send(2, true)).at(10.5, payload(2, 100));
        script.at(10.6, deliver(2, 1, 1)).at(10.7, payload(1, 100));
        let metrics = script.finish();
        assert_eq!(metrics["broadcast.rounds"], Some(Integer(1)));
        assert_eq!(metrics["broadcast.reach_min"], Some(Real(1.0)));
        assert_eq!(metrics["broadcast.rmr"], Some(Real(0.0)));
    }
}
