//! One gossip cluster member as a pure state machine: packets, commands and the time go in; packets, events and the next
//! deadline come out. It opens no socket, reads no clock, spawns nothing and draws no randomness but from its seed; the
//! same calls give the same answers, always.
//!
//! Start with [`Node`], whose documentation is the driving loop; then [`Event`], what it tells, and [`Config`], what may be
//! turned. Everything else is reached from these.
//!
//! ```text
//!  handle_packet  --> +------ Node ------+ --> poll_transmit
//!  handle_timeout --> |  membership      | --> poll_event
//!  join, leave    --> |  broadcast       | --> poll_timeout
//!  kv_mut, ...    --> |  kv              | <-- members, kv, stats
//!                     |  direct          |
//!                     +------------------+
//! ```
//!
//! - Network input never panics, never grows memory without bound and never blocks. A panic is a bug of this crate.
//! - Whatever the network sends, on an error nothing but counters has changed.
//! - Every limit is in [`Config`], with what happens at it.
//! - A packet is built when it is polled, into the caller's slice; what waits is what to say, not bytes.
//!
//! Features: `broadcast`, `direct` and `kv` are the protocols above membership; `values` and `reports` add to `kv`, `coordinates`
//! to membership; `fast` is for large nodes (all on by default). `serde` reads and writes [`Config`]; `std` adds the `Clock`. Without `std` the crate needs `alloc` alone.
#![no_std]
#![deny(missing_docs, unreachable_pub)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "broadcast")]
pub mod broadcast;
#[cfg(feature = "broadcast")]
mod bulk;
pub mod config;
#[cfg(feature = "direct")]
pub mod direct;
pub mod error;
pub mod event;
pub mod identity;
#[cfg(feature = "kv")]
pub mod kv;
pub mod membership;
mod node;
mod pacing;
pub mod peer;
mod protocol;
mod random;
mod snapshot;
mod stats;
mod time;
#[cfg(any(feature = "broadcast", feature = "direct"))]
mod window;
pub mod wire;

/// The example in the README runs.
#[cfg(all(doctest, feature = "kv"))]
#[doc = include_str!("../README.md")]
struct Readme;

pub use config::{BroadcastMode, Config, ConfigError};
pub use error::{CommandError, PacketError};
pub use event::{Claimant, Event, JoinError, MemberChange, MemberEvent};
pub use identity::{Identity, NodeId};
pub use membership::{Hearing, Member, Members, Status, Verdict};
pub use node::{Lane, Node, Transmit};
pub use peer::{InvalidPeer, Peer};
pub use snapshot::{Snapshot, SnapshotError};
pub use stats::{BroadcastQueues, Fill, Queues, Stats};
#[cfg(feature = "std")]
pub use time::Clock;
pub use time::Instant;
