//! Keeps the data folder up to date: soon after any change, and at once for who waits for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip_handle::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::datadir::DataDir;
use crate::exit::Failure;

/// How long a change that nobody waits for may be missing on disk.
const PERIOD: Duration = Duration::from_secs(1);
/// Requests that wait while the disk is busy; they share the next write.
const WAITING: usize = 64;

type Reply = oneshot::Sender<Result<(), Failure>>;

/// The way to the task that writes.
#[derive(Clone, Debug)]
pub(crate) struct Saver {
    requests: mpsc::Sender<Reply>,
}

impl Saver {
    /// Writes the current state and waits until it is on disk. Requests that meet share one write.
    pub(crate) async fn flush(&self) -> Result<(), Failure> {
        let (reply, answer) = oneshot::channel();
        let stopped = || Failure::failed("the data folder is closed: the agent is stopping");
        self.requests.send(reply).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// Starts the task. It ends, after a last write, when every [`Saver`] is gone.
pub(crate) fn spawn(handle: Handle<SocketAddr>, dir: Arc<DataDir>, name: String) -> (Saver, JoinHandle<()>) {
    let (requests, inbox) = mpsc::channel(WAITING);
    (Saver { requests }, tokio::spawn(Task { handle, dir, name, saved: None }.run(inbox)))
}

struct Task {
    handle: Handle<SocketAddr>,
    dir: Arc<DataDir>,
    name: String,
    saved: Option<Revision>,
}

/// What tells that nothing has changed.
type Revision = (u64, u64, u64);

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Reply>) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = inbox.recv() => {
                    let Some(first) = request else { break };
                    let mut waiting = vec![first];
                    while let Ok(next) = inbox.try_recv() {
                        waiting.push(next);
                    }
                    let result = self.save().await;
                    for reply in waiting {
                        // Who no longer waits needs no answer.
                        let _ = reply.send(result.clone());
                    }
                }
                _ = period.tick() => self.save_if_changed().await,
            }
        }
        self.save_if_changed().await;
    }

    async fn save_if_changed(&mut self) {
        if self.saved == Some(self.revision()) {
            return;
        }
        if let Err(failure) = self.save().await {
            tracing::error!("{}", failure.message);
        }
    }

    async fn save(&mut self) -> Result<(), Failure> {
        let revision = self.revision();
        let state = self.handle.with(|node, _| node.snapshot().to_vec());
        let (dir, name) = (Arc::clone(&self.dir), self.name.clone());
        tokio::task::spawn_blocking(move || dir.save(&name, revision.2, &state))
            .await
            .map_err(|error| Failure::failed(format!("writing the data folder failed: {error}")))??;
        self.saved = Some(revision);
        Ok(())
    }

    fn revision(&self) -> Revision {
        self.handle.with(|node, _| (node.members().revision(), node.kv().revision(), node.identity().generation))
    }
}
