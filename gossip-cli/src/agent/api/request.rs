//! What a request says: its query and its JSON body, both checked.

use std::borrow::Cow;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::digits;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// What follows the head of a request, unread.
pub(super) struct Body {
    incoming: Incoming,
    max: usize,
}

/// The parameters behind the question mark.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads them; a name that is not among `known` is an error rather than something to overlook.
    pub(super) fn parse(query: Option<&str>, known: &[&str]) -> Result<Self, ApiError> {
        let owned = |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned(), value.into_owned());
        let pairs: Vec<_> = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).map(owned).collect();
        match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(ApiError::input(format!("unknown parameter `{name}`"))),
            None => Ok(Self(pairs)),
        }
    }

    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.one(name).ok_or_else(|| ApiError::input(format!("the parameter `{name}` is missing")))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.one(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(ApiError::input(format!("`{name}` must be true or false, not `{other}`"))),
        }
    }
}

impl Body {
    /// At most `max` bytes of it are read.
    pub(super) fn new(incoming: Incoming, max: usize) -> Self {
        Self { incoming, max }
    }

    /// Reads it as JSON of the shape that the operation wants.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, ApiError> {
        let max = self.max;
        let collected = tokio::time::timeout(PATIENCE, Limited::new(self.incoming, max).collect())
            .await
            .map_err(|_| ApiError::input(format!("the body did not arrive within {PATIENCE:?}")))?
            .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => ApiError::input(format!("the body is longer than {max} bytes"))
                    .with_status(StatusCode::PAYLOAD_TOO_LARGE)
                    .hint("send less at a time; the Unix socket takes more than a port"),
                None => ApiError::input(format!("cannot read the body: {error}")),
            })?;
        serde_json::from_slice(&collected.to_bytes()).map_err(|error| ApiError::input(format!("the body: {error}")))
    }
}

/// What a request gives under a name as text, or as hexadecimal digits under `NAME_hex`; neither is no bytes.
pub(super) fn bytes(name: &str, text: Option<String>, digits: Option<String>) -> Result<Vec<u8>, ApiError> {
    match (text, digits) {
        (Some(_), Some(_)) => Err(ApiError::input(format!("`{name}` and `{name}_hex` say the same: give one of them"))),
        (text, None) => Ok(text.unwrap_or_default().into_bytes()),
        (None, Some(digits)) => digits::read(&digits)
            .ok_or_else(|| ApiError::input(format!("`{name}_hex` must be pairs of hexadecimal digits"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_text_or_digits() {
        let of = |text: Option<&str>, digits: Option<&str>| bytes("data", text.map(Into::into), digits.map(Into::into));
        assert_eq!(of(Some("ä"), None).unwrap(), "ä".as_bytes());
        assert_eq!(of(None, Some("00fF")).unwrap(), [0, 0xff]);
        assert_eq!(of(None, None).unwrap(), b"");
        for (text, digits) in [(Some("a"), Some("00")), (None, Some("0")), (None, Some("+1")), (None, Some("äx"))] {
            assert!(of(text, digits).is_err(), "{text:?} {digits:?}");
        }
    }

    #[test]
    fn parameters_are_decoded_and_may_repeat() {
        let query = Query::parse(Some("tag=a%3Db&tag=c%3D%C3%A4&all=true"), &["tag", "all"]).unwrap();
        assert_eq!(query.all("tag").collect::<Vec<_>>(), ["a=b", "c=ä"]);
        assert!(query.flag("all").unwrap());
    }

    #[test]
    fn an_unknown_missing_or_strange_parameter_is_refused() {
        assert!(Query::parse(Some("x=1"), &["y"]).is_err());
        let query = Query::parse(Some("all=maybe"), &["all", "key"]).unwrap();
        assert!(query.flag("all").is_err());
        assert!(query.required("key").is_err());
    }
}
