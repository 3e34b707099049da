//! What happens, as it happens: one JSON object a line.

use hyper::body::Bytes;
use serde_json::json;
use tokio::sync::mpsc;

use super::error::ApiError;
use super::request::Query;
use super::{Answer, State};
use crate::agent::feed::Subscription;
use crate::event_kind::EventKind;

/// Lines on their way to a reader; a slower one is told by the node's own queue how much it missed.
const WAITING: usize = 64;

/// Starts a stream: a first line says that it has begun, then everything follows that was asked for.
pub(super) fn events(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["kind"])?;
    let kinds = query.all("kind").map(kind_named).collect::<Result<Vec<_>, _>>()?;
    let (to, lines) = mpsc::channel(WAITING);
    let start = json!({ "event": "start", "name": state.name });
    tokio::spawn(forward(state.feed.subscribe(), kinds, start.to_string(), to));
    Ok(Answer::Stream(lines))
}

fn kind_named(name: &str) -> Result<EventKind, ApiError> {
    EventKind::named(name).ok_or_else(|| {
        ApiError::input(format!("unknown kind of event `{name}`")).hint(format!("kinds are {}", EventKind::names()))
    })
}

/// Ends when the node ends or the reader goes away. No kinds means all; a gap is told in any case, for what is missing
/// may have been wanted.
async fn forward(mut source: Subscription, kinds: Vec<EventKind>, start: String, to: mpsc::Sender<Bytes>) {
    let wanted = |kind| kinds.is_empty() || kind == EventKind::Lagged || kinds.contains(&kind);
    let mut texts = vec![start];
    loop {
        for text in texts.drain(..) {
            if to.send(Bytes::from(text + "\n")).await.is_err() {
                return;
            }
        }
        tokio::select! {
            lines = source.next(wanted) => match lines {
                Some(lines) => texts.extend(lines.iter().map(|line| line.body.to_string())),
                None => return,
            },
            () = to.closed() => return,
        }
    }
}
