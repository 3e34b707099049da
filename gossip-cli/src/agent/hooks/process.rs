//! One run of one handler: a shell in a process group of its own.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::counts::Outcome;
use super::{Context, Rule};
use crate::agent::feed::Line;

/// A handler that is to run, and what it is told.
pub(in crate::agent) struct Job {
    pub(in crate::agent) command: String,
    /// `GOSSIP_EVENT`: the kind of event.
    pub(in crate::agent) kind: &'static str,
    /// What it reads on standard input.
    pub(in crate::agent) input: Vec<u8>,
    pub(in crate::agent) context: Arc<Context>,
}

impl Job {
    pub(super) fn new(rule: &Rule, line: &Line, context: Arc<Context>) -> Self {
        let input = format!("{}\n", line.body).into_bytes();
        Self { command: rule.command.clone(), kind: line.kind.name(), input, context }
    }

    /// Runs it to its end, or to the limit. Standard output is the agent's own; what a handler has to say goes with the
    /// agent's log.
    pub(super) async fn run(self, limit: Duration) -> Outcome {
        self.run_with(limit, Stdio::null(), 0).await.0
    }

    /// Runs it as well, and reads what it writes to standard output: `max` bytes and one more at most.
    pub(in crate::agent) async fn output(self, limit: Duration, max: usize) -> (Outcome, Vec<u8>) {
        self.run_with(limit, Stdio::piped(), max).await
    }

    async fn run_with(self, limit: Duration, stdout: Stdio, max: usize) -> (Outcome, Vec<u8>) {
        let mut output = Vec::new();
        let mut child = match self.spawn(stdout) {
            Ok(child) => child,
            Err(error) => {
                tracing::warn!("cannot start the handler `{}`: {error}", self.command);
                return (Outcome::NotStarted, output);
            }
        };
        // Dropped before the child is: whoever waits for the leader must not free its number before.
        let mut group = Group::of(&child);
        let outcome = match tokio::time::timeout(limit, feed_and_wait(&mut child, &self.input, &mut output, max)).await
        {
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
        };
        (outcome, output)
    }

    fn spawn(&self, stdout: Stdio) -> io::Result<Child> {
        Command::new("/bin/sh")
            .arg("-c")
            .arg(&self.command)
            .env("GOSSIP_EVENT", self.kind)
            .env("GOSSIP_NAME", &self.context.name)
            .env("GOSSIP_SOCKET", &self.context.socket)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    fn ended(&self, status: ExitStatus) -> Outcome {
        if status.success() {
            return Outcome::Succeeded;
        }
        tracing::warn!("the handler `{}` failed on a {} event: {status}", self.command, self.kind);
        Outcome::Failed
    }
}

async fn feed_and_wait(child: &mut Child, input: &[u8], output: &mut Vec<u8>, max: usize) -> io::Result<ExitStatus> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A handler need not read what it is told.
            let _ = stdin.write_all(input).await;
        }
    };
    let read = async {
        if let Some(stdout) = stdout {
            // What came before an error is what it said.
            let _ = stdout.take(max as u64 + 1).read_to_end(output).await;
        }
    };
    tokio::join!(feed, read, child.wait()).2
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
