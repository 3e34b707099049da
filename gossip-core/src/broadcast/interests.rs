//! Sets of topics that are wanted, bounded: above the bound all are.

use alloc::vec::Vec;

use crate::wire::List;
use crate::wire::broadcast::{MAX_INTERESTS, TopicHash};

/// Which topics are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Interests {
    All,
    /// These, ascending.
    Some(Vec<TopicHash>),
}

impl Interests {
    pub(super) const fn none() -> Self {
        Self::Some(Vec::new())
    }

    pub(super) fn contains(&self, topic: TopicHash) -> bool {
        match self {
            Self::All => true,
            Self::Some(topics) => topics.binary_search(&topic).is_ok(),
        }
    }

    /// Those of both.
    pub(super) fn add(&mut self, others: &Self) {
        let (Self::Some(topics), Self::Some(others)) = (&mut *self, others) else {
            *self = Self::All;
            return;
        };
        for topic in others {
            if let Err(at) = topics.binary_search(topic) {
                topics.insert(at, *topic);
            }
        }
        if topics.len() > MAX_INTERESTS {
            *self = Self::All;
        }
    }

    /// Takes over what a packet says; whether that is something new.
    pub(super) fn hear(&mut self, told: Option<List<'_, TopicHash>>) -> bool {
        let known = match (&*self, told) {
            (Self::All, None) => true,
            (Self::Some(topics), Some(told)) => topics.iter().copied().eq(told.iter()),
            _ => false,
        };
        if !known {
            *self = Self::heard(told);
        }
        !known
    }

    pub(super) fn heard(told: Option<List<'_, TopicHash>>) -> Self {
        told.map_or(Self::All, |told| Self::Some(told.iter().collect()))
    }

    /// As they are told.
    pub(super) fn topics(&self) -> Option<&[TopicHash]> {
        match self {
            Self::All => None,
            Self::Some(topics) => Some(topics),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(topics: impl IntoIterator<Item = u32>) -> Interests {
        Interests::Some(topics.into_iter().map(TopicHash).collect())
    }

    #[test]
    fn both_are_wanted_together_in_order_and_once() {
        let mut wanted = some([2, 5]);
        wanted.add(&some([1, 5, 9]));
        assert_eq!(wanted, some([1, 2, 5, 9]));
        assert!(wanted.contains(TopicHash(9)) && !wanted.contains(TopicHash(3)));
    }

    #[test]
    fn who_wants_more_topics_than_are_told_wants_all() {
        let mut wanted = Interests::none();
        wanted.add(&some(1..=64));
        assert_ne!(wanted, Interests::All);
        wanted.add(&some([65]));
        assert_eq!(wanted, Interests::All);
        wanted.add(&some([1]));
        assert_eq!(wanted, Interests::All);
    }
}
