//! The engine: many nodes, one virtual clock.

mod churn;
mod clock;
mod distances;
mod faults;
mod forge;
mod host;
mod inbox;
mod inspect;
mod ledger;
mod links;
mod load;
mod network;
mod queue;
mod rounds;
mod slow;
mod stage;
mod typed;

use std::fmt;
use std::time::Duration;

use faults::Memories;
use gossip_core::Instant;
use host::{Host, Start};
use ledger::Ledger;
use stage::{Due, Stage, Step};

use crate::random::{Random, Stream, mix};
use crate::report::SeedReport;
use crate::scenario::spec::{Action, State};
use crate::scenario::{Scenario, Spec};
use crate::trace::{Fault, Memory, Observation};

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The seed of the run.
    pub seed: u64,
    /// The virtual time that has passed.
    pub at: Duration,
    /// The virtual time at its end.
    pub of: Duration,
}

/// A run that proves nothing, because a node broke a promise that holds in every scenario: it told another table than it
/// holds, delivered what nobody sent, or span on its timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunError {
    /// The scenario's name.
    pub scenario: String,
    /// The seed that shows it again.
    pub seed: u64,
    /// When in virtual time.
    pub at: Duration,
    /// What happened.
    pub what: String,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, seed, at, what } = self;
        write!(f, "{scenario}, seed {seed}, at {:.6} s: {what}", at.as_secs_f64())
    }
}

impl std::error::Error for RunError {}

/// Runs a scenario once. The same scenario and seed give the same report, to the last bit.
///
/// `progress` is called about a hundred times.
///
/// # Errors
/// If a node breaks a promise that holds in every scenario; see [`RunError`].
///
/// # Panics
/// Only if a node does; the seed is then printed to standard error.
pub fn run(scenario: &Scenario, seed: u64, progress: &mut dyn FnMut(Progress)) -> Result<SeedReport, RunError> {
    let spec = &scenario.spec;
    let _named = SeedOnPanic { scenario: &spec.name, seed };
    let mut world = World::new(spec, seed);
    let error = |at: Instant, what: String| {
        let at = at.since(Instant::ZERO);
        RunError { scenario: spec.name.clone(), seed, at, what }
    };
    let end = Instant::ZERO + spec.duration;
    let mut percent = 0;
    while let Some((at, due)) = world.stage.queue.pop_until(end) {
        world.stage.advance(at, matches!(due, Due::Wake(_)));
        let passed = at.as_micros() / (end.as_micros() / 100).max(1);
        if passed > percent {
            percent = passed;
            progress(Progress { seed, at: at.since(Instant::ZERO), of: spec.duration });
        }
        world.handle(due).map_err(|what| error(at, what))?;
    }
    world.stage.now = end;
    world.audit().map_err(|what| error(end, what))?;
    world.estimate();
    progress(Progress { seed, at: spec.duration, of: spec.duration });
    Ok(SeedReport { seed, metrics: world.stage.into_metrics().finish(end) })
}

/// Names the run if a node panics in it.
struct SeedOnPanic<'a> {
    scenario: &'a str,
    seed: u64,
}

impl Drop for SeedOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this happened in scenario {}, seed {}", self.scenario, self.seed);
        }
    }
}

/// Whom a process that starts can turn to.
#[derive(Clone, Copy)]
enum Meets<'a> {
    /// A random one of these other than itself.
    Contacts(&'a [usize]),
    /// It knows all nodes of the beginning, which start at this moment too.
    All,
}

/// Everything in a run.
struct World<'a> {
    spec: &'a Spec,
    seed: u64,
    stage: Stage,
    hosts: Vec<Host>,
    /// By event: its choices.
    randoms: Vec<Random>,
    /// By event: what its restarted nodes will remember.
    memories: Vec<Memories>,
    /// By event that lasts: the nodes that it touches.
    targets: Vec<Vec<usize>>,
    /// By node: whether a fault of its own ever touched it.
    touched: Vec<bool>,
}

impl<'a> World<'a> {
    fn new(spec: &'a Spec, seed: u64) -> Self {
        let mut randoms =
            (0..spec.events.len()).map(|event| Random::new(seed, Stream::Event(event))).collect::<Vec<_>>();
        let mut stage = Stage::new(spec, seed);
        let mut after = Duration::ZERO;
        for node in 0..spec.nodes {
            stage.schedule(after, Step::Join(node));
            after += if spec.join.warm { Duration::ZERO } else { spec.join.every };
        }
        let mut memories = Vec::new();
        for (event, random) in randoms.iter_mut().enumerate() {
            stage.schedule(spec.events[event].at, Step::Begin { event });
            memories.push(Memories::plan(&mut stage, spec, event, random));
        }
        let hosts = (0..spec.slots()).map(|node| Host::new(node, &spec.config)).collect();
        let (targets, touched) = (vec![Vec::new(); spec.events.len()], vec![false; spec.slots()]);
        Self { spec, seed, stage, hosts, randoms, memories, targets, touched }
    }

    fn handle(&mut self, due: Due) -> Result<(), String> {
        match due {
            Due::Step(step) => self.step(step),
            Due::Wake(node) => self.hosts[node].wake(&mut self.stage).map_err(|what| format!("n{node} {what}")),
            Due::Read(node) => self.hosts[node].read(&mut self.stage).map_err(|what| format!("n{node} {what}")),
            Due::Packet { from, to, bytes } => {
                // A partition that began while the packet was on its way stops it too.
                if self.stage.network.connects(from, to) {
                    if self.hosts[to].identity().is_some() && self.stage.network.reunites(from, to) {
                        self.stage.observe(&Observation::Reunited);
                    }
                    self.hosts[to].arrive(&mut self.stage, from, bytes).map_err(|what| format!("n{to} {what}"))
                } else {
                    self.stage.recycle(bytes);
                    Ok(())
                }
            }
        }
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Join(node) if self.spec.join.warm => self.start(node, Memory::Lost, None, Meets::All),
            Step::Join(node) => self.start(node, Memory::Lost, None, Meets::Contacts(&self.spec.join.via)),
            Step::Begin { event } => self.begin(event),
            Step::Snapshot { event, node } => {
                self.remember(event, node);
                Ok(())
            }
            Step::Stop { event, node } => {
                self.stop(event, node);
                Ok(())
            }
            Step::Start { event, node, state } => self.restart(event, node, state),
            Step::Halt { event, node } => {
                self.halt(event, node);
                Ok(())
            }
            Step::Resume { event, node } => self.resume(event, node),
            Step::Cease { event } => self.cease(event),
            Step::Round { event, round } => self.round(event, round),
            Step::Race { event, round, index, node, op } => self.race_on(event, round, index, node, op),
        }
    }

    fn begin(&mut self, event: usize) -> Result<(), String> {
        match &self.spec.events[event].action {
            Action::Crash(who) => self.crash(event, who),
            Action::Leave(who) => self.leave(event, who)?,
            Action::Restart(restart) => self.begin_restart(event, restart),
            Action::Partition(partition) => self.separate(event, partition),
            Action::Pause(pause) => self.begin_pause(event, pause),
            Action::Lag(lag) => self.begin_lag(event, lag),
            Action::Link(link) => self.begin_link(event, link),
            Action::Clock(clock) => self.jump(event, clock)?,
            Action::Byzantine(byzantine) => self.begin_forgery(event, byzantine)?,
            Action::Churn(_) => self.begin_churn(event)?,
            Action::Loss(share) => self.stage.network.lose(*share),
            Action::Subscribe(subscribe) => self.subscribe(event, subscribe)?,
            Action::Broadcast(_) | Action::Kv(_) => self.round(event, 0)?,
        }
        Ok(())
    }

    /// The end of an event that lasts.
    fn cease(&mut self, event: usize) -> Result<(), String> {
        match &self.spec.events[event].action {
            Action::Partition(_) => self.unite(event),
            Action::Pause(_) => self.end_pause(event)?,
            Action::Lag(lag) => self.end_lag(event, lag)?,
            Action::Link(_) => self.end_link(event),
            Action::Byzantine(_) => self.release(event, Fault::Byzantine),
            _ => {}
        }
        Ok(())
    }

    /// Starts a process; `former` is generation and snapshot.
    fn start(
        &mut self,
        node: usize,
        memory: Memory,
        former: Option<(Option<u64>, &[u8])>,
        meets: Meets<'_>,
    ) -> Result<(), String> {
        let (via, peers) = match meets {
            Meets::Contacts(via) => (via, 0),
            Meets::All => (&[][..], self.spec.nodes),
        };
        let host = &mut self.hosts[node];
        let mut random = Random::new(self.seed, Stream::Process { node, starts: host.starts });
        let seed = random.seed();
        let contacts = via.iter().copied().filter(|contact| *contact != node).collect::<Vec<_>>();
        let contact = (!contacts.is_empty()).then(|| contacts[random.below(contacts.len())]);
        let generation =
            former.and_then(|(generation, _)| generation).unwrap_or_else(|| host.clock.wall(self.stage.wall_clock()));
        let snapshot = former.map(|(_, snapshot)| snapshot);
        let metadata = Ledger::content(self.spec.join.metadata, mix(node as u64));
        let start = Start { generation, memory, snapshot, contact, peers, metadata: &metadata, seed };
        host.start(&mut self.stage, &self.spec.config, &start).map_err(|what| format!("n{node} {what}"))
    }

    /// Live nodes, ascending.
    fn live(&self) -> Vec<usize> {
        (0..self.hosts.len()).filter(|node| self.hosts[*node].is_live()).collect()
    }

    fn audit(&mut self) -> Result<(), String> {
        for (node, host) in self.hosts.iter_mut().enumerate() {
            host.audit(&mut self.stage).map_err(|what| format!("n{node} {what}"))?;
        }
        if let Some(uplinks) = self.stage.network.uplinks() {
            self.stage.observe(&Observation::Uplinks(uplinks));
        }
        Ok(())
    }
}

/// Which snapshot a state asks for, as the trace calls it.
fn memory_of(state: State) -> Memory {
    match state {
        State::Lost => Memory::Lost,
        State::Kept => Memory::Kept,
        State::Old(_) => Memory::Old,
    }
}
