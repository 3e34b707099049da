//! What a live node does with packets that nobody honest would send: it never panics, never grows beyond its limits,
//! counts, and cannot be made to flood anybody.

#![cfg(all(feature = "broadcast", feature = "direct", feature = "kv"))]

#[path = "hostile/accusations.rs"]
mod accusations;
#[path = "hostile/kinds.rs"]
mod kinds;
#[path = "hostile/lab.rs"]
mod lab;

use std::time::Duration;

use gossip_core::kv::Scope;
use gossip_core::wire::broadcast::{Announcement, Body, Class, Content, Message, Order, Wanted};
use gossip_core::wire::direct::{Answer, Message as Direct, PORTS};
use gossip_core::wire::kv::{Entry, Previous, State};
use gossip_core::wire::membership::Claim;
use gossip_core::wire::{ClusterKey, Packet, Section, Sender, Writer, membership, section_sizes, tag};
use gossip_core::{Config, Event, Identity, Node, NodeId, PacketError, Stats, Status};
use kinds::{STRANGER, VICTIM, record, section, stranger};
use lab::{Lab, Random, fix, id, packet};

/// What a refused packet must not change.
fn state(node: &Node<u64>) -> (u64, u64, u64, usize, Identity) {
    let kv = node.kv();
    let history = node.broadcasts().history_len();
    (node.members().revision(), kv.revision(), kv.fingerprint(), history, node.identity())
}

fn dropped(stats: &Stats) -> u64 {
    stats.dropped_checksum
        + stats.dropped_version
        + stats.dropped_malformed
        + stats.dropped_unknown_sender
        + stats.dropped_not_for_us
}

/// Two nodes with something in their maps and histories, and what they said to each other.
fn busy_pair() -> Lab {
    let mut lab = Lab::new(2, &Config::lan());
    let now = lab.now;
    for at in [1, 2] {
        let node = lab.node(at);
        node.set_metadata(now, b"metadata").unwrap();
        (0..20_u8).for_each(|key| _ = node.kv_mut(now).set(Scope::Shared, &[key, at as u8], b"value").unwrap());
        (0..5).for_each(|_| _ = node.broadcasts_mut(now).send(b"topic", b"payload").unwrap());
    }
    lab.run(5);
    lab
}

#[test]
fn random_bytes_are_dropped_and_counted() {
    for seed in 1..=4 {
        let (mut lab, mut random) = (Lab::new(1, &Config::lan()), Random(seed));
        let before = state(lab.node(1));
        let mut refused = 0;
        for round in 0..5000 {
            let len = random.number() as usize % 200;
            let mut bytes = random.bytes(len);
            if round % 2 == 0 && len > 0 {
                bytes[0] = 0x10 | bytes[0] & 1;
                fix(&mut bytes);
            }
            refused += u64::from(lab.forge(STRANGER, 1, &bytes).is_err());
        }
        let node = lab.node(1);
        assert_eq!((dropped(node.stats()), state(node)), (refused, before), "seed {seed}");
        assert!(refused > 4000, "seed {seed}: {refused} refused");
    }
}

#[test]
fn every_flipped_bit_of_every_packet_is_noticed() {
    let mut lab = busy_pair();
    for (from, to, packet) in std::mem::take(&mut lab.heard) {
        let before = (state(lab.node(to)), dropped(lab.node(to).stats()));
        for bit in 0..packet.len() * 8 {
            let mut flipped = packet.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = lab.forge(from, to, &flipped).unwrap_err();
            assert!(
                matches!(error, PacketError::Checksum | PacketError::Version(_)),
                "bit {bit}: {error} {packet:02x?}"
            );
        }
        let after = (state(lab.node(to)), dropped(lab.node(to).stats()) - packet.len() as u64 * 8);
        assert_eq!(after, before, "{packet:02x?}");
    }
}

#[test]
fn every_packet_cut_short_is_noticed() {
    let mut lab = busy_pair();
    for (from, to, packet) in std::mem::take(&mut lab.heard) {
        let before = state(lab.node(to));
        for len in 0..packet.len() {
            assert!(lab.forge(from, to, &packet[..len]).is_err(), "{len} bytes of {packet:02x?}");
        }
        assert_eq!(state(lab.node(to)), before, "{packet:02x?}");
    }
}

#[test]
fn flipped_bits_under_a_checksum_that_fits_do_no_harm_beyond_what_they_say() {
    let mut lab = busy_pair();
    let packets: Vec<_> = std::mem::take(&mut lab.heard).into_iter().step_by(7).collect();
    for (from, to, packet) in packets {
        for bit in 8..packet.len() * 8 {
            let mut flipped = packet.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fix(&mut flipped);
            let before = state(lab.node(to));
            if lab.forge(from, to, &flipped).is_err() {
                assert_eq!(state(lab.node(to)), before, "bit {bit} of {packet:02x?}");
            }
        }
        lab.run(1);
    }
    lab.run(60);
}

#[test]
fn a_first_datagram_is_answered_by_one_no_longer_than_itself() {
    for (name, question) in kinds::all(true).into_iter().chain(kinds::all(false)) {
        let mut lab = Lab::new(2, &Config::lan());
        _ = lab.forge(STRANGER, 1, &question);
        lab.settle();
        let answers: Vec<usize> = lab
            .outside
            .drain(..)
            .map(|(to, answer)| {
                assert_eq!(to, STRANGER, "{name}");
                answer.len()
            })
            .collect();
        assert!(answers.len() <= 1, "{name}: {} answers", answers.len());
        assert!(answers.iter().all(|len| *len <= question.len()), "{name}: {answers:?} for {}", question.len());
    }
}

#[test]
fn a_forged_packet_turns_nobody_against_an_address() {
    for (name, question) in kinds::all(true).into_iter().chain(kinds::all(false)) {
        let mut lab = Lab::new(3, &Config::lan());
        _ = lab.forge(STRANGER, 1, &question);
        lab.run(60);
        let to = |address| lab.outside.iter().filter(|(to, _)| *to == address).count();
        assert_eq!(to(VICTIM), 0, "{name}");
        // The answer, and one question whether it lets this node in.
        assert!(to(STRANGER) <= 2, "{name}: {} packets", to(STRANGER));
        assert!(lab.nodes.values().all(|node| node.members().len() == 3), "{name}");
    }
}

#[test]
fn whoever_writes_itself_short_and_is_unknown_is_asked_who_it_is() {
    let mut lab = Lab::new(1, &Config::lan());
    let question = packet(stranger(), false, |w| {
        section(w, tag::PING, |w| w.u64(7).and_then(|()| w.bytes(&[0; 2])));
        section(w, tag::KV_SUMMARY, |w| w.u64(7));
    });
    assert_eq!(lab.forge(STRANGER, 1, &question), Err(PacketError::UnknownSender));
    lab.settle();
    let (to, answer) = lab.outside.pop().expect("an answer");
    let answer = Packet::decode::<u64>(&ClusterKey::new(""), &answer).unwrap();
    assert_eq!((to, answer.sender()), (STRANGER, Sender::Full(lab.identity(1))));
    let sections: Vec<Section<'_, u64>> = answer.sections(id(1)).collect();
    assert!(matches!(sections[..], [Section::Membership(membership::Section::WhoAreYou)]), "{sections:?}");
}

#[test]
fn an_accusation_under_the_highest_incarnation_is_survived_by_its_victim() {
    for claim in [Claim::Down { by: id(2) }, Claim::Down { by: id(1) }, Claim::Left] {
        for (incarnation, generations) in [(u64::MAX, 0), (1 << 40, 0), (0, 1), (u64::MAX, 1_000)] {
            let mut lab = Lab::new(3, &Config::lan());
            let accused = Identity::new(id(1), lab.identity(1).generation + generations);
            let forged = record(accused, incarnation, claim, 1);
            let accusation = packet(lab.identity(3), true, |w| section(w, tag::UPDATES, |w| w.item(&forged)));
            for at in [1, 2] {
                lab.forge(3, at, &accusation).unwrap();
            }
            lab.run(60);
            for (at, node) in &lab.nodes {
                let alive = node.members().iter().filter(|member| member.status == Status::Alive).count();
                assert_eq!(alive, 3, "{claim:?} {incarnation} +{generations} at {at}");
            }
        }
    }
}

#[test]
fn two_nodes_that_change_their_names_at_once_do_not_ask_each_other_without_end() {
    let mut lab = busy_pair();
    for (at, other) in [(1, 2), (2, 1)] {
        let forged = record(lab.identity(at), u64::MAX, Claim::Down { by: id(other) }, at);
        let accusation = packet(lab.identity(other), true, |w| section(w, tag::UPDATES, |w| w.item(&forged)));
        lab.forge(other, at, &accusation).unwrap();
    }
    let generation = lab.identity(1).generation;
    assert!(generation > 1_700_000_000_000, "{generation}");
    let packets = lab.run(5);
    assert!(packets < 200, "{packets} packets in 5 s");
    assert!(lab.nodes.values().all(|node| node.members().live() == 2));
    assert_eq!(lab.nodes[&2].members().get(id(1)).unwrap().generation, generation);
}

#[test]
fn a_flood_of_members_stops_at_the_limit() {
    let mut config = Config::lan();
    config.membership.max_members = 500;
    config.max_events = 64;
    let mut lab = Lab::new(2, &config);
    let claims = [Claim::Alive, Claim::Alive, Claim::Down { by: id(2) }, Claim::Left];
    let mut members = (0_u64..100_000).map(|at| {
        let member = Identity::new(NodeId::from_name(&format!("forged {at}")), 1);
        // Many share an address.
        record(member, 1, claims[(at % 4) as usize], 1000 + at % 1000)
    });
    let mut packets = 0;
    let mut member = members.next();
    while member.is_some() {
        let flood = packet(lab.identity(2), true, |w| {
            w.list(tag::UPDATES, |w| {
                let Some(forged) = &member else { return Ok(false) };
                w.item(forged)?;
                member = members.next();
                Ok(true)
            });
        });
        lab.forge(2, 1, &flood).unwrap();
        let len = lab.nodes[&1].members().len();
        assert!(len <= 500, "{len} members");
        packets += 1;
        if packets % 100 == 0 {
            lab.run(1);
        }
    }
    lab.run(30);
    let node = lab.node(1);
    assert!(node.members().len() <= 500);
    assert!(node.stats().dropped_members > 10_000, "{}", node.stats().dropped_members);
    let events = std::iter::from_fn(|| node.poll_event()).map(|event| match event {
        Event::Members(batch) => batch.len(),
        _ => 1,
    });
    assert!(events.sum::<usize>() <= 64 + 1);
}

#[test]
fn a_flood_of_entries_and_messages_stops_at_the_limits() {
    let mut config = Config::lan();
    config.kv.max_entries = 300;
    config.kv.max_writers = 50;
    config.broadcast.history_bytes = 64 << 10;
    config.broadcast.max_origins = 50;
    for seed in 1..=2 {
        let (mut lab, mut random) = (Lab::new(2, &config), Random(seed));
        for round in 0..3000 {
            let writer = Identity::new(NodeId::from_name(&format!("w{}", random.number() % 200)), random.number() % 3);
            let bytes = random.bytes(20);
            let flood = packet(lab.identity(2), true, |w| flood(w, writer, &bytes, &mut random));
            lab.forge(2, 1, &flood).unwrap();
            if round % 100 == 0 {
                lab.run(1);
            }
            let node = lab.node(1);
            assert!(node.kv().len() + node.kv().tombstones() <= 300, "seed {seed}");
            assert!(node.broadcasts().history_bytes() <= (64 << 10) + 2000, "seed {seed}");
        }
        lab.run(30);
        assert!(lab.node(1).stats().kv_dropped > 0, "seed {seed}");
    }
}

#[test]
fn direct_messages_of_many_senders_stop_at_the_limits() {
    let mut config = Config::lan();
    config.max_events = 64;
    config.direct.max_senders = 16;
    config.direct.max_pending = 20;
    let mut lab = Lab::new(2, &config);
    let senders: Vec<Identity> = (0..200).map(|at| Identity::new(NodeId::from_name(&format!("s{at}")), 1)).collect();
    for chunk in senders.chunks(10) {
        let news = packet(lab.identity(2), true, |w| {
            section(w, tag::UPDATES, |w| chunk.iter().try_for_each(|s| w.item(&record(*s, 1, Claim::Alive, 2))));
        });
        lab.forge(2, 1, &news).unwrap();
    }
    let to = ClusterKey::new("").short(lab.identity(1));
    for round in 1..20 {
        for sender in &senders {
            let (port, sequence) = (round as u8 % PORTS, u64::MAX - round * 100);
            let forged = packet(*sender, true, |w| {
                section(w, tag::DIRECT, |w| w.item(&Direct { to, port, sequence, payload: &[7; 900] }));
                section(w, tag::DIRECT_ACK, |w| {
                    w.u32(to)?;
                    (1..20).try_for_each(|sequence| w.item(&Answer { sequence, taken: sequence % 2 == 0 }))
                });
            });
            lab.forge(2, 1, &forged).unwrap();
        }
        let now = lab.now;
        _ = lab.node(1).send_to(now, id(2), 0, b"x");
    }
    let node = lab.node(1);
    assert!(node.directs().pending() <= 20);
    assert!(node.stats().direct_refused > 0);
    let taken = std::iter::from_fn(|| node.poll_event()).filter(|event| matches!(event, Event::Direct(_))).count();
    assert!(taken <= 64 && taken as u64 == node.stats().direct_received, "{taken}");
}

#[test]
fn pushed_entries_behind_too_many_gaps_are_counted_as_left_to_anti_entropy() {
    let mut lab = Lab::new(2, &Config::lan());
    let writer = Identity::new(NodeId::from_name("w"), 1);
    for at in 1..=1060 {
        let entry = set(writer, 2 * at, b"k");
        let push = packet(lab.identity(2), true, |w| section(w, tag::KV_ENTRIES, |w| w.item(&entry)));
        lab.forge(2, 1, &push).unwrap();
    }
    let stats = lab.node(1).stats();
    assert_eq!((stats.kv_postponed, stats.kv_dropped), (36, 0));
}

/// A write that sets a shared key.
fn set(writer: Identity, counter: u64, key: &[u8]) -> Entry<'_> {
    Entry { writer, counter, own: false, expires: None, key, state: State::Value { stamp: counter, value: b"v" } }
}

/// Entries of all kinds, deltas, states and messages of one writer.
fn flood(w: &mut Writer<'_>, writer: Identity, bytes: &[u8], random: &mut Random) {
    let mut entry = |counter| {
        let key = &bytes[..1 + random.number() as usize % 3];
        let state = match random.number() % 6 {
            0 => State::Deleted,
            1 => State::Gone,
            2 => State::Full(bytes),
            _ => State::Value { stamp: random.number(), value: bytes },
        };
        let expires = (random.number() % 4 == 0).then(|| random.number() % 10_000);
        Entry { writer, counter, own: random.number() % 2 == 0, expires, key, state }
    };
    let first = 1 + u64::from(bytes[0]);
    section(w, tag::KV_ENTRIES, |w| (0..4).try_for_each(|at| w.item(&entry(first + 2 * at))));
    section(w, tag::KV_DELTA, |w| {
        w.u8(1)?;
        w.id(writer.id)?;
        w.varint(writer.generation)?;
        w.u64(first + 10)?;
        w.u64(first + 20)?;
        let mut previous = Previous::new(first + 10);
        (11..14).try_for_each(|at| previous.write(&entry(first + at), w))
    });
    section(w, tag::KV_STATES, |w| {
        w.u8(1)?;
        (21..23).try_for_each(|at| w.item(&entry(first + at)))
    });
    section(w, tag::MESSAGES, |w| {
        let message = |sequence| Message {
            body: Body::Content(Content { hops: u32::MAX, topic: b"t", payload: bytes, ..Content::default() }),
            ..Message::new(writer, sequence, Class::Normal, b"", b"")
        };
        (0..4).try_for_each(|at| w.item(&message(first * 3 + at)))
    });
}

#[test]
fn ranges_without_bounds_neither_panic_nor_loop() {
    let mut lab = busy_pair();
    let edges = [0, 1, 2, u64::MAX - 1, u64::MAX];
    let writers = [lab.identity(1), lab.identity(2), Identity::new(id(1), u64::MAX), stranger()];
    for writer in writers {
        for (first, last) in edges.iter().flat_map(|first| edges.iter().map(move |last| (*first, *last))) {
            if first > last {
                continue;
            }
            for absurd in absurdities(lab.identity(2), writer, first, last) {
                lab.forge(2, 1, &absurd).unwrap();
                lab.run(1);
            }
        }
    }
    let now = lab.now;
    lab.node(1).broadcasts_mut(now).send(b"still", b"here").unwrap();
    _ = lab.node(1).kv_mut(now).set(Scope::Shared, b"still", b"here");
    lab.run(60);
    assert!(lab.nodes.values().all(|node| node.members().live() == 2));
}

/// Packets that name the range in every section that can.
fn absurdities(sender: Identity, writer: Identity, first: u64, last: u64) -> Vec<Vec<u8>> {
    let one = |tag, body: &dyn Fn(&mut Writer<'_>) -> Result<(), gossip_core::wire::NoSpace>| {
        packet(sender, true, |w| section(w, tag, body))
    };
    let (from, to) = (first.max(1), last.max(1));
    let short = ClusterKey::new("").short(Identity::new(id(1), sender.generation));
    let name = |w: &mut Writer<'_>| w.id(writer.id).and_then(|()| w.varint(writer.generation));
    let message = |sequence| {
        let back = sequence - 1;
        let order = Some(Order { previous: back, after: &[0xff; 32] });
        let content =
            Content { expires: u32::MAX, key: b"k", order, in_parts: true, hops: u32::MAX, topic: b"", payload: b"" };
        let body = if sequence % 2 == 0 { Body::Withdrawn { back } } else { Body::Content(content) };
        Message { origin: writer, sequence, class: Class::Normal, age: u16::MAX, body }
    };
    let mut packets = vec![
        one(tag::MESSAGES, &|w| w.item(&message(from)).and_then(|()| w.item(&message(to)))),
        one(tag::DIRECT, &|w| w.item(&Direct { to: short, port: 0, sequence: from, payload: b"" })),
        one(tag::DIRECT_ACK, &|w| {
            w.u32(short)?;
            [from, to].iter().try_for_each(|sequence| w.item(&Answer { sequence: *sequence, taken: true }))
        }),
        one(tag::MESSAGE_DIGEST, &|w| w.item(&Announcement { origin: writer, first: from, last: to })),
        one(tag::MESSAGE_PULL, &|w| {
            let more = if from < u64::MAX - 64 { u64::MAX } else { 0 };
            w.item(&Wanted { origin: writer, first: from, more })
        }),
        one(tag::KV_CONTEXT, &|w| {
            w.u8(0)?;
            w.bytes(&[0; 16])?;
            name(w)?;
            w.varint(last)?;
            w.u8(0)
        }),
        one(tag::TABLE_PAGE, &|w| {
            w.u8(1)?;
            w.u32(first as u32 & 2)?;
            w.u32(last as u32 | 2)
        }),
        one(tag::TABLE_DIGEST, &|w| w.u8(8).and_then(|()| w.bytes(&[last as u8; 768]))),
    ];
    if first < last {
        packets.push(one(tag::KV_DELTA, &|w| {
            w.u8(1)?;
            name(w)?;
            w.u64(first)?;
            w.u64(last)?;
            let entry = Entry { state: State::Value { stamp: u64::MAX, value: b"v" }, ..set(writer, last, b"k") };
            Previous::new(first).write(&entry, w)
        }));
    }
    for state in [State::Deleted, State::Gone, State::Value { stamp: first, value: b"v" }] {
        let entry = Entry { expires: Some(first), state, ..set(writer, to, b"k") };
        packets.push(one(tag::KV_STATES, &|w| w.u8(1).and_then(|()| w.item(&entry))));
    }
    packets
}

#[test]
fn all_sequence_numbers_up_to_the_last_can_be_used_up() {
    let mut lab = busy_pair();
    let origin = stranger();
    for chunk in (u64::MAX - 1024..=u64::MAX).collect::<Vec<_>>().chunks(16) {
        let messages = packet(lab.identity(2), true, |w| {
            section(w, tag::MESSAGES, |w| {
                let message = |sequence| Message::new(origin, sequence, Class::Normal, b"", b"");
                chunk.iter().try_for_each(|sequence| w.item(&message(*sequence)))
            });
        });
        lab.forge(2, 1, &messages).unwrap();
        lab.forge(2, 1, &messages).unwrap();
    }
    lab.run(300);
}

#[test]
fn a_member_that_is_forgotten_while_it_is_probed_ends_the_probe() {
    let mut config = Config::lan();
    config.membership.forget_after = Duration::from_secs(60);
    let mut lab = Lab::new(2, &config);
    let say = |lab: &mut Lab, claim, by: [(Identity, u64); 2]| {
        let said = record(stranger(), 1, claim, STRANGER);
        for ((by, from), to) in by.into_iter().zip([1, 2]) {
            lab.forge(from, to, &packet(by, true, |w| section(w, tag::UPDATES, |w| w.item(&said)))).unwrap();
        }
    };
    let each_other = [(lab.identity(2), 2), (lab.identity(1), 1)];
    say(&mut lab, Claim::Alive, each_other);
    let probed = |packet: &[u8]| section_sizes(packet).any(|(tag, _)| tag == tag::PING);
    while !lab.outside.iter().any(|(to, packet)| *to == STRANGER && probed(packet)) {
        lab.step();
    }
    say(&mut lab, Claim::Left, [(stranger(), STRANGER); 2]);
    // The nodes sleep for longer than they remember; then the member is forgotten before the probe goes on.
    lab.now = lab.now + Duration::from_secs(120);
    lab.run(10);
    assert!(lab.node(1).members().get(stranger().id).is_none());
}

#[test]
fn what_a_full_map_cannot_note_of_a_delta_it_does_not_store() {
    let mut config = Config::lan();
    config.kv.max_entries = 16;
    // What the node writes itself changes nothing but the map.
    config.broadcast.enabled = false;
    let (mut lab, writer) = (Lab::new(2, &config), stranger());
    // As many holes as there may be, all of them of one key; then room for one key more.
    for run in 1..=1024 {
        let one =
            packet(lab.identity(2), true, |w| section(w, tag::KV_ENTRIES, |w| w.item(&set(writer, 10 * run, b"k"))));
        lab.forge(2, 1, &one).unwrap();
    }
    let now = lab.now;
    (0..14_u8).for_each(|key| _ = lab.node(1).kv_mut(now).set(Scope::Shared, &[b'0', key], b"v").unwrap());
    // Two of its range would make a hole more each.
    let delta = packet(lab.identity(2), true, |w| {
        section(w, tag::KV_DELTA, |w| {
            w.u8(0)?;
            w.id(writer.id)?;
            w.varint(writer.generation)?;
            w.u64(3)?;
            w.u64(9)?;
            let mut previous = Previous::new(3);
            previous.write(&set(writer, 4, b"x"), w)?;
            previous.write(&set(writer, 5, b"y"), w)
        });
    });
    let before = lab.node(1).kv().revision();
    lab.forge(2, 1, &delta).unwrap();
    let node = lab.node(1);
    assert_eq!((node.kv().revision(), node.stats().kv_postponed), (before, 2));
}

#[test]
fn a_new_entry_too_large_to_be_passed_on_holds_up_no_other() {
    let mut config = Config::lan();
    config.transport.datagram_mtu = 508;
    config.kv.sync_interval = Duration::from_secs(3600);
    // Entries are pushed where no messages are.
    config.broadcast.enabled = false;
    let mut lab = Lab::new(2, &config);
    let (writer, values) = (stranger(), [[7; 900].as_slice(), b"small"]);
    for (counter, value) in (1..).zip(values) {
        let key = [b'0' + counter as u8];
        let entry = Entry { state: State::Value { stamp: 1, value }, ..set(writer, counter, &key) };
        let one = packet(lab.identity(2), true, |w| section(w, tag::KV_ENTRIES, |w| w.item(&entry)));
        lab.forge(2, 1, &one).unwrap();
    }
    lab.run(5);
    let (node, other) = (&lab.nodes[&1], &lab.nodes[&2]);
    assert_eq!((node.kv().len(), node.stats().kv_dropped), (2, 1));
    assert_eq!(other.kv().get(Scope::Shared, b"2").map(|entry| entry.value), Some(b"small".as_slice()));
}
