//! How far members are apart.

use std::time::Duration;

use gossip_core::NodeId;
use serde_json::{Value, json};

use super::error::ApiError;
use super::names::{member_named, name_of};
use super::request::Query;
use super::{Answer, State};

/// One member as seen from another.
struct Row {
    name: String,
    id: NodeId,
    rtt: Option<Duration>,
}

/// The round trips from one member, this one unless another is named, to one or to all that are live.
pub(super) fn show(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["from", "to"])?;
    let named = |name| query.one(name).map(|named| member_named(state, named)).transpose();
    let (from, to) = (named("from")?, named("to")?);
    let origin = from.as_ref().map_or(state.me, |(_, id)| *id);
    let (name, mut rows) = state.handle.with(|node, _| {
        let members = node.members();
        let chosen: Vec<NodeId> = match &to {
            Some((_, id)) => vec![*id],
            None => members.iter().filter(|row| row.status.is_live() && row.id != origin).map(|row| row.id).collect(),
        };
        let row = |id| Row { name: name_of(&members, id), id, rtt: members.rtt(origin, id) };
        (name_of(&members, origin), chosen.into_iter().map(row).collect::<Vec<_>>())
    });
    // Those of whom nothing is known yet come last.
    rows.sort_by(|a, b| (a.rtt.is_none(), a.rtt, &a.name).cmp(&(b.rtt.is_none(), b.rtt, &b.name)));
    let members: Vec<Value> = rows
        .iter()
        .map(|Row { name, id, rtt }| {
            let rtt_ms = rtt.map(|rtt| rtt.as_micros() as f64 / 1e3);
            json!({ "name": name, "id": id.to_string(), "rtt_ms": rtt_ms })
        })
        .collect();
    Ok(json!({ "from": name, "members": members }).into())
}
