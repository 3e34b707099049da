//! One gossip cluster member as a pure state machine.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "broadcast")]
pub mod broadcast;
pub mod config;
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
pub mod wire;

pub use config::{Config, ConfigError};
pub use error::{CommandError, PacketError};
pub use event::{Event, JoinError, MemberChange, MemberEvent};
pub use identity::{Identity, NodeId};
pub use membership::{Member, Members, Status};
pub use node::{Lane, Node, Transmit};
pub use peer::{InvalidPeer, Peer};
pub use snapshot::{Snapshot, SnapshotError};
pub use stats::Stats;
#[cfg(feature = "std")]
pub use time::Clock;
pub use time::Instant;
