//! Reading the events: what happens when, and the load.

use std::time::Duration;

use super::error::{ScenarioError, suggestion};
use super::read::{read_node, read_nodes};
use super::read_fault::{read_fault, read_who};
use super::reader::{Field, Section};
use super::spec::{Action, Broadcast, Class, Event, From, Kv, Op, Subscribe};

const ACTIONS: [&str; 14] = [
    "crash",
    "restart",
    "leave",
    "partition",
    "pause",
    "lag",
    "link",
    "clock",
    "churn",
    "byzantine",
    "loss",
    "subscribe",
    "broadcast",
    "kv",
];
const NOT_BUILT: [&str; 1] = ["aggregate"];

const MANY: usize = 1_000_000;
/// A node restricts itself to so many topics at most.
const MAX_TOPICS: usize = 59;
/// The longest payload of a message, in bytes.
const LONGEST: usize = 100_000_000;

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
    if key == "loss" {
        return field.share().map(Action::Loss);
    }
    let mut section = field.section()?;
    let action = match key {
        "subscribe" => Action::Subscribe(read_subscribe(&mut section, nodes)?),
        "broadcast" => Action::Broadcast(read_broadcast(&mut section, nodes)?),
        "kv" => Action::Kv(read_kv(&mut section, nodes)?),
        fault => read_fault(fault, &mut section, nodes, at)?,
    };
    section.finish()?;
    Ok(action)
}

fn read_subscribe(section: &mut Section<'_>, nodes: usize) -> Result<Subscribe, ScenarioError> {
    let field = section.required("topics")?;
    let topics = field.items()?.map(|item| item.text().map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    if topics.len() > MAX_TOPICS {
        return Err(field.error(format!("are more than {MAX_TOPICS} topics: a node that wants more takes all")));
    }
    Ok(Subscribe { who: read_who(section, nodes)?, topics })
}

fn read_broadcast(section: &mut Section<'_>, nodes: usize) -> Result<Broadcast, ScenarioError> {
    let from = section.optional("from").map_or(Ok(From::Random), |field| {
        if field.is_list() {
            return read_nodes(&field, nodes).map(From::OneOf);
        }
        if field.text()? == "all" { Ok(From::All) } else { read_actor(&field, nodes) }
    })?;
    let (times, every) = read_repetition(section)?;
    let bytes = section.optional("bytes").map_or(Ok(256), |field| field.count(1..=LONGEST))?;
    let class = section.optional("class").map_or(Ok(Class::Normal), |field| read_class(&field))?;
    let topic = section.optional("topic").map_or(Ok("t"), |field| field.text())?.to_owned();
    let warmup = section.optional("warmup").map_or(Ok(0), |field| field.count(0..=times))?;
    Ok(Broadcast { from, times, every, bytes, class, topic, warmup })
}

fn read_class(field: &Field<'_>) -> Result<Class, ScenarioError> {
    match field.text()? {
        "urgent" => Ok(Class::Urgent),
        "normal" => Ok(Class::Normal),
        "bulk" => Ok(Class::Bulk),
        other => Err(field.error(format!("no class `{other}`: urgent, normal or bulk"))),
    }
}

fn read_kv(section: &mut Section<'_>, nodes: usize) -> Result<Kv, ScenarioError> {
    let on = section.optional("on").map_or(Ok(From::Random), |field| {
        if field.text()? == "all" { Ok(From::All) } else { read_actor(&field, nodes) }
    })?;
    let field = section.required("op")?;
    let op = match field.text()? {
        "set" => Op::Set,
        "delete" => Op::Delete,
        "race" => Op::Race,
        "add" => Op::Add,
        "insert" => Op::Insert,
        "remove" => Op::Remove,
        other => return Err(field.error(format!("no op `{other}`: set, delete, add, insert, remove or race"))),
    };
    let keys = section.required("keys")?.count(1..=MANY)?;
    let prefix = section.optional("prefix").map_or(Ok("k"), |field| field.text())?.to_owned();
    // As many more bytes as no two keys have alike.
    let least = prefix.len() + 8;
    let key_bytes = section.optional("key_bytes").map(|field| field.count(least..=255)).transpose()?;
    let values = section.optional("values").map_or(Ok(32), |field| field.count(1..=MANY))?;
    let (times, every) = read_repetition(section)?;
    let shared = section.optional("shared").map_or(Ok(true), |field| field.boolean())?;
    Ok(Kv { on, op, keys, prefix, key_bytes, values, times, every, shared })
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
