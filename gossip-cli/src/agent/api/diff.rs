//! What differs between this agent's keys and another member's.

use std::time::Duration;

use gossip_core::kv::{Cost, Diff, End, KvError, Version, Way};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::keyname::Shown;
use super::names::member_named;
use super::request::Body;
use super::{Answer, State};
use crate::exit::Failure;

/// How long the member is waited for unless the request says, and at least and at most.
const TIMEOUT_MS: u64 = 10_000;
const MIN_TIMEOUT_MS: u64 = 100;
const MAX_TIMEOUT_MS: u64 = 60_000;
/// How many keys are named unless the request says.
const LIMIT: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    member: String,
    limit: Option<usize>,
    timeout_ms: Option<u64>,
}

/// Compares with a member, and answers when it is known what differs.
pub(super) async fn compare(state: &State, body: Body) -> Result<Answer, ApiError> {
    let Ask { member, limit, timeout_ms } = body.json().await?;
    let timeout = timeout_ms.unwrap_or(TIMEOUT_MS);
    if !(MIN_TIMEOUT_MS..=MAX_TIMEOUT_MS).contains(&timeout) {
        return Err(ApiError::input(format!(
            "`timeout_ms` must be {MIN_TIMEOUT_MS} to {MAX_TIMEOUT_MS}, not {timeout}"
        ))
        .hint("--timeout takes 100ms to 60s"));
    }
    let (name, id) = member_named(state, &member)?;
    if id == state.me {
        return Err(ApiError::input(format!("{name:?} is this agent itself")).hint("name another member"));
    }
    let compared = state.handle.diff(id, Duration::from_millis(timeout)).await;
    let diff = compared.map_err(|error| refused(&name, error))?;
    if diff.end == End::NoAnswer {
        return Err(ApiError::failed(format!("{name:?} did not answer within {timeout} ms"))
            .with_status(StatusCode::GATEWAY_TIMEOUT)
            .hint("`gossip members` shows whether it is alive; much that differs over a slow link takes a longer --timeout"));
    }
    Ok(shown(state, &name, &diff, limit.unwrap_or(LIMIT)).into())
}

fn refused(name: &str, error: KvError) -> ApiError {
    let message = format!("cannot compare with {name:?}: {error}");
    match error {
        KvError::Comparing => ApiError::from(Failure::busy(message))
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
            .hint("ask again when that has ended"),
        KvError::NoSuchMember => ApiError::failed(message).hint("`gossip members` shows who is alive"),
        KvError::Disabled => ApiError::failed(message).hint("set kv.enabled in the agent's configuration"),
        _ => ApiError::failed(message),
    }
}

fn shown(state: &State, name: &str, diff: &Diff, limit: usize) -> Value {
    let count = |is: fn(bool, bool) -> bool| {
        diff.differences.iter().filter(|key| is(!key.here.is_empty(), !key.there.is_empty())).count()
    };
    let versions = |versions: &[Version]| versions.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut names = Shown::default();
    let keys: Vec<Value> = state.handle.with(|node, _| {
        let members = node.members();
        let shown = diff.differences.iter().take(limit).map(|key| {
            let name = names.key(key.scope, &key.key, &members);
            json!({ "key": name, "here": versions(&key.here), "there": versions(&key.there) })
        });
        shown.collect()
    });
    json!({
        "member": name,
        "equal": diff.end == End::Complete && diff.differences.is_empty(),
        "complete": diff.end == End::Complete,
        "way": match diff.way {
            Some(Way::Equal) => "fingerprint",
            Some(Way::Cells) => "cells",
            _ => "ranges",
        },
        "only_here": count(|_, there| !there),
        "only_there": count(|here, _| !here),
        "different": count(|here, there| here && there),
        "keys": keys,
        "comparison": cost(&diff.comparison),
        "exchange": cost(&diff.exchange),
        "time_ms": diff.time.as_micros() as f64 / 1e3,
    })
}

fn cost(cost: &Cost) -> Value {
    json!({
        "bytes_sent": cost.bytes_sent,
        "bytes_received": cost.bytes_received,
        "packets_sent": cost.packets_sent,
        "packets_received": cost.packets_received,
    })
}
