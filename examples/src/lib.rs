//! Nodes driven without an async runtime: by [a thread that blocks](blocking) and by [a poll](polled) of many sources, as
//! `docs/driving.md` explains it.
//!
//! ```text
//! cargo run -p gossip-examples --bin blocking -- 127.0.0.1:7001
//! cargo run -p gossip-examples --bin polled -- 127.0.0.1:7002 127.0.0.1:7001
//! ```

pub mod blocking;
pub mod polled;
mod start;

pub use start::{Driven, node, run};

/// The code in the guide to writing an adapter compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../docs/driving.md")]
struct Driving;

/// So does the example of the project's README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
