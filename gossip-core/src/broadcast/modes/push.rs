//! Passing on what is new to random members: so often and no more, or until enough of them had it before.

use super::Heat;
use crate::broadcast::receipts::to_row;
use crate::broadcast::{Broadcast, Intent};
use crate::config::BroadcastConfig;
use crate::membership::MemberIndex;
use crate::peer::Peer;
use crate::protocol::{Cx, Protocol as _};
use crate::wire::List;
use crate::wire::broadcast::ShortId;

/// How often a member pushes a message: as configured, or as often as memberlist's queue does, `4 * ceil(log10(n + 1))` times.
pub(super) fn transmits(config: &BroadcastConfig, members: usize) -> u16 {
    match config.transmits {
        0 => members.checked_ilog10().map_or(4, |log| 4 * (log as u16 + 1)),
        transmits => transmits,
    }
}

impl<P: Peer> Broadcast<P> {
    /// One round of `push`: what is new to `fanout` members, or as many as it is still to be sent to.
    pub(super) fn push_blindly(&mut self, cx: &mut Cx<'_, P>) {
        let receivers = self.receivers(cx);
        if receivers.is_empty() {
            return;
        }
        for (already, row) in receivers.into_iter().enumerate() {
            let sent = |heat: &Heat| matches!(heat, Heat::Sends(left) if usize::from(*left) > already);
            let places = self.gossip.hot.iter().filter(|hot| sent(&hot.heat)).map(|hot| hot.place).collect();
            self.intents.push(cx.stats, to_row(cx, row), Intent::Messages(places));
        }
        let fanout = cx.config.broadcast.fanout as u16;
        self.gossip.hot.retain_mut(|hot| {
            let Heat::Sends(left) = &mut hot.heat else { return false };
            *left = left.saturating_sub(fanout);
            *left > 0
        });
    }

    /// One round of `rumour`: what is still hot to `fanout` members.
    pub(super) fn spread_rumours(&mut self, cx: &mut Cx<'_, P>) {
        for row in self.receivers(cx) {
            let places = self.gossip.hot.iter().map(|hot| hot.place).collect();
            self.intents.push(cx.stats, to_row(cx, row), Intent::Messages(places));
        }
    }

    /// A receiver had these before: not many can be left that have not.
    pub(super) fn hear_doubts(&mut self, had: List<'_, ShortId>) {
        for id in had.iter() {
            let Some(place) = self.log.history.find_short(id) else { continue };
            let Some(Heat::Doubts(left)) = self.gossip.find(place) else { continue };
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.gossip.forget(place);
            }
        }
    }

    /// Whom this round's messages go to: nobody if those of an earlier one still wait to be sent.
    fn receivers(&self, cx: &mut Cx<'_, P>) -> gossip_collections::SmallVec<[MemberIndex; 16]> {
        if self.gossip.hot.is_empty() || self.has_intents() {
            return gossip_collections::SmallVec::new();
        }
        cx.table.pick(cx.rng, cx.config.broadcast.fanout, |_| true)
    }
}
