//! Sections of failure detection: pings, their answers, and what is said of members that do not answer.

use super::Writer;
use super::codec::{DecodeError, Item, NoSpace, Reader};
use crate::identity::{Identity, NodeId};

/// A probe: as its answer, and when the next of the sender's own pings to the receiver is due (2 bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// What the answer repeats and compares.
    pub probe: Probe,
    /// In hundredths of a second; 0: nothing is promised; [`Ping::DEAF`]: the sender hears nobody.
    pub promise: u16,
}

impl Ping {
    /// In place of a promise: that the sender pings says nothing of whether it is well.
    pub const DEAF: u16 = u16::MAX;
}

impl Item<'_> for Ping {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { probe: Probe::read(reader)?, promise: reader.u16()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        self.probe.write(writer)?;
        writer.bytes(&self.promise.to_be_bytes())
    }
}

/// What every probe and its answer hold: number (4 bytes), fingerprint of the sender's member table (4 bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The probe's number, drawn at random so that an outsider cannot answer it.
    pub number: u32,
    /// The low half of the sum of [`super::ClusterKey::member`] over the sender's live members.
    pub fingerprint: u32,
}

impl Item<'_> for Probe {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { number: reader.u32()?, fingerprint: reader.u32()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u32(self.number)?;
        writer.u32(self.fingerprint)
    }
}

/// Asks to probe another member: number (4 bytes), id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingRequest {
    /// Repeated in the [`super::tag::PING_REPLY`].
    pub number: u32,
    /// Whom to probe.
    pub target: NodeId,
}

impl Item<'_> for PingRequest {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { number: reader.u32()?, target: reader.id()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u32(self.number)?;
        writer.id(self.target)
    }
}

/// What became of a probe made for another: number of the request (4 bytes), a flag (1 byte).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingReply {
    /// Of the [`PingRequest`].
    pub number: u32,
    /// Whether the target answered. If not, the asker learns at least that the receiver is there (Lifeguard §IV-A).
    pub answered: bool,
}

impl Item<'_> for PingReply {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { number: reader.u32()?, answered: reader.flag()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u32(self.number)?;
        writer.u8(u8::from(self.answered))
    }
}

/// The sender got no answer from a member: id, generation (varint), for how long (1 byte), how long it may
/// (1 byte).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Who is suspected.
    pub suspect: Identity,
    /// The time since the first unanswered probe, in tenths of a second.
    pub age: u8,
    /// How long the sender thinks that the suspect may be silent, in tenths of a second.
    pub patience: u8,
}

impl Item<'_> for Suspicion {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { suspect: Identity::read(reader)?, age: reader.u8()?, patience: reader.u8()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        self.suspect.write(writer)?;
        writer.u8(self.age)?;
        writer.u8(self.patience)
    }
}
