//! `restart.t100_s`: how long until the restarted are back under the generations that they have now. What others still hold
//! of a former life does not count, unless that life had the same generation.

use gossip_core::Instant;

use super::{Cluster, Results, secs};
use crate::trace::{Cause, Observation};

#[derive(Debug, Default)]
pub(super) struct Restart {
    /// Down at the moment.
    pending: usize,
    last: Option<Instant>,
    whole: Option<Instant>,
}

impl Restart {
    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        match *seen {
            Observation::Stopped { cause: Cause::Restart, .. } => self.pending += 1,
            Observation::Started { node, .. } if cluster.starts(node) > 1 => {
                self.pending -= 1;
                self.last = Some(at);
                self.whole = None;
            }
            _ => {}
        }
        if self.last.is_some() && self.whole.is_none() && cluster.is_whole() {
            self.whole = Some(at);
        }
    }

    pub(super) fn finish(self, results: &mut Results) {
        let finished = self.last.zip(self.whole).filter(|_| self.pending == 0);
        results.real("restart.t100_s", finished.map(|(last, whole)| secs(last, whole)));
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::script::{Script, alive};
    use crate::report::Value::Real;
    use crate::trace::Cause;

    /// Two nodes that know each other; the second one stops at 5 s and starts at 8 s under `generation`.
    fn script(generation: u64) -> Script {
        let mut script = Script::new(2, 20);
        script.plan.restart = true;
        script.start(0.0, 0).start(0.0, 1).know_all(1.0);
        script.stop(5.0, 1, Cause::Restart).start_as(8.0, 1, generation);
        script
    }

    #[test]
    fn it_lasts_from_the_start_until_all_hold_the_new_generation() {
        let mut script = script(2);
        script.at(9.0, alive(1, 0, 1)).at(10.5, alive(0, 1, 2));
        assert_eq!(script.finish()["restart.t100_s"], Some(Real(2.5)));
    }

    #[test]
    fn being_held_under_the_old_generation_is_not_being_back() {
        let mut script = script(2);
        script.at(9.0, alive(1, 0, 1)).at(10.0, alive(0, 1, 1));
        assert_eq!(script.finish()["restart.t100_s"], None);
    }

    #[test]
    fn a_node_that_comes_below_what_others_remember_must_rise_above_it() {
        let mut script = Script::new(2, 20);
        script.plan.restart = true;
        script.start(0.0, 0).start_as(0.0, 1, 5).at(1.0, alive(0, 1, 5)).at(1.0, alive(1, 0, 1));
        script.stop(5.0, 1, Cause::Restart).start_as(8.0, 1, 3).at(9.0, alive(1, 0, 1));
        assert_eq!(script.finish()["restart.t100_s"], None);
        script.rename(10.0, 1, 6).at(11.0, alive(0, 1, 6));
        assert_eq!(script.finish()["restart.t100_s"], Some(Real(3.0)));
    }

    #[test]
    fn a_node_that_comes_as_it_was_is_back_once_it_knows_the_others() {
        let mut script = script(1);
        script.at(9.0, alive(1, 0, 1));
        assert_eq!(script.finish()["restart.t100_s"], Some(Real(1.0)));
    }

    #[test]
    fn it_counts_from_the_last_start() {
        let mut script = script(2);
        script.at(9.0, alive(1, 0, 1)).at(9.0, alive(0, 1, 2));
        script.stop(10.0, 0, Cause::Restart).start_as(12.0, 0, 7).at(13.0, alive(1, 0, 7)).at(13.0, alive(0, 1, 2));
        assert_eq!(script.finish()["restart.t100_s"], Some(Real(1.0)));
    }

    #[test]
    fn a_node_still_down_at_the_end_leaves_it_unfinished() {
        let mut script = script(2);
        script.at(9.0, alive(1, 0, 1)).at(9.0, alive(0, 1, 2)).stop(10.0, 0, Cause::Restart);
        assert_eq!(script.finish()["restart.t100_s"], None);
    }
}
