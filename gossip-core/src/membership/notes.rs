//! What this node noted of a member for itself: what detection, events and the search for differences keep. Apart from
//! the rows, so that packets need not read past it.

use alloc::boxed::Box;

use super::apply::Allowance;
use super::checks;
use super::coordinates::Place;
use super::facade::Verdict;
use super::row::NONE;
use super::rtt::RoundTrip;
use super::selection::WEIGHT;
use super::suspicion::Lenience;
use crate::event::BatchPlace;
use crate::time::Instant;

/// Metadata, hints and zone of a member.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    /// The newest version that was heard of.
    pub(super) newest: u64,
    /// The version of what is here; 0: nothing is.
    pub(crate) version: u64,
    pub(crate) metadata: Box<[u8]>,
    pub(crate) hints: Box<[u8]>,
    /// The name of its zone; empty: none.
    pub(crate) zone: Box<[u8]>,
}

/// What is noted of each member.
#[derive(Debug)]
pub(super) struct Notes {
    /// Of members that have one, or say so.
    profile: Option<Box<Profile>>,
    trouble: Option<Box<Trouble>>,
    pub(super) event: BatchPlace,
    /// When it last sent a ping.
    heard: Coarse,
    pub(super) rtt: RoundTrip,
    /// Where it is, by its own word.
    pub(super) place: Option<Place>,
    /// Its place among the live or the down members.
    pub(super) drawn_at: u32,
    /// The place of the open check of it; [`checks::NONE`].
    pub(super) check: u16,
    /// The last table page in which the member stood as it stands here.
    pub(super) page: u16,
    /// How often this node tells it news, against others.
    pub(super) weight: u16,
}

const _: () = assert!(size_of::<Notes>() <= 48);

/// What is noted of the few members that something was wrong with.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    pub(super) lenience: Lenience,
    /// How many verdicts of it may still be passed on.
    pub(super) claims: Allowance,
    /// How many suspicions of it may still be followed up.
    pub(super) suspicions: Allowance,
    /// When it last answered although others held it down.
    pub(super) dismissed: Option<Instant>,
    /// When it gets frames again.
    pub(super) frames_again: Instant,
    /// Why it is down.
    pub(super) verdict: Option<Box<Verdict>>,
}

impl Notes {
    pub(super) fn new() -> Self {
        Self {
            profile: None,
            trouble: None,
            event: BatchPlace::default(),
            heard: Coarse::default(),
            rtt: RoundTrip::default(),
            place: None,
            drawn_at: NONE,
            check: checks::NONE,
            page: 0,
            weight: WEIGHT,
        }
    }

    /// The newest version of the profile that was heard of; the profile itself may be older, or not here yet.
    pub(super) fn profile_version(&self) -> u64 {
        self.profile.as_ref().map_or(0, |profile| profile.newest)
    }

    /// Takes note of a version that was heard of.
    pub(super) fn expect_profile(&mut self, version: u64) {
        if version > 0 || self.profile.is_some() {
            self.profile.get_or_insert_default().newest = version;
        }
    }

    /// The profile, once it has arrived.
    pub(super) fn profile(&self) -> Option<&Profile> {
        self.profile.as_deref().filter(|profile| profile.version > 0)
    }

    /// The zone that it says it is in; empty: none, or not known yet.
    pub(super) fn zone(&self) -> &[u8] {
        self.profile.as_ref().map_or(&[], |profile| &profile.zone)
    }

    /// The version of the profile that is here.
    pub(super) fn held_version(&self) -> u64 {
        self.profile.as_ref().map_or(0, |profile| profile.version)
    }

    pub(super) fn set_profile(&mut self, profile: Profile) {
        self.profile = Some(Box::new(profile));
    }

    /// Another life of the member has its own.
    pub(super) fn drop_profile(&mut self) -> Option<Box<Profile>> {
        self.profile.take()
    }

    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_deref()
    }

    pub(super) fn trouble_mut(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_default()
    }

    pub(super) fn trouble_mut_if(&mut self) -> Option<&mut Trouble> {
        self.trouble.as_deref_mut()
    }

    pub(super) fn lenience(&self) -> Lenience {
        self.trouble().map_or_else(Lenience::default, |trouble| trouble.lenience)
    }

    pub(super) fn verdict(&self) -> Option<&Verdict> {
        self.trouble()?.verdict.as_deref()
    }

    pub(super) fn verdict_mut(&mut self) -> Option<&mut Verdict> {
        self.trouble.as_mut()?.verdict.as_deref_mut()
    }

    pub(super) fn clear_verdict(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.verdict = None;
        }
    }

    /// It sent a ping.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = Coarse::at(now);
    }

    /// When it last sent a ping, to 16 ms.
    pub(super) fn heard(&self, now: Instant) -> Option<Instant> {
        self.heard.before(now)
    }

    /// Whether it sent a ping after `since`.
    pub(super) fn was_heard_after(&self, since: Instant) -> bool {
        self.heard.is_after(Coarse::at(since))
    }
}

/// A moment, rounded down to 16 ms, in a circle of two years: enough to tell which of two within a year is the later.
/// 0: it never came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Coarse(u32);

impl Coarse {
    fn at(instant: Instant) -> Self {
        Self(((instant.as_micros() >> 14) as u32).max(1))
    }

    /// The moment, if it is within two years before `now`.
    fn before(self, now: Instant) -> Option<Instant> {
        let ago = u64::from(Self::at(now).0.wrapping_sub(self.0)) << 14;
        (self.0 > 0).then(|| Instant::from_micros(now.as_micros().saturating_sub(ago)))
    }

    fn is_after(self, other: Self) -> bool {
        self.0 > 0 && self.0.wrapping_sub(other.0) as i32 > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_two_moments_is_told_over_the_end_of_the_circle() {
        let end = 1_u64 << (32 + 14);
        for base in [1 << 20, end - (1 << 20), end, 5 * end - 20_000] {
            let (at, later) = (Instant::from_micros(base), Instant::from_micros(base + 40_000));
            assert!(Coarse::at(later).is_after(Coarse::at(at)), "{base}");
            assert!(!Coarse::at(at).is_after(Coarse::at(later)), "{base}");
            assert!(!Coarse::at(at).is_after(Coarse::at(at)), "{base}");
            assert!(!Coarse::default().is_after(Coarse::at(at)), "{base}");
        }
    }

    #[test]
    fn a_version_that_was_heard_of_is_no_profile_yet() {
        let mut notes = Notes::new();
        notes.expect_profile(0);
        assert_eq!(notes.profile, None);
        notes.expect_profile(3);
        assert_eq!((notes.profile(), notes.profile_version()), (None, 3));
    }
}
