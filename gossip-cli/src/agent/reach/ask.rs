//! Asking: the question goes out, reports come in until all have reported or the time is over.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use gossip_core::broadcast::BroadcastError;
use gossip_core::{NodeId, Status};
use gossip_handle::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::findings::{Findings, Report};
use super::message::{Part, Question};
use super::{ASK, MAX_TIMEOUT, Reach};
use crate::exit::Failure;

/// A round under way; dropped, its reports are no longer waited for.
pub(in crate::agent) struct Round {
    deadline: Instant,
    live: BTreeSet<NodeId>,
    down: Vec<NodeId>,
    parts: mpsc::Receiver<(NodeId, Part)>,
}

/// What has come of one member's report.
#[derive(Default)]
struct Partial {
    parts: BTreeSet<u8>,
    links: Report,
}

impl Round {
    /// Asks all members.
    pub(in crate::agent) async fn begin(
        reach: &Reach,
        handle: &Handle<SocketAddr>,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        if !(Duration::from_millis(100)..=MAX_TIMEOUT).contains(&timeout) {
            return Err(Failure::input("the time for answers must be between 100 ms and 60 s"));
        }
        if !handle.with(|node, _| node.config().direct.enabled) {
            return Err(
                Failure::failed("direct messages are turned off").hint("set direct.enabled in the configuration")
            );
        }
        reach.rest().await;
        let question = Question::new(timeout).ok_or_else(|| Failure::failed("the system has no random numbers"))?;
        let busy = || Failure::failed("somebody asks this agent already").hint("try again in some seconds");
        let parts = reach.expect(question.round).ok_or_else(busy)?;
        let with = |wanted: fn(Status) -> bool| {
            handle.with(|node, _| {
                let members = node.members();
                members.iter().filter(|member| wanted(member.status)).map(|member| member.id).collect::<Vec<_>>()
            })
        };
        let (live, down) = (with(Status::is_live), with(|status| status == Status::Down));
        let deadline = Instant::now() + timeout;
        let round = Self { deadline, live: live.into_iter().collect(), down, parts };
        handle.publish(ASK, &question.encode()).map_err(refused)?;
        reach.to_self.try_send(question).map_err(|_| busy())?;
        Ok(round)
    }

    /// What was found out when all have reported, or when the time is over.
    pub(in crate::agent) async fn findings(mut self) -> Findings {
        let mut partial: BTreeMap<NodeId, Partial> = BTreeMap::new();
        let mut reports: BTreeMap<NodeId, Report> = BTreeMap::new();
        while self.live.iter().any(|id| !reports.contains_key(id)) {
            let Ok(Some((from, part))) = tokio::time::timeout_at(self.deadline, self.parts.recv()).await else { break };
            if reports.contains_key(&from) {
                continue;
            }
            let report = partial.entry(from).or_default();
            report.parts.insert(part.number);
            report.links.extend(part.links);
            if report.parts.len() == usize::from(part.of) {
                reports.insert(from, std::mem::take(&mut report.links));
            }
        }
        self.down.sort_unstable();
        Findings::new(&self.live, std::mem::take(&mut self.down), &reports)
    }
}

fn refused(error: BroadcastError) -> Failure {
    let message = format!("cannot ask: {error}");
    match error {
        BroadcastError::Disabled => Failure::failed(message).hint("set broadcast.enabled in the agent's configuration"),
        BroadcastError::Busy { .. } => Failure::busy(message).hint("ask again a little later"),
        _ => Failure::failed(message),
    }
}
