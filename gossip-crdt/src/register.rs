//! Registers: one value, or all that were written at the same time.

use crate::clock::Stamp;
use crate::codec::{Codec, DecodeError, Reader};
use crate::context::Context;
use crate::dot::{Dot, Pen, Writer};
use crate::store::Dots;
use crate::value::{Value, kept_in};

/// A register that keeps all values which were written without knowledge of each other: a dotted version vector set
/// (Preguiça et al., "Dotted Version Vectors", 2012) with stamps.
///
/// Read by [`Self::values`] it is a multi-value register. Read by [`Self::latest`] it is a last-writer-wins register,
/// in which the stamps decide between concurrent writes and nothing else: what was written by somebody who knew a value
/// replaces it, whatever the clocks say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register<W: Writer, T> {
    written: Dots<W, (Stamp, T)>,
}

impl<W: Writer, T: Clone> Register<W, T> {
    /// Replaces all values that are seen here.
    pub fn set(&mut self, pen: &mut Pen<'_, W>, stamp: Stamp, value: T) {
        self.written.replace(&pen.dot(), (stamp, value));
    }

    /// The value with the latest stamp; of equal stamps, that of the highest dot.
    pub fn latest(&self) -> Option<&T> {
        let latest = self.written.iter().max_by(|(a, (a_stamp, _)), (b, (b_stamp, _))| (a_stamp, a).cmp(&(b_stamp, b)));
        latest.map(|(_, (_, value))| value)
    }

    /// The values that were written concurrently, by dot: none if it was never set or is reset, usually one.
    pub fn values(&self) -> impl Iterator<Item = (&Dot<W>, Stamp, &T)> {
        self.written.iter().map(|(dot, (stamp, value))| (dot, *stamp, value))
    }
}

impl<W: Writer, T: Clone> Default for Register<W, T> {
    fn default() -> Self {
        Self { written: Dots::default() }
    }
}

impl<W: Writer, T: Clone + Codec + core::fmt::Debug + PartialEq> Value<W> for Register<W, T> {
    kept_in!(written);

    fn reset(&mut self, _: &mut Pen<'_, W>) {
        self.written.clear();
    }
}

impl<W: Writer, T: Codec> Codec for Register<W, T> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        self.written.encode(to, |(stamp, value), to| {
            to(&stamp.to_u64().to_be_bytes());
            value.encode(to);
        });
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let written = Dots::decode(from, |from| {
            let stamp = from.bytes(8)?.iter().fold(0, |stamp, byte| stamp << 8 | u64::from(*byte));
            Ok((Stamp::from_u64(stamp), T::decode(from)?))
        })?;
        Ok(Self { written })
    }
}
