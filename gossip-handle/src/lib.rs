//! What every async adapter of [`gossip_core`] shares: no runtime, no sockets, no tasks of its own.
//!
//! ```text
//!  application ── Handle::{join, set, publish, …} ──┐                 ┌── Driver ── adapter's task ── socket, timer
//!       └──────── Events::recv ◄── fan-out ◄────────┴─ Mutex<Node> ───┘
//! ```
//!
//! * [`Handle`] is what the application holds: cheap to clone, callable from any thread.
//! * [`Events`] is one subscription to what happens; each has its own bounded queue, and a slow reader is told how much
//!   it missed by [`Event::Lagged`](gossip_core::Event::Lagged).
//! * [`Inbox`] is one port's direct messages: bounded, and never more than there is room for.
//! * [`Driver`] is what the adapter's task holds: it brings packets and the time in and takes packets out.
//! * [`frame`] is how packets stand on a byte stream, for adapters that have a stream lane.
//!
//! The node sits behind one mutex that is held for as long as one call or one received batch takes, never across an
//! `await`.
//!
//! # An adapter's turn
//! ```
//! use gossip_core::{Clock, Config, Identity, Node, NodeId};
//! use gossip_handle::Driver;
//!
//! # fn main() -> Result<(), gossip_core::ConfigError> {
//! let clock = Clock::new();
//! let me = Identity::new(NodeId::from_name("a"), 1);
//! let node = Node::new(me, 1_u64, Config::local(), [7; 32], clock.now())?;
//! let (mut driver, handle) = Driver::new(node, clock);
//!
//! let mut buf = vec![0; 1200];
//! # let (received, mut sent) = (Vec::<(u64, Vec<u8>)>::new(), Vec::new());
//! let deadline = driver.turn(|turn| {
//!     for (from, mut packet) in received {
//!         // What the node drops it also counts.
//!         let _ = turn.handle_packet(&from, &mut packet);
//!     }
//!     turn.handle_timeout();
//!     while let Some(transmit) = turn.next_transmit(&mut buf) {
//!         sent.push((transmit.to, buf[..transmit.len].to_vec()));
//!     }
//!     turn.deadline()
//! });
//! // Then wait for the socket, the deadline or `driver.woken()`, whichever comes first.
//! # let _ = (deadline, handle);
//! # Ok(())
//! # }
//! ```
//!
//! # Panics
//! The lock does not pass a panic on. A panic in a closure given to [`Handle::with`] unwinds to its caller alone: the
//! node stays as the last call on it left it, and everybody else goes on. A panic in the task that owns the [`Driver`]
//! drops the driver, and that closes the node: streams end, waiting calls return, writes are refused.

mod awaited;
mod driver;
mod events;
pub mod frame;
mod handle;
mod hub;
mod inbox;
mod sending;
mod shared;
mod transport;

/// The example in the README runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use awaited::Awaited;
pub use driver::{Driver, Turn};
pub use events::Events;
pub use handle::{Handle, JoinFailure};
pub use inbox::Inbox;
pub use sending::{SendFailure, Sending};
pub use transport::{Counter, TransportCounters, TransportStats};
