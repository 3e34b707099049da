//! Any bytes as a packet.

use std::net::SocketAddr;

use gossip_core::wire::broadcast::MAX_INTERESTS;
use gossip_core::wire::{
    ClusterKey, List, Packet, Section, broadcast, bulk, direct, kv, membership, section_sizes, tag,
};
use gossip_core::{NodeId, Peer};

use crate::input::Input;
use crate::{LABELS, fix_checksum};

/// Decodes the bytes as they are, and again with a checksum that fits, and reads all that a packet holds.
///
/// # Panics
/// If the decoder does, or if what was checked cannot be read, whoever the sender turns out to be.
pub fn decode(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (label, peer) = (LABELS[input.below(LABELS.len())], input.below(3));
    let key = ClusterKey::new(label);
    let mut packet = input.0.to_vec();
    for _ in 0..2 {
        match peer {
            0 => read::<u64>(&key, &packet),
            1 => read::<SocketAddr>(&key, &packet),
            _ => read::<[u8; 32]>(&key, &packet),
        }
        fix_checksum(&key, &mut packet);
    }
}

fn read<P: Peer>(key: &ClusterKey, bytes: &[u8]) {
    let sections = section_sizes(bytes).filter(|(tag, _)| *tag != tag::IDS).count();
    let Ok(packet) = Packet::decode::<P>(key, bytes) else { return };
    for sender in [0, 1, 23].map(|byte| NodeId::from_bytes([byte; 16])) {
        let mut carried = 0;
        let read = packet.sections::<P>(sender).map(|section| carried += read_section(&section)).count();
        assert_eq!(read, sections);
        assert!(carried <= bytes.len(), "{carried} bytes of payload");
    }
}

/// Reads every item; how many bytes of payload there are.
fn read_section<P: Peer>(section: &Section<'_, P>) -> usize {
    match section {
        Section::Membership(membership::Section::Updates(list)) => _ = list.iter().count(),
        Section::Membership(membership::Section::TablePage(page)) => _ = page.records.iter().count(),
        Section::Membership(membership::Section::ProfileRequest(ids)) => _ = ids.iter().count(),
        Section::Membership(membership::Section::Notices(list)) => _ = list.iter().count(),
        Section::Membership(membership::Section::RecordRequest(list)) => _ = list.iter().count(),
        Section::Broadcast(broadcast::Section::Messages(list)) => {
            return list.iter().map(|message| message.payload().len()).sum();
        }
        Section::Broadcast(broadcast::Section::Digest(list) | broadcast::Section::Compare(list)) => {
            assert!(list.iter().all(|announcement| announcement.first <= announcement.last));
        }
        Section::Broadcast(broadcast::Section::Pull(list)) => {
            assert!(list.iter().all(|wanted| wanted.sequences().is_sorted_by(|a, b| a < b)));
        }
        Section::Broadcast(broadcast::Section::Push(list)) => {
            assert!(list.iter().all(|pushed| pushed.sequence > 0));
            return list.iter().map(|pushed| pushed.payload().len()).sum();
        }
        Section::Broadcast(broadcast::Section::Rumours(list)) => _ = list.iter().count(),
        Section::Broadcast(broadcast::Section::Interests(told)) => {
            let topics: Vec<_> = told.topics.iter().flat_map(List::iter).collect();
            assert!(topics.len() <= MAX_INTERESTS && topics.is_sorted_by(|a, b| a < b));
        }
        Section::Broadcast(
            broadcast::Section::Recent(ids)
            | broadcast::Section::Ack(ids)
            | broadcast::Section::Prune(ids)
            | broadcast::Section::IHave(ids)
            | broadcast::Section::Graft(ids)
            | broadcast::Section::Ask(ids)
            | broadcast::Section::GraftNamed(ids),
        ) => _ = ids.iter().count(),
        Section::Bulk(bulk::Section::Want(ids)) => _ = ids.iter().count(),
        Section::Bulk(bulk::Section::Have(have)) => {
            assert!(have.ranges().is_sorted_by(|a, b| a.end <= b.start));
        }
        Section::Bulk(bulk::Section::Get(get)) => {
            assert!(get.parts().take(1 << 16).is_sorted_by(|a, b| a < b));
        }
        Section::Bulk(bulk::Section::Part(part)) => return part.bytes.len(),
        Section::Direct(direct::Section::Message(message)) => {
            assert!(message.sequence > 0 && message.port < direct::PORTS);
        }
        Section::Direct(direct::Section::Answers(all)) => {
            assert!(all.answers.iter().all(|answer| answer.sequence > 0));
        }
        Section::Kv(kv::Section::Entries(list) | kv::Section::States(kv::States { entries: list, .. })) => {
            assert!(list.iter().all(|entry| entry.counter > 0));
        }
        Section::Kv(kv::Section::Context(page)) => {
            page.writers.iter().for_each(|seen| check_runs(&seen));
        }
        Section::Kv(kv::Section::Receipt(kv::Receipt::Answer(seen))) => check_runs(seen),
        Section::Kv(kv::Section::Part(kv::Part { counter, .. }) | kv::Section::Fetch(kv::Fetch { counter, .. })) => {
            assert!(*counter > 0);
        }
        Section::Kv(kv::Section::Delta(delta)) => {
            let inside = |counter| delta.after < counter && counter <= delta.through;
            assert!(delta.entries().all(|entry| entry.writer == delta.writer && inside(entry.counter)));
        }
        Section::Broadcast(broadcast::Section::Receipt(broadcast::Receipt::Question { ids, .. })) => {
            assert!((1..=broadcast::MAX_RECEIPT).contains(&ids.iter().count()));
        }
        Section::Membership(_)
        | Section::Broadcast(
            broadcast::Section::Link(_)
            | broadcast::Section::Advert(_)
            | broadcast::Section::Fingerprint(_)
            | broadcast::Section::Receipt(broadcast::Receipt::Answer { .. }),
        )
        | Section::Kv(
            kv::Section::Summary(_)
            | kv::Section::Receipt(kv::Receipt::Question(_))
            | kv::Section::Question(_)
            | kv::Section::Answer(_)
            | kv::Section::Wants(_),
        )
        | Section::Unknown(..) => (),
    }
    0
}

fn check_runs(seen: &kv::Seen<'_>) {
    assert!(seen.runs().all(|(first, last)| first <= last));
    assert!(seen.runs().is_sorted_by(|a, b| a.1 + 1 < b.0), "runs with a hole between any two");
}
