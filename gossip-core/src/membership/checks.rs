//! Open questions whether a member lives: the pings that were sent, and what is done if none is answered.
//!
//! ```text
//! direct    ping, wait, ping, wait
//! indirect  ping, ask helpers, wait, again    a claim of others needs no helpers: a third ping, then it is believed
//! suspected ping each quarter of a period, tell the observers, until somebody gets an answer or enough have none
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::suspicion::Case;
use super::table::{MemberIndex, Table};
use crate::identity::Identity;
use crate::peer::Peer;
use crate::time::Instant;
use crate::wire::membership::Claim;

/// At most this many members are in question at a time; what is said of further ones waits for the table digest.
pub(super) const MAX_CHECKS: usize = 1024;
/// No check is open.
pub(super) const NONE: u16 = u16::MAX;
const _: () = assert!(MAX_CHECKS < NONE as usize);

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Direct,
    Indirect,
    Suspected,
}

/// What others say of a member that is live here, and what waits for its silence: that it failed, or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claimed {
    pub(super) claim: Claim,
    pub(super) member: Identity,
    pub(super) incarnation: u64,
}

/// Those that were asked to ping the member.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Helpers {
    /// Under which number, and when, the last of them.
    pub(super) number: u32,
    pub(super) asked_at: Instant,
    /// How often some were asked.
    pub(super) times: u8,
    /// How many of the last did not answer yet.
    pub(super) missing: u8,
    /// How many of all answered anything, soon enough.
    pub(super) heard: u8,
}

/// One member in question.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) index: MemberIndex,
    pub(super) member: Identity,
    pub(super) claim: Option<Claimed>,
    /// When the first ping was sent that is not answered, here or by the word of an accuser.
    pub(super) since: Instant,
    pub(super) stage: Stage,
    /// When the stage goes on.
    pub(super) until: Instant,
    /// Of the first ping; each that follows has the next.
    pub(super) number: u32,
    pub(super) attempts: u32,
    /// When the last pings were sent, by attempt.
    sent: [Instant; 4],
    pub(super) helpers: Helpers,
    pub(super) case: Option<Box<Case>>,
}

impl Check {
    /// Counts another ping; its number.
    pub(super) fn ping(&mut self, now: Instant) -> u32 {
        self.sent[self.attempts as usize % 4] = now;
        self.attempts += 1;
        self.number.wrapping_add(self.attempts - 1)
    }

    /// The number of the last ping.
    pub(super) fn last_number(&self) -> u32 {
        self.number.wrapping_add(self.attempts.saturating_sub(1))
    }

    /// How long the answer to the ping of this number took, if it is one of the last four.
    pub(super) fn round_trip(&self, now: Instant, number: u32) -> Option<Duration> {
        let attempt = number.wrapping_sub(self.number);
        let recent = attempt < self.attempts && attempt + 4 >= self.attempts;
        recent.then(|| now.since(self.sent[attempt as usize % 4]))
    }

    /// Begins anew at `at`, as if nothing had been asked yet.
    pub(super) fn restart(&mut self, at: Instant) {
        self.number = self.number.wrapping_add(self.attempts);
        (self.stage, self.attempts, self.helpers, self.until) = (Stage::Direct, 0, Helpers::default(), at);
    }

    pub(super) fn case(&mut self) -> &mut Case {
        self.case.get_or_insert_default()
    }
}

/// The members in question; a member's row knows the place of its check.
#[derive(Debug, Default)]
pub(super) struct Checks {
    open: Vec<Check>,
    /// Nothing is due before.
    next: Option<Instant>,
}

impl Checks {
    /// Begins to ask for a sign of life, first at `until`. `None` if too many are in question. `number` must be random.
    pub(super) fn open<P: Peer>(
        &mut self,
        table: &mut Table<P>,
        now: Instant,
        index: MemberIndex,
        number: u32,
    ) -> Option<&mut Check> {
        if self.open.len() >= MAX_CHECKS {
            return None;
        }
        table.notes_mut(index).check = self.open.len() as u16;
        self.open.push(Check {
            index,
            member: table.row(index).member,
            claim: None,
            since: now,
            stage: Stage::Direct,
            until: now,
            number,
            attempts: 0,
            sent: [now; 4],
            helpers: Helpers::default(),
            case: None,
        });
        self.wake(now);
        self.open.last_mut()
    }

    /// Nothing is asked of the member any more.
    pub(super) fn close<P: Peer>(&mut self, table: &mut Table<P>, index: MemberIndex) -> Option<Check> {
        let at = core::mem::replace(&mut table.notes_mut(index).check, NONE);
        if at == NONE {
            return None;
        }
        let closed = self.open.swap_remove(usize::from(at));
        if self.open.is_empty() {
            // Most often the answer came: nothing is left to wake up for.
            self.next = None;
        }
        if let Some(moved) = self.open.get(usize::from(at)) {
            table.notes_mut(moved.index).check = at;
        }
        Some(closed)
    }

    pub(super) fn get<P: Peer>(&self, table: &Table<P>, index: MemberIndex) -> Option<&Check> {
        self.open.get(usize::from(table.notes(index).check))
    }

    pub(super) fn get_mut<P: Peer>(&mut self, table: &Table<P>, index: MemberIndex) -> Option<&mut Check> {
        self.open.get_mut(usize::from(table.notes(index).check))
    }

    /// The check whose helpers were asked under this number.
    pub(super) fn asked_under(&mut self, number: u32) -> Option<&mut Check> {
        self.open.iter_mut().find(|check| check.stage == Stage::Indirect && check.helpers.number == number)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Check> {
        self.open.iter_mut()
    }

    /// How many members are suspected.
    pub(super) fn suspects(&self) -> usize {
        self.open.iter().filter(|check| check.stage == Stage::Suspected).count()
    }

    /// Something may be due at that time.
    pub(super) fn wake(&mut self, at: Instant) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// A member whose check goes on now; its `until` must be moved, or the check closed, before the next is asked for.
    pub(super) fn due(&mut self, now: Instant) -> Option<MemberIndex> {
        self.next.filter(|next| *next <= now)?;
        let due = self.open.iter().find(|check| check.until <= now);
        if due.is_none() {
            self.next = self.open.iter().map(|check| check.until).min();
        }
        due.map(|check| check.index)
    }
}
