#![doc = include_str!("../README.md")]
#![no_std]
#![deny(missing_docs, unreachable_pub)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod answer;
mod asking;
mod cell;
mod codec;
mod field;
mod found;
mod index;
mod item;
mod message;
mod range;
mod session;
#[cfg(feature = "fast")]
mod sketch;
mod slab;
mod strata;
mod sum;
#[cfg_attr(not(feature = "fast"), path = "line.rs")]
mod tree;

pub use codec::DecodeError;
pub use found::{Found, Want};
pub use index::Index;
pub use item::{HashKey, KeyHash};
pub use range::KeyRange;
pub use session::{Session, Way};
pub use slab::Slot;
