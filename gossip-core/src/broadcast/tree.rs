//! One tree for all senders: the shortest ways to a root that all elect alike, by distance vectors with rounds and a
//! feasibility condition, so that they never loop (Babel, RFC 8966 §2.4–2.6 and §3.5; DSDV, Perkins and Bhagwat, SIGCOMM
//! 1994). Messages flow along its links in both directions, whoever sent them.
//!
//! The root is the live member of the lowest short name. It begins a round from time to time; each round spreads along the
//! shortest ways. A node whose parent is gone, and that has no neighbour that is surely not below it, waits for a new round,
//! pushes to all its neighbours meanwhile, and lets the root know that somebody waits. Who relays much tells some neighbours of
//! longer ways than it has (see `load`).

use core::time::Duration;

use gossip_collections::SmallVec;

use super::links::{Link, Links, MAX_LINKS, Slot, Slots};
use super::load::Load;
use super::upkeep::LOST;
use super::{Broadcast, Intent};
use crate::membership::Table;
use crate::peer::Peer;
use crate::protocol::{Cx, Target};
use crate::time::Instant;
use crate::wire::overlay::Advert;

/// How often the root begins a round.
const ROUND: Duration = Duration::from_secs(10);
/// And how often at most, when somebody waits for it.
const HURRIED: Duration = Duration::from_millis(250);
/// Who hears nothing of a root claims to be it after so long.
const CLAIM: Duration = Duration::from_millis(500);
/// For so long neighbours may know of a newer round before the parent does.
const STALE: Duration = Duration::from_secs(2);
/// A round further ahead than this is of nobody honest: no root begins so many while others miss them all.
const LEAP: u16 = 1 << 14;
/// Who has had no way for so long forgets what it knew of the root: whoever told it of a round that the root never began
/// must not keep it away for ever (as the entries of RFC 8966 §3.7.3 expire), nor a root that has left the overlay.
const FORGET: Duration = Duration::from_secs(20);
/// What each hop costs besides its way, in units of the distance.
const HOP: u32 = 4;
/// The unit of distances.
pub(super) const UNIT: u128 = 64;

/// A way to a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Route {
    root: u32,
    round: u16,
    /// None: no way is known.
    distance: Option<u32>,
    parent: Option<Slot>,
}

#[derive(Debug)]
pub(super) struct Tree {
    route: Option<Route>,
    /// The shortest way that was told in the newest round heard of: a neighbour with a shorter one is not below.
    feasible: (u16, u32),
    /// The round of which this node is the root, and when the next begins.
    own_round: u16,
    next_round: Instant,
    /// Since when neighbours know of a newer round than the parent.
    stale_since: Option<Instant>,
    /// Since when no way is known.
    lost_since: Option<Instant>,
    /// When the root was last asked for a round, or asked on behalf of others.
    hurried: Option<Instant>,
    /// When to do so again: somebody wished for it too soon after that.
    hurry_at: Option<Instant>,
    /// When to tell the parent again that it is one: it has not said that it knows.
    adopt_at: Option<(Slot, Instant)>,
    /// Somebody waits for a new round, which the parent has to be told.
    hurry: bool,
    /// When a node that knows of no root claims to be it; none while it has no neighbours.
    claim_at: Option<Instant>,
    pub(super) load: Load,
    /// Something changed that the route depends on.
    pub(super) dirty: bool,
}

fn is_newer(a: u16, b: u16) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 15
}

fn is_ahead(a: u16, b: u16) -> bool {
    a != b && a.wrapping_sub(b) <= LEAP
}

/// The length of a link. One between zones is as long as two: what it carries is often paid for.
fn length<P: Peer>(table: &Table<P>, link: &Link<P>) -> u32 {
    let way = u32::try_from(link.way.shortest.as_micros() / 2 / UNIT).unwrap_or(u32::MAX / 4).saturating_add(HOP);
    if table.is_abroad(link.row) { way * 2 } else { way }
}

impl Tree {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            route: None,
            feasible: (0, u32::MAX),
            own_round: 0,
            next_round: now,
            stale_since: None,
            lost_since: None,
            hurried: None,
            hurry_at: None,
            adopt_at: None,
            hurry: false,
            claim_at: None,
            load: Load::default(),
            dirty: false,
        }
    }

    /// Whether the node has its place in the tree.
    pub(super) fn is_attached(&self) -> bool {
        self.route.is_some_and(|route| route.distance.is_some())
    }

    /// The links of the tree, and those to neighbours that have lost their place in it; all links where this node has.
    pub(super) fn branches<P: Eq>(&self, links: &Links<P>) -> Slots {
        if !self.is_attached() {
            return links.all();
        }
        let parent = self.route.and_then(|route| route.parent);
        let lost = |link: &Link<P>| link.advert.is_some_and(|advert| advert.distance.is_none());
        let branch = |(slot, link): &(Slot, &Link<P>)| link.child || Some(*slot) == parent || lost(link);
        links.iter().filter(branch).map(|(slot, _)| slot).collect()
    }

    pub(super) fn forget_link(&mut self, slot: Slot) {
        if let Some(route) = self.route.as_mut().filter(|route| route.parent == Some(slot)) {
            route.parent = None;
            route.distance = None;
        }
        self.dirty = true;
    }

    /// Whether there is a parent.
    pub(super) fn has_parent(&self) -> bool {
        self.route.is_some_and(|route| route.parent.is_some())
    }

    /// The next deadline.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let stale = self.stale_since.map(|since| since + STALE);
        let lost = self.lost_since.map(|since| since + FORGET);
        let round = match self.route {
            Some(route) if route.parent.is_some() || route.distance.is_none() => None,
            // Which of the two it is shows then.
            Some(_) => Some(self.next_round),
            None => self.claim_at,
        };
        let adopt = self.adopt_at.map(|(_, at)| at);
        crate::time::earliest([stale, lost, round, adopt, self.hurry_at, self.load.poll_timeout()])
    }

    /// The way that a neighbour offers: none if it offers none, or if it might lead through this node.
    fn offer<P: Peer>(&self, table: &Table<P>, me: u32, root: u32, slot: Slot, link: &Link<P>) -> Option<u32> {
        let advert = link.advert.filter(|advert| advert.root == root && advert.root != me && !advert.parent)?;
        let distance = advert.distance?;
        table.find_live_short(advert.root)?;
        let (round, shortest) = self.feasible;
        let follows = shortest < u32::MAX && self.route.is_some_and(|route| route.root == root);
        // The parent's way has become longer, but it does not lead through this node now (RFC 8966 §3.5.3).
        let stays = self.route.is_some_and(|route| route.parent == Some(slot));
        let feasible =
            !follows || is_ahead(advert.round, round) || advert.round == round && (stays || distance < shortest);
        feasible.then(|| distance.saturating_add(length(table, link)))
    }

    /// The lowest root that any neighbour knows a way to, this node included.
    fn elect<P: Peer>(&self, table: &Table<P>, me: u32, links: &Links<P>, now: Instant) -> Option<u32> {
        let known = links.iter().filter_map(|(_, link)| link.advert.filter(|advert| advert.distance.is_some()));
        let live = known.map(|advert| advert.root).filter(|root| *root != me && table.find_live_short(*root).is_some());
        // What this node follows is not forgotten because no neighbour has a way at the moment.
        let followed = self.route.map(|route| route.root).filter(|root| table.find_live_short(*root).is_some());
        let best = live.chain(followed).min();
        let claims = self.claim_at.is_some_and(|at| at <= now);
        if claims && best.is_none_or(|best| me <= best) { Some(me) } else { best }
    }

    /// Chooses the way again after something has changed.
    fn choose<P: Peer>(&mut self, table: &Table<P>, me: u32, links: &Links<P>, now: Instant) -> Option<Route> {
        let since = self.stale_since.take();
        let root = self.elect(table, me, links, now)?;
        if root == me {
            return Some(Route { root, round: self.own_round, distance: Some(0), parent: None });
        }
        if self.route.is_none_or(|route| route.root != root) {
            self.feasible = (0, u32::MAX);
        }
        let offers = links.iter().filter_map(|(slot, link)| Some((self.offer(table, me, root, slot, link)?, slot)));
        let offers: SmallVec<[(u32, Slot); MAX_LINKS]> = offers.collect();
        let parent = self.route.filter(|route| route.root == root).and_then(|route| route.parent);
        let best = offers.iter().min().copied();
        let current = offers.iter().find(|(_, slot)| Some(*slot) == parent).copied();
        let round = |slot: Slot| links.get(slot).and_then(|link| link.advert).map_or(0, |advert| advert.round);
        let newest = offers.iter().map(|(_, slot)| round(*slot)).reduce(|a, b| if is_newer(a, b) { a } else { b });
        let Some((best, through)) = best else {
            let round = self.route.filter(|route| route.root == root).map_or(0, |route| route.round);
            return Some(Route { root, round, distance: None, parent: None });
        };
        // A parent that has not heard of the newest round yet may be cut off from the root.
        let behind = current.zip(newest).is_some_and(|((_, slot), newest)| is_newer(newest, round(slot)));
        self.stale_since = behind.then(|| since.unwrap_or(now));
        let stale = self.stale_since.take_if(|since| now >= *since + STALE).is_some();
        let (distance, slot) = match current {
            // A way that is shorter by a twentieth is worth a change.
            Some((distance, slot)) if !stale && best >= distance - distance / 20 => (distance, slot),
            _ => (best, through),
        };
        Some(Route { root, round: round(slot), distance: Some(distance), parent: Some(slot) })
    }

    /// The round that the root begins: newer than those that it hears of, which somebody has invented.
    fn next_round<P: Eq>(&self, me: u32, links: &Links<P>) -> u16 {
        let told = links.iter().filter_map(|(_, link)| link.advert).filter(|advert| advert.root == me);
        let newest = told.fold(self.own_round, |round, advert| {
            if is_ahead(advert.round, self.own_round) && is_newer(advert.round, round) { advert.round } else { round }
        });
        newest.wrapping_add(1)
    }

    /// Since when no way is known, if none is.
    pub(super) fn lost_since(&self) -> Option<Instant> {
        self.lost_since
    }

    /// Forgets a root to which there has been no way for long.
    fn forget_lost(&mut self, now: Instant) {
        if self.lost_since.is_some_and(|since| now >= since + FORGET) {
            self.lost_since = None;
            self.route = None;
        }
    }

    fn follow(&mut self, now: Instant, route: Route) {
        self.lost_since = if route.distance.is_some() { None } else { self.lost_since.or(Some(now)) };
        if self.route.is_some_and(|before| before.round != route.round) {
            // Here is the round that was wished for.
            self.hurry_at = None;
        }
        if let Some(distance) = route.distance {
            let (round, shortest) = self.feasible;
            let renewed = shortest == u32::MAX || is_newer(route.round, round);
            self.feasible = if renewed { (route.round, distance) } else { (round, shortest.min(distance)) };
        }
        self.route = Some(route);
    }
}

impl<P: Peer> Broadcast<P> {
    pub(super) fn handle_advert(&mut self, cx: &mut Cx<'_, P>, slot: Slot, advert: Advert) {
        let Some(link) = self.links.get_mut(slot) else { return };
        link.heard = cx.now;
        let adopted = advert.parent && !link.child;
        if link.child && !advert.parent {
            // Perhaps an advert that a later one has overtaken: the child is told that it is none.
            link.told = None;
        }
        if link.advert.replace(advert) == Some(advert) && advert.parent {
            // The child asks whether it is known as one.
            link.told = None;
        }
        let left = link.child && !advert.parent;
        link.child = advert.parent;
        let me = cx.table.own_short(*cx.me);
        let route = self.tree.route;
        // Who is behind, or takes the link for something else, has missed what it was told.
        let parent = route.and_then(|route| route.parent) == Some(slot);
        let behind = route.is_some_and(|route| route.root == advert.root && is_newer(route.round, advert.round));
        if advert.child != parent || (behind && advert.parent) {
            link.told = None;
        }
        // A round that this root never began somebody has invented. What follows it is not begun at once each time, or rounds
        // would be faster than they spread.
        let invented = Some(advert.root) == me && is_ahead(advert.round, self.tree.own_round);
        if invented || advert.hurry {
            self.hurry(cx);
        }
        self.tree.dirty = true;
        if adopted {
            self.ask_recent(cx, slot);
        }
        if left && self.tree.load.is_high() {
            self.call_back(slot);
        }
    }

    /// Somebody below has no way: asks the root for a new round, or begins it.
    pub(super) fn hurry(&mut self, cx: &mut Cx<'_, P>) {
        if let Some(at) = self.tree.hurried.filter(|at| cx.now < *at + HURRIED) {
            self.tree.hurry_at = Some(at + HURRIED);
            return;
        }
        self.tree.hurry_at = None;
        self.tree.hurried = Some(cx.now);
        self.tree.hurry = true;
        if self.tree.route.is_some_and(|route| route.parent.is_none() && route.distance.is_some()) {
            self.tree.next_round = cx.now;
        }
    }

    /// Follows what has changed, and tells neighbours.
    pub(super) fn tend_tree(&mut self, cx: &mut Cx<'_, P>) {
        let Some(me) = cx.table.own_short(*cx.me) else { return };
        self.tree.claim_at = (self.links.len() > 0).then(|| self.tree.claim_at.unwrap_or(cx.now + CLAIM));
        let due = self.tree.poll_timeout().is_some_and(|due| due <= cx.now);
        if !due && !core::mem::take(&mut self.tree.dirty) {
            return;
        }
        self.tree.dirty = false;
        self.tree.forget_lost(cx.now);
        if self.tree.hurry_at.is_some_and(|at| at <= cx.now) {
            self.hurry(cx);
        }
        self.shift_children(cx);
        let is_root = |tree: &Tree| tree.route.is_some_and(|route| route.root == me);
        let Some(mut route) = self.tree.choose(cx.table, me, &self.links, cx.now) else {
            // Without neighbours: nor is this node the root any more, under the name that it had then.
            (self.tree.route, self.tree.adopt_at) = (None, None);
            return;
        };
        if route.root == me && (cx.now >= self.tree.next_round || !is_root(&self.tree)) {
            self.tree.own_round = self.tree.next_round(me, &self.links);
            route.round = self.tree.own_round;
            self.tree.next_round = cx.now + ROUND;
            self.tree.hurry = false;
        }
        if route.distance.is_none() {
            self.hurry(cx);
            if self.overlay.restraint() == 1 {
                self.overlay.next_upkeep = self.overlay.next_upkeep.min(cx.now + LOST);
            }
        }
        let renewed = self.tree.route.is_none_or(|before| (before.root, before.round) != (route.root, route.round));
        self.tree.follow(cx.now, route);
        self.burden_children(cx.now, renewed);
        self.adopt_parent(cx.now, route);
        self.tell_neighbours(cx, route);
    }

    /// Tells the parent again that it is one until it says that it knows: else nothing would come from it if that was lost.
    fn adopt_parent(&mut self, now: Instant, route: Route) {
        let before = self.tree.adopt_at.take();
        let Some(slot) = route.parent else { return };
        let Some(link) = self.links.get_mut(slot).filter(|link| link.advert.is_some_and(|advert| !advert.child)) else {
            return;
        };
        let at = before.filter(|(of, _)| *of == slot).map_or(now + link.way.timeout(), |(_, at)| at);
        if at <= now {
            link.told = None;
        }
        self.tree.adopt_at = Some((slot, if at <= now { now + link.way.timeout() } else { at }));
    }

    fn tell_neighbours(&mut self, cx: &mut Cx<'_, P>, route: Route) {
        let hurry = self.tree.hurry;
        for (slot, link) in self.links.iter_mut() {
            let parent = route.parent == Some(slot);
            let advert = Advert {
                parent,
                child: link.child,
                // Towards the root if there is a way, else to all who may know one.
                hurry: hurry && (parent || route.distance.is_none()),
                root: route.root,
                round: route.round,
                distance: route.distance.map(|way| way.saturating_add(link.burden.way)),
            };
            if link.told.is_some_and(|told| !is_news(told, advert)) {
                continue;
            }
            link.told = Some(advert);
            self.intents.push(
                cx.stats,
                Target { row: Some(link.row), ..Target::to(link.addr.clone()) },
                Intent::Advert(advert),
            );
        }
        self.tree.hurry = false;
    }
}

/// Whether a neighbour must know it at once. That it is no child any more it knows itself, and a little more or less of the
/// way can wait for the next round.
fn is_news(told: Advert, advert: Advert) -> bool {
    let apart = match (told.distance, advert.distance) {
        (Some(told), Some(now)) => told.abs_diff(now) > told / 20,
        (None, None) => false,
        _ => true,
    };
    apart
        || advert.hurry
        || (advert.child && !told.child)
        || (told.root, told.round, told.parent) != (advert.root, advert.round, advert.parent)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::broadcast::lab::Lab;
    use crate::random::Rng;

    const SECOND: Duration = Duration::from_secs(1);

    /// Links of a connected graph, with the length of each.
    fn graph(rng: &mut Rng, count: usize) -> Vec<(usize, usize, Duration)> {
        let length = |rng: &mut Rng| Duration::from_millis(1 + rng.below(60) as u64);
        let mut links: Vec<_> =
            (1..count).map(|at| (rng.below(at.min(8)).max(at.saturating_sub(8)), at, length(rng))).collect();
        for _ in 0..count {
            let (a, b) = (rng.below(count), rng.below(count));
            let degree = |at| links.iter().filter(|(a, b, _)| *a == at || *b == at).count();
            let there = links.iter().any(|(c, d, _)| (*c, *d) == (a, b) || (*c, *d) == (b, a));
            if a != b && !there && degree(a) < MAX_LINKS && degree(b) < MAX_LINKS {
                links.push((a, b, length(rng)));
            }
        }
        links
    }

    fn linked(links: &[(usize, usize, Duration)], count: usize) -> Lab {
        let mut lab = Lab::new(count);
        links.iter().for_each(|(a, b, length)| lab.link(*a, *b, *length));
        lab
    }

    fn route(lab: &mut Lab, at: usize) -> Option<Route> {
        lab.parts(at).0.tree.route
    }

    fn branches(lab: &mut Lab, at: usize) -> Slots {
        let (broadcast, _) = lab.parts(at);
        broadcast.tree.branches(&broadcast.links)
    }

    /// The way up to a node without a parent.
    fn way_up(lab: &mut Lab, from: usize) -> Vec<usize> {
        let (mut way, mut at) = (alloc::vec![from], from);
        while let Some(slot) = route(lab, at).and_then(|route| route.parent) {
            at = lab.other(at, slot);
            assert!(!way.contains(&at), "a loop: {way:?} to {at}");
            way.push(at);
        }
        way
    }

    /// All have a way to the same root, and both ends of each link see it alike.
    fn check_tree(lab: &mut Lab) {
        let root = lab.lowest();
        for at in (0..lab.nodes.len()).filter(|at| !lab.dead[*at]).collect::<Vec<_>>() {
            assert_eq!(way_up(lab, at).last(), Some(&root), "the root of {at}");
            let own = route(lab, at).expect("a route");
            assert_eq!(own.root, Lab::short(root));
            let own_branches = branches(lab, at);
            for slot in lab.parts(at).0.links.all().iter() {
                let other = lab.other(at, slot);
                let back = lab.slot(other, at).expect("a link has two ends");
                let parent = own.parent == Some(slot);
                assert_eq!(own_branches.contains(slot), branches(lab, other).contains(back));
                assert_eq!(
                    lab.parts(other).0.links.get(back).expect("a link").child,
                    parent,
                    "{other} is the parent of {at}"
                );
                if parent {
                    let (parts, cx) = lab.parts(at);
                    let way = length(cx.table, parts.links.get(slot).expect("a link"));
                    let (own, above) =
                        (own.distance.expect("a way"), route(lab, other).expect("a route").distance.expect("a way"));
                    assert!(own.abs_diff(above + way) <= above / 20, "{at}: {own}, {above} + {way}");
                }
            }
        }
    }

    #[test]
    fn the_lowest_short_name_becomes_the_root_and_all_find_the_way_to_it() {
        for count in [2, 3, 10, 40] {
            let links: Vec<_> = (1..count).map(|at| (at - 1, at, Duration::from_millis(20))).collect();
            let mut lab = linked(&links, count);
            lab.run(3 * SECOND, || true);
            check_tree(&mut lab);
        }
    }

    /// A node has so much to relay that it is a load.
    fn relay(lab: &mut Lab, at: usize) {
        let (broadcast, cx) = lab.parts(at);
        let start = cx.now;
        (0..300).for_each(|ms| {
            broadcast.tree.dirty |= broadcast.tree.load.count(start + Duration::from_millis(ms), false, false);
        });
    }

    #[test]
    fn after_any_losses_and_in_any_order_the_tree_spans_all_without_a_loop() {
        for seed in 0..40 {
            let mut rng = Rng::new([seed; 32]);
            let count = 3 + rng.below(25);
            let mut lab = linked(&graph(&mut rng, count), count);
            for _ in 0..2000 {
                lab.now = lab.now + Duration::from_millis(5);
                if seed % 2 == 1 {
                    relay(&mut lab, rng.below(count));
                }
                lab.tend(rng.below(count));
                for _ in 0..rng.below(6).min(lab.on_the_way.len()) {
                    let place = rng.below(lab.on_the_way.len());
                    match rng.below(4) {
                        0 => _ = lab.on_the_way.remove(place),
                        _ => lab.deliver(place),
                    }
                }
                (0..count).for_each(|at| _ = way_up(&mut lab, at));
            }
            lab.run(30 * SECOND, || true);
            check_tree(&mut lab);
        }
    }

    #[test]
    fn no_way_is_much_longer_than_the_shortest() {
        for seed in 0..20 {
            let mut rng = Rng::new([seed; 32]);
            let links = graph(&mut rng, 24);
            let mut lab = linked(&links, 24);
            lab.run(25 * SECOND, || true);
            let mut shortest = [u32::MAX; 24];
            shortest[lab.lowest()] = 0;
            for (a, b, way) in links.iter().cycle().take(links.len() * 24) {
                let way = (way.as_micros() / 2 / UNIT) as u32 + HOP;
                shortest[*a] = shortest[*a].min(shortest[*b].saturating_add(way));
                shortest[*b] = shortest[*b].min(shortest[*a].saturating_add(way));
            }
            for (at, shortest) in shortest.into_iter().enumerate() {
                let distance = route(&mut lab, at).and_then(|route| route.distance).expect("a way");
                assert!(
                    distance >= shortest * 19 / 20 && distance <= shortest * 5 / 4,
                    "seed {seed}, {at}: {distance}, {shortest}"
                );
            }
        }
    }

    #[test]
    fn a_root_that_dies_is_replaced_by_the_next_lowest() {
        for seed in 0..20 {
            let mut rng = Rng::new([seed; 32]);
            // Two who are linked to all keep it connected.
            let mut links = graph(&mut rng, 11);
            links.retain(|(a, b, _)| *a > 1 && *b > 1);
            links.extend(
                (2..11).flat_map(|at| [(0, at, Duration::from_millis(40)), (1, at, Duration::from_millis(30))]),
            );
            let mut lab = linked(&links, 11);
            lab.run(3 * SECOND, || true);
            let root = lab.lowest();
            lab.kill(root);
            lab.run(3 * SECOND, || true);
            check_tree(&mut lab);
        }
    }

    #[test]
    fn who_has_lost_its_way_gets_a_new_one_without_waiting_for_the_next_round() {
        // A circle: the node that loses its parent has a neighbour that is farther from the root than it was itself.
        let count = 8;
        let links: Vec<_> = (0..count).map(|at| (at, (at + 1) % count, Duration::from_millis(10))).collect();
        let mut lab = linked(&links, count);
        lab.run(12 * SECOND, || true);
        let child = (0..count).find(|at| way_up(&mut lab, *at).len() == 2).expect("a neighbour of the root");
        let parent = way_up(&mut lab, child)[1];
        for (at, other) in [(child, parent), (parent, child)] {
            let slot = lab.slot(at, other).expect("a link");
            lab.parts(at).0.remove_link(slot);
        }
        lab.run(SECOND, || true);
        assert_eq!(way_up(&mut lab, child).len(), count);
    }

    #[test]
    fn a_child_that_its_parent_has_not_heard_tells_it_again() {
        let mut lab = linked(&[(0, 1, SECOND / 50)], 2);
        let child = 1 - lab.lowest();
        let mut lost = 0;
        for _ in 0..200 {
            lab.now = lab.now + SECOND / 200;
            (0..2).for_each(|at| lab.tend(at));
            while let Some((from, _, advert)) = lab.on_the_way.front() {
                if *from == child && advert.parent && lost < 3 {
                    lab.on_the_way.pop_front();
                    lost += 1;
                } else {
                    lab.deliver(0);
                }
            }
        }
        assert_eq!(lost, 3);
        check_tree(&mut lab);
    }

    #[test]
    fn a_round_that_the_root_never_began_stops_nobody_for_long() {
        for leap in [1, 1000, LEAP - 1, LEAP, LEAP + 1, (1 << 15) - 1, 1 << 15, u16::MAX] {
            for victim in 0..10 {
                let mut rng = Rng::new([7; 32]);
                let mut lab = linked(&graph(&mut rng, 10), 10);
                lab.run(3 * SECOND, || true);
                let root = lab.lowest();
                let slot = lab.parts(victim).0.links.all().iter().next().expect("a link");
                let forger = lab.other(victim, slot);
                for step in 1..5 {
                    let round = route(&mut lab, victim).expect("a route").round.wrapping_add(leap);
                    let forged = Advert {
                        parent: false,
                        child: false,
                        hurry: step == 3,
                        root: Lab::short(root),
                        round,
                        distance: Some(0),
                    };
                    lab.hand_over(forger, victim, forged);
                }
                lab.run(2 * FORGET + SECOND, || true);
                check_tree(&mut lab);
            }
        }
    }

    #[test]
    fn rounds_go_on_beyond_the_highest_number() {
        let mut lab = linked(&[(0, 1, SECOND / 50), (1, 2, SECOND / 50)], 3);
        let root = lab.lowest();
        lab.parts(root).0.tree.own_round = u16::MAX - 1;
        lab.run(45 * SECOND, || true);
        assert!(lab.parts(root).0.tree.own_round < 10);
        let round = lab.parts(root).0.tree.own_round;
        check_tree(&mut lab);
        assert!((0..3).all(|at| route(&mut lab, at).is_some_and(|route| route.round == round)));
    }
}
