//! What happens, as it happens, in the words of the API: for streams and for handlers.

use std::net::SocketAddr;

use gossip_core::broadcast::MessageId;
use gossip_core::kv::{Holding, KvEvent, Version};
use gossip_core::{Event, JoinError, MemberChange, MemberEvent, NodeId};
use gossip_handle::{Events, Handle};
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use super::api::{Shown, put_content, put_text};
use super::query;
use crate::event_kind::EventKind;
use crate::profile::Profile;

/// Local lines that wait for a slow reader.
const LOCAL: usize = 256;

/// One event: its kind and its JSON object.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) kind: EventKind,
    pub(super) body: Value,
}

/// Where subscriptions come from.
#[derive(Clone)]
pub(super) struct Feed {
    handle: Handle<SocketAddr>,
    /// What the node does not tell: its own messages, which it does not deliver to itself.
    local: Sender<Line>,
}

/// One subscription: everything that happens from its start on, in order, bounded as the node's own queue of events.
pub(super) struct Subscription {
    handle: Handle<SocketAddr>,
    events: Events<SocketAddr>,
    local: Receiver<Line>,
}

impl Feed {
    pub(super) fn new(handle: &Handle<SocketAddr>) -> Self {
        Self { handle: handle.clone(), local: channel(LOCAL).0 }
    }

    pub(super) fn subscribe(&self) -> Subscription {
        Subscription { handle: self.handle.clone(), events: self.handle.events(), local: self.local.subscribe() }
    }

    /// Tells the subscribers of something that happened in this program.
    pub(super) fn tell(&self, line: Line) {
        // Without a reader nobody receives it, which is no failure.
        let _ = self.local.send(line);
    }
}

impl Subscription {
    /// The lines of the next event, without those of kinds that are not wanted; there may be none left. `None`: the node
    /// has ended. Cancel safe.
    pub(super) async fn next(&mut self, wanted: impl Fn(EventKind) -> bool) -> Option<Vec<Line>> {
        tokio::select! {
            // What happened before the node ended is told before its end.
            biased;
            local = self.local.recv() => Some(match local {
                Ok(line) if wanted(line.kind) => vec![line],
                Ok(_) => Vec::new(),
                Err(RecvError::Lagged(missed)) => vec![lagged(missed)],
                Err(RecvError::Closed) => return None,
            }),
            event = self.events.recv() => Some(self.lines(&event?, wanted)),
        }
    }

    fn lines(&self, event: &Event<SocketAddr>, wanted: impl Fn(EventKind) -> bool) -> Vec<Line> {
        let Some(kind) = kind_of(event).filter(|kind| wanted(*kind)) else { return Vec::new() };
        let line = |body| Line { kind, body };
        match event {
            Event::Members(changes) => changes.iter().map(|change| line(self.member(change))).collect(),
            Event::Kv(change) => vec![line(self.key(change))],
            // What agents say to each other is no message of a user.
            Event::Broadcast(message) if query::is_reserved(message.topic()) => Vec::new(),
            Event::Broadcast(message) => {
                let origin = self.name_of(message.id.origin);
                vec![message_line(message.id, &origin, message.topic(), message.payload())]
            }
            Event::Join { contact, result } => vec![line(join(*contact, *result))],
            Event::Lagged(missed) => vec![lagged(*missed)],
            Event::Partition { reachable, roster } | Event::Healed { reachable, roster } => {
                vec![line(json!({ "event": kind.name(), "reachable": reachable, "roster": roster }))]
            }
            Event::Namesake { id, winner, loser } => vec![line(json!({
                "event": kind.name(),
                "name": self.name_of(*id),
                "id": id.to_string(),
                "addr": winner.addr.to_string(),
                "generation": winner.generation,
                "loser_addr": loser.addr.to_string(),
                "loser_generation": loser.generation,
            }))],
            Event::Gap { origin, first, last } => vec![line(json!({
                "event": kind.name(),
                "from": self.name_of(origin.id),
                "generation": origin.generation,
                "first": first,
                "last": last,
            }))],
            Event::Unacknowledged(id) => {
                vec![line(json!({ "event": kind.name(), "version": message_id(*id) }))]
            }
            Event::Left => vec![line(json!({ "event": kind.name() }))],
            _ => Vec::new(),
        }
    }

    fn member(&self, event: &MemberEvent<SocketAddr>) -> Value {
        json!({
            "event": EventKind::Member.name(),
            "change": change_name(event.change),
            "name": self.name_of(event.id),
            "id": event.id.to_string(),
            "addr": event.addr.to_string(),
            "generation": event.generation,
            "incarnation": event.incarnation,
        })
    }

    fn key(&self, event: &KvEvent) -> Value {
        self.handle.with(|node, _| {
            let key = Shown::default().key(event.scope, &event.key, &node.members());
            // The newest value: if the key was written again meanwhile, another line follows.
            let held = node.kv().key(event.scope, &event.key);
            let mut line = key_line(key, event.version, held.filter(|_| !event.deleted));
            line.insert("deleted".into(), event.deleted.into());
            Value::Object(line)
        })
    }

    fn name_of(&self, id: NodeId) -> String {
        let metadata = self.handle.with(|node, _| node.members().get(id).map(|member| member.metadata.to_vec()));
        Profile::decode(id, &metadata.unwrap_or_default()).name
    }
}

/// The line of a key and what it holds; nothing: it was deleted.
pub(super) fn key_line(key: String, version: Version, held: Option<Holding<'_>>) -> Map<String, Value> {
    let mut line = Map::new();
    line.insert("event".into(), EventKind::Key.name().into());
    line.insert("key".into(), key.into());
    line.insert("version".into(), version.to_string().into());
    line.insert("deleted".into(), held.is_none().into());
    if let Some(held) = held {
        put_content(&mut line, held);
    }
    line
}

/// The line of a message, received or sent here.
pub(super) fn message_line(id: MessageId, origin: &str, topic: &[u8], payload: &[u8]) -> Line {
    let kind = EventKind::Message;
    let mut body = Map::new();
    body.insert("event".into(), kind.name().into());
    body.insert("from".into(), origin.into());
    body.insert("version".into(), message_id(id).into());
    put_text(&mut body, "topic", topic);
    put_text(&mut body, "payload", payload);
    Line { kind, body: Value::Object(body) }
}

/// A message's name, in the form of a write's version.
pub(super) fn message_id(id: MessageId) -> String {
    format!("{}.{}.{}", &id.origin.to_string()[..8], id.generation, id.sequence)
}

fn kind_of(event: &Event<SocketAddr>) -> Option<EventKind> {
    Some(match event {
        Event::Members(_) => EventKind::Member,
        Event::Partition { .. } => EventKind::Partition,
        Event::Healed { .. } => EventKind::Healed,
        Event::Namesake { .. } => EventKind::Namesake,
        Event::Join { .. } => EventKind::Join,
        Event::Kv(_) => EventKind::Key,
        Event::Broadcast(_) => EventKind::Message,
        Event::Gap { .. } => EventKind::Gap,
        Event::Unacknowledged(_) => EventKind::Unacknowledged,
        Event::Left => EventKind::Left,
        Event::Lagged(_) => EventKind::Lagged,
        _ => return None,
    })
}

fn join(contact: SocketAddr, result: Result<usize, JoinError>) -> Value {
    let (event, contact) = (EventKind::Join.name(), contact.to_string());
    match result {
        Ok(members) => json!({ "event": event, "contact": contact, "members": members }),
        Err(error) => json!({ "event": event, "contact": contact, "error": error.to_string() }),
    }
}

fn lagged(missed: u64) -> Line {
    let kind = EventKind::Lagged;
    Line { kind, body: json!({ "event": kind.name(), "missed": missed }) }
}

fn change_name(change: MemberChange) -> &'static str {
    match change {
        MemberChange::Up => "up",
        MemberChange::Updated => "updated",
        MemberChange::Flapping => "flapping",
        MemberChange::Suspect => "suspect",
        MemberChange::Down => "down",
        MemberChange::Left => "left",
        _ => "changed",
    }
}
