//! The name of a write.

use core::fmt::Debug;

use crate::codec::Codec;
use crate::context::Context;

/// Who writes: an id that is never used by two at a time, nor again after what was written under it is forgotten. A
/// node that lost its state is another writer, so an id holds the generation too.
pub trait Writer: Clone + Codec + Debug + Ord {}

impl<T: Clone + Codec + Debug + Ord> Writer for T {}

/// Who wrote, and as which of its writes: it names the write for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot<W> {
    /// Who wrote.
    pub writer: W,
    /// As which write, from 1.
    pub counter: u64,
}

impl<W> Dot<W> {
    /// A writer's write of this number, from 1.
    pub fn new(writer: W, counter: u64) -> Self {
        Self { writer, counter }
    }
}

/// What a writer writes with: it gives each change a dot of its own. A dot that stood in two places could not be
/// removed from one.
#[derive(Debug)]
pub struct Pen<'a, W: Writer> {
    writer: W,
    last: u64,
    context: &'a mut Context<W>,
}

impl<'a, W: Writer> Pen<'a, W> {
    /// A pen whose dots are noted in `context`. None if the writer has not 2^32 counters left.
    pub fn new(writer: W, context: &'a mut Context<W>) -> Option<Self> {
        let last = context.last(&writer);
        (last < u64::MAX - (1 << 32)).then_some(Self { writer, last, context })
    }

    /// A dot that nobody has used.
    pub fn dot(&mut self) -> Dot<W> {
        self.last = self.last.saturating_add(1);
        let dot = Dot::new(self.writer.clone(), self.last);
        self.context.insert(&dot);
        dot
    }
}
