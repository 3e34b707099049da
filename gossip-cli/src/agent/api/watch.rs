//! Changes of keys from some moment on, one JSON object a line.

use std::net::SocketAddr;
use std::sync::Arc;

use gossip_core::Node;
use gossip_core::kv::Holding;
use gossip_handle::Handle;
use serde_json::{Map, Value, json};
use tokio::sync::watch::Receiver;

use super::error::ApiError;
use super::keyname::Shown;
use super::request::Query;
use super::selection::Selection;
use super::stream::{self, Source};
use super::{Answer, State};
use crate::agent::changes::{Changes, Tip};
use crate::agent::feed;
use crate::event_kind::EventKind;

/// Starts with what there is if that is asked for, then tells the changes: from now on, or after a revision.
pub(super) fn watch(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["prefix", "own", "from", "list"])?;
    let (selection, list, run) = (Selection::read(state, &query)?, query.flag("list")?, state.run());
    let from = query.one("from").map(|text| number_of(&run, text)).transpose()?;
    if list && from.is_some() {
        return Err(ApiError::input("`list` begins with what there is now, so it cannot go with `from`"));
    }
    let changes = Arc::clone(&state.changes);
    // Before the revision, so that what comes in between wakes.
    let tip = changes.tip();
    let (now, listed) = state.handle.with(|node, _| {
        let listed = if list { rows(node, &selection) } else { Vec::new() };
        (changes.revision(node), listed)
    });
    let after = from.unwrap_or(now);
    check_kept(after, now, &changes)?;
    let mut first = vec![json!({ "event": "start", "name": state.name, "revision": format!("{run}-{after}") })];
    if list {
        let end = json!({ "event": "listed", "entries": listed.len(), "revision": format!("{run}-{now}") });
        first.extend(listed);
        first.push(end);
    }
    let first = first.iter().map(Value::to_string).collect();
    Ok(stream::start(first, Watcher { handle: state.handle.clone(), changes, tip, selection, run, after }))
}

/// The number of a revision of this run.
fn number_of(run: &str, text: &str) -> Result<u64, ApiError> {
    let (of, number) = text.rsplit_once('-').unwrap_or(("", text));
    match number.parse() {
        Ok(number) if of == run => Ok(number),
        Ok(_) if of.contains('-') => {
            Err(ApiError::failed(format!("the revision {text} is of another agent or another run"))
                .hint(format!("revisions of this one begin with {run}-; begin anew with `gossip list --watch`")))
        }
        _ => Err(ApiError::input(format!("`{text}` is no revision"))
            .hint("it is what `gossip watch` prints before each change, not the version of a write")),
    }
}

fn check_kept(after: u64, now: u64, changes: &Changes) -> Result<(), ApiError> {
    if after > now {
        return Err(ApiError::input(format!("the revision {after} is still to come: the last one is {now}")));
    }
    let floor = changes.floor();
    if after < floor {
        let message = format!("what changed after revision {after} is no longer known: the oldest is {floor}");
        return Err(ApiError::failed(message).hint(
            "begin anew with `gossip list --watch`; agent.watch_history in the configuration keeps more changed keys",
        ));
    }
    Ok(())
}

fn rows(node: &Node<SocketAddr>, selection: &Selection) -> Vec<Value> {
    let mut shown = Shown::default();
    let entries = selection.entries(node, &mut shown);
    let row = |entry: Holding<'_>| {
        let key = shown.key(entry.scope(), entry.key(), &node.members());
        let version = entry.entry().map(|entry| entry.version).or(entry.versions().last().copied());
        Some(Value::Object(feed::key_line(key, version?, Some(entry))))
    };
    entries.into_iter().filter_map(row).collect()
}

/// One reader's place among the changes.
struct Watcher {
    handle: Handle<SocketAddr>,
    changes: Arc<Changes>,
    tip: Receiver<Tip>,
    selection: Selection,
    run: String,
    after: u64,
}

impl Source for Watcher {
    async fn next(&mut self) -> Option<Vec<String>> {
        loop {
            let ended = self.tip.borrow_and_update().ended;
            let (lines, more) = self.read();
            if !lines.is_empty() {
                return Some(lines);
            }
            if !more && (ended || self.tip.changed().await.is_err()) {
                return None;
            }
        }
    }
}

impl Watcher {
    /// The lines of the next page, and whether another one is there.
    fn read(&mut self) -> (Vec<String>, bool) {
        let Self { changes, selection, run, after, .. } = self;
        self.handle.with(|node, _| {
            let page = changes.page(node, *after);
            *after = page.through;
            let (members, mut shown, mut lines) = (node.members(), Shown::default(), Vec::new());
            if page.missed > 0 {
                let revision = format!("{run}-{}", page.floor);
                let kind = EventKind::Lagged.name();
                lines.push(json!({ "event": kind, "missed": page.missed, "revision": revision }).to_string());
            }
            for (number, change) in &page.changes {
                if !selection.holds(change.scope, &change.key, &members, &mut shown) {
                    continue;
                }
                // The lock is held: the map holds what this change, the key's last one, made of it.
                let held = node.kv().key(change.scope, &change.key);
                let mut line: Map<String, Value> =
                    feed::key_line(shown.key(change.scope, &change.key, &members), change.version, held);
                line.insert("revision".into(), format!("{run}-{number}").into());
                lines.push(Value::Object(line).to_string());
            }
            (lines, page.more)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_of_this_run_or_refused_with_what_it_is() {
        let run = "0011aabb-1763700000000";
        let status = |text| number_of(run, text).map_err(|error| error.status.as_u16());
        assert_eq!(status("0011aabb-1763700000000-42"), Ok(42));
        assert_eq!(status("0011aabb-1763700000001-42"), Err(409));
        assert_eq!(status("99ffffff-1763700000000-42"), Err(409));
        for text in ["", "42", "0011aabb.1763700000000.42", "0011aabb-1763700000000-x", "-"] {
            assert_eq!(status(text), Err(400), "{text}");
        }
    }
}
