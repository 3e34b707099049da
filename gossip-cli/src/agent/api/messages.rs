//! Broadcast messages that clients send.

use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;

use super::error::{ApiError, of_message};
use super::{Answer, State, request, stream};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish {
    topic: String,
    payload: String,
}

pub(super) async fn publish(state: &State, body: Incoming) -> Result<Answer, ApiError> {
    let Publish { topic, payload } = request::json(body).await?;
    let id = state.handle.publish(topic.as_bytes(), payload.as_bytes()).map_err(of_message)?;
    let name = &state.profile.name;
    // Without a local reader nobody receives it, which is no failure.
    let _ = state.echo.send(stream::message_line(id, name, topic.as_bytes(), payload.as_bytes()));
    Ok(json!({ "topic": topic, "version": stream::message_id(id) }).into())
}
