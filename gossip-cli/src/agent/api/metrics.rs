//! `/metrics`: what Prometheus scrapes, in its text format 0.0.4. No labels for peers: a large cluster has too many.

use std::fmt::{Display, Write as _};
use std::sync::atomic::Ordering::Relaxed;

use gossip_core::Status;

use super::counters::{COUNTERS, Counter, TRANSPORT};
use super::guard::Refusal;
use super::members::status_name;
use super::{Answer, State};
use crate::agent::hooks::Outcome;
use crate::agent::query::Dropped;
use crate::agent::saver::DiskState;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn show(state: &State) -> Answer {
    let mut page = Page::default();
    page.family("build_info", "gauge", "The agent's version; always 1.");
    page.sample("build_info", Some(("version", env!("CARGO_PKG_VERSION"))), 1);
    page.family("process_start_time_seconds", "gauge", "When the agent started, in seconds since the Unix epoch.");
    page.sample("process_start_time_seconds", None, state.started_unix.as_secs_f64());
    node(&mut page, state);
    agent(&mut page, state);
    if let Some(saver) = &state.saver {
        disk(&mut page, &saver.disk());
    }
    Answer::Text(CONTENT_TYPE, page.0)
}

fn node(page: &mut Page, state: &State) {
    state.handle.with(|node, _| {
        let (members, kv, broadcasts) = (node.members(), node.kv(), node.broadcasts());
        page.family("members", "gauge", "Members in the table.");
        for status in [Status::Alive, Status::Suspect, Status::Down, Status::Left] {
            let count = members.iter().filter(|member| member.status == status).count();
            page.sample("members", Some(("status", status_name(status))), count);
        }
        page.gauge("kv_entries", "Entries of the map.", kv.len());
        page.gauge("kv_tombstones", "Deleted entries that are still remembered.", kv.tombstones());
        page.gauge("direct_pending", "Direct messages under way.", node.directs().pending());
        page.gauge("broadcast_history_messages", "Messages kept for those who missed them.", broadcasts.history_len());
        page.gauge("broadcast_history_bytes", "Bytes of the messages kept.", broadcasts.history_bytes());
        page.counters(COUNTERS, node.stats());
    });
    let transport = state.handle.transport();
    page.gauge("connections", "Connections of the stream lane that are open.", transport.connections);
    page.counters(TRANSPORT, &transport);
}

fn agent(page: &mut Page, state: &State) {
    page.family("handler_runs_total", "counter", "Runs of event handlers, by how they ended.");
    for outcome in Outcome::ALL {
        page.sample("handler_runs_total", Some(("result", outcome.name())), state.hooks.ended(outcome));
    }
    page.family("handler_events_dropped_total", "counter", "Events without a run, because too many waited.");
    page.sample("handler_events_dropped_total", None, state.hooks.dropped());
    page.gauge("handlers_running", "Event handlers that run now.", state.hooks.running());
    page.gauge("handler_events_waiting", "Events that wait for a handler now.", state.hooks.waiting());
    let handlers = &state.queries.handlers;
    page.family("query_handler_runs_total", "counter", "Runs of handlers of queries, by how they ended.");
    for outcome in Outcome::ALL {
        page.sample("query_handler_runs_total", Some(("result", outcome.name())), handlers.ended(outcome));
    }
    page.family("query_dropped_total", "counter", "Questions and replies of queries that were dropped.");
    page.sample("query_dropped_total", Some(("reason", "too_many_waiting")), handlers.dropped());
    for why in Dropped::ALL {
        page.sample("query_dropped_total", Some(("reason", why.name())), state.queries.dropped(why));
    }
    page.gauge("query_handlers_running", "Handlers of queries that run now.", handlers.running());
    page.gauge("queries_waiting", "Queries that wait for a handler now.", handlers.waiting());
    page.family("config_reloads_total", "counter", "Times the configuration was read again, by how that ended.");
    for (result, count) in [("succeeded", &state.reloads.succeeded), ("failed", &state.reloads.failed)] {
        page.sample("config_reloads_total", Some(("result", result)), count.load(Relaxed));
    }
    page.family("http_refused_total", "counter", "Requests and connections refused before they were looked at.");
    for refusal in Refusal::ALL {
        page.sample("http_refused_total", Some(("reason", refusal.name())), state.http.count(refusal));
    }
}

fn disk(page: &mut Page, disk: &DiskState) {
    page.gauge("disk_bytes", "Size of the data folder's files.", disk.bytes);
    page.gauge("disk_writes_waiting", "Local writes that wait for the disk.", disk.waiting);
    page.gauge(
        "disk_refusing",
        "Whether writes are refused because the disk does not take them.",
        u8::from(disk.refusing),
    );
    page.family("disk_commits_total", "counter", "Trips to the journal, each with all the writes that waited.");
    page.sample("disk_commits_total", None, disk.commits);
    page.family("disk_snapshots_total", "counter", "Snapshots written.");
    page.sample("disk_snapshots_total", None, disk.snapshots);
}

/// The text so far.
#[derive(Default)]
struct Page(String);

impl Page {
    /// Begins a metric; its samples follow.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP gossip_{name} {help}\n# TYPE gossip_{name} {kind}");
    }

    /// Label values are words of this program, which need no escapes.
    fn sample(&mut self, name: &str, label: Option<(&str, &str)>, value: impl Display) {
        let _ = match label {
            Some((label, text)) => writeln!(self.0, "gossip_{name}{{{label}=\"{text}\"}} {value}"),
            None => writeln!(self.0, "gossip_{name} {value}"),
        };
    }

    fn counters<S>(&mut self, counters: &[Counter<S>], stats: &S) {
        let mut last = "";
        for counter in counters {
            if counter.metric != last {
                self.family(counter.metric, "counter", counter.help);
                last = counter.metric;
            }
            self.sample(counter.metric, counter.reason.map(|reason| ("reason", reason)), (counter.read)(stats));
        }
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, None, value);
    }
}
