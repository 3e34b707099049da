//! What a node does with members and strangers that abuse the exchange of parts: nothing wrong is delivered, its memory and what
//! it sends stay bounded, and it counts.

#![cfg(feature = "broadcast")]

#[path = "hostile/lab.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod lab;

use std::time::Duration;

use gossip_core::broadcast::Class;
use gossip_core::wire::broadcast::{Body, Content, Pushed, ShortId};
use gossip_core::wire::bulk::{Manifest, Part, Run, Section as Bulk};
use gossip_core::wire::membership::{Ping, Section as Membership};
use gossip_core::wire::{ClusterKey, NoSpace, Packet, Section, Sender, Writer, tag};
use gossip_core::{Config, Event, Identity, Lane, NodeId};
use lab::{Lab, id, packet};

/// The address of the member that misbehaves.
const EVIL: u64 = 3;

/// Nodes 1 and 2, and a member that answers pings, says that it has every payload, and sends wrong parts.
struct Trio {
    lab: Lab,
    evil: Identity,
    one: Identity,
    bytes_out: usize,
    /// Whether it answers pings alone.
    deaf: bool,
}

impl Trio {
    fn new(config: &Config) -> Self {
        Self::seeded(config, 0)
    }

    fn seeded(config: &Config, seed: u8) -> Self {
        let mut lab = Lab::seeded(3, config, seed);
        let evil = lab.identity(EVIL);
        lab.nodes.remove(&EVIL);
        let one = lab.identity(1);
        Self { lab, evil, one, bytes_out: 0, deaf: false }
    }

    fn say(&mut self, to: u64, tag: u8, body: impl Fn(&mut Writer<'_>) -> Result<(), NoSpace>) {
        let packet = packet(self.evil, true, |w| w.section(tag, body).expect("room"));
        self.lab.forge(EVIL, to, &packet).expect("a packet");
    }

    fn answer(&mut self, from: u64, section: &Section<'_, u64>) {
        match section {
            Section::Membership(Membership::Ping(Ping { probe, .. })) => self.say(from, tag::ACK, |w| w.item(probe)),
            _ if self.deaf => (),
            Section::Bulk(Bulk::Want(bodies)) => {
                for body in bodies.iter() {
                    self.say(from, tag::BODY_HAVE, |w| {
                        w.item(&body)?;
                        w.u8(0)?;
                        w.item(&Run { gap: 0, more: 999_999 })
                    });
                }
            }
            Section::Bulk(Bulk::Get(get)) => {
                for number in get.parts() {
                    let bytes = [0xee; 1152];
                    let part = Part { body: get.body, number, sent: 7, bytes: &bytes };
                    self.say(from, tag::BODY_PART, |w| w.item(&part));
                }
            }
            _ => (),
        }
    }

    fn pump(&mut self) {
        while self.lab.settle() > 0 || !self.lab.outside.is_empty() {
            for (to, bytes) in std::mem::take(&mut self.lab.outside) {
                let packet = Packet::decode::<u64>(&ClusterKey::new(""), &bytes).expect("a packet");
                let is_bulk = packet.sections::<u64>(self.evil.id).any(|section| matches!(section, Section::Bulk(_)));
                self.bytes_out += if is_bulk { bytes.len() } else { 0 };
                if to != EVIL {
                    continue;
                }
                let from = if is_of(packet.sender(), self.one) { 1 } else { 2 };
                let sections: Vec<_> = packet.sections::<u64>(id(from)).collect();
                sections.iter().for_each(|section| self.answer(from, section));
            }
        }
    }

    fn run(&mut self, seconds: u64) {
        let end = self.lab.now + Duration::from_secs(seconds);
        self.pump();
        while self.lab.now < end {
            self.lab.step();
            self.pump();
        }
    }

    fn events(&mut self, at: u64) -> Vec<Event<u64>> {
        let node = self.lab.node(at);
        std::iter::from_fn(|| node.poll_event()).collect()
    }
}

fn is_of(sender: Sender, member: Identity) -> bool {
    match sender {
        Sender::Full(sender) => sender == member,
        Sender::Short(short) => short == ClusterKey::new("").short(member),
    }
}

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(31) >> 3) as u8).collect()
}

fn payloads(events: &[Event<u64>]) -> Vec<&[u8]> {
    events
        .iter()
        .filter_map(|e| if let Event::Broadcast(message) = e { Some(message.payload()) } else { None })
        .collect()
}

#[test]
fn a_member_that_sends_wrong_parts_is_found_out_and_the_payload_arrives_unchanged() {
    for seed in 0..16 {
        let mut trio = Trio::seeded(&Config::lan(), seed);
        trio.run(5);
        let payload = payload(200_000);
        let now = trio.lab.now;
        trio.lab.node(1).broadcasts_mut(now).send(b"t", &payload).unwrap();
        let mut buf = [0; 1200];
        while let Some(sent) = trio.lab.node(1).poll_transmit(now, Lane::Datagram, &mut buf) {
            if sent.to != EVIL {
                trio.lab.forge(1, sent.to, &buf[..sent.len]).expect("a packet");
            }
        }
        // The sender is slow.
        let slow = trio.lab.nodes.remove(&1).expect("a node");
        trio.run(2);
        trio.lab.nodes.insert(1, slow);
        trio.run(60);
        assert!(payloads(&trio.events(2)) == [&payload[..]], "seed {seed}");
        assert!(trio.lab.nodes[&2].stats().bulk_spoiled > 0, "seed {seed}: the other was never believed");
    }
}

#[test]
fn a_member_that_asks_for_the_same_parts_without_end_gets_each_a_few_times() {
    let mut trio = Trio::new(&Config::lan());
    trio.run(5);
    let now = trio.lab.now;
    let payload = payload(50_000);
    let id = trio.lab.node(1).broadcasts_mut(now).send(b"t", &payload).unwrap();
    let body = ShortId::of(ClusterKey::new("").short(trio.lab.identity(1)), id.sequence);
    trio.say(1, tag::BODY_WANT, |w| w.item(&body));
    trio.run(1);
    trio.bytes_out = 0;
    for _ in 0..2000 {
        trio.say(1, tag::BODY_GET, |w| w.item(&body).and_then(|()| w.item(&Run { gap: 0, more: 40 })));
        trio.pump();
    }
    let most = 2 * payload.len() + 256 * 1200 + 10_000;
    assert!(trio.bytes_out > payload.len() && trio.bytes_out < most, "{} of {most}", trio.bytes_out);
    assert!(trio.lab.nodes[&1].stats().bulk_unserved > 1000);
}

#[test]
fn strangers_get_nothing() {
    let mut trio = Trio::new(&Config::lan());
    let now = trio.lab.now;
    let id = trio.lab.node(1).broadcasts_mut(now).send(b"t", &payload(50_000)).unwrap();
    let body = ShortId::of(ClusterKey::new("").short(trio.lab.identity(1)), id.sequence);
    trio.run(3);
    let before = trio.lab.nodes[&1].stats().bulk_strangers;
    for at in 0..10_000_u64 {
        let stranger = Identity::new(NodeId::from_name(&format!("s{at}")), 1);
        let asks = packet(stranger, true, |w| {
            w.section(tag::BODY_WANT, |w| w.item(&body)).expect("room");
            w.section(tag::BODY_GET, |w| w.item(&body).and_then(|()| w.item(&Run { gap: 0, more: 40 }))).expect("room");
        });
        _ = trio.lab.forge(1000 + at, 1, &asks);
    }
    trio.lab.settle();
    let bulk = |bytes: &[u8]| {
        let packet = Packet::decode::<u64>(&ClusterKey::new(""), bytes).expect("a packet");
        packet.sections::<u64>(trio.evil.id).any(|section| matches!(section, Section::Bulk(_)))
    };
    assert!(!trio.lab.outside.iter().any(|(to, bytes)| *to >= 1000 && bulk(bytes)));
    let stats = trio.lab.nodes[&1].stats();
    assert!(stats.bulk_strangers - before + stats.ignored_sections >= 20_000);
}

#[test]
fn manifests_of_payloads_that_nobody_has_take_no_more_room_than_there_is() {
    let mut config = Config::lan();
    config.broadcast.bulk_bytes = 10_000_000;
    let mut trio = Trio::new(&config);
    trio.run(5);
    let origin = ClusterKey::new("").short(trio.evil);
    for sequence in 1..=1000 {
        // 3 000 000 bytes in parts of 64, a checksum; then a manifest that is none.
        let manifest: &[u8] =
            if sequence % 2 == 0 { &[0xc0, 0x8d, 0xb7, 1, 64, 1, 2, 3, 4, 5, 6, 7, 8] } else { b"none" };
        let content = Content { in_parts: true, topic: b"t", payload: manifest, ..Content::default() };
        let pushed = Pushed { origin, sequence, class: Class::Bulk, age: 0, body: Body::Content(content) };
        trio.say(1, tag::PUSH, |w| w.item(&pushed));
    }
    assert_eq!(Manifest::decode(&[0xc0, 0x8d, 0xb7, 1, 64, 1, 2, 3, 4, 5, 6, 7, 8]).unwrap().len, 3_000_000);
    let node = &trio.lab.nodes[&1];
    assert_eq!(node.broadcasts().bulk_bytes(), 9_000_000);
    assert_eq!(node.stats().bulk_refused, 997);
    let made = allocation_counter::measure(|| trio.run(5));
    assert!(made.bytes_max < 60_000_000, "{} bytes", made.bytes_max);
    assert!(payloads(&trio.events(1)).is_empty());
}

#[test]
fn parts_that_nobody_asked_for_are_dropped_and_counted() {
    let mut trio = Trio::new(&Config::lan());
    trio.run(5);
    let before = trio.lab.nodes[&1].stats().clone();
    for number in [0, 1, (1 << 20) - 1] {
        let part = Part { body: ShortId(7), number, sent: u16::MAX, bytes: &[0xee; 1152] };
        trio.say(1, tag::BODY_PART, |w| w.item(&part));
        trio.say(1, tag::BODY_HAVE, |w| w.u32(7).and_then(|()| w.u8(0)));
        trio.say(1, tag::BODY_GET, |w| w.u32(7).and_then(|()| w.item(&Run { gap: u32::MAX, more: u32::MAX })));
    }
    let stats = trio.lab.nodes[&1].stats();
    assert_eq!(stats.bulk_strangers + stats.bulk_unasked - before.bulk_strangers - before.bulk_unasked, 9);
    assert_eq!(trio.lab.nodes[&1].broadcasts().bulk_bytes(), 0);
}

#[test]
fn a_manifest_of_nothing_gives_way_to_a_payload_that_there_is() {
    let mut config = Config::lan();
    config.broadcast.bulk_bytes = 1_000_000;
    let mut trio = Trio::new(&config);
    trio.run(5);
    let origin = ClusterKey::new("").short(trio.evil);
    let key = ClusterKey::new("");
    for (sequence, len) in [(1, 600_000), (2, 500_000), (3, 500_000)] {
        let manifest = Manifest { len, ..Manifest::of(&key, 1000, b"x") }.encode();
        let content = Content { in_parts: true, topic: b"t", payload: &manifest, ..Content::default() };
        let pushed = Pushed { origin, sequence, class: Class::Bulk, age: 0, body: Body::Content(content) };
        trio.say(2, tag::PUSH, |w| w.item(&pushed));
    }
    // More than half is nobody's.
    assert_eq!(trio.lab.nodes[&2].broadcasts().bulk_bytes(), 1_000_000);
    assert_eq!(trio.lab.nodes[&2].stats().bulk_refused, 1);
    trio.deaf = true;
    trio.run(12);
    let now = trio.lab.now;
    let payload = payload(300_000);
    trio.lab.node(1).broadcasts_mut(now).send(b"t", &payload).unwrap();
    trio.run(10);
    assert_eq!(payloads(&trio.events(2)), [&payload[..]]);
}
