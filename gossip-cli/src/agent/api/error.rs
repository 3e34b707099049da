//! Errors as the socket carries them.

use std::fmt::Display;

use gossip_core::broadcast::BroadcastError;
use gossip_core::kv::KvError;
use hyper::StatusCode;
use serde_json::{Value, json};

use crate::exit::{Code, Failure};

/// A failure and the HTTP status that fits it.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    failure: Failure,
}

impl ApiError {
    pub(super) fn failed(message: impl Display) -> Self {
        Self { status: StatusCode::CONFLICT, failure: Failure::failed(message) }
    }

    pub(super) fn input(message: impl Display) -> Self {
        Self { status: StatusCode::BAD_REQUEST, failure: Failure::input(message) }
    }

    pub(super) fn not_found(message: impl Display) -> Self {
        Self { status: StatusCode::NOT_FOUND, failure: Failure::failed(message) }
    }

    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(super) fn hint(self, hint: impl Display) -> Self {
        Self { failure: self.failure.hint(hint), ..self }
    }

    /// Says what the failure means before what it is.
    pub(super) fn prefixed(self, prefix: &str) -> Self {
        Self { failure: self.failure.prefixed(prefix), ..self }
    }

    pub(super) fn body(&self) -> Value {
        let Failure { code, message, hint } = &self.failure;
        json!({ "error": message, "hint": hint, "exit": code.number() })
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let status = if failure.code == Code::Input { StatusCode::BAD_REQUEST } else { StatusCode::CONFLICT };
        Self { status, failure }
    }
}

/// What the map refuses, for the key as the user wrote it.
pub(super) fn of_key(key: &str, error: KvError) -> ApiError {
    let message = format!("the key {key:?}: {error}");
    match error {
        KvError::NotFound => {
            ApiError::not_found(format!("no key {key:?}")).hint("`gossip list` shows the keys that this agent knows")
        }
        KvError::TooLarge { .. } => ApiError::input(message).with_status(StatusCode::PAYLOAD_TOO_LARGE).hint(
            "split it, store where it is to be found, or raise kv.max_value in the configuration of every member",
        ),
        KvError::ReservedKey => {
            ApiError::input(message).hint("@NAME/KEY is a member's own key: write your own with --own KEY")
        }
        KvError::NotOwner => ApiError::input(message).hint("only the member itself can write its own keys"),
        KvError::InvalidKey => ApiError::input(message).hint("a key is at most 255 bytes long"),
        KvError::Full { .. } => {
            ApiError::failed(message).hint("delete keys, or raise kv.max_entries in the configuration of every member")
        }
        KvError::TooFewMembers { .. } => ApiError::failed(format!("nothing was written: {message}"))
            .hint("`gossip members` shows who is alive; --wait all and --wait majority count those alone"),
        KvError::TooManyAwaited { .. } => ApiError::failed(format!("nothing was written: {message}"))
            .hint("write again when others are done, or raise kv.max_awaited in the agent's configuration"),
        KvError::TooDeep => ApiError::input(message).hint("give --field less often"),
        KvError::Disabled => ApiError::failed(message).hint("set kv.enabled in the agent's configuration"),
        _ => ApiError::failed(message),
    }
}

/// The message went out, but who has it cannot be found out.
pub(super) fn of_survey(version: &str, error: BroadcastError) -> ApiError {
    let why = match error {
        BroadcastError::Busy { .. } => "too many other messages are asked for at this time".to_owned(),
        other => other.to_string(),
    };
    let told = Failure::unacknowledged(format!("published as {version}, but who has it is not known: {why}"));
    ApiError::from(told.hint("it goes on spreading: do not publish it again; fewer at a time with --wait-coverage"))
}

/// Why a message is not taken back.
pub(super) fn of_cancel(version: &str, error: BroadcastError) -> ApiError {
    let message = format!("cannot take back {version}: {error}");
    match error {
        BroadcastError::NotOwn => ApiError::input(message).hint("ask the agent that published it"),
        BroadcastError::Gone => ApiError::failed(message).with_status(StatusCode::NOT_FOUND),
        other => of_message(other),
    }
}

/// What broadcast refuses.
pub(super) fn of_message(error: BroadcastError) -> ApiError {
    let message = format!("cannot publish: {error}");
    match error {
        BroadcastError::TooLarge { .. } => ApiError::input(message)
            .with_status(StatusCode::PAYLOAD_TOO_LARGE)
            .hint("an ordered message must fit one datagram; others have at most half of broadcast.bulk_bytes"),
        BroadcastError::KeyLength | BroadcastError::TopicLength => ApiError::input(message),
        BroadcastError::ReservedTopic => {
            ApiError::input(message).hint("topics that begin with a zero byte are the protocols' own: take another")
        }
        BroadcastError::Busy { retry_after } => ApiError::from(Failure::busy(message))
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
            .hint(format!("nothing was sent: publish again in {} ms, or less at a time", retry_after.as_millis())),
        BroadcastError::Disabled => {
            ApiError::failed(message).hint("set broadcast.enabled in the agent's configuration")
        }
        _ => ApiError::failed(message),
    }
}
