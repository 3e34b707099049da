//! Limits so small that an input can reach them, and what they allow in memory.

use std::time::Duration;

use gossip_core::{BroadcastMode, Config};

use crate::input::Input;

/// The least bytes that an entry takes in a snapshot.
const ENTRY_IN_SNAPSHOT: usize = 38;
/// What the bytes of a snapshot take in memory: its smallest parts are runs of one counter, each a writer of its own.
const RESTORED: usize = 16;
/// What is known of a key takes so many times the longest value: eight of them by its bytes, and what stands around the small ones.
const ITEM: usize = 32;
/// What parts may make up beyond the longest value, the waiting ones, and a message of new writes.
const FETCHED: usize = 256 << 10;
/// The room that the queues keep for 4096, 8192, 1024 and 4096 intents, at most, and all that is small.
const QUEUES: usize = 3 << 20;
/// The members that parts are exchanged with, and what each was asked for and asks for.
const BULK: usize = 512 << 10;
/// What the places of settled direct messages take, as far as one run can make any.
const SETTLED: usize = 128 << 10;
/// Of that, what they have before any packet came.
const FEW_INTENTS: usize = 64 << 10;
/// What the intents themselves hold, at most: 128 records, 64 wanted messages and 128 ranges each.
const INTENTS: usize = 4096 * 512 + 8192 * 2048 + 1024 * 5120;
/// The most room in a queue for each byte of a packet: four intents for a message of a few bytes.
const ROOM_FOR_A_BYTE: usize = 128;
/// The most that intents hold for each byte of a packet: 128 ranges for an empty page.
const INTENTS_FOR_A_BYTE: usize = 512;

/// Mostly the one that most have.
const MODES: [BroadcastMode; 8] = [
    BroadcastMode::Tree,
    BroadcastMode::Tree,
    BroadcastMode::Push,
    BroadcastMode::Pull,
    BroadcastMode::PushPull,
    BroadcastMode::EagerPushPull,
    BroadcastMode::Rumour,
    BroadcastMode::MedianCounter,
];

/// How much a node was given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Given {
    /// Bytes of snapshots.
    pub(crate) restored: usize,
    /// Bytes of packets since it had nothing to send.
    pub(crate) packets: usize,
    /// The most that this ever was.
    pub(crate) most: usize,
}

pub(crate) fn small_config(input: &mut Input<'_>) -> Config {
    let mut config = [Config::local(), Config::lan(), Config::wan()][input.below(3)].clone();
    (config.transport.datagram_mtu, config.transport.stream) = [(1200, None), (508, Some(4096))][input.below(2)];
    config.max_bytes_per_second = [0, 10_000][input.below(2)];
    config.max_events = 16;
    config.membership.max_members = 12;
    config.membership.forget_after = Duration::from_secs(3600);
    config.kv.max_entries = 16;
    config.kv.max_writers = 16;
    config.kv.max_awaited = 4;
    config.kv.max_value = 1024;
    config.direct.max_pending = 8;
    config.direct.max_pending_per_peer = 4;
    config.direct.max_senders = 16;
    config.kv.tombstone_ttl = Duration::from_secs(3600);
    config.broadcast.max_origins = 16;
    config.broadcast.mode = MODES[input.below(MODES.len())];
    config.broadcast.history_bytes = 64 << 10;
    config.broadcast.bulk_bytes = 64 << 10;
    config
}

/// The longest packet of either lane.
pub(crate) fn longest_packet(config: &Config) -> usize {
    config.transport.stream.unwrap_or(config.transport.datagram_mtu)
}

/// The most bytes that a node may hold while nothing waits to be sent.
pub(crate) fn at_rest(config: &Config, given: Given) -> usize {
    let packet = longest_packet(config);
    // A row with its profile of 512 and 256 bytes, its places in the indexes, its suspicion, its grave.
    let members = config.membership.max_members * 3072;
    // Key and values, a place in two trees, a grave.
    let entries = config.kv.max_entries * (255 + ITEM * config.kv.max_value + 768);
    // The one that is fetched, and what waits for that.
    let fetched = config.kv.max_value + FETCHED;
    // 1024 runs with holes between them.
    let writers = config.kv.max_writers * (1024 * 32 + 512);
    let origins = config.broadcast.max_origins * 512;
    // Whom a write is awaited of: who it is, twice, and when it is asked.
    let awaited = (config.kv.max_awaited + 4) * config.membership.max_members * 64;
    // A message under way and its place; the places of those that were settled before an earlier one; windows of numbers.
    let direct = config.direct.max_pending * (packet + 256) + SETTLED + config.direct.max_senders * 512;
    // A message counts as 96 bytes and its own; its place and its name take twice that.
    let history = config.broadcast.history_bytes * 3;
    // What is held of it: itself, once more in the message, and in its parts' bits; partners and what they were asked for.
    let bulk = config.broadcast.bulk_bytes * 3 + BULK;
    let events = config.max_events * (255 + packet + 256);
    let queues = QUEUES.min(FEW_INTENTS + given.most * ROOM_FOR_A_BYTE);
    members
        + entries
        + fetched
        + writers
        + awaited
        + direct
        + origins
        + history
        + bulk
        + events
        + queues
        + given.restored * RESTORED
}

/// The most bytes that it may hold at any time.
pub(crate) fn at_work(config: &Config, given: Given) -> usize {
    at_rest(config, given) + INTENTS.min(FEW_INTENTS + given.packets * INTENTS_FOR_A_BYTE)
}

/// The most entries, deleted ones included.
pub(crate) fn entries(config: &Config, given: Given) -> usize {
    config.kv.max_entries + given.restored / ENTRY_IN_SNAPSHOT
}
