//! When silence becomes a verdict: who confirmed that a member does not answer, and for how long it has not.

use core::time::Duration;

use gossip_collections::SmallVec;

use super::Status;
use super::observers::Ranked;
use super::table::{MemberIndex, Table};
use crate::config::SuspicionConfig;
use crate::identity::NodeId;
use crate::peer::Peer;
use crate::time::Instant;

/// So many accusers of one member are remembered.
const MAX_ACCUSERS: usize = 16;
/// So many spare observers are asked at a time.
const SPARES: usize = 3;

/// Who got no answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accuser {
    pub(super) by: NodeId,
    /// When it said so last.
    at: Instant,
    /// How long it thinks that the suspect may be silent: before that it does not count.
    patience: Duration,
}

/// What is known of a member in doubt.
#[derive(Debug, Default)]
pub(super) struct Case {
    /// This node is among them once it got no answer itself.
    pub(super) accusers: SmallVec<[Accuser; 4]>,
    /// Who may confirm, by rank: the observers and spare ones.
    pub(super) ranked: Ranked,
    /// How often the member was pinged since this node suspects it.
    pub(super) pings: u8,
    /// How often spare observers were called for because too few confirmed.
    pub(super) spares: u8,
}

impl Case {
    /// `by` got no answer.
    pub(super) fn accuse(&mut self, now: Instant, by: NodeId, patience: Duration) {
        let accuser = Accuser { by, at: now, patience };
        match self.accusers.iter().position(|accuser| accuser.by == by) {
            Some(at) => self.accusers[at] = accuser,
            None if self.accusers.len() < MAX_ACCUSERS => self.accusers.push(accuser),
            None => (),
        }
    }

    /// The observers to tell by now: spare ones too if those of higher rank did not settle it, or as many of them as are in
    /// doubt themselves.
    pub(super) fn to_tell<P: Peer>(&self, config: &SuspicionConfig, table: &Table<P>) -> &[MemberIndex] {
        let doubtful = |index: &&MemberIndex| table.row(**index).status == Status::Suspect;
        let doubtful = self.ranked.iter().take(config.observers).filter(doubtful).count();
        let reach = config.observers + doubtful + SPARES * usize::from(self.spares.saturating_sub(1));
        &self.ranked[..reach.min(self.ranked.len())]
    }

    /// The observers that confirmed no longer ago than `validity`, and think `silent` long enough.
    pub(super) fn confirmed<P: Peer>(
        &self,
        now: Instant,
        table: &Table<P>,
        validity: Duration,
        silent: Duration,
    ) -> SmallVec<[NodeId; 4]> {
        let observes = |by: NodeId| self.ranked.iter().any(|index| table.row(*index).member.id == by);
        let counts = |accuser: &&Accuser| {
            now.since(accuser.at) <= validity && silent >= accuser.patience && observes(accuser.by)
        };
        self.accusers.iter().filter(counts).map(|accuser| accuser.by).collect()
    }

    /// How many observers must confirm. Where fewer are alive, all of them: of two members one decides alone.
    pub(super) fn needed(&self, config: &SuspicionConfig) -> usize {
        config.confirmations.min(self.ranked.len()).max(1)
    }
}

/// How long a member may be silent before it is held down: twice as long after each of its last refutations, up to four
/// times. So members that stop and go on, or read late, are not killed again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lenience {
    refuted: u8,
    /// Whether it is to be told that the member flaps.
    news: bool,
    at: Instant,
}

impl Lenience {
    const MOST: u8 = 3;
    /// Patience doubles so often.
    const DOUBLINGS: u8 = 2;
    /// Refutations closer together are one.
    const ONE: Duration = Duration::from_secs(4);
    /// A refutation is forgotten after this long.
    const MEMORY: Duration = Duration::from_secs(600);

    /// The member answered after it had seemed to fail.
    pub(super) fn refuted(&mut self, now: Instant) {
        if self.refuted > 0 && now.since(self.at) < Self::ONE {
            // The same silence, heard of twice.
            return;
        }
        let news = self.news || self.level(now) + 1 == Self::MOST;
        *self = Self { refuted: (self.level(now) + 1).min(Self::MOST), at: now, news };
    }

    pub(super) fn patience(&self, now: Instant, config: &SuspicionConfig) -> Duration {
        config.patience * (1 << self.level(now).min(Self::DOUBLINGS))
    }

    /// Whether it seemed to fail at all.
    pub(super) fn was_refuted(&self, now: Instant) -> bool {
        self.level(now) > 0
    }

    /// Whether the member seems to fail and comes back again and again.
    pub(super) fn is_flapping(&self, now: Instant) -> bool {
        self.level(now) == Self::MOST
    }

    /// Whether it began to, and that was not told yet; then it is.
    pub(super) fn take_news(&mut self) -> bool {
        core::mem::take(&mut self.news)
    }

    fn level(&self, now: Instant) -> u8 {
        let forgotten = now.since(self.at).as_secs() / Self::MEMORY.as_secs();
        self.refuted.saturating_sub(u8::try_from(forgotten).unwrap_or(u8::MAX))
    }
}

/// How many first pings are not answered in time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loss {
    /// The mean, smoothed, in 1024ths.
    missing: u16,
    samples: u16,
    /// How many of the last ones in a row.
    in_row: u16,
    /// How many ever.
    misses: u64,
}

impl Loss {
    /// The mean is over about so many pings, or all where there were fewer.
    const MEMORY: u16 = 32;

    pub(super) fn sample(&mut self, answered: bool) {
        self.in_row = if answered { 0 } else { self.in_row.saturating_add(1) };
        self.misses += u64::from(!answered);
        self.samples = (self.samples + 1).min(Self::MEMORY);
        let missing = if answered { 0 } else { 1024 / self.samples };
        self.missing = (self.missing - self.missing / self.samples + missing).min(1024);
    }

    /// So many pings without an answer are no chance: about one in 500 at any loss up to a half.
    pub(crate) fn unlikely(self) -> u32 {
        4 + 24 * u32::from(self.missing) * u32::from(self.missing) / (1024 * 1024)
    }

    /// Whether about one of eight pings or more stays without an answer.
    #[cfg(feature = "broadcast")]
    pub(crate) fn is_high(self) -> bool {
        self.missing >= 128
    }

    /// How many pings stayed without an answer.
    #[cfg(feature = "broadcast")]
    pub(crate) fn misses(self) -> u64 {
        self.misses
    }

    /// Whether the last pings stayed without an answer in a row that is hardly chance: more than members may be gone. One will
    /// do where none was missed of late.
    #[cfg(feature = "broadcast")]
    pub(crate) fn is_sign(self) -> bool {
        let quiet = u32::from(self.missing) <= 1024 / u32::from(Self::MEMORY) * 3 / 2;
        u32::from(self.in_row) >= if quiet { 1 } else { self.unlikely() / 2 }
    }

    /// Where less than half of the pings are answered silence says less, and more of it is needed.
    pub(super) fn stretch(self, patience: Duration) -> Duration {
        patience * (1024 + 4 * u32::from(self.missing.saturating_sub(512))) / 1024
    }
}

/// How far others' verdicts are trusted before their subject was asked: not while many proved idle.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wariness {
    idle: u8,
    at: Instant,
}

impl Wariness {
    const WARY: u8 = 3;
    const MOST: u8 = 12;
    /// One idle verdict is forgotten after this long.
    const EACH: Duration = Duration::from_secs(20);

    /// A verdict was idle: its subject answered.
    pub(super) fn dismissed(&mut self, now: Instant) {
        *self = Self { idle: (self.level(now) + 1).min(Self::MOST), at: now };
    }

    pub(super) fn is_wary(&self, now: Instant) -> bool {
        self.level(now) >= Self::WARY
    }

    fn level(&self, now: Instant) -> u8 {
        let forgotten = now.since(self.at).as_secs() / Self::EACH.as_secs();
        self.idle.saturating_sub(u8::try_from(forgotten).unwrap_or(u8::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MembershipConfig;
    use crate::wire::membership::{Claim, Record};

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn patience_doubles_twice_with_refutations_and_comes_back() {
        let config = MembershipConfig::default().suspicion;
        let mut lenience = Lenience::default();
        let times =
            |lenience: &Lenience, now| lenience.patience(at(now), &config).as_millis() / config.patience.as_millis();
        assert_eq!(times(&lenience, 5000), 1);
        for (now, expected) in [(5000, 2), (5003, 2), (5005, 4), (5010, 4)] {
            lenience.refuted(at(now));
            assert_eq!(times(&lenience, now), expected);
        }
        assert_eq!([5609, 5611, 6211, 6811].map(|now| times(&lenience, now)), [4, 4, 2, 1]);
    }

    #[test]
    fn a_member_flaps_from_its_third_refutation_on_until_it_was_well_for_ten_minutes() {
        let mut lenience = Lenience::default();
        let told: [bool; 5] = core::array::from_fn(|now| {
            lenience.refuted(at(5000 + 5 * now as u64));
            lenience.take_news()
        });
        assert_eq!(told, [false, false, true, false, false]);
        assert!(lenience.is_flapping(at(5619)) && !lenience.is_flapping(at(5620)));
        lenience.refuted(at(5700));
        assert!(lenience.take_news(), "it flaps anew");
    }

    #[test]
    fn more_silence_is_needed_where_more_pings_are_lost() {
        let patience = Duration::from_secs(2);
        let needs = |answered: usize| {
            let mut loss = Loss::default();
            (0..400).for_each(|ping| loss.sample(ping % 10 < answered));
            (loss.unlikely(), loss.stretch(patience).as_millis() / 100)
        };
        assert_eq!(needs(10), (4, 20));
        let (some, much) = (needs(6), needs(2));
        assert!((6..=9).contains(&some.0) && some.1 == 20, "{some:?}");
        assert!((17..=22).contains(&much.0) && (38..=50).contains(&much.1), "{much:?}");
    }

    #[test]
    fn a_few_pings_tell_the_loss() {
        let mut loss = Loss::default();
        (0..6).for_each(|_| loss.sample(false));
        assert!(loss.unlikely() > 24, "{loss:?}");
    }

    #[test]
    fn idle_verdicts_make_wary_for_a_while() {
        let mut wary = Wariness::default();
        (100..102).for_each(|now| wary.dismissed(at(now)));
        assert!(!wary.is_wary(at(102)));
        wary.dismissed(at(102));
        assert!(wary.is_wary(at(102)) && wary.is_wary(at(121)) && !wary.is_wary(at(122)));
    }

    #[test]
    fn who_is_more_patient_than_the_suspect_was_silent_does_not_count() {
        let mut rng = crate::random::Rng::new([1; 32]);
        let me = crate::identity::Identity::new(NodeId::from_name("me"), 1);
        let table = Table::new(crate::wire::ClusterKey::new(""), &mut rng, me, 1_u64);
        let mut case = Case { ranked: [super::super::ME].into_iter().collect(), ..Case::default() };
        case.accuse(at(9), me.id, Duration::from_secs(5));
        let confirmed =
            |now, silent| case.confirmed(at(now), &table, Duration::from_secs(2), Duration::from_secs(silent));
        assert_eq!([(9, 4), (9, 5), (11, 5), (12, 5)].map(|(now, silent)| confirmed(now, silent).len()), [0, 1, 1, 0]);
    }

    #[test]
    fn spare_observers_are_asked_as_time_goes_on() {
        let config = MembershipConfig::default().suspicion;
        let mut case = Case { ranked: (1..=10).map(MemberIndex).collect(), ..Case::default() };
        let mut rng = crate::random::Rng::new([1; 32]);
        let identity = |at: u8| crate::identity::Identity::new(NodeId::from_bytes([at; 16]), 1);
        let mut table = Table::new(crate::wire::ClusterKey::new(""), &mut rng, identity(0), 0_u64);
        for at in 1..=10 {
            let status = if at == 4 { Status::Suspect } else { Status::Alive };
            let record =
                Record { member: identity(at), incarnation: 0, claim: Claim::Alive, addr: at.into(), profile: 0 };
            table.insert(&record, status);
        }
        let told = [0, 2, 3, 9].map(|spares| {
            case.spares = spares;
            case.to_tell(&config, &table).len()
        });
        // One of the first five is in doubt itself.
        assert_eq!(told, [6, 9, 10, 10]);
    }
}
