//! How long a suspect has to refute, and who suspects it.
//!
//! Lifeguard (arXiv 1707.00788) §IV-B: `timeout = max - (max - min) x log(C + 1) / log(K + 1)` after C independent
//! confirmations of at most K.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use smallvec::SmallVec;

use super::table::MemberIndex;
use crate::config::MembershipConfig;
use crate::identity::NodeId;
use crate::time::Instant;

/// The wait for a suspect in a cluster of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    min: Duration,
    max: Duration,
    confirmations: usize,
}

impl Patience {
    pub(super) fn new(config: &MembershipConfig, live: usize) -> Self {
        // Times max(1, log10 N), as memberlist does: news need that much longer to get around.
        let min = config.probe_interval * config.suspicion.min_intervals * log2_milli(live).max(3322) / 3322;
        Self {
            min,
            max: min * config.suspicion.max_factor,
            // Where fewer members could confirm, fewer suffice.
            confirmations: config.suspicion.confirmations.min(live.saturating_sub(2)),
        }
    }

    /// The shortest wait from the beginning: for a verdict of others about a member that seemed alive here.
    pub(super) fn shortest(self) -> Self {
        Self { max: self.min, ..self }
    }

    fn after(&self, confirmed: usize) -> Duration {
        if self.confirmations == 0 {
            return self.min;
        }
        let share = log2_milli(confirmed.min(self.confirmations) + 1);
        self.max - (self.max - self.min) * share / log2_milli(self.confirmations + 1)
    }
}

/// 1000 x log2, linear between powers of two.
fn log2_milli(n: usize) -> u32 {
    let n = n.clamp(1, 1 << 32) as u64;
    let whole = n.ilog2();
    whole * 1000 + ((n - (1 << whole)) * 1000 / (1 << whole)) as u32
}

#[derive(Debug)]
struct Suspicion {
    since: Instant,
    patience: Patience,
    deadline: Instant,
    by: SmallVec<[NodeId; 4]>,
}

/// The suspects and their deadlines.
#[derive(Debug, Default)]
pub(super) struct Suspicions {
    suspects: BTreeMap<MemberIndex, Suspicion>,
    deadlines: BTreeSet<(Instant, MemberIndex)>,
}

impl Suspicions {
    pub(super) fn begin(&mut self, now: Instant, index: MemberIndex, by: NodeId, patience: Patience) {
        self.end(index);
        let deadline = now + patience.after(0);
        let by = SmallVec::from_slice(&[by]);
        self.suspects.insert(index, Suspicion { since: now, patience, deadline, by });
        self.deadlines.insert((deadline, index));
    }

    /// Another member suspects the same; whether that is news that shortens the wait.
    pub(super) fn confirm(&mut self, index: MemberIndex, by: NodeId) -> bool {
        let Some(suspicion) = self.suspects.get_mut(&index) else { return false };
        if suspicion.by.len() > suspicion.patience.confirmations || suspicion.by.contains(&by) {
            return false;
        }
        suspicion.by.push(by);
        let deadline = suspicion.since + suspicion.patience.after(suspicion.by.len() - 1);
        // A deadline that was put off stays so.
        if deadline < suspicion.deadline {
            self.deadlines.remove(&(suspicion.deadline, index));
            suspicion.deadline = deadline;
            self.deadlines.insert((deadline, index));
        }
        true
    }

    pub(super) fn end(&mut self, index: MemberIndex) {
        if let Some(suspicion) = self.suspects.remove(&index) {
            self.deadlines.remove(&(suspicion.deadline, index));
        }
    }

    /// Who suspected the member last, as far as is known here.
    pub(super) fn by(&self, index: MemberIndex) -> Option<NodeId> {
        self.suspects.get(&index)?.by.last().copied()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// A suspect whose time is up.
    pub(super) fn expired(&mut self, now: Instant) -> Option<MemberIndex> {
        let (deadline, index) = *self.deadlines.first()?;
        (deadline <= now).then(|| {
            self.end(index);
            index
        })
    }

    /// Nobody's time is up before `until`.
    pub(super) fn put_off(&mut self, until: Instant) {
        while let Some((deadline, index)) = self.deadlines.first().copied().filter(|(deadline, _)| *deadline < until) {
            self.deadlines.remove(&(deadline, index));
            if let Some(suspicion) = self.suspects.get_mut(&index) {
                suspicion.deadline = until;
                self.deadlines.insert((until, index));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUSPECT: MemberIndex = MemberIndex(1);

    fn begun(live: usize) -> Suspicions {
        let mut suspicions = Suspicions::default();
        let patience = Patience::new(&MembershipConfig::default(), live);
        suspicions.begin(Instant::ZERO, SUSPECT, NodeId::from_name("a"), patience);
        suspicions
    }

    fn seconds(suspicions: &Suspicions) -> u64 {
        suspicions.next().unwrap().since(Instant::ZERO).as_secs()
    }

    #[test]
    fn independent_confirmations_shorten_the_wait_to_its_minimum() {
        let mut suspicions = begun(10);
        assert_eq!(seconds(&suspicions), 6);
        for (name, expected) in [("b", 4), ("c", 3), ("d", 2)] {
            assert!(suspicions.confirm(SUSPECT, NodeId::from_name(name)));
            assert_eq!(seconds(&suspicions), expected, "{name}");
        }
    }

    #[test]
    fn the_same_accuser_and_one_too_many_change_nothing() {
        let mut suspicions = begun(10);
        assert!(!suspicions.confirm(SUSPECT, NodeId::from_name("a")));
        assert!(["b", "c", "d"].into_iter().all(|name| suspicions.confirm(SUSPECT, NodeId::from_name(name))));
        assert!(!suspicions.confirm(SUSPECT, NodeId::from_name("e")));
    }

    #[test]
    fn of_two_nodes_one_decides_alone_after_the_minimum() {
        assert_eq!(seconds(&begun(2)), 2);
    }

    #[test]
    fn the_wait_grows_with_the_logarithm_of_the_size() {
        assert_eq!(seconds(&begun(100)), 11);
        assert_eq!(seconds(&begun(1000)), 17);
    }

    #[test]
    fn a_deadline_put_off_is_not_brought_forward_by_a_confirmation() {
        let mut suspicions = begun(10);
        suspicions.put_off(Instant::from_micros(20_000_000));
        assert_eq!(suspicions.expired(Instant::from_micros(19_000_000)), None);
        assert_eq!(suspicions.expired(Instant::from_micros(20_000_000)), Some(SUSPECT));
    }
}
