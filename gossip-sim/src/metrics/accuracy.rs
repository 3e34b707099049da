//! `accuracy.*`: whom the cluster wronged.
//!
//! A verdict is a (node, generation, incarnation) that anybody holds down. Against a node that runs under that generation
//! it is a mistake, unless a partition, pause, lag or link fault touched the node within the last 10 s. One that such a
//! fault ever touched is counted apart too. Who hears of a verdict that was passed while the process was down hears the
//! truth, however late. A Down event is a mistake if no fault had touched its subject by then: what happens to it later is no
//! excuse.

use std::collections::BTreeSet;

use gossip_core::{Instant, MemberChange, Status};

use super::{Cluster, Plan, Results, secs};
use crate::trace::{Cause, Fault, Held, Observation};

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
    /// Passed against running nodes that a pause, lag or link fault touched, ever.
    faulted: BTreeSet<Verdict>,
    /// Whether there is such a fault in the scenario.
    slow: bool,
    partitions: usize,
    partition_end: Option<Instant>,
    nodes: Vec<Touch>,
    /// Down events about nodes that no fault had touched.
    down_events: u64,
}

/// How faults touch a node.
#[derive(Clone, Copy, Debug, Default)]
struct Touch {
    /// Any ever did, a crash or a partition included.
    ever: bool,
    /// A pause, lag or link fault ever did.
    slowed: bool,
    /// Pause, lag and link faults that do now, and when the last one ended.
    faults: usize,
    end: Option<Instant>,
}

impl Accuracy {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            killed: BTreeSet::new(),
            right: BTreeSet::new(),
            faulted: BTreeSet::new(),
            slow: plan.slow,
            partitions: 0,
            partition_end: None,
            nodes: vec![Touch::default(); plan.nodes],
            down_events: 0,
        }
    }

    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        match *seen {
            Observation::PartitionBegan => {
                self.partitions += 1;
                self.nodes.iter_mut().for_each(|node| node.ever = true);
            }
            Observation::PartitionEnded => {
                self.partitions -= 1;
                self.partition_end = Some(at);
            }
            Observation::Stopped { node, cause: Cause::Crash | Cause::Restart | Cause::Churn } => {
                self.nodes[node].ever = true;
            }
            Observation::FaultBegan { node, fault } => self.nodes[node].begin(fault),
            Observation::FaultEnded { node, fault } => self.nodes[node].end(at, fault),
            Observation::Row {
                subject, held: Some(Held { status: Status::Down, generation, incarnation }), ..
            } => {
                self.verdict(at, (subject, generation, incarnation), cluster);
            }
            Observation::Told { subject, generation, incarnation, change: MemberChange::Down, .. } => {
                self.down_events += u64::from(!self.nodes[subject].ever);
                self.verdict(at, (subject, generation, incarnation), cluster);
            }
            _ => {}
        }
    }

    fn verdict(&mut self, at: Instant, verdict: Verdict, cluster: &Cluster) {
        let (subject, generation, _) = verdict;
        if !cluster.is_running(subject) {
            self.right.insert(verdict);
            return;
        }
        let wrong = generation >= cluster.generation(subject) && !self.right.contains(&verdict);
        if !wrong || self.is_parted(at) {
            return;
        }
        let touch = &self.nodes[subject];
        if touch.slowed {
            self.faulted.insert(verdict);
        }
        if !touch.excuses(at) {
            self.killed.insert(verdict);
        }
    }

    /// A partition touches every node.
    fn is_parted(&self, at: Instant) -> bool {
        self.partitions > 0 || self.partition_end.is_some_and(|end| secs(end, at) <= EXCUSED_S)
    }

    pub(super) fn finish(self, cluster: &Cluster, results: &mut Results) {
        results.integer("accuracy.live_killed", Some(self.killed.len() as u64));
        results.integer("accuracy.down_events_healthy", Some(self.down_events));
        if self.slow {
            let mut by_node = vec![0; self.nodes.len()];
            self.faulted.iter().for_each(|(node, ..)| by_node[*node] += 1);
            results.integer("accuracy.faulted_killed", Some(self.faulted.len() as u64));
            results.integer("accuracy.faulted_killed_max", by_node.into_iter().max());
        }
        results.real("accuracy.pairs_up_end", Some(cluster.share_up()));
    }
}

impl Touch {
    fn begin(&mut self, fault: Fault) {
        self.ever = true;
        if fault.slows() {
            self.slowed = true;
            self.faults += 1;
        }
    }

    fn end(&mut self, at: Instant, fault: Fault) {
        if fault.slows() {
            self.faults -= 1;
            self.end = Some(at);
        }
    }

    fn excuses(&self, at: Instant) -> bool {
        self.faults > 0 || self.end.is_some_and(|end| secs(end, at) <= EXCUSED_S)
    }
}

#[cfg(test)]
mod tests {
    use gossip_core::MemberChange::Down;

    use crate::metrics::script::{Script, alive, down, told};
    use crate::report::Value::{Integer, Real};
    use crate::trace::{Cause, Fault, Observation};

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
    fn a_slow_node_is_counted_apart_until_ten_seconds_after_its_fault() {
        for (second, killed) in [(25.0, 0), (40.0, 0), (40.1, 1)] {
            let mut script = script();
            script.plan.slow = true;
            script.fault(20.0, 2, Fault::Lag);
            if second < 30.0 {
                script.at(second, told(0, 2, Down));
            }
            script.cure(30.0, 2, Fault::Lag);
            if second > 30.0 {
                script.at(second, told(0, 2, Down));
            }
            let metrics = script.finish();
            assert_eq!(metrics["accuracy.live_killed"], Some(Integer(killed)), "{second}");
            assert_eq!(metrics["accuracy.faulted_killed"], Some(Integer(1)), "{second}");
            assert_eq!(metrics["accuracy.down_events_healthy"], Some(Integer(0)), "{second}");
        }
    }

    #[test]
    fn whoever_is_killed_and_back_is_killed_again_under_each_incarnation() {
        let mut script = script();
        script.plan.slow = true;
        script.fault(20.0, 2, Fault::Pause).fault(20.0, 1, Fault::Pause);
        for (second, subject, incarnation) in [(21.0, 2, 0), (23.0, 2, 1), (24.0, 2, 1), (25.0, 1, 0)] {
            let told = Observation::Told { observer: 0, subject, generation: 1, incarnation, change: Down };
            script.at(second, told).at(second + 0.5, alive(0, subject, 1));
        }
        let metrics = script.finish();
        assert_eq!(metrics["accuracy.faulted_killed"], Some(Integer(3)));
        assert_eq!(metrics["accuracy.faulted_killed_max"], Some(Integer(2)));
        assert_eq!(metrics["accuracy.live_killed"], Some(Integer(0)));
    }

    #[test]
    fn what_a_slow_node_says_of_a_healthy_one_is_held_against_the_cluster() {
        let mut script = script();
        script.plan.slow = true;
        script.fault(20.0, 0, Fault::Lag).at(25.0, told(0, 2, Down));
        let metrics = script.finish();
        assert_eq!(metrics["accuracy.down_events_healthy"], Some(Integer(1)));
        assert_eq!(metrics["accuracy.live_killed"], Some(Integer(1)));
        assert_eq!(metrics["accuracy.faulted_killed"], Some(Integer(0)));
    }

    #[test]
    fn a_fault_that_comes_later_does_not_make_an_earlier_event_right() {
        let mut script = script();
        script.at(20.0, told(0, 2, Down)).at(21.0, alive(0, 2, 1)).stop(60.0, 2, Cause::Crash);
        script.at(65.0, told(0, 2, Down));
        let metrics = script.finish();
        assert_eq!(metrics["accuracy.down_events_healthy"], Some(Integer(1)));
    }

    #[test]
    fn neither_a_lie_nor_a_jump_of_a_clock_excuses_a_kill() {
        for fault in [Fault::Byzantine, Fault::Clock] {
            let mut script = script();
            script.fault(20.0, 2, fault).at(21.0, told(0, 2, Down));
            let metrics = script.finish();
            assert_eq!(metrics["accuracy.live_killed"], Some(Integer(1)), "{fault:?}");
            assert!(!metrics.contains_key("accuracy.faulted_killed"), "{fault:?}");
        }
    }

    #[test]
    fn the_share_of_pairs_is_that_of_the_end() {
        let mut script = script();
        script.at(20.0, down(0, 2, 1)).at(30.0, down(1, 2, 1)).at(40.0, alive(1, 2, 1));
        assert_eq!(script.finish()["accuracy.pairs_up_end"], Some(Real(5.0 / 6.0)));
    }
}
