//! The textbook's ways of spreading messages, each in a live cluster.

#![cfg(feature = "broadcast")]

mod cluster;

use cluster::Cluster;
use gossip_core::{BroadcastMode, Config, Event};

const NODES: u64 = 24;
const MESSAGES: u64 = 20;

/// What became of messages that random members sent one after the other.
struct Outcome {
    /// Deliveries of the mean message.
    reached: f64,
    /// Copies of it that arrived.
    copies: f64,
    neighbours: usize,
}

fn config(mode: BroadcastMode) -> Config {
    let mut config = Config::lan();
    config.broadcast.mode = mode;
    config.broadcast.repair = false;
    config
}

fn outcome(config: &Config) -> Outcome {
    outcome_with(config, |_| false)
}

fn outcome_with(config: &Config, lost: fn(u64) -> bool) -> Outcome {
    let mut cluster = Cluster::joined(NODES, config);
    cluster.lost = lost;
    for message in 0..MESSAGES {
        let (at, now) = (1 + message * 7 % NODES, cluster.now);
        cluster.node(at).broadcasts_mut(now).send(b"t", &[1; 256]).unwrap();
        cluster.run(2);
    }
    cluster.run(5);
    let deliveries = cluster.events.values().flatten().filter(|event| matches!(event, Event::Broadcast(_))).count();
    let duplicates: u64 = cluster.nodes.values().map(|node| node.stats().broadcast_duplicates).sum();
    Outcome {
        reached: deliveries as f64 / MESSAGES as f64,
        copies: (deliveries as f64 + duplicates as f64) / MESSAGES as f64,
        neighbours: cluster.nodes.values().map(|node| node.neighbours().count()).sum(),
    }
}

fn is_within(figure: f64, from: f64, to: f64) -> bool {
    (from..=to).contains(&figure)
}

const ALL: f64 = (NODES - 1) as f64;

#[test]
fn push_sends_each_message_as_often_as_it_is_told() {
    let mut config = config(BroadcastMode::Push);
    (config.broadcast.fanout, config.broadcast.transmits) = (3, 7);
    let Outcome { reached, copies, neighbours } = outcome(&config);
    // Whoever has it sends it seven times.
    assert!((copies - 7.0 * (reached + 1.0)).abs() < 1e-9, "{copies} copies, {reached} reached");
    assert!(is_within(reached, 0.98 * ALL, ALL) && neighbours == 0, "{reached}, {neighbours}");
}

#[test]
fn push_sends_as_often_as_memberlist_without_being_told() {
    let mut config = config(BroadcastMode::Push);
    config.broadcast.fanout = 3;
    let Outcome { reached, copies, .. } = outcome(&config);
    assert!((copies - 8.0 * (reached + 1.0)).abs() < 1e-9, "{copies} copies, {reached} reached");
}

#[test]
fn pull_reaches_all_with_one_copy_each() {
    let Outcome { reached, copies, neighbours } = outcome(&config(BroadcastMode::Pull));
    assert!((reached, copies, neighbours) == (ALL, ALL, 0), "{reached}, {copies}, {neighbours}");
}

#[test]
fn push_pull_asks_one_member_at_a_time_and_reaches_all_with_one_copy_each() {
    let Outcome { reached, copies, neighbours } = outcome(&config(BroadcastMode::PushPull));
    assert!((reached, copies, neighbours) == (ALL, ALL, 0), "{reached}, {copies}, {neighbours}");
}

#[test]
fn push_pull_reaches_all_on_a_network_that_loses() {
    let Outcome { reached, .. } =
        outcome_with(&config(BroadcastMode::PushPull), |packet| cluster::is_lost(packet, 200));
    assert!(reached == ALL, "{reached}");
}

#[test]
fn eager_push_pull_reaches_all_and_gives_without_being_asked() {
    let Outcome { reached, copies, neighbours } = outcome(&config(BroadcastMode::EagerPushPull));
    assert!(reached == ALL && neighbours == 0, "{reached}, {neighbours}");
    // Members that meet one who lacks it at the same time each give it; those who are asked first do not.
    assert!(is_within(copies, 1.02 * ALL, 1.5 * ALL), "{copies}");
}

#[test]
fn a_rumour_ends_when_so_many_receivers_as_the_counter_says_had_it_before() {
    for counter in [1, 4] {
        let mut config = config(BroadcastMode::Rumour);
        (config.broadcast.fanout, config.broadcast.rumour_counter) = (1, counter);
        let Outcome { reached, copies, neighbours } = outcome(&config);
        // Each copy was news to its receiver or counts against its sender, whose counter ends there.
        let most = reached + f64::from(counter) * (reached + 1.0);
        assert!(is_within(copies, 0.98 * most, most) && neighbours == 0, "{counter}: {copies} of {most}");
        let residue = if counter == 1 { 0.5..0.95 } else { 0.95..1.01 };
        assert!(residue.contains(&(reached / ALL)), "{counter}: {reached}");
    }
}

#[test]
fn the_median_counter_reaches_all_and_stops_by_itself() {
    // By its age alone each would send it eleven times, and answer as often.
    for (counter, reach, most) in [(1, 0.95, 6.5), (2, 0.99, 12.0)] {
        let mut config = config(BroadcastMode::MedianCounter);
        config.broadcast.rumour_counter = counter;
        let Outcome { reached, copies, neighbours } = outcome(&config);
        assert!(is_within(reached, reach * ALL, ALL) && neighbours == 0, "{counter}: {reached}");
        assert!(is_within(copies, 3.0 * ALL, most * ALL), "{counter}: {copies}");
    }
}

#[test]
fn what_a_mode_leaves_out_is_pulled_unless_repair_is_off() {
    let mut config = config(BroadcastMode::Push);
    (config.broadcast.fanout, config.broadcast.transmits) = (1, 1);
    let Outcome { reached, .. } = outcome(&config);
    assert!(reached < 0.5 * ALL, "pushed once, and nothing else: {reached}");
    config.broadcast.repair = true;
    let Outcome { reached, neighbours, .. } = outcome(&config);
    assert!(reached == ALL && neighbours == 0, "{reached}, {neighbours}");
}

#[test]
fn a_hot_message_is_dropped_and_counted_where_too_many_are_hot() {
    let mut config = config(BroadcastMode::Rumour);
    config.broadcast.rumour_counter = 32;
    let mut cluster = Cluster::joined(2, &config);
    let now = cluster.now;
    for _ in 0..1030 {
        cluster.node(1).broadcasts_mut(now).send(b"t", b"x").unwrap();
    }
    assert_eq!(cluster.nodes[&1].stats().dropped_intents, 6);
}

#[test]
fn in_every_mode_a_payload_that_goes_in_parts_arrives() {
    use BroadcastMode::{EagerPushPull, MedianCounter, Pull, Push, PushPull, Rumour, Tree};
    for mode in [Tree, Push, Pull, PushPull, EagerPushPull, Rumour, MedianCounter] {
        let mut config = config(mode);
        config.broadcast.repair = true;
        let mut cluster = Cluster::joined(8, &config);
        let now = cluster.now;
        cluster.node(3).broadcasts_mut(now).send(b"t", &[7; 20_000]).unwrap();
        let has = |cluster: &Cluster, at: u64| cluster.events[&at].iter().any(|e| matches!(e, Event::Broadcast(_)));
        cluster.until(20, "all have it", |cluster| (1..=8).all(|at| at == 3 || has(cluster, at)));
    }
}
