//! Pings that other members promised: who misses one knows at once whom to ask.

use alloc::vec::Vec;
use core::time::Duration;

use super::table::MemberIndex;
use crate::identity::Identity;
use crate::time::Instant;

/// So many members may promise pings to one node; further promises are not noted. A member gives promises to its
/// observers alone, so about as many are expected as it has of them.
const MAX_PROMISES: usize = 256;

#[derive(Clone, Copy, Debug)]
pub(super) struct Promise {
    pub(super) index: MemberIndex,
    pub(super) member: Identity,
    pub(super) expected: Instant,
    /// When it is broken.
    due: Instant,
}

/// The promises that are open, a member's last one each.
#[derive(Debug, Default)]
pub(super) struct Promises {
    open: Vec<Promise>,
    /// No promise is due before.
    next: Option<Instant>,
}

impl Promises {
    /// The member will send its next ping at `expected`, or a little later: `grace` for the way.
    pub(super) fn note(&mut self, index: MemberIndex, member: Identity, expected: Instant, grace: Duration) {
        let due = expected + grace;
        let promise = Promise { index, member, expected, due };
        match self.open.iter().position(|open| open.index == index) {
            Some(at) => self.open[at] = promise,
            None if self.open.len() < MAX_PROMISES => self.open.push(promise),
            None => return,
        }
        self.next = self.open.iter().map(|open| open.due).min();
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// A promise that was broken. It is forgotten.
    pub(super) fn broken(&mut self, now: Instant) -> Option<Promise> {
        self.next.filter(|next| *next <= now)?;
        if let Some(at) = self.open.iter().position(|open| open.due <= now) {
            return Some(self.open.swap_remove(at));
        }
        self.next = self.open.iter().map(|open| open.due).min();
        None
    }

    /// None is due before `until`.
    pub(super) fn put_off(&mut self, until: Instant) {
        for open in self.open.iter_mut().filter(|open| open.due < until) {
            (open.expected, open.due) = (until, until);
        }
        self.next = self.next.map(|next| next.max(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::NodeId;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_promise_that_is_kept_is_replaced_by_the_next() {
        let member = Identity::new(NodeId::from_name("a"), 1);
        let mut promises = Promises::default();
        promises.note(MemberIndex(1), member, at(4), Duration::from_secs(1));
        promises.note(MemberIndex(1), member, at(8), Duration::from_secs(1));
        assert!(promises.broken(at(8)).is_none());
        assert_eq!(promises.broken(at(9)).map(|promise| promise.index), Some(MemberIndex(1)));
        assert!(promises.broken(at(20)).is_none() && promises.poll_timeout().is_none());
    }
}
