//! What the agent answers over its Unix socket: HTTP and JSON.
//!
//! ```text
//! GET    /v1/info
//! GET    /v1/members?status=&name=&tag=&all=&why=
//! GET    /v1/rtt?from=&to=
//! POST   /v1/join                 {"contacts": [..]}
//! POST   /v1/leave
//! POST   /v1/force-leave          {"member"}
//! GET    /v1/key?key=&own=
//! PUT    /v1/key                  {"key", "value" or "pick", "own", "expires_ms", "if_absent", "if_version", "wait", ..}
//! POST   /v1/key                  {"key", "change": {"type", "value"}, "own", and as above}
//! DELETE /v1/key?key=&own=&if_version=&wait=&timeout_ms=
//! GET    /v1/keys?prefix=&own=    POST /v1/keys {"entries": [[key, value]..], "own"}
//! POST   /v1/diff                 {"member", "limit", "timeout_ms"}
//! POST   /v1/publish              {"topic", "payload"}
//! POST   /v1/cancel               {"version"}
//! GET    /v1/watch?prefix=&own=&from=&list=    changes of keys, one JSON object a line
//! POST   /v1/send                 {"to", "data"}
//! GET    /v1/inbox?count=         one JSON object a line, for one reader at a time
//! POST   /v1/query                {"name", "data", "tags", "timeout_ms"}: one JSON object a line
//! POST   /v1/reachability         {"timeout_ms"}
//! GET    /v1/events               one JSON object a line, until the reader goes away
//! ```
//! Errors are `{"error", "hint", "exit"}`, the last being the exit code that a command should end with.

mod content;
mod counters;
mod diff;
mod direct;
mod error;
mod guard;
mod import;
mod info;
mod keyname;
mod keys;
mod listener;
mod members;
mod messages;
mod metrics;
mod names;
mod openapi;
mod patient;
mod reachability;
mod request;
mod route;
mod rtt;
mod selection;
mod server;
mod stream;
mod tcp;
mod terms;
mod typed;
mod wait;
mod watch;
mod why;
mod writes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gossip_adapter_tokio_udp::UdpNode;
use gossip_core::NodeId;
use gossip_handle::Handle;
use serde_json::{Map, Value};
use tokio::sync::{Notify, mpsc};

pub(super) use content::put_content;
pub(super) use keyname::Shown;
pub(super) use listener::Listener;
pub(super) use server::Server;
pub(super) use tcp::{HttpAddr, HttpListener};

use super::changes::Changes;
use super::feed::Feed;
use super::hooks;
use super::mail::Mail;
use super::query::Queries;
use super::reach::Reach;
use super::saver::Saver;
use crate::digits;
use crate::exit::Failure;
use guard::Refused;

/// What the answers are made from.
pub(super) struct State {
    pub(super) name: String,
    pub(super) socket: PathBuf,
    handle: Handle<SocketAddr>,
    me: NodeId,
    bound: SocketAddr,
    data_dir: Option<PathBuf>,
    saver: Option<Saver>,
    started: Instant,
    /// The same as a time of day, counted from the Unix epoch.
    started_unix: Duration,
    /// How often the configuration was read again.
    pub(super) reloads: Reloads,
    /// What `/v1/config` answers.
    config: Mutex<Value>,
    http: Refused,
    http_addr: Mutex<Option<SocketAddr>>,
    pub(super) feed: Feed,
    pub(super) changes: Arc<Changes>,
    pub(super) hooks: Arc<hooks::Counts>,
    mail: Mail,
    pub(super) queries: Arc<Queries>,
    reach: Arc<Reach>,
    /// Takes questions to this agent's own handlers.
    questions: mpsc::Sender<Vec<u8>>,
    leave: Notify,
}

impl State {
    pub(super) fn new(
        node: &UdpNode,
        name: String,
        socket: PathBuf,
        data_dir: Option<PathBuf>,
        saver: Option<Saver>,
        watch_history: usize,
        questions: mpsc::Sender<Vec<u8>>,
    ) -> Self {
        Self {
            me: node.handle().with(|node, _| node.identity().id),
            handle: node.handle().clone(),
            bound: node.local_addr(),
            name,
            socket,
            data_dir,
            saver,
            started: Instant::now(),
            started_unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            reloads: Reloads::default(),
            config: Mutex::default(),
            http: Refused::default(),
            http_addr: Mutex::new(None),
            feed: Feed::new(node.handle()),
            changes: Changes::spawn(node.handle(), watch_history),
            hooks: Arc::default(),
            mail: Mail::new(node.handle()),
            queries: Arc::default(),
            reach: Reach::spawn(node.handle()),
            questions,
            leave: Notify::new(),
        }
    }

    /// Tells all members this metadata.
    pub(super) fn set_metadata(&self, metadata: &[u8]) -> Result<(), Failure> {
        let set = self.handle.with(|node, now| node.set_metadata(now, metadata));
        set.map_err(|error| Failure::input(format!("name and tags: {error}")))
    }

    /// Says what the configuration in effect is, so that clients can ask.
    pub(super) fn set_config(&self, config: Value) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }

    fn config(&self) -> Value {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says where HTTP is answered, so that clients can ask.
    pub(super) fn set_http_addr(&self, addr: Option<SocketAddr>) {
        *self.http_addr.lock().unwrap_or_else(PoisonError::into_inner) = addr;
    }

    /// Where HTTP is answered.
    pub(super) fn http_addr(&self) -> Option<SocketAddr> {
        *self.http_addr.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the revisions of this run of this agent begin with.
    fn run(&self) -> String {
        format!("{}-{}", &self.me.to_string()[..8], self.started_unix.as_millis())
    }

    /// Waits until a client asks to leave.
    pub(super) async fn left(&self) {
        self.leave.notified().await;
    }

    /// Where others reach this member.
    pub(super) fn advertised(&self) -> SocketAddr {
        self.handle.with(|node, _| node.members().get(self.me).map_or(self.bound, |member| *member.addr))
    }
}

/// How often the configuration was read again, and how often that failed.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl Reloads {
    pub(super) fn count(&self, succeeded: bool) {
        let counter = if succeeded { &self.succeeded } else { &self.failed };
        counter.fetch_add(1, Relaxed);
    }
}

/// An answer other than an error.
enum Answer {
    Json(Value),
    /// Its media type, and the text.
    Text(&'static str, String),
    Stream(mpsc::Receiver<hyper::body::Bytes>),
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        Self::Json(value)
    }
}

/// Puts bytes into an object as text under `name`, or, if they are no text, as hexadecimal digits under `name_hex`.
pub(super) fn put_text(object: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.insert(name.to_string(), text.into()),
        Err(_) => object.insert(format!("{name}_hex"), digits::write(bytes).into()),
    };
}
