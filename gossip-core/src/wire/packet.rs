//! A whole packet: decoded by borrowing, completely, before anything acts on it.

use super::codec::{DecodeError, Ids, NoSpace, Reader};
use super::{ClusterKey, FLAG_FULL, FLAG_SEALED, VERSION, Writer, broadcast, kv, membership, tag};
use crate::error::PacketError;
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;

/// How a packet names its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// In full.
    Full(Identity),
    /// By [`ClusterKey::short`]; only the receiver's member table can tell whose that is.
    Short(u32),
}

/// A packet whose every byte was checked.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    sender: Sender,
    sections: &'a [u8],
    listed: &'a [u8],
}

/// A section of a packet.
#[derive(Clone, Copy, Debug)]
pub enum Section<'a, P> {
    /// Of membership.
    Membership(membership::Section<'a, P>),
    /// Of broadcast.
    Broadcast(broadcast::Section<'a>),
    /// Of the key-value map.
    Kv(kv::Section<'a>),
    /// Of a later version of this format: to be skipped.
    Unknown(u8, &'a [u8]),
}

impl<P: Peer> Section<'_, P> {
    /// Writes the section, tag and length included.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        match self {
            Self::Membership(section) => writer.section(section.tag(), |w| section.write(w)),
            Self::Broadcast(section) => writer.section(section.tag(), |w| section.write(w)),
            Self::Kv(section) => writer.section(section.tag(), |w| section.write(w)),
            Self::Unknown(tag, body) => writer.section(*tag, |w| w.bytes(body)),
        }
    }
}

impl<'a> Packet<'a> {
    /// Checks a packet from its first byte to its last.
    pub fn decode<P: Peer>(key: &ClusterKey, bytes: &'a [u8]) -> Result<Self, PacketError> {
        let malformed = PacketError::Malformed;
        let [first, c0, c1, c2, c3, rest @ ..] = bytes else { return Err(malformed(DecodeError::Truncated)) };
        if first >> 4 != VERSION {
            return Err(PacketError::Version(first >> 4));
        }
        if key.checksum(bytes) != u32::from_be_bytes([*c0, *c1, *c2, *c3]) {
            return Err(PacketError::Checksum);
        }
        if first & FLAG_SEALED != 0 {
            return Err(PacketError::Sealed);
        }
        if first & 0b1100 != 0 {
            return Err(malformed(DecodeError::NonCanonical));
        }
        Self::decode_sections::<P>(first & FLAG_FULL != 0, rest).map_err(malformed)
    }

    fn decode_sections<P: Peer>(full: bool, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let nobody = NodeId::from_bytes([0; 16]);
        let mut reader = Reader::plain(bytes);
        let sender = if full {
            Sender::Full(Identity { id: reader.raw_id()?, generation: reader.varint()? })
        } else {
            Sender::Short(reader.u32()?)
        };
        let (sections, listed) = split_ids(reader)?;
        let packet = Self { sender, sections, listed };
        let mut referred = 0;
        let mut unknown = false;
        let mut reader = Reader::new(sections, packet.ids(nobody));
        while !reader.is_empty() {
            let (tag, body) = next_section(&mut reader)?;
            let mut body = reader.over(body);
            match read_section::<P>(tag, &mut body)? {
                Section::Unknown(..) => unknown = true,
                _ if !body.is_empty() => return Err(DecodeError::TrailingBytes),
                _ => referred = body.referred(),
            }
            reader = body.over(reader.rest());
        }
        // What a section of a later version refers to cannot be known.
        if !unknown && referred != packet.ids(nobody).len() {
            return Err(DecodeError::IdReference);
        }
        Ok(packet)
    }

    /// How the packet names its sender.
    pub fn sender(&self) -> Sender {
        self.sender
    }

    /// The sections in their order, read on the way. `sender` is whom the packet's references mean by the sender.
    pub fn sections<P: Peer>(&self, sender: NodeId) -> impl Iterator<Item = Section<'a, P>> + use<'a, P> {
        let mut reader = Reader::new(self.sections, self.ids(sender));
        core::iter::from_fn(move || {
            let (tag, body) = next_section(&mut reader).ok()?;
            let mut body = reader.over(body);
            let section = read_section(tag, &mut body).ok();
            reader = body.over(reader.rest());
            section
        })
    }

    fn ids(&self, sender: NodeId) -> Ids<'a> {
        Ids { sender, listed: self.listed }
    }
}

/// Splits the sections from the list of ids, if the last section is one.
fn split_ids(reader: Reader<'_>) -> Result<(&[u8], &[u8]), DecodeError> {
    let all = reader.rest();
    let mut reader = reader;
    loop {
        let before = all.len() - reader.rest().len();
        if reader.is_empty() {
            return Ok((all, &[]));
        }
        let (tag, body) = next_section(&mut reader)?;
        if tag == tag::IDS {
            if !reader.is_empty() || body.is_empty() || body.len() % 16 != 0 {
                return Err(DecodeError::IdReference);
            }
            return Ok((&all[..before], body));
        }
    }
}

fn next_section<'a>(reader: &mut Reader<'a>) -> Result<(u8, &'a [u8]), DecodeError> {
    Ok((reader.u8()?, reader.blob(usize::MAX)?))
}

fn read_section<'a, P: Peer>(tag: u8, body: &mut Reader<'a>) -> Result<Section<'a, P>, DecodeError> {
    if let Some(section) = membership::Section::read(tag, body)? {
        return Ok(Section::Membership(section));
    }
    if let Some(section) = broadcast::Section::read(tag, body)? {
        return Ok(Section::Broadcast(section));
    }
    if let Some(section) = kv::Section::read(tag, body)? {
        return Ok(Section::Kv(section));
    }
    Ok(Section::Unknown(tag, body.rest()))
}

/// The sections of a packet by tag and size, tag and length included, without a look at their content. Bytes that are
/// no packet have none.
pub fn section_sizes(packet: &[u8]) -> impl Iterator<Item = (u8, usize)> + '_ {
    let mut reader = Reader::plain(packet.get(5..).unwrap_or(&[]));
    let full = packet.first().is_some_and(|first| first & FLAG_FULL != 0);
    let header =
        if full { reader.bytes(16).and_then(|_| reader.varint()).map(|_| ()) } else { reader.u32().map(|_| ()) };
    if header.is_err() {
        reader = reader.over(&[]);
    }
    core::iter::from_fn(move || {
        let before = reader.rest().len();
        let (tag, _) = next_section(&mut reader).ok()?;
        Some((tag, before - reader.rest().len()))
    })
}

/// How many payload bytes of broadcast messages a packet carries.
pub fn message_payload_bytes(packet: &[u8]) -> usize {
    let mut at = packet.len() - section_sizes(packet).map(|(_, size)| size).sum::<usize>().min(packet.len());
    let mut bytes = 0;
    for (tag, size) in section_sizes(packet) {
        let mut reader = Reader::plain(&packet[at..at + size]);
        at += size;
        if tag != tag::MESSAGES {
            continue;
        }
        let Ok((_, body)) = next_section(&mut reader) else { continue };
        let mut body = reader.over(body);
        while let Ok(len) = skip_message(&mut body) {
            bytes += len;
        }
    }
    bytes
}

/// Reads past a message without resolving its origin; answers the length of its payload.
fn skip_message(reader: &mut Reader<'_>) -> Result<usize, DecodeError> {
    for _ in 0..4 {
        reader.varint()?;
    }
    reader.blob(usize::MAX)?;
    reader.blob(usize::MAX).map(<[u8]>::len)
}
