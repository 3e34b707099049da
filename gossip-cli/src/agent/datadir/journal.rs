//! What the journal does, whatever keeps it.

use std::fmt;

use crate::exit::Failure;

/// Writes that go to disk together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The newest generation that wrote any of them.
    pub(crate) generation: u64,
    /// What the node takes back.
    pub(crate) writes: Vec<u8>,
}

/// The local writes since the last snapshot, as numbered batches.
pub(crate) trait Journal: fmt::Debug + Send {
    /// Adds batches at the end and returns the number of the last one. They are on disk when this returns. On an error
    /// they may be there or not: hand them in again, which does no harm.
    ///
    /// Batches up to the number `covered` are in a snapshot and may be forgotten.
    fn append(&mut self, batches: &[Batch], covered: u64) -> Result<u64, Failure>;
}
