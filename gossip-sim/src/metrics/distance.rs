//! `rtt.error_p50`, `rtt.known`: what nodes make of the round trips between others, by their network coordinates.
//!
//! The relative error in the middle of all estimates at the end, and the share of the questions that had an answer.

use gossip_core::Instant;

use super::Results;
use crate::trace::Observation;

#[derive(Debug, Default)]
pub(super) struct Distance {
    /// Relative errors in millionths.
    errors: Vec<u64>,
    asked: u64,
}

impl Distance {
    pub(super) fn observe(&mut self, _: Instant, seen: &Observation<'_>) {
        let Observation::Estimated { estimate, actual } = *seen else { return };
        self.asked += 1;
        if let Some(estimate) = estimate {
            let wrong = estimate.abs_diff(actual).as_nanos() * 1_000_000 / actual.as_nanos().max(1);
            self.errors.push(u64::try_from(wrong).unwrap_or(u64::MAX));
        }
    }

    pub(super) fn finish(self, results: &mut Results) {
        if self.asked > 0 {
            results.real("rtt.known", Some(self.errors.len() as f64 / self.asked as f64));
            let middle = super::median(self.errors.into_iter());
            results.real("rtt.error_p50", middle.map(|millionths| millionths as f64 / 1e6));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::metrics::script::Script;
    use crate::report::Value::Real;
    use crate::trace::Observation;

    fn estimated(script: &mut Script, estimate: Option<u64>, actual: u64) {
        let (estimate, actual) = (estimate.map(Duration::from_millis), Duration::from_millis(actual));
        script.at(60.0, Observation::Estimated { estimate, actual });
    }

    #[test]
    fn the_middle_of_the_relative_errors_counts_whichever_side_they_are_on() {
        let mut script = Script::new(2, 60);
        estimated(&mut script, Some(90), 100);
        estimated(&mut script, Some(24), 20);
        estimated(&mut script, Some(300), 100);
        estimated(&mut script, None, 100);
        let results = script.finish();
        assert_eq!((results["rtt.error_p50"], results["rtt.known"]), (Some(Real(0.2)), Some(Real(0.75))));
    }

    #[test]
    fn where_nothing_is_known_the_error_is_unfinished() {
        let mut script = Script::new(2, 60);
        estimated(&mut script, None, 100);
        let results = script.finish();
        assert_eq!((results["rtt.error_p50"], results["rtt.known"]), (None, Some(Real(0.0))));
    }

    #[test]
    fn a_network_without_fixed_distances_has_neither() {
        assert!(!Script::new(2, 60).finish().contains_key("rtt.known"));
    }
}
