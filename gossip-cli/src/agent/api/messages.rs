//! Broadcast messages that clients send.

use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;

use super::error::{ApiError, of_message};
use super::{Answer, State, request};
use crate::agent::feed;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish {
    topic: String,
    payload: String,
}

pub(super) async fn publish(state: &State, body: Incoming) -> Result<Answer, ApiError> {
    let Publish { topic, payload } = request::json(body).await?;
    let id = state.handle.publish(topic.as_bytes(), payload.as_bytes()).map_err(of_message)?;
    // The node does not deliver its own messages to itself, but another program on this machine may want them.
    state.feed.tell(feed::message_line(id, &state.name, topic.as_bytes(), payload.as_bytes()));
    Ok(json!({ "topic": topic, "version": feed::message_id(id) }).into())
}
