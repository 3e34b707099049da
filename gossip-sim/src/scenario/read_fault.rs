//! Reading the faults.

use std::time::Duration;

use super::error::ScenarioError;
use super::read::read_nodes;
use super::reader::{Field, Section};
use super::spec::{
    Action, Behaviour, Byzantine, Churn, Clock, Groups, Jump, Lag, Link, Partition, Pause, Pick, Restart, State, Who,
};

/// How old an `old` snapshot is.
const OLD: Duration = Duration::from_secs(60);

/// Reads the table of the event `key`, which is a fault.
pub(super) fn read_fault(
    key: &str,
    section: &mut Section<'_>,
    nodes: usize,
    at: Duration,
) -> Result<Action, ScenarioError> {
    Ok(match key {
        "crash" => Action::Crash(read_who(section, nodes)?),
        "leave" => Action::Leave(read_who(section, nodes)?),
        "restart" => Action::Restart(read_restart(section, nodes, at)?),
        "partition" => Action::Partition(read_partition(section, nodes)?),
        "pause" => Action::Pause(read_pause(section, nodes)?),
        "lag" => Action::Lag(read_lag(section, nodes)?),
        "link" => Action::Link(read_link(section, nodes)?),
        "clock" => Action::Clock(read_clock(section, nodes, at)?),
        "churn" => Action::Churn(read_churn(section)?),
        _ => Action::Byzantine(read_byzantine(section, nodes)?),
    })
}

pub(super) fn read_who(section: &mut Section<'_>, nodes: usize) -> Result<Who, ScenarioError> {
    let named = section.optional("nodes").map(|field| read_nodes(&field, nodes).map(Pick::Nodes));
    let count = section.optional("count").map(|field| field.count(1..=nodes).map(Pick::Count));
    let fraction = section.optional("fraction").map(|field| match field.share()? {
        0.0 => Err(field.error("must be more than 0")),
        fraction => Ok(Pick::Fraction(fraction)),
    });
    let healthy = section.optional("of").map_or(Ok(false), |field| match field.text()? {
        "live" => Ok(false),
        "healthy" => Ok(true),
        other => Err(field.error(format!("no such nodes `{other}`: live or healthy"))),
    })?;
    let mut ways = [named, count, fraction].into_iter().flatten();
    match (ways.next(), ways.next()) {
        (Some(pick), None) => Ok(Who { pick: pick?, healthy }),
        _ => Err(section.error("", "must say who, once: nodes = [\"n3\"], count = 5 or fraction = 0.1".to_owned())),
    }
}

fn read_restart(section: &mut Section<'_>, nodes: usize, at: Duration) -> Result<Restart, ScenarioError> {
    let who = read_who(section, nodes)?;
    let down_field = section.required("down")?;
    let down = down_field.duration()?;
    // A generation is a wall clock in milliseconds: two lives in one of them would be one.
    if down < Duration::from_millis(1) {
        return Err(down_field.error("must be at least 1ms"));
    }
    let spread = section.optional("spread").map_or(Ok(Duration::ZERO), |field| field.duration())?;
    let state = match section.optional("state") {
        None => State::Lost,
        Some(field) => match field.text()? {
            "lost" => State::Lost,
            "kept" => State::Kept,
            "old" if at < OLD => return Err(field.error("a snapshot 60 s old does not exist before 60 s")),
            "old" => State::Old(OLD),
            other => return Err(field.error(format!("no state `{other}`: lost, kept or old"))),
        },
    };
    Ok(Restart { who, down, spread, state })
}

fn read_partition(section: &mut Section<'_>, nodes: usize) -> Result<Partition, ScenarioError> {
    let field = section.required("groups")?;
    let lists = field.items()?.filter(Field::is_list).count();
    let groups = match field.items()?.count() {
        0 => return Err(field.error("must hold at least one group")),
        count if lists == count => Groups::Nodes(read_lists(&field, nodes)?),
        _ if lists == 0 => Groups::Fractions(read_fractions(&field)?),
        _ => return Err(field.error("must be all fractions or all lists of nodes")),
    };
    let lasts = section.required("lasts")?.duration()?;
    Ok(Partition { groups, lasts })
}

fn read_lists(field: &Field<'_>, nodes: usize) -> Result<Vec<Vec<usize>>, ScenarioError> {
    let mut seen = vec![false; nodes];
    let mut lists = Vec::new();
    for item in field.items()? {
        let list = read_nodes(&item, nodes)?;
        for number in &list {
            if std::mem::replace(&mut seen[*number], true) {
                return Err(item.error(format!("n{number} is in two groups")));
            }
        }
        lists.push(list);
    }
    Ok(lists)
}

fn read_fractions(field: &Field<'_>) -> Result<Vec<f64>, ScenarioError> {
    let fractions = field.items()?.map(|item| item.share()).collect::<Result<Vec<_>, _>>()?;
    // A sum like 0.1 + 0.2 + 0.7 may exceed 1 by its rounding.
    if fractions.iter().sum::<f64>() <= 1.0 + 1e-9 {
        Ok(fractions)
    } else {
        Err(field.error("the fractions are more than the whole"))
    }
}

fn read_pause(section: &mut Section<'_>, nodes: usize) -> Result<Pause, ScenarioError> {
    let who = read_who(section, nodes)?;
    let stop = read_positive(section, "stop")?;
    let run = read_positive(section, "run")?;
    Ok(Pause { who, stop, run, lasts: section.required("lasts")?.duration()? })
}

fn read_lag(section: &mut Section<'_>, nodes: usize) -> Result<Lag, ScenarioError> {
    let who = read_who(section, nodes)?;
    let delay = read_positive(section, "delay")?;
    Ok(Lag { who, delay, lasts: section.required("lasts")?.duration()? })
}

fn read_link(section: &mut Section<'_>, nodes: usize) -> Result<Link, ScenarioError> {
    let who = read_who(section, nodes)?;
    let mut loss = |key| section.optional(key).map_or(Ok(0.0), |field| field.share());
    let (egress_loss, ingress_loss) = (loss("egress_loss")?, loss("ingress_loss")?);
    if egress_loss == 0.0 && ingress_loss == 0.0 {
        return Err(section.error("", "must lose something: egress_loss or ingress_loss more than 0".to_owned()));
    }
    Ok(Link { who, egress_loss, ingress_loss, lasts: section.required("lasts")?.duration()? })
}

fn read_clock(section: &mut Section<'_>, nodes: usize, at: Duration) -> Result<Clock, ScenarioError> {
    let who = read_who(section, nodes)?;
    let wall = section.optional("wall").map(|field| field.jump().map(Jump::Wall));
    let monotonic = section.optional("monotonic").map(|field| match field.jump()? {
        back if at.as_micros() < u128::from(back.min(0).unsigned_abs()) => {
            Err(field.error("goes back before the beginning"))
        }
        jump => Ok(Jump::Monotonic(jump)),
    });
    match (wall, monotonic) {
        (Some(jump), None) | (None, Some(jump)) => Ok(Clock { who, jump: jump? }),
        _ => Err(section.error("", "must say which clock, once: wall = \"+10m\" or monotonic = \"+1h\"".to_owned())),
    }
}

fn read_churn(section: &mut Section<'_>) -> Result<Churn, ScenarioError> {
    let per_minute = section.required("per_minute")?.share()?;
    Ok(Churn { per_minute, lasts: section.required("lasts")?.duration()? })
}

fn read_byzantine(section: &mut Section<'_>, nodes: usize) -> Result<Byzantine, ScenarioError> {
    let who = read_who(section, nodes)?;
    let field = section.required("behaviour")?;
    let behaviour = match field.text()? {
        "forge" => Behaviour::ForgeSuspicion,
        "forge_down" => Behaviour::ForgeVerdict,
        "lie" | "drop" | "replay" | "flood" => return Err(field.not_built()),
        other => return Err(field.error(format!("no behaviour `{other}`: forge or forge_down"))),
    };
    let lasts = section.optional("lasts").map(|field| field.duration()).transpose()?;
    Ok(Byzantine { who, behaviour, lasts })
}

fn read_positive(section: &mut Section<'_>, key: &'static str) -> Result<Duration, ScenarioError> {
    let field = section.required(key)?;
    match field.duration()? {
        Duration::ZERO => Err(field.error("must be longer than nothing")),
        duration => Ok(duration),
    }
}
