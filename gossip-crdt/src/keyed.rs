//! All that a replica knows of one key of a store: a dotted version vector set (Preguiça et al., "Dotted Version Vectors",
//! 2012) whose values may be any replicated value.
//!
//! A write knows all that its writer saw of the key, and stands for it: so of each key only the *heads* matter, the
//! writes that no other one of the key knows of. Equal heads, equal contents. What the heads know of stands in `past`,
//! as far as it does not follow from them: the writes of each writer up to a counter.

use core::fmt::Debug;

use gossip_collections::SmallVec;

use crate::clock::Stamp;
use crate::codec::{Codec, DecodeError, Reader};
use crate::content::Content;
use crate::context::Context;
use crate::dot::{Dot, Pen, Writer};
use crate::register::Register;
use crate::value::Value as _;

/// What one replica knows of a key. When it expires, if it does, is of a type that the application chooses.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyed<W: Writer, T: Ord, E> {
    /// Ascending.
    heads: SmallVec<[Dot<W>; 1]>,
    /// By writer, ascending; of writers that have no head.
    past: SmallVec<[(W, u64); 0]>,
    pub(crate) content: Content<W, T>,
    /// When it expires: of two that are joined the later one, if all do.
    pub expires: Option<E>,
}

impl<W: Writer, T: Ord, E> Default for Keyed<W, T, E> {
    fn default() -> Self {
        Self { heads: SmallVec::new(), past: SmallVec::new(), content: Content::default(), expires: None }
    }
}

impl<W: Writer + Copy, T: Clone + Codec + Debug + Ord, E: Copy + Ord> Keyed<W, T, E> {
    /// A register that was written once, with nothing before it that would have to be told.
    pub fn value(dot: Dot<W>, stamp: Stamp, value: T) -> Self {
        let mut context = Context::new();
        let mut register = Register::default();
        context.insert_run(dot.writer, 1, dot.counter - 1);
        if let Some(mut pen) = Pen::new(dot.writer, &mut context) {
            register.set(&mut pen, stamp, value);
        }
        Self { heads: SmallVec::from_iter([dot]), content: Content::from(register), ..Self::default() }
    }

    /// A deletion, with nothing before it that would have to be told.
    pub fn deletion(dot: Dot<W>) -> Self {
        Self { heads: SmallVec::from_iter([dot]), ..Self::default() }
    }

    /// That nothing is left of a write of the key, and no more than that.
    pub fn gone(dot: &Dot<W>) -> Self {
        Self { past: SmallVec::from_iter([(dot.writer, dot.counter)]), ..Self::default() }
    }

    /// What a write that knew of these left.
    pub(crate) fn of<'a>(head: Dot<W>, past: impl Iterator<Item = &'a Dot<W>>, content: Content<W, T>) -> Self
    where
        W: 'a,
    {
        let mut key = Self { heads: SmallVec::from_iter([head]), content, ..Self::default() };
        past.for_each(|dot| key.outlived(dot));
        key.prune(|_| false);
        key
    }

    /// The writes that no other one of the key knows of, ascending.
    pub fn heads(&self) -> &[Dot<W>] {
        &self.heads
    }

    /// What they hold.
    pub fn content(&self) -> &Content<W, T> {
        &self.content
    }

    /// Whether nothing at all is known.
    pub fn is_nothing(&self) -> bool {
        self.heads.is_empty() && self.content.is_empty()
    }

    /// Whether the application sees it.
    pub fn is_visible(&self) -> bool {
        self.content.is_written()
    }

    /// Whether only that it was deleted is left of it.
    pub fn is_deletion(&self) -> bool {
        self.content.is_empty()
    }

    /// The writes that it shows: its heads, and then the others of which there is something in its content.
    pub fn dots(&self) -> SmallVec<[Dot<W>; 2]> {
        let mut dots: SmallVec<[Dot<W>; 2]> = SmallVec::from_slice(&self.heads);
        self.content.dots(&mut |writer, counter| {
            let dot = Dot::new(*writer, counter);
            if !self.heads.contains(&dot) {
                dots.push(dot);
            }
        });
        dots
    }

    /// Whether it shows a write of a writer from `first` on and before `end`.
    pub fn shows_any(&self, writer: W, first: u64, end: u64) -> bool {
        if first >= end {
            return false;
        }
        let is_in = |of: &W, counter: u64| *of == writer && (first..end).contains(&counter);
        let mut shows = self.heads.iter().any(|head| is_in(&head.writer, head.counter));
        self.content.dots(&mut |of, counter| shows |= is_in(of, counter));
        shows
    }

    /// Whether it knows of a write of its key.
    pub fn covers(&self, dot: &Dot<W>) -> bool {
        self.known(dot.writer) >= dot.counter
    }

    fn known(&self, writer: W) -> u64 {
        let heads = self.heads.iter().filter(|head| head.writer == writer).map(|head| head.counter);
        let past = self.past.iter().filter(|(of, _)| *of == writer).map(|(_, counter)| *counter);
        heads.chain(past).max().unwrap_or(0)
    }

    /// Of each writer all writes of the key that it knows of, as if they were all that the writer wrote.
    fn context(&self) -> Context<W> {
        let mut context = Context::new();
        self.heads.iter().for_each(|head| context.insert_run(head.writer, 1, head.counter));
        self.past.iter().for_each(|(writer, counter)| context.insert_run(*writer, 1, *counter));
        context
    }

    /// Notes a write that it knows of and does not show.
    pub fn outlived(&mut self, dot: &Dot<W>) {
        match self.past.binary_search_by_key(&dot.writer, |(writer, _)| *writer) {
            Ok(at) => self.past[at].1 = self.past[at].1.max(dot.counter),
            Err(at) => self.past.insert(at, (dot.writer, dot.counter)),
        }
    }

    /// Of each writer the last write that it knows of and does not show.
    pub fn past(&self) -> impl Iterator<Item = Dot<W>> {
        self.past.iter().map(|(writer, counter)| Dot::new(*writer, *counter))
    }

    /// Leaves out what follows from the heads, and what everybody has seen the last of.
    pub fn prune(&mut self, is_stable: impl Fn(&Dot<W>) -> bool) {
        let heads = &self.heads;
        self.past
            .retain(|(writer, counter)| !heads.iter().any(|head| head.writer == *writer && head.counter >= *counter));
        if !self.past.is_empty() && !self.heads.is_empty() && self.heads.iter().all(is_stable) {
            self.past.clear();
        }
    }

    /// Changes the content, as a write of `me` after so many others; what `change` returns, and how many they are then.
    /// None if no counters are left.
    pub fn write<R>(
        &mut self,
        me: W,
        last: u64,
        change: impl FnOnce(&mut Content<W, T>, &mut Pen<'_, W>) -> R,
    ) -> Option<(R, u64)> {
        let mut context = Context::new();
        context.insert_run(me, 1, last);
        let mut pen = Pen::new(me, &mut context)?;
        let result = change(&mut self.content, &mut pen);
        // What only takes away uses no dot of its content, but is a write all the same.
        let counter = context.last(&me).max(last + 1);
        self.content.tidy();
        for head in core::mem::take(&mut self.heads) {
            self.outlived(&head);
        }
        self.heads.push(Dot::new(me, counter));
        self.prune(|_| false);
        Some((result, counter))
    }

    /// Whether all its heads were seen, by a replica that does not show them or shows the same: what others have written since knows
    /// of all this, and what of it lives on comes with that.
    pub fn is_stale(&self, seen: &Context<W>) -> bool {
        !self.heads.is_empty() && self.heads.iter().all(|head| seen.contains(head))
    }

    /// Takes over what another replica knows. `seen` is what was seen here of all keys.
    pub fn join(&mut self, seen: &Context<W>, other: &Self) {
        if other.heads.is_empty() {
            return other.past().for_each(|dot| self.lose(dot));
        }
        if other.heads.iter().all(|head| self.heads.contains(head)) {
            return self.join_shown(other);
        }
        if other.is_stale(seen) {
            // Until what knows of it is here nothing is known of what it has outlived, nor of what lives on.
            return;
        }
        let theirs = other.context();
        self.content.join(seen, &other.content, &theirs);
        let mut before = core::mem::take(&mut self.heads);
        let is_new = |head: &&Dot<W>| !seen.contains(head) && !before.contains(head);
        let new: SmallVec<[Dot<W>; 1]> = other.heads.iter().filter(is_new).copied().collect();
        let mut outlived: SmallVec<[Dot<W>; 2]> = SmallVec::new();
        outlived.extend(other.heads.iter().filter(|head| !new.contains(head) && !before.contains(head)).copied());
        before.retain(|head| {
            let stays = other.heads.contains(head) || !theirs.contains(head);
            if !stays {
                outlived.push(*head);
            }
            stays
        });
        self.expires = match (before.is_empty(), new.is_empty()) {
            (_, true) => self.expires,
            (true, false) => other.expires,
            (false, false) => self.expires.zip(other.expires).map(|(a, b)| a.max(b)),
        };
        self.heads = before;
        self.heads.extend(new);
        self.heads.sort_unstable();
        other.past.iter().for_each(|(writer, counter)| self.outlived(&Dot::new(*writer, *counter)));
        outlived.iter().for_each(|dot| self.outlived(dot));
        self.prune(|_| false);
    }

    /// Takes over what another replica, whose heads are all shown here, knows to be gone: equal heads have seen the same.
    fn join_shown(&mut self, other: &Self) {
        let mut gone = other.context();
        if other.heads == self.heads {
            self.dots().iter().for_each(|dot| _ = gone.insert(dot));
        }
        let here = other.dots().into_iter().collect();
        self.content.join(&here, &other.content, &gone);
        let outlived = self.heads.iter().copied().filter(|head| !other.heads.contains(head) && gone.contains(head));
        let outlived: SmallVec<[Dot<W>; 2]> = outlived.collect();
        self.heads.retain(|head| !outlived.contains(head));
        other.past().chain(outlived).for_each(|dot| self.outlived(&dot));
        self.prune(|_| false);
    }

    /// Another replica that has seen a write of it, shown here, has nothing left of it.
    fn lose(&mut self, dot: Dot<W>) {
        let mut gone = Context::new();
        gone.insert_run(dot.writer, dot.counter, dot.counter);
        self.content.join(&Context::new(), &Content::default(), &gone);
        self.content.tidy();
        if let Ok(at) = self.heads.binary_search(&dot) {
            self.heads.remove(at);
            self.outlived(&dot);
            self.prune(|_| false);
        }
    }

    /// The stamps of its register.
    pub fn stamps(&self) -> impl Iterator<Item = Stamp> {
        self.content.siblings().into_iter().flat_map(Register::values).map(|(_, stamp, _)| stamp)
    }

    /// The dot, the stamp and the value, or that there is none, if that says all: there is one head, nothing before it
    /// that would have to be told, and at most a register with one value.
    pub fn as_plain(&self) -> Option<Plain<'_, W, T>> {
        let [head] = *self.heads else { return None };
        if !self.past.is_empty() {
            return None;
        }
        if self.content.is_empty() {
            return Some((head, None));
        }
        let mut values = self.content.as_register()?.values();
        let (dot, stamp, value) = values.next()?;
        (values.next().is_none() && *dot == head).then_some((head, Some((stamp, value))))
    }
}

/// Heads and what they know of, each as a number and then writer and counter of each, ascending, and the content. When
/// it expires is told beside it.
impl<W: Writer + Copy, T: Clone + Codec + Debug + Ord, E: Copy + Ord> Codec for Keyed<W, T, E> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        (self.heads.len() as u64).encode(to);
        for head in &self.heads {
            head.writer.encode(to);
            head.counter.encode(to);
        }
        (self.past.len() as u64).encode(to);
        for (writer, counter) in &self.past {
            writer.encode(to);
            counter.encode(to);
        }
        self.content.encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut item = Self::default();
        for _ in 0..u64::decode(from)? {
            let head = read_dot(from)?;
            if item.heads.last().is_some_and(|last| *last >= head) {
                return Err(DecodeError::NonCanonical);
            }
            item.heads.push(head);
        }
        for _ in 0..u64::decode(from)? {
            let Dot { writer, counter } = read_dot(from)?;
            if item.past.last().is_some_and(|(last, _)| *last >= writer) || item.known(writer) >= counter {
                return Err(DecodeError::NonCanonical);
            }
            item.past.push((writer, counter));
        }
        item.content = Content::decode(from)?;
        // What its content shows was written by somebody whom it knows.
        let mut is_known = true;
        item.content.dots(&mut |writer, counter| is_known &= item.known(*writer) >= counter);
        if is_known { Ok(item) } else { Err(DecodeError::OutOfRange) }
    }
}

pub(crate) fn read_dot<W: Writer>(from: &mut Reader<'_>) -> Result<Dot<W>, DecodeError> {
    let (writer, counter) = (W::decode(from)?, u64::decode(from)?);
    if counter == 0 { Err(DecodeError::OutOfRange) } else { Ok(Dot::new(writer, counter)) }
}

/// The write, and stamp and value if it set one.
pub type Plain<'a, W, T> = (Dot<W>, Option<(Stamp, &'a T)>);

#[cfg(test)]
mod tests {
    use super::*;

    type Key = Keyed<u64, u64, u32>;

    /// A write over all that its writer sees, and what it has seen then.
    fn set(key: &Key, seen: &Context<u64>, writer: u64, value: u64) -> (Key, Context<u64>) {
        let (mut key, mut seen, last) = (key.clone(), seen.clone(), seen.last(&writer));
        let change = |content: &mut Content<u64, u64>, pen: &mut Pen<'_, u64>| {
            content.register().set(pen, Stamp::from_u64(value), value);
        };
        let (_, counter) = key.write(writer, last, change).unwrap();
        seen.insert_run(writer, last + 1, counter);
        (key, seen)
    }

    fn joined(one: &(Key, Context<u64>), other: &(Key, Context<u64>)) -> (Key, Context<u64>) {
        let (mut key, mut seen) = one.clone();
        key.join(&seen, &other.0);
        seen.join(&other.1);
        (key, seen)
    }

    fn values(key: &Key) -> usize {
        key.content().siblings().map_or(0, |register| register.values().count())
    }

    #[test]
    fn only_writes_that_did_not_know_of_each_other_stay_side_by_side() {
        let first = set(&Key::default(), &Context::new(), 1, 10);
        let (a, b) = (set(&first.0, &first.1, 2, 20), set(&first.0, &first.1, 3, 30));
        let both = joined(&a, &b);
        assert_eq!((values(&both.0), both.0.heads().len()), (2, 2));
        assert_eq!(joined(&b, &a).0, both.0);
        let last = set(&both.0, &both.1, 1, 40);
        assert_eq!(values(&joined(&both, &last).0), 1);
        assert_eq!(joined(&last, &a).0, last.0, "what it knew of does not come back");
    }

    #[cfg(feature = "values")]
    #[test]
    fn of_a_write_that_came_after_its_successor_nothing_is_known_that_lives_on() {
        let add = |key: &Key, writer: u64, last: u64, element: u64| {
            let mut key = key.clone();
            let change = |content: &mut Content<u64, u64>, pen: &mut Pen<'_, u64>| content.set().add(pen, element);
            key.write(writer, last, change).unwrap();
            key
        };
        let first = add(&Key::default(), 1, 0, 10);
        let second = add(&first, 1, 1, 20);
        let third = add(&second, 2, 0, 20);
        let mut mine = add(&Key::default(), 3, 0, 30);
        // It was told that nothing of the second write is left, and of the first nothing at all.
        let mut seen = Context::new();
        seen.insert_run(3, 1, 1);
        seen.insert_run(1, 2, 2);
        mine.join(&seen, &second);
        assert!(!mine.covers(&Dot::new(1, 1)));
        mine.join(&seen, &third);
        assert!(mine.dots().contains(&Dot::new(1, 1)), "the third write shows what the first one added");
    }

    #[cfg(feature = "values")]
    #[test]
    fn of_equal_heads_what_one_knows_to_be_gone_is_gone() {
        let add = |key: &Key, writer: u64, element: u64| {
            let mut key = key.clone();
            let change = |content: &mut Content<u64, u64>, pen: &mut Pen<'_, u64>| content.set().add(pen, element);
            key.write(writer, 0, change).unwrap();
            key
        };
        let first = add(&Key::default(), 1, 10);
        let second = add(&first, 2, 20);
        // One of them has seen the first write, and that it was removed, before the second came.
        let (mut seen, mut fewer, mut more) = (Context::new(), Key::default(), first);
        more.join(&Context::new(), &second);
        seen.insert_run(1, 1, 1);
        fewer.join(&seen, &second);
        assert_eq!((fewer.heads(), fewer.dots().len(), more.dots().len()), (more.heads(), 1, 2));
        seen.insert_run(2, 1, 1);
        let (mut one, mut other) = (fewer.clone(), more.clone());
        one.join(&seen, &more);
        other.join(&seen, &fewer);
        assert_eq!((&one, &other), (&fewer, &fewer));
    }

    #[test]
    fn what_is_written_once_is_plain_and_comes_back_from_its_bytes() {
        let (key, _) = set(&Key::default(), &Context::new(), 1, 10);
        let dot = Dot::new(1, 1);
        assert_eq!(key.as_plain(), Some((dot, Some((Stamp::from_u64(10), &10)))));
        assert_eq!(Key::value(dot, Stamp::from_u64(10), 10), key);
        assert_eq!(Key::from_bytes(&key.to_bytes()), Ok(key));
    }

    #[test]
    fn of_what_everybody_has_seen_nothing_that_came_before_is_told() {
        let first = set(&Key::default(), &Context::new(), 1, 10);
        let (mut key, _) = set(&first.0, &first.1, 2, 20);
        assert_eq!(key.past().collect::<alloc::vec::Vec<_>>(), [Dot::new(1, 1)]);
        key.prune(|_| true);
        assert_eq!(key.past().count(), 0);
    }
}
