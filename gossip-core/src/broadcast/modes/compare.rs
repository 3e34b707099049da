//! Comparing with one member a round, and getting what is missing.

use gossip_collections::SmallVec;

use crate::broadcast::history::Place;
use crate::broadcast::interests::Interests;
use crate::broadcast::pull::{MAX_PULLED, RECENT};
use crate::broadcast::{Broadcast, Intent};
use crate::config::BroadcastMode;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::wire::broadcast::ShortId;
use crate::wire::{List, Writer, tag};

impl<P: Peer> Broadcast<P> {
    /// A member tells what it holds sums up to, in its round or on a probe: if something else is held here, it is told what, and
    /// asks for what it lacks. With `push_pull` this node asks, too.
    pub(super) fn answer_call(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, fingerprint: u32) {
        if fingerprint != self.log.fingerprint(cx.now, &cx.config.broadcast) {
            let wants_answer = cx.config.broadcast.mode == BroadcastMode::PushPull;
            self.intents.push(cx.stats, Target::answer(from), Intent::Digest { wants_answer });
        }
    }

    /// A member tells what it received of late: it gets what else there was, and if it has more, is told what is known here. Who was
    /// called answers; its answer is not answered again.
    pub(super) fn give_at_once(
        &mut self,
        cx: &mut Cx<'_, P>,
        from: &Source<'_, P>,
        interests: &Interests,
        ids: List<'_, ShortId>,
    ) {
        let known: SmallVec<[ShortId; 16]> = ids.iter().take(MAX_PULLED).collect();
        // What is older may be too old to be told, and there all the same.
        let recent = self.flights.recent(cx.now, RECENT / 2).take(MAX_PULLED);
        let lacking = recent.filter(|(_, flight)| !known.contains(&flight.short)).map(|(place, _)| place);
        let places: SmallVec<[Place; 4]> = lacking.collect();
        self.send_places(cx, Target::answer(from), places, interests);
        let called = from.row.is_some() && self.gossip.called == from.row;
        if !called && known.iter().any(|id| self.log.history.find_short(*id).is_none()) {
            self.intents.push(cx.stats, Target::answer(from), Intent::Recent);
        }
    }

    pub(in crate::broadcast) fn write_fingerprint(&mut self, cx: &Cx<'_, P>, packet: &mut Writer<'_>) {
        let fingerprint = self.log.fingerprint(cx.now, &cx.config.broadcast);
        _ = packet.section(tag::MESSAGE_FINGERPRINT, |w| w.u32(fingerprint));
    }
}
