//! What both examples begin with.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gossip_core::{Clock, Config, Identity, Node, NodeId};

/// A node and what drives it.
pub trait Driven: Sized {
    /// Opens a socket and makes a node.
    ///
    /// # Errors
    /// Of the socket.
    fn bind(addr: SocketAddr) -> io::Result<Self>;

    /// Waits for a packet or a deadline, `most` at most; takes in what came, lets the timers run and sends what is to be
    /// sent.
    ///
    /// # Errors
    /// Of the socket, if it will not go away by itself.
    fn turn(&mut self, most: Duration) -> io::Result<()>;

    /// Where the socket is bound.
    fn local_addr(&self) -> SocketAddr;

    /// The node and its time.
    fn node(&mut self) -> (&mut Node<SocketAddr>, gossip_core::Instant);
}

/// A node at `addr`, which is its name, too, in a life of its own.
///
/// # Errors
/// If the system has no random bytes.
pub fn node(addr: SocketAddr, clock: &Clock) -> io::Result<Node<SocketAddr>> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
    // Where there is no disk to count on, the time tells one life from the next.
    let me = Identity::new(NodeId::from_name(&addr.to_string()), unix_ms());
    let mut config = Config::lan();
    // These examples have no lane for what is large: it goes in datagrams.
    config.transport.stream = None;
    let mut node = Node::new(me, addr, config, seed, clock.now()).map_err(io::Error::other)?;
    node.handle_wall_clock(clock.now(), unix_ms());
    Ok(node)
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

/// Runs a node as the command line says, `ADDRESS [CONTACT]`, and prints what happens.
///
/// # Errors
/// Of the arguments and the socket.
pub fn run<D: Driven>() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().ok_or("usage: ADDRESS [CONTACT], for example 127.0.0.1:7001")?.parse()?;
    let mut driven = D::bind(addr)?;
    println!("up at {}", driven.local_addr());
    if let Some(contact) = args.next() {
        let (node, now) = driven.node();
        node.join(now, contact.parse()?)?;
    }
    loop {
        driven.turn(Duration::from_secs(1))?;
        while let Some(event) = driven.node().0.poll_event() {
            println!("{event:?}");
        }
    }
}
