use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::{Args, Subcommand};

const RUN_EXAMPLES: &str = "\
Examples:
  gossip sim run crash-256
  gossip sim run scenario.toml --seeds 1..10
  gossip sim run join-256 --set network.loss=0.1 --set nodes=64 --json";
const FLOORS_EXAMPLES: &str = "\
Examples:
  gossip sim floors --only basic
  gossip sim floors --only membership/crash --seeds 1..3 --json";
const LIST_EXAMPLES: &str = "Examples:\n  gossip sim list\n  gossip sim list --json";

#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Run one scenario, once for each seed
    Run(SimRunArgs),
    /// List the scenarios that are built in
    #[command(after_help = LIST_EXAMPLES)]
    List,
    /// Run every scenario that is built in and say whether it keeps its floors; exit code 1 if not
    #[command(after_help = FLOORS_EXAMPLES)]
    Floors(SimFloorsArgs),
}

#[derive(Args, Debug)]
pub(crate) struct SimFloorsArgs {
    /// The seeds to run instead of each row's own: N, or A..B with B included
    #[arg(long, value_name = "A..B")]
    pub(crate) seeds: Option<Seeds>,
    /// Only the table of this name (basic, membership), or scenarios whose names begin so
    #[arg(long, value_name = "TABLE|PREFIX")]
    pub(crate) only: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct SimRunArgs {
    /// A scenario file, or the name of a scenario that is built in
    #[arg(value_name = "FILE|NAME")]
    pub(crate) scenario: String,
    /// The seeds to run: N, or A..B with B included
    #[arg(long, value_name = "A..B", default_value = "1")]
    pub(crate) seeds: Seeds,
    /// Change one value of the scenario. Repeatable
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) settings: Vec<Setting>,
}

/// `A..B`, both ends included, or one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seeds(pub(crate) RangeInclusive<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| part.parse::<u64>().map_err(|_| format!("`{part}` is no seed: write N or A..B"));
        let range = match text.split_once("..") {
            Some((first, last)) => number(first)?..=number(last)?,
            None => number(text)?..=number(text)?,
        };
        if range.is_empty() {
            return Err(format!("`{text}` holds no seed: the first must not be larger than the last"));
        }
        Ok(Self(range))
    }
}

/// `PATH=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) path: String,
    pub(crate) value: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((path, value)) if !path.is_empty() => Ok(Self { path: path.into(), value: value.into() }),
            _ => Err(format!("`{text}` is no setting: write PATH=VALUE, such as network.loss=0.1")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_seeds_includes_its_end() {
        assert_eq!("1..10".parse(), Ok(Seeds(1..=10)));
        assert_eq!("7".parse(), Ok(Seeds(7..=7)));
    }

    #[test]
    fn an_empty_or_strange_range_is_refused() {
        for text in ["10..1", "..", "1..", "x", "-1", ""] {
            assert!(text.parse::<Seeds>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_setting_splits_at_its_first_equals_sign() {
        assert_eq!("a.b=c=d".parse(), Ok(Setting { path: "a.b".into(), value: "c=d".into() }));
        assert!("=1".parse::<Setting>().is_err());
    }
}
