//! `churn.*`: whether tables stay bounded and members known while nodes come and go.

use gossip_core::Instant;

use super::{Cluster, Results, secs};
use crate::trace::{Cause, Observation};

#[derive(Debug, Default)]
pub(super) struct Churn {
    /// From the first to the latest that went; the share of pairs that were up, times seconds, until then.
    first: Option<Instant>,
    latest: Option<Instant>,
    up: f64,
    /// Since when the share is what it is.
    since: Option<(Instant, f64)>,
    settled_up: f64,
    rows_max: usize,
}

impl Churn {
    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        match *seen {
            Observation::Row { observer, .. } => self.rows_max = self.rows_max.max(1 + cluster.size(observer)),
            Observation::Started { .. } | Observation::Stopped { .. } | Observation::Leaving { .. } => {}
            _ => return,
        }
        if let Some((since, share)) = self.since {
            self.up += share * secs(since, at);
        }
        if matches!(seen, Observation::Stopped { cause: Cause::Churn, .. }) {
            self.first.get_or_insert(at);
            self.latest = Some(at);
            self.settled_up = self.up;
        }
        if self.first.is_some() {
            self.since = Some((at, cluster.share_up()));
        }
    }

    pub(super) fn finish(self, results: &mut Results) {
        let span = self.first.zip(self.latest).map_or(0.0, |(first, latest)| secs(first, latest));
        results.real("churn.pairs_up_mean", (span > 0.0).then(|| self.settled_up / span));
        results.integer("churn.rows_max", Some(self.rows_max as u64));
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::script::{Script, alive, down};
    use crate::report::Value::{Integer, Real};
    use crate::trace::{Cause, Observation};

    /// Four nodes that know each other; the last two go at 10 s and 20 s.
    fn script() -> Script {
        let mut script = Script::new(4, 60);
        script.plan.churn = true;
        (0..4).for_each(|node| {
            script.start(0.0, node);
        });
        script.know_all(1.0).stop(10.0, 3, Cause::Churn);
        script
    }

    #[test]
    fn the_share_of_pairs_is_weighed_by_time_while_nodes_go() {
        let mut script = script();
        // 6 of 6 pairs for 4 s, 3 of 6 for 6 s; what comes after the last one went is none of it.
        for (observer, subject) in [(0, 1), (0, 2), (1, 2)] {
            script.at(14.0, down(observer, subject, 1));
        }
        script.stop(20.0, 2, Cause::Churn).at(50.0, alive(0, 1, 1));
        assert_eq!(script.finish()["churn.pairs_up_mean"], Some(Real(0.7)));
    }

    #[test]
    fn the_largest_table_counts_with_all_that_it_ever_held_at_once() {
        let mut script = script();
        script.at(11.0, down(0, 3, 1));
        let forgotten = Observation::Row { observer: 0, subject: 3, held: None };
        script.at(12.0, forgotten).stop(20.0, 2, Cause::Churn);
        assert_eq!(script.finish()["churn.rows_max"], Some(Integer(4)));
    }
}
