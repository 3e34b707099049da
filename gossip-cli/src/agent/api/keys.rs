//! The map: one key, many keys, writes.

use gossip_core::kv::{KvError, Scope};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::{ApiError, of_key};
use super::keyname::{self, Shown};
use super::request::{Body, Query};
use super::selection::Selection;
use super::wait::Wait;
use super::writes::Written;
use super::{Answer, State, put_text};

/// The longest key, in bytes.
const MAX_KEY: usize = 255;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    key: String,
    value: String,
    #[serde(default)]
    own: bool,
    wait: Option<String>,
    timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    entries: Vec<(String, String)>,
    #[serde(default)]
    own: bool,
}

pub(super) fn get(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["key", "own"])?;
    let text = query.required("key")?;
    let (scope, key) = keyname::parse(text, query.flag("own")?, state.me)?;
    let (value, version) = state.handle.get(scope, key.as_bytes()).ok_or_else(|| of_key(text, KvError::NotFound))?;
    let mut answer = Map::new();
    answer.insert("key".into(), text.into());
    put_text(&mut answer, "value", &value);
    answer.insert("version".into(), version.to_string().into());
    Ok(Value::Object(answer).into())
}

pub(super) fn list(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["prefix", "own"])?;
    let selection = Selection::read(state, &query)?;
    let entries: Vec<Value> = state.handle.with(|node, _| {
        let (members, mut shown) = (node.members(), Shown::default());
        let entries = selection.entries(node, &mut shown);
        let row = |entry: &gossip_core::kv::Entry<'_>| {
            let mut row = Map::new();
            row.insert("key".into(), shown.key(entry.scope, entry.key, &members).into());
            if std::str::from_utf8(entry.key).is_err() {
                put_text(&mut row, "key", entry.key);
            }
            put_text(&mut row, "value", entry.value);
            row.insert("version".into(), entry.version.to_string().into());
            Value::Object(row)
        };
        entries.iter().map(row).collect()
    });
    Ok(json!({ "entries": entries }).into())
}

pub(super) async fn set(state: &State, body: Body) -> Result<Answer, ApiError> {
    let Set { key: text, value, own, wait, timeout_ms } = body.json().await?;
    let wait = Wait::read(wait.as_deref(), timeout_ms)?;
    let (scope, key) = keyname::parse(&text, own, state.me)?;
    let written = state.set(&text, scope, key.as_bytes(), value.as_bytes(), wait.quorum)?;
    wait.answer(state, &text, written).await
}

pub(super) async fn delete(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["key", "own", "wait", "timeout_ms"])?;
    let text = query.required("key")?;
    let wait = Wait::parameters(query.one("wait"), query.one("timeout_ms"))?;
    let (scope, key) = keyname::parse(text, query.flag("own")?, state.me)?;
    let written = state.delete(text, scope, key.as_bytes(), wait.quorum)?;
    wait.answer(state, text, written).await
}

/// Writes many keys. Whatever can be known to be wrong is refused before the first write.
pub(super) async fn import(state: &State, body: Body) -> Result<Answer, ApiError> {
    let Import { mut entries, own } = body.json().await?;
    for (key, _) in &entries {
        check_import_key(key, own)?;
    }
    // The largest first: if one does not fit, that is the first one tried, and nothing was written.
    entries.sort_by_key(|(key, value)| std::cmp::Reverse(key.len() + value.len()));
    let scope = if own { Scope::Own(state.me) } else { Scope::Shared };
    // The last one is on disk when all before it are.
    let last = match write_all(state, scope, &entries)? {
        Some(last) => Some(last.kept().await?.0.to_string()),
        None => None,
    };
    let bytes: usize = entries.iter().map(|(_, value)| value.len()).sum();
    Ok(json!({ "imported": entries.len(), "bytes": bytes, "version": last }).into())
}

fn check_import_key(key: &str, own: bool) -> Result<(), ApiError> {
    let refused = if key.len() > MAX_KEY {
        KvError::InvalidKey
    } else if !own && key.starts_with('@') {
        KvError::ReservedKey
    } else {
        return Ok(());
    };
    Err(nothing_imported(of_key(key, refused)))
}

fn write_all(state: &State, scope: Scope, entries: &[(String, String)]) -> Result<Option<Written>, ApiError> {
    let room = state.handle.with(|node, _| {
        let kv = node.kv();
        let new = entries.iter().filter(|(key, _)| kv.get(scope, key.as_bytes()).is_none()).count();
        // Deleted keys have their place already; as many of the new ones as there are of them may be such.
        let least = kv.len() + kv.tombstones() + new.saturating_sub(kv.tombstones());
        let max = node.config().kv.max_entries;
        if least > max { Err(KvError::Full { max }) } else { Ok(()) }
    });
    room.map_err(|error| nothing_imported(of_key(entries.first().map_or("", |(key, _)| key), error)))?;
    let mut last = None;
    // One entry a lock, so that a long import does not keep the node from its packets.
    for (done, (key, value)) in entries.iter().enumerate() {
        match state.set(key, scope, key.as_bytes(), value.as_bytes(), None) {
            Ok(written) => last = Some(written),
            Err(error) if done == 0 => return Err(nothing_imported(error)),
            Err(error) => {
                let so_far = format!("imported {done} of {} entries, then: ", entries.len());
                return Err(error.prefixed(&so_far).hint("the import can be repeated as it is"));
            }
        }
    }
    Ok(last)
}

fn nothing_imported(error: ApiError) -> ApiError {
    error.prefixed("nothing was imported: ")
}
