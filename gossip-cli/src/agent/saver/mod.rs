//! Keeps the data folder up to date: local writes at once, everything else soon after it changed.
//!
//! A write is answered when the journal has it on disk. Writes that come while the disk is busy go there together, with
//! one fsync. Snapshots follow at their own pace, and let the journal forget what they hold.

mod commits;
mod snapshots;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use gossip_core::kv::{Kv, Version};
use gossip_handle::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::datadir::{DataDir, Journal};
use crate::exit::Failure;
use commits::{Commits, Queue};
use snapshots::Snapshots;

/// The way to the disk for local writes.
#[derive(Clone, Debug)]
pub(crate) struct Saver {
    dir: Arc<DataDir>,
    queue: Arc<Queue>,
    progress: Arc<Progress>,
    wake: mpsc::Sender<()>,
}

/// A write that is on its way to the disk.
#[derive(Debug)]
pub(crate) struct Ticket(oneshot::Receiver<Result<(), Failure>>);

/// How far journal and snapshots have come, as numbers of batches.
#[derive(Debug, Default)]
struct Progress {
    /// In the journal, on disk.
    committed: AtomicU64,
    /// In a snapshot, on disk.
    covered: AtomicU64,
    /// How often this run of the agent wrote to the journal.
    commits: AtomicU64,
    /// How often it wrote a snapshot.
    snapshots: AtomicU64,
}

/// What the disk holds and has done.
#[derive(Clone, Debug)]
pub(crate) struct DiskState {
    /// The size of all files of the data folder.
    pub(crate) bytes: u64,
    /// Writes that are not yet on their way.
    pub(crate) waiting: usize,
    /// Trips to the journal since the start; each takes all that waits.
    pub(crate) commits: u64,
    /// Snapshots since the start.
    pub(crate) snapshots: u64,
    /// Whether it refuses writes now.
    pub(crate) refusing: bool,
    /// Why it refused some at last, if ever.
    pub(crate) last_error: Option<String>,
}

impl Saver {
    /// Whether a write may begin: the disk has room, and took the last one. To be asked before anything is changed.
    pub(crate) fn ready(&self) -> Result<(), Failure> {
        let ready = self.queue.ready().and_then(|()| self.dir.check_room());
        ready.map_err(|failure| {
            // Whatever waits is tried again now: there may be room meanwhile.
            self.wake();
            let message = format!("nothing was written, because it would not be kept: {}", failure.message);
            Failure::failed(message)
                .hint("make room or repair the data folder, then write again; reads go on meanwhile")
        })
    }

    /// Takes a write that was just made; to be called before the node is given anything else.
    pub(crate) fn record(&self, kv: Kv<'_>, version: Version) -> Ticket {
        let (reply, answer) = oneshot::channel();
        self.queue.push(kv, version, reply);
        self.wake();
        Ticket(answer)
    }

    /// What there is to tell of the disk.
    pub(crate) fn disk(&self) -> DiskState {
        let (waiting, refused) = self.queue.look();
        let full = self.dir.check_room().err();
        DiskState {
            bytes: self.dir.bytes(),
            waiting,
            commits: self.progress.commits.load(Relaxed),
            snapshots: self.progress.snapshots.load(Relaxed),
            refusing: full.is_some() || self.queue.ready().is_err(),
            last_error: full.or(refused).map(|failure| failure.message),
        }
    }

    fn wake(&self) {
        // Full: it will wake in any case.
        let _ = self.wake.try_send(());
    }
}

impl Ticket {
    /// Waits until the write, and every write before it, is on disk.
    pub(crate) async fn on_disk(self) -> Result<(), Failure> {
        let stopped = || Failure::failed("the data folder was closed: the agent is stopping");
        self.0.await.map_err(|_| stopped())?.map_err(|failure| {
            let message = format!("the write is in the cluster but not on this disk: {}", failure.message);
            Failure::failed(message).hint(
                "make room or repair the data folder: the agent goes on trying to write it, and refuses further writes \
                 until it can",
            )
        })
    }
}

/// Starts the tasks. They end, after a last snapshot, when every [`Saver`] is gone.
pub(crate) fn spawn(
    handle: Handle<SocketAddr>,
    dir: DataDir,
    journal: Box<dyn Journal>,
    name: String,
) -> (Saver, JoinHandle<()>) {
    let (wake, woken) = mpsc::channel(1);
    let (dir, queue, progress) = (Arc::new(dir), Arc::new(Queue::default()), Arc::new(Progress::default()));
    let commits = Commits::new(Arc::clone(&queue), journal, Arc::clone(&progress));
    let snapshots = Snapshots::new(handle, Arc::clone(&dir), name, Arc::clone(&progress));
    let task = tokio::spawn(async move {
        let (stop, stopped) = oneshot::channel();
        let snapshots = tokio::spawn(snapshots.run(stopped));
        commits.run(woken).await;
        drop(stop);
        if let Err(error) = snapshots.await {
            tracing::error!("writing snapshots failed: {error}");
        }
    });
    (Saver { dir, queue, progress, wake }, task)
}
