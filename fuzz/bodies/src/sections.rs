//! What a section holds, and how it is written.

use gossip_core::NodeId;
use gossip_core::wire::broadcast::{
    Announcement, Interests, Message, Pushed, Receipt as Asked, Rumour, ShortId, TopicHash, Wanted,
};
use gossip_core::wire::bulk::{Part, Run};
use gossip_core::wire::direct::{Answer, Message as Direct};
use gossip_core::wire::kv::{Entry, Fetch, Part as KvPart, Previous, Receipt};
use gossip_core::wire::membership::{
    Coordinate, Join, Notice, Ping, PingReply, PingRequest, Probe, Profile, Record, Suspicion, Welcome,
};
use gossip_core::wire::overlay::{Advert, LinkSection};
use gossip_core::wire::{Item, NoSpace, Writer, tag};

/// What one section holds.
#[derive(Debug, PartialEq)]
pub(crate) enum Model<'a> {
    Ping(Ping),
    Ack(Probe),
    PingRequest(PingRequest),
    PingReply(PingReply),
    Join(Join<u64>),
    Cookie(u64),
    Welcome(Welcome),
    WhoAreYou,
    Updates(Vec<Record<u64>>),
    Digest(u8, Vec<u8>),
    Page {
        answer: bool,
        first: u32,
        last: u32,
        records: Vec<Record<u64>>,
    },
    ProfileRequest(Vec<NodeId>),
    Profile(Profile<'a>),
    Suspicion(Suspicion),
    Veto(gossip_core::Identity),
    Notices(Vec<Notice>),
    RecordRequest(Vec<u32>),
    Coordinate(Coordinate),
    Messages(Vec<Message<'a>>),
    Announcements(Vec<Announcement>),
    Compare(Vec<Announcement>),
    Fingerprint(u32),
    ReceiptAsked(u16, Vec<ShortId>),
    ReceiptSaid(u16, &'a [u8]),
    Wanted(Vec<Wanted>),
    Rumours(Vec<Rumour>),
    /// Whether of the answer, and which topics.
    Interests(bool, Option<Vec<TopicHash>>),
    Link(LinkSection),
    Advert(Advert),
    Push(Vec<Pushed<'a>>),
    /// One of the sections that list short ids.
    Ids(u8, Vec<ShortId>),
    HaveRuns(ShortId, Vec<Run>),
    HaveBits(ShortId, u32, &'a [u8]),
    Get(ShortId, Vec<Run>),
    Part(Part<'a>),
    Direct(Direct<'a>),
    Answers(u32, Vec<Answer>),
    Entries(Vec<Entry<'a>>),
    Summary(u64),
    Context {
        fingerprints: (u64, u64),
        after: Option<gossip_core::Identity>,
        cut: bool,
        reply: bool,
        writers: Vec<Seen>,
    },
    Delta {
        more: bool,
        writer: gossip_core::Identity,
        after: u64,
        through: u64,
        entries: Vec<Entry<'a>>,
    },
    Question(gossip_core::Identity),
    Answer(Seen),
    /// One of the sections of a comparison, whose bytes the codec does not look into.
    Comparison(u8, &'a [u8]),
    States {
        wants_answer: bool,
        entries: Vec<Entry<'a>>,
    },
    KvPart(KvPart<'a>),
    Fetch(Fetch),
}

/// What was seen of a writer, as runs with holes between them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) writer: gossip_core::Identity,
    pub(crate) runs: Vec<(u64, u64)>,
}

impl<'a> Model<'a> {
    /// Whether it is a question or an answer, of which a packet has one.
    pub(crate) fn is_conversation(&self) -> bool {
        tag::is_conversation(self.tag())
    }

    pub(crate) fn tag(&self) -> u8 {
        match self {
            Self::Ping(_) => tag::PING,
            Self::Ack(_) => tag::ACK,
            Self::PingRequest(_) => tag::PING_REQUEST,
            Self::PingReply(_) => tag::PING_REPLY,
            Self::Join(_) => tag::JOIN,
            Self::Cookie(_) => tag::COOKIE,
            Self::Welcome(_) => tag::WELCOME,
            Self::WhoAreYou => tag::WHO_ARE_YOU,
            Self::Updates(_) => tag::UPDATES,
            Self::Digest(..) => tag::TABLE_DIGEST,
            Self::Page { .. } => tag::TABLE_PAGE,
            Self::ProfileRequest(_) => tag::PROFILE_REQUEST,
            Self::Profile(_) => tag::PROFILE,
            Self::Suspicion(_) => tag::SUSPICION,
            Self::Veto(_) => tag::VETO,
            Self::Notices(_) => tag::NOTICES,
            Self::RecordRequest(_) => tag::RECORD_REQUEST,
            Self::Coordinate(_) => tag::COORDINATE,
            Self::Messages(_) => tag::MESSAGES,
            Self::Announcements(_) => tag::MESSAGE_DIGEST,
            Self::Compare(_) => tag::MESSAGE_COMPARE,
            Self::Fingerprint(_) => tag::MESSAGE_FINGERPRINT,
            Self::ReceiptAsked(..) | Self::ReceiptSaid(..) => tag::MESSAGE_RECEIPT,
            Self::Wanted(_) => tag::MESSAGE_PULL,
            Self::Rumours(_) => tag::RUMOURS,
            Self::Interests(..) => tag::INTERESTS,
            Self::Link(_) => tag::LINK,
            Self::Advert(_) => tag::TREE_ADVERT,
            Self::Push(_) => tag::PUSH,
            Self::Ids(tag, _) => *tag,
            Self::HaveRuns(..) | Self::HaveBits(..) => tag::BODY_HAVE,
            Self::Get(..) => tag::BODY_GET,
            Self::Part(_) => tag::BODY_PART,
            Self::Direct(_) => tag::DIRECT,
            Self::Answers(..) => tag::DIRECT_ACK,
            Self::Entries(_) => tag::KV_ENTRIES,
            Self::Summary(_) => tag::KV_SUMMARY,
            Self::Context { .. } => tag::KV_CONTEXT,
            Self::Delta { .. } => tag::KV_DELTA,
            Self::Question(_) | Self::Answer(_) => tag::KV_RECEIPT,
            Self::Comparison(tag, _) => *tag,
            Self::States { .. } => tag::KV_STATES,
            Self::KvPart(_) => tag::KV_PART,
            Self::Fetch(_) => tag::KV_FETCH,
        }
    }

    /// Names another receiver, if it names one.
    pub(crate) fn aim(&mut self, at: impl FnOnce(u32) -> u32) {
        if let Self::Direct(Direct { to, .. }) | Self::Answers(to, _) = self {
            *to = at(*to);
        }
    }

    /// Writes the section, or nothing that stays.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.section(self.tag(), |w| self.write_body(w))
    }

    fn write_body(&self, w: &mut Writer<'_>) -> Result<(), NoSpace> {
        match self {
            Self::Ping(ping) => w.item(ping),
            Self::Ack(probe) => w.item(probe),
            Self::PingRequest(request) => w.item(request),
            Self::PingReply(reply) => w.item(reply),
            Self::Join(join) => w.item(join),
            Self::Cookie(number) | Self::Summary(number) => w.u64(*number),
            Self::Welcome(welcome) => w.item(welcome),
            Self::WhoAreYou => Ok(()),
            Self::Updates(records) => all(w, records),
            Self::Digest(log, hashes) => w.u8(*log).and_then(|()| w.bytes(hashes)),
            Self::Page { answer, first, last, records } => {
                w.u8(u8::from(*answer))?;
                w.u32(*first)?;
                w.u32(*last)?;
                all(w, records)
            }
            Self::ProfileRequest(ids) => all(w, ids),
            Self::Profile(profile) => w.item(profile),
            Self::Suspicion(suspicion) => w.item(suspicion),
            Self::Veto(member) => w.item(member),
            Self::Notices(notices) => all(w, notices),
            Self::RecordRequest(names) => all(w, names),
            Self::Coordinate(coordinate) => w.item(coordinate),
            Self::Messages(messages) => all(w, messages),
            Self::Announcements(announcements) | Self::Compare(announcements) => all(w, announcements),
            Self::ReceiptAsked(token, ids) => Asked::ask(*token, ids, w),
            Self::ReceiptSaid(token, bits) => w.item(&Asked::Answer { token: *token, bits }),
            Self::Fingerprint(fingerprint) => w.u32(*fingerprint),
            Self::Wanted(wanted) => all(w, wanted),
            Self::Rumours(rumours) => all(w, rumours),
            Self::Interests(of_answer, topics) => Interests::tell(*of_answer, topics.as_deref(), w),
            Self::Link(link) => w.item(link),
            Self::Advert(advert) => w.item(advert),
            Self::Push(pushed) => all(w, pushed),
            Self::Ids(_, ids) => all(w, ids),
            Self::HaveRuns(body, runs) => {
                w.item(body)?;
                w.u8(0)?;
                all(w, runs)
            }
            Self::HaveBits(body, first, bits) => {
                w.item(body)?;
                w.u8(1)?;
                w.varint(u64::from(*first))?;
                w.bytes(bits)
            }
            Self::Get(body, runs) => w.item(body).and_then(|()| all(w, runs)),
            Self::Part(part) => w.item(part),
            Self::Direct(message) => w.item(message),
            Self::Answers(to, answers) => w.u32(*to).and_then(|()| all(w, answers)),
            Self::Entries(entries) => all(w, entries),
            Self::Context { fingerprints, after, cut, reply, writers } => {
                w.u8(u8::from(after.is_some()) | u8::from(*cut) << 1 | u8::from(*reply) << 2)?;
                w.u64(fingerprints.0)?;
                w.u64(fingerprints.1)?;
                if let Some(after) = after {
                    w.bytes(after.id.as_bytes())?;
                    w.varint(after.generation)?;
                }
                writers.iter().try_for_each(|seen| seen.write(w))
            }
            Self::Delta { more, writer, after, through, entries } => {
                w.u8(u8::from(*more))?;
                w.id(writer.id)?;
                w.varint(writer.generation)?;
                w.u64(*after)?;
                w.u64(*through)?;
                let mut previous = Previous::new(*after);
                entries.iter().try_for_each(|entry| previous.write(entry, w))
            }
            Self::Question(writer) => w.item(&Receipt::Question(*writer)),
            Self::Answer(seen) => w.u8(1).and_then(|()| seen.write(w)),
            Self::Comparison(_, bytes) => w.bytes(bytes),
            Self::States { wants_answer, entries } => w.u8(u8::from(*wants_answer)).and_then(|()| all(w, entries)),
            Self::KvPart(part) => w.item(part),
            Self::Fetch(fetch) => w.item(fetch),
        }
    }
}

impl Seen {
    fn write(&self, w: &mut Writer<'_>) -> Result<(), NoSpace> {
        let (mut through, mut beyond) = (0, &self.runs[..]);
        if let [(1, last), rest @ ..] = beyond {
            (through, beyond) = (*last, rest);
        }
        let mut bytes = Vec::new();
        let mut after = through;
        for (first, last) in beyond {
            for mut value in [first - after - 2, last - first] {
                while value >= 0x80 {
                    bytes.push(value as u8 | 0x80);
                    value >>= 7;
                }
                bytes.push(value as u8);
            }
            after = *last;
        }
        w.id(self.writer.id)?;
        w.varint(self.writer.generation)?;
        w.varint(through)?;
        w.blob(&bytes)
    }
}

fn all<'a, T: Item<'a>>(w: &mut Writer<'_>, items: &[T]) -> Result<(), NoSpace> {
    items.iter().try_for_each(|item| w.item(item))
}
