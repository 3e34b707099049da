//! `config check`: whether a file is right, and what it would change.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::http::{Client, Query};
use super::members::text;
use crate::config::{self, Change, File};
use crate::exit::{Code, Failure};
use crate::{agent, output, socket};

/// Checks the file and compares it with the agent at `socket`, or with the defaults if there is none.
pub(crate) async fn check(file: PathBuf, socket: Option<PathBuf>, json: bool) -> Result<(), Failure> {
    let mut wanted = config::load(&file)?;
    let socket = socket::path(socket);
    let running = match Client::new(socket.clone()).get("/v1/config", Query::new()).await {
        Ok(answer) => Some(answer),
        Err(failure) if failure.code == Code::NoAgent => None,
        Err(failure) => return Err(failure),
    };
    let fixed: Vec<String> = running.iter().flat_map(command_line).collect();
    // What the agent was told on its command line goes for the file, too.
    wanted.agent.http_allow_remote |= fixed.iter().any(|key| key == "agent.http_allow_remote");
    agent::check_file(&wanted).map_err(|failure| failure.prefixed(&format!("{}: ", file.display())))?;
    let base = match &running {
        Some(answer) => answer["config"].clone(),
        None => to_json(&File::default())?,
    };
    let changes = config::changes(&base, &to_json(&wanted)?);
    let applies = |change: &Change| match &running {
        None => Applies::Start,
        Some(_) if fixed.contains(&change.key) => Applies::Never,
        Some(_) if change.is_reloadable() => Applies::Reload,
        Some(_) => Applies::Restart,
    };
    let agent = running.is_some().then(|| socket.display().to_string());
    if json {
        let rows: Vec<Value> = changes
            .iter()
            .map(|change| json!({ "key": change.key, "from": change.from, "to": change.to, "applies": applies(change).word() }))
            .collect();
        return output::json(&json!({ "valid": true, "agent": agent, "changes": rows }));
    }
    let against = match agent {
        Some(socket) => format!("the agent at {socket}"),
        None => "the defaults".to_string(),
    };
    output::line(&format!("{} is valid; against {against} it changes {} fields", file.display(), changes.len()))?;
    if changes.is_empty() {
        return Ok(());
    }
    let row = |change: &Change| {
        vec![change.key.clone(), shown(&change.from), shown(&change.to), applies(change).sentence().to_string()]
    };
    output::table(&["FIELD", "NOW", "FILE", "TAKES EFFECT"], &[], &changes.iter().map(row).collect::<Vec<_>>())
}

/// When a change counts.
#[derive(Clone, Copy)]
enum Applies {
    Reload,
    Restart,
    Never,
    Start,
}

impl Applies {
    const fn word(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Restart => "restart",
            Self::Never => "never",
            Self::Start => "start",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Reload => "on SIGHUP",
            Self::Restart => "needs a restart",
            Self::Never => "never: the command line says it",
            Self::Start => "at the start",
        }
    }
}

fn command_line(answer: &Value) -> Vec<String> {
    answer["command_line"].as_array().into_iter().flatten().map(text).collect()
}

fn to_json(file: &File) -> Result<Value, Failure> {
    serde_json::to_value(file).map_err(|error| Failure::failed(format!("cannot write JSON: {error}")))
}

fn shown(value: &Value) -> String {
    if value.is_null() { "-".to_string() } else { text(value) }
}
