//! The judge of the key-value map: it knows every accepted write, and what its writer had seen of the same key before. It shares
//! no code and no idea with the protocol: no clocks, no contexts, only the order in which things happened.
//!
//! A write is *causally overwritten* if a later write of the same was accepted by a node that had seen it: of its key, or, where
//! members change pieces of what a key holds, of its piece. Whoever applies a write has thereby seen all that its writer had
//! seen of the key.

use std::collections::{BTreeMap, BTreeSet};

use gossip_core::Instant;

use super::Cluster;
use crate::trace::Piece;

#[derive(Debug)]
pub(super) struct Oracle {
    nodes: usize,
    writes: Vec<Write>,
    by_key: BTreeMap<usize, Vec<usize>>,
    /// The same by key and piece.
    by_piece: BTreeMap<(usize, Option<usize>), Vec<usize>>,
    /// Since when each node's memory is unbroken.
    remembers_since: Vec<Instant>,
    /// By node, at the end: writes that it holds as live entries.
    contents: BTreeMap<usize, Vec<usize>>,
}

#[derive(Debug)]
pub(super) struct Write {
    key: usize,
    /// Which piece of what the key holds; none: all of it.
    piece: Option<usize>,
    pub(super) at: Instant,
    /// Whether it took it away.
    removed: bool,
    /// Earlier writes of the key that its writer had seen, ascending.
    past: Vec<usize>,
    /// By node: when it first saw this, or one that came after it, in its present memory.
    seen: Vec<Option<Instant>>,
}

impl Oracle {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            nodes,
            writes: Vec::new(),
            by_key: BTreeMap::new(),
            by_piece: BTreeMap::new(),
            remembers_since: vec![Instant::ZERO; nodes],
            contents: BTreeMap::new(),
        }
    }

    /// From here on the node knows only what it is seen to apply.
    pub(super) fn forget(&mut self, at: Instant, node: usize) {
        self.remembers_since[node] = at;
        self.writes.iter_mut().for_each(|write| write.seen[node] = None);
    }

    /// Writes are numbered from 0 in the order of their acceptance.
    pub(super) fn written(&mut self, at: Instant, node: usize, key: usize, deleted: bool, piece: Option<Piece>) {
        let write = self.writes.len();
        let siblings = self.by_key.entry(key).or_default();
        let past = siblings.iter().copied().filter(|sibling| self.writes[*sibling].seen[node].is_some()).collect();
        siblings.push(write);
        let (removed, piece) = (piece.map_or(deleted, |piece| piece.removed), piece.map(|piece| piece.number));
        self.by_piece.entry((key, piece)).or_default().push(write);
        self.writes.push(Write { key, piece, at, removed, past, seen: vec![None; self.nodes] });
        self.applied(at, node, write);
    }

    pub(super) fn applied(&mut self, at: Instant, node: usize, write: usize) {
        let past = std::mem::take(&mut self.writes[write].past);
        for seen in past.iter().chain([&write]) {
            self.writes[*seen].seen[node].get_or_insert(at);
        }
        self.writes[write].past = past;
    }

    pub(super) fn hold(&mut self, node: usize, writes: &[usize]) {
        self.contents.insert(node, writes.to_vec());
    }

    pub(super) fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Keys, or pieces of them, that are live somewhere at the end although each write of theirs was seen by the writer of a
    /// delete that is not forgotten.
    pub(super) fn resurrected(&self, cluster: &Cluster) -> usize {
        let alive = self.held_at_the_end(cluster);
        let is_resurrected = |siblings: &&Vec<usize>| {
            let covers = |delete: &usize, write: &usize| self.writes[*delete].past.contains(write);
            let deletes = || siblings.iter().filter(|w| self.writes[**w].removed && self.is_remembered(**w, cluster));
            let mut sets = siblings.iter().filter(|write| !self.writes[**write].removed);
            siblings.iter().any(|write| alive.contains(write)) && sets.all(|set| deletes().any(|d| covers(d, set)))
        };
        self.by_piece.values().filter(is_resurrected).count()
    }

    /// Accepted sets, not causally overwritten and known to a node that remembers them, that no live node holds at the end.
    pub(super) fn lost(&self, cluster: &Cluster) -> usize {
        let alive = self.held_at_the_end(cluster);
        let same = |write: &Write, past: &usize| self.writes[*past].piece == write.piece;
        let overwrites =
            |write: &'_ Write| write.past.iter().copied().filter(|past| same(write, past)).collect::<Vec<_>>();
        let overwritten = self.writes.iter().flat_map(overwrites).collect::<BTreeSet<_>>();
        let is_lost = |write: &usize| {
            !self.writes[*write].removed
                && !overwritten.contains(write)
                && !alive.contains(write)
                && self.is_remembered(*write, cluster)
        };
        (0..self.writes.len()).filter(is_lost).count()
    }

    /// Live nodes outside the largest group that holds the same entries.
    pub(super) fn diverged(&self, cluster: &Cluster) -> usize {
        let mut groups = BTreeMap::<&[usize], usize>::new();
        for (_, contents) in self.contents.iter().filter(|(node, _)| cluster.is_live(**node)) {
            *groups.entry(contents).or_default() += 1;
        }
        groups.values().sum::<usize>() - groups.values().max().copied().unwrap_or(0)
    }

    fn held_at_the_end(&self, cluster: &Cluster) -> BTreeSet<usize> {
        let live = self.contents.iter().filter(|(node, _)| cluster.is_live(**node));
        live.flat_map(|(_, writes)| writes.iter().copied()).collect()
    }

    /// Whether a node that is live at the end saw the write and kept its memory since.
    fn is_remembered(&self, write: usize, cluster: &Cluster) -> bool {
        let seen = self.writes[write].seen.iter().enumerate();
        seen.filter_map(|(node, seen)| seen.map(|at| (node, at)))
            .any(|(node, at)| cluster.is_live(node) && self.remembers_since[node] <= at)
    }

    /// Whether another write of the key neither saw this one nor was seen by it: only one of them can win.
    pub(super) fn has_rival(&self, write: usize) -> bool {
        let sees = |a: usize, b: usize| self.writes[a].past.contains(&b);
        let siblings = self.by_key[&self.writes[write].key].iter().copied();
        siblings.filter(|other| *other != write).any(|other| !sees(write, other) && !sees(other, write))
    }
}

impl Write {
    /// Earlier writes of the key that its writer had seen, ascending.
    pub(super) fn past(&self) -> &[usize] {
        &self.past
    }

    /// When nodes first saw the write: of those live from it to the end. `None` for one that never did.
    pub(super) fn arrivals(&self, cluster: &Cluster) -> Vec<Option<Instant>> {
        let live = (0..self.seen.len()).filter(|node| cluster.live_since(*node, self.at));
        live.map(|node| self.seen[node]).collect()
    }
}
