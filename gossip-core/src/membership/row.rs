//! What is known of one member.

use alloc::boxed::Box;

use super::apply::Allowance;
use super::coordinates::Place;
use super::facade::Verdict;
use super::rtt::RoundTrip;
use super::selection::WEIGHT;
use super::suspicion::Lenience;
use super::{Claim, Record, Status, checks};
use crate::event::BatchPlace;
use crate::identity::Identity;
use crate::peer::Peer;
use crate::time::Instant;

/// No place in a list.
pub(super) const NONE: u32 = u32::MAX;

/// Metadata, hints and zone of a member.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) version: u64,
    pub(crate) metadata: Box<[u8]>,
    pub(crate) hints: Box<[u8]>,
    /// The name of its zone; empty: none.
    pub(crate) zone: Box<[u8]>,
}

/// Whether a member can be reached over the stream lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frames {
    /// Nothing was heard from it.
    Unheard,
    /// It has none.
    No,
    /// It says so, and nothing is known that speaks against it.
    Yes,
    /// It says so, but the transport did not get through: not before this moment.
    Again(Instant),
}

/// What is known of a member.
#[derive(Debug)]
pub(crate) struct Row<P> {
    pub(crate) member: Identity,
    pub(crate) incarnation: u64,
    pub(crate) status: Status,
    pub(crate) addr: P,
    /// The newest version of the profile that was heard of; the profile itself may be older, or not here yet.
    pub(crate) profile_version: u64,
    pub(crate) profile: Option<Box<Profile>>,
    /// Whether the member is known to know this node's generation, so that a short name will do.
    pub(super) knows_me: bool,
    pub(super) frames: Frames,
    /// The last table page in which the member stood as it stands here.
    pub(super) page: u64,
    pub(super) event: BatchPlace,
    /// When it last sent a ping.
    pub(super) heard: Instant,
    pub(super) rtt: RoundTrip,
    /// Where it is, by its own word.
    pub(super) place: Option<Place>,
    /// How often this node tells it news, against others.
    pub(super) weight: u16,
    pub(super) lenience: Lenience,
    /// The place of the open check of it; [`checks::NONE`].
    pub(super) check: u32,
    /// How many verdicts of it may still be passed on.
    pub(super) claims: Allowance,
    /// How many suspicions of it may still be followed up.
    pub(super) suspicions: Allowance,
    /// When it last answered although others held it down.
    pub(super) dismissed: Option<Instant>,
    /// Why it is down.
    pub(super) verdict: Option<Box<Verdict>>,
    /// [`crate::wire::ClusterKey::short`] of the member.
    pub(super) short: u32,
    pub(super) position: u32,
    /// Its place among the live or the down members.
    pub(super) drawn_at: u32,
    pub(super) next_in_bucket: u32,
    pub(super) previous_in_bucket: u32,
}

impl<P: Peer> Row<P> {
    /// The row of a member of whom nothing was known. It stands in no list yet.
    pub(super) fn new(record: &Record<P>, status: Status, short: u32, position: u32) -> Self {
        Self {
            member: record.member,
            incarnation: record.incarnation,
            status,
            addr: record.addr.clone(),
            profile_version: record.profile,
            profile: None,
            knows_me: false,
            frames: Frames::Unheard,
            page: 0,
            event: BatchPlace::default(),
            heard: Instant::ZERO,
            rtt: RoundTrip::default(),
            place: None,
            weight: WEIGHT,
            lenience: Lenience::default(),
            check: checks::NONE,
            claims: Allowance::default(),
            suspicions: Allowance::default(),
            dismissed: None,
            verdict: None,
            short,
            position,
            drawn_at: NONE,
            next_in_bucket: NONE,
            previous_in_bucket: NONE,
        }
    }

    /// The zone that it says it is in; empty: none, or not known yet.
    pub(super) fn zone(&self) -> &[u8] {
        self.profile.as_ref().map_or(&[], |profile| &profile.zone)
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

    /// Whether what can go as a frame alone is worth a try.
    #[cfg(feature = "direct")]
    pub(crate) fn may_take_frames(&self, now: Instant) -> bool {
        self.frames == Frames::Unheard || self.takes_frames(now)
    }

    /// Whether what is large can go to this member as frames.
    pub(crate) fn takes_frames(&self, now: Instant) -> bool {
        match self.frames {
            Frames::Unheard | Frames::No => false,
            Frames::Yes => true,
            Frames::Again(at) => at <= now,
        }
    }

    /// The row as a record. That this node suspects the member is its own affair.
    pub(crate) fn record(&self) -> Record<P> {
        let claim = match self.status {
            Status::Alive | Status::Suspect => Claim::Alive,
            Status::Down => Claim::Down { by: self.verdict.as_ref().map_or(self.member.id, |verdict| verdict.by) },
            Status::Left => Claim::Left,
        };
        Record {
            member: self.member,
            incarnation: self.incarnation,
            claim,
            addr: self.addr.clone(),
            profile: self.profile_version,
        }
    }
}
