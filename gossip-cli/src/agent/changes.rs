//! The changes of the map in the order in which this agent saw them, numbered: what watchers read.
//!
//! Of each key only the last change is kept, without the value, which the map holds. So a reader is no more than a place
//! in the order: one that is slow, or was away, gets each key that changed since once, as it is now. The keys that changed
//! longest ago are forgotten at a limit; who is behind them is told how many changes it may have missed.

use std::collections::{BTreeMap, HashMap};
use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use gossip_core::kv::{KvEvent, Scope};
use gossip_core::{Event, Node};
use gossip_handle::{Events, Handle};
use tokio::sync::watch;

/// So many changes are looked at under one lock of the node.
const PAGE: usize = 512;

/// The numbered changes of one run of an agent.
pub(super) struct Changes {
    inner: Mutex<Inner>,
    tip: watch::Sender<Tip>,
}

/// How far the log has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tip {
    revision: u64,
    /// The node has ended: nothing more is to come.
    pub(super) ended: bool,
}

struct Inner {
    log: Log,
    events: Events<SocketAddr>,
}

impl Changes {
    /// Begins at revision 0 and keeps the last changes of at most `max` keys.
    pub(super) fn spawn(handle: &Handle<SocketAddr>, max: usize) -> Arc<Self> {
        let inner = Mutex::new(Inner { log: Log::new(max), events: handle.events() });
        let changes = Arc::new(Self { inner, tip: watch::Sender::default() });
        let follow = Arc::clone(&changes);
        tokio::spawn(async move {
            while poll_fn(|cx| follow.poll_follow(cx)).await {}
            follow.tip.send_modify(|tip| tip.ended = true);
        });
        changes
    }

    /// How many keys are kept from now on.
    pub(super) fn set_max(&self, max: usize) {
        self.lock().log.set_max(max);
    }

    /// To be woken when there is something new.
    pub(super) fn tip(&self) -> watch::Receiver<Tip> {
        self.tip.subscribe()
    }

    /// The revision that the map has now. `_node` proves that the node is locked, so that nothing happens meanwhile.
    pub(super) fn revision(&self, _node: &Node<SocketAddr>) -> u64 {
        self.caught_up().log.revision
    }

    /// The oldest revision that a reader may go on from.
    pub(super) fn floor(&self) -> u64 {
        self.lock().log.floor
    }

    /// What comes after a revision. `_node` proves that the node is locked: it holds just what these changes made.
    pub(super) fn page(&self, _node: &Node<SocketAddr>, after: u64) -> Page {
        self.caught_up().log.page(after)
    }

    /// Takes what the node has told already. It tells under its lock, so whoever holds that misses nothing.
    fn caught_up(&self) -> MutexGuard<'_, Inner> {
        let mut guard = self.lock();
        let Inner { log, events } = &mut *guard;
        while let Some(event) = events.try_recv() {
            log.record(event);
        }
        guard
    }

    /// Takes what the node tells as it does; `false`: it has ended.
    fn poll_follow(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut guard = self.lock();
        let Inner { log, events } = &mut *guard;
        let polled = pin!(events.recv()).poll(cx);
        let goes_on = polled.map(|event| {
            let next = std::iter::from_fn(|| events.try_recv());
            let goes_on = event.is_some();
            event.into_iter().chain(next).for_each(|event| log.record(event));
            goes_on
        });
        let revision = log.revision;
        drop(guard);
        self.tip.send_if_modified(|tip| std::mem::replace(&mut tip.revision, revision) != revision);
        goes_on
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next changes for a reader.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// How many changes before these are not kept, and may have been missed.
    pub(super) missed: u64,
    /// The revision up to which they are.
    pub(super) floor: u64,
    pub(super) changes: Vec<(u64, KvEvent)>,
    /// Where the next page begins.
    pub(super) through: u64,
    /// Whether there is one already.
    pub(super) more: bool,
}

/// The last change of each key, as far as they are kept.
#[derive(Debug)]
struct Log {
    max: usize,
    revision: u64,
    /// All that is newer is kept.
    floor: u64,
    by_revision: BTreeMap<u64, KvEvent>,
    by_key: HashMap<(Scope, Arc<[u8]>), u64>,
}

impl Log {
    fn new(max: usize) -> Self {
        Self { max, revision: 0, floor: 0, by_revision: BTreeMap::new(), by_key: HashMap::new() }
    }

    fn set_max(&mut self, max: usize) {
        self.max = max;
        self.forget();
    }

    fn record(&mut self, event: Event<SocketAddr>) {
        match event {
            Event::Kv(change) => {
                self.revision += 1;
                if let Some(before) = self.by_key.insert((change.scope, change.key.clone()), self.revision) {
                    self.by_revision.remove(&before);
                }
                self.by_revision.insert(self.revision, change);
                self.forget();
            }
            // Each of those that are missing may have been a change of any key.
            Event::Lagged(missed) => {
                self.revision = self.revision.saturating_add(missed);
                self.floor = self.revision;
                self.by_revision.clear();
                self.by_key.clear();
            }
            _ => {}
        }
    }

    fn forget(&mut self) {
        while self.by_revision.len() > self.max {
            let Some((revision, change)) = self.by_revision.pop_first() else { return };
            self.by_key.remove(&(change.scope, change.key));
            self.floor = revision;
        }
    }

    fn page(&self, after: u64) -> Page {
        let floor = self.floor.max(after);
        let mut following = self.by_revision.range(floor + 1..);
        let changes: Vec<_> = following.by_ref().take(PAGE).map(|(at, change)| (*at, change.clone())).collect();
        let more = following.next().is_some();
        let through = if more { changes.last().map_or(floor, |(at, _)| *at) } else { self.revision.max(floor) };
        Page { missed: floor - after, floor, changes, through, more }
    }
}

#[cfg(test)]
mod tests {
    use gossip_core::kv::Version;
    use gossip_core::{Clock, Config, Identity, NodeId};
    use gossip_handle::Driver;

    use super::*;

    fn change(log: &mut Log, key: &str) {
        let version = Version { node: NodeId::from_name("a"), life: 1 << 16, counter: log.revision + 1 };
        log.record(Event::Kv(KvEvent { scope: Scope::Shared, key: key.as_bytes().into(), version, deleted: false }));
    }

    fn log_of(max: usize, keys: &[&str]) -> Log {
        let mut log = Log::new(max);
        keys.iter().for_each(|key| change(&mut log, key));
        log
    }

    fn keys(page: &Page) -> Vec<(u64, &str)> {
        page.changes.iter().map(|(at, change)| (*at, std::str::from_utf8(&change.key).unwrap())).collect()
    }

    #[test]
    fn each_key_comes_once_at_its_last_change() {
        let log = log_of(9, &["x", "y", "x", "z"]);
        let page = log.page(0);
        assert_eq!(keys(&page), [(2, "y"), (3, "x"), (4, "z")]);
        assert_eq!((page.missed, page.through, page.more), (0, 4, false));
        assert_eq!(keys(&log.page(2)), [(3, "x"), (4, "z")]);
        assert_eq!(keys(&log.page(4)), []);
    }

    #[test]
    fn what_is_forgotten_is_counted_as_missed() {
        let log = log_of(2, &["a", "b", "c", "d", "e"]);
        let page = log.page(1);
        assert_eq!((keys(&page), page.missed, page.floor), (vec![(4, "d"), (5, "e")], 2, 3));
        assert_eq!(log.page(3).missed, 0);
        assert_eq!((log.by_key.len(), log.by_revision.len()), (2, 2));
    }

    #[test]
    fn a_key_that_changes_again_and_again_pushes_nothing_out() {
        let log = log_of(2, &["a", "b", "b", "b", "b"]);
        assert_eq!((keys(&log.page(0)), log.floor), (vec![(1, "a"), (5, "b")], 0));
    }

    #[test]
    fn what_the_node_could_not_tell_is_missing_for_all() {
        let mut log = log_of(9, &["a", "b"]);
        log.record(Event::Lagged(7));
        change(&mut log, "c");
        let page = log.page(1);
        assert_eq!((keys(&page), page.missed), (vec![(10, "c")], 8));
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let names: Vec<String> = (0..PAGE * 2 + 3).map(|number| number.to_string()).collect();
        let log = log_of(usize::MAX, &names.iter().map(String::as_str).collect::<Vec<_>>());
        let (mut at, mut read, mut more) = (0, Vec::new(), true);
        while more {
            let page = log.page(at);
            read.extend(page.changes.iter().map(|(at, _)| *at));
            (at, more) = (page.through, page.more);
        }
        assert_eq!(read, (1..=names.len() as u64).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn under_the_nodes_lock_the_log_has_all_that_the_map_has() {
        let (clock, me) = (Clock::new(), Identity::new(NodeId::from_name("a"), 1));
        let addr = SocketAddr::from(([127, 0, 0, 1], 1));
        let (driver, handle) = Driver::new(Node::new(me, addr, Config::local(), [1; 32], clock.now()).unwrap(), clock);
        let changes = Changes::spawn(&handle, 9);
        let mut tip = changes.tip();
        handle.set(Scope::Shared, b"k", b"v").unwrap();
        // The task that follows has not run yet.
        handle.with(|node, _| {
            assert_eq!(changes.revision(node), 1);
            assert_eq!(keys(&changes.page(node, 0)), [(1, "k")]);
        });
        assert!(!tip.has_changed().unwrap());
        tip.changed().await.unwrap();
        drop(driver);
        while !tip.borrow_and_update().ended {
            tip.changed().await.unwrap();
        }
    }

    #[test]
    fn a_smaller_limit_holds_at_once() {
        let mut log = log_of(5, &["a", "b", "c"]);
        log.set_max(1);
        assert_eq!((keys(&log.page(2)), log.floor), (vec![(3, "c")], 2));
    }
}
