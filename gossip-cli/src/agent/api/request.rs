//! What a request says: its query and its JSON body, both checked.

use std::borrow::Cow;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// The longest body, in bytes: far more than a map can hold in one import.
const MAX_BODY: usize = 64 << 20;

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

/// Reads the body as JSON of the shape that the operation wants.
pub(super) async fn json<T: DeserializeOwned>(body: Incoming) -> Result<T, ApiError> {
    let collected = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(|error| ApiError::input(format!("cannot read the body: {error}")))?;
    serde_json::from_slice(&collected.to_bytes()).map_err(|error| ApiError::input(format!("the body: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

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
