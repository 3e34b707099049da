//! Nodes that run on but badly: stopped in turn, late, deaf or mute, or with a clock that jumps.

use super::World;
use super::stage::Step;
use crate::scenario::spec::{Action, Clock, Jump, Lag, Link, Pause};
use crate::trace::{Fault, Observation};

impl World<'_> {
    /// Each chosen process stops and runs in turn, from a random point of its cycle on.
    pub(super) fn begin_pause(&mut self, event: usize, pause: &Pause) {
        let chosen = self.draw(event, &pause.who);
        for node in &chosen {
            let phase = self.randoms[event].between(std::time::Duration::ZERO, pause.stop + pause.run);
            if phase < pause.stop {
                self.hosts[*node].halt(&mut self.stage);
                self.stage.schedule(pause.stop - phase, Step::Resume { event, node: *node });
            } else {
                self.stage.schedule(pause.stop + pause.run - phase, Step::Halt { event, node: *node });
            }
        }
        self.touch(event, chosen, Fault::Pause);
        self.stage.schedule(pause.lasts, Step::Cease { event });
    }

    pub(super) fn halt(&mut self, event: usize, node: usize) {
        let Action::Pause(pause) = &self.spec.events[event].action else { return };
        if self.targets[event].contains(&node) {
            self.hosts[node].halt(&mut self.stage);
            self.stage.schedule(pause.stop, Step::Resume { event, node });
        }
    }

    pub(super) fn resume(&mut self, event: usize, node: usize) -> Result<(), String> {
        let Action::Pause(pause) = &self.spec.events[event].action else { return Ok(()) };
        if !self.targets[event].contains(&node) {
            return Ok(());
        }
        self.stage.schedule(pause.run, Step::Halt { event, node });
        self.hosts[node].resume(&mut self.stage).map_err(|what| format!("n{node} {what}"))
    }

    pub(super) fn end_pause(&mut self, event: usize) -> Result<(), String> {
        for node in self.targets[event].clone() {
            self.hosts[node].resume(&mut self.stage).map_err(|what| format!("n{node} {what}"))?;
        }
        self.release(event, Fault::Pause);
        Ok(())
    }

    pub(super) fn begin_lag(&mut self, event: usize, lag: &Lag) {
        let chosen = self.draw(event, &lag.who);
        chosen.iter().for_each(|node| self.hosts[*node].slow_down(lag.delay));
        self.touch(event, chosen, Fault::Lag);
        self.stage.schedule(lag.lasts, Step::Cease { event });
    }

    pub(super) fn end_lag(&mut self, event: usize, lag: &Lag) -> Result<(), String> {
        for node in self.targets[event].clone() {
            self.hosts[node].speed_up(&mut self.stage, lag.delay).map_err(|what| format!("n{node} {what}"))?;
        }
        self.release(event, Fault::Lag);
        Ok(())
    }

    pub(super) fn begin_link(&mut self, event: usize, link: &Link) {
        let chosen = self.draw(event, &link.who);
        self.stage.network.impair(event, chosen.clone(), link.egress_loss, link.ingress_loss);
        self.touch(event, chosen, Fault::Link);
        self.stage.schedule(link.lasts, Step::Cease { event });
    }

    pub(super) fn end_link(&mut self, event: usize) {
        self.stage.network.repair(event);
        self.release(event, Fault::Link);
    }

    /// A clock jumps once, and goes on from there.
    pub(super) fn jump(&mut self, event: usize, clock: &Clock) -> Result<(), String> {
        let chosen = self.draw(event, &clock.who);
        self.touch(event, chosen.clone(), Fault::Clock);
        for node in chosen {
            self.hosts[node].clock.jump(clock.jump);
            // Without the wall clock's news the node still has deadlines that the jump brought about.
            let result = match clock.jump {
                Jump::Wall(_) => self.hosts[node].tell_wall_clock(&mut self.stage),
                Jump::Monotonic(_) => self.hosts[node].drain(&mut self.stage),
            };
            result.map_err(|what| format!("n{node} {what}"))?;
        }
        self.release(event, Fault::Clock);
        Ok(())
    }

    /// A fault of the event touches these nodes from now on.
    pub(super) fn touch(&mut self, event: usize, nodes: Vec<usize>, fault: Fault) {
        for node in &nodes {
            self.touched[*node] = true;
            self.stage.observe(&Observation::FaultBegan { node: *node, fault });
        }
        self.targets[event] = nodes;
    }

    /// The event touches nobody any more.
    pub(super) fn release(&mut self, event: usize, fault: Fault) {
        for node in std::mem::take(&mut self.targets[event]) {
            self.stage.observe(&Observation::FaultEnded { node, fault });
        }
    }
}
