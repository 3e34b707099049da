//! One bit from one task to another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use atomic_waker::AtomicWaker;

/// Raised by anybody, awaited by one task.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    raised: AtomicBool,
    waiter: AtomicWaker,
}

impl Signal {
    pub(crate) fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        self.waiter.wake();
    }

    /// Ready once it is raised, from then on.
    pub(crate) fn poll_raised(&self, cx: &Context<'_>) -> Poll<()> {
        self.waiter.register(cx.waker());
        if self.is_raised() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Ready if it was raised since the last time.
    pub(crate) fn poll_taken(&self, cx: &Context<'_>) -> Poll<()> {
        self.waiter.register(cx.waker());
        if self.raised.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }
}
