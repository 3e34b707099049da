//! What packets and sums need to know of a member; the rest is in its [`super::notes`].

use super::Status;
use crate::identity::Identity;
use crate::peer::Peer;
use crate::wire::membership::Record;

/// No place in a list.
pub(super) const NONE: u32 = u32::MAX;

/// Whether a member can be reached over the stream lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frames {
    /// Nothing was heard from it.
    Unheard,
    /// It has none.
    No,
    /// It says so, and nothing is known that speaks against it.
    Yes,
    /// It says so, but the transport did not get through: its notes say when it is tried again.
    Again,
}

/// A member, in one cache line where addresses are short.
#[derive(Debug)]
pub(crate) struct Row<P> {
    pub(crate) member: Identity,
    pub(crate) incarnation: u64,
    pub(crate) addr: P,
    /// [`crate::wire::ClusterKey::short`] of the member.
    pub(super) short: u32,
    pub(super) position: u32,
    pub(super) next_in_bucket: u32,
    pub(super) previous_in_bucket: u32,
    pub(crate) status: Status,
    /// Whether the member is known to know this node's generation, so that a short name will do.
    pub(super) knows_me: bool,
    pub(super) frames: Frames,
}

const _: () = assert!(size_of::<Option<Row<u64>>>() <= 64);

impl<P: Peer> Row<P> {
    /// The row of a member of whom nothing was known. It stands in no list yet.
    pub(super) fn new(record: &Record<P>, status: Status, short: u32, position: u32) -> Self {
        Self {
            member: record.member,
            incarnation: record.incarnation,
            addr: record.addr.clone(),
            short,
            position,
            next_in_bucket: NONE,
            previous_in_bucket: NONE,
            status,
            knows_me: false,
            frames: Frames::Unheard,
        }
    }

    /// Whether a short name will do towards this member.
    pub(crate) fn knows_me(&self) -> bool {
        self.knows_me
    }

    /// Whether this member says that it takes no frames.
    #[cfg(feature = "direct")]
    pub(crate) fn has_no_stream_lane(&self) -> bool {
        self.frames == Frames::No
    }
}
