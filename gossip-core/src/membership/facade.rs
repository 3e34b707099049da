//! What the application sees of the member table.

use alloc::vec::Vec;
use core::time::Duration;

use super::table::{ME, MemberIndex, Table};
use crate::identity::NodeId;
use crate::peer::Peer;
use crate::time::Instant;

/// What a node holds a member to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It answers.
    Alive,
    /// It did not answer this node; still a live member. What others hold it to be is theirs to say.
    Suspect,
    /// It failed.
    Down,
    /// It left gracefully.
    Left,
}

impl Status {
    /// Whether the member takes part: alive or suspect.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Alive | Self::Suspect)
    }
}

/// Why a member is held down, as far as this node knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Who decided it.
    pub by: NodeId,
    /// Whose suspicion this node heard first, its own included; only if it heard of one besides the verdict.
    pub accused: Option<NodeId>,
    /// If this node decided: the observers whose word it counted. Else whoever said so to it, or the node itself.
    pub confirmed: Vec<NodeId>,
    /// When this node came to hold it.
    pub at: Instant,
}

/// What this node itself hears of a member. Most members ping only few others, so nothing may be known of one that is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hearing {
    /// When it last pinged this node.
    pub pinged: Option<Instant>,
    /// How long it takes to answer, smoothed (RFC 6298).
    pub round_trip: Option<Duration>,
}

/// One row of the member table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a, P> {
    /// The member.
    pub id: NodeId,
    /// Which of its lives.
    pub generation: u64,
    /// How many statements it made in this life.
    pub incarnation: u64,
    /// What this node holds it to be.
    pub status: Status,
    /// Where it is reached, by its own word.
    pub addr: &'a P,
    /// The application's bytes; empty until they have arrived.
    pub metadata: &'a [u8],
    /// The transport's bytes; empty until they have arrived.
    pub hints: &'a [u8],
    /// The name of its zone; empty: none, or not arrived yet.
    pub zone: &'a [u8],
}

impl<'a, P: Peer> Member<'a, P> {
    fn of(table: &'a Table<P>, index: MemberIndex) -> Self {
        let (row, profile) = (table.row(index), table.notes(index).profile());
        Self {
            id: row.member.id,
            generation: row.member.generation,
            incarnation: row.incarnation,
            status: row.status,
            addr: &row.addr,
            metadata: profile.map_or(&[], |profile| &profile.metadata),
            hints: profile.map_or(&[], |profile| &profile.hints),
            zone: profile.map_or(&[], |profile| &profile.zone),
        }
    }
}

/// The member table, this node included; from [`crate::Node::members`]. Cheap to make.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a, P> {
    table: &'a Table<P>,
    now: Instant,
}

impl<'a, P: Peer> Members<'a, P> {
    pub(crate) fn new(table: &'a Table<P>, now: Instant) -> Self {
        Self { table, now }
    }

    /// Live members: alive or suspect, this node included. In constant time.
    pub fn live(&self) -> usize {
        self.table.live().len()
    }

    /// All rows, those down or left included. In constant time.
    #[allow(clippy::len_without_is_empty, reason = "this node is always in its table")]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// One member's row. In constant time.
    pub fn get(&self, id: NodeId) -> Option<Member<'a, P>> {
        self.table.find(id).map(|index| Member::of(self.table, index))
    }

    /// The live member that is reached at an address. In constant time.
    pub fn at(&self, addr: &P) -> Option<Member<'a, P>> {
        self.table.find_addr(addr).map(|index| Member::of(self.table, index))
    }

    /// All rows, this node's first, the others in an order that depends on the node's history alone.
    pub fn iter(&self) -> impl Iterator<Item = Member<'a, P>> + use<'a, P> {
        let table = self.table;
        table.indices().map(|index| Member::of(table, index))
    }

    /// The round trip between two members. If one of them is this node: as measured here, where it was. Else estimated
    /// from their network coordinates; `None` until both are known. In constant time.
    pub fn rtt(&self, a: NodeId, b: NodeId) -> Option<Duration> {
        let (a, b) = (self.table.find(a)?, self.table.find(b)?);
        let measured = match (a, b) {
            _ if a == b => Some(Duration::ZERO),
            (ME, other) | (other, ME) => self.table.notes(other).rtt.smoothed(),
            _ => None,
        };
        measured.or_else(|| Some(self.table.notes(a).place?.round_trip(self.table.notes(b).place?)))
    }

    /// Why a member is held down, or was before it was marked as left; `None` if it is not, or unknown. In constant time.
    pub fn why(&self, id: NodeId) -> Option<&'a Verdict> {
        self.table.notes(self.table.find(id)?).verdict()
    }

    /// What this node hears of a member. In constant time.
    pub fn hearing(&self, id: NodeId) -> Option<Hearing> {
        let notes = self.table.notes(self.table.find(id)?);
        Some(Hearing { pinged: notes.heard(self.now), round_trip: notes.rtt.smoothed() })
    }

    /// Grows whenever any row changes: a cheap way to see that nothing did.
    pub fn revision(&self) -> u64 {
        self.table.revision()
    }
}
