//! Members drawn at random, without a walk over the table.

use gossip_collections::SmallVec;

use super::table::{ME, MemberIndex, Table};
use crate::peer::Peer;
use crate::random::Rng;

/// A few members, drawn at random.
pub(super) type Sample = SmallVec<[MemberIndex; 16]>;

impl<P: Peer> Table<P> {
    /// Up to `count` different live members, drawn at random, never this node.
    pub(crate) fn sample(&self, rng: &mut Rng, count: usize, fits: impl Fn(MemberIndex) -> bool) -> Sample {
        self.sample_of(rng, count, &fits)
    }

    fn sample_of(&self, rng: &mut Rng, count: usize, fits: &dyn Fn(MemberIndex) -> bool) -> Sample {
        let mut drawn = Sample::new();
        let others = self.live().len() - usize::from(self.row(ME).status.is_live());
        let wanted = count.min(others);
        // Few misses are likely where many are drawn from; where few are, all are looked at.
        if self.live().len() > 4 * count + 8 {
            for _ in 0..4 * count + 8 {
                let index = MemberIndex(self.live()[rng.below(self.live().len())]);
                if drawn.len() < wanted && index != ME && fits(index) && !drawn.contains(&index) {
                    drawn.push(index);
                }
            }
            return drawn;
        }
        let mut all: SmallVec<[MemberIndex; 80]> = self.live().iter().map(|at| MemberIndex(*at)).collect();
        all.retain(|index| *index != ME && fits(*index));
        rng.shuffle(&mut all);
        drawn.extend(all.into_iter().take(wanted));
        drawn
    }

    /// A member that is down, drawn at random.
    pub(super) fn random_down(&self, rng: &mut Rng) -> Option<MemberIndex> {
        (!self.down().is_empty()).then(|| MemberIndex(self.down()[rng.below(self.down().len())]))
    }
}
