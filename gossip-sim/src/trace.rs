//! What happened, in order of time: all that the metrics ever see. A test writes such a trace by hand, and knows the
//! right answer.

use std::time::Duration;

use gossip_core::{MemberChange, Queues, Status};

use crate::scenario::spec::Class;

/// One thing that happened. Nodes are named by their numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Observation<'a> {
    /// A process started and joins. Its table is empty but for what [`Observation::Row`]s say next.
    Started { node: usize, generation: u64, memory: Memory },
    /// A node raised its own generation.
    Renamed { node: usize, generation: u64 },
    /// A node was told to leave: it runs on, but is no longer live.
    Leaving { node: usize },
    /// A process ended.
    Stopped { node: usize, cause: Cause },
    /// A fault touches a node from now on.
    FaultBegan { node: usize, fault: Fault },
    /// It no longer does.
    FaultEnded { node: usize, fault: Fault },
    /// A process was stopped in its tracks: it neither reads nor sends.
    Halted { node: usize },
    /// It runs again.
    Woke { node: usize },
    /// The network fell apart; every node is touched.
    PartitionBegan,
    /// It is whole again.
    PartitionEnded,
    /// The first packet since then that crossed the border was received.
    Reunited,
    /// What the observer's table says of the subject from now on.
    Row { observer: usize, subject: usize, held: Option<Held> },
    /// What the observer's application is told about the subject.
    Told { observer: usize, subject: usize, generation: u64, incarnation: u64, change: MemberChange },
    /// A packet left a node. The network may lose it still.
    Sent { node: usize, bytes: usize, of: Parts },
    /// A packet that left carries this many payload bytes of a message.
    Payload { message: usize, bytes: usize },
    /// A node sent a message to all. Messages are numbered in this order, from 0. One that is not measured warms up.
    Broadcast { node: usize, bytes: usize, class: Class, measured: bool },
    /// Nodes that do not want the message that was sent last, ascending, its sender not among them.
    Unwanted { by: &'a [usize] },
    /// As `Payload`, with the way: where some topics are not wanted by all.
    Carried { message: usize, from: usize, to: usize, bytes: usize },
    /// The application got a message.
    Delivered { message: usize, node: usize, hops: u32 },
    /// A node accepted a write, after which the key holds nothing there if it is `deleted`. `seen` is the write of this key that
    /// it held right before. One of a piece of what the key holds leaves all other pieces as they are.
    Written { write: usize, key: usize, node: usize, deleted: bool, seen: Option<usize>, piece: Option<Piece> },
    /// What key and value of the write take that comes next, and whether the first event makes it. Only with a newcomer,
    /// as the one that follows.
    Weighed { bytes: usize, is_first: bool },
    /// A packet goes from one node to another.
    Exchanged { between: [usize; 2], bytes: usize },
    /// A key's newest write at a node, from now on; one of several if they did not know of each other.
    Applied { write: usize, node: usize },
    /// Nothing is left of a key at a node; the last that it knew of it was this write.
    Gone { write: usize, node: usize },
    /// Whom a node has as neighbours in broadcast's overlay, from now on.
    Neighbours { node: usize, of: &'a [usize] },
    /// How full a node's queues were, at its end or that of the run.
    Queues(Queues),
    /// How full the queues of the uplinks were, where they have a rate.
    Uplinks(Uplinks),
    /// What a node makes of the round trip between two others at the end, and what it is.
    Estimated { estimate: Option<Duration>, actual: Duration },
    /// All live entries of a node at the end: writes, ascending.
    Contents { node: usize, writes: &'a [usize] },
}

/// The queues before the uplinks, over the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uplinks {
    /// The most bytes that waited in any of them.
    pub(crate) peak_bytes: u64,
    pub(crate) limit_bytes: u64,
    /// Packets that found no room.
    pub(crate) dropped: u64,
}

/// A part of what a key holds: an element of its set, or what was added to its counter at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Which of the key's.
    pub(crate) number: usize,
    /// Whether it was taken away.
    pub(crate) removed: bool,
}

/// Whose the bytes of a packet are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Sections of the map.
    pub(crate) kv: usize,
    /// All of it if it was made for broadcast, else broadcast's sections. Payload counts too.
    pub(crate) broadcast: usize,
}

/// One row of a member table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) status: Status,
    pub(crate) generation: u64,
    pub(crate) incarnation: u64,
}

/// What a process remembers of its former life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// It has no former life, or forgot it.
    Lost,
    /// All of it.
    Kept,
    /// What it knew some time before its end.
    Old,
}

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// For good, silently.
    Crash,
    /// The same, as one of the many of a churn.
    Churn,
    /// To start again.
    Restart,
    /// After a graceful leave.
    Left,
}

/// What a scenario does to a node that runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It stops and runs in turn.
    Pause,
    /// It reads late.
    Lag,
    /// It loses what it sends or should receive.
    Link,
    /// One of its clocks jumped.
    Clock,
    /// It lies.
    Byzantine,
}

impl Fault {
    /// Whether a node with it may well look dead to others.
    pub(crate) fn slows(self) -> bool {
        matches!(self, Self::Pause | Self::Lag | Self::Link)
    }
}
