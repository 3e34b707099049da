//! The configuration file: a preset, and on top of it what the file says.

mod agent;
mod diff;
mod spans;

use std::fmt::Display;
use std::path::Path;

use gossip_core::Config;
use gossip_core::config::TransportConfig;
use serde::Serialize;
use toml::{Table, Value};

use crate::exit::Failure;
use crate::output;

pub(crate) use agent::AgentTable;
pub(crate) use diff::{Change, changes};

/// A configuration file in effect: what it says on top of its preset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct File {
    /// The node's configuration.
    #[serde(flatten)]
    pub(crate) node: Config,
    /// The agent's.
    pub(crate) agent: AgentTable,
}

impl Default for File {
    fn default() -> Self {
        Self { node: with_stream(Config::default()), agent: AgentTable::default() }
    }
}

/// An agent has a stream lane unless it is told otherwise.
fn with_stream(preset: Config) -> Config {
    let transport = TransportConfig { stream: Some(TransportConfig::FRAME), ..preset.transport };
    Config { transport, ..preset }
}

/// What `gossip config default` prints.
const TEMPLATE: &str = include_str!("template.toml");

/// What is wrong with a file, and in which line if that can be said.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    line: Option<usize>,
    message: String,
}

/// Reads and checks a configuration file.
pub(crate) fn load(file: &Path) -> Result<File, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::input(format!("cannot read {}: {error}", file.display())))?;
    parse(&text).map_err(|Problem { line, message }| {
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        Failure::input(format!("{}{line}: {message}", file.display()))
            .hint("`gossip config default` prints every field with its default and its range")
    })
}

/// Prints the default configuration: a commented template, or JSON.
pub(crate) fn print_default(json: bool) -> Result<(), Failure> {
    if json { output::json(&File::default()) } else { output::bytes(TEMPLATE.as_bytes()) }
}

/// The configuration that a file of this text puts into effect, as TOML: checked as an agent does at its start.
///
/// # Errors
/// What is wrong with the text, and in which line if that can be said.
pub fn in_effect(text: &str) -> Result<String, (Option<usize>, String)> {
    let file = parse(text).map_err(|Problem { line, message }| (line, message))?;
    crate::agent::check_file(&file).map_err(|failure| (None, failure.message))?;
    toml::to_string(&file).map_err(|error| (None, error.to_string()))
}

fn parse(text: &str) -> Result<File, Problem> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| spans::line_at(text, span.start));
        Problem { line, message: error.message().to_string() }
    })?;
    let base = preset(text, table.remove("preset"))?;
    let agent = match table.remove("agent") {
        Some(value) => AgentTable::read(value).map_err(|(key, what)| problem(text, &key, what))?,
        None => AgentTable::default(),
    };
    let node =
        gossip_sim::config::overlay(&base, &table).map_err(|error| problem(text, error.key(), error.problem()))?;
    Ok(File { node, agent })
}

fn preset(text: &str, name: Option<Value>) -> Result<Config, Problem> {
    let Some(name) = name else { return Ok(with_stream(Config::default())) };
    name.as_str()
        .and_then(Config::preset)
        .map(with_stream)
        .ok_or_else(|| problem(text, "preset", format_args!("must be \"local\", \"lan\" or \"wan\", not {name}")))
}

fn problem(text: &str, key: &str, problem: impl Display) -> Problem {
    Problem { line: spans::line_of(text, key), message: format!("{key}: {problem}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The template with its values no longer commented out.
    fn template_in_effect() -> String {
        let assignment = |line: &str| {
            line.strip_prefix("# ")
                .filter(|rest| {
                    rest.split_once(" = ")
                        .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
                })
                .is_some()
        };
        TEMPLATE.lines().map(|line| if assignment(line) { &line[2..] } else { line }).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_template_is_the_default() {
        assert_eq!(parse(TEMPLATE).unwrap(), File::default());
        assert_eq!(parse(&template_in_effect()).unwrap(), File::default());
    }

    #[test]
    fn the_template_names_every_field() {
        let template = template_in_effect();
        let agent = Table::try_from(AgentTable::default()).unwrap();
        let agent = agent.keys().map(|key| format!("agent.{key}"));
        for path in gossip_sim::config::paths(&Config::default()).into_iter().chain(agent) {
            assert!(spans::line_of(&template, &path).is_some(), "{path}");
        }
    }

    #[test]
    fn a_file_changes_what_it_names_on_top_of_its_preset() {
        let config = parse("preset = \"local\"\n[membership]\nprobe_interval = \"700ms\"\n").unwrap();
        let mut expected = with_stream(Config::local());
        expected.membership.probe_interval = Duration::from_millis(700);
        assert_eq!(config, File { node: expected, ..File::default() });
    }

    /// The line and the message of a refusal.
    fn refusal(text: &str) -> (Option<usize>, String) {
        let problem = parse(text).unwrap_err();
        (problem.line, problem.message)
    }

    #[test]
    fn a_stream_lane_of_0_bytes_is_none() {
        assert_eq!(parse("[transport]\nstream = 0\n").unwrap().node.transport.stream, None);
        assert_eq!(parse("[transport]\nstream = 5000\n").unwrap().node.transport.stream, Some(5000));
        let (line, message) = refusal("[transport]\nstream = 100\n");
        assert!(line == Some(2) && message.contains("transport.stream"), "{message}");
    }

    #[test]
    fn an_unknown_key_is_refused_with_line_and_the_nearest_known_one() {
        let (line, message) = refusal("cluster = \"x\"\n\n[membership]\nprobe_intervall = \"1s\"\n");
        assert_eq!(line, Some(4));
        assert!(
            message.contains("membership.probe_intervall") && message.contains("`membership.probe_interval`"),
            "{message}"
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_or_unit_is_refused_with_its_line() {
        for value in ["1.5", "\"3 parsecs\"", "true", "[]"] {
            let (line, message) = refusal(&format!("[membership]\nfanout = 3\nprobe_interval = {value}\n"));
            assert_eq!(line, Some(3), "{value}");
            assert!(message.contains("membership.probe_interval"), "{message}");
        }
    }

    #[test]
    fn a_value_that_no_node_can_run_with_is_refused_with_its_line() {
        assert_eq!(refusal("\nmax_events = 1\n"), (Some(2), "max_events: must be at least 16".to_string()));
    }

    #[test]
    fn a_field_made_impossible_by_another_one_is_named_without_a_line() {
        let (line, message) = refusal("[membership]\nprobe_interval = \"500ms\"\n");
        assert_eq!(line, None);
        assert!(message.contains("membership.probe_timeout"), "{message}");
    }

    #[test]
    fn the_agents_table_is_read_and_checked_with_its_lines() {
        let agent = parse("[agent]\nlog = \"debug\"\ntags = { role = \"web\" }\n").unwrap().agent;
        let tags = [("role".to_string(), "web".to_string())].into();
        assert_eq!(agent, AgentTable { log: crate::args::LogLevel::Debug, tags, ..AgentTable::default() });
        for (line, word) in [
            ("lgo = \"info\"", "agent.lgo"),
            ("log = \"loud\"", "agent.log"),
            ("tags = [\"role=web\"]", "agent.tags"),
            ("on_event_at_once = 0", "agent.on_event_at_once: must be 1 to 64"),
            ("on_event_seconds = \"30s\"", "agent.on_event_seconds"),
        ] {
            let (at, message) = refusal(&format!("[agent]\n{line}\n"));
            assert!(at == Some(2) && message.contains(word), "{at:?} {message}");
        }
    }

    #[test]
    fn an_unknown_preset_is_refused_with_its_line() {
        let (line, message) = refusal("\npreset = \"moon\"");
        assert_eq!(line, Some(2));
        assert!(message.contains("moon"), "{message}");
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        assert_eq!(refusal("a = 1\nb = = 2\n").0, Some(2));
    }
}
