//! Churn: nodes go, half of them gracefully, and as many new ones come.

use super::{Meets, World};
use crate::scenario::spec::Action;
use crate::trace::{Cause, Memory};

impl World<'_> {
    pub(super) fn begin_churn(&mut self, event: usize) -> Result<(), String> {
        let Action::Churn(churn) = &self.spec.events[event].action else { return Ok(()) };
        if churn.steps(self.spec.nodes) > 0 { self.round(event, 0) } else { Ok(()) }
    }

    /// One live node goes, and a new one comes through any that is live.
    pub(super) fn churn(&mut self, event: usize, round: usize) -> Result<(), String> {
        let live = self.live();
        if let [node] = self.randoms[event].choose(live, 1)[..] {
            self.touched[node] = true;
            if round.is_multiple_of(2) {
                self.hosts[node].stop(&mut self.stage, Cause::Churn);
            } else {
                self.hosts[node].leave(&mut self.stage).map_err(|what| format!("n{node} {what}"))?;
            }
        }
        let newcomer = self.first_newcomer(event) + round;
        let live = self.live();
        self.start(newcomer, Memory::Lost, None, Meets::Contacts(&live))
    }

    /// The number of the first node that the event brings.
    fn first_newcomer(&self, event: usize) -> usize {
        let earlier = self.spec.events[..event].iter().map(|event| match &event.action {
            Action::Churn(churn) => churn.steps(self.spec.nodes),
            _ => 0,
        });
        self.spec.nodes + earlier.sum::<usize>()
    }
}
