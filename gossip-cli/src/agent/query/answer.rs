//! Answering: questions come in, handlers run, replies go back to who asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gossip_core::{Event, NodeId};
use gossip_handle::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};

use super::message::{Head, PORT, REPLY_OVERHEAD, Reply, TOPIC};
use super::{Dropped, Queries};
use crate::agent::hooks::{Context, Hooks, Job, Limits, Outcome};
use crate::profile::Profile;

/// Replies that wait to be sorted; who sends more is told to try again.
const INBOX: usize = 1024;
/// Questions of this agent to itself that wait.
const LOCAL: usize = 64;

/// The way of questions of this agent to itself, which the network does not bring back.
pub(in crate::agent) fn local() -> (mpsc::Sender<Vec<u8>>, mpsc::Receiver<Vec<u8>>) {
    mpsc::channel(LOCAL)
}

/// Starts the task that answers queries and sorts replies. It ends with the node.
pub(in crate::agent) fn spawn(
    handle: &Handle<SocketAddr>,
    questions: mpsc::Receiver<Vec<u8>>,
    hooks: watch::Receiver<Hooks>,
    context: Context,
    queries: Arc<Queries>,
) -> JoinHandle<()> {
    let task = Task {
        me: handle.with(|node, _| node.identity().id),
        handle: handle.clone(),
        hooks,
        context: Arc::new(context),
        queries,
        waiting: VecDeque::new(),
        running: JoinSet::new(),
        saying: JoinSet::new(),
    };
    tokio::spawn(task.run(questions))
}

struct Task {
    me: NodeId,
    handle: Handle<SocketAddr>,
    hooks: watch::Receiver<Hooks>,
    context: Arc<Context>,
    queries: Arc<Queries>,
    waiting: VecDeque<Run>,
    running: JoinSet<Option<Outcome>>,
    /// Replies without a handler, under way.
    saying: JoinSet<()>,
}

/// A handler that is to run for a query.
struct Run {
    asker: Asker,
    job: Job,
    deadline: Instant,
}

/// Whom to reply to.
#[derive(Clone)]
struct Asker {
    handle: Handle<SocketAddr>,
    queries: Arc<Queries>,
    to: NodeId,
    id: u64,
}

impl Task {
    async fn run(mut self, mut questions: mpsc::Receiver<Vec<u8>>) {
        let mut events = self.handle.events();
        let Some(mut replies) = self.handle.inbox(PORT, INBOX) else {
            return tracing::error!("the port of queries is read by somebody else: no query is answered");
        };
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(Event::Broadcast(message)) if message.topic() == TOPIC => {
                        self.take(message.id.origin, message.payload());
                    }
                    Some(_) => {}
                    // Dropping the handlers that run ends them: nobody could hear their answers.
                    None => return,
                },
                Some(question) = questions.recv() => self.take(self.me, &question),
                Some(message) = replies.recv() => self.queries.deliver(&message),
                Some(ended) = self.running.join_next() => self.ended(ended),
                Some(_) = self.saying.join_next() => {}
            }
            let limits = self.hooks.borrow().limits;
            self.start(&limits);
        }
    }

    fn take(&mut self, to: NodeId, question: &[u8]) {
        let Some((head, data)) = Head::decode(question) else { return self.queries.drop_one(Dropped::Malformed) };
        if !self.is_asked(&head) {
            return;
        }
        if head.is_over() {
            return self.queries.drop_one(Dropped::Late);
        }
        let asker = Asker { handle: self.handle.clone(), queries: Arc::clone(&self.queries), to, id: head.id };
        let hooks = self.hooks.borrow().clone();
        let Some(rule) = hooks.queries.iter().find(|rule| rule.name == head.name) else {
            return self.say(asker, Reply::NoHandler);
        };
        if self.waiting.len() >= hooks.limits.waiting {
            self.queries.handlers.drop_one();
            return self.say(asker, Reply::Failed("too many queries wait for a handler".into()));
        }
        let job = Job {
            command: rule.command.clone(),
            kind: "query",
            input: data.to_vec(),
            context: Arc::clone(&self.context),
        };
        let deadline = Instant::now() + Duration::from_millis(head.ms.min(super::ask::MAX_TIMEOUT_MS));
        self.waiting.push_back(Run { asker, job, deadline });
    }

    /// Whether this member has the tags of those that are asked.
    fn is_asked(&self, head: &Head) -> bool {
        let metadata = self.handle.with(|node, _| node.members().get(self.me).map(|me| me.metadata.to_vec()));
        let tags = Profile::decode(self.me, &metadata.unwrap_or_default()).tags;
        head.tags.iter().all(|(key, value)| tags.get(key) == Some(value))
    }

    /// Replies without a handler, in the background as well: it takes until it is acknowledged. One that finds no room is
    /// left out, and who asked waits in vain.
    fn say(&mut self, asker: Asker, reply: Reply) {
        let limits = self.hooks.borrow().limits;
        if self.saying.len() >= limits.waiting {
            return self.queries.drop_one(Dropped::Undelivered);
        }
        self.saying.spawn(async move { _ = asker.say(&reply).await });
    }

    fn start(&mut self, limits: &Limits) {
        while self.running.len() < limits.at_once
            && let Some(run) = self.waiting.pop_front()
        {
            let max = self.handle.with(|node, _| node.directs().max_len()).saturating_sub(REPLY_OVERHEAD);
            self.running.spawn(run.run(limits.time, max));
        }
        self.queries.handlers.set_load(self.running.len(), self.waiting.len());
    }

    fn ended(&self, ended: Result<Option<Outcome>, JoinError>) {
        match ended {
            Ok(Some(outcome)) => self.queries.handlers.end(outcome),
            Ok(None) => {}
            Err(error) => tracing::error!("a query's task failed: {error}"),
        }
    }
}

impl Run {
    /// Runs the handler if who asked is still there, and sends its answer.
    async fn run(self, limit: Duration, max: usize) -> Option<Outcome> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || !self.asker.say(&Reply::Acknowledged).await {
            self.asker.queries.drop_one(Dropped::Late);
            return None;
        }
        let limit = limit.min(self.deadline.saturating_duration_since(Instant::now()));
        let (outcome, output) = self.job.output(limit, max).await;
        let reply = match outcome {
            _ if output.len() > max => Reply::Failed(format!("the answer is longer than {max} bytes")),
            Outcome::Succeeded => Reply::Answer(output),
            Outcome::Failed => Reply::Failed("the handler failed".into()),
            Outcome::TimedOut => Reply::Failed(format!("the handler took longer than {limit:.1?}")),
            Outcome::NotStarted => Reply::Failed("the handler could not be started".into()),
        };
        self.asker.say(&reply).await;
        Some(outcome)
    }
}

impl Asker {
    /// Whether the reply arrived.
    async fn say(&self, reply: &Reply) -> bool {
        let delivered = match self.handle.send_to(self.to, PORT, &reply.encode(self.id)) {
            Ok(sending) => sending.await,
            Err(refusal) => Err(refusal),
        };
        if let Err(failure) = delivered {
            tracing::debug!("a reply to the query {:016x} did not arrive: {failure}", self.id);
            self.queries.drop_one(Dropped::Undelivered);
        }
        delivered.is_ok()
    }
}
