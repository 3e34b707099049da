//! Messages to one member, the inbox, and queries.

use std::time::Duration;

use gossip_core::CommandError;
use gossip_core::direct::{Direct, Undelivered};
use gossip_handle::SendFailure;
use hyper::StatusCode;
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::error::ApiError;
use super::names::{member_named, name_of};
use super::request::{Body, Query, bytes};
use super::{Answer, State, put_text};
use crate::agent::mail::{self, Reader};
use crate::agent::query::{Asked, Question};
use crate::profile::parse_tags;

/// Lines on their way to a reader: one, so that what it does not read stays in the inbox.
const WAITING: usize = 1;
/// How long answers are waited for unless the question says.
const TIMEOUT_MS: u64 = 5_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    to: String,
    data: Option<String>,
    data_hex: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    name: String,
    data: Option<String>,
    data_hex: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    timeout_ms: Option<u64>,
}

/// Sends a message, and answers when it was delivered.
pub(super) async fn send(state: &State, body: Body) -> Result<Answer, ApiError> {
    let Send { to, data, data_hex } = body.json().await?;
    let (name, id) = member_named(state, &to)?;
    let data = bytes("data", data, data_hex)?;
    let sending = state.handle.send_to(id, mail::PORT, &data).map_err(|failure| undelivered(&name, failure))?;
    sending.await.map_err(|failure| undelivered(&name, failure))?;
    Ok(json!({ "to": name, "id": id.to_string(), "delivered": true }).into())
}

/// Starts a stream of what is in the inbox and of what arrives there; it ends after `count` messages, if that is given.
pub(super) fn inbox(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["count"])?;
    let count = match query.one("count") {
        None => u64::MAX,
        Some(text) => text
            .parse()
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| ApiError::input(format!("`count` must be a number from 1, not `{text}`")))?,
    };
    let Some(reader) = state.mail.read() else {
        return Err(ApiError::failed("somebody reads the inbox already").hint("a message is shown once, to one reader"));
    };
    let (to, lines) = mpsc::channel(WAITING);
    let names = Names(state.handle.clone());
    tokio::spawn(forward(reader, names, count, to));
    Ok(Answer::Stream(lines))
}

/// Asks all members, or some, and streams what they reply.
pub(super) async fn query(state: &State, body: Body) -> Result<Answer, ApiError> {
    let Ask { name, data, data_hex, tags, timeout_ms } = body.json().await?;
    let timeout = Duration::from_millis(timeout_ms.unwrap_or(TIMEOUT_MS));
    let question = Question { name, data: bytes("data", data, data_hex)?, tags: parse_tags(&tags)?, timeout };
    let asked = question.ask(&state.handle, &state.queries, &state.questions)?;
    let (to, lines) = mpsc::channel(WAITING);
    tokio::spawn(tell(asked, to));
    Ok(Answer::Stream(lines))
}

/// Ends when the node ends, the reader goes away or has enough. A message is taken out only when there is room for it on its
/// way to the reader.
async fn forward(mut reader: Reader, names: Names, mut left: u64, to: mpsc::Sender<Bytes>) {
    if to.send(line(&json!({ "event": "start" }))).await.is_err() {
        return;
    }
    while left > 0 {
        let Ok(place) = to.reserve().await else { return };
        let message = tokio::select! {
            message = reader.next() => message,
            () = to.closed() => return,
        };
        let Some(message) = message else { return };
        place.send(line(&names.received(&message)));
        left -= 1;
    }
}

async fn tell(mut asked: Asked, to: mpsc::Sender<Bytes>) {
    let mut next = asked.start();
    while to.send(line(&next)).await.is_ok() {
        if next["event"] == "end" {
            return;
        }
        next = tokio::select! {
            reply = asked.next() => reply.unwrap_or_else(|| asked.end()),
            () = to.closed() => return,
        };
    }
}

fn line(value: &Value) -> Bytes {
    Bytes::from(format!("{value}\n"))
}

/// Says who sent what.
struct Names(gossip_handle::Handle<std::net::SocketAddr>);

impl Names {
    fn received(&self, message: &Direct) -> Value {
        let id = message.from.id;
        let name = self.0.with(|node, _| name_of(&node.members(), id));
        let mut line = Map::new();
        line.insert("event".into(), "direct".into());
        line.insert("from".into(), name.into());
        line.insert("id".into(), id.to_string().into());
        put_text(&mut line, "data", &message.data);
        Value::Object(line)
    }
}

fn undelivered(name: &str, failure: SendFailure) -> ApiError {
    let message = format!("not delivered to {name}: {failure}");
    match failure {
        SendFailure::Command(CommandError::TooLarge { .. }) => ApiError::input(message)
            .with_status(StatusCode::PAYLOAD_TOO_LARGE)
            .hint("a message must fit one datagram, or one frame if both members have a stream lane: split it, or send where it is to be found"),
        SendFailure::Command(CommandError::Disabled) => {
            ApiError::failed(message).hint("set direct.enabled in the agent's configuration")
        }
        SendFailure::Command(CommandError::TooManyPending { .. }) => {
            ApiError::failed(message).hint("wait until some have arrived, or raise direct.max_pending")
        }
        SendFailure::Undelivered(Undelivered::InboxFull) => {
            ApiError::failed(message).hint("`gossip inbox` there reads it")
        }
        SendFailure::Undelivered(_) | SendFailure::Missed => {
            ApiError::failed(message).hint("it may have arrived all the same: the acknowledgement may be what was lost")
        }
        _ => ApiError::failed(message),
    }
}
