//! Any field of [`Config`] by its path, over a preset: for scenarios and for configuration files.

use std::fmt;

use gossip_core::Config;
use toml::{Table, Value};

use crate::scenario::suggestion;

/// A key that cannot be set to its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlayError {
    key: String,
    problem: String,
}

impl OverlayError {
    /// The dotted path of the key, such as `membership.probe_interval`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong with it.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for OverlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

impl std::error::Error for OverlayError {}

/// `base` with the fields of `table` set, which names them by nested tables, by dotted keys in quotes, or by both:
/// `membership = { fanout = 3 }` is `"membership.fanout" = 3`.
///
/// # Errors
/// An unknown key, a value of another type or unit, a value that no node can run with: each names its key.
///
/// ```
/// use gossip_core::Config;
/// let table = toml::from_str(r#""membership.fanout" = 3"#)?;
/// let config = gossip_sim::config::overlay(&Config::lan(), &table)?;
/// assert_eq!(config.membership.fanout, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn overlay(base: &Config, table: &Table) -> Result<Config, OverlayError> {
    let mut merged = as_table(base)?;
    let mut config = base.clone();
    let mut leaves = Vec::new();
    collect(table, "", &mut leaves);
    // One at a time, so that an error can only be this one's.
    for (key, value) in leaves {
        put(&mut merged, &key, value.clone()).map_err(|()| unknown(base, &key))?;
        config = merged.clone().try_into().map_err(|error: toml::de::Error| {
            if error.message().starts_with("unknown field") {
                return unknown(base, &key);
            }
            OverlayError { key: key.clone(), problem: format!("{value} does not fit: {}", error.message()) }
        })?;
    }
    config
        .validate()
        .map_err(|error| OverlayError { key: error.field.to_owned(), problem: format!("must {}", error.must) })?;
    Ok(config)
}

/// The dotted paths of all fields of a configuration.
pub fn paths(config: &Config) -> Vec<String> {
    let mut leaves = Vec::new();
    if let Ok(table) = as_table(config) {
        collect(&table, "", &mut leaves);
    }
    leaves.into_iter().map(|(key, _)| key).collect()
}

fn as_table(config: &Config) -> Result<Table, OverlayError> {
    // What TOML cannot write, such as numbers of 64 bits, no file can hold either.
    Table::try_from(config).map_err(|error| OverlayError { key: String::new(), problem: error.to_string() })
}

fn collect(table: &Table, prefix: &str, leaves: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => collect(inner, &path, leaves),
            leaf => leaves.push((path, leaf.clone())),
        }
    }
}

/// Fails if the path leads through or to what is no place for a value.
fn put(table: &mut Table, path: &str, value: Value) -> Result<(), ()> {
    match path.split_once('.') {
        None if table.get(path).is_some_and(Value::is_table) => Err(()),
        None => {
            table.insert(path.to_owned(), value);
            Ok(())
        }
        Some((head, rest)) => match table.get_mut(head) {
            Some(Value::Table(inner)) => put(inner, rest, value),
            _ => Err(()),
        },
    }
}

fn unknown(base: &Config, key: &str) -> OverlayError {
    let known = paths(base);
    let inner = format!("{key}.");
    let problem = if known.iter().any(|path| path.starts_with(&inner)) {
        "is a table of keys, not a value".to_owned()
    } else {
        format!("unknown key{}", suggestion(key, known.iter().map(String::as_str)))
    };
    OverlayError { key: key.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn over_lan(text: &str) -> Result<Config, OverlayError> {
        overlay(&Config::lan(), &toml::from_str(text).unwrap())
    }

    #[test]
    fn nothing_changes_nothing() {
        for preset in ["local", "lan", "wan"] {
            let base = Config::preset(preset).unwrap();
            assert_eq!(overlay(&base, &Table::new()), Ok(base), "{preset}");
        }
    }

    #[test]
    fn nested_and_dotted_keys_mean_the_same() {
        let dotted = over_lan("\"membership.suspicion.observers\" = 5\n\"membership.probe_interval\" = \"2s\"");
        let nested = over_lan("[membership]\nprobe_interval = \"2s\"\nsuspicion.observers = 5");
        assert_eq!(dotted, nested);
        let config = dotted.unwrap();
        assert_eq!(config.membership.probe_interval, Duration::from_secs(2));
        assert_eq!(config.membership.suspicion.observers, 5);
    }

    #[test]
    fn an_unknown_key_is_named_with_a_suggestion() {
        let error = over_lan("\"membership.probe_intervall\" = \"2s\"").unwrap_err();
        assert_eq!(
            error.to_string(),
            "membership.probe_intervall: unknown key, did you mean `membership.probe_interval`?"
        );
        assert_eq!(over_lan("nonsense = { at = 1 }").unwrap_err().key(), "nonsense.at");
    }

    #[test]
    fn a_table_where_a_value_belongs_and_the_reverse_are_errors() {
        assert!(over_lan("membership = 3").unwrap_err().problem().contains("table"));
        assert_eq!(over_lan("\"membership.fanout.x\" = 3").unwrap_err().key(), "membership.fanout.x");
    }

    #[test]
    fn a_value_that_does_not_fit_is_named() {
        let error = over_lan("\"kv.push_interval\" = \"5 parsecs\"").unwrap_err();
        assert_eq!(error.key(), "kv.push_interval");
        assert!(error.problem().contains("no duration"), "{error}");
        assert_eq!(over_lan("\"membership.fanout\" = -1").unwrap_err().key(), "membership.fanout");
        assert_eq!(over_lan("\"membership.fanout\" = 99").unwrap_err().key(), "membership.fanout");
    }
}
