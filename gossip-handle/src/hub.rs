//! One event to many subscribers, each with a bounded queue of its own.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use gossip_core::Event;

/// All subscriptions to one node.
pub(crate) struct Hub<P> {
    queues: Vec<Arc<Queue<P>>>,
    closed: bool,
}

/// One subscription's events, waiting to be read. It has its own lock, so that reading never waits for the node.
pub(crate) struct Queue<P> {
    wants: fn(&Event<P>) -> bool,
    capacity: usize,
    inner: Mutex<Inner<P>>,
}

struct Inner<P> {
    /// At most `capacity`, and one [`Event::Lagged`] at the end.
    waiting: VecDeque<Event<P>>,
    closed: bool,
    reader: Option<Waker>,
}

impl<P> Default for Hub<P> {
    fn default() -> Self {
        Self { queues: Vec::new(), closed: false }
    }
}

impl<P: Clone> Hub<P> {
    /// A subscription, from now on, to the events that `wants` picks. [`Event::Lagged`] always comes through.
    pub(crate) fn subscribe(&mut self, capacity: usize, wants: fn(&Event<P>) -> bool) -> Arc<Queue<P>> {
        self.forget_abandoned();
        let inner = Inner { waiting: VecDeque::new(), closed: self.closed, reader: None };
        let queue = Arc::new(Queue { wants, capacity, inner: Mutex::new(inner) });
        if !self.closed {
            self.queues.push(Arc::clone(&queue));
        }
        queue
    }

    /// Queues `event` for each subscriber and collects the wakers of those who wait for it.
    pub(crate) fn publish(&mut self, event: Event<P>, woken: &mut Vec<Waker>) {
        self.forget_abandoned();
        let Some((last, others)) = self.queues.split_last() else { return };
        for queue in others.iter().filter(|queue| queue.wants(&event)) {
            woken.extend(queue.push(event.clone()));
        }
        if last.wants(&event) {
            woken.extend(last.push(event));
        }
    }

    /// Ends all subscriptions: what waits may still be read.
    pub(crate) fn close(&mut self, woken: &mut Vec<Waker>) {
        self.closed = true;
        woken.extend(self.queues.drain(..).filter_map(|queue| {
            let mut inner = queue.lock();
            inner.closed = true;
            inner.reader.take()
        }));
    }

    fn forget_abandoned(&mut self) {
        self.queues.retain(|queue| Arc::strong_count(queue) > 1);
    }
}

impl<P> Queue<P> {
    /// The next event; `None` once the node is closed and everything is read.
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Event<P>>> {
        let mut inner = self.lock();
        if let Some(event) = inner.waiting.pop_front() {
            return Poll::Ready(Some(event));
        }
        if inner.closed {
            return Poll::Ready(None);
        }
        match &mut inner.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            reader @ None => *reader = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    pub(crate) fn try_next(&self) -> Option<Event<P>> {
        self.lock().waiting.pop_front()
    }

    fn wants(&self, event: &Event<P>) -> bool {
        matches!(event, Event::Lagged(_)) || (self.wants)(event)
    }

    /// As in the node itself, the newest events are the ones dropped when the queue is full, so that
    /// [`Event::Lagged`] stands exactly where they are missing.
    fn push(&self, event: Event<P>) -> Option<Waker> {
        let mut inner = self.lock();
        let missed = match event {
            Event::Lagged(missed) => missed,
            _ if inner.waiting.len() < self.capacity => 0,
            _ => 1,
        };
        if missed == 0 {
            inner.waiting.push_back(event);
        } else if let Some(Event::Lagged(before)) = inner.waiting.back_mut() {
            *before = before.saturating_add(missed);
        } else {
            inner.waiting.push_back(Event::Lagged(missed));
        }
        inner.reader.take()
    }

    fn lock(&self) -> MutexGuard<'_, Inner<P>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> fmt::Debug for Queue<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        f.debug_struct("Queue").field("waiting", &inner.waiting.len()).field("closed", &inner.closed).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use gossip_core::JoinError;

    use super::*;

    type Peer = u64;

    fn join_of(contact: Peer) -> Event<Peer> {
        Event::Join { contact, result: Err(JoinError::NoAnswer) }
    }

    fn all(_: &Event<Peer>) -> bool {
        true
    }

    fn read_all(queue: &Queue<Peer>) -> Vec<Event<Peer>> {
        std::iter::from_fn(|| queue.try_next()).collect()
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn every_subscriber_gets_every_event_in_order() {
        let mut hub = Hub::default();
        let queues = [hub.subscribe(8, all), hub.subscribe(8, all)];
        (1..=3).for_each(|contact| hub.publish(join_of(contact), &mut Vec::new()));
        for queue in queues {
            assert_eq!(read_all(&queue), [join_of(1), join_of(2), join_of(3)]);
        }
    }

    #[test]
    fn a_slow_subscriber_is_told_where_and_how_much_it_missed() {
        let mut hub = Hub::default();
        let queue = hub.subscribe(2, all);
        (1..=5).for_each(|contact| hub.publish(join_of(contact), &mut Vec::new()));
        assert_eq!(queue.try_next(), Some(join_of(1)));
        assert_eq!(queue.try_next(), Some(join_of(2)));
        hub.publish(join_of(6), &mut Vec::new());
        assert_eq!(read_all(&queue), [Event::Lagged(3), join_of(6)]);
    }

    #[test]
    fn what_the_node_dropped_itself_adds_to_what_the_queue_dropped() {
        let mut hub = Hub::default();
        let queue = hub.subscribe(1, all);
        for event in [join_of(1), join_of(2), Event::Lagged(7)] {
            hub.publish(event, &mut Vec::new());
        }
        assert_eq!(read_all(&queue), [join_of(1), Event::Lagged(8)]);
    }

    #[test]
    fn a_queue_that_nobody_reads_stays_bounded() {
        let mut hub = Hub::default();
        let queue = hub.subscribe(4, all);
        for round in 0..1000 {
            hub.publish(if round % 2 == 0 { join_of(round) } else { Event::Lagged(1) }, &mut Vec::new());
        }
        assert!(queue.lock().waiting.len() <= 5);
    }

    #[test]
    fn a_subscriber_gets_only_what_it_wants_and_lagged() {
        let mut hub = Hub::default();
        let queue = hub.subscribe(8, |event| matches!(event, Event::Left));
        for event in [join_of(1), Event::Left, Event::Lagged(2)] {
            hub.publish(event, &mut Vec::new());
        }
        assert_eq!(read_all(&queue), [Event::Left, Event::Lagged(2)]);
    }

    #[test]
    fn an_abandoned_subscription_is_forgotten() {
        let mut hub = Hub::default();
        drop(hub.subscribe(8, all));
        hub.publish(join_of(1), &mut Vec::new());
        assert!(hub.queues.is_empty());
    }

    #[test]
    fn a_waiting_reader_is_woken_once_and_reads_the_event() {
        let (mut hub, count, mut woken) = (Hub::default(), Arc::new(Count::default()), Vec::new());
        let queue = hub.subscribe(8, all);
        let waker = Waker::from(Arc::clone(&count));
        let cx = Context::from_waker(&waker);
        assert!(queue.poll_next(&cx).is_pending());
        hub.publish(join_of(1), &mut woken);
        hub.publish(join_of(2), &mut woken);
        woken.into_iter().for_each(Waker::wake);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(queue.poll_next(&cx), Poll::Ready(Some(join_of(1))));
    }

    #[test]
    fn a_closed_hub_lets_the_rest_be_read_then_ends() {
        let mut hub = Hub::default();
        let queue = hub.subscribe(8, all);
        hub.publish(join_of(1), &mut Vec::new());
        hub.close(&mut Vec::new());
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(queue.poll_next(&cx), Poll::Ready(Some(join_of(1))));
        assert_eq!(queue.poll_next(&cx), Poll::Ready(None));
        assert_eq!(hub.subscribe(8, all).poll_next(&cx), Poll::Ready(None));
    }
}
