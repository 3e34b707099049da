//! `kv.join_*`, `kv.priority_ms`: what it costs a node that starts after the last write to get all, and how soon it has
//! what was written first.

use gossip_core::Instant;

use super::{Results, millis, secs};
use crate::trace::Observation;

#[derive(Debug)]
pub(super) struct Newcomer {
    node: usize,
    /// Of each write: what its key and value take, and whether it is one of the first event.
    writes: Vec<(usize, bool)>,
    started: Option<Instant>,
    /// When it first knew another.
    met: Option<Instant>,
    lacks: usize,
    lacks_first: usize,
    has: Vec<bool>,
    first: Option<Instant>,
    all: Option<Instant>,
    bytes: u64,
}

impl Newcomer {
    pub(super) fn new(node: usize) -> Self {
        Self {
            node,
            writes: Vec::new(),
            started: None,
            met: None,
            lacks: 0,
            lacks_first: 0,
            has: Vec::new(),
            first: None,
            all: None,
            bytes: 0,
        }
    }

    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>) {
        match *seen {
            Observation::Weighed { bytes, is_first } => self.writes.push((bytes, is_first)),
            Observation::Started { node, .. } if node == self.node => {
                self.started = Some(at);
                self.has = vec![false; self.writes.len()];
                self.lacks = self.writes.len();
                self.lacks_first = self.writes.iter().filter(|(_, is_first)| *is_first).count();
            }
            Observation::Row { observer, subject, held: Some(_) } if observer == self.node && subject != observer => {
                self.met.get_or_insert(at);
            }
            Observation::Exchanged { between, bytes } if between.contains(&self.node) && self.all.is_none() => {
                self.bytes += bytes as u64;
            }
            Observation::Applied { write, node } if node == self.node && self.has.get(write) == Some(&false) => {
                self.has[write] = true;
                self.lacks -= 1;
                if self.writes[write].1 {
                    self.lacks_first -= 1;
                    self.first = (self.lacks_first == 0).then_some(at);
                }
                self.all = (self.lacks == 0).then_some(at);
            }
            _ => (),
        }
    }

    pub(super) fn finish(self, results: &mut Results) {
        let state = self.writes.iter().map(|(bytes, _)| *bytes).sum::<usize>();
        let took = self.started.zip(self.all);
        results.real("kv.join_s", took.map(|(started, all)| secs(started, all)));
        results.integer("kv.join_bytes", self.all.map(|_| self.bytes));
        results.real("kv.join_ratio", self.all.map(|_| self.bytes as f64 / state.max(1) as f64));
        results.real("kv.priority_ms", self.met.zip(self.first).map(|(met, first)| millis(met, first)));
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::script::{Script, alive};
    use crate::report::Value::{Integer, Real};
    use crate::trace::Observation;

    /// Two writes of 10 and 40 bytes, the first of them of the first event; then a node starts and meets another.
    fn script() -> Script {
        let mut script = Script::new(3, 60);
        script.plan.newcomer = Some(2);
        script.start(0.0, 0).start(0.0, 1);
        script.at(1.0, Observation::Weighed { bytes: 10, is_first: true });
        script.at(2.0, Observation::Weighed { bytes: 40, is_first: false });
        script.at(2.5, Observation::Exchanged { between: [0, 1], bytes: 1000 });
        script.start(3.0, 2).at(3.1, alive(2, 0, 1));
        script
    }

    fn applied(write: usize, node: usize) -> Observation<'static> {
        Observation::Applied { write, node }
    }

    #[test]
    fn what_it_sends_and_is_sent_counts_until_it_has_all() {
        let mut script = script();
        script.at(3.2, Observation::Exchanged { between: [2, 0], bytes: 5 });
        script.at(3.3, Observation::Exchanged { between: [1, 2], bytes: 70 });
        script.at(3.4, applied(0, 2)).at(4.0, applied(1, 2));
        script.at(4.1, Observation::Exchanged { between: [1, 2], bytes: 500 });
        let metrics = script.finish();
        assert_eq!(metrics["kv.join_s"], Some(Real(1.0)));
        assert_eq!((metrics["kv.join_bytes"], metrics["kv.join_ratio"]), (Some(Integer(75)), Some(Real(1.5))));
        assert_eq!(metrics["kv.priority_ms"], Some(Real(300.0)));
    }

    #[test]
    fn one_that_lacks_a_write_is_not_done() {
        let metrics = script().at(3.4, applied(0, 2)).at(3.5, applied(1, 0)).at(3.5, applied(0, 2)).finish();
        assert_eq!((metrics["kv.join_ratio"], metrics["kv.join_s"]), (None, None));
        assert_eq!(metrics["kv.priority_ms"], Some(Real(300.0)));
    }
}
