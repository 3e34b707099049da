//! What all nodes share: the queue, the network, the books, and the metrics that watch.

use std::collections::HashMap;
use std::time::Duration;

use gossip_core::broadcast::MessageId;
use gossip_core::wire::ClusterKey;
use gossip_core::{Instant, NodeId};

use super::ledger::Ledger;
use super::network::Network;
use super::queue::Queue;
use super::rounds::Rounds;
use super::{inspect, rounds};
use crate::metrics::{Metrics, Plan};
use crate::random::{Random, Stream};
use crate::scenario::Spec;
use crate::scenario::spec::{Action, Op, Order, State};
use crate::trace::{Observation, Parts};

/// The Unix time in milliseconds at the beginning of every run.
const WALL_CLOCK_MS: u64 = 1_700_000_000_000;
/// Buffers kept for packets to come.
const SPARE_BUFFERS: usize = 1024;

#[derive(Debug)]
pub(super) struct Stage {
    pub(super) now: Instant,
    pub(super) queue: Queue<Due>,
    pub(super) network: Network,
    pub(super) ledger: Ledger,
    metrics: Metrics,
    plan: Plan,
    /// Whether some nodes do not want all topics.
    topics: bool,
    ids: Vec<NodeId>,
    /// Looked up only, never walked through: its order must not matter.
    numbers: HashMap<NodeId, usize>,
    cluster: ClusterKey,
    order: Order,
    rounds: Option<Rounds>,
    random: Random,
    spare: Vec<Vec<u8>>,
}

/// Something due at an instant.
#[derive(Debug)]
pub(super) enum Due {
    /// A step of the scenario.
    Step(Step),
    Packet {
        from: usize,
        to: usize,
        bytes: Vec<u8>,
    },
    /// A packet that waited at a node may be read.
    Read(usize),
    /// A node's own deadline.
    Wake(usize),
}

/// A step of the scenario; `event` is its index there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Join(usize),
    Begin {
        event: usize,
    },
    Snapshot {
        event: usize,
        node: usize,
    },
    Stop {
        event: usize,
        node: usize,
    },
    Start {
        event: usize,
        node: usize,
        state: State,
    },
    /// A turn of a process that stops and runs in turn.
    Halt {
        event: usize,
        node: usize,
    },
    Resume {
        event: usize,
        node: usize,
    },
    /// The end of an event that lasts.
    Cease {
        event: usize,
    },
    Round {
        event: usize,
        round: usize,
    },
    /// A later write of a race for a key.
    Race {
        event: usize,
        round: usize,
        index: usize,
        node: usize,
        op: Op,
    },
}

impl Stage {
    pub(super) fn new(spec: &Spec, seed: u64) -> Self {
        let ids = (0..spec.slots()).map(|node| NodeId::from_name(&format!("n{node}"))).collect::<Vec<_>>();
        let plan = Plan::new(spec);
        Self {
            now: Instant::ZERO,
            queue: Queue::new(),
            network: Network::new(&spec.network, ids.len(), seed),
            ledger: Ledger::default(),
            metrics: Metrics::new(&plan),
            topics: spec.events.iter().any(|event| matches!(event.action, Action::Subscribe(_))),
            plan,
            numbers: ids.iter().enumerate().map(|(number, id)| (*id, number)).collect(),
            ids,
            cluster: ClusterKey::new(&spec.config.cluster),
            order: spec.order,
            rounds: spec.round.map(Rounds::new),
            random: Random::new(seed, Stream::Driver),
            spare: Vec::new(),
        }
    }

    /// A step comes before whatever packets and timers are due with it; steps of one time keep their order.
    pub(super) fn schedule(&mut self, after: Duration, step: Step) {
        self.queue.push(self.now + after, 0, Due::Step(step));
    }

    /// Time has come to the next thing that is due.
    pub(super) fn advance(&mut self, at: Instant, is_timer: bool) {
        self.now = at;
        if let Some(rounds) = &mut self.rounds {
            rounds.advance(at, is_timer);
            self.network.begin_round(rounds.number());
        }
    }

    /// When a timer goes off whose deadline is this.
    pub(super) fn wakes_at(&self, deadline: Instant) -> Instant {
        let deadline = deadline.max(self.now);
        self.rounds.as_ref().map_or(deadline, |rounds| rounds.wakes_at(deadline))
    }

    pub(super) fn schedule_wake(&mut self, at: Instant, node: usize) {
        let rank = self.rank(false);
        self.queue.push(at, rank, Due::Wake(node));
    }

    pub(super) fn schedule_read(&mut self, at: Instant, node: usize) {
        let rank = self.rank(true);
        self.queue.push(at, rank, Due::Read(node));
    }

    /// Whether a node that runs again reads what waited before it looks at its timers.
    pub(super) fn reads_first(&mut self) -> bool {
        match self.order {
            Order::Inputs => true,
            Order::Timers => false,
            Order::Random => self.random.chance(0.5),
        }
    }

    fn rank(&mut self, is_input: bool) -> u64 {
        match self.order {
            _ if self.rounds.is_some() => rounds::TIMERS,
            Order::Inputs => 1 + u64::from(!is_input),
            Order::Timers => 1 + u64::from(is_input),
            Order::Random => 1 + (self.random.number() >> 1),
        }
    }

    /// Takes a packet from a node to the network.
    pub(super) fn transmit(&mut self, from: usize, to: u64, packet: &[u8]) {
        let kv = if self.plan.kv { inspect::kv_bytes(packet) } else { 0 };
        let broadcast = if self.plan.broadcast { self.observe_broadcast(from, to, packet) } else { 0 };
        self.observe(&Observation::Sent { node: from, bytes: packet.len(), of: Parts { kv, broadcast } });
        let Some(to) = usize::try_from(to).ok().filter(|to| *to < self.ids.len()) else { return };
        if self.has_newcomer() {
            self.observe(&Observation::Exchanged { between: [from, to], bytes: packet.len() });
        }
        for delivery in self.network.send(self.now, from, to, packet.len()).into_iter().flatten() {
            let mut bytes = self.spare.pop().unwrap_or_default();
            bytes.clear();
            bytes.extend_from_slice(packet);
            if let Some(bit) = delivery.flipped {
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            let (at, rank) = match &self.rounds {
                Some(rounds) => rounds.arrival(inspect::is_content(packet)),
                None => (delivery.at, self.rank(true)),
            };
            self.queue.push(at, rank, Due::Packet { from, to, bytes });
        }
    }

    /// Tells of the messages in a packet; answers how much of it is broadcast's.
    fn observe_broadcast(&mut self, from: usize, to: u64, packet: &[u8]) -> usize {
        let Self { now, metrics, ledger, cluster, ids, topics, .. } = self;
        inspect::broadcast(cluster, ids[from], packet, |name, bytes| {
            if let Some(message) = ledger.message(name) {
                metrics.observe(*now, &Observation::Payload { message, bytes });
                if *topics {
                    metrics.observe(*now, &Observation::Carried { message, from, to: to as usize, bytes });
                }
            }
        })
    }

    /// Takes back the buffer of a packet that was read.
    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < SPARE_BUFFERS {
            self.spare.push(buffer);
        }
    }

    pub(super) fn observe(&mut self, seen: &Observation<'_>) {
        self.metrics.observe(self.now, seen);
    }

    /// What the checksum of every packet is keyed with.
    /// Notes a message that was sent in earnest.
    pub(super) fn sent(&mut self, id: MessageId, topic: &str, bytes: usize, salt: u64) -> Result<(), String> {
        self.ledger.sent(&self.cluster, id, topic, bytes, salt)
    }

    pub(super) fn cluster(&self) -> &ClusterKey {
        &self.cluster
    }

    /// Whether somebody asks what it costs to join late.
    pub(super) fn has_newcomer(&self) -> bool {
        self.plan.newcomer.is_some()
    }

    /// Whether somebody asks who has neighbours.
    pub(super) fn watches_neighbours(&self) -> bool {
        self.plan.broadcast && self.plan.crash
    }

    pub(super) fn id(&self, node: usize) -> NodeId {
        self.ids[node]
    }

    pub(super) fn number(&self, id: NodeId) -> Option<usize> {
        self.numbers.get(&id).copied()
    }

    pub(super) fn nodes(&self) -> usize {
        self.ids.len()
    }

    /// The Unix time in milliseconds.
    pub(super) fn wall_clock(&self) -> u64 {
        WALL_CLOCK_MS + self.now.as_micros() / 1000
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn into_metrics(self) -> Metrics {
        self.metrics
    }
}
