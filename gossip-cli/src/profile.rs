//! What this program keeps in a member's metadata: its name and its tags.

use std::collections::BTreeMap;

use gossip_core::NodeId;
use serde::{Deserialize, Serialize};

use crate::exit::Failure;

/// The longest name, in bytes.
const MAX_NAME: usize = 64;
/// The only format so far.
const VERSION: u8 = 1;

/// A member's name and tags, as everybody sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) tags: BTreeMap<String, String>,
}

/// Compact JSON with one-letter fields: readable on the wire, and small enough for a few hundred bytes of tags.
#[derive(Deserialize, Serialize)]
struct Encoded {
    v: u8,
    n: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    t: BTreeMap<String, String>,
}

impl Profile {
    /// A profile from what the user said.
    pub(crate) fn new(name: &str, tags: BTreeMap<String, String>) -> Result<Self, Failure> {
        check_name(name)?;
        // What could not be asked for as KEY=VALUE.
        if let Some(key) = tags.keys().find(|key| key.is_empty() || key.contains('=')) {
            return Err(
                Failure::input(format!("`{key}` is no key of a tag")).hint("a key is not empty and holds no `=`")
            );
        }
        Ok(Self { name: name.to_string(), tags })
    }

    /// The metadata, at most `max` bytes long.
    pub(crate) fn encode(&self, max: usize) -> Result<Vec<u8>, Failure> {
        let encoded = Encoded { v: VERSION, n: self.name.clone(), t: self.tags.clone() };
        let bytes = serde_json::to_vec(&encoded)
            .map_err(|error| Failure::failed(format!("cannot write name and tags: {error}")))?;
        if bytes.len() > max {
            let message = format!("name and tags take {} bytes; at most {max} fit a member's metadata", bytes.len());
            return Err(
                Failure::input(message).hint("use fewer or shorter tags, and keys for the rest: gossip set --own")
            );
        }
        Ok(bytes)
    }

    /// The name and tags in a member's metadata. Metadata that this program did not write yields a profile named by the
    /// first digits of the id.
    pub(crate) fn decode(id: NodeId, metadata: &[u8]) -> Self {
        let known = serde_json::from_slice::<Encoded>(metadata).ok();
        match known.filter(|encoded| encoded.v == VERSION && check_name(&encoded.n).is_ok()) {
            Some(encoded) => Self { name: encoded.n, tags: encoded.t },
            None => Self { name: id.to_string()[..8].to_string(), tags: BTreeMap::new() },
        }
    }
}

/// Refuses names that could not stand in a key such as `@name/key`, in a table or in a shell.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let allowed = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let problem = if name.is_empty() {
        "is empty".to_string()
    } else if name.len() > MAX_NAME {
        format!("is {} bytes long; at most {MAX_NAME} are allowed", name.len())
    } else if let Some(c) = name.chars().find(|c| !allowed(*c)) {
        format!("holds {c:?}")
    } else {
        return Ok(());
    };
    Err(Failure::input(format!("the name `{}` {problem}", name.escape_debug()))
        .hint("a name is letters, digits, `.`, `_` and `-`"))
}

/// Reads `KEY=VALUE` for each tag.
pub(crate) fn parse_tags(list: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut tags = BTreeMap::new();
    for tag in list {
        let (key, value) = parse_tag(tag)?;
        if tags.insert(key.clone(), value).is_some() {
            return Err(Failure::input(format!("the tag `{key}` is given twice")));
        }
    }
    Ok(tags)
}

/// Splits `KEY=VALUE`.
pub(crate) fn parse_tag(tag: &str) -> Result<(String, String), Failure> {
    match tag.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_string(), value.to_string())),
        _ => Err(Failure::input(format!("`{tag}` is no tag")).hint("write KEY=VALUE, such as --tag role=web")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(list: &[&str]) -> Result<BTreeMap<String, String>, Failure> {
        parse_tags(&list.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn name_and_tags_survive_the_metadata() {
        let profile = Profile::new("web-1", tags(&["role=web", "zone=ä=b", "empty="]).unwrap()).unwrap();
        let bytes = profile.encode(512).unwrap();
        assert_eq!(Profile::decode(NodeId::from_name("web-1"), &bytes), profile);
    }

    #[test]
    fn too_many_tags_are_refused_with_the_limit() {
        let many = (0..60).map(|i| (format!("key-{i}"), "value".to_string())).collect();
        let failure = Profile::new("web-1", many).unwrap().encode(512).unwrap_err();
        assert!(failure.message.contains("at most 512"), "{}", failure.message);
    }

    #[test]
    fn a_tag_without_a_key_or_given_twice_is_refused() {
        for bad in [&["role"][..], &["=x"], &["a=1", "a=2"]] {
            assert!(tags(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "a=b"] {
            assert!(Profile::new("n", [(bad.to_string(), String::new())].into()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_that_could_not_stand_in_a_key_is_refused() {
        for name in ["", "a/b", "@a", "a b", "a\n", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("knoten-ä.1_x").is_ok());
    }

    #[test]
    fn metadata_of_another_program_is_shown_by_the_id() {
        let id = NodeId::from_name("x");
        for metadata in [&b""[..], b"\xff\xff", b"{\"v\":2,\"n\":\"y\"}", b"{\"v\":1,\"n\":\"a/b\"}"] {
            assert_eq!(Profile::decode(id, metadata).name, id.to_string()[..8]);
        }
    }
}
