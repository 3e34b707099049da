//! What the built-in scenarios must show, as data, so that a test, a person and a script judge by the same table.

use serde::Deserialize;

use crate::report::Report;

/// A bound that a metric of a built-in scenario keeps in every seed.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// The scenario's name.
    pub scenario: String,
    /// The metric's full name.
    pub metric: String,
    /// The largest value that will do.
    pub at_most: Option<f64>,
    /// The smallest value that will do.
    pub at_least: Option<f64>,
}

/// What a report says of a floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// The value farthest towards the bound; none if it was not measured at all.
    pub worst: Option<f64>,
    /// In how many seeds the metric did not finish, or is missing.
    pub unfinished: usize,
    /// Whether every seed kept the bound.
    pub holds: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    floor: Vec<Floor>,
}

/// All floors, in the order of the table.
pub fn floors() -> Vec<Floor> {
    // The table is part of this crate, and a test reads it.
    toml::from_str::<Table>(include_str!("../floors.toml")).map(|table| table.floor).unwrap_or_default()
}

impl Floor {
    /// Judges a report of this floor's scenario.
    pub fn judge(&self, report: &Report) -> Judgement {
        let value = |seed: &crate::SeedReport| seed.metrics.get(self.metric.as_str()).copied().flatten();
        let values: Vec<f64> = report.seeds.iter().filter_map(value).map(crate::Value::as_f64).collect();
        let unfinished = report.seeds.len() - values.len();
        let worst = if self.at_most.is_some() {
            values.iter().copied().reduce(f64::max)
        } else {
            values.iter().copied().reduce(f64::min)
        };
        let keeps = |worst: f64| {
            self.at_most.is_none_or(|bound| worst <= bound) && self.at_least.is_none_or(|bound| worst >= bound)
        };
        Judgement { worst, unfinished, holds: unfinished == 0 && worst.is_some_and(keeps) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Scenario, SeedReport, Value, builtin};

    fn report(values: &[Option<f64>]) -> Report {
        let text = "name = \"s\"\nnodes = 3\nduration = \"1s\"\n[network]\nlatency = { fixed = \"1ms\" }";
        let seed =
            |value: &Option<f64>| SeedReport { seed: 1, metrics: BTreeMap::from([("heal_s", value.map(Value::Real))]) };
        Report::new(&Scenario::parse(text, "s.toml").unwrap(), values.iter().map(seed).collect())
    }

    fn floor(at_most: Option<f64>, at_least: Option<f64>) -> Floor {
        Floor { scenario: "s".into(), metric: "heal_s".into(), at_most, at_least }
    }

    #[test]
    fn the_table_names_scenarios_that_there_are_and_one_bound_each() {
        assert!(!floors().is_empty());
        for floor in floors() {
            assert!(builtin().iter().any(|(name, _)| *name == floor.scenario), "{floor:?}");
            assert!(floor.at_most.is_some() != floor.at_least.is_some(), "{floor:?}");
        }
        assert!(builtin().iter().all(|(name, _)| floors().iter().any(|floor| floor.scenario == *name)));
    }

    #[test]
    fn the_worst_seed_decides() {
        let measured = report(&[Some(1.0), Some(3.0), Some(2.0)]);
        assert_eq!(floor(Some(3.0), None).judge(&measured).worst, Some(3.0));
        assert!(floor(Some(3.0), None).judge(&measured).holds && !floor(Some(2.9), None).judge(&measured).holds);
        assert_eq!(floor(None, Some(1.0)).judge(&measured).worst, Some(1.0));
        assert!(floor(None, Some(1.0)).judge(&measured).holds && !floor(None, Some(1.1)).judge(&measured).holds);
    }

    #[test]
    fn a_seed_that_did_not_finish_breaks_the_floor() {
        let judgement = floor(Some(9.0), None).judge(&report(&[Some(1.0), None]));
        assert_eq!((judgement.unfinished, judgement.holds), (1, false));
        let unknown = Floor { metric: "no.such".into(), ..floor(Some(9.0), None) };
        assert!(!unknown.judge(&report(&[Some(1.0)])).holds);
    }
}
