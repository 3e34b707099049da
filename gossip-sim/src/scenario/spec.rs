//! What a scenario says, checked and without its text.

use std::time::Duration;

use gossip_core::Config;
pub(crate) use gossip_core::broadcast::Class;

/// Everything the engine needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) nodes: usize,
    pub(crate) duration: Duration,
    pub(crate) config: Config,
    pub(crate) network: Network,
    pub(crate) order: Order,
    /// Time goes in rounds of this length.
    pub(crate) round: Option<Duration>,
    pub(crate) join: Join,
    /// By time; those of one time in the order of the file.
    pub(crate) events: Vec<Event>,
}

impl Spec {
    /// Every node that may ever be: those of the beginning, then those that churn brings.
    pub(crate) fn slots(&self) -> usize {
        let newcomers = self.events.iter().map(|event| match &event.action {
            Action::Churn(churn) => churn.steps(self.nodes),
            _ => 0,
        });
        self.nodes + newcomers.sum::<usize>()
    }

    /// When the last node of the beginning starts.
    pub(crate) fn last_join(&self) -> Duration {
        if self.join.warm {
            return Duration::ZERO;
        }
        self.join.every * u32::try_from(self.nodes - 1).unwrap_or(u32::MAX)
    }
}

/// What happens to a packet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Network {
    pub(crate) latency: Latency,
    /// Shares of packets, from 0 to 1.
    pub(crate) loss: f64,
    pub(crate) duplicate: f64,
    pub(crate) corrupt: f64,
    /// Extra delay, uniform up to this.
    pub(crate) reorder: Duration,
    /// Bits per second of each node's uplink.
    pub(crate) rate: Option<u64>,
}

/// How long a packet travels one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Latency {
    Fixed(Duration),
    /// Drawn per packet.
    Uniform(Duration, Duration),
    /// Drawn once for each pair of nodes, the same in both directions.
    PerPair(Duration, Duration),
    /// Nodes are points in a square, drawn once: the shorter one at one point, the longer one from corner to corner.
    Plane(Duration, Duration),
}

/// What a node handles first when a packet and a timer are due at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Inputs,
    Timers,
    Random,
}

/// How the cluster comes into being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Join {
    /// Contacts, by node number.
    pub(crate) via: Vec<usize>,
    /// Node i starts at i times this.
    pub(crate) every: Duration,
    /// All start at once and know each other.
    pub(crate) warm: bool,
    /// Bytes of metadata that each node says of itself.
    pub(crate) metadata: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) at: Duration,
    pub(crate) action: Action,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Crash(Who),
    Restart(Restart),
    Leave(Who),
    Partition(Partition),
    Pause(Pause),
    Lag(Lag),
    Link(Link),
    Clock(Clock),
    Churn(Churn),
    Byzantine(Byzantine),
    /// From then on the network loses this share of all packets.
    Loss(f64),
    Subscribe(Subscribe),
    Broadcast(Broadcast),
    Kv(Kv),
}

/// Whom a fault hits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Who {
    pub(crate) pick: Pick,
    /// Only nodes that no fault has touched.
    pub(crate) healthy: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pick {
    Nodes(Vec<usize>),
    Count(usize),
    Fraction(f64),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Restart {
    pub(crate) who: Who,
    pub(crate) down: Duration,
    pub(crate) spread: Duration,
    pub(crate) state: State,
}

/// What a restarted node remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing.
    Lost,
    /// Its own snapshot of the moment it stopped.
    Kept,
    /// A snapshot that was this old when it stopped, and the generation of that time.
    Old(Duration),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Partition {
    pub(crate) groups: Groups,
    pub(crate) lasts: Duration,
}

/// The sides of a partition; nodes in none of them form one more side together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Groups {
    /// Shares of all nodes.
    Fractions(Vec<f64>),
    Nodes(Vec<Vec<usize>>),
}

/// Processes that stop and run in turn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pause {
    pub(crate) who: Who,
    pub(crate) stop: Duration,
    pub(crate) run: Duration,
    pub(crate) lasts: Duration,
}

/// Nodes that read packets late.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lag {
    pub(crate) who: Who,
    pub(crate) delay: Duration,
    pub(crate) lasts: Duration,
}

/// Nodes that lose packets of their own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Link {
    pub(crate) who: Who,
    /// Shares of the packets that they send and that are sent to them, beyond those that the network loses.
    pub(crate) egress_loss: f64,
    pub(crate) ingress_loss: f64,
    pub(crate) lasts: Duration,
}

/// A clock that jumps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clock {
    pub(crate) who: Who,
    pub(crate) jump: Jump,
}

/// By how many microseconds, back if negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Jump {
    Wall(i64),
    Monotonic(i64),
}

/// Nodes that go, half of them gracefully, and as many new ones that come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Churn {
    /// Share of the nodes of the beginning.
    pub(crate) per_minute: f64,
    pub(crate) lasts: Duration,
}

impl Churn {
    /// How many nodes go, and come.
    pub(crate) fn steps(&self, nodes: usize) -> usize {
        (nodes as f64 * self.per_minute * self.lasts.as_secs_f64() / 60.0).round() as usize
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Byzantine {
    pub(crate) who: Who,
    pub(crate) behaviour: Behaviour,
    /// To the end of the scenario if absent.
    pub(crate) lasts: Option<Duration>,
}

/// What a byzantine node does besides all that an honest one would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// It accuses a node of each second's choice, with the highest incarnation.
    ForgeSuspicion,
    /// It declares that node down.
    ForgeVerdict,
}

/// From then on these nodes take messages of these topics alone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subscribe {
    pub(crate) who: Who,
    pub(crate) topics: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Broadcast {
    pub(crate) from: From,
    pub(crate) times: usize,
    pub(crate) every: Duration,
    pub(crate) bytes: usize,
    pub(crate) class: Class,
    pub(crate) topic: String,
    pub(crate) warmup: usize,
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// A live node, drawn each time.
    Random,
    /// A live one of these, drawn each time.
    OneOf(Vec<usize>),
    Node(usize),
    /// Every live node.
    All,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kv {
    pub(crate) on: From,
    pub(crate) op: Op,
    pub(crate) keys: usize,
    /// What each key begins with.
    pub(crate) prefix: String,
    /// The length of each key; none: as its number is long.
    pub(crate) key_bytes: Option<usize>,
    /// Bytes of each value.
    pub(crate) values: usize,
    pub(crate) times: usize,
    pub(crate) every: Duration,
    pub(crate) shared: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Set,
    Delete,
    /// Counts in a counter.
    Add,
    /// Adds an element to a set, or removes it.
    Insert,
    Remove,
    /// Set on three nodes at one time, deleted on one of them a second later, set on another one a second after that.
    Race,
}
