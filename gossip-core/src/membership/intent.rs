//! What membership wants to send, and how urgent that is.

use gossip_collections::SmallVec;

use super::repair::PageIntent;
use super::table::MemberIndex;
use crate::identity::Identity;
use crate::protocol::Urgency;
use crate::wire::membership::{PingReply, PingRequest, Suspicion};

/// What membership wants to send.
#[derive(Clone, Debug)]
pub(crate) enum Intent {
    Ping {
        number: u32,
        promise: u16,
    },
    /// With this node's place, or without.
    Ack {
        number: u32,
        place: bool,
    },
    /// A ping to a stranger who may bear this node's name, or another's.
    AskNamesake(u32),
    PingRequest(PingRequest),
    PingReply(PingReply),
    Suspicion(Suspicion),
    Veto(Identity),
    Join {
        cookie: u64,
    },
    Cookie(u64),
    Welcome {
        live: u64,
        generation: u64,
    },
    WhoAreYou,
    /// Nothing but what rides along.
    Gossip,
    /// These members' records.
    Records(SmallVec<[MemberIndex; 4]>),
    Digest,
    Page(PageIntent),
    RecordRequest(SmallVec<[u32; 4]>),
    Notices(SmallVec<[MemberIndex; 4]>),
    ProfileRequest(SmallVec<[MemberIndex; 4]>),
    Profiles(SmallVec<[MemberIndex; 4]>),
}

impl Urgency for Intent {
    /// What detection waits for; what is news; what can wait for a quiet moment.
    fn rank(&self) -> usize {
        match self {
            Self::Ping { .. }
            | Self::Ack { .. }
            | Self::PingRequest(_)
            | Self::PingReply(_)
            | Self::Suspicion(_)
            | Self::Veto(_)
            | Self::AskNamesake(_)
            | Self::WhoAreYou => 0,
            Self::Gossip
            | Self::Notices(_)
            | Self::RecordRequest(_)
            | Self::Records(_)
            | Self::Join { .. }
            | Self::Cookie(_)
            | Self::Welcome { .. } => 1,
            Self::Digest | Self::Page(_) | Self::ProfileRequest(_) | Self::Profiles(_) => 2,
        }
    }
}
