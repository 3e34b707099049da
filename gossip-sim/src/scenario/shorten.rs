//! A small version of a scenario: the same course of events in less of everything, so that tests can run each file.

use std::time::Duration;

use super::spec::{Action, From, Groups, Pick, Spec, State, Who};

const NODES: usize = 32;
const DURATION: Duration = Duration::from_secs(60);
const KEYS: usize = 100;
const TIMES: usize = 5;
const BYTES: usize = 500_000;

/// At most 32 nodes and 60 s; times move in proportion, counts shrink in proportion, named nodes wrap round.
pub(super) fn shortened(spec: &Spec) -> Spec {
    let mut short = spec.clone();
    short.nodes = spec.nodes.min(NODES);
    short.duration = spec.duration.min(DURATION);
    let share = short.nodes as f64 / spec.nodes as f64;
    let pace = short.duration.as_secs_f64() / spec.duration.as_secs_f64();
    let wrap = |nodes: &mut Vec<usize>| {
        nodes.iter_mut().for_each(|node| *node %= short.nodes);
        nodes.sort_unstable();
        nodes.dedup();
    };
    wrap(&mut short.join.via);
    let who = |who: &mut Who| match &mut who.pick {
        Pick::Nodes(nodes) => wrap(nodes),
        Pick::Count(count) => *count = fewer(*count, share),
        Pick::Fraction(_) => {}
    };
    let actor = |from: &mut From| match from {
        From::Node(node) => *node %= short.nodes,
        From::OneOf(nodes) => wrap(nodes),
        From::Random | From::All => {}
    };
    // Room for the join before the first event, however short the rest becomes.
    for event in &mut short.events {
        event.at = event.at.mul_f64(pace).max(short.join.every * short.nodes as u32).min(short.duration);
        match &mut event.action {
            Action::Crash(hit) | Action::Leave(hit) => who(hit),
            Action::Restart(restart) => {
                who(&mut restart.who);
                restart.down = restart.down.mul_f64(pace);
                restart.spread = restart.spread.mul_f64(pace);
                if let State::Old(age) = &mut restart.state {
                    *age = age.mul_f64(pace);
                }
            }
            Action::Partition(partition) => {
                partition.lasts = partition.lasts.mul_f64(pace);
                if let Groups::Nodes(groups) = &mut partition.groups {
                    // A node of two groups would be a contradiction: the first one keeps it.
                    let mut seen = vec![false; short.nodes];
                    for group in groups.iter_mut() {
                        wrap(group);
                        group.retain(|node| !std::mem::replace(&mut seen[*node], true));
                    }
                }
            }
            Action::Pause(pause) => {
                who(&mut pause.who);
                pause.lasts = pause.lasts.mul_f64(pace);
            }
            Action::Lag(lag) => {
                who(&mut lag.who);
                lag.lasts = lag.lasts.mul_f64(pace);
            }
            Action::Link(link) => {
                who(&mut link.who);
                link.lasts = link.lasts.mul_f64(pace);
            }
            Action::Clock(clock) => who(&mut clock.who),
            Action::Churn(churn) => churn.lasts = churn.lasts.mul_f64(pace),
            Action::Byzantine(byzantine) => {
                who(&mut byzantine.who);
                byzantine.lasts = byzantine.lasts.map(|lasts| lasts.mul_f64(pace));
            }
            Action::Loss(_) => {}
            Action::Subscribe(subscribe) => who(&mut subscribe.who),
            Action::Broadcast(broadcast) => {
                actor(&mut broadcast.from);
                let times = broadcast.times.min(TIMES);
                broadcast.warmup = broadcast.warmup * times / broadcast.times;
                broadcast.every = broadcast.every.mul_f64(pace * broadcast.times as f64 / times as f64);
                broadcast.times = times;
                broadcast.bytes = broadcast.bytes.min(BYTES);
            }
            Action::Kv(kv) => {
                actor(&mut kv.on);
                kv.keys = fewer(kv.keys, KEYS as f64 / 1000.0);
                let times = kv.times.min(TIMES);
                kv.every = kv.every.mul_f64(pace * kv.times as f64 / times as f64);
                kv.times = times;
            }
        }
    }
    short
}

fn fewer(count: usize, share: f64) -> usize {
    ((count as f64 * share).round() as usize).max(1)
}
