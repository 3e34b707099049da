//! `kv.*`: how fast writes spread, what that costs, and whether anything came back, got lost or stayed apart.

use std::collections::BTreeMap;

use gossip_core::Instant;

use super::oracle::Oracle;
use super::{Cluster, Results, mean, millis, secs};
use crate::trace::{Cause, Memory, Observation};

#[derive(Debug)]
pub(super) struct Kv {
    oracle: Oracle,
    agreement: Agreement,
    /// The last write or fault.
    last: Option<Instant>,
    /// Since when all live nodes hold the same entries without a break.
    same: Option<Instant>,
    bytes: u64,
}

impl Kv {
    pub(super) fn new(nodes: usize) -> Self {
        let agreement = Agreement::new(nodes);
        Self { oracle: Oracle::new(nodes), agreement, last: None, same: None, bytes: 0 }
    }

    pub(super) fn observe(&mut self, at: Instant, seen: &Observation<'_>, cluster: &Cluster) {
        match *seen {
            Observation::Sent { of, .. } => {
                self.bytes += of.kv as u64;
                return;
            }
            Observation::Started { node, memory, .. } => {
                if memory != Memory::Kept {
                    self.oracle.forget(at, node);
                }
                if cluster.starts(node) > 1 {
                    self.disturbed(at);
                }
                self.agreement.start(node);
            }
            Observation::Leaving { node } => self.agreement.stop(node),
            Observation::Stopped { node, cause } => {
                self.agreement.stop(node);
                if cause != Cause::Left {
                    self.disturbed(at);
                }
            }
            Observation::PartitionBegan | Observation::PartitionEnded => self.disturbed(at),
            Observation::Written { write, key, node, deleted, seen, piece } => {
                if let Some(seen) = seen {
                    self.oracle.applied(at, node, seen);
                }
                self.oracle.written(at, node, key, deleted, piece);
                self.agreement.define(key, deleted, self.oracle.writes()[write].past());
                self.agreement.apply(node, write);
                self.disturbed(at);
            }
            Observation::Applied { write, node } => {
                self.oracle.applied(at, node, write);
                self.agreement.apply(node, write);
            }
            Observation::Gone { write, node } => self.agreement.clear(node, write),
            Observation::Contents { node, writes } => self.oracle.hold(node, writes),
            _ => return,
        }
        if !self.agreement.is_reached() {
            self.same = None;
        } else if self.same.is_none() {
            self.same = Some(at);
        }
    }

    /// Agreement counts from here.
    fn disturbed(&mut self, at: Instant) {
        self.last = Some(at);
        self.same = None;
    }

    pub(super) fn finish(self, cluster: &Cluster, results: &mut Results) {
        let started = (0..cluster.len()).filter(|node| cluster.has_started(*node)).count();
        results.real("kv.sync_bytes_per_node", Some(self.bytes as f64 / started.max(1) as f64));
        results.real("kv.converged_s", self.last.zip(self.same).map(|(last, same)| secs(last, same)));
        results.integer("kv.resurrected", Some(self.oracle.resurrected(cluster) as u64));
        results.integer("kv.lost", Some(self.oracle.lost(cluster) as u64));
        results.integer("kv.diverged", Some(self.oracle.diverged(cluster) as u64));
        let writes = self.oracle.writes().iter().enumerate();
        // Writes that did not see each other are judged by what is held at the end: only the others have a time.
        let timed = writes.filter(|(index, _)| !self.oracle.has_rival(*index));
        let (mut half, mut all) = (Vec::new(), Vec::new());
        for (_, write) in timed {
            let arrivals = write.arrivals(cluster);
            let mut times = arrivals.iter().flatten().map(|seen| millis(write.at, *seen)).collect::<Vec<_>>();
            times.sort_by(f64::total_cmp);
            let reached = |needed: usize| if needed == 0 { Some(0.0) } else { times.get(needed - 1).copied() };
            half.push(reached(arrivals.len().div_ceil(2)));
            all.push(reached(arrivals.len()));
        }
        if all.is_empty() {
            return;
        }
        for (name, times) in [("kv.t50_ms", half), ("kv.t100_ms", all)] {
            let times = times.into_iter().collect::<Option<Vec<_>>>();
            results.real(name, times.and_then(|times| mean(times.into_iter())));
        }
    }
}

/// Whether all live nodes hold the same entries, by a hash of each node's entries that each change updates. The final
/// judgement compares the entries themselves.
#[derive(Debug)]
struct Agreement {
    writes: Vec<Write>,
    /// By node, then by key: the writes that it holds, none of which knows of another.
    held: Vec<BTreeMap<usize, Vec<usize>>>,
    /// By node: the sum over its entries; none if it is not live.
    hashes: Vec<Option<u128>>,
    /// How many live nodes have each hash.
    groups: BTreeMap<u128, usize>,
}

#[derive(Debug)]
struct Write {
    key: usize,
    deleted: bool,
    /// The writes of the key that its writer had seen, ascending.
    past: Vec<usize>,
}

impl Agreement {
    fn new(nodes: usize) -> Self {
        Self {
            writes: Vec::new(),
            held: vec![BTreeMap::new(); nodes],
            hashes: vec![None; nodes],
            groups: BTreeMap::new(),
        }
    }

    /// Writes are numbered in their order.
    fn define(&mut self, key: usize, deleted: bool, past: &[usize]) {
        self.writes.push(Write { key, deleted, past: past.to_vec() });
    }

    fn start(&mut self, node: usize) {
        self.held[node].clear();
        self.regroup(node, Some(0));
    }

    fn stop(&mut self, node: usize) {
        self.regroup(node, None);
    }

    fn apply(&mut self, node: usize, write: usize) {
        let knows = |a: usize, b: usize| a == b || self.writes[a].past.binary_search(&b).is_ok();
        let mut held = self.held[node].get(&self.writes[write].key).cloned().unwrap_or_default();
        if !held.iter().any(|other| knows(*other, write)) {
            held.retain(|other| !knows(write, *other));
            held.push(write);
            self.hold(node, write, held);
        }
    }

    fn clear(&mut self, node: usize, write: usize) {
        self.hold(node, write, Vec::new());
    }

    /// A node holds these writes of the key of `write`.
    fn hold(&mut self, node: usize, write: usize, held: Vec<usize>) {
        let new = self.sum(&held);
        let before = self.held[node].insert(self.writes[write].key, held);
        let before = self.sum(&before.unwrap_or_default());
        if let Some(hash) = self.hashes[node] {
            self.regroup(node, Some(hash.wrapping_sub(before).wrapping_add(new)));
        }
    }

    fn regroup(&mut self, node: usize, hash: Option<u128>) {
        if let Some(old) = std::mem::replace(&mut self.hashes[node], hash) {
            let count = self.groups.entry(old).or_default();
            *count -= 1;
            if *count == 0 {
                self.groups.remove(&old);
            }
        }
        if let Some(new) = hash {
            *self.groups.entry(new).or_default() += 1;
        }
    }

    fn is_reached(&self) -> bool {
        self.groups.len() <= 1
    }

    fn sum(&self, writes: &[usize]) -> u128 {
        writes.iter().fold(0, |sum, write| sum.wrapping_add(self.hash(*write)))
    }

    /// A deleted key is no entry: it weighs nothing. Each write is one of its key alone, so its number names both.
    fn hash(&self, write: usize) -> u128 {
        if self.writes[write].deleted {
            return 0;
        }
        let half = |salt: u64| u128::from(crate::random::mix(salt ^ crate::random::mix(write as u64 + 1)));
        half(0x9e37_79b9) << 64 | half(0x85eb_ca6b)
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::script::Script;
    use crate::report::Value::{Integer, Real};
    use crate::trace::{Cause, Memory, Observation, Parts, Piece};

    fn write(write: usize, key: usize, node: usize, deleted: bool) -> Observation<'static> {
        Observation::Written { write, key, node, deleted, seen: None, piece: None }
    }

    fn set(number: usize, key: usize, node: usize) -> Observation<'static> {
        write(number, key, node, false)
    }

    fn delete(number: usize, key: usize, node: usize) -> Observation<'static> {
        write(number, key, node, true)
    }

    fn apply(write: usize, node: usize) -> Observation<'static> {
        Observation::Applied { write, node }
    }

    fn contents(node: usize, writes: &'static [usize]) -> Observation<'static> {
        Observation::Contents { node, writes }
    }

    fn script(nodes: usize) -> Script {
        let mut script = Script::new(nodes, 60);
        script.plan.kv = true;
        (0..nodes).for_each(|node| {
            script.start(0.0, node);
        });
        script
    }

    fn judged(script: &mut Script) -> [u64; 3] {
        let metrics = script.finish();
        ["kv.resurrected", "kv.lost", "kv.diverged"].map(|name| match metrics[name] {
            Some(Integer(count)) => count,
            other => panic!("{name} is {other:?}"),
        })
    }

    #[test]
    fn a_write_arrives_at_half_of_the_nodes_and_then_at_all() {
        let mut script = script(4);
        script.at(10.0, set(0, 0, 0)).at(10.1, apply(0, 1)).at(10.2, apply(0, 2)).at(10.5, apply(0, 3));
        let metrics = script.finish();
        assert_eq!(metrics["kv.t50_ms"], Some(Real(100.0)));
        assert_eq!(metrics["kv.t100_ms"], Some(Real(500.0)));
        assert_eq!(metrics["kv.converged_s"], Some(Real(0.5)));
    }

    #[test]
    fn whoever_has_the_successor_has_the_write() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(11.0, set(1, 0, 0)).at(11.5, apply(1, 1));
        assert_eq!(script.finish()["kv.t100_ms"], Some(Real((1500.0 + 500.0) / 2.0)));
    }

    #[test]
    fn a_write_that_one_node_misses_is_unfinished() {
        let mut script = script(3);
        script.at(10.0, set(0, 0, 0)).at(10.1, apply(0, 1));
        let metrics = script.finish();
        assert_eq!(metrics["kv.t50_ms"], Some(Real(100.0)));
        assert_eq!(metrics["kv.t100_ms"], None);
        assert_eq!(metrics["kv.converged_s"], None);
    }

    #[test]
    fn a_node_that_is_not_there_need_not_have_it() {
        let mut script = script(3);
        script.at(10.0, set(0, 0, 0)).at(10.1, apply(0, 1)).stop(12.0, 2, Cause::Crash);
        let metrics = script.finish();
        assert_eq!(metrics["kv.t100_ms"], Some(Real(100.0)));
        assert_eq!(metrics["kv.converged_s"], Some(Real(0.0)));
    }

    #[test]
    fn convergence_counts_from_the_last_write_or_fault() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(11.0, apply(0, 1));
        script.at(20.0, Observation::PartitionBegan).at(21.0, set(1, 1, 0)).at(30.0, Observation::PartitionEnded);
        script.at(32.0, apply(1, 1));
        assert_eq!(script.finish()["kv.converged_s"], Some(Real(2.0)));
    }

    #[test]
    fn a_deleted_key_and_one_never_seen_are_the_same_to_convergence() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(11.0, delete(1, 0, 0));
        assert_eq!(script.finish()["kv.converged_s"], Some(Real(0.0)));
    }

    #[test]
    fn a_restarted_node_without_memory_must_catch_up() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(10.1, apply(0, 1)).stop(20.0, 1, Cause::Restart).start_as(21.0, 1, 2);
        script.at(23.0, apply(0, 1));
        assert_eq!(script.finish()["kv.converged_s"], Some(Real(2.0)));
    }

    #[test]
    fn sync_bytes_are_shared_out_over_the_nodes() {
        let mut script = script(2);
        script.at(5.0, Observation::Sent { node: 0, bytes: 100, of: Parts { kv: 30, broadcast: 0 } });
        script.at(6.0, Observation::Sent { node: 1, bytes: 100, of: Parts { kv: 12, broadcast: 0 } });
        assert_eq!(script.finish()["kv.sync_bytes_per_node"], Some(Real(21.0)));
    }

    #[test]
    fn equal_contents_that_hold_the_last_writes_are_flawless() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(10.1, apply(0, 1)).at(11.0, set(1, 1, 1)).at(11.1, apply(1, 0));
        script.at(12.0, delete(2, 0, 1)).at(12.1, apply(2, 0)).at(60.0, contents(0, &[1])).at(60.0, contents(1, &[1]));
        assert_eq!(judged(&mut script), [0, 0, 0]);
    }

    #[test]
    fn a_key_that_is_back_after_a_delete_that_saw_it_is_resurrected() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(10.1, apply(0, 1)).at(11.0, delete(1, 0, 1));
        script.at(60.0, contents(0, &[0])).at(60.0, contents(1, &[]));
        assert_eq!(judged(&mut script), [1, 0, 1]);
    }

    #[test]
    fn a_write_that_the_delete_did_not_see_may_live() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(10.1, apply(0, 1)).at(11.0, set(1, 0, 0)).at(11.0, delete(2, 0, 1));
        script.at(60.0, contents(0, &[1])).at(60.0, contents(1, &[1]));
        assert_eq!(judged(&mut script), [0, 0, 0]);
    }

    #[test]
    fn a_delete_that_went_down_with_its_writer_resurrects_nothing() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(10.1, apply(0, 1)).at(11.0, delete(1, 0, 1)).stop(11.0, 1, Cause::Crash);
        script.at(60.0, contents(0, &[0]));
        assert_eq!(judged(&mut script), [0, 0, 0]);
    }

    #[test]
    fn a_write_that_nobody_holds_any_more_is_lost() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(10.1, apply(0, 1)).at(60.0, contents(0, &[])).at(60.0, contents(1, &[]));
        assert_eq!(judged(&mut script), [0, 1, 0]);
    }

    fn piece(write: usize, node: usize, number: usize, removed: bool) -> Observation<'static> {
        let piece = Some(Piece { number, removed });
        Observation::Written { write, key: 0, node, deleted: false, seen: None, piece }
    }

    #[test]
    fn a_piece_is_overwritten_by_writes_of_that_piece_alone() {
        let mut script = script(2);
        script
            .at(10.0, piece(0, 0, 0, false))
            .at(10.1, apply(0, 1))
            .at(11.0, piece(1, 1, 1, false))
            .at(11.1, apply(1, 0));
        script.at(60.0, contents(0, &[1])).at(60.0, contents(1, &[1]));
        assert_eq!(judged(&mut script), [0, 1, 0], "a later write of another piece does not stand for it");
        let mut script = self::script(2);
        script
            .at(10.0, piece(0, 0, 0, false))
            .at(10.1, apply(0, 1))
            .at(11.0, piece(1, 1, 0, true))
            .at(11.1, apply(1, 0));
        script.at(60.0, contents(0, &[])).at(60.0, contents(1, &[]));
        assert_eq!(judged(&mut script), [0, 0, 0], "it was removed");
    }

    #[test]
    fn a_piece_that_is_back_after_it_was_removed_is_resurrected_and_one_that_was_added_meanwhile_is_not() {
        let mut script = script(2);
        script
            .at(10.0, piece(0, 0, 0, false))
            .at(10.1, apply(0, 1))
            .at(11.0, piece(1, 1, 0, true))
            .at(11.1, apply(1, 0));
        script.at(12.0, piece(2, 0, 1, false)).at(12.1, apply(2, 1));
        script.at(60.0, contents(0, &[0, 2])).at(60.0, contents(1, &[2]));
        assert_eq!(judged(&mut script), [1, 0, 1]);
        let mut script = self::script(2);
        script.at(10.0, piece(0, 0, 0, false)).at(10.1, apply(0, 1)).at(11.0, piece(1, 1, 0, true));
        script.at(11.0, piece(2, 0, 0, false)).at(11.1, apply(1, 0)).at(11.1, apply(2, 1));
        script.at(60.0, contents(0, &[0, 2])).at(60.0, contents(1, &[0, 2]));
        assert_eq!(judged(&mut script), [0, 0, 0]);
    }

    #[test]
    fn nodes_that_hold_two_writes_that_did_not_see_each_other_agree_in_whatever_order_they_came() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(10.0, set(1, 0, 1)).at(10.1, apply(1, 0));
        assert_eq!(script.finish()["kv.converged_s"], None);
        let mut script = self::script(2);
        script.at(10.0, set(0, 0, 0)).at(10.0, set(1, 0, 1)).at(10.1, apply(1, 0)).at(10.5, apply(0, 1));
        assert_eq!(script.finish()["kv.converged_s"], Some(Real(0.5)));
    }

    #[test]
    fn a_write_that_knew_of_two_takes_the_place_of_both() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(10.0, set(1, 0, 1)).at(10.1, apply(1, 0)).at(10.2, set(2, 0, 0));
        script.at(10.5, apply(2, 1)).at(10.6, apply(0, 1));
        assert_eq!(script.finish()["kv.converged_s"], Some(Real(0.3)));
    }

    #[test]
    fn a_key_of_which_nothing_is_left_counts_as_deleted() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(10.1, apply(0, 1)).at(11.0, delete(1, 0, 1));
        script.at(11.5, Observation::Gone { write: 0, node: 0 });
        assert_eq!(script.finish()["kv.converged_s"], Some(Real(0.5)));
    }

    #[test]
    fn of_two_writes_that_did_not_see_each_other_the_one_that_vanished_is_lost() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0)).at(10.0, set(1, 0, 1)).at(10.1, apply(1, 0));
        script.at(60.0, contents(0, &[1])).at(60.0, contents(1, &[1]));
        let metrics = script.finish();
        assert_eq!(metrics["kv.lost"], Some(Integer(1)));
        assert!(!metrics.contains_key("kv.t100_ms"), "neither of two rivals has a time");
    }

    #[test]
    fn a_write_is_overwritten_by_one_whose_writer_held_it() {
        let mut script = script(2);
        script.at(10.0, set(0, 0, 0));
        script.at(11.0, Observation::Written { write: 1, key: 0, node: 1, deleted: false, seen: Some(0), piece: None });
        script.at(60.0, contents(0, &[1])).at(60.0, contents(1, &[1]));
        assert_eq!(judged(&mut script), [0, 0, 0]);
    }

    #[test]
    fn a_write_that_went_down_with_its_only_holder_is_not_held_against_anybody() {
        for (memory, lost) in [(Memory::Lost, 0), (Memory::Kept, 1)] {
            let mut script = script(2);
            script.at(10.0, set(0, 0, 1)).stop(10.0, 1, Cause::Restart);
            script.at(12.0, Observation::Started { node: 1, generation: 2, memory });
            script.at(60.0, contents(0, &[])).at(60.0, contents(1, &[]));
            assert_eq!(judged(&mut script), [0, lost, 0], "{memory:?}");
        }
    }

    #[test]
    fn whoever_differs_from_the_largest_group_has_diverged() {
        let mut script = script(4);
        script.at(10.0, set(0, 0, 0)).at(10.0, set(1, 1, 1));
        script.at(60.0, contents(0, &[0, 1])).at(60.0, contents(1, &[0, 1]));
        script.at(60.0, contents(2, &[0])).at(60.0, contents(3, &[]));
        assert_eq!(judged(&mut script), [0, 0, 2]);
    }
}
