//! `gossip sim`: scenarios on simulated networks, one seed a core at a time.

mod floors;

use std::io::{self, IsTerminal as _};
use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use gossip_sim::{Progress, Report, RunError, Scenario, SeedReport};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::args::{Seeds, SimCommand, SimRunArgs};
use crate::exit::Failure;
use crate::output;

/// The most seeds of one run: all reports are held until the end.
const MAX_SEEDS: u64 = 100_000;
/// How finely the bar tells the progress of one seed.
const STEPS: u64 = 100;

pub(crate) fn run(command: SimCommand, json: bool) -> Result<(), Failure> {
    match command {
        SimCommand::Run(args) => run_scenario(&args, json),
        SimCommand::List => list(json),
        SimCommand::Floors(args) => floors::run(&args, json),
    }
}

fn run_scenario(args: &SimRunArgs, json: bool) -> Result<(), Failure> {
    let report = report(&open(args)?, &args.seeds)?;
    if json { output::line(&report.to_json()) } else { output::bytes(report.to_string().as_bytes()) }
}

/// Runs a scenario with each seed.
fn report(scenario: &Scenario, seeds: &Seeds) -> Result<Report, Failure> {
    let (first, last) = (*seeds.0.start(), *seeds.0.end());
    if last - first >= MAX_SEEDS {
        return Err(Failure::input(format!("--seeds {first}..{last} are too many: at most {MAX_SEEDS} at once")));
    }
    let bar = progress_bar((last - first + 1) * STEPS);
    let seeds = run_seeds(scenario, first..=last, &bar);
    bar.finish_and_clear();
    let seeds = seeds.map_err(|error| {
        Failure::failed(&error).hint("a node broke a promise that holds in every scenario: the seed shows it again")
    })?;
    Ok(Report::new(scenario, seeds))
}

fn list(json: bool) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for (name, text) in gossip_sim::builtin() {
        let scenario = Scenario::parse(text, name).map_err(|error| Failure::failed(&error))?;
        let about = text.lines().next().unwrap_or_default().trim_start_matches(['#', ' ']);
        rows.push((scenario, about));
    }
    if json {
        let row = |(scenario, about): &(Scenario, &str)| -> Value {
            let seconds = scenario.duration().as_secs_f64();
            json!({ "name": scenario.name(), "nodes": scenario.nodes(), "duration_s": seconds, "about": about })
        };
        return output::json(&json!({ "scenarios": rows.iter().map(row).collect::<Vec<_>>() }));
    }
    let row = |(scenario, about): &(Scenario, &str)| {
        let seconds = format!("{} s", scenario.duration().as_secs());
        vec![scenario.name().to_string(), scenario.nodes().to_string(), seconds, (*about).to_string()]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
    output::table(&["NAME", "NODES", "DURATION", "ABOUT"], &["NODES", "DURATION"], &rows)
}

/// The scenario of that file or that name, with what was set on the command line.
fn open(args: &SimRunArgs) -> Result<Scenario, Failure> {
    let name = args.scenario.as_str();
    let builtin = gossip_sim::builtin().iter().find(|(known, _)| *known == name);
    let mut scenario = match (builtin, Path::new(name).is_file()) {
        (Some((name, text)), false) => Scenario::parse(text, name),
        (None, false) if !name.contains(['/', '.']) => {
            return Err(Failure::input(format!("no scenario `{name}` is built in, and there is no such file"))
                .hint("`gossip sim list` shows what is built in"));
        }
        _ => {
            let text = std::fs::read_to_string(name)
                .map_err(|error| Failure::input(format!("cannot read the scenario {name}: {error}")))?;
            Scenario::parse(&text, name)
        }
    }
    .map_err(|error| Failure::input(&error))?;
    // All at once: fewer nodes may need other contacts.
    let settings = args.settings.iter().map(|setting| (setting.path.as_str(), setting.value.as_str()));
    scenario.set_all(settings).map_err(|error| Failure::input(&error))?;
    Ok(scenario)
}

/// Runs every seed on as many threads as there are cores; the reports are in the order of the seeds.
fn run_seeds(
    scenario: &Scenario,
    seeds: std::ops::RangeInclusive<u64>,
    bar: &ProgressBar,
) -> Result<Vec<SeedReport>, RunError> {
    let count = seeds.end() - seeds.start() + 1;
    let cores = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let (next, done) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..cores.min(count) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let result = run_seed(scenario, seeds.start() + index, bar);
                    if result.is_err() {
                        // Without this seed there is no report: no further one needs to begin.
                        next.store(count, Ordering::Relaxed);
                    }
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn run_seed(scenario: &Scenario, seed: u64, bar: &ProgressBar) -> Result<SeedReport, RunError> {
    let mut shown = 0;
    gossip_sim::run(scenario, seed, &mut |progress: Progress| {
        let share = progress.at.as_secs_f64() / progress.of.as_secs_f64().max(f64::MIN_POSITIVE);
        let steps = (share.clamp(0.0, 1.0) * STEPS as f64) as u64;
        bar.inc(steps.saturating_sub(shown));
        shown = shown.max(steps);
    })
}

fn progress_bar(length: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(10));
    let template = "{bar:40.cyan/blue} {percent:>3} % {elapsed}, {eta} left";
    // The template is a constant; should it ever be wrong, the default is as good.
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
