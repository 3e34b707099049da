//! Who comes and who goes.

use gossip_core::{MemberChange, Status};

use crate::adapter::Adapter;
use crate::lab::{run, status};

/// Three nodes join through one, are told how many it knows, and hold each other for alive.
pub fn members_that_join_through_one_know_each_other<A: Adapter>(adapter: &A) {
    run(adapter, "members that join through one know each other", async |lab| {
        let members = lab.cluster(&["a", "b", "c"]).await;
        for observer in &members {
            for member in &members {
                let seen = status(lab.handle(observer), member.id);
                assert_eq!(seen, Some(Status::Alive), "{}: {} at {}", lab.title(), member.name, observer.name);
            }
        }
        let newcomer = lab.start("d").await;
        let known = lab.join(&newcomer, &lab.place(&members[1])).await;
        assert!(known >= 3, "{}: the contact knows {known}", lab.title());
    });
}

/// A node that stops without a word is held for down by all, and never for gone by its own will.
pub fn a_crash_is_seen_as_down<A: Adapter>(adapter: &A) {
    run(adapter, "a crash is seen as down", async |lab| {
        let mut members = lab.cluster(&["a", "b", "c"]).await;
        let Some(crashing) = members.pop() else { return };
        let mut streams: Vec<_> = members.iter().map(|member| lab.handle(member).events()).collect();
        let of = (crashing.name.clone(), crashing.id);
        lab.abort(crashing).await;
        for (member, events) in members.iter().zip(&mut streams) {
            let changes = lab.changes_until((member, events), (&of.0, of.1), MemberChange::Down).await;
            assert!(!changes.contains(&MemberChange::Left), "{}: {} saw {changes:?}", lab.title(), member.name);
        }
    });
}

/// A node that shuts down says goodbye: nobody takes that for a failure.
pub fn a_shutdown_is_seen_as_left_and_never_as_down<A: Adapter>(adapter: &A) {
    run(adapter, "a shutdown is seen as left and never as down", async |lab| {
        let mut members = lab.cluster(&["a", "b", "c"]).await;
        let Some(leaving) = members.pop() else { return };
        let mut streams: Vec<_> = members.iter().map(|member| lab.handle(member).events()).collect();
        let (handle, of) = (lab.handle(&leaving).clone(), (leaving.name.clone(), leaving.id));
        lab.shutdown(leaving).await;
        assert!(handle.is_closed(), "{}: the handle of who left is not closed", lab.title());
        for (member, events) in members.iter().zip(&mut streams) {
            let changes = lab.changes_until((member, events), (&of.0, of.1), MemberChange::Left).await;
            assert!(!changes.contains(&MemberChange::Down), "{}: {} saw {changes:?}", lab.title(), member.name);
        }
    });
}

/// A member that crashed is started again at the same place, which is free by then, in its next life; all see that life.
pub fn a_crashed_member_comes_back_at_its_place_with_a_higher_generation<A: Adapter>(adapter: &A) {
    run(adapter, "a crashed member comes back at its place with a higher generation", async |lab| {
        let mut members = lab.cluster(&["a", "b", "c"]).await;
        let Some(crashing) = members.pop() else { return };
        let (place, id) = (lab.place(&crashing), crashing.id);
        lab.abort(crashing).await;
        lab.until(&members[0], "c is down", |handle| status(handle, id) == Some(Status::Down)).await;

        let mut again = lab.seat("c");
        (again.generation, again.at) = (2, Some(place));
        let back = lab.start_as(again).await;
        lab.join(&back, &lab.place(&members[1])).await;
        lab.until_all(&members, "c is back in its second life", |handle| {
            handle.with(|node, _| {
                let known = node.members().get(id);
                known.is_some_and(|member| member.status == Status::Alive && member.generation == 2)
            })
        })
        .await;
    });
}
