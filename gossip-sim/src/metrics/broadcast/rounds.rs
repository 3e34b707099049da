//! What becomes of each message: who has it when, and how many bytes that took.

use gossip_core::Instant;

use super::super::{Cluster, millis};
use super::unwanted::Bystanders;
use crate::scenario::spec::Class;

/// One message. There may be many: a node takes a few bytes of each.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) sender: usize,
    pub(super) at: Instant,
    pub(super) bytes: usize,
    pub(super) class: Class,
    pub(super) measured: bool,
    /// Live nodes at the sending.
    pub(super) live: usize,
    pub(super) payload_bytes: u64,
    /// What of them was sent before the last delivery.
    pub(super) payload_bytes_to_last: u64,
    /// When payload was sent last, and how much had been before.
    paid: (Instant, u64),
    /// What of them was sent before the last partition ended.
    pub(super) payload_bytes_apart: u64,
    /// Those that do not want it.
    pub(super) bystanders: Bystanders,
    /// By node: its first delivery.
    arrivals: Vec<Arrival>,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    /// Microseconds from the sending, 71 minutes at most; [`NEVER`].
    after: u32,
    hops: u16,
    /// Which of the node's processes got it last: a new one may get it again.
    starts: u16,
}

const NEVER: u32 = u32::MAX;

/// What is known of one message at the end.
pub(super) struct Outcome {
    pub(super) reach: f64,
    pub(super) reached: usize,
    pub(super) hops: Vec<u16>,
    /// Ascending milliseconds.
    delays: Vec<f64>,
    pub(super) due: usize,
}

impl Round {
    pub(super) fn new(
        at: Instant,
        sender: usize,
        bytes: usize,
        class: Class,
        measured: bool,
        cluster: &Cluster,
    ) -> Self {
        let arrivals = vec![Arrival { after: NEVER, hops: 0, starts: 0 }; cluster.len()];
        Self {
            sender,
            at,
            bytes,
            class,
            measured,
            live: cluster.live(),
            payload_bytes: 0,
            payload_bytes_to_last: 0,
            paid: (at, 0),
            payload_bytes_apart: 0,
            bystanders: Bystanders::default(),
            arrivals,
        }
    }

    /// So much payload of the message is sent.
    pub(super) fn pay(&mut self, at: Instant, bytes: usize) {
        if at > self.paid.0 {
            self.paid = (at, self.payload_bytes);
        }
        self.payload_bytes += bytes as u64;
    }

    /// When payload of the message was sent last.
    pub(super) fn last_paid(&self) -> Instant {
        self.paid.0
    }

    /// A node's application got the message. Whether that was once too often.
    pub(super) fn deliver(&mut self, at: Instant, node: usize, hops: u32, starts: usize) -> bool {
        let starts = u16::try_from(starts).unwrap_or(u16::MAX);
        let arrival = &mut self.arrivals[node];
        if arrival.after == NEVER {
            // To its sender a message is never news.
            if node == self.sender {
                return true;
            }
            let after = u32::try_from(at.since(self.at).as_micros()).unwrap_or(NEVER).min(NEVER - 1);
            self.payload_bytes_to_last = if at > self.paid.0 { self.payload_bytes } else { self.paid.1 };
            *arrival = Arrival { after, hops: u16::try_from(hops).unwrap_or(u16::MAX), starts };
            return false;
        }
        std::mem::replace(&mut arrival.starts, starts) == starts
    }

    /// Whether the message should be at a node: one that is live from the sending to the end and wants it, but for the sender.
    pub(super) fn is_due(&self, node: usize, cluster: &Cluster) -> bool {
        node != self.sender && !self.bystanders.contains(node) && cluster.live_since(node, self.at)
    }

    /// When it arrived at a node.
    pub(super) fn arrival(&self, node: usize) -> Option<Instant> {
        let after = self.arrivals[node].after;
        (after != NEVER).then(|| Instant::from_micros(self.at.as_micros() + u64::from(after)))
    }

    /// When it was delivered last.
    pub(super) fn last(&self) -> Option<Instant> {
        let arrivals = (0..self.arrivals.len()).filter_map(|node| self.arrival(node));
        arrivals.max()
    }

    /// When it had arrived wherever it should; none if it never has.
    pub(super) fn ends(&self, cluster: &Cluster) -> Option<Instant> {
        let due = (0..self.arrivals.len()).filter(|node| self.is_due(*node, cluster));
        due.map(|node| self.arrival(node)).try_fold(self.at, |end, arrival| Some(end.max(arrival?)))
    }

    pub(super) fn outcome(&self, cluster: &Cluster) -> Outcome {
        let due = (0..self.arrivals.len()).filter(|node| self.is_due(*node, cluster)).collect::<Vec<_>>();
        let arrived = due.iter().filter_map(|node| self.arrival(*node));
        let mut delays = arrived.map(|at| millis(self.at, at)).collect::<Vec<_>>();
        delays.sort_by(f64::total_cmp);
        let (due, reached) = (due.len(), delays.len());
        let reach = if due == 0 { 1.0 } else { reached as f64 / due as f64 };
        let hops = self.arrivals.iter().filter(|arrival| arrival.after != NEVER).map(|arrival| arrival.hops).collect();
        Outcome { reach, reached, hops, delays, due }
    }
}

impl Outcome {
    /// Milliseconds until that many percent of the nodes had it.
    pub(super) fn reached_at(&self, percent: usize) -> Option<f64> {
        match (self.due * percent).div_ceil(100) {
            0 => Some(0.0),
            needed => self.delays.get(needed - 1).copied(),
        }
    }
}
