//! Counters that go up, or up and down, and back to zero.

use crate::codec::{Codec, DecodeError, Reader};
use crate::context::Context;
use crate::dot::{Pen, Writer};
use crate::totals::{Total, Totals};
use crate::value::{Value, kept_in};

/// What went up and what went down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct UpDown {
    up: u64,
    down: u64,
}

impl Total for UpDown {
    fn join(&mut self, other: &Self) {
        *self = Self { up: self.up.max(other.up), down: self.down.max(other.down) };
    }

    fn above(&self, other: &Self) -> Self {
        Self { up: self.up.saturating_sub(other.up), down: self.down.saturating_sub(other.down) }
    }
}

/// A counter of any number of writers: a G-counter if it is only ever increased, a PN-counter otherwise.
///
/// A reset takes away what was counted before it, and nothing of what others count at the same time; what was counted
/// before does not come back, whoever counts on. An increment and a reset are each seen once, however often they
/// arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter<W: Writer> {
    totals: Totals<W, UpDown>,
}

impl<W: Writer> Counter<W> {
    /// Counts up, or down if it is negative. What a writer counts in all stops at 2^64 - 1 up and as many down.
    pub fn add(&mut self, pen: &mut Pen<'_, W>, amount: i64) {
        self.totals.change(pen, |total| {
            let side = if amount < 0 { &mut total.down } else { &mut total.up };
            *side = side.saturating_add(amount.unsigned_abs());
        });
    }

    /// Where it stands.
    pub fn get(&self) -> i128 {
        self.totals.counted().map(|UpDown { up, down }| i128::from(up) - i128::from(down)).sum()
    }
}

impl<W: Writer> Default for Counter<W> {
    fn default() -> Self {
        Self { totals: Totals::default() }
    }
}

impl<W: Writer> Value<W> for Counter<W> {
    kept_in!(totals);

    /// Keeps what it took away.
    fn reset(&mut self, pen: &mut Pen<'_, W>) {
        self.totals.reset(pen);
    }

    fn is_written(&self) -> bool {
        self.totals.is_written()
    }
}

impl<W: Writer> Codec for Counter<W> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        self.totals.encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Totals::decode(from).map(|totals| Self { totals })
    }
}

impl Codec for UpDown {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        self.up.encode(to);
        self.down.encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { up: u64::decode(from)?, down: u64::decode(from)? })
    }
}
