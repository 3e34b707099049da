//! A whole packet: decoded by borrowing, completely, before anything acts on it.

use super::codec::{DecodeError, Ids, NoSpace, Reader};
use super::{
    ClusterKey, FLAG_FRAMES, FLAG_FULL, FLAG_SEALED, VERSION, Writer, broadcast, bulk, direct, kv, membership, tag,
};
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

impl Sender {
    /// What stands in the header of a packet that was not checked. None: it is cut short, or of another version.
    pub fn peek(packet: &[u8]) -> Option<Self> {
        let [first, _, _, _, _, rest @ ..] = packet else { return None };
        (first >> 4 == VERSION).then(|| Self::read(*first, &mut Reader::plain(rest)).ok()).flatten()
    }

    fn read(flags: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(if flags & FLAG_FULL != 0 {
            Self::Full(Identity { id: reader.raw_id()?, generation: reader.varint()? })
        } else {
            Self::Short(reader.u32()?)
        })
    }
}

/// A packet whose every byte was checked.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    sender: Sender,
    takes_frames: bool,
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
    /// Of payloads that go in parts.
    Bulk(bulk::Section<'a>),
    /// Of the key-value map.
    Kv(kv::Section<'a>),
    /// Of direct messages.
    Direct(direct::Section<'a>),
    /// Of a later version of this format, or of a protocol that this build is without: to be skipped.
    Unknown(u8, &'a [u8]),
}

impl<P: Peer> Section<'_, P> {
    /// Writes the section, tag and length included.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        match self {
            Self::Membership(section) => writer.section(section.tag(), |w| section.write(w)),
            Self::Broadcast(section) => writer.section(section.tag(), |w| section.write(w)),
            Self::Bulk(section) => writer.section(section.tag(), |w| section.write(w)),
            Self::Kv(section) => writer.section(section.tag(), |w| section.write(w)),
            Self::Direct(section) => writer.section(section.tag(), |w| section.write(w)),
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
        if first & 0b1000 != 0 {
            return Err(malformed(DecodeError::NonCanonical));
        }
        Self::decode_sections::<P>(*first, rest).map_err(malformed)
    }

    fn decode_sections<P: Peer>(flags: u8, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::plain(bytes);
        let sender = Sender::read(flags, &mut reader)?;
        let (sections, listed, plain) = split_ids(reader)?;
        let packet = Self { sender, takes_frames: flags & FLAG_FRAMES != 0, sections, listed };
        // A probe and what rides on it: checked on the way.
        if !plain || !listed.is_empty() {
            packet.check_sections::<P>()?;
        }
        Ok(packet)
    }

    fn check_sections<P: Peer>(&self) -> Result<(), DecodeError> {
        let ids = self.ids(match self.sender {
            Sender::Full(sender) => sender.id,
            Sender::Short(_) => stand_in(self.listed),
        });
        check_ids(ids)?;
        let mut referred = 0;
        let mut unknown = false;
        let mut conversation = false;
        let mut reader = Reader::new(self.sections, ids);
        while !reader.is_empty() {
            let (tag, body) = next_section(&mut reader)?;
            let mut body = reader.over(body);
            if tag::is_conversation(tag) && core::mem::replace(&mut conversation, true) {
                return Err(DecodeError::Repeated);
            }
            match read_section::<P>(tag, &mut body)? {
                Section::Unknown(..) => unknown = true,
                _ if !body.is_empty() => return Err(DecodeError::TrailingBytes),
                _ => referred = body.referred(),
            }
            reader = body.over(reader.rest());
        }
        // What a section of a later version refers to cannot be known.
        if !unknown && referred != ids.len() {
            return Err(DecodeError::IdReference);
        }
        Ok(())
    }

    /// Whether its sender takes frames over a stream lane.
    pub fn takes_frames(&self) -> bool {
        self.takes_frames
    }

    /// How the packet names its sender.
    pub fn sender(&self) -> Sender {
        self.sender
    }

    /// The sections in their order, read on the way. `sender` is whom the packet's references mean by the sender.
    pub fn sections<P: Peer>(&self, sender: NodeId) -> impl Iterator<Item = Section<'a, P>> + use<'a, P> {
        let mut reader = Reader::checked(self.sections, self.ids(sender));
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

/// Splits the sections from the list of ids, if the last section is one; and whether all are [`PLAIN`], one of them a
/// conversation at most, so that nothing is left to check.
fn split_ids(reader: Reader<'_>) -> Result<(&[u8], &[u8], bool), DecodeError> {
    let all = reader.rest();
    let mut reader = reader;
    let (mut plain, mut conversation) = (true, false);
    while !reader.is_empty() {
        let before = all.len() - reader.rest().len();
        let (tag, body) = next_section(&mut reader)?;
        if tag == tag::IDS {
            if !reader.is_empty() || body.is_empty() || body.len() % 16 != 0 {
                return Err(DecodeError::IdReference);
            }
            return Ok((&all[..before], body, plain));
        }
        let repeated = tag::is_conversation(tag) && core::mem::replace(&mut conversation, true);
        plain &= !repeated && PLAIN.iter().any(|(of, len)| *of == tag && *len == body.len());
    }
    Ok((all, &[], plain))
}

/// Sections of which any bytes of this length are a valid body.
const PLAIN: [(u8, usize); 5] =
    [(tag::PING, 10), (tag::ACK, 8), (tag::MESSAGE_FINGERPRINT, 4), (tag::KV_SUMMARY, 8), (tag::COORDINATE, 8)];

/// An id that the list does not hold, for the sender whose id only its receiver knows: what is compared while the packet
/// is checked compares the same once that id is known.
fn stand_in(listed: &[u8]) -> NodeId {
    let mut id = 0_u128;
    while listed.chunks_exact(16).any(|other| other == id.to_be_bytes()) {
        id += 1;
    }
    NodeId::from_bytes(id.to_be_bytes())
}

/// Every id is written once, and the sender's not at all. As many comparisons as its writer made.
fn check_ids(ids: Ids<'_>) -> Result<(), DecodeError> {
    for at in (0..ids.listed.len()).step_by(16) {
        let (before, id) = (&ids.listed[..at], &ids.listed[at..at + 16]);
        if id == ids.sender.as_bytes() || before.chunks_exact(16).any(|other| other == id) {
            return Err(DecodeError::NonCanonical);
        }
    }
    Ok(())
}

#[inline]
fn next_section<'a>(reader: &mut Reader<'a>) -> Result<(u8, &'a [u8]), DecodeError> {
    Ok((reader.u8()?, reader.blob(usize::MAX)?))
}

/// What a node was built without is as unknown to it as what a later version adds.
#[cfg_attr(feature = "fast", inline(always))]
#[cfg_attr(not(feature = "fast"), inline(never))]
fn read_section<'a, P: Peer>(tag: u8, body: &mut Reader<'a>) -> Result<Section<'a, P>, DecodeError> {
    let section = match tag {
        ..tag::MESSAGES | tag::COORDINATE..tag::RUMOURS => {
            membership::Section::read(tag, body)?.map(Section::Membership)
        }
        #[cfg(feature = "broadcast")]
        tag::MESSAGES..tag::KV_ENTRIES | tag::RUMOURS..tag::IDS => {
            broadcast::Section::read(tag, body)?.map(Section::Broadcast)
        }
        #[cfg(feature = "broadcast")]
        tag::BODY_WANT..tag::DIRECT => bulk::Section::read(tag, body)?.map(Section::Bulk),
        #[cfg(feature = "kv")]
        tag::KV_ENTRIES..tag::BODY_WANT | tag::KV_QUESTION..=tag::KV_FETCH => {
            kv::Section::read(tag, body)?.map(Section::Kv)
        }
        #[cfg(feature = "direct")]
        tag::DIRECT.. => direct::Section::read(tag, body)?.map(Section::Direct),
        #[allow(unreachable_patterns, reason = "unless all of them are read")]
        _ => None,
    };
    Ok(section.unwrap_or_else(|| Section::Unknown(tag, body.rest())))
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

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    const SENDER: Identity = Identity { id: NodeId::from_bytes([7; 16]), generation: 1 };

    /// A packet of these bytes after its header, its checksum right.
    fn packet(full: bool, bytes: &[u8]) -> Vec<u8> {
        let (key, mut ids, mut buf) = (ClusterKey::new(""), Vec::new(), vec![0; 600]);
        let mut writer = Writer::new(&mut buf, &mut ids, &key, SENDER, full).unwrap();
        writer.bytes(bytes).unwrap();
        let len = writer.finish(&key);
        buf.truncate(len);
        buf
    }

    fn decoded(full: bool, bytes: &[u8]) -> Result<(), DecodeError> {
        match Packet::decode::<u64>(&ClusterKey::new(""), &packet(full, bytes)) {
            Ok(_) => Ok(()),
            Err(PacketError::Malformed(error)) => Err(error),
            Err(other) => unreachable!("{other}"),
        }
    }

    #[test]
    fn a_packet_asks_or_answers_one_thing() {
        assert_eq!(decoded(true, &[tag::WHO_ARE_YOU, 0]), Ok(()));
        assert_eq!(decoded(true, &[tag::WHO_ARE_YOU, 0, tag::PING_REPLY, 4, 0, 0, 0, 1]), Err(DecodeError::Repeated));
    }

    #[test]
    fn any_bytes_of_a_plain_section_s_length_are_its_body() {
        for (tag, len) in PLAIN {
            for fill in [0_u8, 0x7f, 0x80, 0xff] {
                let bytes = vec![fill; len];
                let mut body = Reader::plain(&bytes);
                let section = read_section::<u64>(tag, &mut body).unwrap();
                assert!(!matches!(section, Section::Unknown(..)) && body.is_empty(), "tag {tag} of {fill}");
            }
            assert_ne!(decoded(true, &[&[tag, len as u8 - 1][..], &[0; 7]].concat()), Ok(()), "tag {tag}, too short");
        }
    }

    #[test]
    fn plain_sections_ask_or_answer_one_thing_too() {
        let ping = [tag::ACK, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(decoded(true, &ping), Ok(()));
        assert_eq!(decoded(true, &[ping, ping].concat()), Err(DecodeError::Repeated));
    }

    #[test]
    fn an_id_stands_once_in_the_list_and_the_sender_s_not_at_all() {
        let asks_for = |listed: &[[u8; 16]]| {
            let mut bytes = vec![tag::PROFILE_REQUEST, listed.len() as u8];
            bytes.extend(1..=listed.len() as u8);
            bytes.extend([tag::IDS, (listed.len() * 16) as u8]);
            bytes.extend(listed.as_flattened());
            bytes
        };
        assert_eq!(decoded(true, &asks_for(&[[1; 16], [2; 16]])), Ok(()));
        assert_eq!(decoded(true, &asks_for(&[[1; 16], [2; 16], [1; 16]])), Err(DecodeError::NonCanonical));
        assert_eq!(decoded(true, &asks_for(&[*SENDER.id.as_bytes()])), Err(DecodeError::NonCanonical));
    }
}
