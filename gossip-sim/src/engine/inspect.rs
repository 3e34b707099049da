//! What is inside a packet, as far as the metrics ask: the only place that knows the wire format.

use gossip_core::NodeId;
use gossip_core::broadcast::MessageId;
use gossip_core::wire::broadcast::Section as BroadcastSection;
use gossip_core::wire::{ClusterKey, Packet, Section, section_sizes, tag};

/// Bytes of the key-value map's sections, with their tags and lengths.
pub(super) fn kv_bytes(packet: &[u8]) -> usize {
    let is_kv = |tag: u8| (tag::KV_ENTRIES..=tag::KV_RECEIPT).contains(&tag);
    section_sizes(packet).filter(|(tag, _)| is_kv(*tag)).map(|(_, bytes)| bytes).sum()
}

/// Each broadcast message in a packet that `sender` made, with the length of its payload.
pub(super) fn payloads(key: &ClusterKey, sender: NodeId, packet: &[u8], mut each: impl FnMut(MessageId, usize)) {
    if !section_sizes(packet).any(|(tag, _)| tag == tag::MESSAGES) {
        return;
    }
    let Ok(packet) = Packet::decode::<u64>(key, packet) else { return };
    for section in packet.sections::<u64>(sender) {
        if let Section::Broadcast(BroadcastSection::Messages(messages)) = section {
            for message in messages.iter() {
                let origin = message.origin;
                let id = MessageId { origin: origin.id, generation: origin.generation, sequence: message.sequence };
                each(id, message.payload.len());
            }
        }
    }
}
