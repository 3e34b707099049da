//! `detect.*`: how fast a crash is noticed, and by whom.
//!
//! Suspicion and verdict are those about a node of the last crash. Every live node that no fault touches must hold every
//! crashed node down. Excused is who restarted after a crash, and whom a pause, lag or link fault or the like touched at the
//! last crash or later: one that was over before is no excuse. A partition excuses nobody, since afterwards all must agree
//! again. What churn takes away is none of it.

use std::collections::BTreeSet;

use gossip_core::{Instant, MemberChange};

use super::{Cluster, Results, median, secs};
use crate::trace::{Cause, Observation};

/// Down events of one node that are closer together than this are one change of its view.
const CLUSTER_GAP_S: f64 = 1.0;

#[derive(Debug)]
pub(super) struct Detect {
    crashed: BTreeSet<usize>,
    /// Those of the last crash.
    latest: BTreeSet<usize>,
    last: Option<Instant>,
    first_suspect: Option<Instant>,
    first_down: Option<Instant>,
    observers: Vec<Observer>,
}

#[derive(Clone, Debug, Default)]
struct Observer {
    /// Since when it holds all crashed nodes down, without a break; when it stopped, if it did so without.
    settled: Option<Instant>,
    /// It restarted after a crash.
    restarted: bool,
    /// Faults that touch it now, and whether one did since the last crash.
    faults: usize,
    touched: bool,
    last_down_event: Option<Instant>,
    view_changes: u64,
}

impl Detect {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            crashed: BTreeSet::new(),
            latest: BTreeSet::new(),
            last: None,
            first_suspect: None,
            first_down: None,
            observers: vec![Observer::default(); nodes],
        }
    }

    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        match *seen {
            Observation::Stopped { node, cause } => self.stopped(at, node, cause, cluster),
            Observation::FaultBegan { node, .. } => {
                self.observers[node].faults += 1;
                self.observers[node].touched = true;
            }
            Observation::FaultEnded { node, .. } => self.observers[node].faults -= 1,
            Observation::Started { node, .. } => {
                self.observers[node].restarted |= self.last.is_some() && cluster.starts(node) > 1;
                self.recount(at, node, cluster);
            }
            Observation::Row { observer, subject, .. } if self.crashed.contains(&subject) => {
                self.recount(at, observer, cluster);
            }
            Observation::Told { observer, subject, change, .. } => self.told(at, observer, subject, change),
            _ => {}
        }
    }

    fn stopped(&mut self, at: Instant, node: usize, cause: Cause, cluster: &Cluster) {
        match cause {
            Cause::Crash => {
                if self.last != Some(at) {
                    self.latest.clear();
                    (self.first_suspect, self.first_down) = (None, None);
                }
                self.last = Some(at);
                self.latest.insert(node);
                self.crashed.insert(node);
                self.observers.iter_mut().for_each(|observer| observer.touched = observer.faults > 0);
                (0..cluster.len()).for_each(|observer| self.recount(at, observer, cluster));
            }
            Cause::Restart => self.observers[node].restarted |= self.last.is_some(),
            Cause::Left | Cause::Churn => {}
        }
        self.observers[node].settled.get_or_insert(at);
    }

    fn recount(&mut self, at: Instant, observer: usize, cluster: &Cluster) {
        if !cluster.is_running(observer) {
            return;
        }
        let settled = &mut self.observers[observer].settled;
        if self.crashed.iter().all(|crashed| cluster.holds_down(observer, *crashed)) {
            settled.get_or_insert(at);
        } else {
            *settled = None;
        }
    }

    fn told(&mut self, at: Instant, observer: usize, subject: usize, change: MemberChange) {
        if change == MemberChange::Down {
            let observer = &mut self.observers[observer];
            if observer.last_down_event.is_none_or(|before| secs(before, at) > CLUSTER_GAP_S) {
                observer.view_changes += 1;
            }
            observer.last_down_event = Some(at);
        }
        if self.latest.contains(&subject) {
            match change {
                MemberChange::Suspect => {
                    self.first_suspect.get_or_insert(at);
                }
                // A verdict ends a suspicion, seen or not.
                MemberChange::Down => {
                    self.first_suspect.get_or_insert(at);
                    self.first_down.get_or_insert(at);
                }
                _ => {}
            }
        }
    }

    pub(super) fn finish(self, cluster: &Cluster, results: &mut Results) {
        let since_crash = |at: Option<Instant>| self.last.zip(at).map(|(last, at)| secs(last, at));
        results.real("detect.first_suspect_s", since_crash(self.first_suspect));
        results.real("detect.first_down_s", since_crash(self.first_down));
        let judged = |node: &usize| {
            let observer = &self.observers[*node];
            cluster.has_started(*node) && !self.crashed.contains(node) && !observer.restarted && !observer.touched
        };
        let all = (0..cluster.len()).filter(judged).map(|node| self.observers[node].settled);
        let all = all.collect::<Option<Vec<_>>>().map(|settled| settled.into_iter().max());
        results.real("detect.all_down_s", since_crash(all.flatten()));
        let changes = (0..cluster.len()).filter(|node| cluster.is_live(*node));
        results.integer("detect.view_changes", median(changes.map(|node| self.observers[node].view_changes)));
    }
}

#[cfg(test)]
mod tests {
    use gossip_core::MemberChange::{Down, Suspect};

    use crate::metrics::script::{Script, alive, down, told};
    use crate::report::Value::{Integer, Real};
    use crate::trace::{Cause, Fault};

    /// Three nodes that know each other; the third crashes at 60 s.
    fn script() -> Script {
        let mut script = Script::new(3, 120);
        script.plan.crash = true;
        (0..3).for_each(|node| {
            script.start(0.0, node);
        });
        script.know_all(1.0).stop(60.0, 2, Cause::Crash);
        script
    }

    #[test]
    fn suspicion_verdict_and_agreement_are_told_apart() {
        let mut script = script();
        script.at(62.0, told(0, 2, Suspect)).at(64.0, told(1, 2, Suspect));
        script.at(66.0, told(0, 2, Down)).at(66.0, down(0, 2, 1)).at(67.0, told(1, 2, Down)).at(67.5, down(1, 2, 1));
        let metrics = script.finish();
        assert_eq!(metrics["detect.first_suspect_s"], Some(Real(2.0)));
        assert_eq!(metrics["detect.first_down_s"], Some(Real(6.0)));
        assert_eq!(metrics["detect.all_down_s"], Some(Real(7.5)));
    }

    #[test]
    fn one_survivor_that_does_not_know_leaves_it_unfinished() {
        let mut script = script();
        script.at(66.0, told(0, 2, Down)).at(66.0, down(0, 2, 1));
        let metrics = script.finish();
        assert_eq!(metrics["detect.first_down_s"], Some(Real(6.0)));
        assert_eq!(metrics["detect.all_down_s"], None);
    }

    #[test]
    fn a_relapse_counts() {
        let mut script = script();
        script.at(66.0, down(0, 2, 1)).at(67.0, down(1, 2, 1)).at(70.0, alive(0, 2, 1)).at(80.0, down(0, 2, 1));
        assert_eq!(script.finish()["detect.all_down_s"], Some(Real(20.0)));
    }

    #[test]
    fn a_suspicion_before_the_crash_is_none_of_it() {
        let mut script = Script::new(2, 120);
        script.plan.crash = true;
        script.start(0.0, 0).start(0.0, 1).know_all(1.0).at(50.0, told(0, 1, Suspect));
        script.stop(60.0, 1, Cause::Crash).at(70.0, told(0, 1, Suspect));
        assert_eq!(script.finish()["detect.first_suspect_s"], Some(Real(10.0)));
    }

    #[test]
    fn a_restarted_node_need_not_know_but_a_late_one_must() {
        let mut restarted = script();
        restarted.stop(61.0, 1, Cause::Restart).start_as(63.0, 1, 2).at(66.0, down(0, 2, 1));
        assert_eq!(restarted.finish()["detect.all_down_s"], Some(Real(6.0)));

        let mut late = Script::new(3, 120);
        late.plan.crash = true;
        late.start(0.0, 0).start(0.0, 1).stop(60.0, 1, Cause::Crash).at(65.0, down(0, 1, 1)).start(70.0, 2);
        assert_eq!(late.finish()["detect.all_down_s"], None);
    }

    #[test]
    fn a_restart_before_the_crash_excuses_nobody() {
        let mut script = Script::new(3, 120);
        script.plan.crash = true;
        (0..3).for_each(|node| {
            script.start(0.0, node);
        });
        script.know_all(1.0).stop(20.0, 1, Cause::Restart).start_as(22.0, 1, 2).at(23.0, alive(1, 2, 1));
        script.stop(60.0, 2, Cause::Crash).at(66.0, down(0, 2, 1));
        assert_eq!(script.finish()["detect.all_down_s"], None);
        assert_eq!(script.at(70.0, down(1, 2, 1)).finish()["detect.all_down_s"], Some(Real(10.0)));
    }

    #[test]
    fn a_fault_at_the_crash_or_later_excuses_but_not_one_that_was_over() {
        for (began, ended, excused) in [(30.0, 90.0, true), (62.0, 63.0, true), (30.0, 59.0, false)] {
            let mut script = Script::new(3, 120);
            script.plan.crash = true;
            (0..3).for_each(|node| {
                script.start(0.0, node);
            });
            script.know_all(1.0);
            let mut trace = [began, ended, 60.0];
            trace.sort_by(f64::total_cmp);
            for at in trace {
                match at {
                    60.0 => script.stop(at, 2, Cause::Crash),
                    at if at == began => script.fault(at, 1, Fault::Lag),
                    at => script.cure(at, 1, Fault::Lag),
                };
            }
            script.at(95.0, down(0, 2, 1));
            let expected = excused.then_some(Real(35.0));
            assert_eq!(script.finish()["detect.all_down_s"], expected, "{began} to {ended}");
        }
    }

    #[test]
    fn who_goes_by_churn_need_not_be_known_to_be_down() {
        let mut script = script();
        script.at(66.0, down(0, 2, 1)).stop(70.0, 1, Cause::Churn);
        assert_eq!(script.finish()["detect.all_down_s"], Some(Real(10.0)));
    }

    #[test]
    fn without_anybody_to_judge_by_it_is_unfinished() {
        let mut script = Script::new(2, 120);
        script.plan.crash = true;
        script.start(0.0, 0).start(0.0, 1).know_all(1.0).fault(30.0, 0, Fault::Lag).stop(60.0, 1, Cause::Crash);
        assert_eq!(script.at(66.0, down(0, 1, 1)).finish()["detect.all_down_s"], None);
    }

    #[test]
    fn who_leaves_without_knowing_counts_until_then() {
        let mut script = script();
        script.at(66.0, down(0, 2, 1)).stop(70.0, 1, Cause::Left);
        assert_eq!(script.finish()["detect.all_down_s"], Some(Real(10.0)));
    }

    #[test]
    fn all_crashes_count_from_the_last_one() {
        let mut script = script();
        script.at(62.0, told(0, 2, Down)).at(62.0, down(0, 2, 1)).at(63.0, down(1, 2, 1));
        script
            .stop(70.0, 1, Cause::Crash)
            .at(75.0, told(0, 2, Down))
            .at(78.0, told(0, 1, Down))
            .at(79.0, down(0, 1, 1));
        let metrics = script.finish();
        assert_eq!(metrics["detect.first_down_s"], Some(Real(8.0)));
        assert_eq!(metrics["detect.all_down_s"], Some(Real(9.0)));
    }

    #[test]
    fn down_events_within_a_second_are_one_change_of_view() {
        let mut script = script();
        // Node 0 sees two clusters (0.9 s apart is one), node 1 none: the lower median of 2 nodes is 0.
        script
            .at(66.0, told(0, 2, Down))
            .at(66.9, told(0, 1, Down))
            .at(67.8, told(0, 2, Down))
            .at(69.0, told(0, 1, Down));
        assert_eq!(script.finish()["detect.view_changes"], Some(Integer(0)));
        let mut both = self::script();
        for second in [66.0, 66.9, 69.0] {
            both.at(second, told(0, 2, Down)).at(second, told(1, 2, Down));
        }
        assert_eq!(both.finish()["detect.view_changes"], Some(Integer(2)));
    }
}
