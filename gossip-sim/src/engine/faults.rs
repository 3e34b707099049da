//! Crashes, restarts, leaves and partitions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::stage::{Stage, Step};
use super::{Meets, World, memory_of};
use crate::random::Random;
use crate::scenario::Spec;
use crate::scenario::spec::{Action, Groups, Partition, Pick, Restart, State, Who};
use crate::trace::{Cause, Memory, Observation};

/// A restart event's stops, and what its nodes will remember.
#[derive(Debug, Default)]
pub(super) struct Memories {
    /// By node: how long after the event it stops, if it is chosen.
    offsets: Vec<Duration>,
    /// Whom the event hits, once it has begun.
    chosen: Option<Vec<usize>>,
    /// Generation and snapshot.
    snapshots: BTreeMap<usize, (u64, Vec<u8>)>,
}

impl Memories {
    /// Draws when each node would stop, so that a snapshot can be taken the right time before, of whoever it may hit.
    pub(super) fn plan(stage: &mut Stage, spec: &Spec, event: usize, random: &mut Random) -> Self {
        let Action::Restart(restart) = &spec.events[event].action else { return Self::default() };
        let offsets = (0..spec.nodes).map(|_| random.between(Duration::ZERO, restart.spread)).collect::<Vec<_>>();
        if let State::Old(age) = restart.state {
            for (node, offset) in offsets.iter().enumerate() {
                let at = (spec.events[event].at + *offset).saturating_sub(age);
                stage.schedule(at, Step::Snapshot { event, node });
            }
        }
        Self { offsets, chosen: None, snapshots: BTreeMap::new() }
    }
}

impl World<'_> {
    /// The live nodes that an event hits: half up, at least one of a fraction; those named only if they are live.
    pub(super) fn draw(&mut self, event: usize, who: &Who) -> Vec<usize> {
        let live = self.live().into_iter().filter(|node| !(who.healthy && self.touched[*node])).collect::<Vec<_>>();
        let count = match &who.pick {
            Pick::Nodes(nodes) => return nodes.iter().copied().filter(|node| live.contains(node)).collect(),
            Pick::Count(count) => *count,
            Pick::Fraction(fraction) => ((live.len() as f64 * fraction + 0.5).floor() as usize).max(1),
        };
        self.randoms[event].choose(live, count)
    }

    pub(super) fn crash(&mut self, event: usize, who: &Who) {
        for node in self.draw(event, who) {
            self.touched[node] = true;
            self.hosts[node].stop(&mut self.stage, Cause::Crash);
        }
    }

    pub(super) fn leave(&mut self, event: usize, who: &Who) -> Result<(), String> {
        for node in self.draw(event, who) {
            self.hosts[node].leave(&mut self.stage).map_err(|what| format!("n{node} {what}"))?;
        }
        Ok(())
    }

    pub(super) fn begin_restart(&mut self, event: usize, restart: &Restart) {
        let chosen = self.draw(event, &restart.who);
        for node in &chosen {
            self.touched[*node] = true;
            let after = self.memories[event].offsets[*node];
            self.stage.schedule(after, Step::Stop { event, node: *node });
        }
        let memories = &mut self.memories[event];
        memories.snapshots.retain(|node, _| chosen.contains(node));
        memories.chosen = Some(chosen);
    }

    /// Takes the snapshot that a node may be restarted from.
    pub(super) fn remember(&mut self, event: usize, node: usize) {
        let memories = &mut self.memories[event];
        let is_wanted = memories.chosen.as_ref().is_none_or(|chosen| chosen.contains(&node));
        if let Some(snapshot) = self.hosts[node].snapshot().filter(|_| is_wanted) {
            memories.snapshots.insert(node, snapshot);
        }
    }

    pub(super) fn stop(&mut self, event: usize, node: usize) {
        let Action::Restart(restart) = &self.spec.events[event].action else { return };
        // Something else may have stopped it since it was chosen.
        if !self.hosts[node].is_live() {
            return;
        }
        if restart.state == State::Kept {
            self.remember(event, node);
        }
        self.hosts[node].stop(&mut self.stage, Cause::Restart);
        self.stage.schedule(restart.down, Step::Start { event, node, state: restart.state });
    }

    pub(super) fn restart(&mut self, event: usize, node: usize, state: State) -> Result<(), String> {
        let via = Meets::Contacts(&self.spec.join.via);
        // Whoever did not run when the old snapshot was due has none.
        let Some((generation, snapshot)) = self.memories[event].snapshots.remove(&node) else {
            return self.start(node, Memory::Lost, None, via);
        };
        let generation = matches!(state, State::Old(_)).then_some(generation);
        self.start(node, memory_of(state), Some((generation, &snapshot)), via)
    }

    pub(super) fn separate(&mut self, event: usize, partition: &Partition) {
        let nodes = self.hosts.len();
        let mut sides = match &partition.groups {
            Groups::Nodes(groups) => groups.clone(),
            Groups::Fractions(fractions) => {
                let shuffled = self.randoms[event].choose((0..nodes).collect(), nodes);
                split(&shuffled, fractions)
            }
        };
        let mut side_of = vec![sides.len(); nodes];
        for (side, members) in sides.drain(..).enumerate() {
            members.into_iter().for_each(|node| side_of[node] = side);
        }
        self.stage.network.separate(event, side_of);
        self.stage.observe(&Observation::PartitionBegan);
        self.stage.schedule(partition.lasts, Step::Cease { event });
    }

    pub(super) fn unite(&mut self, event: usize) {
        self.stage.network.unite(event);
        self.stage.observe(&Observation::PartitionEnded);
    }
}

/// Cuts a list into shares of it; what is left over is in none. The cuts are rounded, not the shares, so that shares that sum
/// to the whole leave nobody over.
fn split(nodes: &[usize], fractions: &[f64]) -> Vec<Vec<usize>> {
    let mut sum = 0.0;
    let mut from = 0;
    let mut groups = Vec::new();
    for fraction in fractions {
        sum += fraction;
        let to = ((nodes.len() as f64 * sum).round() as usize).clamp(from, nodes.len());
        groups.push(nodes[from..to].to_vec());
        from = to;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(nodes: usize, fractions: &[f64]) -> Vec<usize> {
        split(&(0..nodes).collect::<Vec<_>>(), fractions).iter().map(Vec::len).collect()
    }

    #[test]
    fn fractions_of_the_whole_leave_nobody_over() {
        assert_eq!(sizes(64, &[0.5, 0.5]), [32, 32]);
        assert_eq!(sizes(65, &[0.5, 0.5]).iter().sum::<usize>(), 65);
        assert_eq!(sizes(10, &[0.1, 0.2, 0.7]), [1, 2, 7]);
        assert_eq!(sizes(10, &[0.3]), [3]);
    }
}
