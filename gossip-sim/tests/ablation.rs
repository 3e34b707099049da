//! What each safeguard is for, against false verdicts and against the return of what was deleted: rows of the floors, shortened,
//! hold with all of them and fail without some. A safeguard that no row misses would be taken out.

use gossip_core::config::Safeguard::{self, Abstention, Asking, Confirmations, Covering, Stability, Veto};
use gossip_sim::{Scenario, Value, builtin, run};

const SEEDS: [u64; 2] = [1, 2];

/// 40 % of all packets are lost.
const LOSS: (&str, &[(&str, &str)]) =
    ("membership/loss", &[("nodes", "64"), ("duration", "480s"), ("network.loss", "0.4"), ("event.0.at", "450s")]);
/// Four nodes read all packets 2 s late.
const LATE: (&str, &[(&str, &str)]) = (
    "membership/late",
    &[
        ("nodes", "64"),
        ("duration", "180s"),
        ("event.0.lag.delay", "2s"),
        ("event.0.lag.lasts", "120s"),
        ("event.1.at", "150s"),
    ],
);
/// One node forges suspicions and verdicts.
const FORGE: (&str, &[(&str, &str)]) = (
    "membership/forge",
    &[
        ("duration", "180s"),
        ("event.0.byzantine.lasts", "60s"),
        ("event.1.byzantine.lasts", "60s"),
        ("event.2.at", "150s"),
    ],
);

/// A node returns when the others have forgotten it, and what they deleted meanwhile.
const RETURN: (&str, &[(&str, &str)]) = ("kv/return", &[]);
/// It returns before they have forgotten it.
const EARLY_RETURN: (&str, &[(&str, &str)]) = ("kv/return", &[("config.\"membership.forget_after\"", "24h")]);

/// Which floors of the row break, over both seeds, without these safeguards.
fn broken((name, values): (&str, &[(&str, &str)]), without: &'static [Safeguard]) -> Vec<String> {
    let text = builtin().iter().find(|(other, _)| *other == name).expect("the scenario comes with the crate").1;
    let mut scenario = Scenario::parse(text, name).unwrap_or_else(|error| panic!("{error}"));
    scenario.set_all(values.iter().copied()).unwrap_or_else(|error| panic!("{error}"));
    let scenario = scenario.without(without);
    let mut broken = Vec::new();
    for seed in SEEDS {
        let report = run(&scenario, seed, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"));
        let floors = [
            ("accuracy.live_killed", 0.0),
            ("accuracy.down_events_healthy", 0.0),
            ("accuracy.faulted_killed_max", 2.0),
            ("detect.all_down_s", 15.0),
            ("kv.resurrected", 0.0),
            ("kv.lost", 0.0),
            ("kv.diverged", 0.0),
        ];
        for (metric, most) in floors {
            // Without a fault of single nodes there is no figure of them.
            let Some(value) = report.metrics.get(metric) else { continue };
            if value.map(Value::as_f64).is_none_or(|value| value > most) {
                broken.push(format!("{name} without {without:?}, seed {seed}: {metric} is {value:?}"));
            }
        }
    }
    broken
}

fn holds(row: (&str, &[(&str, &str)]), without: &'static [Safeguard]) {
    let broken = broken(row, without);
    assert!(broken.is_empty(), "{broken:#?}");
}

fn breaks(row: (&str, &[(&str, &str)]), without: &'static [Safeguard]) {
    assert!(!broken(row, without).is_empty(), "{} holds without {without:?}, seeds {SEEDS:?}", row.0);
}

#[test]
fn with_all_safeguards_the_rows_hold() {
    for row in [LOSS, LATE, FORGE] {
        holds(row, &[]);
    }
}

#[test]
fn at_heavy_loss_live_nodes_are_killed_without_vetoes_and_confirmations() {
    breaks(LOSS, &[Veto, Confirmations]);
    holds(LOSS, &[Veto]);
}

#[test]
fn late_readers_kill_others_without_confirmations_and_abstention() {
    breaks(LATE, &[Confirmations, Abstention]);
    holds(LATE, &[Confirmations]);
}

#[test]
fn late_readers_are_killed_again_and_again_without_vetoes() {
    breaks(LATE, &[Veto, Abstention]);
    breaks(LATE, &[Veto, Asking]);
    breaks(LATE, &[Veto]);
}

#[test]
fn forged_verdicts_kill_unless_their_subject_is_asked() {
    breaks(FORGE, &[Asking, Abstention]);
    breaks(FORGE, &[Asking, Confirmations]);
    breaks(FORGE, &[Asking]);
    holds(FORGE, &[Veto, Abstention]);
}

#[test]
fn what_was_deleted_comes_back_unless_what_was_seen_and_is_not_there_counts_as_deleted() {
    holds(RETURN, &[]);
    breaks(RETURN, &[Covering]);
}

#[test]
fn deletions_forgotten_by_time_alone_bring_nothing_back_as_long_as_what_was_seen_is_known() {
    holds(EARLY_RETURN, &[]);
    holds(EARLY_RETURN, &[Covering]);
    holds(EARLY_RETURN, &[Stability]);
    breaks(EARLY_RETURN, &[Covering, Stability]);
}
