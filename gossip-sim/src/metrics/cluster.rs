//! Who runs, and who holds whom alive: the ground that the other metrics stand on.
//!
//! A pair (a, b) of live nodes is *up* if a's table holds b live, alive or suspect, under the generation that b has now.
//! A suspect may refute and is treated as a member by every protocol, so it counts. The number of such pairs is
//! kept up to date with each change of a row, never by a look at all of them.

use gossip_core::{Instant, Status};

use crate::trace::{Held, Observation};

#[derive(Debug)]
pub(crate) struct Cluster {
    nodes: Vec<Process>,
    /// By observer, then by subject.
    rows: Vec<Vec<Cell>>,
    live: usize,
    pairs_up: usize,
    /// By observer: rows of its table, itself not counted.
    sizes: Vec<usize>,
}

#[derive(Debug)]
struct Process {
    phase: Phase,
    /// When the process started.
    since: Instant,
    starts: usize,
    /// Every generation that anybody ever named for it, in order of appearance.
    generations: Vec<u64>,
    /// Which of them is its own now.
    own: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Absent,
    Live,
    Leaving,
    Stopped,
}

/// A row in few bytes: there are as many as pairs of nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cell {
    /// Index into the subject's generations.
    generation: u16,
    status: Option<Status>,
}

impl Cluster {
    pub(crate) fn new(nodes: usize) -> Self {
        let process =
            || Process { phase: Phase::Absent, since: Instant::ZERO, starts: 0, generations: Vec::new(), own: 0 };
        Self {
            nodes: std::iter::repeat_with(process).take(nodes).collect(),
            rows: vec![vec![Cell::default(); nodes]; nodes],
            live: 0,
            pairs_up: 0,
            sizes: vec![0; nodes],
        }
    }

    pub(crate) fn observe(&mut self, at: Instant, seen: &Observation<'_>) {
        match *seen {
            Observation::Started { node, generation, .. } => self.start(at, node, generation),
            Observation::Renamed { node, generation } => self.rename(node, generation),
            Observation::Leaving { node } => self.retire(node, Phase::Leaving),
            Observation::Stopped { node, .. } => self.retire(node, Phase::Stopped),
            Observation::Row { observer, subject, held } => self.set_row(observer, subject, held),
            _ => {}
        }
    }

    fn start(&mut self, at: Instant, node: usize, generation: u64) {
        self.retire(node, Phase::Stopped);
        self.rows[node].fill(Cell::default());
        self.sizes[node] = 0;
        let process = &mut self.nodes[node];
        process.starts += 1;
        process.since = at;
        process.own = process.intern(generation);
        process.phase = Phase::Live;
        self.live += 1;
        self.pairs_up += self.pairs_with(node);
    }

    fn rename(&mut self, node: usize, generation: u64) {
        self.pairs_up -= self.pairs_with(node);
        self.nodes[node].own = self.nodes[node].intern(generation);
        self.pairs_up += self.pairs_with(node);
    }

    fn retire(&mut self, node: usize, phase: Phase) {
        self.pairs_up -= self.pairs_with(node);
        let process = &mut self.nodes[node];
        if process.phase == Phase::Live {
            self.live -= 1;
        }
        process.phase = phase;
    }

    fn set_row(&mut self, observer: usize, subject: usize, held: Option<Held>) {
        if observer == subject {
            return;
        }
        let cell = held.map_or(Cell::default(), |held| {
            let generation = self.nodes[subject].intern(held.generation);
            let generation = u16::try_from(generation).expect("a node has fewer than 65 536 generations");
            Cell { generation, status: Some(held.status) }
        });
        self.pairs_up -= usize::from(self.is_up(observer, subject));
        self.sizes[observer] -= usize::from(self.rows[observer][subject].status.is_some());
        self.sizes[observer] += usize::from(cell.status.is_some());
        self.rows[observer][subject] = cell;
        self.pairs_up += usize::from(self.is_up(observer, subject));
    }

    /// Up pairs that a node is part of, on either side.
    fn pairs_with(&self, node: usize) -> usize {
        if !self.is_live(node) {
            return 0;
        }
        (0..self.nodes.len())
            .map(|other| usize::from(self.is_up(node, other)) + usize::from(self.is_up(other, node)))
            .sum()
    }

    /// Whether both are live, and the first holds the second live under its own generation.
    pub(crate) fn is_up(&self, observer: usize, subject: usize) -> bool {
        let cell = self.rows[observer][subject];
        observer != subject
            && matches!(cell.status, Some(Status::Alive | Status::Suspect))
            && usize::from(cell.generation) == self.nodes[subject].own
            && self.is_live(observer)
            && self.is_live(subject)
    }

    /// How many nodes there may ever be.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Live nodes: started, neither stopped nor leaving.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    pub(crate) fn is_live(&self, node: usize) -> bool {
        self.nodes[node].phase == Phase::Live
    }

    /// Live or leaving.
    pub(crate) fn is_running(&self, node: usize) -> bool {
        matches!(self.nodes[node].phase, Phase::Live | Phase::Leaving)
    }

    /// Whether the node ever started.
    pub(crate) fn has_started(&self, node: usize) -> bool {
        self.nodes[node].starts > 0
    }

    /// How often the node started.
    pub(crate) fn starts(&self, node: usize) -> usize {
        self.nodes[node].starts
    }

    /// Whether one process of the node was live from `at` to now.
    pub(crate) fn live_since(&self, node: usize, at: Instant) -> bool {
        self.is_live(node) && self.nodes[node].since <= at
    }

    /// The node's own generation.
    pub(crate) fn generation(&self, node: usize) -> u64 {
        let process = &self.nodes[node];
        process.generations.get(process.own).copied().unwrap_or(0)
    }

    /// Whether the observer's table holds the subject down, under the subject's own generation.
    pub(crate) fn holds_down(&self, observer: usize, subject: usize) -> bool {
        let cell = self.rows[observer][subject];
        cell.status == Some(Status::Down) && usize::from(cell.generation) == self.nodes[subject].own
    }

    /// Status and generation of the subject in the observer's table.
    pub(crate) fn row(&self, observer: usize, subject: usize) -> Option<(Status, u64)> {
        let cell = self.rows[observer][subject];
        cell.status.map(|status| (status, self.nodes[subject].generations[usize::from(cell.generation)]))
    }

    /// How many others are in the observer's table, whatever it holds of them.
    pub(crate) fn size(&self, observer: usize) -> usize {
        self.sizes[observer]
    }

    /// Ordered pairs of live nodes of which the first holds the second live.
    pub(crate) fn pairs_up(&self) -> usize {
        self.pairs_up
    }

    /// Ordered pairs of live nodes.
    pub(crate) fn pairs(&self) -> usize {
        self.live * self.live.saturating_sub(1)
    }

    /// Share of the ordered pairs of live nodes of which the first holds the second live; 1 if there are none.
    pub(crate) fn share_up(&self) -> f64 {
        if self.pairs() == 0 { 1.0 } else { self.pairs_up as f64 / self.pairs() as f64 }
    }

    /// Whether all live nodes hold each other live.
    pub(crate) fn is_whole(&self) -> bool {
        self.pairs_up == self.pairs()
    }
}

impl Process {
    fn intern(&mut self, generation: u64) -> usize {
        let known = self.generations.iter().rposition(|known| *known == generation);
        known.unwrap_or_else(|| {
            self.generations.push(generation);
            self.generations.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::script::{alive, down, left, suspect};
    use crate::trace::{Cause, Memory};

    fn started(node: usize, generation: u64) -> Observation<'static> {
        Observation::Started { node, generation, memory: Memory::Lost }
    }

    fn cluster(observations: &[Observation<'_>]) -> Cluster {
        let mut cluster = Cluster::new(3);
        observations.iter().for_each(|seen| cluster.observe(Instant::ZERO, seen));
        assert_eq!(cluster.pairs_up, count(&cluster), "the count differs from a look at all pairs");
        cluster
    }

    fn count(cluster: &Cluster) -> usize {
        (0..3).flat_map(|a| (0..3).map(move |b| (a, b))).filter(|(a, b)| cluster.is_up(*a, *b)).count()
    }

    #[test]
    fn pairs_are_ordered_and_only_of_live_nodes() {
        let cluster = cluster(&[started(0, 1), started(1, 1), alive(0, 1, 1), alive(0, 2, 1)]);
        assert_eq!((cluster.pairs_up(), cluster.pairs()), (1, 2));
    }

    #[test]
    fn a_row_may_come_before_its_subject() {
        let cluster = cluster(&[started(0, 1), alive(0, 1, 1), started(1, 1), alive(1, 0, 1)]);
        assert!(cluster.is_whole());
    }

    #[test]
    fn a_suspect_is_held_live_but_one_down_or_left_is_not() {
        for (row, up) in [(suspect(0, 1, 1), 1), (down(0, 1, 1), 0), (left(0, 1, 1), 0)] {
            assert_eq!(cluster(&[started(0, 1), started(1, 1), row]).pairs_up(), up);
        }
    }

    #[test]
    fn another_generation_is_somebody_else() {
        let cluster = cluster(&[started(0, 1), started(1, 2), alive(0, 1, 1)]);
        assert_eq!(cluster.pairs_up(), 0);
    }

    #[test]
    fn a_restarted_node_is_up_again_only_under_its_new_generation_and_knows_nobody() {
        let stop = Observation::Stopped { node: 1, cause: Cause::Restart };
        let common = [started(0, 1), started(1, 1), alive(0, 1, 1), alive(1, 0, 1), stop, started(1, 5)];
        assert_eq!(cluster(&common).pairs_up(), 0);
        let after = [&common[..], &[alive(0, 1, 5)]].concat();
        assert_eq!(cluster(&after).pairs_up(), 1);
    }

    #[test]
    fn a_raised_generation_breaks_pairs_until_it_is_known() {
        let renamed = Observation::Renamed { node: 1, generation: 2 };
        let common = [started(0, 1), started(1, 1), alive(0, 1, 1), renamed];
        assert_eq!(cluster(&common).pairs_up(), 0);
        assert_eq!(cluster(&[&common[..], &[alive(0, 1, 2)]].concat()).pairs_up(), 1);
    }

    #[test]
    fn a_leaving_node_runs_but_is_in_no_pair() {
        let cluster =
            cluster(&[started(0, 1), started(1, 1), alive(0, 1, 1), alive(1, 0, 1), Observation::Leaving { node: 1 }]);
        assert_eq!((cluster.live(), cluster.pairs_up(), cluster.is_running(1)), (1, 0, true));
    }
}
