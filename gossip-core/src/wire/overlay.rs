//! Sections of broadcast's overlay and of its tree.

use super::Writer;
use super::codec::{DecodeError, Item, NoSpace, Reader};

/// What one member tells another of a link between them: the kind (1 byte), a token that the answer repeats (2 bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSection {
    /// What is said.
    pub kind: LinkKind,
    /// Which question it is, or which it answers.
    pub token: u16,
}

/// What may be said of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// How long is the way? Answered by `Echo`.
    Probe,
    /// Is the link still there? Answered by `Echo`, or by `Drop` if not.
    Check,
    /// The answer to both.
    Echo,
    /// Be my neighbour. Answered by `Accept` or `Refuse`.
    Request,
    /// As `Request`, of a member that has no neighbour.
    Plea,
    /// The link is there.
    Accept,
    /// There is no room for it.
    Refuse,
    /// The sender no longer needs the link. Answered by `Drop` if the receiver does not, either.
    Release,
    /// There is no link.
    Drop,
}

impl LinkKind {
    /// All of them, in the order of their numbers on the wire.
    pub const ALL: [Self; 9] = [
        Self::Probe,
        Self::Check,
        Self::Echo,
        Self::Request,
        Self::Plea,
        Self::Accept,
        Self::Refuse,
        Self::Release,
        Self::Drop,
    ];
}

impl Item<'_> for LinkSection {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = *LinkKind::ALL.get(usize::from(reader.u8()?)).ok_or(DecodeError::OutOfRange)?;
        Ok(Self { kind, token: reader.u16()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u8(self.kind as u8)?;
        writer.bytes(&self.token.to_be_bytes())
    }
}

/// The sender's way to the root of the tree: flags (1 byte: 1: the receiver is its parent there, 2: its child, 4: somebody
/// below waits for a new round, 8: it knows no way), the root's short name (4 bytes), the root's round
/// (2 bytes, modulo 2^16), the way's length in units of 64 microseconds (varint, at most 2^32 - 1; 0 if there is none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advert {
    /// Whether the receiver is the sender's parent.
    pub parent: bool,
    /// Whether the receiver is the sender's child.
    pub child: bool,
    /// Whether somebody below waits for a new round.
    pub hurry: bool,
    /// The root's short name.
    pub root: u32,
    /// The root's round.
    pub round: u16,
    /// The length of the sender's way to it; none: it knows none.
    pub distance: Option<u32>,
}

const PARENT: u8 = 1;
const CHILD: u8 = 2;
const HURRY: u8 = 4;
const LOST: u8 = 8;

impl Item<'_> for Advert {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let flags = reader.u8()?;
        if flags & !(PARENT | CHILD | HURRY | LOST) != 0 {
            return Err(DecodeError::OutOfRange);
        }
        let (root, round) = (reader.u32()?, reader.u16()?);
        let distance = u32::try_from(reader.varint()?).map_err(|_| DecodeError::OutOfRange)?;
        let lost = flags & LOST != 0;
        if lost && distance != 0 {
            return Err(DecodeError::NonCanonical);
        }
        Ok(Self {
            parent: flags & PARENT != 0,
            child: flags & CHILD != 0,
            hurry: flags & HURRY != 0,
            root,
            round,
            distance: (!lost).then_some(distance),
        })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let lost = flag(self.distance.is_none(), LOST);
        writer.u8(flag(self.parent, PARENT) | flag(self.child, CHILD) | flag(self.hurry, HURRY) | lost)?;
        writer.u32(self.root)?;
        writer.bytes(&self.round.to_be_bytes())?;
        writer.varint(u64::from(self.distance.unwrap_or(0)))
    }
}
