//! Somebody between the nodes who delays, drops, repeats and reorders their datagrams.
//!
//! A node behind the relay advertises an address of the relay. What others send there goes on to the node, and it comes from the
//! relay's address of its sender: so each one sees all others where they say they are. There are no connections through it, and
//! those that are tried are refused: everything goes in datagrams.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What happens to datagrams, each by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Faults {
    /// The share that is lost, 0 to 1.
    pub loss: f64,
    /// The share of the others that arrives twice, 0 to 1.
    pub repeated: f64,
    /// How long each takes at most; the times differ, so that later ones overtake earlier ones.
    pub delay_max: Duration,
}

impl Faults {
    /// A network that nobody has to complain about.
    pub const NONE: Self = Self { loss: 0.0, repeated: 0.0, delay_max: Duration::ZERO };
}

/// A relay on loopback, of threads of its own. Dropped, it ends and carries nothing any more.
#[derive(Debug)]
pub struct Relay {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something is due earlier than before, or the relay ends.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    faults: Faults,
    random: fastrand::Rng,
    /// The relay's sockets by their address, and the node behind each.
    places: BTreeMap<SocketAddr, Place>,
    /// The relay's address of each node.
    nodes: HashMap<SocketAddr, SocketAddr>,
    under_way: BinaryHeap<Reverse<Datagram>>,
    sent: u64,
    ended: bool,
}

#[derive(Debug)]
struct Place {
    socket: Arc<UdpSocket>,
    node: Option<SocketAddr>,
    cut: bool,
}

/// Ordered by when it is due, then by its number.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Datagram {
    due: Instant,
    number: u64,
    /// The relay's addresses of both ends.
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl Relay {
    /// A relay whose decisions follow from `seed`, as far as the order of datagrams does not.
    pub fn new(faults: Faults, seed: u64) -> Self {
        let state = State {
            faults,
            random: fastrand::Rng::with_seed(seed),
            places: BTreeMap::new(),
            nodes: HashMap::new(),
            under_way: BinaryHeap::new(),
            sent: 0,
            ended: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let carrier = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.carry()
        });
        Self { shared, threads: vec![carrier] }
    }

    /// An address for a node to advertise; nothing goes through it until [`Relay::attach`] is called.
    ///
    /// # Errors
    /// The system has no socket to give.
    pub fn open(&mut self) -> io::Result<SocketAddr> {
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        let address = socket.local_addr()?;
        let place = Place { socket: Arc::clone(&socket), node: None, cut: false };
        self.shared.lock().places.insert(address, place);
        let shared = Arc::clone(&self.shared);
        self.threads.push(thread::spawn(move || shared.receive(&socket, address)));
        Ok(address)
    }

    /// The node that advertises `address` listens at `node`.
    pub fn attach(&self, address: SocketAddr, node: SocketAddr) {
        let mut state = self.shared.lock();
        state.nodes.insert(node, address);
        if let Some(place) = state.places.get_mut(&address) {
            place.node = Some(node);
        }
    }

    /// Nothing goes to the node that advertises `address`, or comes from it, any more; or it does again.
    pub fn cut(&self, address: SocketAddr, cut: bool) {
        if let Some(place) = self.shared.lock().places.get_mut(&address) {
            place.cut = cut;
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended = true;
        // Each receiving thread waits for a datagram.
        for (address, place) in &state.places {
            _ = place.socket.send_to(&[], address);
        }
        drop(state);
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            _ = thread.join();
        }
    }
}

impl Shared {
    /// Takes what comes to one address, until the relay ends.
    fn receive(&self, socket: &UdpSocket, to: SocketAddr) {
        let mut buffer = vec![0; 65_535];
        loop {
            // An error is the answer to an earlier datagram, to a node that is gone.
            let received = socket.recv_from(&mut buffer);
            let mut state = self.lock();
            if state.ended {
                return;
            }
            if let Ok((len, node)) = received
                && let Some(from) = state.nodes.get(&node).copied()
            {
                state.take(from, to, &buffer[..len]);
                self.changed.notify_all();
            }
        }
    }

    /// Hands on what is due, until the relay ends.
    fn carry(&self) {
        let mut state = self.lock();
        while !state.ended {
            let now = Instant::now();
            match state.under_way.peek().map(|Reverse(next)| next.due) {
                Some(due) if due <= now => state.hand_on(),
                Some(due) => {
                    let waited = self.changed.wait_timeout(state, due - now);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Decides what becomes of a datagram.
    fn take(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let is_cut = |address| self.places.get(&address).is_none_or(|place| place.cut);
        if is_cut(from) || is_cut(to) || self.random.f64() < self.faults.loss {
            return;
        }
        let copies = if self.random.f64() < self.faults.repeated { 2 } else { 1 };
        for _ in 0..copies {
            let due = Instant::now() + self.faults.delay_max.mul_f64(self.random.f64());
            self.sent += 1;
            self.under_way.push(Reverse(Datagram { due, number: self.sent, from, to, bytes: bytes.to_vec() }));
        }
    }

    /// Sends what is due first to its node, from the relay's address of its sender.
    fn hand_on(&mut self) {
        let Some(Reverse(datagram)) = self.under_way.pop() else { return };
        let node = self.places.get(&datagram.to).and_then(|place| place.node);
        if let Some((node, from)) = node.zip(self.places.get(&datagram.from)) {
            // What the system refuses is lost.
            _ = from.socket.send_to(&datagram.bytes, node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    }

    /// What is under way, in the order in which it will arrive, after 1000 datagrams were sent.
    fn decided(faults: Faults, seed: u64, cut: bool) -> Vec<u64> {
        let mut relay = Relay::new(Faults { delay_max: Duration::from_secs(3600), ..faults }, seed);
        let [a, b] = [relay.open().unwrap(), relay.open().unwrap()];
        relay.cut(b, cut);
        let mut state = relay.shared.lock();
        for number in 0..1000_u32 {
            state.take(a, b, &number.to_be_bytes());
        }
        std::iter::from_fn(|| state.under_way.pop()).map(|Reverse(datagram)| datagram.number).collect()
    }

    #[test]
    fn a_share_is_lost_a_share_is_repeated_and_later_ones_overtake() {
        let all = decided(Faults::NONE, 7, false);
        assert_eq!(all.len(), 1000);
        assert!(!all.is_sorted());
        let lost = decided(Faults { loss: 0.3, ..Faults::NONE }, 7, false).len();
        assert!((600..800).contains(&lost), "{lost}");
        let repeated = decided(Faults { repeated: 0.3, ..Faults::NONE }, 7, false).len();
        assert!((1200..1400).contains(&repeated), "{repeated}");
        assert!(decided(Faults::NONE, 7, true).is_empty(), "cut off");
    }

    #[test]
    fn the_same_seed_decides_the_same() {
        let faults = Faults { loss: 0.3, repeated: 0.3, ..Faults::NONE };
        let [first, again, other] = [7, 7, 8].map(|seed| decided(faults, seed, false).len());
        assert_eq!(first, again);
        assert_ne!(first, other);
    }

    #[test]
    fn a_datagram_comes_from_the_address_of_the_relay_that_its_sender_advertises() {
        let mut relay = Relay::new(Faults::NONE, 7);
        let (a, b) = (socket(), socket());
        let [at_a, at_b] = [&a, &b].map(|socket| {
            let address = relay.open().unwrap();
            relay.attach(address, socket.local_addr().unwrap());
            address
        });
        a.send_to(b"hello", at_b).unwrap();
        let mut buffer = [0; 10];
        assert_eq!(b.recv_from(&mut buffer).unwrap(), (5, at_a));
        assert_eq!(&buffer[..5], b"hello");
    }
}
