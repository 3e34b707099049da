//! Which writes have been seen: for each writer runs of counters, so holes are allowed and deltas may come in any order
//! (version vectors with exceptions; Preguiça et al., arXiv 1011.5808).

use gossip_collections::SmallVec;
use gossip_crdt::Dot;

use crate::identity::{Identity, NodeId};
use crate::wire::ClusterKey;

/// A writer whose seen writes have more holes than this must be caught up in order first.
const MAX_RUNS: usize = 1024;

/// The causal context of the map.
#[derive(Debug, Default)]
pub(crate) struct Context {
    dots: gossip_crdt::Context<Identity>,
    fingerprint: u64,
}

impl Context {
    /// As replicated values know it.
    pub(crate) fn dots(&self) -> &gossip_crdt::Context<Identity> {
        &self.dots
    }

    pub(crate) fn contains(&self, dot: &Dot<Identity>) -> bool {
        self.dots.contains(dot)
    }

    /// What was seen of a writer: seen counters, both ends included, ascending, with a hole between any two.
    pub(crate) fn runs(&self, writer: Identity) -> &[(u64, u64)] {
        self.dots.of(&writer)
    }

    /// Up to which counter every write of the writer has been seen.
    pub(crate) fn through(&self, writer: Identity) -> u64 {
        self.dots.through(&writer)
    }

    /// Whether writes of a writer are missing before one that was seen.
    pub(crate) fn has_gap(&self, writer: Identity) -> bool {
        !matches!(self.runs(writer), [] | [(1, _)])
    }

    /// The last life of a node of which anything was seen.
    pub(crate) fn last_generation(&self, id: NodeId) -> u64 {
        let mut lives = self.dots.after(Some(&Identity::new(id, 0))).take_while(|(writer, _)| writer.id == id);
        lives.by_ref().last().map_or(0, |(writer, _)| writer.generation)
    }

    /// Whether anything was seen of a writer, or there is room for one more.
    pub(crate) fn has_place(&self, max_writers: usize, writer: Identity) -> bool {
        self.dots.writers() < max_writers || !self.runs(writer).is_empty()
    }

    /// Whether there is room to note a run of a writer's counters.
    pub(crate) fn has_room(&self, max_writers: usize, writer: Identity, first: u64, last: u64) -> bool {
        let runs = self.runs(writer);
        if runs.is_empty() {
            return self.dots.writers() < max_writers;
        }
        // A run that touches another becomes one with it. The run from the first counter on always has room: it is the one
        // that anti-entropy makes longer.
        let near = runs.partition_point(|run| run.1.saturating_add(1) < first);
        runs.len() < MAX_RUNS || first == 1 || runs.get(near).is_some_and(|run| run.0 <= last.saturating_add(1))
    }

    /// Notes that all writes from `first` to `last` were seen. Whether there was room for that.
    #[must_use]
    pub(crate) fn add(
        &mut self,
        key: &ClusterKey,
        max_writers: usize,
        writer: Identity,
        first: u64,
        last: u64,
    ) -> bool {
        if first == 0 || first > last || !self.has_room(max_writers, writer, first, last) {
            return false;
        }
        self.change(key, writer, |dots| dots.insert_run(writer, first, last));
        true
    }

    /// Notes that a write was not seen after all.
    pub(crate) fn forget(&mut self, key: &ClusterKey, dot: &Dot<Identity>) {
        self.change(key, dot.writer, |dots| dots.remove(dot));
    }

    /// Changes what was seen of a writer.
    fn change<R>(
        &mut self,
        key: &ClusterKey,
        writer: Identity,
        change: impl FnOnce(&mut gossip_crdt::Context<Identity>) -> R,
    ) {
        let sum = |dots: &gossip_crdt::Context<Identity>| {
            dots.of(&writer).iter().fold(0_u64, |sum, run| sum.wrapping_add(key.run(writer, run.0, run.1)))
        };
        let before = sum(&self.dots);
        change(&mut self.dots);
        self.fingerprint = self.fingerprint.wrapping_sub(before).wrapping_add(sum(&self.dots));
    }

    /// Equal on two members that have seen the same.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// How many writers are known.
    pub(crate) fn writers(&self) -> usize {
        self.dots.writers()
    }

    /// Writers after `after`, ascending, with what was seen of them.
    pub(crate) fn writers_after(&self, after: Option<Identity>) -> impl Iterator<Item = (Identity, &[(u64, u64)])> {
        self.dots.after(after.as_ref()).map(|(writer, runs)| (*writer, runs))
    }
}

/// Where another's runs have holes that one's own fill: the parts of `mine` that are not in `theirs`, ascending.
pub(crate) fn missing(mine: &[(u64, u64)], theirs: impl Iterator<Item = (u64, u64)>) -> SmallVec<[(u64, u64); 4]> {
    let mut theirs = theirs.peekable();
    let mut found = SmallVec::new();
    for (mut first, last) in mine.iter().copied() {
        while first <= last {
            match theirs.peek().copied() {
                Some((_, end)) if end < first => _ = theirs.next(),
                Some((start, end)) if start <= first => match end.checked_add(1) {
                    Some(next) => first = next,
                    None => break,
                },
                Some((start, _)) if start <= last => {
                    found.push((first, start - 1));
                    first = start;
                }
                _ => {
                    found.push((first, last));
                    break;
                }
            }
        }
    }
    found
}

/// The runs beyond `through` as they stand in [`crate::wire::kv::Seen`], as many as fit into `max` bytes.
pub(crate) fn encode_beyond(runs: &[(u64, u64)], through: u64, max: usize) -> SmallVec<[u8; 64]> {
    let mut bytes: SmallVec<[u8; 64]> = SmallVec::new();
    let mut after = through;
    for (first, last) in runs.iter().copied().filter(|run| run.0 > through) {
        let len = bytes.len();
        for mut value in [first - after - 2, last - first] {
            while value >= 0x80 {
                bytes.push(value as u8 | 0x80);
                value >>= 7;
            }
            bytes.push(value as u8);
        }
        if bytes.len() > max {
            bytes.truncate(len);
            break;
        }
        after = last;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::kv::Version;
    use crate::random::Rng;

    /// Seen counters, both ends included, ascending, with a hole between any two.
    type Runs = SmallVec<[(u64, u64); 4]>;

    const WRITER: Identity = Identity::new(NodeId::from_bytes([7; 16]), 3);

    fn seen(context: &Context) -> BTreeSet<u64> {
        (1..200).filter(|counter| context.contains(&Version::new(WRITER, *counter).dot())).collect()
    }

    #[test]
    fn a_context_is_the_set_of_all_that_was_added() {
        let key = ClusterKey::new("");
        for seed in 0..50 {
            let mut rng = Rng::new([seed; 32]);
            let (mut context, mut model) = (Context::default(), BTreeSet::new());
            for _ in 0..40 {
                let first = 1 + rng.below(100) as u64;
                let last = first + rng.below(5) as u64;
                assert!(context.add(&key, 9, WRITER, first, last), "seed {seed}");
                model.extend(first..=last);
                assert_eq!(seen(&context), model, "seed {seed}");
            }
            let through = (1..).find(|counter| !model.contains(counter)).unwrap() - 1;
            assert_eq!(context.through(WRITER), through, "seed {seed}");
            // However it came about, the same set has the same runs and the same fingerprint.
            let mut again = Context::default();
            for counter in model.iter().rev() {
                assert!(again.add(&key, 9, WRITER, *counter, *counter));
            }
            assert_eq!(again.fingerprint(), context.fingerprint(), "seed {seed}");
            assert_eq!(again.dots, context.dots, "seed {seed}");
        }
    }

    #[test]
    fn what_is_missing_is_the_difference_of_the_sets() {
        let key = ClusterKey::new("");
        for seed in 0..200 {
            let mut rng = Rng::new([seed; 32]);
            let mut random = || {
                let mut context = Context::default();
                for _ in 0..rng.below(12) {
                    let first = 1 + rng.below(60) as u64;
                    assert!(context.add(&key, 9, WRITER, first, first + rng.below(6) as u64));
                }
                context
            };
            let (mine, theirs) = (random(), random());
            let runs = |context: &Context| Runs::from_slice(context.runs(WRITER));
            // Theirs as they would arrive.
            let (through, their_runs) = (theirs.through(WRITER), runs(&theirs));
            let beyond = encode_beyond(&their_runs, through, 1000);
            let arrived = crate::wire::kv::Seen::new(WRITER, through, &beyond);
            assert_eq!(arrived.runs().collect::<Runs>(), their_runs, "seed {seed}");
            let found = missing(&runs(&mine), arrived.runs());
            let found: BTreeSet<u64> = found.iter().flat_map(|(first, last)| *first..=*last).collect();
            assert_eq!(found, &seen(&mine) - &seen(&theirs), "seed {seed}");
        }
    }

    #[test]
    fn holes_and_writers_are_bounded() {
        let (key, mut context) = (ClusterKey::new(""), Context::default());
        let added = (1..2000).filter(|counter| context.add(&key, 1, WRITER, counter * 2, counter * 2)).count();
        assert_eq!(added, MAX_RUNS);
        assert!(context.add(&key, 1, WRITER, 1, 3000), "what closes holes always has room");
        assert!(!context.add(&key, 1, Identity::new(NodeId::from_name("x"), 1), 1, 1));
    }

    #[test]
    fn the_last_counter_does_not_overflow() {
        let (key, mut context) = (ClusterKey::new(""), Context::default());
        assert!(context.add(&key, 1, WRITER, u64::MAX, u64::MAX));
        assert!(context.add(&key, 1, WRITER, u64::MAX - 1, u64::MAX - 1));
        assert_eq!(context.runs(WRITER), &[(u64::MAX - 1, u64::MAX)]);
    }

    #[test]
    fn a_writer_of_whom_only_scattered_writes_were_seen_can_be_learned_from_the_first_on() {
        let (key, mut context) = (ClusterKey::new(""), Context::default());
        for run in 1..=MAX_RUNS as u64 {
            assert!(context.add(&key, 1, WRITER, 1000 * run, 1000 * run));
        }
        assert!(!context.add(&key, 1, WRITER, 500, 500), "no room for another run");
        for first in (1..1000).step_by(5) {
            assert!(context.add(&key, 1, WRITER, first, first + 4), "{first}");
        }
        assert_eq!(context.through(WRITER), 1000);
    }
}
