//! What the nodes know of each other's distances.

use super::World;
use crate::trace::Observation;

/// To all nodes together.
const QUESTIONS: usize = 1_000_000;

impl World<'_> {
    /// At the end each live node is asked for the round trip of one pair of others for each node, where the network has
    /// one for each pair; where that would be more than [`QUESTIONS`] in all, of fewer.
    pub(super) fn estimate(&mut self) {
        let live = self.live();
        for (shift, observer) in live.iter().enumerate() {
            for (at, a) in live.iter().enumerate().take(QUESTIONS / live.len()) {
                let b = &live[(at + shift + 1) % live.len()];
                let Some(latency) = self.stage.network.between(*a, *b) else { return };
                if a != b && a != observer && b != observer {
                    let estimate = self.hosts[*observer].rtt(self.stage.id(*a), self.stage.id(*b));
                    self.stage.observe(&Observation::Estimated { estimate, actual: latency * 2 });
                }
            }
        }
    }
}
