//! `gossip sim floors`: every built-in scenario against what it must show.

use std::time::Instant;

use gossip_sim::{Floor, Judgement, Scenario};
use serde_json::{Value, json};

use super::report;
use crate::args::SimFloorsArgs;
use crate::exit::Failure;
use crate::output;

struct Row {
    floor: Floor,
    judgement: Judgement,
    /// How long the scenario took, over all seeds.
    seconds: f64,
}

pub(crate) fn run(args: &SimFloorsArgs, json: bool) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for (name, text) in gossip_sim::builtin() {
        let scenario = Scenario::parse(text, name).map_err(|error| Failure::failed(&error))?;
        let begun = Instant::now();
        let report = report(&scenario, &args.seeds)?;
        let seconds = begun.elapsed().as_secs_f64();
        for floor in gossip_sim::floors().into_iter().filter(|floor| floor.scenario == *name) {
            let judgement = floor.judge(&report);
            rows.push(Row { floor, judgement, seconds });
        }
    }
    if json {
        output::json(&json!({ "floors": rows.iter().map(to_json).collect::<Vec<_>>() }))?;
    } else {
        let cells: Vec<Vec<String>> = rows.iter().map(to_cells).collect();
        let numbers = ["FLOOR", "WORST", "UNFINISHED", "WALL S"];
        output::table(&["SCENARIO", "METRIC", "FLOOR", "WORST", "UNFINISHED", "WALL S", "HOLDS"], &numbers, &cells)?;
    }
    let broken = rows.iter().filter(|row| !row.judgement.holds).count();
    if broken > 0 {
        return Err(Failure::failed(format!("{broken} of {} floors are not kept", rows.len())));
    }
    Ok(())
}

fn to_json(row: &Row) -> Value {
    let Row { floor, judgement, seconds } = row;
    json!({
        "scenario": floor.scenario, "metric": floor.metric, "at_most": floor.at_most, "at_least": floor.at_least,
        "worst": judgement.worst, "unfinished": judgement.unfinished, "holds": judgement.holds, "wall_s": seconds,
    })
}

fn to_cells(row: &Row) -> Vec<String> {
    let Row { floor, judgement, seconds } = row;
    let bound = match (floor.at_most, floor.at_least) {
        (Some(most), _) => format!("<= {most}"),
        (None, least) => format!(">= {}", least.unwrap_or_default()),
    };
    vec![
        floor.scenario.clone(),
        floor.metric.clone(),
        bound,
        judgement.worst.map_or("-".into(), |worst| format!("{worst:.3}")),
        judgement.unfinished.to_string(),
        format!("{seconds:.1}"),
        if judgement.holds { "yes".into() } else { "NO".into() },
    ]
}
