//! The scenarios that come with the crate.

macro_rules! scenarios {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../scenarios/", $name, ".toml")))),*]
    };
}

/// Names and texts of the scenarios that come with the crate. The first line of each text is a comment that says what it
/// shows.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    scenarios![
        "join-256",
        "crash-256",
        "crash-256-loss10",
        "steady-256",
        "broadcast-256",
        "broadcast-256-loss10",
        "partition-64",
        "kv-64-loss10-corrupt1",
        "scale-1000",
        "membership/join",
        "membership/crash",
        "membership/group-crash",
        "membership/steady",
        "membership/loss",
        "membership/loss-onset",
        "membership/late",
        "membership/pause",
        "membership/pause-long",
        "membership/link",
        "membership/flip-flop",
        "membership/partition",
        "membership/split-three",
        "membership/restart-all",
        "membership/restart-old",
        "membership/forge",
        "membership/churn",
        "membership/stale",
        "membership/plane",
        "broadcast/normal",
        "broadcast/one-sender",
        "broadcast/fixed",
        "broadcast/plane",
        "broadcast/urgent",
        "broadcast/large",
        "broadcast/loss",
        "broadcast/loss-onset",
        "broadcast/crash",
        "broadcast/all-at-once",
        "broadcast/rapid",
        "broadcast/partition",
        "broadcast/bulk",
        "broadcast/topics",
        "broadcast/textbook-push",
        "broadcast/textbook-pull",
        "broadcast/textbook-push-pull",
        "broadcast/textbook-eager-push-pull",
        "broadcast/textbook-rumour",
        "broadcast/textbook-median-counter",
        "kv/write",
        "kv/join",
        "kv/idle",
        "kv/return",
        "kv/storm",
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;

    #[test]
    fn each_scenario_parses_under_its_own_name_and_changes_of_the_configuration_what_its_folder_says() {
        for (name, text) in builtin() {
            let scenario = Scenario::parse(text, name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(scenario.name(), *name);
            let mut config = gossip_core::Config::lan();
            let all = !name.starts_with("membership/");
            (config.broadcast.enabled, config.kv.enabled) = (all, all);
            let mut found = scenario.spec.config.clone();
            if name.starts_with("broadcast/textbook-") {
                assert!(found.broadcast.mode != config.broadcast.mode && !found.broadcast.repair, "{name}");
                found.broadcast = config.broadcast.clone();
            }
            if name == &"broadcast/partition" {
                // The budget that its figure is stated for.
                assert_eq!(std::mem::take(&mut found.broadcast.catch_up_bytes_per_second), 128_000);
            }
            if name == &"kv/return" {
                // What it is about has to be over within the run.
                let minute = std::time::Duration::from_secs(60);
                (config.kv.tombstone_ttl, config.membership.forget_after) = (minute, minute);
            }
            if name == &"kv/join" {
                config.kv.priority = found.kv.priority.clone();
                config.transport.stream = found.transport.stream;
            }
            assert_eq!(found, config, "{name}");
        }
    }

    #[test]
    fn each_scenario_begins_with_what_it_shows() {
        for (name, text) in builtin() {
            assert!(text.starts_with("# "), "{name}");
        }
    }
}
