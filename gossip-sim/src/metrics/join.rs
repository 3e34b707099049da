//! `join.*`: how long it takes until all know all, and what it costs.

use gossip_core::Instant;

use super::{Cluster, Plan, Results, mean, secs};
use crate::trace::Observation;

#[derive(Debug)]
pub(super) struct Join {
    nodes: usize,
    started: usize,
    last: Instant,
    t99: Option<Instant>,
    t100: Option<Instant>,
    /// Sent by each node until all know all.
    bytes: Vec<u64>,
}

impl Join {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { nodes: plan.joiners, started: 0, last: Instant::ZERO, t99: None, t100: None, bytes: vec![0; plan.nodes] }
    }

    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        if self.t100.is_some() {
            return;
        }
        match *seen {
            Observation::Sent { node, bytes, .. } => self.bytes[node] += bytes as u64,
            Observation::Started { node, .. } if node < self.nodes && cluster.starts(node) == 1 => {
                self.started += 1;
                self.last = at;
            }
            _ => {}
        }
        if self.started < self.nodes {
            return;
        }
        if self.t99.is_none() && cluster.pairs_up() * 100 >= cluster.pairs() * 99 {
            self.t99 = Some(at);
        }
        if cluster.is_whole() {
            self.t100 = Some(at);
        }
    }

    pub(super) fn finish(mut self, results: &mut Results) {
        self.bytes.truncate(self.nodes);
        results.real("join.t99_s", self.t99.map(|at| secs(self.last, at)));
        results.real("join.t100_s", self.t100.map(|at| secs(self.last, at)));
        let done = self.t100.is_some();
        results.real("join.bytes_per_node", mean(self.bytes.iter().map(|bytes| *bytes as f64)).filter(|_| done));
        results.integer("join.busiest_bytes", self.bytes.iter().copied().max().filter(|_| done));
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::script::{Script, alive};
    use crate::report::Value::{Integer, Real};

    /// Two nodes, the second one after 1 s; who knows whom at 3 s and 4 s.
    fn script() -> Script {
        let mut script = Script::new(2, 10);
        script.start(0.0, 0).start(1.0, 1).sent(2.0, 0, 100).at(3.0, alive(0, 1, 1)).sent(3.5, 1, 50);
        script
    }

    #[test]
    fn it_lasts_from_the_last_start_until_both_know_each_other() {
        let metrics = script().at(4.0, alive(1, 0, 1)).finish();
        assert_eq!(metrics["join.t100_s"], Some(Real(3.0)));
        assert_eq!(metrics["join.t99_s"], Some(Real(3.0)));
    }

    #[test]
    fn bytes_count_until_then() {
        let metrics = script().at(4.0, alive(1, 0, 1)).sent(5.0, 1, 1000).finish();
        assert_eq!(metrics["join.bytes_per_node"], Some(Real(75.0)));
        assert_eq!(metrics["join.busiest_bytes"], Some(Integer(100)));
    }

    #[test]
    fn one_missing_pair_leaves_it_unfinished() {
        let metrics = script().finish();
        for name in ["join.t99_s", "join.t100_s", "join.bytes_per_node", "join.busiest_bytes"] {
            assert_eq!(metrics[name], None, "{name}");
        }
    }

    #[test]
    fn ninety_nine_of_a_hundred_pairs_come_before_all() {
        let mut script = Script::new(11, 10);
        (0..11).for_each(|node| {
            script.start(0.0, node);
        });
        let pairs = (0..11).flat_map(|a| (0..11).map(move |b| (a, b))).filter(|(a, b)| a != b);
        for (index, (a, b)) in pairs.enumerate() {
            let second = if index < 109 { 1.0 } else { 2.0 };
            script.at(second, alive(a, b, 1));
        }
        let metrics = script.finish();
        assert_eq!(metrics["join.t99_s"], Some(Real(1.0)));
        assert_eq!(metrics["join.t100_s"], Some(Real(2.0)));
    }

    #[test]
    fn a_moment_of_all_pairs_before_the_last_start_is_not_it() {
        let mut script = Script::new(3, 10);
        script.start(0.0, 0).start(0.0, 1).at(1.0, alive(0, 1, 1)).at(1.0, alive(1, 0, 1)).start(2.0, 2);
        assert_eq!(script.finish()["join.t99_s"], None);
    }
}
