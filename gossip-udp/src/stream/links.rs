//! Who is connected: the connections by peer and by host, and what may be open at once.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use gossip_handle::TransportCounters;

use super::limits::Bucket;
use super::link::Link;
use super::options::StreamOptions;
use crate::signal::Signal;

/// What all tasks of a stream lane share.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) options: StreamOptions,
    pub(super) counters: Arc<TransportCounters>,
    open: Mutex<Open>,
    queued: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Open {
    by_peer: HashMap<SocketAddr, Arc<Link>>,
    hosts: HashMap<IpAddr, Host>,
    all: Bucket,
    accepted: usize,
    dialed: usize,
    /// Those that have not said who they are, the oldest first.
    pending: VecDeque<(u64, Arc<Signal>)>,
    last_pending: u64,
}

#[derive(Debug)]
struct Host {
    connections: usize,
    bucket: Bucket,
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Accepted,
    Dialed,
}

/// A connection's place among those in use; given up when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    links: Arc<Links>,
    pub(super) peer: SocketAddr,
    pub(super) link: Arc<Link>,
    origin: Origin,
}

/// As many connections as may be are in use.
#[derive(Debug)]
pub(super) struct NoPlace;

/// A connection that has not said who it is; it no longer counts as one when this is dropped.
#[derive(Debug)]
pub(super) struct Pending {
    links: Arc<Links>,
    number: u64,
    evicted: Arc<Signal>,
}

impl Links {
    pub(super) fn new(options: StreamOptions, counters: Arc<TransportCounters>) -> Self {
        let open = Open {
            by_peer: HashMap::new(),
            hosts: HashMap::new(),
            all: Bucket::new(options.bytes_per_second, Instant::now()),
            accepted: 0,
            dialed: 0,
            pending: VecDeque::new(),
            last_pending: 0,
        };
        Self { options, counters, open: Mutex::new(open), queued: Arc::default() }
    }

    /// Queues a frame for a peer. If nobody is connected to it, a place for the connection that has to be opened.
    ///
    /// # Errors
    /// There is no place for another connection.
    pub(super) fn send(self: &Arc<Self>, peer: SocketAddr, frame: Vec<u8>) -> Result<Option<Place>, NoPlace> {
        let mut open = self.lock();
        let known = open.by_peer.get(&peer).cloned();
        let (link, place) = match known {
            Some(link) => (link, None),
            None => {
                let place = self.enter(&mut open, peer, Origin::Dialed);
                let Some(place) = place else {
                    self.counters.frames_unqueued.count();
                    return Err(NoPlace);
                };
                (Arc::clone(&place.link), Some(place))
            }
        };
        drop(open);
        if !link.push(frame, self.options.queue_bytes_per_peer, self.options.queue_bytes) {
            self.counters.frames_unqueued.count();
        }
        Ok(place)
    }

    /// A place for a connection whose other end has said who it is.
    pub(super) fn accept(self: &Arc<Self>, peer: SocketAddr) -> Option<Place> {
        self.enter(&mut self.lock(), peer, Origin::Accepted)
    }

    fn enter(self: &Arc<Self>, open: &mut Open, peer: SocketAddr, origin: Origin) -> Option<Place> {
        let StreamOptions { max_accepted, max_dialed, max_per_host, bytes_per_second_per_host: rate, .. } =
            self.options;
        let (count, max) = match origin {
            Origin::Accepted => (&mut open.accepted, max_accepted),
            Origin::Dialed => (&mut open.dialed, max_dialed),
        };
        if *count >= max {
            self.counters.refused_full.count();
            return None;
        }
        let host = open.hosts.entry(peer.ip());
        let host = host.or_insert_with(|| Host { connections: 0, bucket: Bucket::new(rate, Instant::now()) });
        if host.connections >= max_per_host {
            self.counters.refused_host.count();
            return None;
        }
        *count += 1;
        host.connections += 1;
        let link = Arc::new(Link::new(Arc::clone(&self.queued)));
        // Frames to a peer go over its first connection; a second one, opened from the other end at the same time, is
        // read all the same.
        open.by_peer.entry(peer).or_insert_with(|| Arc::clone(&link));
        Some(Place { links: Arc::clone(self), peer, link, origin })
    }

    fn leave(&self, place: &Place) {
        let mut open = self.lock();
        match place.origin {
            Origin::Accepted => open.accepted -= 1,
            Origin::Dialed => open.dialed -= 1,
        }
        if open.by_peer.get(&place.peer).is_some_and(|link| Arc::ptr_eq(link, &place.link)) {
            open.by_peer.remove(&place.peer);
        }
        if let Some(host) = open.hosts.get_mut(&place.peer.ip()) {
            host.connections -= 1;
            if host.connections == 0 {
                open.hosts.remove(&place.peer.ip());
            }
        }
        drop(open);
        self.counters.frames_unsent.add(place.link.close() as u64);
    }

    /// So many bytes came from a host; how long to wait before more is read from it.
    pub(super) fn throttle(&self, host: IpAddr, bytes: usize) -> Duration {
        let (mut open, now) = (self.lock(), Instant::now());
        let all = open.all.spend(now, bytes);
        let wait = open.hosts.get_mut(&host).map_or(all, |host| host.bucket.spend(now, bytes).max(all));
        if wait > Duration::ZERO {
            self.counters.throttled.count();
        }
        wait
    }

    /// A connection was taken and waits to hear who the other end is. The oldest that does makes way if too many do.
    pub(super) fn pend(self: &Arc<Self>) -> Pending {
        let evicted = Arc::<Signal>::default();
        let mut open = self.lock();
        open.last_pending += 1;
        let number = open.last_pending;
        open.pending.push_back((number, Arc::clone(&evicted)));
        if open.pending.len() > self.options.max_pending
            && let Some((_, oldest)) = open.pending.pop_front()
        {
            oldest.raise();
            self.counters.closed_pending.count();
        }
        Pending { links: Arc::clone(self), number, evicted }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.links.leave(self);
    }
}

impl Pending {
    /// Ready once the connection has to make way for others.
    pub(super) fn poll_evicted(&self, cx: &Context<'_>) -> Poll<()> {
        self.evicted.poll_raised(cx)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.links.lock().pending.retain(|(other, _)| *other != self.number);
    }
}
