//! The table `[agent]`: what the agent does besides being a member. All of it may change while the agent runs.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::args::LogLevel;

/// How many handlers may run at once.
const AT_ONCE: RangeInclusive<usize> = 1..=64;
/// How many events may wait for a handler.
const WAITING: RangeInclusive<usize> = 1..=65_536;
/// How many changed keys may be kept for watchers.
const WATCHED: RangeInclusive<usize> = 16..=1_048_576;
/// How long a handler may run, in seconds.
const SECONDS: RangeInclusive<u64> = 1..=3_600;

/// The table's fields; where a command-line option says the same, that option wins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AgentTable {
    /// `--log`.
    pub(crate) log: LogLevel,
    /// `--tag`; an option for one key leaves the others.
    pub(crate) tags: BTreeMap<String, String>,
    /// `--on-event`.
    pub(crate) on_event: Vec<String>,
    /// `--on-query`.
    pub(crate) on_query: Vec<String>,
    pub(crate) on_event_at_once: usize,
    pub(crate) on_event_waiting: usize,
    pub(crate) on_event_seconds: u64,
    pub(crate) watch_history: usize,
    /// `--http`; empty: none.
    pub(crate) http: String,
    /// `--http-allow-remote`.
    pub(crate) http_allow_remote: bool,
}

impl Default for AgentTable {
    fn default() -> Self {
        Self {
            log: LogLevel::Info,
            tags: BTreeMap::new(),
            on_event: Vec::new(),
            on_query: Vec::new(),
            on_event_at_once: 4,
            on_event_waiting: 256,
            on_event_seconds: 30,
            watch_history: 16_384,
            http: String::new(),
            http_allow_remote: false,
        }
    }
}

impl AgentTable {
    /// Reads the table; on a refusal the dotted path of the key, and what is wrong with it.
    pub(super) fn read(value: Value) -> Result<Self, (String, String)> {
        let Value::Table(table) = value else { return Err(("agent".into(), "must be a table".into())) };
        // One key at a time first, so that an error can only be this one's.
        for (key, value) in &table {
            let alone = Table::from_iter([(key.clone(), value.clone())]);
            alone.try_into::<Self>().map_err(|error| (format!("agent.{key}"), error.message().to_string()))?;
        }
        let read: Self = table.try_into().map_err(|error| ("agent".into(), error.message().to_string()))?;
        read.check_ranges()?;
        Ok(read)
    }

    fn check_ranges(&self) -> Result<(), (String, String)> {
        within("on_event_at_once", self.on_event_at_once, &AT_ONCE)?;
        within("on_event_waiting", self.on_event_waiting, &WAITING)?;
        within("on_event_seconds", self.on_event_seconds, &SECONDS)?;
        within("watch_history", self.watch_history, &WATCHED)
    }
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(
    key: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<(), (String, String)> {
    if range.contains(&value) {
        return Ok(());
    }
    Err((format!("agent.{key}"), format!("must be {} to {}, not {value}", range.start(), range.end())))
}
