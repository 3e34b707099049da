//! Broadcast messages that clients send.

use serde::Deserialize;
use serde_json::json;

use super::error::{ApiError, of_message};
use super::request::Body;
use super::{Answer, State};
use crate::agent::{feed, query};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish {
    topic: String,
    payload: String,
}

pub(super) async fn publish(state: &State, body: Body) -> Result<Answer, ApiError> {
    let Publish { topic, payload } = body.json().await?;
    if query::is_reserved(topic.as_bytes()) {
        return Err(ApiError::input(format!("the topic {topic:?} is for agents alone"))
            .hint("topics that begin with @gossip/ are reserved; `gossip query` asks members"));
    }
    let id = state.handle.publish(topic.as_bytes(), payload.as_bytes()).map_err(of_message)?;
    // The node does not deliver its own messages to itself, but another program on this machine may want them.
    state.feed.tell(feed::message_line(id, &state.name, topic.as_bytes(), payload.as_bytes()));
    Ok(json!({ "topic": topic, "version": feed::message_id(id) }).into())
}
