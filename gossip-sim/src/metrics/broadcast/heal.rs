//! How messages of a time of partition reach those they were kept from.

use gossip_core::Instant;

use super::super::{Cluster, Results, secs};
use super::rounds::Round;
use crate::trace::Observation;

#[derive(Debug, Default)]
pub(super) struct Heal {
    /// When the last partition ended.
    ended: Option<Instant>,
    /// When a packet crossed its border for the first time since.
    reunited: Option<Instant>,
}

impl Heal {
    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, rounds: &mut [Round]) {
        match *seen {
            Observation::PartitionEnded => {
                (self.ended, self.reunited) = (Some(at), None);
                rounds.iter_mut().for_each(|round| round.payload_bytes_apart = round.payload_bytes);
            }
            Observation::Reunited => self.reunited = Some(at),
            _ => {}
        }
    }

    pub(super) fn finish(&self, cluster: &Cluster, rounds: &[Round], results: &mut Results) {
        let Some(ended) = self.ended else { return };
        // Once everything is everywhere; none if it never is.
        let mut done = Some(ended);
        let (mut missing, mut sent) = (0, 0);
        for round in rounds.iter().filter(|round| round.measured && round.at < ended) {
            sent += round.payload_bytes - round.payload_bytes_apart;
            for node in (0..cluster.len()).filter(|node| round.is_due(*node, cluster)) {
                let arrival = round.arrival(node);
                if arrival.is_none_or(|at| at >= ended) {
                    missing += round.bytes;
                    done = done.zip(arrival).map(|(done, at)| done.max(at));
                }
            }
        }
        let took = self.reunited.zip(done).map(|(from, to)| secs(from, to));
        results.real("broadcast.heal_s", took);
        let copies = (missing > 0).then(|| sent as f64 / missing as f64);
        results.real("broadcast.payloads_per_missing", copies);
    }
}
