//! What the agent answers over its Unix socket: HTTP and JSON.
//!
//! ```text
//! GET    /v1/info
//! GET    /v1/members?status=&name=&tag=&all=
//! POST   /v1/join                 {"contacts": [..]}
//! POST   /v1/leave
//! GET    /v1/key?key=&own=        PUT /v1/key {"key", "value", "own"}        DELETE /v1/key?key=&own=
//! GET    /v1/keys?prefix=&own=    POST /v1/keys {"entries": [[key, value]..], "own"}
//! POST   /v1/publish              {"topic", "payload"}
//! GET    /v1/events               one JSON object a line, until the reader goes away
//! ```
//! Errors are `{"error", "hint", "exit"}`, the last being the exit code that a command should end with.

mod error;
mod info;
mod keyname;
mod keys;
mod listener;
mod members;
mod messages;
mod request;
mod route;
mod stream;
mod writes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use gossip_adapter_tokio_udp::UdpNode;
use gossip_core::NodeId;
use gossip_handle::Handle;
use serde_json::{Map, Value};
use tokio::sync::{Notify, broadcast};

pub(super) use listener::{Listener, Server};

use super::saver::Saver;
use crate::profile::Profile;

/// Messages published here that wait for a slow local reader.
const ECHO: usize = 256;

/// What the answers are made from.
pub(super) struct State {
    pub(super) profile: Profile,
    pub(super) socket: PathBuf,
    handle: Handle<SocketAddr>,
    me: NodeId,
    bound: SocketAddr,
    data_dir: Option<PathBuf>,
    saver: Option<Saver>,
    started: Instant,
    /// The node does not deliver its own messages to itself, but another program on this machine may want them.
    echo: broadcast::Sender<Value>,
    leave: Notify,
}

impl State {
    pub(super) fn new(
        node: &UdpNode,
        profile: Profile,
        socket: PathBuf,
        data_dir: Option<PathBuf>,
        saver: Option<Saver>,
    ) -> Self {
        Self {
            me: node.handle().with(|node, _| node.identity().id),
            handle: node.handle().clone(),
            bound: node.local_addr(),
            profile,
            socket,
            data_dir,
            saver,
            started: Instant::now(),
            echo: broadcast::channel(ECHO).0,
            leave: Notify::new(),
        }
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

/// An answer other than an error.
enum Answer {
    Json(Value),
    Stream(tokio::sync::mpsc::Receiver<hyper::body::Bytes>),
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        Self::Json(value)
    }
}

/// Puts bytes into an object as text under `name`, or, if they are no text, as hexadecimal digits under `name_hex`.
fn put_text(object: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.insert(name.to_string(), text.into()),
        Err(_) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            object.insert(format!("{name}_hex"), digits.into())
        }
    };
}
