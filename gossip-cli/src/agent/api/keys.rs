//! The map: one key, all keys, and plain values.

use gossip_core::kv::{Holding, KvError};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::content::{put_all, siblings};
use super::error::{ApiError, of_key};
use super::keyname::{self, Shown};
use super::request::{Body, Query};
use super::selection::Selection;
use super::terms::Terms;
use super::wait::Wait;
use super::{Answer, State, put_text};
use crate::exit::Failure;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    key: String,
    value: Option<String>,
    /// The version of a sibling, whose value is written in place of all.
    pick: Option<String>,
    #[serde(default)]
    own: bool,
    expires_ms: Option<u64>,
    #[serde(default)]
    if_absent: bool,
    if_version: Option<String>,
    wait: Option<String>,
    timeout_ms: Option<u64>,
}

pub(super) fn get(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["key", "own"])?;
    let text = query.required("key")?;
    let (scope, key) = keyname::parse(text, query.flag("own")?, state.me)?;
    let mut answer = Map::from_iter([("key".into(), text.into())]);
    let found =
        state.handle.with(|node, _| node.kv().key(scope, key.as_bytes()).map(|found| put_all(&mut answer, found)));
    found.ok_or_else(|| of_key(text, KvError::NotFound))?;
    Ok(Value::Object(answer).into())
}

pub(super) fn list(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["prefix", "own"])?;
    let selection = Selection::read(state, &query)?;
    let entries: Vec<Value> = state.handle.with(|node, _| {
        let (members, mut shown) = (node.members(), Shown::default());
        let entries = selection.entries(node, &mut shown);
        let row = |entry: Holding<'_>| {
            let mut row = Map::new();
            row.insert("key".into(), shown.key(entry.scope(), entry.key(), &members).into());
            if std::str::from_utf8(entry.key()).is_err() {
                put_text(&mut row, "key", entry.key());
            }
            put_all(&mut row, entry);
            Value::Object(row)
        };
        entries.into_iter().map(row).collect()
    });
    Ok(json!({ "entries": entries }).into())
}

pub(super) async fn set(state: &State, body: Body) -> Result<Answer, ApiError> {
    let Set { key: text, value, pick, own, expires_ms, if_absent, if_version, wait, timeout_ms } = body.json().await?;
    let wait = Wait::read(wait.as_deref(), timeout_ms)?;
    let terms = Terms::read(expires_ms, if_absent, if_version, wait.quorum)?;
    let (scope, key) = keyname::parse(&text, own, state.me)?;
    let written = match (value, pick) {
        (Some(value), None) => state.set(&text, scope, key.as_bytes(), value.as_bytes(), &terms)?,
        (None, Some(version)) => state.write(&text, &terms, |node, now| {
            let found = node.kv().key(scope, key.as_bytes());
            let options = terms.check(&text, found)?;
            let value = found.and_then(|found| picked(found, &version)).ok_or_else(|| no_sibling(&text, &version))?;
            node.kv_mut(now).set_with(scope, key.as_bytes(), &value, &options).map_err(|error| of_key(&text, error))
        })?,
        _ => return Err(ApiError::input("a write has a `value`, or picks one that is there by its version (`pick`)")),
    };
    wait.answer(state, &text, written).await
}

fn picked(found: Holding<'_>, version: &str) -> Option<gossip_core::kv::Blob> {
    siblings(found).into_iter().find(|(of, _)| of.to_string() == version).map(|(_, value)| value)
}

fn no_sibling(shown: &str, version: &str) -> ApiError {
    let failure = Failure::changed(format!("nothing was written: {shown:?} has no value of version {version}"));
    ApiError::from(failure.hint("`gossip siblings` shows the values that it has now, with their versions"))
        .with_status(StatusCode::PRECONDITION_FAILED)
}

pub(super) async fn delete(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["key", "own", "if_version", "wait", "timeout_ms"])?;
    let text = query.required("key")?;
    let wait = Wait::parameters(query.one("wait"), query.one("timeout_ms"))?;
    let terms = Terms::read(None, false, query.one("if_version").map(ToString::to_string), wait.quorum)?;
    let (scope, key) = keyname::parse(text, query.flag("own")?, state.me)?;
    let written = state.delete(text, scope, key.as_bytes(), &terms)?;
    wait.answer(state, text, written).await
}
