//! `wait` and `timeout_ms` of a write: who else has to have it before it is answered, and for how long to wait.

use std::net::SocketAddr;
use std::time::Duration;

use gossip_core::NodeId;
use gossip_core::kv::{Quorum, Version};
use gossip_handle::Awaited;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::error::ApiError;
use super::writes::Written;
use super::{Answer, State};
use crate::profile::Profile;

/// How long is waited unless it is said, and at most.
const TIMEOUT_MS: u64 = 10_000;
const MAX_TIMEOUT_MS: u64 = 60_000;

/// What a write waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) quorum: Option<Quorum>,
    until: Instant,
}

impl Wait {
    /// Reads the two fields; the time runs from now on.
    pub(super) fn read(wait: Option<&str>, timeout_ms: Option<u64>) -> Result<Self, ApiError> {
        let quorum = wait.map(quorum).transpose()?;
        if quorum.is_none() && timeout_ms.is_some() {
            return Err(ApiError::input("`timeout_ms` limits a wait, but `wait` is missing"));
        }
        let timeout = timeout_ms.unwrap_or(TIMEOUT_MS);
        if !(1..=MAX_TIMEOUT_MS).contains(&timeout) {
            return Err(ApiError::input(format!("`timeout_ms` must be 1 to {MAX_TIMEOUT_MS}, not {timeout}"))
                .hint("--timeout takes 1ms to 60s"));
        }
        Ok(Self { quorum, until: Instant::now() + Duration::from_millis(timeout) })
    }

    /// Reads the same as parameters of a query.
    pub(super) fn parameters(wait: Option<&str>, timeout_ms: Option<&str>) -> Result<Self, ApiError> {
        let number = |text: &str| {
            text.parse().map_err(|_| ApiError::input(format!("`timeout_ms` must be a whole number, not `{text}`")))
        };
        Self::read(wait, timeout_ms.map(number).transpose()?)
    }

    /// Answers a write of the key that is shown so: when it is on disk, and with those who were to acknowledge it.
    pub(super) async fn answer(self, state: &State, shown: &str, written: Written) -> Result<Answer, ApiError> {
        self.answer_with(state, shown, written, Map::new()).await
    }

    /// As [`Self::answer`], with what the key holds since.
    pub(super) async fn answer_with(
        self,
        state: &State,
        shown: &str,
        written: Written,
        held: Map<String, Value>,
    ) -> Result<Answer, ApiError> {
        let (version, awaited) = written.kept().await?;
        let mut answer = written_row(shown, version);
        answer.extend(held);
        if let Some(awaited) = awaited {
            answer.insert("acks".into(), self.acks(state, awaited).await);
        }
        Ok(Value::Object(answer).into())
    }

    async fn acks(self, state: &State, mut awaited: Awaited<SocketAddr>) -> Value {
        let enough = tokio::time::timeout_at(self.until, awaited.enough()).await.unwrap_or(false);
        let (have, missing) = awaited.have_and_missing();
        json!({ "enough": enough, "have": names(state, &have), "missing": names(state, &missing) })
    }
}

fn written_row(shown: &str, version: Version) -> Map<String, Value> {
    let pairs = [("key", shown.to_string()), ("version", version.to_string())];
    pairs.into_iter().map(|(name, text)| (name.to_string(), text.into())).collect()
}

fn quorum(text: &str) -> Result<Quorum, ApiError> {
    match text {
        "all" => Ok(Quorum::All),
        "majority" => Ok(Quorum::Majority),
        _ => match text.parse() {
            Ok(count) if count > 0 => Ok(Quorum::Count(count)),
            _ => {
                Err(ApiError::input(format!("`wait` must be a number of other members, all or majority, not `{text}`")))
            }
        },
    }
}

fn names(state: &State, ids: &[NodeId]) -> Vec<String> {
    let mut names: Vec<String> = state.handle.with(|node, _| {
        let members = node.members();
        let name = |id: &NodeId| Profile::decode(*id, members.get(*id).map_or(&[], |member| member.metadata)).name;
        ids.iter().map(name).collect()
    });
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_for_a_number_all_or_a_majority() {
        let quorum = |text| Wait::read(Some(text), None).map(|wait| wait.quorum).ok().flatten();
        assert_eq!(quorum("2"), Some(Quorum::Count(2)));
        assert_eq!(quorum("all"), Some(Quorum::All));
        assert_eq!(quorum("majority"), Some(Quorum::Majority));
        for text in ["", "0", "-1", "most", "1.5"] {
            assert_eq!(quorum(text), None, "{text}");
        }
    }

    #[test]
    fn a_timeout_has_limits_and_needs_a_wait() {
        assert!(Wait::read(Some("all"), Some(60_000)).is_ok());
        assert!(Wait::read(Some("all"), Some(0)).is_err());
        assert!(Wait::read(Some("all"), Some(60_001)).is_err());
        assert!(Wait::read(None, Some(5)).is_err());
        assert!(Wait::parameters(Some("all"), Some("soon")).is_err());
    }
}
