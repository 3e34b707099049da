//! What a run is judged by: consumers of the trace, none of which sees a node.

mod accuracy;
mod broadcast;
mod churn;
mod cluster;
mod detect;
mod distance;
mod heal;
mod join;
mod kv;
mod newcomer;
mod oracle;
mod queues;
mod restart;
#[cfg(test)]
mod script;
mod traffic;
mod wake;

use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use cluster::Cluster;
use gossip_core::Instant;

use crate::report::Value;
use crate::scenario::Spec;
use crate::scenario::spec::Action;
use crate::trace::Observation;

/// How long nothing is steady after a disturbance.
const UNSTEADY: Duration = Duration::from_secs(30);

/// How long after its sending a message keeps the network busy, at least.
const SETTLING: Duration = Duration::from_secs(5);

/// What there is to measure in a scenario: a metric without its cause does not appear.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// Every node that may ever be.
    pub(crate) nodes: usize,
    /// Those of the beginning, if they join; 0: they know each other.
    pub(crate) joiners: usize,
    pub(crate) crash: bool,
    pub(crate) restart: bool,
    pub(crate) partition: bool,
    pub(crate) pause: bool,
    /// Any of pause, lag and link.
    pub(crate) slow: bool,
    pub(crate) churn: bool,
    /// When the first fault begins that lasts and touches single nodes.
    pub(crate) fault_at: Option<Instant>,
    pub(crate) broadcast: bool,
    /// How long a round is, where time goes in rounds.
    pub(crate) round: Option<Duration>,
    /// From the first measured message on; see [`broadcasting`].
    pub(crate) broadcasting: Option<(Instant, Instant)>,
    /// Where messages are sent: from 30 s after the last event, the last message included, to the end.
    pub(crate) idle: Option<Instant>,
    pub(crate) kv: bool,
    /// The node that starts after the last write, if one does.
    pub(crate) newcomer: Option<usize>,
    /// The steady part of the run: disjoint, ascending, each without its end.
    pub(crate) steady: Vec<(Instant, Instant)>,
}

impl Plan {
    pub(crate) fn new(spec: &Spec) -> Self {
        let any = |is: fn(&Action) -> bool| spec.events.iter().any(|event| is(&event.action));
        Self {
            nodes: spec.slots(),
            joiners: if spec.join.warm { 0 } else { spec.nodes },
            crash: any(|action| matches!(action, Action::Crash(_))),
            restart: any(|action| matches!(action, Action::Restart(_))),
            partition: any(|action| matches!(action, Action::Partition(_))),
            pause: any(|action| matches!(action, Action::Pause(_))),
            slow: any(|action| matches!(action, Action::Pause(_) | Action::Lag(_) | Action::Link(_))),
            churn: any(|action| matches!(action, Action::Churn(_))),
            fault_at: spec.events.iter().find(|event| lasts(&event.action)).map(|event| Instant::ZERO + event.at),
            broadcast: any(|action| matches!(action, Action::Broadcast(_))),
            round: spec.round,
            broadcasting: broadcasting(spec),
            idle: idle(spec),
            kv: any(|action| matches!(action, Action::Kv(_))),
            newcomer: newcomer(spec),
            steady: steady(spec),
        }
    }
}

fn lasts(action: &Action) -> bool {
    matches!(action, Action::Pause(_) | Action::Lag(_) | Action::Link(_) | Action::Byzantine(_) | Action::Churn(_))
}

/// From the first measured message to 5 s after the last one, or longer if messages are farther apart.
fn broadcasting(spec: &Spec) -> Option<(Instant, Instant)> {
    let loads = spec.events.iter().filter_map(|event| match &event.action {
        Action::Broadcast(load) if load.warmup < load.times => Some((event.at, load)),
        _ => None,
    });
    let first = loads.clone().map(|(at, load)| at + times(load.every, load.warmup)).min()?;
    let last = loads.map(|(at, load)| at + times(load.every, load.times - 1) + load.every.max(SETTLING)).max()?;
    Some((Instant::ZERO + first, Instant::ZERO + last.min(spec.duration)))
}

/// When nothing has happened any more for a while: only where messages were sent.
fn idle(spec: &Spec) -> Option<Instant> {
    broadcasting(spec)?;
    let over = spec.events.iter().map(|event| match &event.action {
        Action::Broadcast(load) => event.at + times(load.every, load.times - 1),
        Action::Kv(load) => event.at + times(load.every, load.times - 1),
        Action::Partition(partition) => event.at + partition.lasts,
        _ => event.at,
    });
    let from = over.max()? + UNSTEADY;
    (from < spec.duration).then(|| Instant::ZERO + from)
}

/// The last node, if it starts when all is written.
fn newcomer(spec: &Spec) -> Option<usize> {
    let writes = spec.events.iter().filter_map(|event| match &event.action {
        Action::Kv(load) => Some(event.at + times(load.every, load.times - 1)),
        _ => None,
    });
    (writes.max()? < spec.last_join()).then(|| spec.nodes - 1)
}

fn times(every: Duration, times: usize) -> Duration {
    every * u32::try_from(times).unwrap_or(u32::MAX)
}

/// From 30 s after the last join, without the 30 s from each event on.
fn steady(spec: &Spec) -> Vec<(Instant, Instant)> {
    let mut steady = Vec::new();
    let mut from = Instant::ZERO + spec.last_join() + UNSTEADY;
    for event in &spec.events {
        let at = Instant::ZERO + event.at;
        if from < at {
            steady.push((from, at));
        }
        from = from.max(at + UNSTEADY);
    }
    let end = Instant::ZERO + spec.duration;
    if from < end {
        steady.push((from, end));
    }
    steady
}

/// All metrics of one run.
#[derive(Debug)]
pub(crate) struct Metrics {
    cluster: Cluster,
    join: Option<join::Join>,
    restart: Option<restart::Restart>,
    detect: Option<detect::Detect>,
    accuracy: accuracy::Accuracy,
    heal: Option<heal::Heal>,
    traffic: traffic::Traffic,
    distance: distance::Distance,
    wake: Option<wake::Wake>,
    churn: Option<churn::Churn>,
    queues: Option<queues::Queues>,
    broadcast: Option<broadcast::Broadcast>,
    kv: Option<kv::Kv>,
    newcomer: Option<newcomer::Newcomer>,
}

impl Metrics {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            cluster: Cluster::new(plan.nodes),
            join: (plan.joiners > 0).then(|| join::Join::new(plan)),
            restart: plan.restart.then(restart::Restart::default),
            detect: plan.crash.then(|| detect::Detect::new(plan.nodes)),
            accuracy: accuracy::Accuracy::new(plan),
            heal: plan.partition.then(heal::Heal::default),
            traffic: traffic::Traffic::new(plan),
            distance: distance::Distance::default(),
            wake: plan.pause.then(|| wake::Wake::new(plan)),
            churn: plan.churn.then(churn::Churn::default),
            queues: (plan.churn || plan.broadcast).then(queues::Queues::default),
            broadcast: plan.broadcast.then(|| broadcast::Broadcast::new(plan)),
            kv: plan.kv.then(|| kv::Kv::new(plan.nodes)),
            newcomer: plan.newcomer.map(newcomer::Newcomer::new),
        }
    }

    /// Takes the next observation; `at` never goes back.
    pub(crate) fn observe(&mut self, at: Instant, seen: &Observation<'_>) {
        self.cluster.observe(at, seen);
        let cluster = &self.cluster;
        if let Some(join) = &mut self.join {
            join.observe(at, seen, cluster);
        }
        self.accuracy.observe(at, seen, cluster);
        self.traffic.observe(at, seen, cluster);
        self.distance.observe(at, seen);
        if let Some(restart) = &mut self.restart {
            restart.observe(at, seen, cluster);
        }
        if let Some(detect) = &mut self.detect {
            detect.observe(at, seen, cluster);
        }
        if let Some(heal) = &mut self.heal {
            heal.observe(at, seen, cluster);
        }
        if let Some(wake) = &mut self.wake {
            wake.observe(at, seen, cluster);
        }
        if let Some(churn) = &mut self.churn {
            churn.observe(at, seen, cluster);
        }
        if let Some(queues) = &mut self.queues {
            queues.observe(seen);
        }
        if let Some(broadcast) = &mut self.broadcast {
            broadcast.observe(at, seen, cluster);
        }
        if let Some(kv) = &mut self.kv {
            kv.observe(at, seen, cluster);
        }
        if let Some(newcomer) = &mut self.newcomer {
            newcomer.observe(at, seen);
        }
    }

    /// The judgement at the end of the run.
    pub(crate) fn finish(self, end: Instant) -> BTreeMap<&'static str, Option<Value>> {
        let mut results = Results::default();
        let cluster = &self.cluster;
        if let Some(join) = self.join {
            join.finish(&mut results);
        }
        self.accuracy.finish(cluster, &mut results);
        self.traffic.finish(end, &mut results);
        self.distance.finish(&mut results);
        if let Some(restart) = self.restart {
            restart.finish(&mut results);
        }
        if let Some(detect) = self.detect {
            detect.finish(cluster, &mut results);
        }
        if let Some(heal) = self.heal {
            heal.finish(cluster, &mut results);
        }
        if let Some(wake) = self.wake {
            wake.finish(end, &mut results);
        }
        if let Some(churn) = self.churn {
            churn.finish(&mut results);
        }
        if let Some(queues) = self.queues {
            queues.finish(&mut results);
        }
        if let Some(broadcast) = self.broadcast {
            broadcast.finish(end, cluster, &mut results);
        }
        if let Some(kv) = self.kv {
            kv.finish(cluster, &mut results);
        }
        if let Some(newcomer) = self.newcomer {
            newcomer.finish(&mut results);
        }
        results.values
    }

    /// What the trace says about the pairs of nodes.
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}

/// Where metrics put their figures; `None` is one that did not finish.
#[derive(Debug, Default)]
struct Results {
    values: BTreeMap<&'static str, Option<Value>>,
}

impl Results {
    fn real(&mut self, name: &'static str, value: Option<f64>) {
        self.values.insert(name, value.map(Value::Real));
    }

    fn integer(&mut self, name: &'static str, value: Option<u64>) {
        self.values.insert(name, value.map(Value::Integer));
    }
}

/// Seconds from one instant to a later one; zero if it is not later.
fn secs(from: Instant, to: Instant) -> f64 {
    to.since(from).as_micros() as f64 / 1e6
}

/// Milliseconds from one instant to a later one; zero if it is not later.
fn millis(from: Instant, to: Instant) -> f64 {
    to.since(from).as_micros() as f64 / 1e3
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// The middle one; of an even number of values the lower of the two.
fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values = values.collect::<Vec<_>>();
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::script::{Script, instant};
    use super::*;
    use crate::Scenario;

    #[test]
    fn the_steady_part_begins_after_the_join_and_stops_at_each_event() {
        let text = r#"
            name = "t"
            nodes = 101
            duration = "200s"
            [network]
            latency = { fixed = "1ms" }
            [join]
            every = "100ms"
            [[event]]
            at = "90s"
            crash = { count = 1 }
            [[event]]
            at = "100s"
            leave = { count = 1 }
            [[event]]
            at = "20s"
            leave = { count = 1 }
        "#;
        let plan = Plan::new(&Scenario::parse(text, "t.toml").unwrap().spec);
        assert_eq!(plan.steady, [(instant(50.0), instant(90.0)), (instant(130.0), instant(200.0))]);
    }

    #[test]
    fn broadcasting_begins_with_what_is_measured_and_idleness_follows_all_else() {
        let text = r#"
            name = "t"
            nodes = 2
            duration = "400s"
            [network]
            latency = { fixed = "1ms" }
            [[event]]
            at = "100s"
            broadcast = { times = 30, every = "6s", warmup = 20 }
            [[event]]
            at = "150s"
            broadcast = { times = 2, every = "1s" }
            [[event]]
            at = "160s"
            partition = { groups = [0.5], lasts = "130s" }
        "#;
        let plan = Plan::new(&Scenario::parse(text, "t.toml").unwrap().spec);
        assert_eq!(plan.broadcasting, Some((instant(150.0), instant(280.0))));
        assert_eq!(plan.idle, Some(instant(320.0)));
        let plan = Plan::new(&Scenario::parse(&text[..text.find("[[event]]").unwrap()], "t.toml").unwrap().spec);
        assert_eq!((plan.broadcasting, plan.idle), (None, None));
    }

    #[test]
    fn a_metric_without_its_cause_does_not_appear() {
        let names = Script::new(2, 10).finish();
        for prefix in ["restart.", "detect.", "heal", "pause.", "churn.", "queues.", "broadcast.", "kv."] {
            assert!(names.keys().all(|name| !name.starts_with(prefix)), "{prefix}");
        }
    }

    #[test]
    fn the_median_is_the_lower_middle() {
        assert_eq!(median([3, 1, 2].into_iter()), Some(2));
        assert_eq!(median([4, 1, 3, 2].into_iter()), Some(2));
        assert_eq!(median([].into_iter()), None);
    }
}
