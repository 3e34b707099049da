//! `gossip agent`: one cluster member in a process of its own.

mod address;
mod api;
mod changes;
mod datadir;
mod feed;
mod hooks;
#[cfg(all(test, target_os = "linux"))]
mod idle;
mod logs;
mod mail;
mod query;
mod reach;
mod reload;
mod saver;
mod settings;
mod setup;
mod signals;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gossip_adapter_tokio_udp::UdpNode;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::args::AgentArgs;
use crate::exit::Failure;
use crate::{output, socket};
use api::State;
use reload::Reloader;
use settings::Settings;
pub(crate) use settings::check as check_file;
use setup::Setup;

/// How much longer than the adapter itself, which has a limit of its own, the agent waits for a leave.
const LEAVE_GRACE: Duration = Duration::from_secs(2);

/// Runs a member until a signal, `gossip leave` or a failure ends it.
pub(crate) async fn run(args: AgentArgs, socket: Option<PathBuf>, json: bool) -> Result<(), Failure> {
    let settings = Settings::read(&args)?;
    let log = logs::init(settings.file.agent.log);
    let socket = socket::path(socket);
    let setup = Setup::new(&args).await?;
    let (mut signals, mut hangups) = (signals::Signals::new()?, signals::hangup()?);
    // The socket first: a second agent by mistake fails here, before it disturbs anything.
    let listener = api::Listener::bind(&socket)?;
    let http = match settings.http {
        Some(addr) => Some(addr.bind().await?),
        None => None,
    };
    let (node, opened) = setup.start(&args, &settings).await?;

    let (saver, saving) = match opened.disk {
        Some((dir, journal)) => {
            let (saver, task) = saver::spawn(node.handle().clone(), dir, journal, opened.name.clone());
            (Some(saver), Some(task))
        }
        None => (None, None),
    };
    let mut watching = watch::spawn(node.handle());
    let (to_self, questions) = query::local();
    let history = settings.file.agent.watch_history;
    let state = State::new(&node, opened.name, socket, args.data_dir.clone(), saver, history, to_self);
    let state = Arc::new(state);
    let mut reloader = Reloader::start(args, Arc::clone(&state), settings, log, http);
    let context = hooks::Context { name: state.name.clone(), socket: state.socket.clone() };
    let handlers = hooks::spawn(state.feed.subscribe(), reloader.hooks(), context, Arc::clone(&state.hooks));
    let context = hooks::Context { name: state.name.clone(), socket: state.socket.clone() };
    let answering = query::spawn(node.handle(), questions, reloader.hooks(), context, Arc::clone(&state.queries));
    let server = listener.serve(Arc::clone(&state));
    if let Err(failure) = announce(&state, &node, json) {
        tracing::warn!("the agent is ready, but could not say so: {}", failure.message);
    }
    watch::join(node.handle(), &setup.contacts, state.advertised());

    let outcome = loop {
        tokio::select! {
            name = signals.recv() => {
                tracing::info!("{name}: leaving");
                break Ok(());
            }
            () = state.left() => {
                tracing::info!("left on request");
                break Ok(());
            }
            Some(()) = hangups.recv() => reloader.reload().await,
            // The task reads the node's events until the node ends, which it does by itself only if its name is another's.
            ended = &mut watching => {
                let unknown = |error| Failure::failed(format!("the node stopped unexpectedly: {error}"));
                break Err(ended.unwrap_or_else(unknown));
            }
        }
    };
    tokio::select! {
        () = stop(node, server, reloader, [handlers, answering], state, saving) => outcome,
        name = signals.recv() => Err(Failure::failed(format!("{name} again: stopped without leaving"))),
    }
}

/// Tells whoever started the agent that it is ready, in one line.
fn announce(state: &State, node: &UdpNode, json: bool) -> Result<(), Failure> {
    let identity = node.handle().with(|node, _| node.identity());
    let (name, addr, socket) = (&state.name, state.advertised(), state.socket.display().to_string());
    if json {
        return output::json(&json!({
            "ready": true,
            "name": name,
            "id": identity.id.to_string(),
            "generation": identity.generation,
            "addr": addr.to_string(),
            "bind": node.local_addr().to_string(),
            "socket": socket,
            "http": state.http_addr().map(|addr| addr.to_string()),
        }));
    }
    let http = state.http_addr().map(|addr| format!(", http://{addr}")).unwrap_or_default();
    output::line(&format!("ready: {name} at {addr}, socket {socket}{http}"))
}

/// Leaves, answers what is still being asked, writes what is left to write. Each step is bounded.
async fn stop(
    node: UdpNode,
    server: api::Server,
    reloader: Reloader,
    handlers: [JoinHandle<()>; 2],
    state: Arc<State>,
    saving: Option<JoinHandle<()>>,
) {
    let limit = node.handle().with(|node, _| node.config().membership.leave_timeout) + LEAVE_GRACE;
    if tokio::time::timeout(limit, node.shutdown()).await.is_err() {
        tracing::warn!("leaving took longer than {limit:?}: the others will see a failure");
    }
    // They end with the node, or at a limit of their own.
    for task in handlers {
        if let Err(error) = task.await {
            tracing::error!("running handlers failed: {error}");
        }
    }
    reloader.stop().await;
    server.stop().await;
    // The saver writes for the last time when the state, which holds the way to it, is gone.
    drop(state);
    if let Some(saving) = saving
        && let Err(error) = saving.await
    {
        tracing::error!("writing the data folder failed: {error}");
    }
}
