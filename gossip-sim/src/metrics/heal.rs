//! `heal*`: how long until the cluster is one again after its last partition, and what it costs.

use std::collections::BTreeSet;

use gossip_core::Instant;

use super::{Cluster, Results, secs};
use crate::trace::Observation;

#[derive(Debug, Default)]
pub(super) struct Heal {
    begun: bool,
    end: Option<Instant>,
    /// Since when all live nodes hold each other live without a break.
    whole: Option<Instant>,
    /// Sent by all since the end, and what of it when they were whole.
    sent: u64,
    sent_until_whole: u64,
    /// Nodes that gave up their identity since the first partition: they came back as somebody else.
    renamed: BTreeSet<usize>,
}

impl Heal {
    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        match *seen {
            Observation::PartitionBegan => self.begun = true,
            Observation::PartitionEnded => {
                self.end = Some(at);
                (self.sent, self.sent_until_whole) = (0, 0);
            }
            Observation::Sent { bytes, .. } => self.sent += bytes as u64,
            Observation::Renamed { node, .. } if self.begun => {
                self.renamed.insert(node);
            }
            // A restart that the scenario asked for is a new identity by right.
            Observation::Started { node, .. } => {
                self.renamed.remove(&node);
            }
            _ => {}
        }
        if !cluster.is_whole() {
            self.whole = None;
        } else if self.whole.is_none() {
            self.whole = Some(at);
            self.sent_until_whole = self.sent;
        }
    }

    pub(super) fn finish(self, cluster: &Cluster, results: &mut Results) {
        let same = !self.renamed.iter().any(|node| cluster.is_live(*node));
        let healed = self.end.zip(self.whole).filter(|_| same);
        results.real("heal_s", healed.map(|(end, whole)| secs(end, whole)));
        let bytes = self.sent_until_whole as f64 / cluster.live().max(1) as f64;
        results.real("heal.bytes_per_node", healed.map(|_| bytes));
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::script::{Script, alive, down};
    use crate::report::Value::Real;
    use crate::trace::Observation;

    /// Two nodes apart from 10 s to 20 s, who hold each other down from 15 s on.
    fn script() -> Script {
        let mut script = Script::new(2, 60);
        script.plan.partition = true;
        script.start(0.0, 0).start(0.0, 1).know_all(1.0);
        script.at(10.0, Observation::PartitionBegan).at(15.0, down(0, 1, 1)).at(15.0, down(1, 0, 1));
        script.at(20.0, Observation::PartitionEnded);
        script
    }

    #[test]
    fn it_lasts_from_the_end_until_both_hold_each_other_alive() {
        let mut script = script();
        script.at(22.0, alive(0, 1, 1)).at(24.0, alive(1, 0, 1));
        assert_eq!(script.finish()["heal_s"], Some(Real(4.0)));
    }

    #[test]
    fn a_relapse_counts() {
        let mut script = script();
        script.at(22.0, alive(0, 1, 1)).at(24.0, alive(1, 0, 1)).at(30.0, down(0, 1, 1)).at(31.0, alive(0, 1, 1));
        assert_eq!(script.finish()["heal_s"], Some(Real(11.0)));
    }

    #[test]
    fn bytes_count_from_the_end_until_the_cluster_is_whole_for_good() {
        let mut script = script();
        script.sent(21.0, 0, 100).at(22.0, alive(0, 1, 1)).sent(23.0, 1, 300).at(24.0, alive(1, 0, 1)).sent(25.0, 0, 9);
        assert_eq!(script.finish()["heal.bytes_per_node"], Some(Real(200.0)));
        script.at(30.0, down(0, 1, 1)).at(31.0, alive(0, 1, 1)).sent(32.0, 0, 5000);
        assert_eq!(script.finish()["heal.bytes_per_node"], Some(Real(204.5)));
        script.at(40.0, down(0, 1, 1));
        assert_eq!(script.finish()["heal.bytes_per_node"], None);
    }

    #[test]
    fn what_was_sent_before_the_end_is_none_of_it() {
        let mut script = Script::new(2, 60);
        script.plan.partition = true;
        script.start(0.0, 0).start(0.0, 1).know_all(1.0).at(10.0, Observation::PartitionBegan).sent(15.0, 0, 777);
        script.at(20.0, Observation::PartitionEnded);
        assert_eq!(script.finish()["heal.bytes_per_node"], Some(Real(0.0)));
    }

    #[test]
    fn one_side_alone_is_not_healed() {
        let mut script = script();
        script.at(22.0, alive(0, 1, 1));
        assert_eq!(script.finish()["heal_s"], None);
    }

    #[test]
    fn a_partition_that_nobody_noticed_heals_at_once() {
        let mut script = Script::new(2, 60);
        script.plan.partition = true;
        script.start(0.0, 0).start(0.0, 1).know_all(1.0);
        script.at(10.0, Observation::PartitionBegan).at(11.0, Observation::PartitionEnded);
        assert_eq!(script.finish()["heal_s"], Some(Real(0.0)));
    }

    #[test]
    fn coming_back_under_another_identity_is_not_healing() {
        let mut script = script();
        script.at(22.0, alive(0, 1, 1)).rename(23.0, 0, 2).at(24.0, alive(1, 0, 2));
        assert_eq!(script.finish()["heal_s"], None);
    }
}
