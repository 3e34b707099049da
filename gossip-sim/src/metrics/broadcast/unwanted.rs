//! How much of messages goes to nodes that do not want their topic, and whether they pass it on.

use super::super::{Cluster, Results, mean};
use super::rounds::Round;

/// Those that do not want one message.
#[derive(Debug, Default)]
pub(super) struct Bystanders(Vec<Bystander>);

#[derive(Clone, Copy, Debug)]
struct Bystander {
    node: usize,
    /// Payload that was sent to it.
    bytes: u64,
    /// Whether it sent payload itself.
    passes: bool,
}

impl Bystanders {
    /// Of nodes that ascend.
    pub(super) fn new(nodes: &[usize]) -> Self {
        Self(nodes.iter().map(|node| Bystander { node: *node, bytes: 0, passes: false }).collect())
    }

    pub(super) fn contains(&self, node: usize) -> bool {
        self.find(node).is_some()
    }

    /// Payload was sent from one node to another.
    pub(super) fn carry(&mut self, from: usize, to: usize, bytes: usize) {
        if let Some(at) = self.find(from) {
            self.0[at].passes = true;
        }
        if let Some(at) = self.find(to) {
            self.0[at].bytes += bytes as u64;
        }
    }

    fn find(&self, node: usize) -> Option<usize> {
        self.0.binary_search_by_key(&node, |one| one.node).ok()
    }
}

pub(super) fn judge(rounds: &[&Round], cluster: &Cluster, results: &mut Results) {
    let rounds = rounds.iter().filter(|round| !round.bystanders.0.is_empty());
    if rounds.clone().next().is_none() {
        return;
    }
    let copies = |counts: fn(&&Bystander) -> bool| {
        let of = move |round: &&Round| {
            let bytes = round.bystanders.0.iter().filter(counts).map(|one| one.bytes).sum::<u64>();
            bytes as f64 / round.bytes as f64
        };
        mean(rounds.clone().map(of))
    };
    results.real("broadcast.unwanted_payloads", copies(|_| true));
    results.real("broadcast.stray_payloads", copies(|one| !one.passes));
    let due = |round: &&Round| (0..cluster.len()).filter(|node| round.is_due(*node, cluster)).count() as f64;
    results.real("broadcast.wanted_by", mean(rounds.clone().map(due)));
}

#[cfg(test)]
mod tests {
    use crate::metrics::script::Script;
    use crate::report::Value::Real;
    use crate::scenario::spec::Class;
    use crate::trace::Observation;

    /// n0 sends 100 bytes that n1 and n4 want, n2, n3 and n5 do not.
    fn script() -> Script {
        let mut script = Script::new(6, 60);
        script.plan.broadcast = true;
        (0..6).for_each(|node| {
            script.start(0.0, node);
        });
        script.at(10.0, Observation::Broadcast { node: 0, bytes: 100, class: Class::Normal, measured: true });
        script.at(10.0, Observation::Unwanted { by: &[2, 3, 5] });
        script
    }

    fn carried(from: usize, to: usize) -> Observation<'static> {
        Observation::Carried { message: 0, from, to, bytes: 100 }
    }

    #[test]
    fn a_message_is_due_to_those_who_want_it() {
        let mut script = script();
        script.at(10.1, Observation::Delivered { message: 0, node: 1, hops: 1 });
        assert_eq!(script.finish()["broadcast.reach_min"], Some(Real(0.5)));
        script.at(10.1, Observation::Delivered { message: 0, node: 4, hops: 1 });
        let metrics = script.finish();
        assert_eq!(metrics["broadcast.reach_min"], Some(Real(1.0)));
        assert_eq!(metrics["broadcast.wanted_by"], Some(Real(2.0)));
    }

    #[test]
    fn what_goes_to_nodes_that_do_not_want_it_is_counted_and_what_they_do_not_pass_on_apart() {
        let mut script = script();
        script.at(10.0, carried(0, 1)).at(10.0, carried(0, 2)).at(10.1, carried(2, 4));
        let metrics = script.finish();
        assert_eq!(metrics["broadcast.unwanted_payloads"], Some(Real(1.0)));
        assert_eq!(metrics["broadcast.stray_payloads"], Some(Real(0.0)));
        script.at(10.2, carried(4, 3)).at(10.2, carried(4, 3)).at(10.3, carried(2, 5));
        let metrics = script.finish();
        assert_eq!(metrics["broadcast.unwanted_payloads"], Some(Real(4.0)));
        assert_eq!(metrics["broadcast.stray_payloads"], Some(Real(3.0)));
    }

    #[test]
    fn where_all_want_everything_nothing_is_said_of_it() {
        let mut script = Script::new(2, 60);
        script.plan.broadcast = true;
        script.start(0.0, 0).start(0.0, 1);
        script.at(10.0, Observation::Broadcast { node: 0, bytes: 100, class: Class::Normal, measured: true });
        assert!(!script.finish().contains_key("broadcast.unwanted_payloads"));
    }
}
