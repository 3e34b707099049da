//! What broadcast costs besides payload, while messages are sent and while none are; and how evenly the nodes bear it.

use gossip_core::Instant;

use super::super::{Cluster, Plan, Results, secs};
use crate::trace::Observation;

#[derive(Debug)]
pub(super) struct Cost {
    /// While measured messages are sent, and a little longer.
    window: Option<(Instant, Instant)>,
    /// When no message was sent for a while, and nothing else happened, up to the end.
    idle: Option<Instant>,
    /// In the window: broadcast's bytes of all nodes, payload included, and payload.
    broadcast_bytes: u64,
    payload_bytes: u64,
    /// In the window, by node: everything.
    sent: Vec<u64>,
    /// While idle: broadcast's bytes of all nodes.
    idle_bytes: u64,
}

impl Cost {
    pub(super) fn new(plan: &Plan) -> Self {
        let (window, idle) = (plan.broadcasting, plan.idle);
        let sent = vec![0; plan.nodes];
        Self { window, idle, broadcast_bytes: 0, payload_bytes: 0, sent, idle_bytes: 0 }
    }

    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>) {
        let within = self.window.is_some_and(|(from, to)| (from..to).contains(&at));
        match *seen {
            Observation::Sent { node, bytes, of } => {
                if within {
                    self.broadcast_bytes += of.broadcast as u64;
                    self.sent[node] += bytes as u64;
                }
                if self.idle.is_some_and(|idle| idle <= at) {
                    self.idle_bytes += of.broadcast as u64;
                }
            }
            Observation::Payload { bytes, .. } if within => self.payload_bytes += bytes as u64,
            _ => {}
        }
    }

    /// `receptions`: live nodes at the sending of each measured message, summed up.
    pub(super) fn finish(&self, end: Instant, cluster: &Cluster, receptions: usize, results: &mut Results) {
        let upkeep = self.idle.map(|idle| self.idle_bytes as f64 / (secs(idle, end) * cluster.live() as f64));
        if let Some(upkeep) = upkeep {
            results.real("broadcast.upkeep_bytes_per_node_s", Some(upkeep));
        }
        if let Some((from, to)) = self.window {
            let control = self.broadcast_bytes.saturating_sub(self.payload_bytes) as f64;
            let each = |bytes: f64| (receptions > 0).then(|| bytes / receptions as f64);
            results.real("broadcast.control_bytes_per_node", each(control));
            if let Some(upkeep) = upkeep {
                let idle = upkeep * secs(from, to) * cluster.live() as f64;
                results.real("broadcast.control_above_idle_bytes_per_node", each(control - idle));
            }
            let stayed = (0..self.sent.len()).filter(|node| cluster.live_since(*node, from)).collect::<Vec<_>>();
            let mean = stayed.iter().map(|node| self.sent[*node]).sum::<u64>() as f64 / stayed.len().max(1) as f64;
            let busiest = stayed.iter().map(|node| self.sent[*node]).max().unwrap_or(0);
            results.real("broadcast.busiest_over_mean", (mean > 0.0).then(|| busiest as f64 / mean));
        }
    }
}
