//! Sections of membership.

use super::codec::{DecodeError, Item, List, NoSpace, Reader};
pub use super::coordinate::Coordinate;
pub use super::probe::{Ping, PingReply, PingRequest, Probe, Suspicion};
use super::{Writer, tag};
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;

/// A section of membership.
#[derive(Clone, Copy, Debug)]
pub enum Section<'a, P> {
    /// See [`tag::PING`].
    Ping(Ping),
    /// See [`tag::ACK`].
    Ack(Probe),
    /// See [`tag::PING_REQUEST`].
    PingRequest(PingRequest),
    /// See [`tag::PING_REPLY`].
    PingReply(PingReply),
    /// See [`tag::JOIN`].
    Join(Join<P>),
    /// See [`tag::COOKIE`].
    Cookie(u64),
    /// See [`tag::WELCOME`].
    Welcome(Welcome),
    /// See [`tag::WHO_ARE_YOU`].
    WhoAreYou,
    /// See [`tag::UPDATES`].
    Updates(List<'a, Record<P>>),
    /// See [`tag::TABLE_DIGEST`].
    TableDigest(TableDigest<'a>),
    /// See [`tag::TABLE_PAGE`].
    TablePage(TablePage<'a, P>),
    /// See [`tag::PROFILE_REQUEST`].
    ProfileRequest(List<'a, NodeId>),
    /// See [`tag::PROFILE`].
    Profile(Profile<'a>),
    /// See [`tag::SUSPICION`].
    Suspicion(Suspicion),
    /// See [`tag::VETO`].
    Veto(Identity),
    /// See [`tag::COORDINATE`].
    Coordinate(Coordinate),
    /// See [`tag::NOTICES`].
    Notices(List<'a, Notice>),
    /// See [`tag::RECORD_REQUEST`].
    RecordRequest(List<'a, u32>),
}

impl<'a, P: Peer> Section<'a, P> {
    #[cfg_attr(feature = "fast", inline(always))]
    pub(super) fn read(tag: u8, reader: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match tag {
            tag::PING => Self::Ping(Ping::read(reader)?),
            tag::ACK => Self::Ack(Probe::read(reader)?),
            tag::PING_REQUEST => Self::PingRequest(PingRequest::read(reader)?),
            tag::PING_REPLY => Self::PingReply(PingReply::read(reader)?),
            tag::JOIN => Self::Join(Join::read(reader)?),
            tag::COOKIE => Self::Cookie(reader.u64()?),
            tag::WELCOME => Self::Welcome(Welcome::read(reader)?),
            tag::WHO_ARE_YOU => Self::WhoAreYou,
            tag::UPDATES => Self::Updates(List::read(reader)?),
            tag::TABLE_DIGEST => Self::TableDigest(TableDigest::read(reader)?),
            tag::TABLE_PAGE => Self::TablePage(TablePage::read(reader)?),
            tag::PROFILE_REQUEST => Self::ProfileRequest(List::read(reader)?),
            tag::PROFILE => Self::Profile(Profile::read(reader)?),
            tag::SUSPICION => Self::Suspicion(Suspicion::read(reader)?),
            tag::VETO => Self::Veto(Identity::read(reader)?),
            tag::COORDINATE => Self::Coordinate(Coordinate::read(reader)?),
            tag::NOTICES => Self::Notices(List::read(reader)?),
            tag::RECORD_REQUEST => Self::RecordRequest(List::read(reader)?),
            _ => return Ok(None),
        }))
    }

    /// The section's tag.
    pub fn tag(&self) -> u8 {
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
            Self::TableDigest(_) => tag::TABLE_DIGEST,
            Self::TablePage(_) => tag::TABLE_PAGE,
            Self::ProfileRequest(_) => tag::PROFILE_REQUEST,
            Self::Profile(_) => tag::PROFILE,
            Self::Suspicion(_) => tag::SUSPICION,
            Self::Veto(_) => tag::VETO,
            Self::Coordinate(_) => tag::COORDINATE,
            Self::Notices(_) => tag::NOTICES,
            Self::RecordRequest(_) => tag::RECORD_REQUEST,
        }
    }

    /// Whether it asks or answers something: see [`tag::is_conversation`].
    pub fn is_conversation(&self) -> bool {
        tag::is_conversation(self.tag())
    }

    /// Writes the section's body.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        match self {
            Self::Ping(ping) => ping.write(writer),
            Self::Ack(probe) => probe.write(writer),
            Self::PingRequest(request) => request.write(writer),
            Self::PingReply(reply) => reply.write(writer),
            Self::Join(join) => join.write(writer),
            Self::Cookie(cookie) => writer.u64(*cookie),
            Self::Welcome(welcome) => welcome.write(writer),
            Self::WhoAreYou => Ok(()),
            Self::Updates(records) => records.write(writer),
            Self::TableDigest(digest) => digest.write(writer),
            Self::TablePage(page) => page.write(writer),
            Self::ProfileRequest(ids) => ids.write(writer),
            Self::Profile(profile) => profile.write(writer),
            Self::Suspicion(suspicion) => suspicion.write(writer),
            Self::Veto(member) => member.write(writer),
            Self::Coordinate(coordinate) => coordinate.write(writer),
            Self::Notices(notices) => notices.write(writer),
            Self::RecordRequest(names) => names.write(writer),
        }
    }
}

impl Item<'_> for Identity {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { id: reader.id()?, generation: reader.varint()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.id(self.id)?;
        writer.varint(self.generation)
    }
}

/// Asks to be let in: cookie (8 bytes, zero at first), 16 zero bytes, the sender's record. The zero bytes make the
/// question longer than its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join<P> {
    /// The cookie that the contact sent, or zero.
    pub cookie: u64,
    /// The sender's own record.
    pub record: Record<P>,
}

impl<P: Peer> Item<'_> for Join<P> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let cookie = reader.u64()?;
        if reader.bytes(16)? != [0; 16] {
            return Err(DecodeError::NonCanonical);
        }
        Ok(Self { cookie, record: Record::read(reader)? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u64(self.cookie)?;
        writer.bytes(&[0; 16])?;
        self.record.write(writer)
    }
}

/// Lets a joiner in: the number of live members (varint), the generation under which it is known (varint).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Live members that the contact knows, both of them included.
    pub live: u64,
    /// The joiner's generation in the contact's table: another one than its own tells of a namesake.
    pub generation: u64,
}

impl Item<'_> for Welcome {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { live: reader.varint()?, generation: reader.varint()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.varint(self.live)?;
        writer.varint(self.generation)
    }
}

/// What is said of a member. Of two claims that of the higher generation holds, then of the higher incarnation, then of
/// the later state in the order of [`Claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// It answers.
    Alive,
    /// It failed.
    Down {
        /// Who decided so.
        by: NodeId,
    },
    /// It left.
    Left,
}

/// One member: id, generation (varint), incarnation (varint), claim (1 byte: 0 alive, 1 down, 2 left; a verdict goes on
/// with the id of who decided), address (length, bytes), profile version (varint).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<P> {
    /// Whom it is about.
    pub member: Identity,
    /// Counts the member's own statements in this life; only the member itself makes it grow.
    pub incarnation: u64,
    /// What is said.
    pub claim: Claim,
    /// Where the member is reached.
    pub addr: P,
    /// The incarnation at which its metadata, hints or zone changed last; 0: it never had any.
    pub profile: u64,
}

impl<P: Peer> Item<'_> for Record<P> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let member = Identity::read(reader)?;
        let incarnation = reader.varint()?;
        let claim = match reader.u8()? {
            0 => Claim::Alive,
            1 => Claim::Down { by: reader.id()? },
            2 => Claim::Left,
            _ => return Err(DecodeError::OutOfRange),
        };
        let addr = reader.peer()?;
        let profile = reader.varint()?;
        if profile > incarnation {
            return Err(DecodeError::OutOfRange);
        }
        Ok(Self { member, incarnation, claim, addr, profile })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        self.member.write(writer)?;
        writer.varint(self.incarnation)?;
        match self.claim {
            Claim::Alive => writer.u8(0)?,
            Claim::Down { by } => {
                writer.u8(1)?;
                writer.id(by)?;
            }
            Claim::Left => writer.u8(2)?,
        }
        writer.peer(&self.addr)?;
        writer.varint(self.profile)
    }
}

/// What a record says, for those that may have it already: that a member is alive. Its short name (4 bytes,
/// [`super::ClusterKey::short`]), its incarnation (varint).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The member's short name.
    pub name: u32,
    /// The incarnation under which it is alive.
    pub incarnation: u64,
}

impl Item<'_> for Notice {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { name: reader.u32()?, incarnation: reader.varint()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u32(self.name)?;
        writer.varint(self.incarnation)
    }
}

impl Item<'_> for u32 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.u32()
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u32(*self)
    }
}

impl Item<'_> for NodeId {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.id()
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.id(*self)
    }
}

/// The table in 2^`log_buckets` buckets: `log_buckets` (1 byte, at most 8), then 3 bytes for each bucket, the low ones
/// of the sum of [`super::ClusterKey::member`] over its live members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDigest<'a> {
    /// The binary logarithm of the number of buckets, 0 to 8.
    pub log_buckets: u8,
    /// Three bytes for each bucket.
    pub hashes: &'a [u8],
}

impl<'a> TableDigest<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let log_buckets = reader.u8()?;
        if log_buckets > 8 {
            return Err(DecodeError::OutOfRange);
        }
        Ok(Self { log_buckets, hashes: reader.bytes(3 << log_buckets)? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u8(self.log_buckets)?;
        writer.bytes(self.hashes)
    }
}

/// All live members of the sender's table whose [`super::ClusterKey::position`] is in a range: a flag (1 byte: 1 asks
/// for what the receiver knows better there), first and last position (4 bytes each), records.
#[derive(Clone, Copy, Debug)]
pub struct TablePage<'a, P> {
    /// Whether the receiver should answer with what it knows better.
    pub answer: bool,
    /// The first position of the range.
    pub first: u32,
    /// The last position of the range, included.
    pub last: u32,
    /// The live members there.
    pub records: List<'a, Record<P>>,
}

impl<'a, P: Peer> TablePage<'a, P> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let answer = reader.flag()?;
        let (first, last) = (reader.u32()?, reader.u32()?);
        if first > last {
            return Err(DecodeError::OutOfRange);
        }
        Ok(Self { answer, first, last, records: List::read(reader)? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u8(u8::from(self.answer))?;
        writer.u32(self.first)?;
        writer.u32(self.last)?;
        self.records.write(writer)
    }
}

/// A member's metadata, hints and zone: id, generation (varint), version (varint, as in [`Record::profile`]), metadata
/// (length, at most 512 bytes), hints (length, at most 256 bytes), zone (length, at most 32 bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile<'a> {
    /// Whose they are.
    pub member: Identity,
    /// Their version.
    pub version: u64,
    /// The application's bytes.
    pub metadata: &'a [u8],
    /// The transport's bytes.
    pub hints: &'a [u8],
    /// The name of its zone; empty: none.
    pub zone: &'a [u8],
}

impl<'a> Item<'a> for Profile<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            member: Identity::read(reader)?,
            version: reader.varint()?,
            metadata: reader.blob(512)?,
            hints: reader.blob(256)?,
            zone: reader.blob(32)?,
        })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        self.member.write(writer)?;
        writer.varint(self.version)?;
        writer.blob(self.metadata)?;
        writer.blob(self.hints)?;
        writer.blob(self.zone)
    }
}
