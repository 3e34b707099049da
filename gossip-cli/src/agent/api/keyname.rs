//! Keys as people write them: `key` is shared, `@name/key` is a member's own.

use std::collections::HashMap;

use gossip_core::kv::Scope;
use gossip_core::{Members, NodeId, Peer};

use super::error::ApiError;
use crate::profile::Profile;

/// The scope and the bare key of what the user wrote; `own` makes it a key of `me`.
pub(super) fn parse(text: &str, own: bool, me: NodeId) -> Result<(Scope, &str), ApiError> {
    if own {
        return Ok((Scope::Own(me), text));
    }
    let Some(rest) = text.strip_prefix('@') else { return Ok((Scope::Shared, text)) };
    match rest.split_once('/') {
        Some((owner, key)) if !owner.is_empty() => Ok((Scope::Own(owner_named(owner)), key)),
        _ => Err(ApiError::input(format!(
            "the key {text:?} begins like a member's own key, but names no member and key"
        ))
        .hint("write @NAME/KEY; your own keys are written with --own KEY")),
    }
}

/// An agent's id is the hash of its name; a member that is no agent goes by its id.
fn owner_named(owner: &str) -> NodeId {
    owner.parse().unwrap_or_else(|_| NodeId::from_name(owner))
}

/// How keys are shown: what [`parse`] reads. Remembers owners, of which there are fewer than keys.
#[derive(Default)]
pub(in crate::agent) struct Shown {
    owners: HashMap<NodeId, String>,
}

impl Shown {
    /// The key with its owner; bytes that are no text become U+FFFD.
    pub(in crate::agent) fn key<P: Peer>(&mut self, scope: Scope, key: &[u8], members: &Members<'_, P>) -> String {
        let key = String::from_utf8_lossy(key);
        match scope {
            Scope::Shared => key.into_owned(),
            Scope::Own(owner) => {
                let owner = self.owners.entry(owner).or_insert_with(|| {
                    // A name is the member's own claim: it stands for the owner only if it is the name of that id.
                    let name = members.get(owner).map(|member| Profile::decode(owner, member.metadata).name);
                    name.filter(|name| owner_named(name) == owner).unwrap_or_else(|| owner.to_string())
                });
                format!("@{owner}/{key}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shared_own_or_another_members() {
        let me = NodeId::from_name("me");
        let other = NodeId::from_name("web-1");
        assert_eq!(parse("k/x", false, me).unwrap(), (Scope::Shared, "k/x"));
        assert_eq!(parse("k", true, me).unwrap(), (Scope::Own(me), "k"));
        assert_eq!(parse("@web-1/a/b", false, me).unwrap(), (Scope::Own(other), "a/b"));
        assert_eq!(parse(&format!("@{other}/a"), false, me).unwrap(), (Scope::Own(other), "a"));
    }

    #[test]
    fn an_own_key_without_a_member_is_refused() {
        for text in ["@", "@name", "@/key"] {
            assert!(parse(text, false, NodeId::from_name("me")).is_err(), "{text}");
        }
    }
}
