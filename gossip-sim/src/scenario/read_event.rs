//! Reading the events: faults and load.

use std::time::Duration;

use super::error::{ScenarioError, suggestion};
use super::read::{read_node, read_nodes};
use super::reader::{Field, Section};
use super::spec::{Action, Broadcast, Event, From, Groups, Kv, Op, Partition, Restart, State, Who};

const ACTIONS: [&str; 6] = ["crash", "restart", "leave", "partition", "broadcast", "kv"];
const NOT_BUILT: [&str; 7] = ["pause", "lag", "link", "clock", "byzantine", "churn", "aggregate"];

/// How old an `old` snapshot is.
const OLD: Duration = Duration::from_secs(60);
const MANY: usize = 1_000_000;

pub(super) fn read_events(
    root: &mut Section<'_>,
    nodes: usize,
    duration: Duration,
) -> Result<Vec<Event>, ScenarioError> {
    let Some(field) = root.optional("event") else { return Ok(Vec::new()) };
    let mut events = field.items()?.map(|item| read_event(&item, nodes, duration)).collect::<Result<Vec<_>, _>>()?;
    events.sort_by_key(|event| event.at);
    Ok(events)
}

fn read_event(field: &Field<'_>, nodes: usize, duration: Duration) -> Result<Event, ScenarioError> {
    let mut section = field.section()?;
    let at_field = section.required("at")?;
    let at = at_field.duration()?;
    if at > duration {
        return Err(at_field.error("is after the end of the scenario"));
    }
    for key in NOT_BUILT {
        section.not_built(key)?;
    }
    let mut actions = ACTIONS.iter().filter_map(|key| section.optional(key).map(|field| (*key, field)));
    let (first, second) = (actions.next(), actions.next());
    let Some((key, action)) = first else {
        let written = section.keys().find(|key| *key != "at").unwrap_or("");
        let known = ACTIONS.join(", ");
        let what = if written.is_empty() { String::new() } else { format!(", not `{written}`") };
        let suggestion = suggestion(written, ACTIONS);
        return Err(section.error("", format!("must say what happens: one of {known}{what}{suggestion}")));
    };
    if let Some((other, field)) = second {
        return Err(field.error(format!("one event cannot be `{key}` and `{other}`: write two")));
    }
    section.finish()?;
    let action = read_action(key, &action, nodes, at)?;
    Ok(Event { at, action })
}

fn read_action(key: &str, field: &Field<'_>, nodes: usize, at: Duration) -> Result<Action, ScenarioError> {
    let mut section = field.section()?;
    let action = match key {
        "crash" => Action::Crash(read_who(&mut section, nodes)?),
        "leave" => Action::Leave(read_who(&mut section, nodes)?),
        "restart" => Action::Restart(read_restart(&mut section, nodes, at)?),
        "partition" => Action::Partition(read_partition(&mut section, nodes)?),
        "broadcast" => Action::Broadcast(read_broadcast(&mut section, nodes)?),
        _ => Action::Kv(read_kv(&mut section, nodes)?),
    };
    section.finish()?;
    Ok(action)
}

fn read_who(section: &mut Section<'_>, nodes: usize) -> Result<Who, ScenarioError> {
    let named = section.optional("nodes").map(|field| read_nodes(&field, nodes).map(Who::Nodes));
    let count = section.optional("count").map(|field| field.count(1..=nodes).map(Who::Count));
    let fraction = section.optional("fraction").map(|field| match field.share()? {
        0.0 => Err(field.error("must be more than 0")),
        fraction => Ok(Who::Fraction(fraction)),
    });
    let mut ways = [named, count, fraction].into_iter().flatten();
    match (ways.next(), ways.next()) {
        (Some(who), None) => who,
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

fn read_broadcast(section: &mut Section<'_>, nodes: usize) -> Result<Broadcast, ScenarioError> {
    let from = section.optional("from").map_or(Ok(From::Random), |field| match field.text()? {
        "all" => Ok(From::All),
        _ => read_actor(&field, nodes),
    })?;
    let (times, every) = read_repetition(section)?;
    let bytes = section.optional("bytes").map_or(Ok(256), |field| field.count(1..=MANY))?;
    if let Some(field) = section.optional("class") {
        match field.text()? {
            "normal" => {}
            "urgent" | "bulk" => return Err(field.not_built()),
            other => return Err(field.error(format!("no class `{other}`: normal"))),
        }
    }
    let topic = section.optional("topic").map_or(Ok("t"), |field| field.text())?.to_owned();
    let warmup = section.optional("warmup").map_or(Ok(0), |field| field.count(0..=times - 1))?;
    Ok(Broadcast { from, times, every, bytes, topic, warmup })
}

fn read_kv(section: &mut Section<'_>, nodes: usize) -> Result<Kv, ScenarioError> {
    let on = section.optional("on").map_or(Ok(From::Random), |field| read_actor(&field, nodes))?;
    let field = section.required("op")?;
    let op = match field.text()? {
        "set" => Op::Set,
        "delete" => Op::Delete,
        "add" | "insert" | "remove" | "race" => return Err(field.not_built()),
        other => return Err(field.error(format!("no op `{other}`: set or delete"))),
    };
    let keys = section.required("keys")?.count(1..=MANY)?;
    let values = section.optional("values").map_or(Ok(32), |field| field.count(1..=MANY))?;
    let (times, every) = read_repetition(section)?;
    let shared = section.optional("shared").map_or(Ok(true), |field| field.boolean())?;
    Ok(Kv { on, op, keys, values, times, every, shared })
}

fn read_actor(field: &Field<'_>, nodes: usize) -> Result<From, ScenarioError> {
    match field.text()? {
        "random" => Ok(From::Random),
        _ => read_node(field, nodes).map(From::Node),
    }
}

fn read_repetition(section: &mut Section<'_>) -> Result<(usize, Duration), ScenarioError> {
    let times = section.optional("times").map_or(Ok(1), |field| field.count(1..=MANY))?;
    let every = section.optional("every").map_or(Ok(Duration::ZERO), |field| field.duration())?;
    Ok((times, every))
}
