//! What is inside a packet, as far as the metrics ask: the only place that knows the wire format.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use gossip_core::NodeId;
use gossip_core::broadcast::MessageId;
use gossip_core::wire::broadcast::{Body, Message, Section as BroadcastSection, ShortId};
use gossip_core::wire::bulk::Section as BulkSection;
use gossip_core::wire::{ClusterKey, Packet, Section, section_sizes, tag};

/// All tags that broadcast has or may get, and those of the exchange of parts.
const BROADCAST: RangeInclusive<u8> = 16..=31;
const BROADCAST_TOO: RangeInclusive<u8> = tag::RUMOURS..=tag::INTERESTS;
const BULK: RangeInclusive<u8> = tag::BODY_WANT..=tag::BODY_PART;
/// Those of its sections, and of the map's, that hold what nodes spread, and do not merely speak of it.
const CONTENT: [u8; 7] =
    [tag::MESSAGES, tag::PUSH, tag::BODY_PART, tag::KV_ENTRIES, tag::KV_DELTA, tag::KV_STATES, tag::KV_PART];
/// What an id takes in the list at a packet's end.
const ID_BYTES: usize = 16;

/// What a packet calls a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    /// By its id.
    Full(MessageId),
    /// By its origin's short name and its number.
    Short(u32, u64),
    /// By the short id under which its parts go.
    Part(ShortId),
}

/// Bytes of the key-value map's sections, with their tags and lengths.
pub(super) fn kv_bytes(packet: &[u8]) -> usize {
    let is_kv = |tag: u8| matches!(tag, tag::KV_ENTRIES..=tag::KV_RECEIPT | tag::KV_QUESTION..=tag::KV_FETCH);
    section_sizes(packet).filter(|(tag, _)| is_kv(*tag)).map(|(_, bytes)| bytes).sum()
}

/// Whether a packet brings something new, and not only questions, answers and what is known.
pub(super) fn is_content(packet: &[u8]) -> bool {
    section_sizes(packet).any(|(tag, _)| CONTENT.contains(&tag))
}

/// How much of a packet that `sender` made is broadcast's: all of it if it was made for broadcast, which its first section
/// tells; else broadcast's sections, and the ids that they name, even where others name them too. Tells `each` of the
/// messages in it, with the length of the payload that is there.
pub(super) fn broadcast(key: &ClusterKey, sender: NodeId, packet: &[u8], mut each: impl FnMut(Name, usize)) -> usize {
    let is_broadcast = |tag: u8| BROADCAST.contains(&tag) || BROADCAST_TOO.contains(&tag) || BULK.contains(&tag);
    let own = section_sizes(packet).filter(|(tag, _)| is_broadcast(*tag)).map(|(_, bytes)| bytes).sum::<usize>();
    if own == 0 {
        return 0;
    }
    let whole = packet.len();
    let made_for_it = section_sizes(packet).next().is_some_and(|(tag, _)| is_broadcast(tag));
    let Ok(packet) = Packet::decode::<u64>(key, packet) else { return whole };
    let mut named = BTreeSet::new();
    for section in packet.sections::<u64>(sender) {
        let section = match section {
            Section::Broadcast(section) => section,
            Section::Bulk(BulkSection::Part(part)) => {
                each(Name::Part(part.body), part.bytes.len());
                continue;
            }
            _ => continue,
        };
        match section {
            BroadcastSection::Messages(messages) => messages.iter().for_each(|message| {
                let origin = message.origin;
                named.insert(origin.id);
                let id = MessageId { origin: origin.id, generation: origin.generation, sequence: message.sequence };
                each(Name::Full(id), payload_len(&message));
            }),
            BroadcastSection::Push(pushed) => pushed.iter().for_each(|message| {
                each(Name::Short(message.origin, message.sequence), payload_len(&message));
            }),
            BroadcastSection::Digest(digest) | BroadcastSection::Compare(digest) => {
                named.extend(digest.iter().map(|one| one.origin.id));
            }
            BroadcastSection::Pull(wanted) => named.extend(wanted.iter().map(|one| one.origin.id)),
            BroadcastSection::Fingerprint(_)
            | BroadcastSection::Recent(_)
            | BroadcastSection::Receipt(_)
            | BroadcastSection::Rumours(_)
            | BroadcastSection::Interests(_)
            | BroadcastSection::Link(_)
            | BroadcastSection::Advert(_)
            | BroadcastSection::Ack(_)
            | BroadcastSection::Prune(_)
            | BroadcastSection::IHave(_)
            | BroadcastSection::Graft(_)
            | BroadcastSection::Ask(_)
            | BroadcastSection::GraftNamed(_) => (),
        }
    }
    // The sender's own id stands in the header.
    named.remove(&sender);
    if made_for_it { whole } else { own + named.len() * ID_BYTES }
}

/// A manifest is no payload.
fn payload_len<O>(message: &Message<'_, O>) -> usize {
    match message.body {
        Body::Content(content) if !content.in_parts => content.payload.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use gossip_core::Identity;
    use gossip_core::wire::broadcast::Class;
    use gossip_core::wire::membership::{Probe, Section as MembershipSection};
    use gossip_core::wire::{Item as _, Writer};

    use super::*;

    fn identity(name: &str) -> Identity {
        Identity::new(NodeId::from_name(name), 1)
    }

    /// A packet with a message of n1 of 100 bytes, behind an ack if it `rides`: its length, that of the message's section,
    /// broadcast's part of it, and the payloads.
    fn inspected(rides: bool) -> (usize, usize, usize, Vec<(Name, usize)>) {
        let (key, me, mut ids, mut buffer) = (ClusterKey::new("c"), identity("n0"), Vec::new(), [0; 600]);
        let mut writer = Writer::new(&mut buffer, &mut ids, &key, me, true).unwrap();
        if rides {
            acknowledge(&mut writer);
        }
        let (origin, payload) = (identity("n1"), [7; 100]);
        let message = Message::new(origin, 3, Class::Normal, b"t", &payload);
        writer.section(tag::MESSAGES, |w| message.write(w)).unwrap();
        let len = writer.finish(&key);
        let packet = &buffer[..len];
        let section = section_sizes(packet).find(|(tag, _)| *tag == tag::MESSAGES).unwrap().1;
        let mut payloads = Vec::new();
        let broadcast = broadcast(&key, me.id, packet, |id, bytes| payloads.push((id, bytes)));
        (len, section, broadcast, payloads)
    }

    fn acknowledge(writer: &mut Writer<'_>) {
        let ack = MembershipSection::<u64>::Ack(Probe { number: 1, fingerprint: 2 });
        writer.section(tag::ACK, |w| ack.write(w)).unwrap();
    }

    #[test]
    fn a_packet_made_for_broadcast_counts_whole() {
        let (len, _, broadcast, payloads) = inspected(false);
        assert_eq!(broadcast, len);
        let id = MessageId { origin: identity("n1").id, generation: 1, sequence: 3 };
        assert_eq!(payloads, [(Name::Full(id), 100)]);
    }

    #[test]
    fn of_another_packet_its_sections_count_and_the_ids_they_name() {
        let (len, section, broadcast, payloads) = inspected(true);
        assert_eq!(broadcast, section + 16);
        assert!(broadcast < len);
        assert_eq!(payloads.len(), 1);
    }

    #[test]
    fn a_packet_without_broadcast_is_none_of_it() {
        let (key, me, mut ids, mut buffer) = (ClusterKey::new("c"), identity("n0"), Vec::new(), [0; 600]);
        let mut writer = Writer::new(&mut buffer, &mut ids, &key, me, true).unwrap();
        acknowledge(&mut writer);
        let len = writer.finish(&key);
        assert_eq!(broadcast(&key, me.id, &buffer[..len], |_, _| panic!("no message")), 0);
    }
}
