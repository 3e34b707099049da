//! The largest or the smallest value that was written.

use core::fmt::Debug;

use crate::codec::{Codec, DecodeError, Reader};
use crate::context::Context;
use crate::dot::{Pen, Writer};
use crate::store::Dots;
use crate::value::{Value, kept_in};

macro_rules! extremum {
    ($name:ident, $best:ident, $beats:tt, $doc:literal) => {
        #[doc = $doc]
        ///
        /// Concurrent writes are kept beside each other until one that has seen them replaces them: as many as there
        /// are writers at most.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name<W: Writer, T> {
            written: Dots<W, T>,
        }

        impl<W: Writer, T: Clone + Ord> $name<W, T> {
            /// Writes a value, unless one that is seen here is at least as good. Whether it was written.
            pub fn set(&mut self, pen: &mut Pen<'_, W>, value: T) -> bool {
                let is_better = self.get().is_none_or(|best| value $beats *best);
                if is_better {
                    self.written.replace(&pen.dot(), value);
                }
                is_better
            }

            /// The best value; none if none was written since the last reset.
            pub fn get(&self) -> Option<&T> {
                self.written.iter().map(|(_, value)| value).$best()
            }
        }

        impl<W: Writer, T: Clone> Default for $name<W, T> {
            fn default() -> Self {
                Self { written: Dots::default() }
            }
        }

        impl<W: Writer, T: Clone + Codec + Debug + Ord> Value<W> for $name<W, T> {
            kept_in!(written);

            fn reset(&mut self, _: &mut Pen<'_, W>) {
                self.written.clear();
            }
        }

        impl<W: Writer, T: Codec> Codec for $name<W, T> {
            fn encode(&self, to: &mut dyn FnMut(&[u8])) {
                self.written.encode(to, T::encode);
            }

            fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self { written: Dots::decode(from, T::decode)? })
            }
        }
    };
}

extremum!(Max, max, >, "The largest value that was written.");
extremum!(Min, min, <, "The smallest value that was written.");
