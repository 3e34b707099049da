//! Snapshots of the whole node, as often as they are cheap.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gossip_handle::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Progress;
use crate::agent::datadir::DataDir;
use crate::exit::Failure;

/// How long a change of what others wrote, or of the member list, may be missing on disk.
const PERIOD: Duration = Duration::from_secs(1);
/// A snapshot that took long is followed by so many times as long without one.
const REST: u32 = 20;

/// The one task that writes snapshots.
pub(super) struct Snapshots {
    handle: Handle<SocketAddr>,
    dir: Arc<DataDir>,
    name: String,
    progress: Arc<Progress>,
    saved: Option<Revision>,
    failing: bool,
}

/// What tells that nothing has changed.
type Revision = (u64, u64, u64);

impl Snapshots {
    pub(super) fn new(handle: Handle<SocketAddr>, dir: Arc<DataDir>, name: String, progress: Arc<Progress>) -> Self {
        Self { handle, dir, name, progress, saved: None, failing: false }
    }

    /// Runs until it is told to stop, and writes a last one then.
    pub(super) async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        loop {
            let begun = Instant::now();
            self.save_if_changed().await;
            let rest = PERIOD.max(begun.elapsed() * REST);
            if tokio::time::timeout(rest, &mut stopped).await.is_ok() {
                break;
            }
        }
        self.save_if_changed().await;
    }

    async fn save_if_changed(&mut self) {
        if self.saved == Some(self.revision()) {
            return;
        }
        match self.save().await {
            Ok(()) => self.failing = false,
            Err(_) if self.failing => {}
            Err(failure) => {
                tracing::error!("{}; snapshots are tried again until they work", failure.message);
                self.failing = true;
            }
        }
    }

    async fn save(&mut self) -> Result<(), Failure> {
        let revision = self.revision();
        // Whatever is in the journal now was made before and is in the snapshot, too.
        let committed = self.progress.committed.load(Ordering::Relaxed);
        let state = self.handle.with(|node, _| node.snapshot().to_vec());
        let (dir, name) = (Arc::clone(&self.dir), self.name.clone());
        tokio::task::spawn_blocking(move || dir.save(&name, revision.2, &state))
            .await
            .map_err(|error| Failure::failed(format!("writing the data folder failed: {error}")))??;
        self.progress.covered.store(committed, Ordering::Relaxed);
        self.progress.snapshots.fetch_add(1, Ordering::Relaxed);
        self.saved = Some(revision);
        Ok(())
    }

    fn revision(&self) -> Revision {
        self.handle.with(|node, _| (node.members().revision(), node.kv().revision(), node.identity().generation))
    }
}
