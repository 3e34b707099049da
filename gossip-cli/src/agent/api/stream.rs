//! What happens, as it happens: one JSON object a line.

use std::net::SocketAddr;

use gossip_core::broadcast::MessageId;
use gossip_core::kv::KvEvent;
use gossip_core::{Event, JoinError, MemberChange, MemberEvent, NodeId};
use gossip_handle::{Events, Handle};
use hyper::body::Bytes;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::error::ApiError;
use super::keyname::Shown;
use super::request::Query;
use super::{Answer, State, put_text};
use crate::profile::Profile;

/// Lines on their way to a reader; a slower one is told by the node's own queue how much it missed.
const WAITING: usize = 64;

/// Starts a stream: a first line says that it has begun, then everything follows.
pub(super) fn events(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    Query::parse(query, &[])?;
    let (to, lines) = mpsc::channel(WAITING);
    let source = Source { handle: state.handle.clone(), events: state.handle.events(), echo: state.echo.subscribe() };
    let start = json!({ "event": "start", "name": state.profile.name });
    tokio::spawn(source.forward(start, to));
    Ok(Answer::Stream(lines))
}

struct Source {
    handle: Handle<SocketAddr>,
    events: Events<SocketAddr>,
    echo: Receiver<Value>,
}

impl Source {
    /// Ends when the node ends or the reader goes away.
    async fn forward(mut self, start: Value, to: mpsc::Sender<Bytes>) {
        let mut lines = vec![start];
        loop {
            for line in lines.drain(..) {
                if to.send(Bytes::from(format!("{line}\n"))).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(event) => lines = self.lines(&event),
                    None => return,
                },
                echo = self.echo.recv() => match echo {
                    Ok(line) => lines.push(line),
                    Err(RecvError::Lagged(missed)) => lines.push(lagged(missed)),
                    Err(RecvError::Closed) => return,
                },
                () = to.closed() => return,
            }
        }
    }

    fn lines(&self, event: &Event<SocketAddr>) -> Vec<Value> {
        match event {
            Event::Members(changes) => changes.iter().map(|change| self.member(change)).collect(),
            Event::Kv(change) => vec![self.key(change)],
            Event::Broadcast(message) => {
                let origin = self.name_of(message.id.origin);
                vec![message_line(message.id, &origin, message.topic(), message.payload())]
            }
            Event::Join { contact, result } => vec![join(*contact, *result)],
            Event::Lagged(missed) => vec![lagged(*missed)],
            Event::Left => vec![json!({ "event": "left" })],
            _ => Vec::new(),
        }
    }

    fn member(&self, event: &MemberEvent<SocketAddr>) -> Value {
        json!({
            "event": "member",
            "change": change_name(event.change),
            "name": self.name_of(event.id),
            "id": event.id.to_string(),
            "addr": event.addr.to_string(),
            "generation": event.generation,
            "incarnation": event.incarnation,
        })
    }

    fn key(&self, event: &KvEvent) -> Value {
        let (key, value) = self.handle.with(|node, _| {
            let key = Shown::default().key(event.scope, &event.key, &node.members());
            (key, node.kv().get(event.scope, &event.key).map(|entry| entry.value.to_vec()))
        });
        let mut line = Map::new();
        line.insert("event".into(), "key".into());
        line.insert("key".into(), key.into());
        line.insert("version".into(), event.version.to_string().into());
        line.insert("deleted".into(), event.deleted.into());
        // The newest value: if the key was written again meanwhile, another line follows.
        if let Some(value) = value.filter(|_| !event.deleted) {
            put_text(&mut line, "value", &value);
        }
        Value::Object(line)
    }

    fn name_of(&self, id: NodeId) -> String {
        let metadata = self.handle.with(|node, _| node.members().get(id).map(|member| member.metadata.to_vec()));
        Profile::decode(id, &metadata.unwrap_or_default()).name
    }
}

/// The line of a message, received or sent here.
pub(super) fn message_line(id: MessageId, origin: &str, topic: &[u8], payload: &[u8]) -> Value {
    let mut line = Map::new();
    line.insert("event".into(), "message".into());
    line.insert("from".into(), origin.into());
    line.insert("version".into(), message_id(id).into());
    put_text(&mut line, "topic", topic);
    put_text(&mut line, "payload", payload);
    Value::Object(line)
}

/// A message's name, in the form of a write's version.
pub(super) fn message_id(id: MessageId) -> String {
    format!("{}.{}.{}", &id.origin.to_string()[..8], id.generation, id.sequence)
}

fn join(contact: SocketAddr, result: Result<usize, JoinError>) -> Value {
    let contact = contact.to_string();
    match result {
        Ok(members) => json!({ "event": "join", "contact": contact, "members": members }),
        Err(error) => json!({ "event": "join", "contact": contact, "error": error.to_string() }),
    }
}

fn lagged(missed: u64) -> Value {
    json!({ "event": "lagged", "missed": missed })
}

fn change_name(change: MemberChange) -> &'static str {
    match change {
        MemberChange::Up => "up",
        MemberChange::Updated => "updated",
        MemberChange::Suspect => "suspect",
        MemberChange::Down => "down",
        MemberChange::Left => "left",
        _ => "changed",
    }
}
