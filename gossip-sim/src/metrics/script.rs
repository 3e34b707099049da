//! Traces written by hand, for tests.

use std::collections::BTreeMap;

use gossip_core::{Instant, MemberChange, Status};

use super::{Metrics, Plan};
use crate::report::Value;
use crate::trace::{Cause, Fault, Held, Memory, Observation, Parts};

/// A trace in the making. Set in `plan` what the scenario holds.
pub(super) struct Script {
    pub(super) plan: Plan,
    seconds: u64,
    trace: Vec<(Instant, Observation<'static>)>,
}

impl Script {
    pub(super) fn new(nodes: usize, seconds: u64) -> Self {
        let steady = vec![(instant(30.0), instant(seconds as f64))];
        let plan =
            Plan { nodes, joiners: nodes, steady: if seconds > 30 { steady } else { Vec::new() }, ..Plan::default() };
        Self { plan, seconds, trace: Vec::new() }
    }

    pub(super) fn at(&mut self, second: f64, seen: Observation<'static>) -> &mut Self {
        let at = instant(second);
        assert!(self.trace.last().is_none_or(|(before, _)| *before <= at), "a trace is in order of time");
        self.trace.push((at, seen));
        self
    }

    pub(super) fn start(&mut self, second: f64, node: usize) -> &mut Self {
        self.start_as(second, node, 1)
    }

    pub(super) fn start_as(&mut self, second: f64, node: usize, generation: u64) -> &mut Self {
        self.at(second, Observation::Started { node, generation, memory: Memory::Lost })
    }

    pub(super) fn stop(&mut self, second: f64, node: usize, cause: Cause) -> &mut Self {
        self.at(second, Observation::Stopped { node, cause })
    }

    pub(super) fn rename(&mut self, second: f64, node: usize, generation: u64) -> &mut Self {
        self.at(second, Observation::Renamed { node, generation })
    }

    /// A fault touches a node from one instant to another.
    pub(super) fn fault(&mut self, second: f64, node: usize, fault: Fault) -> &mut Self {
        self.at(second, Observation::FaultBegan { node, fault })
    }

    pub(super) fn cure(&mut self, second: f64, node: usize, fault: Fault) -> &mut Self {
        self.at(second, Observation::FaultEnded { node, fault })
    }

    pub(super) fn sent(&mut self, second: f64, node: usize, bytes: usize) -> &mut Self {
        self.at(second, Observation::Sent { node, bytes, of: Parts::default() })
    }

    /// Every node holds every other alive in its first generation.
    pub(super) fn know_all(&mut self, second: f64) -> &mut Self {
        let nodes = self.plan.nodes;
        for (observer, subject) in (0..nodes).flat_map(|a| (0..nodes).map(move |b| (a, b))).filter(|(a, b)| a != b) {
            self.at(second, alive(observer, subject, 1));
        }
        self
    }

    pub(super) fn finish(&mut self) -> BTreeMap<&'static str, Option<Value>> {
        let mut metrics = Metrics::new(&self.plan);
        self.trace.iter().for_each(|(at, seen)| metrics.observe(*at, seen));
        metrics.finish(instant(self.seconds as f64))
    }
}

pub(super) fn instant(second: f64) -> Instant {
    Instant::from_micros((second * 1e6).round() as u64)
}

pub(super) fn alive(observer: usize, subject: usize, generation: u64) -> Observation<'static> {
    row(observer, subject, generation, Status::Alive)
}

pub(super) fn suspect(observer: usize, subject: usize, generation: u64) -> Observation<'static> {
    row(observer, subject, generation, Status::Suspect)
}

pub(super) fn down(observer: usize, subject: usize, generation: u64) -> Observation<'static> {
    row(observer, subject, generation, Status::Down)
}

pub(super) fn left(observer: usize, subject: usize, generation: u64) -> Observation<'static> {
    row(observer, subject, generation, Status::Left)
}

fn row(observer: usize, subject: usize, generation: u64, status: Status) -> Observation<'static> {
    Observation::Row { observer, subject, held: Some(Held { status, generation, incarnation: 0 }) }
}

pub(super) fn told(observer: usize, subject: usize, change: MemberChange) -> Observation<'static> {
    Observation::Told { observer, subject, generation: 1, incarnation: 0, change }
}
