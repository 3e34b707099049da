//! How long survivors of a crash are without a live neighbour.

use gossip_core::Instant;

use super::super::{Cluster, Results, secs};
use crate::trace::{Cause, Observation};

#[derive(Debug)]
pub(super) struct Isolation {
    /// By node: whom it has as neighbours.
    neighbours: Vec<Vec<usize>>,
    /// By node: whether it is live and none of them is.
    isolated: Vec<bool>,
    count: usize,
    /// When the last node crashed.
    crashed: Option<Instant>,
    /// When the last one that was isolated was not any more.
    over: Instant,
}

impl Isolation {
    pub(super) fn new(nodes: usize) -> Self {
        let (neighbours, isolated) = (vec![Vec::new(); nodes], vec![false; nodes]);
        Self { neighbours, isolated, count: 0, crashed: None, over: Instant::ZERO }
    }

    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        match *seen {
            Observation::Neighbours { node, of } => {
                self.neighbours[node] = of.to_vec();
                self.judge(at, node, cluster);
            }
            Observation::Started { node, .. } => {
                self.neighbours[node].clear();
                self.judge_around(at, node, cluster);
            }
            Observation::Stopped { node, cause } => {
                if cause == Cause::Crash {
                    self.crashed = Some(at);
                }
                self.judge_around(at, node, cluster);
            }
            Observation::Leaving { node } => self.judge_around(at, node, cluster),
            _ => {}
        }
    }

    /// A node came or went.
    fn judge_around(&mut self, at: Instant, node: usize, cluster: &Cluster) {
        self.judge(at, node, cluster);
        for other in 0..self.neighbours.len() {
            if self.neighbours[other].contains(&node) {
                self.judge(at, other, cluster);
            }
        }
    }

    fn judge(&mut self, at: Instant, node: usize, cluster: &Cluster) {
        let alone = !self.neighbours[node].iter().any(|neighbour| cluster.is_live(*neighbour));
        let isolated = alone && cluster.is_live(node);
        let before = std::mem::replace(&mut self.isolated[node], isolated);
        self.count = self.count + usize::from(isolated) - usize::from(before);
        if before && self.count == 0 {
            self.over = at;
        }
    }

    pub(super) fn finish(&self, results: &mut Results) {
        if let Some(crashed) = self.crashed {
            results.real("broadcast.isolated_s", (self.count == 0).then(|| secs(crashed, self.over)));
        }
    }
}
