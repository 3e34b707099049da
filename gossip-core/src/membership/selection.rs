//! Whom news are told: any live member, those of this node's own zone most often, heavier ones more often. Failure detection
//! draws from all alike instead, and chooses observers as all members agree.

use super::draw::Sample;
use super::table::{ME, MemberIndex, Table};
use crate::error::CommandError;
use crate::identity::NodeId;
use crate::peer::Peer;
use crate::random::Rng;

/// What a member weighs unless it is told.
pub(super) const WEIGHT: u16 = 100;
/// Nobody counts as lighter than this part of the heaviest.
const FLOOR: u16 = 16;
/// One draw of so many is of another zone: zones must hear of each other.
const ABROAD: usize = 4;
/// After so many draws in vain whoever was drawn will do.
const DRAWS: usize = 64;

impl<P: Peer> Table<P> {
    /// Whether a member is in another zone than this node, which is in one.
    #[cfg(feature = "broadcast")]
    pub(crate) fn is_abroad(&self, index: MemberIndex) -> bool {
        let zone = self.notes(ME).zone();
        !zone.is_empty() && self.notes(index).zone() != zone
    }

    /// Gives a member a weight for [`Self::pick`].
    pub(crate) fn set_weight(&mut self, id: NodeId, weight: u16) -> Result<(), CommandError> {
        let index = self.find(id).ok_or(CommandError::UnknownMember)?;
        self.notes_mut(index).weight = weight;
        self.heaviest = self.indices().map(|index| self.notes(index).weight).fold(WEIGHT, u16::max);
        Ok(())
    }

    /// Up to `count` different live members to tell news, never this node.
    pub(crate) fn pick(&self, rng: &mut Rng, count: usize, fits: impl Fn(MemberIndex) -> bool) -> Sample {
        let zone = self.notes(ME).zone();
        if zone.is_empty() && self.heaviest == 0 {
            return self.sample(rng, count, fits);
        }
        let mut picked = Sample::new();
        let others = self.live().len() - usize::from(self.row(ME).status.is_live());
        for _ in 0..count.min(others) {
            let home = zone.is_empty() || rng.below(ABROAD) > 0;
            let mut found = None;
            for _ in 0..DRAWS {
                let index = MemberIndex(self.live()[rng.below(self.live().len())]);
                if index == ME || picked.contains(&index) || !fits(index) {
                    continue;
                }
                let suits = zone.is_empty() || (self.notes(index).zone() == zone) == home;
                if suits || found.is_none() {
                    found = Some(index);
                }
                if suits && self.accepts(rng, index) {
                    break;
                }
            }
            picked.extend(found);
        }
        picked
    }

    /// True as often as a member weighs, against the heaviest.
    fn accepts(&self, rng: &mut Rng, index: MemberIndex) -> bool {
        let weight = self.notes(index).weight.max(self.heaviest / FLOOR);
        weight >= self.heaviest || rng.below(self.heaviest.into()) < usize::from(weight)
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    use super::*;
    use crate::identity::Identity;
    use crate::membership::Status;
    use crate::membership::notes::Profile;
    use crate::wire::ClusterKey;
    use crate::wire::membership::{Claim, Record};

    const DRAWN: usize = 20_000;

    fn id(at: u64) -> NodeId {
        NodeId::from_bytes(u128::from(at).to_be_bytes())
    }

    /// This node, 0, and members 1 to 20, each in the zone that is said.
    fn table(rng: &mut Rng, zone: fn(u64) -> &'static str) -> Table<u64> {
        let mut table = Table::new(ClusterKey::new(""), rng, Identity::new(id(0), 1), 0);
        for at in 0..=20 {
            let member = Identity::new(id(at), 1);
            let index = if at == 0 {
                ME
            } else {
                let record = Record { member, incarnation: 0, claim: Claim::Alive, addr: at, profile: 1 };
                table.insert(&record, Status::Alive)
            };
            let zone = Box::from(zone(at).as_bytes());
            let profile = Profile { newest: 1, version: 1, metadata: Box::default(), hints: Box::default(), zone };
            table.notes_mut(index).set_profile(profile);
        }
        table
    }

    /// How often each member was picked, one at a time.
    fn drawn(table: &Table<u64>, rng: &mut Rng) -> Vec<usize> {
        let mut drawn = alloc::vec![0; 21];
        for _ in 0..DRAWN {
            let picked = table.pick(rng, 1, |_| true);
            assert_eq!(picked.len(), 1);
            drawn[table.row(picked[0]).addr as usize] += 1;
        }
        drawn
    }

    #[test]
    fn members_are_picked_as_often_as_they_weigh() {
        let rng = &mut Rng::new([1; 32]);
        let mut table = table(rng, |_| "");
        table.set_weight(id(1), 400).unwrap();
        table.set_weight(id(2), 50).unwrap();
        let drawn = drawn(&table, rng);
        // 400 + 50 + 18 times 100.
        for (at, weight) in [(1, 400), (2, 50), (3, 100), (20, 100)] {
            let expected = DRAWN * weight / 2250;
            assert!(drawn[at].abs_diff(expected) < expected / 8, "{at}: {} of {expected}", drawn[at]);
        }
        assert_eq!(drawn[0], 0, "never this node");
    }

    #[test]
    fn nobody_is_left_out_however_light() {
        let rng = &mut Rng::new([2; 32]);
        let mut table = table(rng, |_| "");
        table.set_weight(id(1), u16::MAX).unwrap();
        (2..=20).for_each(|at| table.set_weight(id(at), 0).unwrap());
        let drawn = drawn(&table, rng);
        let least = drawn[2..].iter().min().copied().unwrap();
        assert!(least * 16 > drawn[1] * 3 / 4, "{drawn:?}");
    }

    #[test]
    fn three_of_four_are_of_the_own_zone_even_if_it_is_small() {
        let rng = &mut Rng::new([3; 32]);
        let table = table(rng, |at| if at < 4 { "here" } else { "there" });
        let drawn = drawn(&table, rng);
        let home: usize = drawn[1..4].iter().sum();
        assert!((DRAWN * 7 / 10..DRAWN * 8 / 10).contains(&home), "{drawn:?}");
        assert!(drawn[4..].iter().all(|count| *count > DRAWN / 4 / 17 / 2), "{drawn:?}");
    }

    #[test]
    fn a_zone_of_one_member_tells_the_others() {
        let rng = &mut Rng::new([4; 32]);
        let table = table(rng, |at| if at == 0 { "here" } else { "there" });
        assert_eq!(drawn(&table, rng).iter().sum::<usize>(), DRAWN);
        assert_eq!(table.pick(rng, 16, |_| true).len(), 16);
    }

    #[test]
    fn whoever_is_not_known_has_no_weight() {
        let rng = &mut Rng::new([5; 32]);
        assert_eq!(table(rng, |_| "").set_weight(id(99), 1), Err(CommandError::UnknownMember));
    }
}
