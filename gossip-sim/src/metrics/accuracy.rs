//! `accuracy.*`: whom the cluster wronged.
//!
//! A verdict is a (node, generation, incarnation) that anybody holds down. Against a node that runs under that generation
//! it is a mistake, unless a partition touched the node within the last 10 s. Who hears of a verdict that was passed while
//! the process was down hears the truth, however late.

use std::collections::BTreeSet;

use gossip_core::{Instant, MemberChange, Status};

use super::{Cluster, Results, secs};
use crate::trace::{Cause, Held, Observation};

/// For how long a fault excuses a verdict after it is over.
const EXCUSED_S: f64 = 10.0;

/// A node, its generation and its incarnation.
type Verdict = (usize, u64, u64);

#[derive(Debug)]
pub(super) struct Accuracy {
    /// Passed against running nodes without excuse.
    killed: BTreeSet<Verdict>,
    /// Passed while the process was down.
    right: BTreeSet<Verdict>,
    partitions: usize,
    partition_end: Option<Instant>,
    partitioned: bool,
    /// Hit by a crash or a restart, ever.
    faulty: Vec<bool>,
    /// Down events about each node.
    down_events: Vec<u64>,
}

impl Accuracy {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            killed: BTreeSet::new(),
            right: BTreeSet::new(),
            partitions: 0,
            partition_end: None,
            partitioned: false,
            faulty: vec![false; nodes],
            down_events: vec![0; nodes],
        }
    }

    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        match *seen {
            Observation::PartitionBegan => {
                self.partitions += 1;
                self.partitioned = true;
            }
            Observation::PartitionEnded => {
                self.partitions -= 1;
                self.partition_end = Some(at);
            }
            Observation::Stopped { node, cause: Cause::Crash | Cause::Restart } => self.faulty[node] = true,
            Observation::Row {
                subject, held: Some(Held { status: Status::Down, generation, incarnation }), ..
            } => {
                self.verdict(at, (subject, generation, incarnation), cluster);
            }
            Observation::Told { subject, generation, incarnation, change: MemberChange::Down, .. } => {
                self.down_events[subject] += 1;
                self.verdict(at, (subject, generation, incarnation), cluster);
            }
            _ => {}
        }
    }

    fn verdict(&mut self, at: Instant, verdict: Verdict, cluster: &Cluster) {
        let (subject, generation, _) = verdict;
        if !cluster.is_running(subject) {
            self.right.insert(verdict);
        } else if generation >= cluster.generation(subject) && !self.right.contains(&verdict) && !self.is_excused(at) {
            self.killed.insert(verdict);
        }
    }

    /// A partition touches every node.
    fn is_excused(&self, at: Instant) -> bool {
        self.partitions > 0 || self.partition_end.is_some_and(|end| secs(end, at) <= EXCUSED_S)
    }

    pub(super) fn finish(self, cluster: &Cluster, results: &mut Results) {
        results.integer("accuracy.live_killed", Some(self.killed.len() as u64));
        let healthy = self.down_events.iter().zip(&self.faulty).filter(|(_, faulty)| !**faulty && !self.partitioned);
        results.integer("accuracy.down_events_healthy", Some(healthy.map(|(events, _)| events).sum()));
        let pairs = cluster.pairs();
        let up = if pairs == 0 { 1.0 } else { cluster.pairs_up() as f64 / pairs as f64 };
        results.real("accuracy.pairs_up_end", Some(up));
    }
}

#[cfg(test)]
mod tests {
    use gossip_core::MemberChange::Down;

    use crate::metrics::script::{Script, alive, down, told};
    use crate::report::Value::{Integer, Real};
    use crate::trace::{Cause, Observation};

    fn script() -> Script {
        let mut script = Script::new(3, 120);
        (0..3).for_each(|node| {
            script.start(0.0, node);
        });
        script.know_all(1.0);
        script
    }

    #[test]
    fn one_verdict_is_one_however_many_hold_and_hear_it() {
        let mut script = script();
        script.at(20.0, told(0, 2, Down)).at(20.0, down(0, 2, 1)).at(21.0, told(1, 2, Down)).at(21.0, down(1, 2, 1));
        let metrics = script.finish();
        assert_eq!(metrics["accuracy.live_killed"], Some(Integer(1)));
        assert_eq!(metrics["accuracy.down_events_healthy"], Some(Integer(2)));
    }

    #[test]
    fn a_record_without_an_event_is_a_verdict_too() {
        assert_eq!(script().at(20.0, down(0, 2, 1)).finish()["accuracy.live_killed"], Some(Integer(1)));
    }

    #[test]
    fn a_verdict_about_a_crashed_node_or_a_former_life_is_right() {
        let mut script = script();
        script.stop(10.0, 2, Cause::Crash).at(15.0, told(0, 2, Down)).at(15.0, down(0, 2, 1));
        script.stop(20.0, 1, Cause::Restart).start_as(22.0, 1, 5).at(25.0, told(0, 1, Down));
        let metrics = script.finish();
        assert_eq!(metrics["accuracy.live_killed"], Some(Integer(0)));
        assert_eq!(metrics["accuracy.down_events_healthy"], Some(Integer(0)));
    }

    #[test]
    fn a_verdict_of_the_time_down_may_spread_after_a_start_under_the_old_generation() {
        let mut script = script();
        script.stop(20.0, 1, Cause::Restart).at(25.0, down(0, 1, 1)).start_as(26.0, 1, 1).at(27.0, down(2, 1, 1));
        assert_eq!(script.finish()["accuracy.live_killed"], Some(Integer(0)));
    }

    #[test]
    fn a_node_that_leaves_still_runs() {
        let mut script = script();
        script.at(20.0, Observation::Leaving { node: 2 }).at(20.5, down(0, 2, 1)).stop(21.0, 2, Cause::Left);
        assert_eq!(script.finish()["accuracy.live_killed"], Some(Integer(1)));
    }

    #[test]
    fn a_partition_excuses_until_ten_seconds_after_it() {
        for (second, killed) in [(19.0, 1), (25.0, 0), (40.0, 0), (40.1, 1)] {
            let mut script = script();
            let (began, ended) = (Observation::PartitionBegan, Observation::PartitionEnded);
            if second < 20.0 {
                script.at(second, down(0, 2, 1));
            }
            script.at(20.0, began);
            if (20.0..30.0).contains(&second) {
                script.at(second, down(0, 2, 1));
            }
            script.at(30.0, ended);
            if second > 30.0 {
                script.at(second, down(0, 2, 1));
            }
            assert_eq!(script.finish()["accuracy.live_killed"], Some(Integer(killed)), "{second}");
        }
    }

    #[test]
    fn the_share_of_pairs_is_that_of_the_end() {
        let mut script = script();
        script.at(20.0, down(0, 2, 1)).at(30.0, down(1, 2, 1)).at(40.0, alive(1, 2, 1));
        assert_eq!(script.finish()["accuracy.pairs_up_end"], Some(Real(5.0 / 6.0)));
    }
}
