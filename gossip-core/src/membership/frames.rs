//! Who can be reached over the stream lane: every packet says whether its sender has one, and the transport says where it
//! did not get through.

use core::time::Duration;

use super::Membership;
use super::row::Frames;
use super::table::{MemberIndex, Table};
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::time::Instant;

/// How long a member gets datagrams after the transport could not reach it over the stream lane.
const PAUSE: Duration = Duration::from_secs(30);

impl<P: Peer> Membership<P> {
    /// A packet of that member came, from where it is reached or from elsewhere, and said whether it takes frames.
    pub(crate) fn hears_frames(&self, cx: &mut Cx<'_, P>, index: MemberIndex, from: &P, takes: bool) {
        let known = cx.table.row(index).frames;
        let news = if takes { matches!(known, Frames::Unheard | Frames::No) } else { known != Frames::No };
        if news && cx.table.is_live_at(index, from) {
            cx.table.row_mut(index).frames = if takes { Frames::Yes } else { Frames::No };
        }
    }

    /// The transport could not reach this address over the stream lane.
    pub(crate) fn no_stream(&self, cx: &mut Cx<'_, P>, addr: &P) {
        if let Some(index) = cx.table.find_addr(addr) {
            if cx.table.row(index).frames != Frames::No {
                cx.table.row_mut(index).frames = Frames::Again;
                cx.table.notes_mut(index).trouble_mut().frames_again = cx.now + PAUSE;
            }
        }
    }
}

impl<P: Peer> Table<P> {
    /// Whether what is large can go to this member as frames.
    pub(crate) fn takes_frames(&self, index: MemberIndex, now: Instant) -> bool {
        match self.row(index).frames {
            Frames::Unheard | Frames::No => false,
            Frames::Yes => true,
            Frames::Again => self.notes(index).trouble().is_none_or(|trouble| trouble.frames_again <= now),
        }
    }

    /// Whether what can go as a frame alone is worth a try.
    #[cfg(feature = "direct")]
    pub(crate) fn may_take_frames(&self, index: MemberIndex, now: Instant) -> bool {
        self.row(index).frames == Frames::Unheard || self.takes_frames(index, now)
    }
}
