//! How far a message got, as far as a sample tells.

/// So many parts of a whole are one.
const ONE: u128 = 1_000_000;
/// The quantile of the normal distribution for 95 %, and its square.
const Z: u128 = 1_959_964;
const Z_SQUARED: u128 = 3_841_459;
/// The fewest and the most members that are asked, where there are so many.
const FEWEST: usize = 32;
pub(super) const MOST: usize = 1024;

/// How many members have a message, of those that were asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How many of those asked have it. Who did not answer counts as one that has not.
    pub have: usize,
    /// How many were asked; those that failed or left meanwhile do not count.
    pub asked: usize,
    /// How many other members are alive, as far as this node knows. If there are none everybody has it.
    pub members: usize,
}

impl Coverage {
    /// The share of the other members that have it, estimated: 0 to 1.
    pub fn estimate(&self) -> f64 {
        match (self.have, self.asked) {
            (_, 0) if self.members == 0 => 1.0,
            (_, 0) => 0.0,
            (have, asked) => have as f64 / asked as f64,
        }
    }

    /// What the share is at least, with a confidence of 95 %: the lower end of the Wilson score interval (Wilson, JASA 1927), for
    /// a sample of that many drawn from as many members as there are. Where all were asked it is the estimate.
    pub fn at_least(&self) -> f64 {
        self.at_least_ppm() as f64 / ONE as f64
    }

    pub(super) fn at_least_ppm(&self) -> u32 {
        let [have, asked, members] = [self.have, self.asked, self.members].map(|count| count as u128);
        if members == 0 {
            return ONE as u32;
        }
        if asked == 0 {
            return 0;
        }
        if asked >= members {
            return (have.min(asked) * ONE / asked) as u32;
        }
        // Drawn without putting back, a sample tells as much as a larger one would.
        let [n, k] = [asked, have].map(|count| count * (members - 1) * ONE / (members - asked));
        let root = ((Z_SQUARED + 4 * k * (n - k) / n) * ONE).isqrt();
        ((2 * k + Z_SQUARED).saturating_sub(Z * root / ONE) * ONE / (2 * (n + Z_SQUARED))) as u32
    }
}

/// How a message's coverage is found out; see [`super::BroadcastsMut::survey`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Survey {
    pub(super) sample: usize,
    pub(super) share_ppm: u32,
    pub(super) within: core::time::Duration,
}

impl Default for Survey {
    /// Asks 32 members, or all where there are fewer, until all of them have it, or ten seconds are over.
    fn default() -> Self {
        Self { sample: FEWEST, share_ppm: ONE as u32, within: core::time::Duration::from_secs(10) }
    }
}

impl Survey {
    /// Until a share of the members, 0 to 1, have it with a confidence of 95 %. As many are asked as that takes, up to 1024: of
    /// more members than that no share above 0.996 can be shown.
    pub fn until(share: f64) -> Self {
        let share = if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) };
        let share_ppm = (share * ONE as f64) as u32;
        // Where all n have it the bound is n / (n + z^2).
        let others = (ONE - u128::from(share_ppm)).max(1);
        let needed = (Z_SQUARED * u128::from(share_ppm) / (ONE * others)) as usize + 1;
        Self { sample: needed.clamp(FEWEST, MOST), share_ppm, ..Self::default() }
    }

    /// Ends after so long at the latest.
    pub fn within(self, within: core::time::Duration) -> Self {
        Self { within, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_least(have: usize, asked: usize, members: usize) -> f64 {
        Coverage { have, asked, members }.at_least()
    }

    #[test]
    fn the_bound_is_that_of_wilson() {
        // Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148, 29 of 29.
        for (have, asked, bound) in [(81, 263, 0.2553), (15, 148, 0.0624), (29, 29, 0.8830), (0, 20, 0.0)] {
            let found = at_least(have, asked, 1 << 40);
            assert!((found - bound).abs() < 1e-4, "{have} of {asked}: {found}");
        }
    }

    #[test]
    fn a_sample_of_most_members_tells_more_and_one_of_all_tells_everything() {
        assert!(at_least(32, 32, 40) > at_least(32, 32, 1000) && at_least(32, 32, 1000) > 0.89);
        assert_eq!((at_least(7, 7, 7), at_least(6, 8, 8)), (1.0, 0.75));
    }

    #[test]
    fn of_nobody_everybody_has_it_and_who_was_not_asked_is_not_known_to() {
        let alone = Coverage::default();
        assert_eq!((alone.estimate(), alone.at_least()), (1.0, 1.0));
        let unasked = Coverage { members: 3, ..alone };
        assert_eq!((unasked.estimate(), unasked.at_least()), (0.0, 0.0));
    }

    #[test]
    fn as_many_are_asked_as_it_takes_to_show_a_share() {
        for share in [0.0, 0.5, 0.9, 0.95, 0.99, 0.995] {
            let Survey { sample, share_ppm, .. } = Survey::until(share);
            let bound = Coverage { have: sample, asked: sample, members: 1 << 30 }.at_least_ppm();
            assert!(bound >= share_ppm, "{share}: {sample} show {bound}");
        }
        assert_eq!((Survey::until(0.99).sample, Survey::until(1.0).sample), (381, MOST));
    }
}
