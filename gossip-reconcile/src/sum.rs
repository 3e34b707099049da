//! What is summed up of several items.

use crate::cell::Cell;

/// What the items of a range sum up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// As many as there are slots at most.
    pub(crate) items: u32,
    pub(crate) cell: Cell,
}

impl Sum {
    pub(crate) fn add(&mut self, other: Self) {
        self.items += other.items;
        self.cell.add(other.cell);
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self { items: self.items.saturating_sub(other.items), cell: self.cell.minus(other.cell) }
    }
}
