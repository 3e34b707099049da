//! What other members, and snapshots, know of keys: taken over if there is room, and told to the application.

use core::time::Duration;

use gossip_crdt::{Codec as _, Dot};

use super::item::Item;
use super::key::Key;
use super::{KvEvent, KvState, MAX_ITEM, Version};
use crate::config::Safeguard;
use crate::event::Event;
use crate::identity::Identity;
use crate::peer::Peer;
use crate::protocol::Cx;

/// How often at most it is told that a clock is wrong.
const SKEW_PERIOD: Duration = Duration::from_secs(60);

/// What became of what another member knows of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    Changed,
    Known,
    /// There is no room for it.
    Full,
}

impl<P: Peer> KvState<P> {
    /// Takes over what another member knows of a key, if there is room for it.
    pub(super) fn take(&mut self, cx: &mut Cx<'_, P>, key: &Key, other: &Item) -> Joined {
        if !self.has_room(cx, key, other) {
            return Joined::Full;
        }
        let joined = self.join(cx, key, other);
        cx.stats.kv_dropped += u64::from(joined == Joined::Full);
        joined
    }

    /// Takes over what another member, or a snapshot, knows of a key, and tells the application.
    pub(super) fn join(&mut self, cx: &mut Cx<'_, P>, key: &Key, other: &Item) -> Joined {
        let before = self.store.open(key);
        let known = before.is_some();
        let before = before.unwrap_or_default();
        for stamp in other.stamps() {
            self.observe(cx, stamp);
        }
        // What the key has outlived here counts as seen, even if it never came.
        let shown = other.dots();
        for dot in shown.iter().filter(|dot| before.covers(dot)) {
            self.note(cx, dot);
        }
        let mut after = before.clone();
        let nothing = gossip_crdt::Context::new();
        let covers = known || cx.config.keeps(Safeguard::Covering);
        after.join(if covers { self.context.dots() } else { &nothing }, other);
        after.prune(|dot| self.stability.is_stable(dot));
        if after.size() > MAX_ITEM * cx.config.kv.max_value && after.size() > before.size() {
            return Joined::Full;
        }
        if after.heads().is_empty() {
            // What it shows still was known to what is gone: if it lives on, it comes again with what knows of it.
            after.dots().iter().for_each(|dot| self.context.forget(cx.key, dot));
            after = Item::default();
        }
        after.dots().iter().for_each(|dot| self.note(cx, dot));
        if after == before || !known && after.is_nothing() {
            return Joined::Known;
        }
        let is_new = |head: &&Dot<Identity>| !before.heads().contains(head);
        let head = after.heads().iter().find(is_new).or(before.heads().last()).or(after.heads().last());
        if let Some(head) = head.filter(|_| before.heads() != after.heads() || before.content() != after.content()) {
            self.tell(cx, key, Version::from(head), before.is_visible(), after.is_visible());
        }
        self.put(cx, key, after);
        Joined::Changed
    }

    pub(super) fn put(&mut self, cx: &Cx<'_, P>, key: &Key, item: Item) {
        self.store.put(key, item, cx.now + cx.config.kv.tombstone_ttl);
    }

    fn note(&mut self, cx: &Cx<'_, P>, dot: &Dot<Identity>) {
        if !self.context.contains(dot) {
            _ = self.context.add(cx.key, usize::MAX, dot.writer, dot.counter, dot.counter);
        }
    }

    fn observe(&mut self, cx: &mut Cx<'_, P>, stamp: gossip_crdt::Stamp) {
        let Err(skew) = self.clock.observe(cx.unix_ms(), stamp) else { return };
        cx.stats.kv_skewed += 1;
        let told = self.skew_told.is_some_and(|at| cx.now < at + SKEW_PERIOD);
        // Before the node is told the time every stamp is far ahead of it.
        if !told && cx.wall.1 > 0 {
            self.skew_told = Some(cx.now);
            cx.events.push(Event::ClockSkew { ahead_ms: skew.ahead_ms });
        }
    }

    pub(super) fn tell(&self, cx: &mut Cx<'_, P>, key: &Key, version: Version, was: bool, is: bool) {
        if was || is {
            cx.events.push(Event::Kv(KvEvent { scope: key.scope(), key: key.name().into(), version, deleted: !is }));
        }
    }

    /// Whether an entry can be noted. One that could not must not be stored, or a later deletion that is forgotten could not
    /// keep it away.
    fn has_room(&self, cx: &mut Cx<'_, P>, key: &Key, item: &Item) -> bool {
        let max = cx.config.kv.max_writers;
        if self.store.len() >= cx.config.kv.max_entries && !self.store.contains(key)
            || item.dots().iter().any(|dot| !self.context.has_place(max, dot.writer))
        {
            cx.stats.kv_dropped += 1;
            return false;
        }
        let has_room = |dot: &Dot<Identity>| {
            self.context.contains(dot) || self.context.has_room(max, dot.writer, dot.counter, dot.counter)
        };
        let has_room = item.dots().iter().all(has_room);
        cx.stats.kv_postponed += u64::from(!has_room);
        has_room
    }
}
