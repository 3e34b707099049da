//! `pause.back_s`: how long a node that was stopped is not held alive after it runs again.
//!
//! It is back once every live node that no pause, lag or link fault ever touched holds it alive. The slowest return of all
//! counts; a node that is stopped again, or at the end of the run, before it is back, never came back. A return within the
//! last second of the run is left out: too little of it is seen.

use gossip_core::Instant;

use super::{Cluster, Plan, Results, secs};
use crate::trace::Observation;

/// A node that runs again later than this before the end is not judged.
const JUDGED_S: f64 = 1.0;

#[derive(Debug)]
pub(super) struct Wake {
    /// By node: since when it runs again without being back.
    waiting: Vec<Option<Instant>>,
    /// By node: whether a pause, lag or link fault ever touched it.
    slowed: Vec<bool>,
    slowest: Option<f64>,
    failed: bool,
}

impl Wake {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { waiting: vec![None; plan.nodes], slowed: vec![false; plan.nodes], slowest: None, failed: false }
    }

    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        match *seen {
            Observation::FaultBegan { node, fault } => self.slowed[node] |= fault.slows(),
            Observation::Halted { node } => self.failed |= self.waiting[node].take().is_some(),
            Observation::Woke { node } => {
                self.waiting[node] = Some(at);
                self.judge(at, node, cluster);
            }
            // Who stops for good, or starts anew, is not on its way back.
            Observation::Stopped { node, .. } | Observation::Leaving { node } => {
                self.waiting[node] = None;
                let waiting = (0..cluster.len()).filter(|node| self.waiting[*node].is_some()).collect::<Vec<_>>();
                waiting.into_iter().for_each(|node| self.judge(at, node, cluster));
            }
            Observation::Row { subject, .. } => self.judge(at, subject, cluster),
            _ => {}
        }
    }

    fn judge(&mut self, at: Instant, node: usize, cluster: &Cluster) {
        let Some(since) = self.waiting[node] else { return };
        let observers = (0..cluster.len()).filter(|other| *other != node && cluster.is_live(*other));
        if observers.filter(|other| !self.slowed[*other]).all(|other| cluster.is_up(other, node)) {
            self.waiting[node] = None;
            self.slowest = Some(self.slowest.unwrap_or(0.0).max(secs(since, at)));
        }
    }

    pub(super) fn finish(self, end: Instant, results: &mut Results) {
        let failed = self.failed || self.waiting.iter().flatten().any(|since| secs(*since, end) > JUDGED_S);
        results.real("pause.back_s", self.slowest.filter(|_| !failed));
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::script::{Script, alive, down};
    use crate::report::Value::Real;
    use crate::trace::{Cause, Fault, Observation};

    /// Three nodes that know each other; the third stops from 20 s to 28 s and is held down by the others from 25 s on.
    fn script() -> Script {
        let mut script = Script::new(3, 60);
        script.plan.pause = true;
        (0..3).for_each(|node| {
            script.start(0.0, node);
        });
        script.know_all(1.0).fault(20.0, 2, Fault::Pause).at(20.0, Observation::Halted { node: 2 });
        script.at(25.0, down(0, 2, 1)).at(25.0, down(1, 2, 1)).at(28.0, Observation::Woke { node: 2 });
        script
    }

    #[test]
    fn it_lasts_until_the_last_other_node_holds_it_alive() {
        let mut script = script();
        script.at(28.5, alive(0, 2, 1)).at(29.2, alive(1, 2, 1)).at(30.0, Observation::Halted { node: 2 });
        assert_eq!(script.finish()["pause.back_s"], Some(Real(1.2)));
    }

    #[test]
    fn who_was_never_missed_is_back_at_once() {
        let mut script = Script::new(2, 60);
        script.plan.pause = true;
        script.start(0.0, 0).start(0.0, 1).know_all(1.0).at(20.0, Observation::Halted { node: 1 });
        script.at(22.0, Observation::Woke { node: 1 });
        assert_eq!(script.finish()["pause.back_s"], Some(Real(0.0)));
    }

    #[test]
    fn who_is_stopped_again_before_it_is_back_never_came_back() {
        let mut script = script();
        script.at(28.5, alive(0, 2, 1)).at(30.0, Observation::Halted { node: 2 });
        script.at(38.0, Observation::Woke { node: 2 }).at(38.1, alive(1, 2, 1));
        assert_eq!(script.finish()["pause.back_s"], None);
    }

    #[test]
    fn who_is_not_back_at_the_end_leaves_it_unfinished() {
        assert_eq!(script().at(28.5, alive(0, 2, 1)).finish()["pause.back_s"], None);
    }

    #[test]
    fn the_slowest_return_counts() {
        let mut script = script();
        script.at(30.0, alive(0, 2, 1)).at(30.5, alive(1, 2, 1)).at(31.0, Observation::Halted { node: 2 });
        script.at(33.0, Observation::Woke { node: 2 });
        assert_eq!(script.finish()["pause.back_s"], Some(Real(2.5)));
    }

    #[test]
    fn those_that_a_fault_touches_and_those_that_are_gone_need_not_hold_it_alive() {
        let mut slow = script();
        slow.fault(28.0, 1, Fault::Lag).at(28.5, alive(0, 2, 1));
        assert_eq!(slow.finish()["pause.back_s"], Some(Real(0.5)));
        let mut gone = script();
        gone.at(28.5, alive(0, 2, 1)).stop(29.0, 1, Cause::Crash);
        assert_eq!(gone.finish()["pause.back_s"], Some(Real(1.0)));
    }
}
