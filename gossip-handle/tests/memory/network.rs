//! Nodes whose datagrams go straight into each other, driven by the test's own thread.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use gossip_core::{Clock, Config, Identity, Node, NodeId};
use gossip_handle::{Driver, Handle};

const LIMIT: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(crate) struct Network {
    drivers: Vec<(u64, Driver<u64>)>,
}

impl Network {
    /// A node that is reached at `addr`.
    pub(crate) fn add(&mut self, addr: u64) -> Handle<u64> {
        let mut config = Config::local();
        config.membership.join_timeout = config.membership.join_retry * 4;
        let clock = Clock::new();
        let me = Identity::new(NodeId::from_name(&addr.to_string()), 1);
        let node = Node::new(me, addr, config, [addr.to_le_bytes()[0]; 32], clock.now()).unwrap();
        let (driver, handle) = Driver::new(node, clock);
        self.drivers.push((addr, driver));
        handle
    }

    pub(crate) fn driver(&mut self, addr: u64) -> &mut Driver<u64> {
        self.drivers.iter_mut().find_map(|(at, driver)| (*at == addr).then_some(driver)).unwrap()
    }

    pub(crate) fn take(&mut self, addr: u64) -> Driver<u64> {
        let at = self.drivers.iter().position(|(at, _)| *at == addr).unwrap();
        self.drivers.swap_remove(at).1
    }

    pub(crate) fn close(&mut self, addr: u64) {
        self.take(addr).close();
    }

    /// Lets the nodes run until `future` is done.
    pub(crate) fn run<T>(&mut self, future: impl Future<Output = T>) -> T {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(future);
        let limit = Instant::now() + LIMIT;
        loop {
            if let Poll::Ready(result) = future.as_mut().poll(&mut cx) {
                return result;
            }
            let next = self.step();
            assert!(Instant::now() < limit, "not within {LIMIT:?}");
            if let Poll::Ready(result) = future.as_mut().poll(&mut cx) {
                return result;
            }
            // Nothing happens before the next deadline, unless another thread does it.
            thread::park_timeout(next.saturating_duration_since(Instant::now()));
        }
    }

    /// Lets the nodes run until `condition` holds.
    pub(crate) fn run_until(&mut self, mut condition: impl FnMut() -> bool) {
        self.run(poll_fn(|_| if condition() { Poll::Ready(()) } else { Poll::Pending }));
    }

    /// Carries datagrams until there are none, and says when the next timer is due.
    fn step(&mut self) -> Instant {
        loop {
            let mut carried = Vec::new();
            let mut next = Instant::now() + LIMIT;
            for (from, driver) in &mut self.drivers {
                let deadline = driver.turn(|turn| {
                    turn.handle_timeout();
                    let mut buffer = [0; 1200];
                    while let Some(transmit) = turn.next_transmit(&mut buffer) {
                        carried.push((*from, transmit.to, buffer[..transmit.len].to_vec()));
                    }
                    turn.deadline()
                });
                next = next.min(deadline.unwrap_or(next));
            }
            if carried.is_empty() {
                return next;
            }
            for (from, to, mut packet) in carried {
                if let Some((_, driver)) = self.drivers.iter_mut().find(|(at, _)| *at == to) {
                    driver.turn(|turn| turn.handle_packet(&from, &mut packet)).unwrap();
                }
            }
        }
    }
}

pub(crate) fn live(handle: &Handle<u64>) -> usize {
    handle.with(|node, _| node.members().live())
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
