//! What a run found out, as data, as JSON and as a table.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::scenario::Scenario;

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A count.
    Integer(u64),
    /// A measure.
    Real(f64),
}

impl Value {
    /// The figure as a float.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Real(number) => number,
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(number) => serializer.serialize_u64(*number),
            Self::Real(number) => serializer.serialize_f64(*number),
        }
    }
}

/// For people: three decimals, more where a share just below 1 would look like 1.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Real(number) if number < 1.0 && number > 0.9994 => write!(f, "{number}"),
            Self::Real(number) if number.abs() < 1000.0 => write!(f, "{number:.3}"),
            Self::Real(number) => write!(f, "{number:.0}"),
        }
    }
}

/// The metrics of one run by their full dotted names; `None` for one that did not finish.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedReport {
    /// The seed of the run.
    pub seed: u64,
    /// In the order of their names.
    pub metrics: BTreeMap<&'static str, Option<Value>>,
}

impl Serialize for SeedReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.metrics.len()))?;
        map.serialize_entry("seed", &self.seed)?;
        for (name, value) in &self.metrics {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// One metric over all seeds. Percentiles are values that occurred: the smallest that at least so many percent of the seeds do
/// not exceed. If it did not finish in some seed, only the number of those seeds is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The middle.
    pub p50: Option<Value>,
    /// The 99th percentile.
    pub p99: Option<Value>,
    /// The largest.
    pub max: Option<Value>,
    /// The arithmetic mean.
    pub mean: Option<f64>,
    /// In how many seeds it did not finish.
    pub unfinished: usize,
}

impl Summary {
    fn of(values: &[Option<Value>]) -> Self {
        let unfinished = values.iter().filter(|value| value.is_none()).count();
        let mut finished = values.iter().flatten().copied().collect::<Vec<_>>();
        if unfinished > 0 || finished.is_empty() {
            return Self { p50: None, p99: None, max: None, mean: None, unfinished };
        }
        finished.sort_by(|a, b| a.as_f64().total_cmp(&b.as_f64()));
        let percentile = |percent: usize| finished.get((finished.len() * percent).div_ceil(100) - 1).copied();
        let mean = finished.iter().map(|value| value.as_f64()).sum::<f64>() / finished.len() as f64;
        Self { p50: percentile(50), p99: percentile(99), max: percentile(100), mean: Some(mean), unfinished }
    }
}

/// A scenario's runs with several seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// How many nodes it has.
    pub nodes: usize,
    /// One run each, in the order they were given.
    pub seeds: Vec<SeedReport>,
    /// By metric.
    pub summary: BTreeMap<&'static str, Summary>,
}

impl Report {
    /// Sums up the runs of a scenario.
    pub fn new(scenario: &Scenario, seeds: Vec<SeedReport>) -> Self {
        let mut values = BTreeMap::<_, Vec<_>>::new();
        for (name, value) in seeds.iter().flat_map(|seed| &seed.metrics) {
            values.entry(*name).or_default().push(*value);
        }
        let summary = values.into_iter().map(|(name, values)| (name, Summary::of(&values))).collect();
        Self { scenario: scenario.name().to_owned(), nodes: scenario.nodes(), seeds, summary }
    }

    /// One line of JSON, byte-identical for the same runs.
    pub fn to_json(&self) -> String {
        // Writing to a string cannot fail, and every key is a string.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One table for each family of metrics, named at its head: a row for each seed, then the summary.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} nodes, {} seeds", self.scenario, self.nodes, self.seeds.len())?;
        let names = self.summary.keys().copied().collect::<Vec<_>>();
        for names in names.chunk_by(|a, b| split(a).0 == split(b).0) {
            writeln!(f, "\n{}", table(&self.rows(names)))?;
        }
        Ok(())
    }
}

/// Family and member: `join.t100_s` is `t100_s` of `join`.
fn split(name: &'static str) -> (&'static str, &'static str) {
    name.split_once('.').unwrap_or(("", name))
}

impl Report {
    fn rows(&self, names: &[&'static str]) -> Vec<Vec<String>> {
        let cell = |value: Option<Value>| value.map_or("-".to_owned(), |value| value.to_string());
        let row = |label: String, cells: &dyn Fn(&'static str) -> String| {
            std::iter::once(label).chain(names.iter().map(|name| cells(name))).collect::<Vec<_>>()
        };
        let family = names.first().map_or("", |name| split(name).0);
        let mut rows = vec![row(family.to_owned(), &|name| split(name).1.to_owned())];
        for seed in &self.seeds {
            rows.push(row(format!("seed {}", seed.seed), &|name| cell(seed.metrics.get(name).copied().flatten())));
        }
        let of = |summary: &dyn Fn(&Summary) -> String, label: &str| {
            row(label.to_owned(), &|name| self.summary.get(name).map_or(String::new(), summary))
        };
        rows.push(of(&|summary| cell(summary.p50), "p50"));
        rows.push(of(&|summary| cell(summary.p99), "p99"));
        rows.push(of(&|summary| cell(summary.max), "max"));
        rows.push(of(&|summary| cell(summary.mean.map(Value::Real)), "mean"));
        rows.push(of(&|summary| summary.unfinished.to_string(), "unfinished"));
        rows
    }
}

/// Columns aligned to the right, but for the first.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = (0..columns).map(width).collect::<Vec<_>>();
    let line = |row: &Vec<String>| {
        let pad = |(column, cell): (usize, &String)| {
            let width = widths[column];
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        };
        row.iter().enumerate().map(pad).collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::Value::{Integer, Real};
    use super::*;

    fn scenario() -> Scenario {
        let text = "name = \"s\"\nnodes = 3\nduration = \"1s\"\n[network]\nlatency = { fixed = \"1ms\" }";
        Scenario::parse(text, "s.toml").unwrap()
    }

    fn report(values: &[Option<Value>]) -> Report {
        let seed = |(index, value): (usize, &Option<Value>)| SeedReport {
            seed: index as u64 + 1,
            metrics: BTreeMap::from([("a.b", *value), ("a.c", Some(Integer(0)))]),
        };
        Report::new(&scenario(), values.iter().enumerate().map(seed).collect())
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values = (1..=10).map(|value| Some(Integer(value))).collect::<Vec<_>>();
        let summary = report(&values).summary["a.b"];
        assert_eq!((summary.p50, summary.p99, summary.max), (Some(Integer(5)), Some(Integer(10)), Some(Integer(10))));
        assert_eq!((summary.mean, summary.unfinished), (Some(5.5), 0));
    }

    #[test]
    fn one_unfinished_seed_leaves_only_its_count() {
        let summary = report(&[Some(Real(1.0)), None, None]).summary["a.b"];
        assert_eq!(summary, Summary { p50: None, p99: None, max: None, mean: None, unfinished: 2 });
    }

    #[test]
    fn the_json_is_that_of_the_contract() {
        let json = report(&[Some(Real(1.5)), None]).to_json();
        assert_eq!(
            json,
            r#"{"scenario":"s","nodes":3,"seeds":[{"seed":1,"a.b":1.5,"a.c":0},{"seed":2,"a.b":null,"a.c":0}],"#
                .to_owned()
                + r#""summary":{"a.b":{"p50":null,"p99":null,"max":null,"mean":null,"unfinished":1},"#
                + r#""a.c":{"p50":0,"p99":0,"max":0,"mean":0.0,"unfinished":0}}}"#
        );
    }

    #[test]
    fn the_table_has_a_row_for_each_seed_and_a_dash_for_what_did_not_finish() {
        let text = report(&[Some(Real(1.5)), None]).to_string();
        let rows = text.lines().skip(2).collect::<Vec<_>>();
        assert_eq!(rows[0], "a               b      c");
        assert_eq!(rows[1], "seed 1      1.500      0");
        assert_eq!(rows[2], "seed 2          -      0");
        assert_eq!(rows.last(), Some(&"unfinished      1      0"));
    }

    #[test]
    fn a_share_just_below_one_does_not_look_like_one() {
        assert_eq!(Real(0.9999).to_string(), "0.9999");
        assert_eq!(Real(1.0).to_string(), "1.000");
    }
}
