//! The names of what is measured of messages: of all, and where there are several classes of each of them.

use crate::scenario::spec::Class;

pub(super) struct Names {
    pub(super) rounds: &'static str,
    pub(super) full_rounds: &'static str,
    pub(super) reach_mean: &'static str,
    pub(super) reach_min: &'static str,
    pub(super) rmr: &'static str,
    pub(super) payloads_per_node: &'static str,
    pub(super) hops_mean: &'static str,
    pub(super) hops_max: &'static str,
    /// Percent, the mean over messages, and the worst one.
    pub(super) times: [(usize, &'static str, Option<&'static str>); 3],
}

macro_rules! names {
    ($prefix:literal) => {
        Names {
            rounds: concat!($prefix, ".rounds"),
            full_rounds: concat!($prefix, ".full_rounds"),
            reach_mean: concat!($prefix, ".reach_mean"),
            reach_min: concat!($prefix, ".reach_min"),
            rmr: concat!($prefix, ".rmr"),
            payloads_per_node: concat!($prefix, ".payloads_per_node"),
            hops_mean: concat!($prefix, ".hops_mean"),
            hops_max: concat!($prefix, ".hops_max"),
            times: [
                (50, concat!($prefix, ".t50_ms"), None),
                (99, concat!($prefix, ".t99_ms"), Some(concat!($prefix, ".t99_max_ms"))),
                (100, concat!($prefix, ".t100_ms"), Some(concat!($prefix, ".t100_max_ms"))),
            ],
        }
    };
}

pub(super) const ALL: Names = names!("broadcast");
pub(super) const CLASSES: [(Class, Names); 3] = [
    (Class::Urgent, names!("broadcast.urgent")),
    (Class::Normal, names!("broadcast.normal")),
    (Class::Bulk, names!("broadcast.bulk")),
];
