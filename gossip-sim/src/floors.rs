//! What the built-in scenarios must show, as data, so that a test, a person and a script judge by the same table.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::report::Report;
use crate::{Scenario, ScenarioError, builtin};

const TABLES: [(&str, &str); 4] = [
    ("basic", include_str!("../floors/basic.toml")),
    ("membership", include_str!("../floors/membership.toml")),
    ("broadcast", include_str!("../floors/broadcast.toml")),
    ("kv", include_str!("../floors/kv.toml")),
];

/// A built-in scenario with some of its values set, and what it must show.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The table that it is in.
    pub table: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// How many nodes, if not as many as the file says.
    pub nodes: Option<usize>,
    /// Which share of packets the network loses, if not that of the file.
    pub loss: Option<f64>,
    /// Further values by their paths, as in [`Scenario::set`].
    pub set: BTreeMap<String, String>,
    /// It is run with the seeds from 1 to this.
    pub seeds: u64,
    /// What it must show.
    pub floors: Vec<Floor>,
}

/// A bound that a metric keeps.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// The metric's full name.
    pub metric: String,
    /// The largest value that will do in any seed.
    pub at_most: Option<f64>,
    /// The smallest value that will do in any seed.
    pub at_least: Option<f64>,
    /// The largest value that will do in the middle of the seeds.
    pub p50_at_most: Option<f64>,
}

/// What a report says of a floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// The middle of the values that there are.
    pub p50: Option<f64>,
    /// The value farthest towards the bound; none if it was not measured at all.
    pub worst: Option<f64>,
    /// In how many seeds the metric did not finish, or is missing.
    pub unfinished: usize,
    /// Whether the bound is kept, and no seed unfinished.
    pub holds: bool,
}

/// All rows, in the order of the tables.
pub fn floors() -> Vec<Row> {
    // The tables are part of this crate, and a test reads them.
    let read = |(name, text): &(&'static str, &str)| Some((*name, toml::from_str::<Table>(text).ok()?.row));
    TABLES.iter().filter_map(read).flat_map(|(name, rows)| expand(name, rows)).collect()
}

impl Row {
    /// The scenario with the row's values.
    ///
    /// # Errors
    /// If a value does not fit the scenario. A row of [`floors`] has none such.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        let text = builtin().iter().find(|(name, _)| *name == self.scenario).map_or("", |(_, text)| text);
        let mut scenario = Scenario::parse(text, &self.scenario)?;
        let nodes = self.nodes.map(|nodes| nodes.to_string());
        let loss = self.loss.map(|loss| loss.to_string());
        let values = [("nodes", nodes.as_deref()), ("network.loss", loss.as_deref())];
        let values = values.into_iter().filter_map(|(path, value)| Some((path, value?)));
        scenario.set_all(values.chain(self.set.iter().map(|(path, value)| (path.as_str(), value.as_str()))))?;
        Ok(scenario)
    }
}

impl Floor {
    /// Judges a report of this floor's scenario.
    pub fn judge(&self, report: &Report) -> Judgement {
        let value = |seed: &crate::SeedReport| seed.metrics.get(self.metric.as_str()).copied().flatten();
        let mut values: Vec<f64> = report.seeds.iter().filter_map(value).map(crate::Value::as_f64).collect();
        values.sort_by(f64::total_cmp);
        let unfinished = report.seeds.len() - values.len();
        let worst = if self.at_least.is_some() { values.first() } else { values.last() }.copied();
        let p50 = values.get(values.len().div_ceil(2).saturating_sub(1)).copied();
        let keeps = self.at_most.is_none_or(|bound| worst.is_some_and(|worst| worst <= bound))
            && self.at_least.is_none_or(|bound| worst.is_some_and(|worst| worst >= bound))
            && self.p50_at_most.is_none_or(|bound| p50.is_some_and(|p50| p50 <= bound));
        Judgement { p50, worst, unfinished, holds: unfinished == 0 && keeps }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<Written>,
}

/// A row as it is written: one for each of its nodes and losses.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    scenario: String,
    #[serde(default)]
    nodes: Option<OneOrMany<usize>>,
    #[serde(default)]
    loss: Option<OneOrMany<f64>>,
    #[serde(default)]
    set: BTreeMap<String, String>,
    #[serde(default = "ten")]
    seeds: u64,
    floors: Vec<Floor>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

fn ten() -> u64 {
    10
}

impl<T> OneOrMany<T> {
    /// Each of them; none is one row without it.
    fn list(written: Option<Self>) -> Vec<Option<T>> {
        match written {
            None => vec![None],
            Some(Self::One(one)) => vec![Some(one)],
            Some(Self::Many(many)) => many.into_iter().map(Some).collect(),
        }
    }
}

fn expand(table: &'static str, rows: Vec<Written>) -> Vec<Row> {
    let mut expanded = Vec::new();
    for row in rows {
        let Written { scenario, nodes, loss, set, seeds, floors } = row;
        let losses = OneOrMany::list(loss);
        for nodes in OneOrMany::list(nodes) {
            expanded.extend(losses.iter().map(|loss| Row {
                table,
                scenario: scenario.clone(),
                nodes,
                loss: *loss,
                set: set.clone(),
                seeds,
                floors: floors.clone(),
            }));
        }
    }
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SeedReport, Value};

    fn report(values: &[Option<f64>]) -> Report {
        let text = "name = \"s\"\nnodes = 3\nduration = \"1s\"\n[network]\nlatency = { fixed = \"1ms\" }";
        let seed =
            |value: &Option<f64>| SeedReport { seed: 1, metrics: BTreeMap::from([("heal_s", value.map(Value::Real))]) };
        Report::new(&Scenario::parse(text, "s.toml").unwrap(), values.iter().map(seed).collect())
    }

    fn floor(at_most: Option<f64>, at_least: Option<f64>) -> Floor {
        Floor { metric: "heal_s".into(), at_most, at_least, p50_at_most: None }
    }

    #[test]
    fn each_table_is_read_and_each_row_is_a_scenario_with_floors_of_one_bound() {
        for (_, text) in TABLES {
            assert!(toml::from_str::<Table>(text).is_ok_and(|table| !table.row.is_empty()));
        }
        for row in floors() {
            let scenario = row.scenario().unwrap_or_else(|error| panic!("{row:?}: {error}"));
            assert!(row.nodes.is_none_or(|nodes| nodes == scenario.nodes()) && row.seeds > 0, "{row:?}");
            for floor in &row.floors {
                let bounds = [floor.at_most, floor.at_least, floor.p50_at_most];
                assert_eq!(bounds.iter().flatten().count(), 1, "{floor:?}");
            }
        }
        assert!(builtin().iter().all(|(name, _)| floors().iter().any(|row| row.scenario == *name)));
    }

    #[test]
    fn lists_of_nodes_and_losses_are_a_row_each() {
        let text = "[[row]]\nscenario = \"s\"\nnodes = [2, 3]\nloss = [0.0, 0.1]\nfloors = []";
        let rows = expand("t", toml::from_str::<Table>(text).unwrap().row);
        let cells = rows.iter().map(|row| (row.nodes.unwrap(), row.loss.unwrap(), row.seeds)).collect::<Vec<_>>();
        assert_eq!(cells, [(2, 0.0, 10), (2, 0.1, 10), (3, 0.0, 10), (3, 0.1, 10)]);
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
    fn a_bound_of_the_middle_ignores_the_slowest_but_not_the_unfinished() {
        let middle = Floor { p50_at_most: Some(2.0), ..floor(None, None) };
        let judgement = middle.judge(&report(&[Some(9.0), Some(1.0), Some(2.0), Some(7.0)]));
        assert_eq!((judgement.p50, judgement.worst, judgement.holds), (Some(2.0), Some(9.0), true));
        assert!(!middle.judge(&report(&[Some(9.0), Some(3.0), Some(2.5)])).holds);
        assert!(!middle.judge(&report(&[Some(1.0), Some(1.0), None])).holds);
        assert!(!middle.judge(&report(&[])).holds);
    }

    #[test]
    fn a_seed_that_did_not_finish_breaks_the_floor() {
        let judgement = floor(Some(9.0), None).judge(&report(&[Some(1.0), None]));
        assert_eq!((judgement.unfinished, judgement.holds), (1, false));
        let unknown = Floor { metric: "no.such".into(), ..floor(Some(9.0), None) };
        assert!(!unknown.judge(&report(&[Some(1.0)])).holds);
    }
}
