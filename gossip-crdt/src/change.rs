//! What a write changed of a key, for whoever knows what was there before.

use core::fmt::Debug;

use gossip_collections::{BTreeSet, SmallVec};

use crate::codec::{Codec, DecodeError, Reader};
use crate::content::Content;
use crate::context::Context;
use crate::dot::{Dot, Writer};
use crate::keyed::{Keyed, read_dot};
use crate::value::Value as _;

/// What one writer's last writes of a key changed: a delta (Almeida et al., "Delta State Replicated Data Types", 2018,
/// section 4), which costs what was changed and not what the key holds. It is of use to whoever knows all that those writes
/// were based on, and to nobody else.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<W: Writer, T: Ord> {
    /// The last of the writes.
    head: Dot<W>,
    /// The heads of the key before them, ascending.
    base: SmallVec<[Dot<W>; 1]>,
    /// What the content does not show any more, ascending.
    removed: SmallVec<[Dot<W>; 1]>,
    /// What it shows besides, all by this writer.
    added: Content<W, T>,
}

impl<W: Writer + Copy, T: Clone + Codec + Debug + Ord> Change<W, T> {
    /// What the writes of the writer of `head` from `first` on, of which that is the last, made of a key. None if it is no head of the
    /// key.
    pub fn new<E: Copy + Ord>(
        key: &Keyed<W, T, E>,
        head: Dot<W>,
        first: u64,
        base: &BTreeSet<Dot<W>>,
        removed: &BTreeSet<Dot<W>>,
    ) -> Option<Self> {
        if !key.heads().contains(&head) {
            return None;
        }
        let is_old = |dot: &Dot<W>| dot.writer != head.writer || dot.counter < first || dot.counter > head.counter;
        let known: Context<W> = key.dots().into_iter().filter(is_old).collect();
        let added = key.content().delta(&known);
        Some(Self { head, base: base.iter().copied().collect(), removed: removed.iter().copied().collect(), added })
    }

    /// All that the writer knew of the key, as far as it matters to who knows this of it; none if that is not what the writes were
    /// based on.
    pub fn complete<E: Copy + Ord>(&self, known: &Keyed<W, T, E>) -> Option<Keyed<W, T, E>> {
        if !self.base.iter().all(|head| known.covers(head)) {
            return None;
        }
        let mut changed: Context<W> = self.removed.iter().copied().collect();
        self.added.dots(&mut |writer, counter| _ = changed.insert(&Dot::new(*writer, counter)));
        let mut content = known.content().clone();
        content.join(&Context::new(), &self.added, &changed);
        Some(Keyed::of(self.head, self.base.iter().chain(&self.removed), content))
    }

    /// Who wrote it.
    pub fn writer(&self) -> &W {
        &self.head.writer
    }

    /// Which of its writer's writes it shows; one may stand there twice.
    pub fn counters(&self) -> impl Iterator<Item = u64> {
        let mut counters: SmallVec<[u64; 2]> = SmallVec::from_iter([self.head.counter]);
        self.added.dots(&mut |_, counter| counters.push(counter));
        counters.into_iter()
    }
}

/// A zero, by which it differs from a whole key; the head; the base and what was removed, each as a number and then dots,
/// ascending; what was added.
impl<W: Writer + Copy, T: Clone + Codec + Debug + Ord> Codec for Change<W, T> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        to(&[0]);
        put_dot(&self.head, to);
        for dots in [&self.base, &self.removed] {
            (dots.len() as u64).encode(to);
            dots.iter().for_each(|dot| put_dot(dot, to));
        }
        self.added.encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if from.bytes(1)? != [0] {
            return Err(DecodeError::OutOfRange);
        }
        let head = read_dot(from)?;
        let (base, removed) = (read_dots(from)?, read_dots(from)?);
        let added = Content::decode(from)?;
        let mut is_own = !base.contains(&head);
        added.dots(&mut |writer, counter| is_own &= *writer == head.writer && counter <= head.counter);
        if is_own { Ok(Self { head, base, removed, added }) } else { Err(DecodeError::OutOfRange) }
    }
}

fn put_dot<W: Writer>(dot: &Dot<W>, to: &mut dyn FnMut(&[u8])) {
    dot.writer.encode(to);
    dot.counter.encode(to);
}

fn read_dots<W: Writer>(from: &mut Reader<'_>) -> Result<SmallVec<[Dot<W>; 1]>, DecodeError> {
    let mut dots: SmallVec<[Dot<W>; 1]> = SmallVec::new();
    for _ in 0..u64::decode(from)? {
        let dot = read_dot(from)?;
        if dots.last().is_some_and(|last| *last >= dot) {
            return Err(DecodeError::NonCanonical);
        }
        dots.push(dot);
    }
    Ok(dots)
}

#[cfg(all(test, feature = "fast", feature = "values"))]
mod tests {
    use super::*;
    use crate::dot::Pen;

    type Key = Keyed<u64, u64, u32>;
    type Delta = Change<u64, u64>;

    /// What a writer makes of a key after so many writes.
    fn written(
        key: &Key,
        writer: u64,
        last: u64,
        change: impl FnOnce(&mut Content<u64, u64>, &mut Pen<'_, u64>),
    ) -> Key {
        let mut key = key.clone();
        key.write(writer, last, change).unwrap();
        key
    }

    fn dots(key: &Key) -> BTreeSet<Dot<u64>> {
        key.dots().into_iter().collect()
    }

    fn change(before: &Key, after: &Key, head: Dot<u64>, first: u64) -> Delta {
        let removed = &dots(before) - &dots(after);
        let change = Delta::new(after, head, first, &before.heads().iter().copied().collect(), &removed).unwrap();
        assert_eq!(Delta::from_bytes(&change.to_bytes()), Ok(change.clone()));
        change
    }

    /// What has seen as many writes of each writer, with what another knows.
    fn joined(key: &Key, seen: &[(u64, u64)], other: &Key) -> Key {
        let (mut key, mut context) = (key.clone(), Context::new());
        seen.iter().for_each(|(writer, last)| context.insert_run(*writer, 1, *last));
        key.join(&context, other);
        key
    }

    #[test]
    fn a_change_does_what_the_whole_key_does_and_costs_what_was_changed() {
        let before = written(&Key::default(), 1, 0, |content, pen| (0..1000).for_each(|n| content.set().add(pen, n)));
        let after = written(&before, 2, 0, |content, pen| {
            content.set().remove(&7);
            content.set().add(pen, 1000);
        });
        let change = change(&before, &after, Dot::new(2, 1), 1);
        assert!(change.size() < 30 && after.size() > 3000, "{} of {}", change.size(), after.size());
        let mut other = written(&before, 3, 0, |content, pen| content.set().add(pen, 1001));
        let seen = [(1, 1000), (3, 1)];
        let whole = joined(&other, &seen, &after);
        assert_eq!(joined(&other, &seen, &change.complete(&other).unwrap()), whole);
        assert!(!other.content.set().contains(&1000) && whole.dots().len() == 1001);
    }

    #[test]
    fn what_a_writer_adds_and_takes_away_again_is_gone_where_it_was_seen() {
        let base = written(&Key::default(), 1, 0, |content, pen| content.set().add(pen, 1));
        let first = written(&base, 2, 0, |content, pen| content.set().add(pen, 2));
        let second = written(&first, 2, 1, |content, _| _ = content.set().remove(&2));
        let removed = &dots(&first) - &dots(&second);
        let heads = base.heads().iter().copied().collect();
        let change = Delta::new(&second, Dot::new(2, 2), 1, &heads, &removed).unwrap();
        for known in [&base, &first] {
            let seen = [(1, 1), (2, known.heads()[0].counter.min(1))];
            assert_eq!(joined(known, &seen, &change.complete(known).unwrap()).content, second.content);
        }
    }

    #[test]
    fn what_was_removed_goes_whoever_added_it() {
        let one = written(&Key::default(), 1, 0, |content, pen| content.set().add(pen, 1));
        let before = written(&one, 2, 0, |content, pen| content.set().add(pen, 2));
        let after = written(&before, 3, 0, |content, _| _ = content.set().remove(&1));
        let seen = [(1, 1), (2, 1)];
        let change = change(&before, &after, Dot::new(3, 1), 1);
        assert_eq!(joined(&before, &seen, &change.complete(&before).unwrap()).content, after.content);
    }

    #[test]
    fn who_does_not_know_the_base_makes_nothing_of_a_change() {
        let before = written(&Key::default(), 1, 0, |content, pen| content.counter().add(pen, 5));
        let after = written(&before, 2, 0, |content, pen| content.counter().add(pen, 1));
        let change = change(&before, &after, Dot::new(2, 1), 1);
        assert_eq!(change.complete(&Key::default()), None);
        assert_eq!(change.complete(&before).map(|key| key.content), Some(after.content));
        assert_eq!(change.counters().collect::<BTreeSet<_>>(), [1].into());
        assert_eq!(Delta::new(&before, Dot::new(2, 1), 1, &BTreeSet::new(), &BTreeSet::new()), None);
    }

    #[test]
    fn a_change_that_shows_what_others_wrote_is_none() {
        let before = written(&Key::default(), 1, 0, |content, pen| content.set().add(pen, 5));
        let bytes =
            Delta { head: Dot::new(2, 1), base: SmallVec::new(), removed: SmallVec::new(), added: before.content };
        assert_eq!(Delta::from_bytes(&bytes.to_bytes()), Err(DecodeError::OutOfRange));
    }
}
