//! From the document to the checked scenario: everything but the events.

use std::time::Duration;

use gossip_core::Config;

use super::document::Document;
use super::error::{ScenarioError, suggestion};
use super::read_event::read_events;
use super::reader::{Field, Section};
use super::spec::{Join, Latency, Network, Order, Spec};
use crate::config;

/// Memory grows with the pairs of nodes: more than this is a slip of the fingers.
const MAX_NODES: usize = 10_000;

pub(super) fn read(document: &Document) -> Result<Spec, ScenarioError> {
    let mut root = Section::root(document);
    let name = root.required("name")?.text()?.to_owned();
    let nodes = root.required("nodes")?.count(1..=MAX_NODES)?;
    let duration_field = root.required("duration")?;
    let duration = duration_field.duration()?;
    if duration.is_zero() {
        return Err(duration_field.error("must be longer than nothing"));
    }
    let config = read_config(&mut root)?;
    let network = read_network(&mut root)?;
    let (order, rounds) = read_driver(&mut root)?;
    let round = rounds.then_some(config.broadcast.gossip_interval);
    let join = read_join(&mut root, nodes, &config)?;
    let events = read_events(&mut root, nodes, duration)?;
    let spec = Spec { name, nodes, duration, config, network, order, round, join, events };
    if spec.last_join() > duration {
        let last = spec.last_join().as_secs_f64();
        return Err(duration_field.error(format!("is over before the last node joins at {last} s")));
    }
    if spec.slots() > MAX_NODES {
        let slots = spec.slots();
        return Err(duration_field.error(format!("is long enough for {slots} nodes by churn: at most {MAX_NODES}")));
    }
    root.finish()?;
    Ok(spec)
}

fn read_config(root: &mut Section<'_>) -> Result<Config, ScenarioError> {
    let preset = match root.optional("preset") {
        None => Config::lan(),
        Some(field) => {
            let name = field.text()?;
            let unknown = || {
                let suggestion = suggestion(name, ["local", "lan", "wan"]);
                field.error(format!("no preset `{name}`: local, lan or wan{suggestion}"))
            };
            Config::preset(name).ok_or_else(unknown)?
        }
    };
    let Some(field) = root.optional("config") else { return Ok(preset) };
    let toml::Value::Table(table) = field.plain()? else { return Err(field.error("must be a table")) };
    config::overlay(&preset, &table).map_err(|error| {
        let placed = field.error(error.problem());
        let origin = field.origin_of_leaf(error.key()).unwrap_or(placed.origin);
        ScenarioError { key: format!("config.{}", error.key()), origin, ..placed }
    })
}

fn read_network(root: &mut Section<'_>) -> Result<Network, ScenarioError> {
    let mut section = root.required("network")?.section()?;
    let share = |field: Option<Field<'_>>| field.map_or(Ok(0.0), |field| field.share());
    let network = Network {
        latency: read_latency(&section.required("latency")?)?,
        loss: share(section.optional("loss"))?,
        duplicate: share(section.optional("duplicate"))?,
        corrupt: share(section.optional("corrupt"))?,
        reorder: section.optional("reorder").map_or(Ok(Duration::ZERO), |field| field.duration())?,
        rate: section.optional("rate").map(|field| field.rate()).transpose()?,
    };
    only_false(section.optional("stream"))?;
    section.finish()?;
    Ok(network)
}

fn read_latency(field: &Field<'_>) -> Result<Latency, ScenarioError> {
    let mut section = field.section()?;
    let latencies = [
        section.optional("fixed").map(|field| field.duration().map(Latency::Fixed)),
        section.optional("uniform").map(|field| read_range(&field).map(|(from, to)| Latency::Uniform(from, to))),
        section.optional("per_pair").map(|field| read_range(&field).map(|(from, to)| Latency::PerPair(from, to))),
        section.optional("plane").map(|field| read_range(&field).map(|(from, to)| Latency::Plane(from, to))),
    ];
    section.finish()?;
    let mut latencies = latencies.into_iter().flatten();
    match (latencies.next(), latencies.next()) {
        (Some(latency), None) => latency,
        _ => Err(field.error(
            "must be one of { fixed = … }, { uniform = [from, to] }, { per_pair = [from, to] } and { plane = [from, to] }",
        )),
    }
}

fn read_range(field: &Field<'_>) -> Result<(Duration, Duration), ScenarioError> {
    let bounds = field.items()?.map(|item| item.duration()).collect::<Result<Vec<_>, _>>()?;
    match bounds[..] {
        [from, to] if from <= to => Ok((from, to)),
        _ => Err(field.error("must be two durations, the shorter one first")),
    }
}

/// The order, and whether time goes in rounds.
fn read_driver(root: &mut Section<'_>) -> Result<(Order, bool), ScenarioError> {
    let Some(field) = root.optional("driver") else { return Ok((Order::Random, false)) };
    let mut section = field.section()?;
    let order = match section.optional("order") {
        None => Order::Random,
        Some(field) => match field.text()? {
            "inputs" => Order::Inputs,
            "timers" => Order::Timers,
            "random" => Order::Random,
            other => return Err(field.error(format!("no order `{other}`: inputs, timers or random"))),
        },
    };
    let rounds = section.optional("rounds").map_or(Ok(false), |field| field.boolean())?;
    section.finish()?;
    Ok((order, rounds))
}

fn read_join(root: &mut Section<'_>, nodes: usize, config: &Config) -> Result<Join, ScenarioError> {
    let mut join = Join { via: vec![0], every: Duration::from_millis(10), warm: false, metadata: 0 };
    let Some(field) = root.optional("join") else { return Ok(join) };
    let mut section = field.section()?;
    if let Some(field) = section.optional("via") {
        join.via = read_nodes(&field, nodes)?;
    }
    if let Some(field) = section.optional("every") {
        join.every = field.duration()?;
    }
    if let Some(field) = section.optional("metadata") {
        join.metadata = field.count(0..=config.membership.max_metadata)?;
    }
    if let Some(field) = section.optional("warm") {
        join.warm = field.boolean()?;
    }
    section.finish()?;
    Ok(join)
}

fn only_false(field: Option<Field<'_>>) -> Result<(), ScenarioError> {
    match field {
        Some(field) if field.boolean()? => Err(field.not_built()),
        _ => Ok(()),
    }
}

/// At least one node, none twice, by their names.
pub(super) fn read_nodes(field: &Field<'_>, nodes: usize) -> Result<Vec<usize>, ScenarioError> {
    let mut numbers = Vec::new();
    for item in field.items()? {
        let number = read_node(&item, nodes)?;
        if numbers.contains(&number) {
            return Err(item.error(format!("n{number} is here twice")));
        }
        numbers.push(number);
    }
    if numbers.is_empty() { Err(field.error("must name at least one node")) } else { Ok(numbers) }
}

pub(super) fn read_node(field: &Field<'_>, nodes: usize) -> Result<usize, ScenarioError> {
    let name = field.text()?;
    let digits = name.strip_prefix('n').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse::<usize>().ok()).filter(|number| *number < nodes);
    number.ok_or_else(|| field.error(format!("no node `{name}`: they are n0 to n{}", nodes - 1)))
}
