//! Switches that take single safeguards out, so that a test can show what each is for. They exist with the feature
//! `ablation` alone, which nothing but those tests sets.

use super::Config;

/// What keeps silence from becoming a false verdict, and what was deleted from coming back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "ablation"), allow(unreachable_pub, reason = "part of the interface of those tests alone"))]
pub enum Safeguard {
    /// An answer to anybody ends a suspicion everywhere.
    Veto,
    /// Enough of a suspect's observers must get no answer, not one member alone.
    Confirmations,
    /// Who does not hear its helpers either accuses nobody.
    Abstention,
    /// The verdict of others is believed once its subject was asked here, too.
    Asking,
    /// What was seen of a key and is not there was deleted.
    #[cfg(any(feature = "kv", feature = "ablation"))]
    Covering,
    /// A deletion is forgotten when its time is over *and* all members have seen it.
    #[cfg(any(feature = "kv", feature = "ablation"))]
    Stability,
}

impl Config {
    /// Whether the safeguard is there.
    #[cfg(not(feature = "ablation"))]
    pub(crate) const fn keeps(&self, _: Safeguard) -> bool {
        true
    }

    /// Whether the safeguard is there.
    #[cfg(feature = "ablation")]
    pub(crate) fn keeps(&self, safeguard: Safeguard) -> bool {
        !self.without.contains(&safeguard)
    }
}
