//! Group commit: what was written while the disk was busy goes to it together.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gossip_core::kv::{Kv, Version, Writes};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::Progress;
use crate::agent::datadir::{Batch, Journal};
use crate::exit::Failure;

/// How often writes that the disk refused are tried again.
const RETRY: Duration = Duration::from_secs(1);

type Reply = oneshot::Sender<Result<(), Failure>>;

/// The writes that wait for the disk. While it refuses them no more are let in, so only those that are being answered
/// wait here.
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    writes: Writes,
    generation: u64,
    replies: Vec<Reply>,
    /// Why the disk refused the last ones.
    refused: Option<Failure>,
    /// The same, and it stays when the disk takes them again.
    last_refused: Option<Failure>,
}

impl Queue {
    pub(super) fn push(&self, kv: Kv<'_>, version: Version, reply: Reply) {
        let mut waiting = self.lock();
        let found = waiting.writes.push(kv, version);
        debug_assert!(found, "it was written a moment ago");
        waiting.generation = waiting.generation.max(version.generation());
        waiting.replies.push(reply);
    }

    pub(super) fn ready(&self) -> Result<(), Failure> {
        self.lock().refused.clone().map_or(Ok(()), Err)
    }

    /// How many writes wait, and why the disk refused some at last.
    pub(super) fn look(&self) -> (usize, Option<Failure>) {
        let waiting = self.lock();
        (waiting.writes.len(), waiting.last_refused.clone())
    }

    fn take(&self) -> (Option<Batch>, Vec<Reply>) {
        let mut waiting = self.lock();
        let some = !waiting.writes.is_empty();
        let batch = some.then(|| Batch { generation: waiting.generation, writes: waiting.writes.take() });
        (batch, std::mem::take(&mut waiting.replies))
    }

    /// Notes what became of the last ones; whether that is news.
    fn note(&self, refused: Option<Failure>) -> bool {
        let mut waiting = self.lock();
        let news = waiting.refused.is_some() != refused.is_some();
        if refused.is_some() {
            waiting.last_refused.clone_from(&refused);
        }
        waiting.refused = refused;
        news
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one task that writes to the journal.
pub(super) struct Commits {
    queue: Arc<Queue>,
    /// Gone if it failed in a way that it should not.
    journal: Option<Box<dyn Journal>>,
    progress: Arc<Progress>,
    /// Taken from the queue and not on disk.
    pending: Vec<Batch>,
}

impl Commits {
    pub(super) fn new(queue: Arc<Queue>, journal: Box<dyn Journal>, progress: Arc<Progress>) -> Self {
        Self { queue, journal: Some(journal), progress, pending: Vec::new() }
    }

    /// Runs until nobody can wake it any more.
    pub(super) async fn run(mut self, mut woken: mpsc::Receiver<()>) {
        let mut retry = tokio::time::interval(RETRY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut open = true;
        while open {
            let failing = !self.pending.is_empty();
            tokio::select! {
                call = woken.recv() => open = call.is_some(),
                _ = retry.tick(), if failing => {}
            }
            self.commit().await;
        }
    }

    async fn commit(&mut self) {
        loop {
            let (batch, replies) = self.queue.take();
            self.pending.extend(batch);
            if self.pending.is_empty() {
                return;
            }
            let result = self.append().await;
            self.report(result.as_ref().err());
            for reply in replies {
                // Who no longer waits needs no answer.
                let _ = reply.send(result.clone());
            }
            if result.is_err() {
                return;
            }
        }
    }

    async fn append(&mut self) -> Result<(), Failure> {
        let lost = || Failure::failed("the journal has failed").hint("the log says why; start the agent again");
        let mut journal = self.journal.take().ok_or_else(lost)?;
        let (batches, covered) = (std::mem::take(&mut self.pending), self.progress.covered.load(Ordering::Relaxed));
        let written = tokio::task::spawn_blocking(move || {
            let result = journal.append(&batches, covered);
            (journal, batches, result)
        });
        let (journal, batches, result) = written.await.map_err(|error| {
            tracing::error!("writing the journal failed: {error}");
            lost()
        })?;
        self.journal = Some(journal);
        match result {
            Ok(last) => {
                self.progress.committed.store(last, Ordering::Relaxed);
                self.progress.commits.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(failure) => {
                self.pending = batches;
                Err(failure)
            }
        }
    }

    fn report(&self, refused: Option<&Failure>) {
        if self.queue.note(refused.cloned()) {
            match refused {
                Some(failure) => tracing::error!("{}; writes are refused until it works again", failure.message),
                None => tracing::info!("the disk takes writes again"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc as sync;

    use gossip_core::kv::Scope;
    use gossip_core::{Config, Identity, Instant, Node, NodeId};

    use super::*;

    /// A disk that is slow for as long as the test wants, and full when it says so.
    #[derive(Debug)]
    struct Disk {
        go: sync::Receiver<()>,
        full: Arc<AtomicBool>,
        written: Arc<Mutex<Vec<Batch>>>,
    }

    impl Journal for Disk {
        fn append(&mut self, batches: &[Batch], _covered: u64) -> Result<u64, Failure> {
            self.go.recv().expect("the test lets every write through");
            if self.full.load(Ordering::SeqCst) {
                return Err(Failure::failed("no room"));
            }
            let mut written = self.written.lock().unwrap();
            written.extend_from_slice(batches);
            Ok(written.len() as u64)
        }
    }

    struct Bench {
        node: Node<u64>,
        queue: Arc<Queue>,
        wake: mpsc::Sender<()>,
        go: sync::Sender<()>,
        full: Arc<AtomicBool>,
        written: Arc<Mutex<Vec<Batch>>>,
        progress: Arc<Progress>,
        task: tokio::task::JoinHandle<()>,
    }

    impl Bench {
        fn new() -> Self {
            let (go, gone) = sync::channel();
            let (full, written) = (Arc::default(), Arc::default());
            let disk = Disk { go: gone, full: Arc::clone(&full), written: Arc::clone(&written) };
            let (queue, progress) = (Arc::new(Queue::default()), Arc::new(Progress::default()));
            let (wake, woken) = mpsc::channel(1);
            let commits = Commits::new(Arc::clone(&queue), Box::new(disk), Arc::clone(&progress));
            let task = tokio::spawn(commits.run(woken));
            Self { node: node(), queue, wake, go, full, written, progress, task }
        }

        fn set(&mut self, key: &str) -> oneshot::Receiver<Result<(), Failure>> {
            let version = self.node.kv_mut(Instant::ZERO).set(Scope::Shared, key.as_bytes(), b"v").unwrap();
            let (reply, answer) = oneshot::channel();
            self.queue.push(self.node.kv(), version, reply);
            let _ = self.wake.try_send(());
            answer
        }

        /// How many keys a new node has from the journal.
        fn restored(&self) -> usize {
            let mut node = node();
            for batch in self.written.lock().unwrap().iter() {
                node.restore(Instant::ZERO, &batch.writes).unwrap();
            }
            node.kv().len()
        }
    }

    fn node() -> Node<u64> {
        let identity = Identity::new(NodeId::from_name("a"), 3);
        Node::new(identity, 1, Config::default(), [1; 32], Instant::ZERO).unwrap()
    }

    #[tokio::test]
    async fn a_write_is_answered_when_it_is_on_disk_and_not_before() {
        let mut bench = Bench::new();
        let mut answer = bench.set("a");
        tokio::task::yield_now().await;
        assert!(answer.try_recv().is_err(), "answered before it was written");
        bench.go.send(()).unwrap();
        assert_eq!(answer.await, Ok(Ok(())));
        assert_eq!(bench.restored(), 1);
        assert_eq!(bench.written.lock().unwrap()[0].generation, 3);
        assert_eq!(bench.progress.committed.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn writes_that_meet_a_busy_disk_share_the_next_trip() {
        let mut bench = Bench::new();
        let first = bench.set("first");
        while !bench.queue.lock().writes.is_empty() {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = (0..50).map(|number| bench.set(&format!("k{number}"))).collect();
        bench.go.send(()).unwrap();
        bench.go.send(()).unwrap();
        for answer in [first].into_iter().chain(others) {
            assert_eq!(answer.await, Ok(Ok(())));
        }
        assert_eq!(bench.restored(), 51);
        assert_eq!(bench.written.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_full_disk_refuses_until_it_has_room_and_loses_nothing() {
        let mut bench = Bench::new();
        bench.full.store(true, Ordering::SeqCst);
        let refused = bench.set("a");
        bench.go.send(()).unwrap();
        assert_eq!(refused.await, Ok(Err(Failure::failed("no room"))));
        assert_eq!(bench.queue.ready(), Err(Failure::failed("no room")));
        // Reads go on.
        assert_eq!(bench.node.kv().len(), 1);
        bench.full.store(false, Ordering::SeqCst);
        bench.go.send(()).unwrap();
        let _ = bench.wake.try_send(());
        while bench.queue.ready().is_err() {
            tokio::task::yield_now().await;
        }
        let answer = bench.set("b");
        bench.go.send(()).unwrap();
        assert_eq!(answer.await, Ok(Ok(())));
        assert_eq!(bench.restored(), 2);
    }

    #[tokio::test]
    async fn what_still_waits_at_the_end_is_written() {
        let mut bench = Bench::new();
        bench.go.send(()).unwrap();
        let answer = bench.set("a");
        drop((bench.wake, bench.go));
        bench.task.await.unwrap();
        assert_eq!(answer.await, Ok(Ok(())));
        assert_eq!(bench.written.lock().unwrap().len(), 1);
    }
}
