//! Wire format v1: what stands in a packet, byte by byte. `docs/wire-format.md` is the specification; this is its
//! implementation, public for tools that look at packets: simulators, fuzzers, dissectors.
//!
//! ```text
//! +---------+----------+-------------------------------+---------+-----+-----------+
//! | version | checksum | sender: id, generation (full) | section | ... | ids, last |
//! | flags 1 |        4 |      or 4-byte hash (short)   |         |     | optional  |
//! +---------+----------+-------------------------------+---------+-----+-----------+
//! section = tag (1), length (varint), body
//! ```

pub mod broadcast;
pub mod bulk;
mod cluster;
mod codec;
mod coordinate;
pub mod direct;
mod interests;
pub mod kv;
pub mod membership;
mod message;
pub mod overlay;
mod packet;
mod probe;
mod receipt;
mod writer;

pub use cluster::ClusterKey;
pub use codec::{DecodeError, Item, List, NoSpace, Reader};
pub use packet::{Packet, Section, Sender, section_sizes};
pub use writer::Writer;

/// The version of the wire format: the high half of a packet's first byte.
pub const VERSION: u8 = 1;
/// Flag in the first byte: the sender is written in full.
pub const FLAG_FULL: u8 = 1;
/// Flag in the first byte: what follows is sealed. Reserved; a node without keys drops such packets.
pub const FLAG_SEALED: u8 = 2;
/// Flag in the first byte: the sender takes frames, packets that are longer than a datagram, over a stream lane.
pub const FLAG_FRAMES: u8 = 4;

/// The tags of sections.
pub mod tag {
    /// Whether a packet is made for a section of this tag, a question or its answer: it has at most one of them, so that one
    /// datagram is never answered by many.
    pub const fn is_conversation(tag: u8) -> bool {
        matches!(
            tag,
            PING..=WHO_ARE_YOU
                | MESSAGE_PULL
                | LINK
                | MESSAGE_COMPARE
                | MESSAGE_RECENT
                | MESSAGE_RECEIPT
                | RUMOURS
                | KV_QUESTION
                | KV_WANTS
                | KV_FETCH
        )
    }

    /// A probe: [`super::membership::Ping`].
    pub const PING: u8 = 1;
    /// The answer to a probe: [`super::membership::Probe`].
    pub const ACK: u8 = 2;
    /// Asks to probe another: [`super::membership::PingRequest`].
    pub const PING_REQUEST: u8 = 3;
    /// Whether the other answered: [`super::membership::PingReply`].
    pub const PING_REPLY: u8 = 4;
    /// Asks to be let in: [`super::membership::Join`].
    pub const JOIN: u8 = 5;
    /// Asks a joiner to prove its address: 8 bytes to repeat.
    pub const COOKIE: u8 = 6;
    /// Lets a joiner in: the number of live members, and the joiner's generation.
    pub const WELCOME: u8 = 7;
    /// The short name of the sender is not known; empty.
    pub const WHO_ARE_YOU: u8 = 8;
    /// Member records to spread: [`super::membership::Record`]s.
    pub const UPDATES: u8 = 9;
    /// Hashes of the member table's buckets: [`super::membership::TableDigest`].
    pub const TABLE_DIGEST: u8 = 10;
    /// All records of a part of the table: [`super::membership::TablePage`].
    pub const TABLE_PAGE: u8 = 11;
    /// Asks for metadata, hints and zone: ids.
    pub const PROFILE_REQUEST: u8 = 12;
    /// A member's metadata, hints and zone: [`super::membership::Profile`].
    pub const PROFILE: u8 = 13;
    /// The sender got no answer from a member: [`super::membership::Suspicion`].
    pub const SUSPICION: u8 = 14;
    /// A member that was suspected answered the sender, or is the sender: its identity.
    pub const VETO: u8 = 15;
    /// Broadcast messages: [`super::broadcast::Message`]s.
    pub const MESSAGES: u8 = 16;
    /// Announces messages: [`super::broadcast::Announcement`]s.
    pub const MESSAGE_DIGEST: u8 = 17;
    /// Asks for messages: [`super::broadcast::Wanted`]s.
    pub const MESSAGE_PULL: u8 = 18;
    /// Measures the way to a member, or asks for, takes and gives up a link of the overlay:
    /// [`LinkSection`](super::overlay::LinkSection).
    pub const LINK: u8 = 19;
    /// What a neighbour knows of the way to the tree's root: [`Advert`](super::overlay::Advert).
    pub const TREE_ADVERT: u8 = 20;
    /// Messages pushed along a link: a list of [`Pushed`](super::broadcast::Pushed).
    pub const PUSH: u8 = 21;
    /// Acknowledges pushed messages: a list of [`ShortId`](super::broadcast::ShortId).
    pub const PUSH_ACK: u8 = 22;
    /// As `PUSH_ACK`, of messages that were known before, by a link that is not one of the tree here.
    pub const PRUNE: u8 = 23;
    /// Announces messages over a link: a list of [`ShortId`](super::broadcast::ShortId).
    pub const IHAVE: u8 = 24;
    /// Asks a neighbour for messages that it announced.
    pub const GRAFT: u8 = 25;
    /// As `IHAVE`, but wants an answer: `PUSH_ACK` or `GRAFT`.
    pub const ASK: u8 = 26;
    /// As `GRAFT`, of messages whose origin is not known by its short name: answered with `MESSAGES`.
    pub const GRAFT_NAMED: u8 = 27;
    /// Sums up the messages that the sender holds: 4 bytes, the XOR of their short ids. It rides on probes.
    pub const MESSAGE_FINGERPRINT: u8 = 28;
    /// As `MESSAGE_DIGEST`, and wants to be answered by one.
    pub const MESSAGE_COMPARE: u8 = 29;
    /// The messages that the sender received in the last four seconds: a list of [`ShortId`](super::broadcast::ShortId), perhaps
    /// an empty one. It is answered with `MESSAGES` of others of that time.
    pub const MESSAGE_RECENT: u8 = 30;
    /// Asks a member whether it has messages, or says it: [`super::broadcast::Receipt`].
    pub const MESSAGE_RECEIPT: u8 = 31;
    /// New entries of the map: [`super::kv::Entry`]s.
    pub const KV_ENTRIES: u8 = 32;
    /// A fingerprint of all that was written and seen: 8 bytes.
    pub const KV_SUMMARY: u8 = 33;
    /// Which versions the sender has seen: [`super::kv::ContextPage`].
    pub const KV_CONTEXT: u8 = 34;
    /// A writer's surviving entries between two versions: [`super::kv::Delta`].
    pub const KV_DELTA: u8 = 35;
    /// Asks how much of a writer was seen, or says it: [`super::kv::Receipt`].
    pub const KV_RECEIPT: u8 = 36;
    /// Asks how the receiver's entries differ from the sender's: a question of a comparison of indices, which is answered
    /// with `KV_ANSWER`.
    pub const KV_QUESTION: u8 = 50;
    /// The answer to such a question.
    pub const KV_ANSWER: u8 = 51;
    /// Which entries the sender wants; they come as `KV_STATES`.
    pub const KV_WANTS: u8 = 52;
    /// What the sender knows of keys in which the two differ: [`super::kv::States`].
    pub const KV_STATES: u8 = 53;
    /// A part of what the sender knows of a key, or how long that is: [`super::kv::Part`].
    pub const KV_PART: u8 = 54;
    /// Asks for parts: [`super::kv::Fetch`].
    pub const KV_FETCH: u8 = 55;
    /// Which bodies the sender wants: short ids. It is answered with `BODY_HAVE`, now and for a while when that changes.
    pub const BODY_WANT: u8 = 40;
    /// Which parts of a body the sender has: [`super::bulk::Have`].
    pub const BODY_HAVE: u8 = 41;
    /// Asks for parts of a body: [`super::bulk::Get`].
    pub const BODY_GET: u8 = 42;
    /// A part of a body: [`super::bulk::Part`].
    pub const BODY_PART: u8 = 43;
    /// A message to one member: [`super::direct::Message`].
    pub const DIRECT: u8 = 48;
    /// What became of direct messages: [`super::direct::Answers`].
    pub const DIRECT_ACK: u8 = 49;
    /// Where the sender is in the space of round trips: [`super::membership::Coordinate`].
    pub const COORDINATE: u8 = 64;
    /// Tells of members in short: [`super::membership::Notice`]s.
    pub const NOTICES: u8 = 65;
    /// Asks for the records of members: short names, 4 bytes each.
    pub const RECORD_REQUEST: u8 = 66;
    /// How far the rumours of this packet have spread: [`super::broadcast::Rumour`]s. An empty one asks for the receiver's.
    pub const RUMOURS: u8 = 96;
    /// Which topics are wanted on the sender's side of a link, or of the answer to this packet:
    /// [`Interests`](super::broadcast::Interests).
    pub const INTERESTS: u8 = 97;
    /// The ids that sections refer to; the last section, if there are any.
    pub const IDS: u8 = 127;
}
