//! SIGHUP: the configuration is read again, and what may change without a restart does.
//!
//! All or nothing: what cannot be read, or cannot be had (a port in use), leaves everything as it was.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::api::{HttpListener, Server, State};
use super::feed::Line;
use super::hooks::Hooks;
use super::logs;
use super::settings::Settings;
use crate::args::AgentArgs;
use crate::config::{self, Change};
use crate::event_kind::EventKind;
use crate::exit::Failure;

/// What the settings reach, and what is in effect.
pub(super) struct Reloader {
    args: AgentArgs,
    state: Arc<State>,
    current: Settings,
    log: logs::Control,
    hooks: watch::Sender<Hooks>,
    http: Option<Server>,
}

impl Reloader {
    /// Starts what `settings` ask for; `http` is the listener that they name.
    pub(super) fn start(
        args: AgentArgs,
        state: Arc<State>,
        settings: Settings,
        log: logs::Control,
        http: Option<HttpListener>,
    ) -> Self {
        let hooks = watch::Sender::new(settings.hooks.clone());
        state.set_config(settings.to_json());
        let mut reloader = Self { args, state, current: settings, log, hooks, http: None };
        reloader.serve(http);
        reloader
    }

    /// What handlers are run by, from now on.
    pub(super) fn hooks(&self) -> watch::Receiver<Hooks> {
        self.hooks.subscribe()
    }

    /// Reads the configuration again; the log, the event stream and the counters tell how that went.
    pub(super) async fn reload(&mut self) {
        let outcome = self.try_reload().await;
        self.state.reloads.count(outcome.is_ok());
        let kind = EventKind::Reload;
        let body = match outcome {
            Ok((changed, left)) => {
                let needs_restart: Vec<&str> = left.iter().map(|change| change.key.as_str()).collect();
                let changed: Vec<&str> = changed.iter().map(|change| change.key.as_str()).collect();
                json!({ "event": kind.name(), "changed": changed, "needs_restart": needs_restart })
            }
            Err(failure) => {
                tracing::error!("SIGHUP: nothing was changed: {}", failure.message);
                json!({ "event": kind.name(), "error": failure.message })
            }
        };
        self.state.feed.tell(Line { kind, body });
    }

    /// Ends HTTP.
    pub(super) async fn stop(self) {
        if let Some(server) = self.http {
            server.stop().await;
        }
    }

    /// What has changed, and what would if the agent were started anew.
    async fn try_reload(&mut self) -> Result<(Vec<Change>, Vec<Change>), Failure> {
        let mut new = Settings::read(&self.args)?;
        let both = config::changes(&document(&self.current), &document(&new));
        let (changed, left): (Vec<_>, Vec<_>) = both.into_iter().partition(Change::is_reloadable);
        // The node goes on with what it was made from.
        new.file.node = self.current.file.node.clone();
        let metadata = new.metadata(&self.state.name)?;
        let moved = new.http != self.current.http;
        let http = match new.http.filter(|_| moved) {
            Some(addr) => Some(addr.bind().await?),
            None => None,
        };
        self.state.set_metadata(&metadata)?;
        if moved {
            self.serve(http);
        }
        self.log.set(new.file.agent.log);
        self.state.changes.set_max(new.file.agent.watch_history);
        self.hooks.send_replace(new.hooks.clone());
        self.state.set_config(new.to_json());
        self.current = new;
        report(&changed, &left);
        Ok((changed, left))
    }

    /// Answers at another port, or at none; what the old one still answers is not waited for.
    fn serve(&mut self, http: Option<HttpListener>) {
        self.state.set_http_addr(http.as_ref().map(HttpListener::addr));
        let new = http.map(|http| http.serve(Arc::clone(&self.state)));
        if let Some(old) = std::mem::replace(&mut self.http, new) {
            tokio::spawn(old.stop());
        }
    }
}

fn document(settings: &Settings) -> Value {
    settings.to_json()["config"].take()
}

fn report(changed: &[Change], left: &[Change]) {
    for Change { key, from, to } in changed {
        tracing::info!("SIGHUP: {key} was {from} and is {to} now");
    }
    for Change { key, from, to } in left {
        tracing::warn!("SIGHUP: {key} stays {from}: to make it {to} needs a restart");
    }
    if changed.is_empty() && left.is_empty() {
        tracing::info!("SIGHUP: the configuration is what it was");
    }
}
