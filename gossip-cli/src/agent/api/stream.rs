//! Answers without an end: one JSON object a line, as long as somebody reads.

use std::future::Future;

use hyper::body::Bytes;
use serde_json::json;
use tokio::sync::mpsc;

use super::error::ApiError;
use super::request::Query;
use super::{Answer, State};
use crate::agent::feed::Subscription;
use crate::event_kind::EventKind;

/// Lines on their way to a reader; of a slower one the source knows how much it missed.
const WAITING: usize = 64;

/// Where lines come from, in bounded batches.
pub(super) trait Source: Send + 'static {
    /// The next lines, which may be none; `None` at the end of all. Dropped before it is ready it takes no line with it.
    fn next(&mut self) -> impl Future<Output = Option<Vec<String>>> + Send;
}

/// Starts an answer with these lines, then those of the source.
pub(super) fn start(first: Vec<String>, source: impl Source) -> Answer {
    let (to, lines) = mpsc::channel(WAITING);
    tokio::spawn(forward(first, source, to));
    Answer::Stream(lines)
}

/// Starts a stream of events: a first line says that it has begun, then everything follows that was asked for.
pub(super) fn events(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["kind"])?;
    let kinds = query.all("kind").map(kind_named).collect::<Result<Vec<_>, _>>()?;
    let first = json!({ "event": "start", "name": state.name });
    Ok(start(vec![first.to_string()], Events { source: state.feed.subscribe(), kinds }))
}

fn kind_named(name: &str) -> Result<EventKind, ApiError> {
    EventKind::named(name).ok_or_else(|| {
        ApiError::input(format!("unknown kind of event `{name}`")).hint(format!("kinds are {}", EventKind::names()))
    })
}

/// Events of some kinds. No kinds means all; a gap is told in any case, for what is missing may have been wanted.
struct Events {
    source: Subscription,
    kinds: Vec<EventKind>,
}

impl Source for Events {
    async fn next(&mut self) -> Option<Vec<String>> {
        let kinds = &self.kinds;
        let wanted = |kind| kinds.is_empty() || kind == EventKind::Lagged || kinds.contains(&kind);
        let lines = self.source.next(wanted).await?;
        Some(lines.iter().map(|line| line.body.to_string()).collect())
    }
}

/// Ends when the source ends or the reader goes away.
async fn forward(first: Vec<String>, mut source: impl Source, to: mpsc::Sender<Bytes>) {
    let mut texts = first;
    loop {
        for text in texts.drain(..) {
            if to.send(Bytes::from(text + "\n")).await.is_err() {
                return;
            }
        }
        tokio::select! {
            lines = source.next() => match lines {
                Some(lines) => texts = lines,
                None => return,
            },
            () = to.closed() => return,
        }
    }
}
