//! What the command line and the configuration file say together; the command line wins.

use std::time::Duration;

use serde_json::{Value, json};

use super::api::HttpAddr;
use super::hooks::{Hooks, Limits, QueryRule, Rule};
use crate::args::AgentArgs;
use crate::config::{self, File};
use crate::exit::Failure;
use crate::profile::{Profile, parse_tags};

/// Everything that the configuration decides, checked.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The file with the command line's options in it.
    pub(super) file: File,
    /// The keys that the command line decides.
    command_line: Vec<String>,
    /// What to run on which events.
    pub(super) hooks: Hooks,
    /// Where to answer HTTP, if anywhere.
    pub(super) http: Option<HttpAddr>,
}

impl Settings {
    /// Reads the file that the command line names, if it names one.
    pub(super) fn read(args: &AgentArgs) -> Result<Self, Failure> {
        let mut file = match &args.config {
            Some(path) => config::load(path)?,
            None => File::default(),
        };
        let command_line = overlay(&mut file, args)?;
        let settings = Self::checked(file, command_line)?;
        // The name may still come from the data folder; what was given must be right in any case.
        settings.metadata(args.name.as_deref().unwrap_or("unnamed"))?;
        Ok(settings)
    }

    fn checked(file: File, command_line: Vec<String>) -> Result<Self, Failure> {
        let said_by = |key, flag| if command_line.iter().any(|decided| decided == key) { flag } else { key };
        let mut hooks = hooks(&file, said_by("agent.on_event", "--on-event"))?;
        hooks.queries = QueryRule::parse_all(&file.agent.on_query, said_by("agent.on_query", "--on-query"))?;
        let http = http(&file, said_by("agent.http", "--http"))?;
        Ok(Self { file, command_line, hooks, http })
    }

    /// A member's metadata: this name and the tags.
    pub(super) fn metadata(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let profile = Profile::new(name, self.file.agent.tags.clone())?;
        profile.encode(self.file.node.membership.max_metadata)
    }

    /// What `/v1/config` answers.
    pub(super) fn to_json(&self) -> Value {
        json!({ "config": self.file, "command_line": self.command_line })
    }
}

/// Checks what a file says beyond what reading it checks, as an agent does at its start.
pub(crate) fn check(file: &File) -> Result<(), Failure> {
    Settings::checked(file.clone(), Vec::new())?.metadata("unnamed").map(|_| ())
}

/// Puts the options into the file and lists the keys that they decide.
fn overlay(file: &mut File, args: &AgentArgs) -> Result<Vec<String>, Failure> {
    let mut decided = Vec::new();
    if let Some(label) = &args.cluster {
        file.node.cluster.clone_from(label);
        // The rest was checked when it was read.
        file.node.validate().map_err(|error| Failure::input(format!("--cluster: the label must {}", error.must)))?;
        decided.push("cluster".to_string());
    }
    if args.no_stream {
        file.node.transport.stream = None;
        decided.push("transport.stream".to_string());
    }
    if let Some(log) = args.log {
        file.agent.log = log;
        decided.push("agent.log".to_string());
    }
    for (key, value) in parse_tags(&args.tag)? {
        decided.push(format!("agent.tags.{key}"));
        file.agent.tags.insert(key, value);
    }
    if !args.on_event.is_empty() {
        file.agent.on_event.clone_from(&args.on_event);
        decided.push("agent.on_event".to_string());
    }
    if !args.on_query.is_empty() {
        file.agent.on_query.clone_from(&args.on_query);
        decided.push("agent.on_query".to_string());
    }
    if let Some(http) = &args.http {
        file.agent.http.clone_from(http);
        decided.push("agent.http".to_string());
    }
    if args.http_allow_remote {
        file.agent.http_allow_remote = true;
        decided.push("agent.http_allow_remote".to_string());
    }
    Ok(decided)
}

fn hooks(file: &File, flag: &str) -> Result<Hooks, Failure> {
    let agent = &file.agent;
    let rules = agent.on_event.iter().map(|text| Rule::parse(text, flag)).collect::<Result<_, _>>()?;
    let limits = Limits {
        at_once: agent.on_event_at_once,
        waiting: agent.on_event_waiting,
        time: Duration::from_secs(agent.on_event_seconds),
    };
    Ok(Hooks { rules, limits, ..Hooks::default() })
}

fn http(file: &File, flag: &str) -> Result<Option<HttpAddr>, Failure> {
    let agent = &file.agent;
    (!agent.http.is_empty()).then(|| HttpAddr::parse(&agent.http, flag, agent.http_allow_remote)).transpose()
}
