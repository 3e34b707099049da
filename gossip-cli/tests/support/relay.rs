//! A network that can be broken in one direction: agents advertise sockets of the relay, which passes their datagrams on.

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Agent, Site};

/// Forwards datagrams between agents, each of which the others know by a socket of the relay.
pub(crate) struct Relay {
    shared: Arc<Shared>,
}

struct Shared {
    sockets: Vec<UdpSocket>,
    /// Where each agent really listens, once it does.
    bound: Mutex<Vec<Option<SocketAddr>>>,
    /// From whom to whom nothing gets through.
    cut: Mutex<HashSet<(usize, usize)>>,
}

impl Relay {
    /// A relay for so many agents.
    pub(crate) fn new(agents: usize) -> Self {
        let sockets = (0..agents).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a free port")).collect();
        let shared = Arc::new(Shared { sockets, bound: Mutex::new(vec![None; agents]), cut: Mutex::default() });
        for to in 0..agents {
            let shared = Arc::clone(&shared);
            // It ends with the test's process.
            std::thread::spawn(move || shared.forward(to));
        }
        Self { shared }
    }

    /// Starts agents of these names behind it, joined through the first.
    pub(crate) fn start(&self, site: &Site, names: &[&str]) -> Vec<Agent> {
        let start = |(at, name): (usize, &&str)| {
            let addr = |at: usize| self.shared.sockets[at].local_addr().expect("it is bound").to_string();
            let (advertised, contact) = (addr(at), addr(0));
            let join: &[&str] = if at > 0 { &["--join", &contact] } else { &[] };
            let agent = site.start(name, &[&["--no-stream", "--advertise", &advertised], join].concat());
            let bound = agent.ready["bind"].as_str().and_then(|addr| addr.parse().ok());
            self.shared.bound.lock().unwrap_or_else(PoisonError::into_inner)[at] = bound;
            agent
        };
        names.iter().enumerate().map(start).collect()
    }

    /// Lets nothing through any more from one agent to another.
    pub(crate) fn cut(&self, from: usize, to: usize) {
        self.shared.cut.lock().unwrap_or_else(PoisonError::into_inner).insert((from, to));
    }
}

impl Shared {
    fn forward(&self, to: usize) {
        let mut buf = [0; 2048];
        while let Ok((len, sender)) = self.sockets[to].recv_from(&mut buf) {
            let bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let from = bound.iter().position(|addr| *addr == Some(sender));
            if let (Some(from), Some(addr)) = (from, bound[to])
                && !self.cut.lock().unwrap_or_else(PoisonError::into_inner).contains(&(from, to))
            {
                // What cannot be sent is lost, as in any network.
                let _ = self.sockets[from].send_to(&buf[..len], addr);
            }
        }
    }
}
