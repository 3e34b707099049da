//! Every counter of the node: the name that `info` gives it, and its place among the metrics.

use gossip_core::Stats;

/// One field of [`Stats`].
pub(super) struct Counter {
    /// The field's name, by which `info` shows it.
    pub(super) field: &'static str,
    pub(super) read: fn(&Stats) -> u64,
    /// The metric that it belongs to, without the prefix; counters of one metric stand together.
    pub(super) metric: &'static str,
    /// What distinguishes it from others of its metric.
    pub(super) reason: Option<&'static str>,
    /// What the metric is.
    pub(super) help: &'static str,
}

macro_rules! counters {
    ($($field:ident: $metric:literal $([$reason:literal])?, $help:literal;)*) => {
        &[$(Counter {
            field: stringify!($field),
            read: |stats| stats.$field,
            metric: $metric,
            reason: [$(Some($reason),)? None][0],
            help: $help,
        }),*]
    };
}

/// All of them; the struct cannot list them, since it does not know its own fields.
pub(super) const COUNTERS: &[Counter] = counters! {
    packets_sent: "packets_sent_total", "Packets sent.";
    bytes_sent: "sent_bytes_total", "Bytes sent in packets.";
    frames_sent: "frames_sent_total", "Packets sent by the stream lane.";
    packets_received: "packets_received_total", "Packets received, dropped ones included.";
    bytes_received: "received_bytes_total", "Bytes received in packets.";
    frames_received: "frames_received_total", "Packets received by the stream lane.";
    dropped_checksum: "packets_dropped_total"["checksum"], "Packets dropped.";
    dropped_version: "packets_dropped_total"["version"], "Packets dropped.";
    dropped_malformed: "packets_dropped_total"["malformed"], "Packets dropped.";
    dropped_unknown_sender: "packets_dropped_total"["unknown_sender"], "Packets dropped.";
    dropped_not_for_us: "packets_dropped_total"["not_for_us"], "Packets dropped.";
    ignored_sections: "dropped_total"["section_of_a_stranger"], "What was passed over, or left out at a limit.";
    dropped_intents: "dropped_total"["answer_queue_full"], "What was passed over, or left out at a limit.";
    dropped_events: "dropped_total"["event_queue_full"], "What was passed over, or left out at a limit.";
    dropped_members: "dropped_total"["member_table_full"], "What was passed over, or left out at a limit.";
    kv_dropped: "dropped_total"["kv_full"], "What was passed over, or left out at a limit.";
    broadcast_missed: "dropped_total"["broadcast_missed"], "What was passed over, or left out at a limit.";
    probes: "probes_total", "Probes started.";
    probes_failed: "probes_failed_total", "Probes that nobody answered in their period.";
    suspicions: "suspicions_total", "Suspicions begun.";
    verdicts: "verdicts_total", "Suspicions of this member that nobody refuted in time.";
    refutations: "refutations_total", "Accusations of this member that it refuted.";
    table_syncs: "table_syncs_total", "Digests of the member table sent.";
    broadcast_duplicates: "broadcast_duplicates_total", "Messages received again and suppressed.";
    broadcast_pulls: "broadcast_pulls_total", "Messages asked for because an announcement named them.";
    kv_duplicates: "kv_duplicates_total", "Entries received that were known or superseded.";
    kv_syncs: "kv_syncs_total", "Requests of anti-entropy sent.";
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_field_is_listed_once() {
        let text = format!("{:?}", Stats::default());
        let fields: BTreeSet<&str> = text
            .trim_start_matches("Stats { ")
            .split(", ")
            .filter_map(|field| field.split_once(": ").map(|(name, _)| name))
            .collect();
        let listed: BTreeSet<&str> = COUNTERS.iter().map(|counter| counter.field).collect();
        assert_eq!(listed, fields);
        assert_eq!(listed.len(), COUNTERS.len());
    }

    #[test]
    fn counters_of_one_metric_stand_together_and_differ_by_reason() {
        let mut metrics: Vec<&str> = COUNTERS.iter().map(|counter| counter.metric).collect();
        metrics.dedup();
        let distinct: BTreeSet<&str> = metrics.iter().copied().collect();
        assert_eq!(distinct.len(), metrics.len(), "{metrics:?}");
        let samples: BTreeSet<_> = COUNTERS.iter().map(|counter| (counter.metric, counter.reason)).collect();
        assert_eq!(samples.len(), COUNTERS.len());
    }
}
