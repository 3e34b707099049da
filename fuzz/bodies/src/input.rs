//! Choices out of a fuzzer's bytes. When the bytes are used up every choice is the first.

use gossip_core::{Identity, NodeId};

/// What is left of the input.
#[derive(Debug)]
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    /// A number below `bound`, at most 256.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    /// Any number; small ones and those near the edges are likely.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..200 => u64::from(small),
            top @ 200..220 => u64::MAX - u64::from(top - 200),
            shift @ 220..250 => 1_u64 << (2 * u32::from(shift - 220)),
            _ => u64::from_be_bytes(self.array()),
        }
    }

    /// A number from 1 on.
    pub(crate) fn counter(&mut self) -> u64 {
        self.number().max(1)
    }

    /// At most `max` bytes.
    pub(crate) fn bytes(&mut self, max: usize) -> &'a [u8] {
        let len = usize::from(self.byte()).min(max).min(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    /// One of a few ids, so that inputs speak of the same members again and again.
    pub(crate) fn id(&mut self) -> NodeId {
        NodeId::from_bytes([self.byte() % 24; 16])
    }

    pub(crate) fn identity(&mut self) -> Identity {
        Identity::new(self.id(), self.number())
    }
}
