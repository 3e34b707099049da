//! `gossip sim floors`: the built-in scenarios against what they must show.

use std::time::Instant;

use gossip_sim::{Floor, Judgement, Row, floors};
use serde_json::{Value, json};

use super::report;
use crate::args::{Seeds, SimFloorsArgs};
use crate::exit::Failure;
use crate::output;

struct Judged {
    row: Row,
    /// As it was run.
    nodes: usize,
    floor: Floor,
    judgement: Judgement,
    /// How long the scenario took, over all seeds.
    seconds: f64,
}

pub(crate) fn run(args: &SimFloorsArgs, json: bool) -> Result<(), Failure> {
    let wanted =
        |row: &Row| args.only.as_deref().is_none_or(|only| row.table == only || row.scenario.starts_with(only));
    let rows = floors().into_iter().filter(wanted).collect::<Vec<_>>();
    if rows.is_empty() {
        let only = args.only.as_deref().unwrap_or_default();
        return Err(Failure::input(format!("no table of floors is `{only}`, and no scenario in one begins so"))
            .hint("`gossip sim list` shows what is built in"));
    }
    let mut judged = Vec::new();
    for row in rows {
        let scenario = row.scenario().map_err(|error| Failure::failed(&error))?;
        let seeds = args.seeds.clone().unwrap_or(Seeds(1..=row.seeds));
        let begun = Instant::now();
        let report = report(&scenario, &seeds)?;
        let seconds = begun.elapsed().as_secs_f64();
        for floor in &row.floors {
            let (judgement, nodes) = (floor.judge(&report), scenario.nodes());
            judged.push(Judged { row: row.clone(), nodes, floor: floor.clone(), judgement, seconds });
        }
    }
    if json {
        output::json(&json!({ "floors": judged.iter().map(to_json).collect::<Vec<_>>() }))?;
    } else {
        let cells: Vec<Vec<String>> = judged.iter().map(to_cells).collect();
        let numbers = ["N", "LOSS", "FLOOR", "P50", "WORST", "UNFINISHED", "WALL S"];
        output::table(
            &["SCENARIO", "N", "LOSS", "METRIC", "FLOOR", "P50", "WORST", "UNFINISHED", "WALL S", "HOLDS"],
            &numbers,
            &cells,
        )?;
    }
    let broken = judged.iter().filter(|judged| !judged.judgement.holds).count();
    if broken > 0 {
        return Err(Failure::failed(format!("{broken} of {} floors are not kept", judged.len())));
    }
    Ok(())
}

fn to_json(judged: &Judged) -> Value {
    let Judged { row, nodes, floor, judgement, seconds } = judged;
    json!({
        "scenario": row.scenario, "nodes": nodes, "loss": row.loss, "set": row.set, "metric": floor.metric,
        "at_most": floor.at_most, "at_least": floor.at_least, "p50_at_most": floor.p50_at_most, "p50": judgement.p50,
        "worst": judgement.worst, "unfinished": judgement.unfinished, "holds": judgement.holds, "wall_s": seconds,
    })
}

fn to_cells(judged: &Judged) -> Vec<String> {
    let Judged { row, nodes, floor, judgement, seconds } = judged;
    let bound = match (floor.at_most, floor.at_least, floor.p50_at_most) {
        (Some(most), ..) => format!("<= {most}"),
        (_, Some(least), _) => format!(">= {least}"),
        (.., middle) => format!("p50 <= {}", middle.unwrap_or_default()),
    };
    let figure = |figure: Option<f64>| figure.map_or("-".into(), |figure| format!("{figure:.3}"));
    vec![
        name(row),
        nodes.to_string(),
        row.loss.map_or(String::new(), |loss| loss.to_string()),
        floor.metric.clone(),
        bound,
        figure(judgement.p50),
        figure(judgement.worst),
        judgement.unfinished.to_string(),
        format!("{seconds:.1}"),
        if judgement.holds { "yes".into() } else { "NO".into() },
    ]
}

/// The scenario, and what is set over it by the last part of its path.
fn name(row: &Row) -> String {
    let set = row.set.iter().map(|(path, value)| format!(" {}={value}", path.rsplit('.').next().unwrap_or(path)));
    row.scenario.clone() + &set.collect::<String>()
}
