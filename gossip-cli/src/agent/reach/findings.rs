//! What follows from the reports of all: which links carry in one direction alone, whom nobody hears.

use std::collections::{BTreeMap, BTreeSet};

use gossip_core::NodeId;

use super::message::Link;

/// What one member reports of its links.
pub(super) type Report = BTreeMap<NodeId, Link>;

/// What a round found out. Lists are in the order of the ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::agent) struct Findings {
    /// How many members were asked: the live ones, this agent included.
    pub(in crate::agent) asked: usize,
    /// How many of them reported.
    pub(in crate::agent) answered: usize,
    /// How many links, each direction counted, are known to carry.
    pub(in crate::agent) working: usize,
    /// From whom nothing gets through to whom; a pair between which nothing gets through at all stands here once.
    pub(in crate::agent) broken: Vec<Broken>,
    /// Live members that nobody hears.
    pub(in crate::agent) unheard: Vec<NodeId>,
    /// Live members that gave no answer, but are heard.
    pub(in crate::agent) silent: Vec<NodeId>,
    /// Members that this agent holds down.
    pub(in crate::agent) down: Vec<NodeId>,
    /// Who holds a member down that answered.
    pub(in crate::agent) contested: Vec<(NodeId, NodeId)>,
}

/// A link that does not carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::agent) struct Broken {
    pub(in crate::agent) from: NodeId,
    pub(in crate::agent) to: NodeId,
    /// Whether the other direction does; not known if it was not tried.
    pub(in crate::agent) back: Option<bool>,
}

impl Findings {
    /// Merges what was reported. `live` and `down` are the members as the asker knows them.
    pub(super) fn new(live: &BTreeSet<NodeId>, down: Vec<NodeId>, reports: &BTreeMap<NodeId, Report>) -> Self {
        let answered = |id: &NodeId| reports.contains_key(id);
        let mut findings = Self { asked: live.len(), answered: reports.len(), ..Self::default() };
        findings.down = down.into_iter().filter(|id| !answered(id)).collect();
        let mut heard: BTreeSet<NodeId> = BTreeSet::new();
        for (a, b) in pairs(reports) {
            let (there, back) = (carries(reports, a, b), carries(reports, b, a));
            findings.working += [there, back].iter().filter(|carries| **carries == Some(true)).count();
            heard.extend(
                [(there, a), (back, b)].iter().filter(|(carries, _)| *carries == Some(true)).map(|(_, id)| *id),
            );
            match (there, back) {
                (Some(false), _) => findings.broken.push(Broken { from: a, to: b, back }),
                (_, Some(false)) => findings.broken.push(Broken { from: b, to: a, back: there }),
                _ => {}
            }
        }
        for id in live.iter().filter(|id| !answered(id)) {
            let list = if heard.contains(id) { &mut findings.silent } else { &mut findings.unheard };
            list.push(*id);
        }
        for (by, report) in reports {
            let held = report.iter().filter(|(id, link)| link.down && answered(id));
            findings.contested.extend(held.map(|(id, _)| (*by, *id)));
        }
        findings.broken.sort_unstable();
        findings
    }

    /// Whether every member that was asked is heard, and no link is known not to carry.
    pub(in crate::agent) fn all_reachable(&self) -> bool {
        self.broken.is_empty() && self.unheard.is_empty() && self.down.is_empty() && self.contested.is_empty()
    }
}

/// All pairs of which something is reported, each once.
fn pairs(reports: &BTreeMap<NodeId, Report>) -> BTreeSet<(NodeId, NodeId)> {
    let links = reports.iter().flat_map(|(from, report)| report.keys().map(|to| (*from, *to)));
    links.filter(|(from, to)| from != to).map(|(from, to)| (from.min(to), from.max(to))).collect()
}

/// Whether anything from `from` gets through to `to`; not known without their reports.
fn carries(reports: &BTreeMap<NodeId, Report>, from: NodeId, to: NodeId) -> Option<bool> {
    let link = |by, of| reports.get(&by).map(|report| report.get(&of).copied().unwrap_or_default());
    let (theirs, ours) = (link(from, to), link(to, from));
    let (sender, receiver) = (theirs.unwrap_or_default(), ours.unwrap_or_default());
    // An acknowledgement needs both directions.
    if receiver.heard || sender.acknowledged || receiver.acknowledged {
        return Some(true);
    }
    let token_lost = sender.tried && ours.is_some();
    let answer_lost = sender.heard && receiver.tried;
    (token_lost || answer_lost).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Link = Link { tried: true, acknowledged: true, heard: true, down: false };

    fn id(name: char) -> NodeId {
        NodeId::from_bytes([name as u8; 16])
    }

    /// The reports of members that send tokens to all others, if these links are broken and these members say nothing.
    fn reports(members: &str, broken: &[(char, char)], mute: &str) -> BTreeMap<NodeId, Report> {
        let works = |from, to| !broken.contains(&(from, to));
        let report = |by: char| {
            let links = members.chars().filter(|of| *of != by).map(|of| {
                let acknowledged = works(by, of) && works(of, by);
                (id(of), Link { tried: true, acknowledged, heard: works(of, by), down: false })
            });
            (id(by), links.collect())
        };
        members.chars().filter(|by| !mute.contains(*by)).map(report).collect()
    }

    fn found(members: &str, broken: &[(char, char)], mute: &str) -> Findings {
        let live = members.chars().map(id).collect();
        Findings::new(&live, Vec::new(), &reports(members, broken, mute))
    }

    #[test]
    fn a_healthy_cluster_has_every_link_in_both_directions() {
        let found = found("abcd", &[], "");
        assert_eq!((found.asked, found.answered, found.working), (4, 4, 12));
        assert!(found.all_reachable());
    }

    #[test]
    fn a_one_way_link_is_named_with_its_direction() {
        for (from, to) in [('a', 'b'), ('b', 'a')] {
            let found = found("abc", &[(from, to)], "");
            assert_eq!(found.broken, [Broken { from: id(from), to: id(to), back: Some(true) }]);
            assert_eq!((found.working, found.all_reachable()), (5, false));
        }
    }

    #[test]
    fn a_pair_without_any_link_is_named_once() {
        let found = found("abc", &[('a', 'b'), ('b', 'a')], "");
        assert_eq!(found.broken, [Broken { from: id('a'), to: id('b'), back: Some(false) }]);
    }

    #[test]
    fn a_link_that_one_end_alone_tried_tells_its_direction_by_what_the_other_heard() {
        let mut reports = reports("abc", &[], "");
        let link = |tried, heard| Link { tried, acknowledged: false, heard, down: false };
        reports.get_mut(&id('a')).unwrap().insert(id('b'), link(true, false));
        reports.get_mut(&id('b')).unwrap().insert(id('a'), link(false, true));
        let live = "abc".chars().map(id).collect();
        let found = Findings::new(&live, Vec::new(), &reports);
        assert_eq!(found.broken, [Broken { from: id('b'), to: id('a'), back: Some(true) }]);
        reports.get_mut(&id('b')).unwrap().remove(&id('a'));
        let found = Findings::new(&live, Vec::new(), &reports);
        assert_eq!(found.broken, [Broken { from: id('a'), to: id('b'), back: None }]);
    }

    #[test]
    fn who_does_not_report_is_silent_if_heard_and_unheard_if_not() {
        let found_silent = found("abc", &[], "c");
        assert_eq!((&found_silent.silent[..], &found_silent.unheard[..]), (&[id('c')][..], &[][..]));
        assert!(found_silent.all_reachable(), "no agent is there, but the member is");
        let dead = found("abc", &[('a', 'c'), ('c', 'a'), ('b', 'c'), ('c', 'b')], "c");
        assert_eq!((&dead.silent[..], &dead.unheard[..]), (&[][..], &[id('c')][..]));
        assert!(dead.broken.is_empty() && !dead.all_reachable());
    }

    #[test]
    fn members_that_are_down_are_unreachable_and_one_that_answers_is_contested() {
        let live: BTreeSet<NodeId> = "ab".chars().map(id).collect();
        let mut reports = reports("ab", &[], "");
        let found = Findings::new(&live, vec![id('c')], &reports);
        assert_eq!((&found.down[..], found.all_reachable()), (&[id('c')][..], false));
        reports.insert(id('c'), [(id('b'), BOTH)].into());
        reports.get_mut(&id('a')).unwrap().insert(id('c'), Link { down: true, ..Link::default() });
        let found = Findings::new(&live, vec![id('c')], &reports);
        assert_eq!((&found.down[..], &found.contested[..]), (&[][..], &[(id('a'), id('c'))][..]));
        assert!(!found.all_reachable());
    }
}
