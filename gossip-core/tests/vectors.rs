//! Golden packets: every file in `vectors/` is one packet, with its bytes, a comment for each field, and what it means.
//! What they fix must not change while the wire format has this version.

// Sections of a protocol that is left out nobody reads.
#![cfg(all(feature = "broadcast", feature = "direct", feature = "kv"))]

#[path = "vectors/file.rs"]
mod file;
#[path = "vectors/meaning.rs"]
mod meaning;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::SocketAddr;

use file::{Expected, Vector};
use gossip_core::wire::broadcast::ShortId;
use gossip_core::wire::{ClusterKey, Packet, Section, Sender, Writer, section_sizes, tag};
use gossip_core::{Identity, NodeId, Peer};

/// Every tag that this version knows.
const TAGS: [u8; 54] = [
    tag::PING,
    tag::ACK,
    tag::PING_REQUEST,
    tag::PING_REPLY,
    tag::JOIN,
    tag::COOKIE,
    tag::WELCOME,
    tag::WHO_ARE_YOU,
    tag::UPDATES,
    tag::TABLE_DIGEST,
    tag::TABLE_PAGE,
    tag::PROFILE_REQUEST,
    tag::PROFILE,
    tag::SUSPICION,
    tag::VETO,
    tag::MESSAGES,
    tag::MESSAGE_DIGEST,
    tag::MESSAGE_PULL,
    tag::LINK,
    tag::TREE_ADVERT,
    tag::PUSH,
    tag::PUSH_ACK,
    tag::PRUNE,
    tag::IHAVE,
    tag::GRAFT,
    tag::ASK,
    tag::GRAFT_NAMED,
    tag::MESSAGE_FINGERPRINT,
    tag::MESSAGE_COMPARE,
    tag::MESSAGE_RECENT,
    tag::MESSAGE_RECEIPT,
    tag::KV_ENTRIES,
    tag::KV_SUMMARY,
    tag::KV_CONTEXT,
    tag::KV_DELTA,
    tag::KV_RECEIPT,
    tag::KV_QUESTION,
    tag::KV_ANSWER,
    tag::KV_WANTS,
    tag::KV_STATES,
    tag::KV_PART,
    tag::KV_FETCH,
    tag::BODY_WANT,
    tag::BODY_HAVE,
    tag::BODY_GET,
    tag::BODY_PART,
    tag::DIRECT,
    tag::DIRECT_ACK,
    tag::COORDINATE,
    tag::NOTICES,
    tag::RECORD_REQUEST,
    tag::RUMOURS,
    tag::INTERESTS,
    tag::IDS,
];

#[test]
fn every_golden_packet_means_what_its_file_says() {
    for vector in file::all() {
        match vector.address.as_str() {
            "u64" => check::<u64>(&vector),
            "ip" => check::<SocketAddr>(&vector),
            other => panic!("{}: no such transport: {other}", vector.name),
        }
    }
}

#[test]
fn every_section_has_a_golden_packet_with_either_form_of_sender() {
    let (mut seen, mut senders) = (BTreeSet::new(), BTreeSet::new());
    for vector in file::all().iter().filter(|vector| matches!(vector.expected, Expected::Meaning(_))) {
        seen.extend(section_sizes(&vector.bytes).map(|(tag, _)| tag));
        senders.insert(vector.bytes[0] & 1);
    }
    let missing: Vec<u8> = TAGS.into_iter().filter(|tag| !seen.contains(tag)).collect();
    assert_eq!((missing, senders.len()), (vec![], 2));
}

#[test]
fn a_packet_cut_anywhere_is_an_error_even_if_its_checksum_is_made_to_fit() {
    for vector in file::all().iter().filter(|vector| matches!(vector.expected, Expected::Meaning(_))) {
        let key = ClusterKey::new(&vector.cluster);
        let ends = section_ends(&vector.bytes);
        for len in 0..vector.bytes.len() {
            let mut cut = vector.bytes[..len].to_vec();
            if len >= 5 {
                let sum = key.checksum(&cut);
                cut[1..5].copy_from_slice(&sum.to_be_bytes());
            }
            // Where a section ends, a packet without the sections after it is one, unless it lacks the ids.
            if !ends.contains(&len) {
                let accepted = match vector.address.as_str() {
                    "u64" => Packet::decode::<u64>(&key, &cut).is_ok(),
                    _ => Packet::decode::<SocketAddr>(&key, &cut).is_ok(),
                };
                assert!(!accepted, "{} cut to {len} bytes", vector.name);
            }
        }
    }
}

#[test]
fn the_hashes_that_all_members_compute_alike_are_fixed() {
    let key = ClusterKey::new("demo");
    for (line, expected) in file::hashes() {
        let words: Vec<&str> = line.split(' ').collect();
        let id = words.get(1).map_or(NodeId::from_bytes([0; 16]), |name| NodeId::from_name(name));
        let number = |at: usize| words[at].parse::<u64>().expect("a number");
        let identity = || Identity::new(id, number(2));
        let found = match words[0] {
            "id" => id.to_string(),
            "short" => format!("{:08x}", key.short(identity())),
            "message" => format!("{:08x}", ShortId::of(key.short(identity()), number(3)).0),
            "position" => format!("{:08x}", key.position(id)),
            "member" => format!("{:016x}", key.member(identity(), number(3))),
            "body" => format!("{:016x}", key.body(words.get(1).map_or(&[][..], |text| text.as_bytes()))),
            "head" => format!("{:016x}", key.head(identity(), number(3))),
            "topic" => format!("{:08x}", key.topic(words.get(1).map_or(&[][..], |text| text.as_bytes())).0),
            "run" => format!("{:016x}", key.run(identity(), number(3), number(4))),
            other => panic!("no such hash: {other}"),
        };
        assert_eq!(found, expected, "{line}");
    }
}

fn check<P: Peer + Display>(vector: &Vector) {
    let Vector { name, bytes, .. } = vector;
    let key = ClusterKey::new(&vector.cluster);
    for (id_name, id) in &vector.ids {
        assert_eq!(NodeId::from_name(id_name), *id, "{name}: id of {id_name}");
    }
    let decoded = Packet::decode::<P>(&key, bytes);
    match (&vector.expected, decoded) {
        (Expected::Error(expected), Err(error)) => assert_eq!(format!("{error:?}"), *expected, "{name}"),
        (Expected::Meaning(lines), Ok(packet)) => {
            let sender = vector.sender(&lines[0]);
            match packet.sender() {
                Sender::Full(found) => assert_eq!((found, "full"), (sender, vector.form(&lines[0])), "{name}"),
                Sender::Short(short) => {
                    assert_eq!((short, "short"), (key.short(sender), vector.form(&lines[0])), "{name}");
                }
            }
            let sections = packet.sections::<P>(sender.id);
            let sections = sections.flat_map(|section| meaning::of(&section, &|id| vector.name_of(id)));
            let flag = packet.takes_frames().then(|| "takes_frames".to_owned());
            let found: Vec<String> = flag.into_iter().chain(sections).collect();
            assert_eq!(found, lines[1..], "{name}");
            check_encoding(vector, &packet, sender, &packet.sections::<P>(sender.id).collect::<Vec<_>>());
        }
        (expected, decoded) => panic!("{name}: expected {expected:?}, got {decoded:?}"),
    }
}

/// A packet has one encoding. Only of a section that is not known nobody can tell which ids it refers to.
fn check_encoding<P: Peer>(vector: &Vector, packet: &Packet<'_>, sender: Identity, sections: &[Section<'_, P>]) {
    if sections.iter().any(|section| matches!(section, Section::Unknown(..))) {
        return;
    }
    let key = ClusterKey::new(&vector.cluster);
    let (mut ids, mut buf) = (Vec::new(), vec![0; vector.bytes.len() + 16]);
    let full = matches!(packet.sender(), Sender::Full(_));
    let mut writer = Writer::new(&mut buf, &mut ids, &key, sender, full).expect("room for a header");
    if packet.takes_frames() {
        writer.take_frames();
    }
    for section in sections {
        section.write(&mut writer).expect("room for what was read");
    }
    let len = writer.finish(&key);
    assert_eq!(buf[..len], vector.bytes, "{} written again", vector.name);
}

/// Where sections end, and the header.
fn section_ends(packet: &[u8]) -> BTreeSet<usize> {
    let sizes: Vec<usize> = section_sizes(packet).map(|(_, size)| size).collect();
    let mut end = packet.len() - sizes.iter().sum::<usize>();
    let mut ends = BTreeSet::from([end]);
    for size in sizes {
        end += size;
        ends.insert(end);
    }
    ends
}

/// What stands in the sections of the map and is not looked into by their codec.
#[cfg(feature = "values")]
#[test]
fn a_node_reads_what_the_golden_packets_say_of_keys() {
    use gossip_core::kv::{Scope, Typed};
    use gossip_core::{Config, Instant, Lane, Node};
    let packet =
        |name: &str| file::all().into_iter().find(|vector| vector.name.starts_with(name)).expect("a packet").bytes;
    let config = Config { cluster: "demo".into(), ..Config::lan() };
    let me = Identity::new(NodeId::from_name("db-1"), 2);
    let mut node = Node::<u64>::new(me, 1, config, [1; 32], Instant::ZERO).expect("a node");
    node.assume(Instant::ZERO, [(Identity::new(NodeId::from_name("web-1"), 7), 2)].into_iter());
    node.handle_packet(Instant::ZERO, Lane::Datagram, &2, &mut packet("kv_entries_full")).expect("a good packet");
    let values: Vec<Vec<u8>> =
        node.kv().siblings(Scope::Shared, b"color").into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, [&b"red"[..], b"blue"]);
    assert_eq!(node.kv().get(Scope::Shared, b"color").map(|entry| entry.value), Some(&b"blue"[..]));
    let content = node.kv().content(Scope::Shared, b"visits").expect("it counts");
    let Some(Typed::Counter(visits)) = content.kinds().next() else { panic!("no counter: {content:?}") };
    assert_eq!(visits.get(), 4);
    node.handle_packet(Instant::ZERO, Lane::Datagram, &2, &mut packet("kv_delta_change")).expect("a good packet");
    let content = node.kv().content(Scope::Shared, b"visits").expect("it counts");
    let Some(Typed::Counter(visits)) = content.kinds().next() else { panic!("no counter: {content:?}") };
    assert_eq!(visits.get(), 7);

    let body = |name: &str| {
        let bytes = packet(name);
        let (_, size) = section_sizes(&bytes).next().expect("a section");
        // Tag and length take a byte each.
        bytes[bytes.len() - size + 2..].to_vec()
    };
    let index = gossip_reconcile::Index::<Vec<u8>>::new(gossip_reconcile::HashKey::new([0; 16]));
    assert!(index.answer(&body("kv_question"), &mut [0; 508]).is_ok());
    assert_eq!(gossip_reconcile::Want::read(&body("kv_wants")).map(|wants| wants.len()), Ok(3));
    let mut session = gossip_reconcile::Session::new(0);
    session.poll_question(&index, &mut [0; 508]);
    assert_eq!(session.handle_answer(&index, &body("kv_answer")), Ok(()));
}
