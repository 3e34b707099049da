#![doc = include_str!("../README.md")]

mod behaviour;
mod config;
mod handler;
mod hints;
mod links;
mod outbox;
mod peer;
mod protocol;

pub use behaviour::{Behaviour, Event};
pub use config::{Config, Error, PROTOCOL_NAME};
pub use gossip_handle::{Events, Handle, JoinFailure, TransportStats};
pub use peer::Libp2pPeer;
