//! Scenario files of the simulator, and what is set over them.

use std::time::Duration;

use gossip_sim::{Scenario, ScenarioError};

/// A scenario is run if it is no larger than that.
const MAX_NODES: usize = 6;
const MAX_DURATION: Duration = Duration::from_secs(1);

/// The text of a scenario file; behind a zero byte, lines of `PATH=VALUE` that are set over it. What is refused names its
/// place and its reason; what is taken is shortened, and run if that is quickly done.
///
/// # Panics
/// If reader or simulator do, if a refusal names nothing, or if a node breaks a promise in the run.
pub fn scenario(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (file, over) = text.split_once('\0').unwrap_or((text, ""));
    let mut scenario = match Scenario::parse(file, "f.toml") {
        Ok(scenario) => scenario,
        Err(error) => return check(&error, file),
    };
    let over = over.lines().filter_map(|line| line.split_once('='));
    for (path, value) in over.filter(|(path, _)| !path.is_empty()) {
        if let Err(error) = scenario.set(path, value) {
            check(&error, file);
        }
    }
    let short = scenario.shortened();
    if scenario.nodes() <= MAX_NODES && scenario.duration() <= MAX_DURATION {
        let report = gossip_sim::run(&short, 1, &mut |_| ());
        assert!(report.is_ok(), "{report:?}");
    }
}

/// A refusal says what is wrong, and where.
fn check(error: &ScenarioError, file: &str) {
    assert!(!error.problem().is_empty() && error.to_string().starts_with("f.toml"), "{error}");
    assert!(!error.key().is_empty() || error.problem().starts_with("not TOML"), "{error}");
    let lines = file.split('\n').count();
    assert!(error.line().is_none_or(|line| (1..=lines).contains(&line)), "{error}: {lines} lines");
}
