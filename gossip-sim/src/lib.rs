//! Runs clusters of real [`gossip_core::Node`]s on a virtual clock and a virtual network, and judges them.
//!
//! A [`Scenario`] says in TOML how many nodes there are, what the network does to packets, and what happens when. [`run`]
//! plays it for one seed: the same scenario and seed give the same [`SeedReport`], to the last bit. [`Report`] sums up
//! several seeds, as JSON or as a table.
//!
//! ```
//! use gossip_sim::Scenario;
//! let (_, text) = gossip_sim::builtin().iter().find(|(name, _)| *name == "join-256").unwrap();
//! let scenario = Scenario::parse(text, "join-256.toml")?;
//! assert_eq!(scenario.nodes(), 256);
//! # Ok::<(), gossip_sim::ScenarioError>(())
//! ```
//!
//! The way of a packet: a node gives it to the engine, the network decides its fate, the heap of due things holds it until
//! it arrives. Whatever happens is told as an observation to the metrics, which never see a node; so each of them is
//! tested with a trace written by hand. Beyond the metrics a run fails with a [`RunError`] if a node breaks a promise
//! that holds always, for example if it delivers what nobody sent.

mod builtin;
pub mod config;
mod engine;
mod floors;
mod metrics;
mod random;
mod report;
mod scenario;
mod trace;

pub use builtin::builtin;
pub use engine::{Progress, RunError, run};
pub use floors::{Floor, Judgement, Row, floors};
pub use report::{Report, SeedReport, Summary, Value};
pub use scenario::{Scenario, ScenarioError};
