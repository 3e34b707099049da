//! Who gets through to whom.

use std::time::Duration;

use gossip_core::NodeId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::names::name_of;
use super::request::Body;
use super::{Answer, State};
use crate::agent::reach::{Findings, MAX_TARGETS, Round};

/// How long reports are waited for unless the request says.
const TIMEOUT_MS: u64 = 5_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    timeout_ms: Option<u64>,
}

/// Asks all members, and answers when all have reported or the time is over.
pub(super) async fn ask(state: &State, body: Body) -> Result<Answer, ApiError> {
    let Ask { timeout_ms } = body.json().await?;
    let timeout = Duration::from_millis(timeout_ms.unwrap_or(TIMEOUT_MS));
    let findings = Round::begin(&state.reach, &state.handle, timeout).await?.findings().await;
    Ok(shown(state, &findings).into())
}

fn shown(state: &State, findings: &Findings) -> Value {
    state.handle.with(|node, _| {
        let members = node.members();
        let name = |id: NodeId| name_of(&members, id);
        let names = |ids: &[NodeId]| {
            let mut names: Vec<String> = ids.iter().map(|id| name(*id)).collect();
            names.sort_unstable();
            names
        };
        let broken = findings.broken.iter();
        let contested = findings.contested.iter();
        json!({
            "reachable": findings.all_reachable(),
            "asked": findings.asked,
            "answered": findings.answered,
            "sampled": findings.asked > MAX_TARGETS + 1,
            "working": findings.working,
            "broken": broken
                .map(|link| json!({ "from": name(link.from), "to": name(link.to), "back": link.back }))
                .collect::<Vec<_>>(),
            "unheard": names(&findings.unheard),
            "silent": names(&findings.silent),
            "down": names(&findings.down),
            "contested": contested
                .map(|(by, held)| json!({ "by": name(*by), "member": name(*held) }))
                .collect::<Vec<_>>(),
        })
    })
}
