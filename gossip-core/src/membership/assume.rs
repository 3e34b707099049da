//! Members that the application vouches for.

use super::{Claim, Membership, Record, Status};
use crate::identity::Identity;
use crate::peer::Peer;
use crate::protocol::Cx;

impl<P: Peer> Membership<P> {
    /// Enters members, and spreads nothing.
    pub(crate) fn assume(&mut self, cx: &mut Cx<'_, P>, members: impl ExactSizeIterator<Item = (Identity, P)>) {
        let room = cx.config.membership.max_members.saturating_sub(cx.table.len());
        cx.table.reserve(members.len().min(room));
        for (member, addr) in members {
            if cx.table.find(member.id).is_some() {
                continue;
            }
            if cx.table.len() >= cx.config.membership.max_members {
                cx.stats.dropped_members += 1;
                continue;
            }
            let record = Record { member, incarnation: 0, claim: Claim::Alive, addr, profile: 0 };
            cx.table.insert(&record, Status::Alive);
        }
    }
}
