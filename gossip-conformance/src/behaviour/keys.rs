//! The replicated map.

use gossip_core::kv::Scope;

use crate::adapter::Adapter;
use crate::lab::{Lab, Member, run};

/// What one sets the others read; what another overwrites or deletes is so for all.
pub fn keys_are_set_read_and_deleted_by_all<A: Adapter>(adapter: &A) {
    run(adapter, "keys are set, read and deleted by all", async |lab| {
        let members = lab.cluster(&["a", "b", "c"]).await;
        set_read_and_deleted(lab, &members).await;
    });
}

/// Each sets keys, shared and own, another one overwrites and deletes some of them, and in the end all hold the same.
pub(crate) async fn set_read_and_deleted<A: Adapter>(lab: &Lab<'_, A>, members: &[Member<A>]) {
    const KEYS: u8 = 50;
    let refused = |error| panic!("{}: {error}", lab.title());
    for (number, member) in (0..).zip(members) {
        for key in 0..KEYS {
            _ = lab.handle(member).set(Scope::Shared, &[number, key], &[key; 100]).map_err(refused);
        }
        _ = lab.handle(member).set(Scope::Own(member.id), b"own", member.name.as_bytes()).map_err(refused);
    }
    let all = members.len() * (usize::from(KEYS) + 1);
    lab.until_all(members, "all keys are there", |handle| handle.with(|node, _| node.kv().len()) == all).await;

    // Each one works on its neighbour's.
    for (number, member) in (0..).zip(members) {
        let neighbour = (number + 1) % members.len() as u8;
        for key in 0..KEYS / 2 {
            _ = lab.handle(member).delete(Scope::Shared, &[neighbour, key]).map_err(refused);
        }
        _ = lab.handle(member).set(Scope::Shared, &[neighbour, KEYS - 1], b"overwritten").map_err(refused);
    }
    for number in 0..members.len() as u8 {
        lab.until_all(members, "deleted keys are gone, overwritten ones have their last value", |handle| {
            let get = |key| handle.get(Scope::Shared, &[number, key]).map(|(value, _)| value);
            (0..KEYS / 2).all(|key| get(key).is_none())
                && (KEYS / 2..KEYS - 1).all(|key| get(key).is_some())
                && get(KEYS - 1).as_deref() == Some(b"overwritten")
        })
        .await;
    }
    for owner in members {
        let own = lab.handle(&members[0]).get(Scope::Own(owner.id), b"own").map(|(value, _)| value);
        assert_eq!(own.as_deref(), Some(owner.name.as_bytes()), "{}: own key of {}", lab.title(), owner.name);
    }
}
