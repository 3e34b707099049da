//! More than the network, a receiver or an application can take.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_lite::future;
use gossip_core::broadcast::BroadcastError;
use gossip_core::kv::Scope;
use gossip_core::{CommandError, Event};
use gossip_handle::SendFailure;

use crate::adapter::Adapter;
use crate::lab::{run, wait};

/// A node that may send little refuses what its application publishes too fast; what it took arrives everywhere, once.
pub fn who_publishes_too_fast_is_told_to_wait_and_nothing_is_lost<A: Adapter>(adapter: &A) {
    const MESSAGES: u16 = 300;
    run(adapter, "who publishes too fast is told to wait and nothing is lost", async |lab| {
        lab.config.max_bytes_per_second = 1_000_000;
        lab.config.broadcast.max_unsent_bytes = 32 << 10;
        let members = lab.cluster(&["a", "b", "c"]).await;
        let mut streams = [&members[0], &members[2]].map(|member| (member, lab.handle(member).events()));
        let (sender, mut refusals) = (lab.handle(&members[1]), 0);
        lab.within("all messages are taken", async {
            for number in 0..MESSAGES {
                let payload = [number.to_be_bytes().as_slice(), &[7; 900]].concat();
                while let Err(error) = sender.publish(b"much", &payload) {
                    let BroadcastError::Busy { retry_after } = error else { panic!("{}: {error}", lab.title()) };
                    refusals += 1;
                    wait(retry_after.clamp(Duration::from_millis(1), Duration::from_millis(50))).await;
                }
            }
        })
        .await;
        assert!(refusals > 0, "{}: the application was never told to wait", lab.title());
        for (member, events) in &mut streams {
            let mut received = Vec::new();
            let what = format!("{} gets all {MESSAGES} messages", member.name);
            lab.within(&what, async {
                while received.len() < usize::from(MESSAGES) {
                    match events.recv().await {
                        Some(Event::Broadcast(message)) => received.push(message.payload()[..2].to_vec()),
                        Some(Event::Lagged(missed)) => panic!("{}: {missed} events missed", lab.title()),
                        Some(_) => {}
                        None => panic!("{}: {} is closed", lab.title(), member.name),
                    }
                }
            })
            .await;
            received.sort();
            let expected: Vec<_> = (0..MESSAGES).map(|number| number.to_be_bytes().to_vec()).collect();
            assert!(received == expected, "{}: {} got some twice", lab.title(), member.name);
        }
    });
}

/// Messages to one member whose inbox is full wait, up to a limit at which the sender is told; each that was taken is delivered once
/// the reader reads, or is reported as lost.
pub fn who_sends_to_a_full_inbox_waits_and_nothing_is_lost<A: Adapter>(adapter: &A) {
    const MESSAGES: u8 = 100;
    run(adapter, "who sends to a full inbox waits and nothing is lost", async |lab| {
        lab.config.direct.max_pending_per_peer = 16;
        lab.config.direct.timeout = Duration::from_secs(20);
        let members = lab.cluster(&["a", "b"]).await;
        let (sender, receiver) = (lab.handle(&members[0]), &members[1]);
        let Some(mut inbox) = lab.handle(receiver).inbox(3, 4) else { panic!("{}: no inbox", lab.title()) };
        let mut under_way = Vec::new();
        let mut number = 0;
        let refusal = loop {
            match sender.send_to(receiver.id, 3, &[number]) {
                Ok(sending) => under_way.push(sending),
                Err(refusal) => break refusal,
            }
            number += 1;
        };
        let expected = SendFailure::Command(CommandError::TooManyPending { max: 16 });
        assert_eq!(refusal, expected, "{}: after {number} messages", lab.title());
        lab.until(receiver, "the inbox is full", |_| inbox.waiting() == 4).await;

        let mut received = BTreeSet::new();
        let reads = async {
            while received.len() < usize::from(MESSAGES) {
                let Some(message) = inbox.recv().await else { panic!("{}: the inbox is closed", lab.title()) };
                assert!(received.insert(message.data[0]), "{}: {:?} came twice", lab.title(), message.data);
            }
        };
        let sends = async {
            for sending in under_way {
                assert_eq!(sending.await, Ok(()), "{}", lab.title());
            }
            for number in number..MESSAGES {
                match sender.send_to(receiver.id, 3, &[number]) {
                    Ok(sending) => assert_eq!(sending.await, Ok(()), "{}: message {number}", lab.title()),
                    Err(failure) => panic!("{}: message {number}: {failure}", lab.title()),
                }
            }
        };
        lab.within("all messages are delivered", future::zip(reads, sends)).await;
    });
}

/// Who reads no events for a while finds as many as the limit says and, in place of the others, their number; what they told of is all
/// there.
pub fn a_slow_consumer_is_told_how_much_it_missed<A: Adapter>(adapter: &A) {
    run(adapter, "a slow consumer is told how much it missed", async |lab| {
        lab.config.max_events = 16;
        let alone = lab.start("a").await;
        let mut slow = lab.handle(&alone).events();
        for number in 0..100_u8 {
            _ = lab.handle(&alone).set(Scope::Shared, &[b'k', number], b"v");
        }
        let waiting: Vec<_> = std::iter::from_fn(|| slow.try_recv()).collect();
        assert_eq!(waiting.len(), 17, "{}: {waiting:?}", lab.title());
        assert_eq!(waiting.last(), Some(&Event::Lagged(84)), "{}", lab.title());

        let other = lab.start("b").await;
        let mut slow = lab.handle(&other).events();
        lab.join(&other, &lab.place(&alone)).await;
        let all = |handle: &gossip_handle::Handle<A::Peer>| handle.with(|node, _| node.kv().len()) == 100;
        lab.until(&other, "all keys are there", all).await;
        let waiting: Vec<_> = std::iter::from_fn(|| slow.try_recv()).collect();
        assert!(waiting.len() <= 17, "{}: {waiting:?}", lab.title());
        let lagged = waiting.iter().any(|event| matches!(event, Event::Lagged(missed) if *missed >= 84));
        assert!(lagged, "{}: {waiting:?}", lab.title());
    });
}
