//! A flag that is on or off.

use crate::codec::{Codec, DecodeError, Reader};
use crate::context::Context;
use crate::dot::{Pen, Writer};
use crate::store::Dots;
use crate::value::{Value, kept_in};

macro_rules! flag {
    ($name:ident, $dotted:ident, $plain:ident, $dotted_doc:literal, $plain_doc:literal, $is_on:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name<W: Writer> {
            written: Dots<W, ()>,
        }

        impl<W: Writer> $name<W> {
            #[doc = $dotted_doc]
            pub fn $dotted(&mut self, pen: &mut Pen<'_, W>) {
                self.written.replace(&pen.dot(), ());
            }

            #[doc = $plain_doc]
            pub fn $plain(&mut self) {
                self.written.clear();
            }

            /// Whether it is on.
            pub fn is_enabled(&self) -> bool {
                self.written.is_empty() != $is_on
            }
        }

        impl<W: Writer> Default for $name<W> {
            fn default() -> Self {
                Self { written: Dots::default() }
            }
        }

        impl<W: Writer> Value<W> for $name<W> {
            kept_in!(written);

            fn reset(&mut self, _: &mut Pen<'_, W>) {
                self.written.clear();
            }
        }

        impl<W: Writer> Codec for $name<W> {
            fn encode(&self, to: &mut dyn FnMut(&[u8])) {
                self.written.encode(to, |(), _| ());
            }

            fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self { written: Dots::decode(from, |_| Ok(()))? })
            }
        }
    };
}

flag!(
    EnableWinsFlag,
    enable,
    disable,
    "Turns it on.",
    "Turns it off, as far as it was turned on before.",
    true,
    "A flag that is off at first; turned on and off at the same time, it is on."
);
flag!(
    DisableWinsFlag,
    disable,
    enable,
    "Turns it off.",
    "Turns it on, as far as it was turned off before.",
    false,
    "A flag that is on at first; turned on and off at the same time, it is off."
);
