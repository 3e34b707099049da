//! The steady paths of a node allocate nothing: what each counts is all allocations of this thread while it runs.
//!
//! The counter is a global allocator of its own crate, which links it into this test alone.

use std::time::Duration;

use gossip_benches::known::{Known, Sent};
use gossip_benches::samples;
use gossip_core::wire::membership::{Probe, Section as Membership};
use gossip_core::wire::{ClusterKey, Section, Writer, broadcast, direct, kv, tag};

/// More than one cluster size would show nothing else: no path depends on it.
const SIZE: usize = 64;
/// Queues and scratch memory grow to their steady size first.
const WARM_UP: usize = 50;
const TIMES: usize = 200;

/// How many allocations the path made after it had run for a while.
fn allocations(mut path: impl FnMut(usize)) -> u64 {
    (0..WARM_UP).for_each(&mut path);
    allocation_counter::measure(|| (WARM_UP..WARM_UP + TIMES).for_each(&mut path)).count_total
}

/// How many allocations it takes to handle copies of a packet, and to answer them.
fn allocations_of(known: &mut Known, packet: &Sent) -> u64 {
    let mut copies = vec![packet.clone(); WARM_UP + TIMES];
    allocations(|at| _ = known.turn(&mut copies[at]))
}

#[test]
fn an_allocation_is_counted() {
    let made = allocations(|at| drop(std::hint::black_box(Box::new(at))));
    assert_eq!(made, TIMES as u64);
}

#[test]
fn a_ping_is_answered_without_an_allocation() {
    let mut known = Known::new(SIZE);
    let mut pings: Vec<_> = (0..WARM_UP + TIMES).map(|at| known.ping(1 + at % (SIZE - 1))).collect();
    let made = allocations(|at| {
        let (answer, _) = known.turn(&mut pings[at]);
        assert!(answer > 0, "it was answered");
    });
    assert_eq!(made, 0);
}

#[test]
fn a_probe_is_sent_and_its_answer_handled_without_an_allocation() {
    let mut known = Known::new(SIZE);
    let (mut made, mut answered) = (0, 0);
    while answered < WARM_UP + TIMES {
        // What is not measured is the other member's work: to read the ping and to write its answer.
        let mut counted = allocation_counter::measure(|| known.to_next_deadline());
        let mut sent = None;
        loop {
            counted += allocation_counter::measure(|| sent = known.poll());
            let Some(sent) = &sent else { break };
            let Some(mut ack) = known.ack(sent.to, &known.copy(sent)) else { continue };
            counted += allocation_counter::measure(|| known.handle(&mut ack));
            answered += 1;
        }
        if answered >= WARM_UP {
            made += counted.count_total;
        }
    }
    assert_eq!((made, known.node.stats().suspicions), (0, 0));
}

#[test]
fn an_answer_nobody_waits_for_is_handled_without_an_allocation() {
    let mut known = Known::new(SIZE);
    let probe = Membership::Ack(Probe { number: 9, fingerprint: 0 });
    let ack = known.write(1, true, |packet| _ = Section::<std::net::SocketAddr>::Membership(probe).write(packet));
    assert_eq!(allocations_of(&mut known, &ack), 0);
}

#[test]
fn gossip_with_nothing_new_is_handled_without_an_allocation() {
    let mut known = Known::new(SIZE);
    let (packet, updates) = known.known_updates();
    assert!(updates > 20, "the packet is full");
    assert_eq!(allocations_of(&mut known, &packet), 0);
}

#[test]
fn an_equal_summary_of_the_map_is_handled_without_an_allocation() {
    let mut known = Known::new(SIZE);
    let summary = kv::Section::Summary(known.node.kv().fingerprint());
    let packet = known.write(1, true, |packet| _ = Section::<std::net::SocketAddr>::Kv(summary).write(packet));
    assert_eq!(allocations_of(&mut known, &packet), 0);
    assert_eq!(known.node.stats().kv_syncs, 0);
}

#[test]
fn a_broadcast_heard_before_is_dropped_without_an_allocation() {
    for bytes in [256, 64_000] {
        let mut known = Known::new(SIZE);
        let payload = vec![5; bytes];
        let origin = gossip_benches::identity(2);
        let message = broadcast::Message::new(origin, 1, broadcast::Class::Normal, b"news", &payload);
        let (mut buffer, mut ids, key) = (vec![0; 65_507], Vec::new(), ClusterKey::new(""));
        let mut packet = Writer::new(&mut buffer, &mut ids, &key, gossip_benches::identity(1), true).expect("room");
        packet.section(tag::MESSAGES, |w| w.item(&message)).expect("room");
        let len = packet.finish(&key);
        buffer.truncate(len);
        let packet = Sent { bytes: buffer, ..known.write(1, true, |_| ()) };
        known.turn(&mut packet.clone());
        while known.node.poll_event().is_some() {}
        assert_eq!(allocations_of(&mut known, &packet), 0, "{bytes} bytes");
        assert_eq!(known.node.stats().broadcast_duplicates, (WARM_UP + TIMES) as u64);
    }
}

#[test]
fn an_entry_of_the_map_seen_before_is_dropped_without_an_allocation() {
    let mut known = Known::new(SIZE);
    let delta = known.write(1, true, |packet| samples::delta(packet, 1, 8).expect("a delta fits"));
    let entry = known.write(1, true, |packet| {
        _ = packet.list(tag::KV_ENTRIES, once(|w: &mut Writer<'_>| w.item(&samples::entry(2))));
    });
    known.turn(&mut delta.clone());
    known.turn(&mut entry.clone());
    while known.node.poll_event().is_some() {}
    assert_eq!(known.node.kv().len(), 9);
    assert_eq!(allocations_of(&mut known, &delta), 0);
    assert_eq!(allocations_of(&mut known, &entry), 0);
    assert_eq!(known.node.stats().kv_duplicates, 9 * (WARM_UP + TIMES) as u64);
}

#[test]
fn a_timer_that_comes_early_does_nothing_without_an_allocation() {
    let mut known = Known::new(SIZE);
    assert_eq!(allocations(|_| known.pass(Duration::ZERO)), 0);
}

#[test]
fn a_broadcast_that_is_new_costs_one_allocation() {
    let mut known = Known::new(SIZE);
    let mut packets: Vec<_> = (0..WARM_UP + TIMES)
        .map(|at| {
            let message = broadcast::Message::new(
                gossip_benches::identity(2),
                1 + at as u64,
                broadcast::Class::Normal,
                b"news",
                &[5; 64],
            );
            known.write(1, true, |packet| _ = packet.list(tag::MESSAGES, once(|w: &mut Writer<'_>| w.item(&message))))
        })
        .collect();
    let made = allocations(|at| {
        known.turn(&mut packets[at]);
        while known.node.poll_event().is_some() {}
    });
    // The history, its indices and what is on its way double their room now and then.
    assert!((TIMES as u64..TIMES as u64 + 16).contains(&made), "{made}");
}

#[test]
fn a_direct_message_that_is_new_costs_one_allocation_and_its_repetition_none() {
    let mut known = Known::new(SIZE);
    let to = ClusterKey::new("").short(known.node.identity());
    let packet_of = |known: &Known, at: usize| {
        let message = direct::Message { to, port: 0, sequence: 1 + at as u64, payload: &[5; 64] };
        known.write(1, true, |packet| _ = packet.section(tag::DIRECT, |w| w.item(&message)))
    };
    let mut packets: Vec<_> = (0..WARM_UP + TIMES).map(|at| packet_of(&known, at)).collect();
    let mut again = packets.clone();
    let made = allocations(|at| {
        known.turn(&mut packets[at]);
        while known.node.poll_event().is_some() {}
    });
    assert_eq!(made, TIMES as u64);
    assert_eq!(allocations(|at| _ = known.turn(&mut again[at])), 0);
    assert_eq!(known.node.stats().direct_duplicates, (WARM_UP + TIMES) as u64);
}

#[test]
fn a_direct_message_is_sent_and_its_answer_handled_with_one_allocation() {
    let mut known = Known::new(SIZE);
    let (now, member) = (known.now, gossip_benches::identity(1));
    let to = ClusterKey::new("").short(known.node.identity());
    let mut answers: Vec<_> = (0..WARM_UP + TIMES)
        .map(|at| {
            known.write(1, true, |packet| {
                _ = packet.section(tag::DIRECT_ACK, |w| {
                    w.u32(to)?;
                    w.item(&direct::Answer { sequence: 1 + at as u64, taken: true })
                });
            })
        })
        .collect();
    let made = allocations(|at| {
        known.node.send_to(now, member.id, 0, &[5; 64]).expect("a live member");
        while known.poll().is_some() {}
        known.handle(&mut answers[at]);
        while known.node.poll_event().is_some() {}
    });
    assert_eq!(made, TIMES as u64);
    assert_eq!(known.node.stats().direct_delivered, (WARM_UP + TIMES) as u64);
}

/// Writes one item, then has no more.
fn once<'b, W>(
    mut write: impl FnMut(&mut W) -> Result<(), gossip_core::wire::NoSpace> + 'b,
) -> impl FnMut(&mut W) -> Result<bool, gossip_core::wire::NoSpace> + 'b {
    let mut written = false;
    move |w| {
        if std::mem::replace(&mut written, true) {
            return Ok(false);
        }
        write(w).map(|()| true)
    }
}
