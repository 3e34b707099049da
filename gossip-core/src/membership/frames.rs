//! Who can be reached over the stream lane: every packet says whether its sender has one, and the transport says where it
//! did not get through.

use core::time::Duration;

use super::Membership;
use super::row::Frames;
use super::table::MemberIndex;
use crate::peer::Peer;
use crate::protocol::Cx;

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
            let row = cx.table.row_mut(index);
            if row.frames != Frames::No {
                row.frames = Frames::Again(cx.now + PAUSE);
            }
        }
    }
}
