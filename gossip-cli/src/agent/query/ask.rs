//! Asking: the question goes out, replies come in until all have answered or the time is over.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip_core::NodeId;
use gossip_core::broadcast::BroadcastError;
use gossip_handle::Handle;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::message::{Head, Reply, TOPIC};
use super::{Queries, check_name};
use crate::agent::api::put_text;
use crate::exit::Failure;
use crate::profile::Profile;

/// The longest time for answers, in milliseconds.
pub(super) const MAX_TIMEOUT_MS: u64 = 3_600_000;

/// A question that was checked.
pub(in crate::agent) struct Question {
    pub(in crate::agent) name: String,
    pub(in crate::agent) data: Vec<u8>,
    pub(in crate::agent) tags: BTreeMap<String, String>,
    pub(in crate::agent) timeout: Duration,
}

/// A query under way; dropped, its replies are no longer waited for.
pub(in crate::agent) struct Asked {
    handle: Handle<SocketAddr>,
    queries: Arc<Queries>,
    id: u64,
    replies: mpsc::Receiver<(NodeId, Reply)>,
    deadline: Instant,
    /// How far each member is that was asked, or that said something unasked.
    members: HashMap<NodeId, Progress>,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    acknowledged: bool,
    done: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    asked: usize,
    acknowledged: usize,
    answered: usize,
    failed: usize,
    no_handler: usize,
}

impl Question {
    /// Sends the question; `local` takes it to this agent's own handlers.
    pub(in crate::agent) fn ask(
        self,
        handle: &Handle<SocketAddr>,
        queries: &Arc<Queries>,
        local: &mpsc::Sender<Vec<u8>>,
    ) -> Result<Asked, Failure> {
        check_name(&self.name)?;
        let timeout = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        if !(1..=MAX_TIMEOUT_MS).contains(&timeout) {
            return Err(Failure::input("the time for answers must be between 1 ms and 1 h"));
        }
        let no_random = || Failure::failed("the system has no random numbers");
        let head = Head::new(&self.name, self.timeout, self.tags).ok_or_else(no_random)?;
        let question = head.encode(&self.data).ok_or_else(|| Failure::failed("cannot write the question"))?;
        let busy = || Failure::failed("too many queries are under way").hint("wait until some have ended");
        let replies = queries.expect(head.id).ok_or_else(busy)?;
        let (me, members) = asked(handle, &head.tags);
        let counts = Counts { asked: members.len(), ..Counts::default() };
        let mine = members.contains_key(&me);
        let deadline = Instant::now() + self.timeout;
        let (handle, queries) = (handle.clone(), Arc::clone(queries));
        let asked = Asked { handle, queries, id: head.id, replies, deadline, members, counts };
        let max = asked.handle.with(|node, _| node.broadcasts().one_piece()).saturating_sub(TOPIC.len());
        if question.len() > max {
            return Err(refused(BroadcastError::TooLarge { max }));
        }
        asked.handle.publish(TOPIC, &question).map_err(refused)?;
        if mine && local.try_send(question).is_err() {
            return Err(busy());
        }
        Ok(asked)
    }
}

impl Asked {
    /// The first line of what is told.
    pub(in crate::agent) fn start(&self) -> Value {
        json!({ "event": "start", "query": format!("{:016x}", self.id), "asked": self.counts.asked })
    }

    /// The next reply; none when all have answered or the time is over. Cancel safe.
    pub(in crate::agent) async fn next(&mut self) -> Option<Value> {
        loop {
            if self.members.values().all(|member| member.done) {
                return None;
            }
            let reply = tokio::time::timeout_at(self.deadline, self.replies.recv()).await;
            let (from, reply) = reply.ok().flatten()?;
            if let Some(line) = self.take(from, reply) {
                return Some(line);
            }
        }
    }

    /// The last line.
    pub(in crate::agent) fn end(&self) -> Value {
        let Counts { asked, acknowledged, answered, failed, no_handler } = self.counts;
        json!({
            "event": "end",
            "asked": asked,
            "acknowledged": acknowledged,
            "answered": answered,
            "failed": failed,
            "no_handler": no_handler,
        })
    }

    /// The line of a reply; none if the member had said that, or has given its answer.
    fn take(&mut self, from: NodeId, reply: Reply) -> Option<Value> {
        // Somebody of whom this agent does not know yet that he is, or what tags he has.
        let member = self.members.entry(from).or_insert_with(|| {
            self.counts.asked += 1;
            Progress::default()
        });
        let done = reply != Reply::Acknowledged;
        if member.done || (member.acknowledged && !done) {
            return None;
        }
        // An answer may overtake its acknowledgement.
        self.counts.acknowledged += usize::from(!member.acknowledged);
        *member = Progress { acknowledged: true, done };
        let mut line = Map::new();
        line.insert("event".into(), if done { "answer" } else { "acknowledged" }.into());
        line.insert("from".into(), name_of(&self.handle, from).into());
        match reply {
            Reply::Acknowledged => {}
            Reply::Answer(output) => {
                self.counts.answered += 1;
                put_text(&mut line, "data", &output);
            }
            Reply::Failed(why) => {
                self.counts.failed += 1;
                line.insert("error".into(), why.into());
            }
            Reply::NoHandler => {
                self.counts.no_handler += 1;
                line.insert("event".into(), "no_handler".into());
            }
        }
        Some(Value::Object(line))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.queries.forget(self.id);
    }
}

/// This member, and the live ones that have these tags.
fn asked(handle: &Handle<SocketAddr>, tags: &BTreeMap<String, String>) -> (NodeId, HashMap<NodeId, Progress>) {
    handle.with(|node, _| {
        let live = node.members();
        let live = live.iter().filter(|member| member.status.is_live());
        let asked = live.filter(|member| {
            tags.is_empty() || {
                let has = Profile::decode(member.id, member.metadata).tags;
                tags.iter().all(|(key, value)| has.get(key) == Some(value))
            }
        });
        (node.identity().id, asked.map(|member| (member.id, Progress::default())).collect())
    })
}

fn name_of(handle: &Handle<SocketAddr>, id: NodeId) -> String {
    let metadata = handle.with(|node, _| node.members().get(id).map(|member| member.metadata.to_vec()));
    Profile::decode(id, &metadata.unwrap_or_default()).name
}

fn refused(error: BroadcastError) -> Failure {
    let message = format!("cannot ask: {error}");
    match error {
        BroadcastError::TooLarge { .. } => {
            Failure::input(message).hint("name, tags and data of a query must fit one datagram together")
        }
        BroadcastError::Disabled => Failure::failed(message).hint("set broadcast.enabled in the agent's configuration"),
        BroadcastError::Busy { .. } => Failure::busy(message).hint("ask again a little later"),
        _ => Failure::failed(message),
    }
}
