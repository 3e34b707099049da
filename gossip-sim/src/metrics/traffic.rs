//! `traffic.*`: what nodes send while nothing happens.

use gossip_core::Instant;

use super::{Cluster, Plan, Results, secs};
use crate::trace::Observation;

#[derive(Debug)]
pub(super) struct Traffic {
    /// The steady part: disjoint, ascending, each without its end.
    steady: Vec<(Instant, Instant)>,
    /// The first one that is not over.
    current: usize,
    since: Vec<Option<Instant>>,
    /// When the first fault begins that lasts.
    fault_at: Option<Instant>,
    /// Seconds that nodes ran in the steady part, and in what of it was before that fault.
    node_seconds: f64,
    seconds_before: f64,
    bytes: Vec<u64>,
    bytes_before: u64,
    packets: u64,
    packet_bytes_max: u64,
}

impl Traffic {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            steady: plan.steady.clone(),
            current: 0,
            since: vec![None; plan.nodes],
            fault_at: plan.fault_at,
            node_seconds: 0.0,
            seconds_before: 0.0,
            bytes: vec![0; plan.nodes],
            bytes_before: 0,
            packets: 0,
            packet_bytes_max: 0,
        }
    }

    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        match *seen {
            Observation::Sent { node, bytes, .. } if self.is_steady(at) => {
                self.bytes[node] += bytes as u64;
                if self.fault_at.is_some_and(|fault| at < fault) {
                    self.bytes_before += bytes as u64;
                }
                self.packets += 1;
                self.packet_bytes_max = self.packet_bytes_max.max(bytes as u64);
            }
            Observation::Started { node, .. } => {
                self.ran(node, at);
                self.since[node] = Some(at);
            }
            Observation::Stopped { node, .. } if !cluster.is_running(node) => self.ran(node, at),
            _ => {}
        }
    }

    fn is_steady(&mut self, at: Instant) -> bool {
        while self.steady.get(self.current).is_some_and(|(_, end)| *end <= at) {
            self.current += 1;
        }
        self.steady.get(self.current).is_some_and(|(start, _)| *start <= at)
    }

    fn ran(&mut self, node: usize, until: Instant) {
        if let Some(since) = self.since[node].take() {
            let overlaps = |until: Instant| {
                self.steady.iter().map(|(start, end)| secs(since.max(*start), until.min(*end))).sum::<f64>()
            };
            let before = self.fault_at.map_or(0.0, |fault| overlaps(until.min(fault)));
            self.node_seconds += overlaps(until);
            self.seconds_before += before;
        }
    }

    pub(super) fn finish(mut self, end: Instant, results: &mut Results) {
        (0..self.since.len()).for_each(|node| self.ran(node, end));
        let seconds = self.steady.iter().map(|(start, end)| secs(*start, *end)).sum::<f64>();
        // Without a steady part there is nothing to measure.
        if self.node_seconds == 0.0 {
            return;
        }
        let bytes = self.bytes.iter().sum::<u64>() as f64;
        results.real("traffic.bytes_per_node_s", Some(bytes / self.node_seconds));
        let (bytes_before, seconds_after) = (self.bytes_before as f64, self.node_seconds - self.seconds_before);
        if bytes_before > 0.0 && seconds_after > 0.0 {
            let after = (bytes - bytes_before) / seconds_after;
            results.real("traffic.growth", Some(after / (bytes_before / self.seconds_before)));
        }
        results.real("traffic.packets_per_node_s", Some(self.packets as f64 / self.node_seconds));
        results.integer("traffic.packet_bytes_max", Some(self.packet_bytes_max));
        let busiest = self.bytes.iter().copied().max().unwrap_or(0) as f64;
        results.real("traffic.busiest_bytes_s", Some(busiest / seconds));
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::script::{Script, instant};
    use crate::report::Value::{Integer, Real};
    use crate::trace::Cause;

    /// Two nodes; steady from 30 s to 50 s and from 80 s to 100 s.
    fn script() -> Script {
        let mut script = Script::new(2, 100);
        script.plan.steady = vec![(instant(30.0), instant(50.0)), (instant(80.0), instant(100.0))];
        script.start(0.0, 0).start(0.0, 1);
        script
    }

    #[test]
    fn only_the_steady_part_counts() {
        let mut script = script();
        script.sent(29.9, 0, 5000).sent(30.0, 0, 300).sent(49.9, 1, 100).sent(50.0, 0, 5000).sent(60.0, 0, 5000);
        script.sent(80.0, 0, 400).sent(99.0, 0, 40);
        let metrics = script.finish();
        assert_eq!(metrics["traffic.bytes_per_node_s"], Some(Real(840.0 / 80.0)));
        assert_eq!(metrics["traffic.packets_per_node_s"], Some(Real(4.0 / 80.0)));
        assert_eq!(metrics["traffic.packet_bytes_max"], Some(Integer(400)));
        assert_eq!(metrics["traffic.busiest_bytes_s"], Some(Real(740.0 / 40.0)));
    }

    #[test]
    fn growth_is_what_a_fault_makes_of_the_traffic_before_it() {
        let mut script = script();
        script.plan.fault_at = Some(instant(50.0));
        script.sent(35.0, 0, 400).sent(60.0, 0, 5000).stop(90.0, 1, Cause::Crash).sent(95.0, 0, 900);
        // 400 bytes in 40 node seconds, then 900 in 30.
        assert_eq!(script.finish()["traffic.growth"], Some(Real(3.0)));
        assert!(!self::script().sent(35.0, 0, 400).finish().contains_key("traffic.growth"));
    }

    #[test]
    fn a_node_that_does_not_run_is_no_node() {
        let mut script = script();
        script.sent(35.0, 0, 600).stop(40.0, 1, Cause::Crash);
        assert_eq!(script.finish()["traffic.bytes_per_node_s"], Some(Real(600.0 / 50.0)));
    }

    #[test]
    fn without_a_steady_part_there_is_no_figure() {
        let mut script = Script::new(2, 20);
        script.start(0.0, 0).start(0.0, 1).sent(10.0, 0, 100);
        assert!(!script.finish().contains_key("traffic.bytes_per_node_s"));
    }
}
