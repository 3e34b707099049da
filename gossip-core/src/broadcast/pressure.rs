//! Back-pressure: while too much waits to be sent the application is told to wait, before anything of its own is lost.

use core::time::Duration;

use super::outbox::MAX_WAITING;
use super::{Broadcast, MAX_INTENTS};
use crate::config::Config;
use crate::peer::Peer;
use crate::protocol::Cx;
use crate::stats::{BroadcastQueues, Fill};
use crate::wire::broadcast::Class;

/// How soon and how late the application is told to try again.
const SOONEST: Duration = Duration::from_millis(10);
const LATEST: Duration = Duration::from_secs(1);

impl<P: Peer> Broadcast<P> {
    /// Whether a message of the application has to wait, and for how long about: as long as what is to go before it has waited.
    pub(super) fn is_busy(&self, cx: &Cx<'_, P>, class: Class) -> Option<Duration> {
        let config = &cx.config.broadcast;
        let max = config.max_unsent_bytes.min(config.history_bytes / 2);
        if self.intents.waiting() > MAX_INTENTS / 2 {
            return Some(SOONEST);
        }
        if self.links.len() == 0 {
            // Each waits in packets of its own.
            let packets = max / cx.config.transport.datagram_mtu;
            return (self.intents.waiting() > packets).then_some(SOONEST);
        }
        let full = self.links.iter().map(|(_, link)| &link.outbox);
        let full = full.filter(|outbox| outbox.weight() > max || outbox.waiting(class) > MAX_WAITING / 2);
        let firsts = full.map(|outbox| Class::ALL.iter().filter_map(|class| outbox.first(*class)).min());
        let waited = firsts.map(|first| {
            let since = first.and_then(|place| self.log.history.since(place));
            since.map_or(SOONEST, |since| cx.now.since(since))
        });
        waited.max().map(|waited| waited.clamp(SOONEST, LATEST))
    }

    pub(crate) fn queues(&self, config: &Config) -> BroadcastQueues {
        BroadcastQueues {
            outbox: Fill { peak: self.outbox_peak, limit: MAX_WAITING },
            intents: self.intents.fill(),
            flights: self.flights.fill(),
            announced: self.lazy.fill(),
            fetched: self.fetches.fill(),
            ordered_bytes: self.order.fill(config.broadcast.ordered_bytes),
            history_bytes: Fill { peak: self.log.history.peak(), limit: config.broadcast.history_bytes },
        }
    }
}
