//! Everything that happens because time has passed.

use core::time::Duration;

use super::{Intent, Membership, Phase};
use crate::event::{Event, JoinError};
use crate::peer::Peer;
use crate::protocol::{Cx, Target};
use crate::time::{Instant, earliest};

impl<P: Peer> Membership<P> {
    pub(super) fn next_timer(&self) -> Option<Instant> {
        let leaving = match self.phase {
            Phase::Left => return None,
            Phase::Leaving { until, asked } => {
                let said = if self.intents.is_empty() { asked } else { until };
                return Some(self.gossip_at.unwrap_or(said).min(until));
            }
            Phase::HandingOver { until, next } => Some(until.min(next)),
            Phase::Yielding { until } => return Some(until),
            Phase::Running => None,
        };
        earliest([
            leaving,
            Some(self.schedule.poll_timeout()),
            Some(self.reconnect_at),
            self.checks.poll_timeout(),
            self.promises.poll_timeout(),
            self.favours.poll_timeout(),
            self.joining.poll_timeout(),
            self.repair.poll_timeout(),
            self.partition.poll_timeout(),
            self.namesakes.poll_timeout(),
            self.gossip_at,
            self.graves.front().map(|(forgotten, _)| *forgotten),
        ])
    }

    pub(super) fn handle_timers(&mut self, cx: &mut Cx<'_, P>) {
        if self.is_running() {
            if let Some((index, promise)) = self.schedule.due(cx.now, &cx.config.membership, cx.table, cx.rng) {
                self.ask(cx, index, promise);
            }
            self.check_promises(cx);
            self.run_checks(cx);
            self.do_favours(cx);
            self.reconnect(cx);
            self.ask_contacts(cx);
            self.repair(cx);
            self.watch_partition(cx);
            self.ask_namesakes(cx);
            while self.graves.front().is_some_and(|(forgotten, _)| *forgotten <= cx.now) {
                self.forget_one(cx);
            }
        }
        if self.gossip_at.is_some_and(|at| at <= cx.now) {
            self.gossip(cx);
        }
    }

    fn ask_contacts(&mut self, cx: &mut Cx<'_, P>) {
        self.joining.meet(cx.now, &cx.config.membership, cx.table);
        while let Some(contact) = self.joining.expired(cx.now) {
            cx.events.push(Event::Join { contact, result: Err(JoinError::NoAnswer) });
        }
        if let Some(contact) = self.joining.due(cx.now, &cx.config.membership) {
            self.intents.push(cx.stats, Target::to(contact), Intent::Join { cookie: 0 });
        }
    }

    /// Members held down are contacted again for as long as they are remembered: a split of any length heals.
    fn reconnect(&mut self, cx: &mut Cx<'_, P>) {
        if cx.now < self.reconnect_at {
            return;
        }
        let interval = cx.config.membership.reconnect_interval;
        // Up to a quarter sooner, so that members do not act in step.
        let jitter = Duration::from_micros(cx.rng.below(interval.as_micros() as usize / 4) as u64);
        self.reconnect_at = cx.now + (interval - jitter);
        if let Some(index) = cx.table.random_down(cx.rng) {
            let to = Target::to(cx.table.row(index).addr.clone());
            self.intents.push(cx.stats, to, Intent::Ping { number: cx.rng.u32(), promise: 0 });
        }
        if cx.table.live().len() == 1 {
            self.joining.retry(cx.now, &cx.config.membership, cx.rng);
        }
    }

    fn gossip(&mut self, cx: &mut Cx<'_, P>) {
        self.gossip_at = None;
        self.gossiped = cx.now;
        let wanted = self.profiles.request(cx.table, cx.rng);
        let profiles = wanted.is_some();
        if let Some((peer, members)) = wanted {
            self.intents.push(cx.stats, Target::to(peer), Intent::ProfileRequest(members));
        }
        let updates = self.updates.len() + self.lazy.queue.len() > 0;
        if updates {
            for index in cx.table.pick(cx.rng, cx.config.membership.fanout, |_| true) {
                self.intents.push(cx.stats, Target::to(cx.table.row(index).addr.clone()), Intent::Gossip);
            }
        }
        // The packets are not written yet: whether that was the last time shows at the next.
        if updates || profiles {
            self.gossip_at = Some(cx.now + cx.config.membership.gossip_interval);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Config, Identity, Instant, Node, NodeId};

    #[test]
    fn a_node_alone_that_asks_a_contact_again_is_not_woken_twice_for_it() {
        let me = Identity::new(NodeId::from_name("a"), 1);
        let mut node = Node::new(me, 1_u64, Config::wan(), [1; 32], Instant::ZERO).unwrap();
        node.join(Instant::ZERO, 2).unwrap();
        let minute = Instant::from_micros(60_000_000);
        while let Some(now) = node.poll_timeout().filter(|due| *due < minute) {
            node.handle_timeout(now);
            assert!(node.poll_timeout().is_none_or(|next| next > now), "woken again at {now:?}");
        }
    }
}
