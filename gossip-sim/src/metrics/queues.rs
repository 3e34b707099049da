//! `queues.*`: how full the fullest table and queues of any node were, beside their limits.

use gossip_core::{Fill, Queues as Seen};

use super::Results;
use crate::trace::{Observation, Uplinks};

#[derive(Debug, Default)]
pub(super) struct Queues {
    fullest: Option<Seen>,
    uplinks: Option<Uplinks>,
}

impl Queues {
    pub(super) fn observe(&mut self, seen: &Observation<'_>) {
        let seen = match *seen {
            Observation::Queues(seen) => seen,
            Observation::Uplinks(uplinks) => return self.uplinks = Some(uplinks),
            _ => return,
        };
        let fullest = self.fullest.get_or_insert(seen);
        for (most, now) in [
            (&mut fullest.members, seen.members),
            (&mut fullest.updates, seen.updates),
            (&mut fullest.intents, seen.intents),
            (&mut fullest.graves, seen.graves),
            (&mut fullest.broadcast.outbox, seen.broadcast.outbox),
            (&mut fullest.broadcast.intents, seen.broadcast.intents),
            (&mut fullest.broadcast.flights, seen.broadcast.flights),
            (&mut fullest.broadcast.announced, seen.broadcast.announced),
            (&mut fullest.broadcast.ordered_bytes, seen.broadcast.ordered_bytes),
            (&mut fullest.broadcast.history_bytes, seen.broadcast.history_bytes),
        ] {
            most.peak = most.peak.max(now.peak);
        }
    }

    pub(super) fn finish(self, results: &mut Results) {
        let of = |part: fn(Seen) -> Fill| self.fullest.map(part);
        for (max, limit, fill) in [
            ("queues.members_max", "queues.members_limit", of(|queues| queues.members)),
            ("queues.updates_max", "queues.updates_limit", of(|queues| queues.updates)),
            ("queues.intents_max", "queues.intents_limit", of(|queues| queues.intents)),
            ("queues.graves_max", "queues.graves_limit", of(|queues| queues.graves)),
            ("queues.outbox_max", "queues.outbox_limit", of(|queues| queues.broadcast.outbox)),
            ("queues.packets_max", "queues.packets_limit", of(|queues| queues.broadcast.intents)),
            ("queues.flights_max", "queues.flights_limit", of(|queues| queues.broadcast.flights)),
            ("queues.announced_max", "queues.announced_limit", of(|queues| queues.broadcast.announced)),
            ("queues.ordered_bytes_max", "queues.ordered_bytes_limit", of(|queues| queues.broadcast.ordered_bytes)),
            ("queues.history_bytes_max", "queues.history_bytes_limit", of(|queues| queues.broadcast.history_bytes)),
        ] {
            results.integer(max, fill.map(|fill| fill.peak as u64));
            results.integer(limit, fill.map(|fill| fill.limit as u64));
        }
        if let Some(uplinks) = self.uplinks {
            results.integer("queues.uplink_bytes_max", Some(uplinks.peak_bytes));
            results.integer("queues.uplink_bytes_limit", Some(uplinks.limit_bytes));
            results.integer("queues.uplink_dropped", Some(uplinks.dropped));
        }
    }
}

#[cfg(test)]
mod tests {
    use gossip_core::{Config, Identity, Instant, Node, NodeId};

    use crate::metrics::script::Script;
    use crate::report::Value::Integer;
    use crate::trace::{Observation, Uplinks};

    #[test]
    fn the_fullest_of_all_nodes_counts() {
        let mut script = Script::new(2, 60);
        script.plan.churn = true;
        let mut queues = |name: &str, members: usize| {
            let me = Identity::new(NodeId::from_name(name), 1);
            let node = Node::new(me, 1_u64, Config::lan(), [1; 32], Instant::ZERO).unwrap();
            let mut queues = node.queues();
            queues.members.peak = members;
            script.at(1.0, Observation::Queues(queues));
        };
        [("a", 5), ("b", 9), ("c", 7)].into_iter().for_each(|(name, members)| queues(name, members));
        let metrics = script.finish();
        assert_eq!(metrics["queues.members_max"], Some(Integer(9)));
        assert_eq!(metrics["queues.members_limit"], Some(Integer(16_384)));
        assert!(!metrics.contains_key("queues.uplink_dropped"));
    }

    #[test]
    fn the_uplinks_have_queues_too() {
        let mut script = Script::new(2, 60);
        script.plan.broadcast = true;
        script.at(60.0, Observation::Uplinks(Uplinks { peak_bytes: 7, limit_bytes: 9, dropped: 3 }));
        let metrics = script.finish();
        for (name, value) in [("bytes_max", 7), ("bytes_limit", 9), ("dropped", 3)] {
            assert_eq!(metrics[format!("queues.uplink_{name}").as_str()], Some(Integer(value)), "{name}");
        }
    }
}
