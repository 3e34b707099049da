//! Messages to all, small and large.

use gossip_core::Event;

use crate::adapter::Adapter;
use crate::lab::{Lab, Member, run};

/// One byte reaches everybody.
pub fn a_payload_of_1_byte_is_delivered_once<A: Adapter>(adapter: &A) {
    run(adapter, "a payload of 1 byte is delivered once", async |lab| everywhere_once(lab, 1).await);
}

/// What just fits into a datagram reaches everybody.
pub fn a_payload_of_1_kib_is_delivered_once<A: Adapter>(adapter: &A) {
    run(adapter, "a payload of 1 KiB is delivered once", async |lab| everywhere_once(lab, 1 << 10).await);
}

/// What is larger than any frame reaches everybody.
pub fn a_payload_of_100_kib_is_delivered_once<A: Adapter>(adapter: &A) {
    run(adapter, "a payload of 100 KiB is delivered once", async |lab| everywhere_once(lab, 100 << 10).await);
}

/// A megabyte reaches everybody.
pub fn a_payload_of_1_mb_is_delivered_once<A: Adapter>(adapter: &A) {
    run(adapter, "a payload of 1 MB is delivered once", async |lab| everywhere_once(lab, 1_000_000).await);
}

async fn everywhere_once<A: Adapter>(lab: &Lab<'_, A>, len: usize) {
    let members = lab.cluster(&["a", "b", "c", "d"]).await;
    delivered_once(lab, &members, len).await;
}

/// Everybody but the second, who sends it, gets a payload of that length unchanged, and then nothing but what is sent later.
pub(crate) async fn delivered_once<A: Adapter>(lab: &Lab<'_, A>, members: &[Member<A>], len: usize) {
    let mut streams: Vec<_> = members.iter().map(|member| lab.handle(member).events()).collect();
    let payload: Vec<u8> = (0..len).map(|at| (at.wrapping_mul(31) >> 3) as u8).collect();
    let sender = lab.handle(&members[1]);
    for payload in [payload.as_slice(), b"later"] {
        if let Err(error) = sender.publish(b"topic", payload) {
            panic!("{}: cannot publish {} bytes: {error}", lab.title(), payload.len());
        }
        for (at, (member, events)) in members.iter().zip(&mut streams).enumerate() {
            if at == 1 {
                continue;
            }
            let what = format!("{} gets {} bytes", member.name, payload.len());
            let message = lab.within(&what, async {
                loop {
                    match events.recv().await {
                        Some(Event::Broadcast(message)) => return Some(message),
                        Some(_) => {}
                        None => return None,
                    }
                }
            });
            let Some(message) = message.await else { panic!("{}: {} is closed", lab.title(), member.name) };
            assert_eq!(message.topic(), b"topic", "{}: at {}", lab.title(), member.name);
            // Not the two payloads in the message: they are long.
            assert!(message.payload() == payload, "{}: {what}, but others", lab.title());
        }
    }
}
