//! One run of one handler: a shell in a process group of its own.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use super::counts::Outcome;
use super::{Context, Rule};
use crate::agent::feed::Line;
use crate::event_kind::EventKind;

/// A handler that is to run, and what it is told.
pub(super) struct Job {
    command: String,
    kind: EventKind,
    input: String,
    context: Arc<Context>,
}

impl Job {
    pub(super) fn new(rule: &Rule, line: &Line, context: Arc<Context>) -> Self {
        Self { command: rule.command.clone(), kind: line.kind, input: format!("{}\n", line.body), context }
    }

    /// Runs it to its end, or to the limit.
    pub(super) async fn run(self, limit: Duration) -> Outcome {
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => {
                tracing::warn!("cannot start the handler `{}`: {error}", self.command);
                return Outcome::NotStarted;
            }
        };
        // Dropped before the child is: whoever waits for the leader must not free its number before.
        let mut group = Group::of(&child);
        match tokio::time::timeout(limit, feed_and_wait(&mut child, &self.input)).await {
            Ok(Ok(status)) => {
                // What it left running in the background is its own affair.
                group.spare();
                self.ended(status)
            }
            Ok(Err(error)) => {
                tracing::warn!("cannot wait for the handler `{}`: {error}", self.command);
                Outcome::Failed
            }
            Err(_) => {
                tracing::warn!("the handler `{}` was killed: it took longer than {limit:?}", self.command);
                Outcome::TimedOut
            }
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        Command::new("/bin/sh")
            .arg("-c")
            .arg(&self.command)
            .env("GOSSIP_EVENT", self.kind.name())
            .env("GOSSIP_NAME", &self.context.name)
            .env("GOSSIP_SOCKET", &self.context.socket)
            .stdin(Stdio::piped())
            // Standard output is the agent's own; what a handler has to say goes with the agent's log.
            .stdout(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    fn ended(&self, status: ExitStatus) -> Outcome {
        if status.success() {
            return Outcome::Succeeded;
        }
        tracing::warn!("the handler `{}` failed on a {} event: {status}", self.command, self.kind.name());
        Outcome::Failed
    }
}

async fn feed_and_wait(child: &mut Child, input: &str) -> io::Result<ExitStatus> {
    if let Some(mut stdin) = child.stdin.take() {
        // A handler need not read what it is told.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    child.wait().await
}

/// The handler with all that it started; killed when dropped, unless it was spared.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    fn spare(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It may have ended meanwhile.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}
