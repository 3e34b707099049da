//! Changes of typed values: counters, sets, maps and so on.

use gossip_core::kv::KvError;
use serde::Deserialize;
use serde_json::Map;

use super::content::{Misfit, apply, has_nothing_for, misfit, put_content};
use super::error::{ApiError, of_key};
use super::keyname;
use super::request::Body;
use super::terms::Terms;
use super::wait::Wait;
use super::{Answer, State};
use crate::change::Change;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    key: String,
    change: Change,
    #[serde(default)]
    own: bool,
    expires_ms: Option<u64>,
    #[serde(default)]
    if_absent: bool,
    if_version: Option<String>,
    wait: Option<String>,
    timeout_ms: Option<u64>,
}

/// Changes a key, and answers with what it holds then. One that holds another type is left as it is.
pub(super) async fn change(state: &State, body: Body) -> Result<Answer, ApiError> {
    let Request { key: text, change, own, expires_ms, if_absent, if_version, wait, timeout_ms } = body.json().await?;
    let wait = Wait::read(wait.as_deref(), timeout_ms)?;
    let terms = Terms::read(expires_ms, if_absent, if_version, wait.quorum)?;
    let (scope, key) = keyname::parse(&text, own, state.me)?;
    let key = key.as_bytes();
    let mut held = Map::new();
    let written = state.write(&text, &terms, |node, now| {
        let found = node.kv().key(scope, key);
        let options = terms.check(&text, found)?;
        let content = found.map(|found| found.content()).unwrap_or_default();
        if let Some(misfit) = misfit(&content, &change) {
            return Err(of_another_type(&text, &misfit));
        }
        let mut kv = node.kv_mut(now);
        // What may not be written is refused for that, whatever is there.
        kv.check(scope, key, 0).map_err(|error| of_key(&text, error))?;
        if change.only_removes() && has_nothing_for(&content, &change) {
            return Err(nothing_there(&text, &change));
        }
        let stamp = kv.stamp();
        let written = kv.update_with(scope, key, &options, |content, pen| apply(content, pen, stamp, &change));
        let (version, ()) = written.map_err(|error| of_key(&text, error))?;
        if let Some(found) = node.kv().key(scope, key) {
            put_content(&mut held, found);
        }
        Ok(version)
    })?;
    wait.answer_with(state, &text, written, held).await
}

fn nothing_there(shown: &str, change: &Change) -> ApiError {
    match change {
        Change::Map(_) => ApiError::not_found(format!("{shown:?} has no such field"))
            .hint("`gossip get` shows the fields that it has"),
        _ => of_key(shown, KvError::NotFound),
    }
}

fn of_another_type(shown: &str, misfit: &Misfit) -> ApiError {
    let Misfit { path, found, wanted } = misfit;
    let of = if path.is_empty() { String::new() } else { format!(", field {:?},", path.join(".")) };
    ApiError::failed(format!("nothing was written: {shown:?}{of} holds a {found}, and the change is of a {wanted}"))
        .hint("use another key or field, or delete what is there first")
}
