//! Broadcast messages that clients send.

use gossip_core::broadcast::Class;
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
    #[serde(default)]
    class: Urgency,
}

/// [`Class`], as clients name it.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Urgency {
    Urgent,
    #[default]
    Normal,
    Bulk,
}

impl From<Urgency> for Class {
    fn from(urgency: Urgency) -> Self {
        match urgency {
            Urgency::Urgent => Self::Urgent,
            Urgency::Normal => Self::Normal,
            Urgency::Bulk => Self::Bulk,
        }
    }
}

pub(super) async fn publish(state: &State, body: Body) -> Result<Answer, ApiError> {
    let Publish { topic, payload, class } = body.json().await?;
    if query::is_reserved(topic.as_bytes()) {
        return Err(ApiError::input(format!("the topic {topic:?} is for agents alone"))
            .hint("topics that begin with @gossip/ are reserved; `gossip query` asks members"));
    }
    let id = state.handle.publish_with(Class::from(class), topic.as_bytes(), payload.as_bytes()).map_err(of_message)?;
    // The node does not deliver its own messages to itself, but another program on this machine may want them.
    state.feed.tell(feed::message_line(id, &state.name, topic.as_bytes(), payload.as_bytes()));
    Ok(json!({ "topic": topic, "version": feed::message_id(id) }).into())
}
