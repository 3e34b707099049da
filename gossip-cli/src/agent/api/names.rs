//! Members by the names that users give and read.

use std::net::SocketAddr;

use gossip_core::{Members, NodeId};

use super::State;
use super::error::ApiError;
use crate::profile::Profile;

/// The member that a user means by a name or an id.
pub(super) fn member_named(state: &State, named: &str) -> Result<(String, NodeId), ApiError> {
    let found = state.handle.with(|node, _| {
        let members = node.members();
        let known = |id| members.get(id).map(|member| Profile::decode(id, member.metadata).name);
        // An agent's id is the hash of its name; any other member is known by what it says.
        let by_id = [named.parse().ok(), Some(NodeId::from_name(named))].into_iter().flatten();
        let by_id = by_id.into_iter().find_map(|id| known(id).map(|name| (name, id)));
        by_id.or_else(|| {
            let mut rows = members.iter().map(|member| (Profile::decode(member.id, member.metadata).name, member.id));
            rows.find(|(name, _)| name == named)
        })
    });
    found.ok_or_else(|| {
        ApiError::not_found(format!("no member {named:?} is known")).hint("`gossip members --all` shows names and ids")
    })
}

/// A member's name; of one that is not known the first digits of its id.
pub(super) fn name_of(members: &Members<'_, SocketAddr>, id: NodeId) -> String {
    Profile::decode(id, members.get(id).map_or(&[], |member| member.metadata)).name
}
