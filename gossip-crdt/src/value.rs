//! What all values have in common.

use core::fmt::Debug;

use crate::codec::Codec;
use crate::context::Context;
use crate::dot::{Dot, Pen, Writer};

/// A replicated value: what its live dots say (a dot store; Almeida et al., "Delta State Replicated Data Types", 2018,
/// section 7).
///
/// It goes with a causal context of the dots that its replica has seen; many values may share one. A dot that a context
/// covers and a value does not hold was overwritten or removed, and never comes back: no tombstones are needed.
///
/// Its size, which limits hold on to, is that of its encoding ([`Codec::size`]). Changes that leave something take a
/// [`Pen`], which gives each its own dot and notes it in the context. Joins are commutative, associative and
/// idempotent, whatever order deltas come in, as long as a context claims no dot of which the value was not joined.
pub trait Value<W: Writer>: Clone + Codec + Debug + Default + PartialEq {
    /// Takes over what another replica holds. `seen` are the dots seen here before that, `theirs` those seen there; the
    /// caller joins the contexts when all values are joined.
    fn join(&mut self, seen: &Context<W>, other: &Self, theirs: &Context<W>);

    /// What of it is not known to who has seen `known`. Together with a context of exactly the dots that it holds and
    /// those that are gone ([`Causal::delta`](crate::Causal::delta)), joined there it does what the whole does.
    fn delta(&self, known: &Context<W>) -> Self;

    /// Shows each live dot.
    fn dots<'a>(&'a self, show: &mut dyn FnMut(&'a W, u64));

    /// Removes all that is seen here. What others write at the same time stays. Counters and sketches keep what that
    /// takes.
    fn reset(&mut self, pen: &mut Pen<'_, W>);

    /// Whether anything of it was written since the last reset that is seen here.
    fn is_written(&self) -> bool {
        !self.is_empty()
    }

    /// Whether it holds nothing, as if it had never been written.
    fn is_empty(&self) -> bool {
        let mut is_empty = true;
        self.dots(&mut |_, _| is_empty = false);
        is_empty
    }

    /// Whether whoever has seen `known` has seen all that it holds.
    fn covered_by(&self, known: &Context<W>) -> bool {
        let mut is_covered = true;
        self.dots(&mut |writer, counter| is_covered &= known.contains(&Dot::new(writer.clone(), counter)));
        is_covered
    }
}

/// What is the same of every value that keeps all it has in one field.
macro_rules! kept_in {
    ($field:ident) => {
        fn join(&mut self, seen: &Context<W>, other: &Self, theirs: &Context<W>) {
            self.$field.join(seen, &other.$field, theirs);
        }

        fn delta(&self, known: &Context<W>) -> Self {
            Self { $field: self.$field.delta(known) }
        }

        fn dots<'a>(&'a self, show: &mut dyn FnMut(&'a W, u64)) {
            self.$field.show(show);
        }
    };
}
pub(crate) use kept_in;
