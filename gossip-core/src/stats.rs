//! Counters of everything that is done, dropped or refused, each with its reason; and how full queues were.

/// What a node counted since it was made. Every number only grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Packets written by `poll_transmit`.
    pub packets_sent: u64,
    /// Those of them that went by the stream lane.
    pub frames_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Packets handed to `handle_packet`, dropped ones included.
    pub packets_received: u64,
    /// Those of them that came by the stream lane.
    pub frames_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Packets dropped because of a wrong checksum: damaged, or of another cluster.
    pub dropped_checksum: u64,
    /// Packets dropped because of an unknown version of the wire format, or because they are sealed.
    pub dropped_version: u64,
    /// Packets dropped because their content is malformed.
    pub dropped_malformed: u64,
    /// Packets dropped because their sender is unknown and wrote its name short.
    pub dropped_unknown_sender: u64,
    /// This node's own packets that came back, and packets that arrived after it had left.
    pub dropped_not_for_us: u64,
    /// Sections passed over because their sender is neither a member known here nor a contact that was asked.
    pub ignored_sections: u64,
    /// How often sending had to stop for `max_bytes_per_second`.
    pub pauses: u64,
    /// Packets left out because too many waited, the least urgent first.
    pub dropped_intents: u64,
    /// Events left out because the application polled too slowly.
    pub dropped_events: u64,
    /// Members ignored because the table was full.
    pub dropped_members: u64,
    /// Pings sent, retries included.
    pub probes: u64,
    /// Members that answered neither this node's pings nor its helpers'.
    pub probes_failed: u64,
    /// Suspicions begun by this node.
    pub suspicions: u64,
    /// Probes that failed without being held against anybody, because no helper was heard either.
    pub abstentions: u64,
    /// Suspicions that ended because another member got an answer.
    pub vetoes: u64,
    /// Verdicts of this node: members that were silent for long enough towards enough observers.
    pub verdicts: u64,
    /// Verdicts of others that were checked with their subject.
    pub claims: u64,
    /// Those whose subject answered.
    pub claims_dismissed: u64,
    /// Accusations of this node that it refuted.
    pub refutations: u64,
    /// Table digests sent because a peer's fingerprint differed.
    pub table_syncs: u64,
    /// Broadcast messages received again and suppressed.
    pub broadcast_duplicates: u64,
    /// Broadcast messages asked for because an announcement named them.
    pub broadcast_pulls: u64,
    /// Broadcast messages that fell behind the window of their origin before they arrived.
    pub broadcast_missed: u64,
    /// Broadcast messages left out because `broadcast.max_origins` others are remembered.
    pub broadcast_origins_full: u64,
    /// Broadcast messages of the application refused because too much waits to be sent; it was told.
    pub broadcast_busy: u64,
    /// Broadcast messages not pushed to a neighbour because too many waited for it: it asks for them later.
    pub broadcast_outbox_full: u64,
    /// Broadcast messages not pushed to a neighbour because they had left the history before their turn came.
    pub broadcast_outdated: u64,
    /// Broadcast messages not pushed to a neighbour because no packet of this node holds them.
    pub broadcast_unfit: u64,
    /// Announcements, acknowledgements and requests of broadcast left out because too many waited for a neighbour.
    pub broadcast_notes_full: u64,
    /// Broadcast messages that were kept here and are not passed on any more because a newer one of the same key came, or one
    /// that takes them back.
    pub broadcast_displaced: u64,
    /// Broadcast messages that were kept here and are not passed on any more because their life is over.
    pub broadcast_expired: u64,
    /// Broadcast messages that were not delivered because they had expired, or been replaced or taken back, before they came.
    pub broadcast_withdrawn: u64,
    /// Broadcast messages that came without their content, because nobody here or behind seemed to want their topic.
    pub broadcast_left_out: u64,
    /// Questions for the content of such messages that was wanted after all.
    pub broadcast_fetches: u64,
    /// Ordered broadcast messages that came after a later one of their origin had been delivered without them; they are not.
    pub broadcast_late: u64,
    /// Times that the application was told of missing broadcast messages.
    pub broadcast_gaps: u64,
    /// Announced broadcast messages asked for.
    pub broadcast_grafts: u64,
    /// Neighbours asked too often for one message.
    pub broadcast_grafts_refused: u64,
    /// Announcements of neighbours passed over because too many announced messages are waited for.
    pub broadcast_announcements_ignored: u64,
    /// Announced broadcast messages that nobody sent when they were asked for.
    pub broadcast_promises_broken: u64,
    /// Neighbours given up because they did not answer.
    pub broadcast_links_lost: u64,
    /// Sections for neighbours from members, or others, that are none.
    pub broadcast_strangers: u64,
    /// Announcements passed over because enough was asked for of late: `broadcast.catch_up_bytes_per_second`.
    pub broadcast_catch_up_waits: u64,
    /// Parts of large payloads that were asked for and came.
    pub bulk_parts: u64,
    /// Parts that came again.
    pub bulk_again: u64,
    /// Parts sent to members that asked for them.
    pub bulk_served: u64,
    /// Questions for parts, or of further members, left without an answer because too many waited.
    pub bulk_unserved: u64,
    /// Parts from members that were not asked, or that no payload has.
    pub bulk_unasked: u64,
    /// Large payloads not taken because there was no room, or because their manifest makes no sense.
    pub bulk_refused: u64,
    /// Large payloads whose parts did not make them up, and were asked for again.
    pub bulk_spoiled: u64,
    /// Sections of bulk from members that no parts are exchanged with, or from others.
    pub bulk_strangers: u64,
    /// Direct messages sent, repetitions not counted.
    pub direct_sent: u64,
    /// Repetitions of direct messages.
    pub direct_repeated: u64,
    /// Direct messages of this node whose receiver has them.
    pub direct_delivered: u64,
    /// Direct messages of this node that were given up.
    pub direct_failed: u64,
    /// Direct messages handed to the application.
    pub direct_received: u64,
    /// Direct messages received again and answered again.
    pub direct_duplicates: u64,
    /// Direct messages not taken because the inbox, or the list of senders, was full; their sender is told.
    pub direct_refused: u64,
    /// Direct messages and answers passed over because they are for or from another life, or not from a known member.
    pub direct_ignored: u64,
    /// Key-value entries received that were already known or already superseded.
    pub kv_duplicates: u64,
    /// Key-value entries ignored because the map, or the list of writers, was full; and how often one was not sent on because
    /// no packet of this node holds it.
    pub kv_dropped: u64,
    /// Key-value entries and deltas passed over because too many writes before them were missing: anti-entropy brings
    /// them again, in order.
    pub kv_postponed: u64,
    /// Key-value entries that were left to anti-entropy, because too many waited to be pushed from here.
    pub kv_unpushed: u64,
    /// Requests of key-value anti-entropy sent.
    pub kv_syncs: u64,
    /// Comparisons of keys that this node began, because both had seen the same and held something else.
    pub kv_comparisons: u64,
    /// How often another process was found to write under this node's name and generation.
    pub kv_namesakes: u64,
    /// What came of the map and could not be read.
    pub kv_malformed: u64,
    /// Stamps further ahead of the wall clock than `kv.max_clock_drift`.
    pub kv_skewed: u64,
}

/// How full what membership and broadcast keep was at most, beside its limit; from [`crate::Node::queues`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queues {
    /// Rows of the member table, this node's included; the limit is `membership.max_members`.
    pub members: Fill,
    /// Members whose change waits to be spread; each waits once.
    pub updates: Fill,
    /// Packets that wait to be written. At the limit the newest are left out, and counted in [`Stats::dropped_intents`].
    pub intents: Fill,
    /// Deaths and departures that wait to be forgotten. At the limit those that were overtaken by news are dropped.
    pub graves: Fill,
    /// Those of broadcast.
    pub broadcast: BroadcastQueues,
}

/// How full broadcast's queues were at most, beside their limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BroadcastQueues {
    /// Messages of one class that wait for one neighbour. At half of the limit the application is refused, at the limit what
    /// others sent is not pushed; [`Stats::broadcast_outbox_full`].
    pub outbox: Fill,
    /// Packets that wait to be written. At the limit the newest are left out, and counted in [`Stats::dropped_intents`].
    pub intents: Fill,
    /// Messages whose acknowledgements are waited for. At the limit the oldest are not any more.
    pub flights: Fill,
    /// Announced messages that are waited for. At the limit further announcements are passed over;
    /// [`Stats::broadcast_announcements_ignored`].
    pub announced: Fill,
    /// Messages whose content is fetched, because it was left out and is wanted. At the limit others are given up, and told as a
    /// gap.
    pub fetched: Fill,
    /// Bytes of messages that wait for those that they come after. At the limit the oldest are delivered without.
    pub ordered_bytes: Fill,
    /// Bytes of messages kept for those who missed them. At the limit the oldest are forgotten.
    pub history_bytes: Fill,
}

/// How full a queue was, and how full it may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// The most that it ever held.
    pub peak: usize,
    /// The most that it may hold.
    pub limit: usize,
}
