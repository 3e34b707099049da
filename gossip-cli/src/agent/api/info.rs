//! The agent itself: who it is, what it holds, what it counted.

use std::sync::atomic::Ordering::Relaxed;

use gossip_core::Status;
use serde_json::{Map, Value, json};

use super::counters::{COUNTERS, Counter, TRANSPORT};
use super::error::ApiError;
use super::guard::{Refusal, Refused};
use super::members::status_name;
use super::{Answer, State};
use crate::agent::hooks::{Counts, Outcome};
use crate::agent::query::{Dropped, Queries};
use crate::agent::saver::DiskState;
use crate::profile::Profile;

pub(super) fn show(state: &State) -> Result<Answer, ApiError> {
    // Before the lock: it asks the file system.
    let disk = state.saver.as_ref().map(|saver| disk(&saver.disk()));
    let transport = state.handle.transport();
    let answer = state.handle.with(|node, _| {
        let identity = node.identity();
        let (members, kv, broadcasts) = (node.members(), node.kv(), node.broadcasts());
        let me = members.get(identity.id);
        let mut counts: Map<String, Value> = Map::new();
        for status in [Status::Alive, Status::Suspect, Status::Down, Status::Left] {
            let count = members.iter().filter(|member| member.status == status).count();
            counts.insert(status_name(status).into(), count.into());
        }
        json!({
            "name": state.name,
            "id": identity.id.to_string(),
            "generation": identity.generation,
            "incarnation": me.as_ref().map(|me| me.incarnation),
            "addr": me.as_ref().map(|me| me.addr.to_string()),
            "bind": state.bound.to_string(),
            "cluster": node.config().cluster,
            "tags": me.as_ref().map(|me| Profile::decode(me.id, me.metadata).tags),
            "socket": state.socket.display().to_string(),
            "http": state.http_addr().map(|addr| addr.to_string()),
            "data_dir": state.data_dir.as_ref().map(|dir| dir.display().to_string()),
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_s": state.started.elapsed().as_secs(),
            "members": counts,
            "kv": {
                "entries": kv.len(),
                "tombstones": kv.tombstones(),
                "fingerprint": format!("{:016x}", kv.fingerprint()),
                "revision": format!("{}-{}", state.run(), state.changes.revision(node)),
            },
            "broadcast": { "history": broadcasts.history_len(), "history_bytes": broadcasts.history_bytes() },
            "disk": disk,
            "stats": counters(COUNTERS, node.stats()),
            "direct": { "pending": node.directs().pending() },
            "connections": transport.connections,
            "transport": counters(TRANSPORT, &transport),
            "on_event": handlers(&state.hooks),
            "on_query": handlers(&state.queries.handlers),
            "query_dropped": query_dropped(&state.queries),
            "reloads": { "succeeded": state.reloads.succeeded.load(Relaxed), "failed": state.reloads.failed.load(Relaxed) },
            "http_refused": refusals(&state.http),
        })
    });
    Ok(answer.into())
}

fn disk(disk: &DiskState) -> Value {
    json!({
        "bytes": disk.bytes,
        "writes_waiting": disk.waiting,
        "commits": disk.commits,
        "snapshots": disk.snapshots,
        "refusing": disk.refusing,
        "last_error": disk.last_error,
    })
}

fn handlers(counts: &Counts) -> Value {
    let mut object = Map::new();
    object.insert("running".into(), counts.running().into());
    object.insert("waiting".into(), counts.waiting().into());
    for outcome in Outcome::ALL {
        object.insert(outcome.name().into(), counts.ended(outcome).into());
    }
    object.insert("dropped".into(), counts.dropped().into());
    Value::Object(object)
}

fn query_dropped(queries: &Queries) -> Value {
    Dropped::ALL.iter().map(|why| (why.name(), queries.dropped(*why))).collect()
}

fn refusals(refused: &Refused) -> Value {
    Refusal::ALL.iter().map(|refusal| (refusal.name(), refused.count(*refusal))).collect()
}

fn counters<S>(counters: &[Counter<S>], stats: &S) -> Value {
    counters.iter().map(|counter| (counter.field, (counter.read)(stats))).collect()
}
