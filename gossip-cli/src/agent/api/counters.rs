//! Every counter of the node and of its adapter: the name that `info` gives it, and its place among the metrics.

use gossip_adapter_tokio_udp::TransportStats;
use gossip_core::Stats;

/// One field of [`Stats`] or [`TransportStats`].
pub(super) struct Counter<S> {
    /// The field's name, by which `info` shows it.
    pub(super) field: &'static str,
    pub(super) read: fn(&S) -> u64,
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

/// All of the node; the struct cannot list them, since it does not know its own fields.
pub(super) const COUNTERS: &[Counter<Stats>] = counters! {
    packets_sent: "packets_sent_total", "Packets sent.";
    bytes_sent: "sent_bytes_total", "Bytes sent in packets.";
    frames_sent: "frames_sent_total", "Packets sent by the stream lane.";
    pauses: "sending_paused_total", "Times that sending had to stop for max_bytes_per_second.";
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
    kv_malformed: "dropped_total"["kv_malformed"], "What was passed over, or left out at a limit.";
    kv_dropped: "dropped_total"["kv_full"], "What was passed over, or left out at a limit.";
    broadcast_missed: "dropped_total"["broadcast_missed"], "What was passed over, or left out at a limit.";
    broadcast_origins_full: "dropped_total"["broadcast_too_many_senders"], "What was passed over, or left out at a limit.";
    broadcast_outbox_full: "dropped_total"["broadcast_outbox_full"], "What was passed over, or left out at a limit.";
    broadcast_outdated: "dropped_total"["broadcast_outdated"], "What was passed over, or left out at a limit.";
    broadcast_unfit: "dropped_total"["broadcast_unfit"], "What was passed over, or left out at a limit.";
    broadcast_notes_full: "dropped_total"["broadcast_notes_full"], "What was passed over, or left out at a limit.";
    broadcast_late: "dropped_total"["broadcast_out_of_order"], "What was passed over, or left out at a limit.";
    broadcast_grafts_refused: "dropped_total"["broadcast_asked_too_often"], "What was passed over, or left out at a limit.";
    broadcast_announcements_ignored: "dropped_total"["broadcast_announced_too_much"], "What was passed over, or left out at a limit.";
    broadcast_strangers: "dropped_total"["broadcast_no_neighbour"], "What was passed over, or left out at a limit.";
    bulk_refused: "dropped_total"["bulk_full"], "What was passed over, or left out at a limit.";
    bulk_unserved: "dropped_total"["bulk_asked_too_much"], "What was passed over, or left out at a limit.";
    bulk_unasked: "dropped_total"["bulk_unasked"], "What was passed over, or left out at a limit.";
    bulk_strangers: "dropped_total"["bulk_no_partner"], "What was passed over, or left out at a limit.";
    direct_refused: "dropped_total"["direct_inbox_full"], "What was passed over, or left out at a limit.";
    direct_ignored: "dropped_total"["direct_not_for_us"], "What was passed over, or left out at a limit.";
    probes: "probes_total", "Pings sent, repeated ones included.";
    probes_failed: "probes_failed_total", "Members that answered neither this member nor its helpers.";
    suspicions: "suspicions_total", "Suspicions begun by this member.";
    abstentions: "abstentions_total", "Failed probes held against nobody, because no helper was heard either.";
    vetoes: "vetoes_total", "Suspicions that ended because another member got an answer.";
    verdicts: "verdicts_total", "Members declared down by this member, with enough observers.";
    claims: "claims_total", "Verdicts of others that were checked with their subject.";
    claims_dismissed: "claims_dismissed_total", "Verdicts of others whose subject answered.";
    refutations: "refutations_total", "Accusations of this member that it refuted.";
    table_syncs: "table_syncs_total", "Digests of the member table sent.";
    broadcast_duplicates: "broadcast_duplicates_total", "Messages received again and suppressed.";
    broadcast_pulls: "broadcast_pulls_total", "Messages asked for because an announcement named them.";
    broadcast_grafts: "broadcast_grafts_total", "Messages asked for because a neighbour announced them.";
    broadcast_promises_broken: "broadcast_promises_broken_total", "Announced messages that nobody sent when asked.";
    broadcast_catch_up_waits: "broadcast_catch_up_waits_total", "Announcements passed over because enough was asked for of late.";
    bulk_parts: "bulk_parts_total", "Parts of large payloads that were asked for and came.";
    bulk_again: "bulk_parts_again_total", "Parts that came again.";
    bulk_served: "bulk_parts_served_total", "Parts sent to members that asked for them.";
    bulk_spoiled: "bulk_spoiled_total", "Large payloads whose parts did not make them up, and were asked for again.";
    broadcast_busy: "broadcast_refused_busy_total", "Messages of clients refused because too much waits to be sent.";
    broadcast_gaps: "broadcast_gaps_total", "Gaps in the messages of others that clients were told of.";
    broadcast_displaced: "broadcast_ended_total"["replaced"], "Kept messages that are not passed on any more.";
    broadcast_expired: "broadcast_ended_total"["expired"], "Kept messages that are not passed on any more.";
    broadcast_withdrawn: "broadcast_withdrawn_total", "Messages that were over before they came, and were not delivered.";
    broadcast_left_out: "broadcast_left_out_total", "Messages that came without content, since nobody here or behind seemed to want them.";
    broadcast_fetches: "broadcast_fetches_total", "Questions for content that was left out and is wanted after all.";
    broadcast_links_lost: "broadcast_links_lost_total", "Neighbours given up because they did not answer.";
    direct_sent: "direct_sent_total", "Direct messages sent, repetitions not counted.";
    direct_repeated: "direct_repeated_total", "Repetitions of direct messages.";
    direct_delivered: "direct_delivered_total", "Direct messages whose receiver has them.";
    direct_failed: "direct_failed_total", "Direct messages that were given up.";
    direct_received: "direct_received_total", "Direct messages taken into an inbox.";
    direct_duplicates: "direct_duplicates_total", "Direct messages received again.";
    kv_duplicates: "kv_duplicates_total", "Entries received that were known or superseded.";
    kv_postponed: "kv_left_to_anti_entropy_total"["gaps_before"], "Entries that arrive by anti-entropy alone.";
    kv_unpushed: "kv_left_to_anti_entropy_total"["push_queue_full"], "Entries that arrive by anti-entropy alone.";
    kv_syncs: "kv_syncs_total", "Requests of anti-entropy sent.";
    kv_comparisons: "kv_comparisons_total", "Comparisons of keys with members that had seen the same and held something else.";
    kv_namesakes: "kv_namesakes_total", "Times that another process was found to write under this member's name and generation.";
    kv_skewed: "kv_clock_skew_total", "Writes stamped further ahead of this clock than kv.max_clock_drift.";
};

/// All of the adapter but `connections`, which is a gauge, and what only adapters of other transports count.
pub(super) const TRANSPORT: &[Counter<TransportStats>] = counters! {
    datagrams_unsent: "datagrams_unsent_total", "Datagrams that the system refused to send.";
    receive_errors: "receive_errors_total", "Errors of the socket while it was read.";
    accepted: "connections_accepted_total", "Connections of the stream lane that others opened.";
    dialed: "connections_dialed_total", "Connections of the stream lane that this member opened.";
    dial_failed: "connections_failed_total"["dial"], "Connections of the stream lane that came to nothing.";
    handshake_failed: "connections_failed_total"["handshake"], "Connections of the stream lane that came to nothing.";
    accept_errors: "connections_failed_total"["accept"], "Connections of the stream lane that came to nothing.";
    refused_full: "connections_refused_total"["too_many"], "Connections refused before they were used.";
    refused_host: "connections_refused_total"["too_many_of_host"], "Connections refused before they were used.";
    refused_stranger: "connections_refused_total"["no_member"], "Connections refused before they were used.";
    closed_pending: "connections_closed_total"["too_many_silent"], "Connections closed by this member.";
    closed_frame_length: "connections_closed_total"["frame_length"], "Connections closed by this member.";
    closed_frame_timeout: "connections_closed_total"["frame_timeout"], "Connections closed by this member.";
    closed_garbage: "connections_closed_total"["garbage"], "Connections closed by this member.";
    closed_not_reading: "connections_closed_total"["not_reading"], "Connections closed by this member.";
    closed_idle: "connections_closed_total"["idle"], "Connections closed by this member.";
    throttled: "connections_throttled_total", "Times that reading was put off because a peer sent too fast.";
    frames_unqueued: "frames_dropped_total"["queue_full"], "Frames left out.";
    frames_unsent: "frames_dropped_total"["connection_ended"], "Frames left out.";
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The fields of a struct, as `Debug` writes it.
    fn fields(text: &str) -> BTreeSet<String> {
        let inner = text.split_once("{ ").map_or(text, |(_, inner)| inner);
        inner.split(", ").filter_map(|field| field.split_once(": ").map(|(name, _)| name.to_string())).collect()
    }

    fn listed<S>(counters: &[Counter<S>]) -> BTreeSet<String> {
        let listed: BTreeSet<String> = counters.iter().map(|counter| counter.field.to_string()).collect();
        assert_eq!(listed.len(), counters.len());
        listed
    }

    #[test]
    fn every_field_is_listed_once() {
        assert_eq!(listed(COUNTERS), fields(&format!("{:?}", Stats::default())));
        let mut transport = fields(&format!("{:?}", TransportStats::default()));
        // A gauge, and what cannot happen over UDP and TCP.
        for field in ["connections", "wrong_sender", "datagrams_unqueued"] {
            assert!(transport.remove(field));
        }
        assert_eq!(listed(TRANSPORT), transport);
    }

    #[test]
    fn counters_of_one_metric_stand_together_and_differ_by_reason() {
        let node = COUNTERS.iter().map(|counter| (counter.metric, counter.reason));
        let transport = TRANSPORT.iter().map(|counter| (counter.metric, counter.reason));
        let all: Vec<(&str, Option<&str>)> = node.chain(transport).collect();
        let mut metrics: Vec<&str> = all.iter().map(|(metric, _)| *metric).collect();
        metrics.dedup();
        let distinct: BTreeSet<&str> = metrics.iter().copied().collect();
        assert_eq!(distinct.len(), metrics.len(), "{metrics:?}");
        let samples: BTreeSet<_> = all.iter().collect();
        assert_eq!(samples.len(), all.len());
    }
}
