#![doc = include_str!("../README.md")]
#![no_std]
#![deny(missing_docs, unreachable_pub)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod causal;
mod change;
mod clock;
mod codec;
mod content;
mod context;
mod counter;
mod dot;
mod extremum;
mod flag;
mod keyed;
mod map;
mod register;
mod set;
mod sketch;
mod store;
mod totals;
mod value;

pub use causal::Causal;
pub use change::Change;
pub use clock::{Clock, ClockSkew, Stamp};
pub use codec::{Codec, DecodeError, MAX_DEPTH, Reader};
pub use content::{Content, Typed};
pub use context::Context;
pub use counter::Counter;
pub use dot::{Dot, Pen, Writer};
pub use extremum::{Max, Min};
pub use flag::{DisableWinsFlag, EnableWinsFlag};
pub use keyed::{Keyed, Plain};
pub use map::OrMap;
pub use register::Register;
pub use set::{AddWinsSet, RemoveWinsSet};
pub use sketch::Sketch;
pub use value::Value;
