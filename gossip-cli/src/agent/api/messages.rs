//! Broadcast messages that clients send.

use std::time::Duration;

use gossip_core::broadcast::{BroadcastError, Class, MessageId, SendOptions};
use serde::Deserialize;
use serde_json::json;

use super::error::{ApiError, of_cancel, of_message, of_survey};
use super::request::{Body, bytes};
use super::{Answer, State};
use crate::agent::{feed, query};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish {
    topic: String,
    payload: Option<String>,
    payload_hex: Option<String>,
    #[serde(default)]
    class: Urgency,
    /// After so long it is of no use.
    expires_ms: Option<u64>,
    key: Option<String>,
    #[serde(default)]
    ordered: bool,
    /// The share of the other members that is to have it before this is answered.
    wait_coverage: Option<f64>,
    timeout_ms: Option<u64>,
}

/// How long is waited unless it is said, and at most.
const TIMEOUT_MS: u64 = 10_000;
const MAX_TIMEOUT_MS: u64 = 60_000;

impl Publish {
    fn options(&self) -> Result<SendOptions<'_>, ApiError> {
        let mut options = SendOptions::new().class(self.class.into());
        if let Some(expires) = self.expires_ms {
            if expires == 0 {
                return Err(ApiError::input("`expires_ms` must be 1 at least"));
            }
            options = options.expires(Duration::from_millis(expires));
        }
        if let Some(key) = &self.key {
            options = options.key(key.as_bytes());
        }
        Ok(if self.ordered { options.ordered() } else { options })
    }

    /// The share that is waited for, and for how long.
    fn wait(&self) -> Result<Option<(f64, Duration)>, ApiError> {
        let Some(share) = self.wait_coverage else {
            return match self.timeout_ms {
                Some(_) => Err(ApiError::input("`timeout_ms` limits a wait, but `wait_coverage` is missing")),
                None => Ok(None),
            };
        };
        if !(0.0..=1.0).contains(&share) {
            return Err(ApiError::input(format!("`wait_coverage` must be between 0 and 1, not {share}")));
        }
        let timeout = self.timeout_ms.unwrap_or(TIMEOUT_MS);
        if !(1..=MAX_TIMEOUT_MS).contains(&timeout) {
            return Err(ApiError::input(format!("`timeout_ms` must be 1 to {MAX_TIMEOUT_MS}, not {timeout}"))
                .hint("--timeout takes 1ms to 60s"));
        }
        Ok(Some((share, Duration::from_millis(timeout))))
    }
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
    let mut publish: Publish = body.json().await?;
    let payload = bytes("payload", publish.payload.take(), publish.payload_hex.take())?;
    let (topic, payload) = (publish.topic.as_bytes(), payload.as_slice());
    if query::is_reserved(topic) {
        return Err(ApiError::input(format!("the topic {:?} is for agents alone", publish.topic))
            .hint("topics that begin with @gossip/ are reserved; `gossip query` asks members"));
    }
    let (options, wait) = (publish.options()?, publish.wait()?);
    let id = state.handle.publish_with(options, topic, payload).map_err(of_message)?;
    // The node does not deliver its own messages to itself, but another program on this machine may want them.
    state.feed.tell(feed::message_line(id, &state.name, topic, payload));
    let mut answer = json!({ "topic": publish.topic, "version": feed::message_id(id) });
    if let Some((share, within)) = wait {
        let coverage = state.handle.wait_coverage(id, share, within).await;
        let coverage = coverage.map_err(|error| of_survey(&feed::message_id(id), error))?;
        answer["coverage"] = json!({
            "reached": coverage.at_least() >= share,
            "estimate": coverage.estimate(),
            "at_least": coverage.at_least(),
            "have": coverage.have,
            "asked": coverage.asked,
            "members": coverage.members,
        });
    }
    Ok(answer.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    version: String,
}

pub(super) async fn cancel(state: &State, body: Body) -> Result<Answer, ApiError> {
    let Cancel { version } = body.json().await?;
    let id = own_message(state, &version)?;
    let by = state.handle.cancel(id).map_err(|error| of_cancel(&version, error))?;
    Ok(json!({ "version": version, "taken_back_by": feed::message_id(by) }).into())
}

/// The message of this agent that `publish` called so.
fn own_message(state: &State, version: &str) -> Result<MessageId, ApiError> {
    let me = state.handle.with(|node, _| node.identity());
    let mut parts = version.splitn(3, '.');
    let mut next = || parts.next().unwrap_or_default();
    let (origin, generation, sequence) = (next(), next().parse(), next().parse());
    let (Ok(generation), Ok(sequence)) = (generation, sequence) else {
        return Err(ApiError::input(format!("{version:?} is no message"))
            .hint("messages are named as `gossip publish` prints them, such as 6e87284d.1763700000000.5"));
    };
    if origin != &me.id.to_string()[..8] {
        return Err(of_cancel(version, BroadcastError::NotOwn));
    }
    Ok(MessageId { origin: me.id, generation, sequence })
}
