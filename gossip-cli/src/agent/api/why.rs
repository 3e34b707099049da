//! Why members are held to be alive, down or gone: who accused, who confirmed, when; what this agent hears of them.

use std::net::SocketAddr;
use std::time::Duration;

use gossip_core::{Instant, Members, NodeId};
use serde_json::{Value, json};

use super::State;
use super::error::ApiError;
use super::names::{member_named, name_of};

/// Adds to each row why, or leaves only the row of the member that is named, if it is any.
pub(super) fn explain(state: &State, named: &str, rows: &mut Vec<Value>) -> Result<(), ApiError> {
    if !named.is_empty() {
        let (_, id) = member_named(state, named)?;
        rows.retain(|row| row["id"] == id.to_string());
    }
    state.handle.with(|node, now| {
        let members = node.members();
        for row in rows {
            let id: Option<NodeId> = row["id"].as_str().and_then(|id| id.parse().ok());
            row["why"] = id.map_or(Value::Null, |id| why(&members, id, now));
        }
    });
    Ok(())
}

fn why(members: &Members<'_, SocketAddr>, id: NodeId, now: Instant) -> Value {
    let ms = |at: Instant| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX);
    let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let person = |id: NodeId| json!({ "name": name_of(members, id), "id": id.to_string() });
    let (verdict, hearing) = (members.why(id), members.hearing(id));
    json!({
        "verdict": verdict.map(|verdict| json!({
            "by": person(verdict.by),
            "accused": verdict.accused.map(person),
            "confirmed": verdict.confirmed.iter().map(|id| person(*id)).collect::<Vec<_>>(),
        })),
        "down_ms": verdict.map(|verdict| ms(verdict.at)),
        "pinged_ms": hearing.and_then(|hearing| hearing.pinged).map(ms),
        "round_trip_us": hearing.and_then(|hearing| hearing.round_trip).map(us),
    })
}
