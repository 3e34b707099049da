#![cfg_attr(any(feature = "values", not(doctest)), doc = include_str!("../README.md"))]
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
#[cfg(feature = "values")]
mod counter;
mod dot;
#[cfg(feature = "values")]
mod extremum;
#[cfg(feature = "values")]
mod flag;
mod keyed;
#[cfg(feature = "values")]
mod map;
mod register;
#[cfg(feature = "values")]
mod set;
#[cfg(feature = "values")]
mod sketch;
mod store;
#[cfg(feature = "values")]
mod totals;
mod value;

pub use causal::Causal;
pub use change::Change;
pub use clock::{Clock, ClockSkew, Stamp};
pub use codec::{Codec, DecodeError, MAX_DEPTH, Reader};
pub use content::{Content, Typed};
pub use context::Context;
#[cfg(feature = "values")]
pub use counter::Counter;
pub use dot::{Dot, Pen, Writer};
#[cfg(feature = "values")]
pub use extremum::{Max, Min};
#[cfg(feature = "values")]
pub use flag::{DisableWinsFlag, EnableWinsFlag};
pub use keyed::{Keyed, Plain};
#[cfg(feature = "values")]
pub use map::OrMap;
pub use register::Register;
#[cfg(feature = "values")]
pub use set::{AddWinsSet, RemoveWinsSet};
#[cfg(feature = "values")]
pub use sketch::Sketch;
pub use value::Value;
