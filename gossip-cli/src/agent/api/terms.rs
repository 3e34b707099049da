//! On what terms a write is made: for how long it stays, what has to be there, who has to have it.

use std::time::Duration;

use gossip_core::kv::{Expect, Holding, Quorum, Version, WriteOptions};
use hyper::StatusCode;

use super::error::ApiError;
use crate::exit::Failure;

/// What a write is made under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    expires: Option<Duration>,
    expected: Option<Expected>,
    pub(super) quorum: Option<Quorum>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Absent,
    /// A version as it is shown.
    Version(String),
}

impl Terms {
    /// Reads the fields of a request.
    pub(super) fn read(
        expires_ms: Option<u64>,
        if_absent: bool,
        if_version: Option<String>,
        quorum: Option<Quorum>,
    ) -> Result<Self, ApiError> {
        let expected = match (if_absent, if_version) {
            (true, Some(_)) => {
                return Err(ApiError::input("`if_absent` and `if_version` cannot both be so: leave one out"));
            }
            (true, None) => Some(Expected::Absent),
            (false, Some(text)) if is_version(&text) => Some(Expected::Version(text)),
            (false, Some(text)) => {
                return Err(ApiError::input(format!("`{text}` is no version of a key"))
                    .hint("it is what a write prints, and `gossip get KEY --json` shows as `version`"));
            }
            (false, None) => None,
        };
        if expires_ms == Some(0) {
            return Err(ApiError::input("`expires_ms` must be 1 at least"));
        }
        Ok(Self { expires: expires_ms.map(Duration::from_millis), expected, quorum })
    }

    /// The same for the core, if the key is as they want it; `shown` is what the user calls it.
    pub(super) fn check(&self, shown: &str, found: Option<Holding<'_>>) -> Result<WriteOptions, ApiError> {
        let versions = found.map(|found| found.versions()).unwrap_or_default();
        let expect = match (&self.expected, &versions[..]) {
            (None, _) => None,
            (Some(Expected::Absent), []) => Some(Expect::Absent),
            (Some(Expected::Version(text)), [version]) if version.to_string() == *text => {
                Some(Expect::Version(*version))
            }
            (Some(expected), _) => return Err(changed(shown, expected, &versions)),
        };
        Ok(WriteOptions { expires: self.expires, expect })
    }
}

/// What [`Version`] shows: eight digits of the node, the life, the counter.
pub(super) fn is_version(text: &str) -> bool {
    let mut parts = text.split('.');
    let node = parts.next().is_some_and(|node| node.len() == 8 && node.bytes().all(|b| b.is_ascii_hexdigit()));
    node && parts.clone().count() == 2 && parts.all(|number| number.parse::<u64>().is_ok())
}

fn changed(shown: &str, expected: &Expected, versions: &[Version]) -> ApiError {
    let found = match versions {
        [] => "the key is not there".to_string(),
        [version] => format!("the key is at version {version}"),
        _ => {
            let versions: Vec<String> = versions.iter().map(Version::to_string).collect();
            format!("the key was written at the same time by several, as versions {}", versions.join(" and "))
        }
    };
    let hint = match (expected, versions) {
        (Expected::Absent, _) => "`gossip get` shows what it holds; delete it first, or write without --if-absent",
        (_, []) => "it was deleted or has expired, or this agent has not heard of it yet",
        (_, [_]) => "read the key again, and decide anew with the version that it has now",
        _ => "`gossip siblings` shows what they wrote, `gossip resolve` writes one value in their place",
    };
    let failure = Failure::changed(format!("nothing was written: {shown:?}: {found}")).hint(hint);
    ApiError::from(failure).with_status(StatusCode::PRECONDITION_FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_eight_digits_and_two_numbers() {
        assert!(is_version("0011aabb.115593420800000123.42"));
        for text in ["", "1", "0011aab.1.2", "0011aabb.1", "0011aabb.1.2.3", "0011aabb.x.2", "0011aabb.1."] {
            assert!(!is_version(text), "{text}");
        }
    }

    #[test]
    fn terms_that_cannot_be_are_refused() {
        let version = || Some("0011aabb.1.2".to_string());
        assert!(Terms::read(Some(0), false, None, None).is_err());
        assert!(Terms::read(None, true, version(), None).is_err());
        assert!(Terms::read(None, false, Some("latest".into()), None).is_err());
        assert!(Terms::read(Some(1), false, version(), None).is_ok());
    }
}
