//! Which keys a request is about: those that start with a prefix, of all members or of this one alone.

use std::net::SocketAddr;

use gossip_core::Node;
use gossip_core::kv::{Holding, Scope};
use gossip_core::{Members, NodeId};

use super::State;
use super::error::ApiError;
use super::keyname::Shown;
use super::request::Query;

/// Keys by how they are shown: `prefix` for shared ones, `@NAME/` for a member's own, everything if it is empty.
#[derive(Debug)]
pub(super) struct Selection {
    prefix: String,
    /// Only keys of this member's own, by their bare names.
    own: Option<NodeId>,
}

impl Selection {
    /// Reads `prefix` and `own`.
    pub(super) fn read(state: &State, query: &Query) -> Result<Self, ApiError> {
        let prefix = query.one("prefix").unwrap_or_default().to_string();
        Ok(Self { prefix, own: query.flag("own")?.then_some(state.me) })
    }

    /// The keys that hold something, in the order of the map.
    pub(super) fn entries<'a>(&self, node: &'a Node<SocketAddr>, shown: &mut Shown) -> Vec<Holding<'a>> {
        let (kv, members) = (node.kv(), node.members());
        match self.scope() {
            Some(scope) => kv.keys(Some(scope), self.prefix.as_bytes()).collect(),
            None => kv.keys(None, b"").filter(|key| self.holds(key.scope(), key.key(), &members, shown)).collect(),
        }
    }

    /// Whether a key is among them.
    pub(super) fn holds(&self, scope: Scope, key: &[u8], members: &Members<'_, SocketAddr>, shown: &mut Shown) -> bool {
        match self.scope() {
            Some(only) => scope == only && key.starts_with(self.prefix.as_bytes()),
            None if self.prefix.is_empty() => true,
            None => scope != Scope::Shared && shown.key(scope, key, members).starts_with(&self.prefix),
        }
    }

    /// The one space that they are in, if it is one.
    fn scope(&self) -> Option<Scope> {
        match self.own {
            Some(me) => Some(Scope::Own(me)),
            None if self.prefix.is_empty() || self.prefix.starts_with('@') => None,
            None => Some(Scope::Shared),
        }
    }
}
