//! A value with the context that it needs.

use crate::codec::{Codec, DecodeError, Reader};
use crate::context::Context;
use crate::dot::{Dot, Pen, Writer};
use crate::value::Value;

/// A replica of one value, or a delta of it: the two are the same.
///
/// Where many values share one context, this is how to do it for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Causal<W: Writer, V> {
    value: V,
    context: Context<W>,
}

impl<W: Writer, V: Value<W>> Causal<W, V> {
    /// A replica that has seen nothing.
    pub fn new() -> Self {
        Self { value: V::default(), context: Context::new() }
    }

    /// Changes the value as this writer; what `change` returns. None if the writer has no dots left.
    pub fn write<R>(&mut self, writer: W, change: impl FnOnce(&mut V, &mut Pen<'_, W>) -> R) -> Option<R> {
        let mut pen = Pen::new(writer, &mut self.context)?;
        Some(change(&mut self.value, &mut pen))
    }

    /// Takes over what another replica holds, or a delta.
    pub fn join(&mut self, other: &Self) {
        self.value.join(&self.context, &other.value, &other.context);
        self.context.join(&other.context);
    }

    /// What a replica that has seen `known`, and maybe more, lacks: it may be lost, come twice, late, or after a later
    /// one.
    pub fn delta(&self, known: &Context<W>) -> Self {
        let mut context = self.context.clone();
        // What the other holds already is not said, so it must not be taken for removed.
        self.value.dots(&mut |writer, counter| {
            let dot = Dot::new(writer.clone(), counter);
            if known.contains(&dot) {
                context.remove(&dot);
            }
        });
        Self { value: self.value.delta(known), context }
    }

    /// The value.
    pub fn value(&self) -> &V {
        &self.value
    }

    /// What was seen.
    pub fn context(&self) -> &Context<W> {
        &self.context
    }
}

impl<W: Writer, V: Value<W>> Default for Causal<W, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// The context, then the value. All dots of the value are in the context.
impl<W: Writer, V: Value<W>> Codec for Causal<W, V> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        self.context.encode(to);
        self.value.encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (context, value) = (Context::decode(from)?, V::decode(from)?);
        if value.covered_by(&context) { Ok(Self { value, context }) } else { Err(DecodeError::OutOfRange) }
    }
}
