//! Many keys at once.

use gossip_core::kv::{KvError, Scope};
use serde::Deserialize;
use serde_json::json;

use super::content::replace;
use super::error::{ApiError, of_key};
use super::request::Body;
use super::terms::Terms;
use super::writes::Written;
use super::{Answer, State};
use crate::change::Stored;

/// The longest key, in bytes.
const MAX_KEY: usize = 255;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    entries: Vec<(String, Stored)>,
    #[serde(default)]
    own: bool,
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

fn write_all(state: &State, scope: Scope, entries: &[(String, Stored)]) -> Result<Option<Written>, ApiError> {
    let room = state.handle.with(|node, _| {
        let kv = node.kv();
        let new = entries.iter().filter(|(key, _)| kv.key(scope, key.as_bytes()).is_none()).count();
        // Deleted keys have their place already; as many of the new ones as there are of them may be such.
        let least = kv.len() + kv.tombstones() + new.saturating_sub(kv.tombstones());
        let max = node.config().kv.max_entries;
        if least > max { Err(KvError::Full { max }) } else { Ok(()) }
    });
    room.map_err(|error| nothing_imported(of_key(entries.first().map_or("", |(key, _)| key), error)))?;
    let mut last = None;
    // One entry a lock, so that a long import does not keep the node from its packets.
    for (done, (key, value)) in entries.iter().enumerate() {
        match write(state, scope, key, value) {
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

fn write(state: &State, scope: Scope, key: &str, value: &Stored) -> Result<Written, ApiError> {
    let terms = Terms::default();
    match value {
        Stored::Text(text) => state.set(key, scope, key.as_bytes(), text.as_bytes(), &terms),
        Stored::Typed(values) => state.write(key, &terms, |node, now| {
            let mut kv = node.kv_mut(now);
            let stamp = kv.stamp();
            let written = kv.update(scope, key.as_bytes(), |content, pen| replace(content, pen, stamp, values));
            written.map(|(version, ())| version).map_err(|error| of_key(key, error))
        }),
    }
}
