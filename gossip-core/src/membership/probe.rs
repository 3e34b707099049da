//! Probing in rounds: every live member once a round in a random order (SWIM §4.3), directly first, then again and
//! through others (§3.1).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::table::{ME, MemberIndex, Table};
use crate::config::MembershipConfig;
use crate::identity::Identity;
use crate::peer::Peer;
use crate::random::Rng;
use crate::time::Instant;

/// At most this many probes are made for others at a time.
const MAX_FAVOURS: usize = 256;

/// What the current probe asks for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ping the member, under this number.
    Ping(MemberIndex, u32),
    /// Ping it again and ask others to do so.
    AskOthers(MemberIndex, u32),
    /// Nobody got an answer.
    Failed(MemberIndex),
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Direct,
    Indirect,
    Last,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    target: MemberIndex,
    member: Identity,
    number: u32,
    sent: Instant,
    stage: Stage,
    /// When the next stage begins.
    until: Instant,
}

/// A probe made for another member.
#[derive(Debug)]
struct Favour<P> {
    number: u32,
    member: Identity,
    asker: P,
    asked: u32,
    until: Instant,
}

/// Probes of this node, and those it makes for others.
#[derive(Debug)]
pub(super) struct Probing<P> {
    round: Vec<MemberIndex>,
    at: usize,
    current: Option<Current>,
    /// When the next period begins.
    next: Instant,
    rtt: RoundTrip,
    favours: VecDeque<Favour<P>>,
}

impl<P: Peer> Probing<P> {
    /// The first probe is at a random moment of the first period, so that members that start together spread out.
    pub(super) fn new(now: Instant, config: &MembershipConfig, rng: &mut Rng) -> Self {
        let micros = config.probe_interval.as_micros() as usize;
        Self {
            round: Vec::new(),
            at: 0,
            current: None,
            next: now + Duration::from_micros(rng.below(micros) as u64),
            rtt: RoundTrip { smoothed: None, variation: Duration::ZERO },
            favours: VecDeque::new(),
        }
    }

    /// A new member is probed at a random point of what is left of the round (SWIM §4.3).
    pub(super) fn admit(&mut self, rng: &mut Rng, index: MemberIndex, live: usize) {
        if self.round.len() > 2 * live + 16 {
            // Members that come and go fill the round with themselves: a new one is due.
            self.round.clear();
            self.at = 0;
            return;
        }
        self.round.push(index);
        let last = self.round.len() - 1;
        let place = self.at.min(last) + rng.below(self.round.len() - self.at.min(last));
        self.round.swap(last, place);
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        self.current.map_or(self.next, |current| current.until)
    }

    /// The next thing that is due.
    pub(super) fn step(
        &mut self,
        now: Instant,
        config: &MembershipConfig,
        table: &Table<P>,
        rng: &mut Rng,
    ) -> Option<Step> {
        let Some(current) = &mut self.current else {
            if now < self.next {
                return None;
            }
            self.next = now + config.probe_interval;
            let target = self.choose(table, rng)?;
            let number = rng.u32();
            let member = table.row(target).member;
            let until = now + self.rtt.timeout(config);
            self.current = Some(Current { target, member, number, sent: now, stage: Stage::Direct, until });
            return Some(Step::Ping(target, number));
        };
        if now < current.until {
            return None;
        }
        let Current { target, member, number, .. } = *current;
        if table.get(target).is_none_or(|row| row.member != member) {
            // It was forgotten meanwhile, or lives another life.
            self.current = None;
            return self.step(now, config, table, rng);
        }
        match current.stage {
            Stage::Direct => {
                current.stage = Stage::Indirect;
                current.until = now + self.next.since(now) / 2;
                Some(Step::AskOthers(target, number))
            }
            Stage::Indirect => {
                current.stage = Stage::Last;
                current.until = self.next.max(now);
                Some(Step::Ping(target, number))
            }
            Stage::Last => {
                self.current = None;
                Some(Step::Failed(target))
            }
        }
    }

    /// The answer to a probe of this node: the member is there.
    pub(super) fn acked(&mut self, now: Instant, number: u32, by: Identity) -> bool {
        let Some(current) = self.current.filter(|current| current.number == number && current.member == by) else {
            return false;
        };
        if matches!(current.stage, Stage::Direct) {
            // Only the first ping tells the round trip; after that the answer may be to either (Karn).
            self.rtt.sample(now.since(current.sent));
        }
        self.current = None;
        true
    }

    /// Another member got an answer to the probe.
    pub(super) fn acked_to_other(&mut self, number: u32) {
        self.current.take_if(|current| current.number == number);
    }

    /// The transport cannot reach the member: others are asked without waiting any longer.
    pub(super) fn unreachable(&mut self, now: Instant, index: MemberIndex) {
        if let Some(current) = &mut self.current {
            if current.target == index && matches!(current.stage, Stage::Direct) {
                current.until = now;
            }
        }
    }

    /// No stage of the current probe ends before `until`.
    pub(super) fn put_off(&mut self, until: Instant) {
        if let Some(current) = &mut self.current {
            current.until = current.until.max(until);
        }
    }

    /// Notes that `asker` wants to hear when `member` answers; the number to ping it under.
    pub(super) fn favour(
        &mut self,
        now: Instant,
        member: Identity,
        asker: P,
        asked: u32,
        rng: &mut Rng,
    ) -> Option<u32> {
        while self.favours.front().is_some_and(|favour| favour.until <= now) {
            self.favours.pop_front();
        }
        if self.favours.len() >= MAX_FAVOURS {
            return None;
        }
        let number = rng.u32();
        self.favours.push_back(Favour { number, member, asker, asked, until: now + Duration::from_secs(5) });
        Some(number)
    }

    /// Whom to tell that a probe made as a favour was answered, and under which number.
    pub(super) fn favour_done(&mut self, number: u32, by: Identity) -> Option<(P, u32)> {
        let at = self.favours.iter().position(|favour| favour.number == number && favour.member == by)?;
        self.favours.remove(at).map(|favour| (favour.asker, favour.asked))
    }

    /// The next live member of the round; a new round is shuffled when one ends.
    fn choose(&mut self, table: &Table<P>, rng: &mut Rng) -> Option<MemberIndex> {
        for _ in 0..2 {
            while let Some(index) = self.round.get(self.at).copied() {
                self.at += 1;
                if index != ME && table.get(index).is_some_and(|row| row.status.is_live()) {
                    return Some(index);
                }
            }
            self.at = 0;
            self.round.clear();
            self.round.extend(table.live().iter().map(|at| MemberIndex(*at)));
            rng.shuffle(&mut self.round);
        }
        None
    }
}

/// The round trip as RFC 6298 §2 estimates it, over all members.
#[derive(Debug)]
struct RoundTrip {
    smoothed: Option<Duration>,
    variation: Duration,
}

impl RoundTrip {
    fn sample(&mut self, rtt: Duration) {
        match &mut self.smoothed {
            None => {
                self.smoothed = Some(rtt);
                self.variation = rtt / 2;
            }
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(rtt)) / 4;
                *smoothed = (*smoothed * 7 + rtt) / 8;
            }
        }
    }

    fn timeout(&self, config: &MembershipConfig) -> Duration {
        // A quarter at least: a scheduler's delay is no loss.
        let shortest = config.probe_timeout / 4;
        self.smoothed.map_or(config.probe_timeout, |smoothed| {
            (smoothed + self.variation * 4).clamp(shortest, config.probe_timeout)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_follows_the_round_trip_within_its_bounds() {
        let config = MembershipConfig::default();
        let mut rtt = RoundTrip { smoothed: None, variation: Duration::ZERO };
        assert_eq!(rtt.timeout(&config), config.probe_timeout);
        (0..50).for_each(|_| rtt.sample(Duration::from_millis(1)));
        assert_eq!(rtt.timeout(&config), config.probe_timeout / 4);
        (0..50).for_each(|_| rtt.sample(Duration::from_millis(200)));
        assert!((Duration::from_millis(200)..config.probe_timeout).contains(&rtt.timeout(&config)));
        (0..50).for_each(|_| rtt.sample(Duration::from_secs(9)));
        assert_eq!(rtt.timeout(&config), config.probe_timeout);
    }
}
