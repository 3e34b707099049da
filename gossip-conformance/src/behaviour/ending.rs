//! How nodes end, or do not even begin.

use std::thread;

use gossip_core::broadcast::BroadcastError;
use gossip_core::kv::{KvError, Scope};
use gossip_core::{MemberChange, NodeId, Peer};
use gossip_handle::{Handle, SendFailure, Sending};

use crate::adapter::Adapter;
use crate::lab::run;

/// A node shuts down while a thread publishes, writes and sends as fast as it may: all that is refused from then on, everything that
/// waits ends, and the others see a goodbye and go on.
pub fn a_shutdown_in_the_middle_of_traffic_ends_everything_that_waits<A: Adapter>(adapter: &A) {
    run(adapter, "a shutdown in the middle of traffic ends everything that waits", async |lab| {
        let mut members = lab.cluster(&["a", "b", "c"]).await;
        let Some(leaving) = members.pop() else { return };
        let mut streams: Vec<_> = members.iter().map(|member| lab.handle(member).events()).collect();
        let (of, to) = ((leaving.name.clone(), leaving.id), members[0].id);
        let (handle, mut own) = (lab.handle(&leaving).clone(), lab.handle(&leaving).events());
        let traffic = thread::spawn({
            let handle = handle.clone();
            move || traffic(&handle, to)
        });
        let busy = |handle: &Handle<A::Peer>| handle.with(|node, _| node.kv().len()) >= 100;
        lab.until_all(&members, "traffic comes in", busy).await;
        lab.shutdown(leaving).await;

        let Ok(waiting) = traffic.join() else { panic!("{}: the traffic panicked", lab.title()) };
        let refused = [
            handle.set(Scope::Shared, b"k", b"v") == Err(KvError::Leaving),
            handle.publish(b"topic", b"late") == Err(BroadcastError::Leaving),
            matches!(handle.send_to(to, 0, b"late"), Err(SendFailure::Closed)),
        ];
        assert_eq!(refused, [true; 3], "{}: what a closed node refuses", lab.title());
        lab.within("messages under way end", async {
            for sending in waiting {
                _ = sending.await;
            }
        })
        .await;
        lab.within("the event stream ends", async { while own.recv().await.is_some() {} }).await;
        for (member, events) in members.iter().zip(&mut streams) {
            let changes = lab.changes_until((member, events), (&of.0, of.1), MemberChange::Left).await;
            assert!(!changes.contains(&MemberChange::Down), "{}: {} saw {changes:?}", lab.title(), member.name);
        }
        lab.works(&members[0], &members[1], b"after").await;
    });
}

/// Everything at once, until the node leaves: the messages that wait to hear what became of them.
fn traffic<P: Peer>(handle: &Handle<P>, to: NodeId) -> Vec<Sending> {
    let mut waiting = Vec::new();
    for number in 0_u32.. {
        let set = handle.set(Scope::Shared, &(number % 1000).to_be_bytes(), &number.to_be_bytes());
        _ = handle.publish(b"traffic", &[7; 500]);
        if waiting.len() < 100 {
            waiting.extend(handle.send_to(to, 0, b"direct"));
        }
        if set == Err(KvError::Leaving) {
            break;
        }
        thread::yield_now();
    }
    waiting
}

/// A second node at the place of the first is refused, with an error that names the place; the first one does not notice.
pub fn a_place_that_is_taken_is_refused_and_named<A: Adapter>(adapter: &A) {
    run(adapter, "a place that is taken is refused and named", async |lab| {
        let first = lab.start("a").await;
        let place = lab.place(&first);
        let mut second = lab.seat("b");
        second.at = Some(place.clone());
        let refused = lab.within("the start ends", lab.adapter.start(second)).await;
        let Err(error) = refused else { panic!("{}: two nodes at {place}", lab.title()) };
        let text = error.to_string();
        assert!(text.contains(&place.to_string()), "{}: {place} is not named: {text}", lab.title());

        let other = lab.start("c").await;
        lab.join(&other, &place).await;
        lab.works(&other, &first, b"key").await;
    });
}
