//! Who watches over whom: the first members in the order of rendezvous hashing (Thaler, Ravishankar, IEEE/ACM ToN 1998).
//! All members agree on the order without a word, and one that comes or goes changes it by itself alone.

use gossip_collections::SmallVec;

use super::Status;
use super::table::{MemberIndex, Table};
use crate::peer::Peer;

/// So many are ranked: the observers, and spare ones should those not answer.
pub(super) const MAX_RANKED: usize = 16;

pub(super) type Ranked = SmallVec<[MemberIndex; MAX_RANKED]>;

/// The first `count` members that are alive here, this node included, to observe `subject`. It looks at every member:
/// for the few cases of doubt, not for each packet.
pub(super) fn ranked<P: Peer>(table: &Table<P>, subject: MemberIndex, count: usize) -> Ranked {
    let count = count.min(MAX_RANKED);
    let mut best: SmallVec<[(u64, MemberIndex); MAX_RANKED]> = SmallVec::new();
    let position = u64::from(table.position(subject)) << 32;
    for at in table.live() {
        let index = MemberIndex(*at);
        let row = table.row(index);
        if index == subject || row.status != Status::Alive {
            continue;
        }
        let weight = mix(position | u64::from(table.position(index)));
        if best.len() == count && best.last().is_none_or(|(last, _)| *last >= weight) {
            continue;
        }
        let place = best.partition_point(|(other, _)| *other >= weight);
        best.truncate(count - 1);
        best.insert(place, (weight, index));
    }
    best.into_iter().map(|(_, index)| index).collect()
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
