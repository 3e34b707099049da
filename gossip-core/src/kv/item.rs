//! All that a replica knows of one key: a dotted version vector set (Preguiça et al., "Dotted Version Vectors", 2012) whose
//! values may be any replicated value.
//!
//! A write knows all that its writer saw of the key, and stands for it: so of each key only the *heads* matter, the
//! writes that no other one of the key knows of. Equal heads, equal contents. What the heads know of stands in `past`,
//! as far as it does not follow from them: the writes of each writer up to a counter.

use alloc::boxed::Box;

use gossip_crdt::{Codec, Context, DecodeError, Dot, Reader, Register, Stamp, Value as _};
use smallvec::SmallVec;

use super::Pen;
use super::content::{Blob, Content, winner};
use crate::identity::{Identity, NodeId};
use crate::time::Instant;

/// What one replica knows of a key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Item {
    /// Ascending.
    heads: SmallVec<[Dot<Identity>; 1]>,
    /// By writer, ascending; of writers that have no head.
    past: SmallVec<[(Identity, u64); 0]>,
    content: Content,
    pub(crate) expires: Option<Instant>,
}

impl Item {
    /// A register that was written once, with nothing before it that would have to be told.
    pub(crate) fn value(dot: Dot<Identity>, stamp: Stamp, value: Blob) -> Self {
        let mut context = Context::new();
        let mut register = Register::default();
        context.insert_run(dot.writer, 1, dot.counter - 1);
        if let Some(mut pen) = Pen::new(dot.writer, &mut context) {
            register.set(&mut pen, stamp, value);
        }
        Self { heads: SmallVec::from_iter([dot]), content: Content::from(register), ..Self::default() }
    }

    /// A deletion, with nothing before it that would have to be told.
    pub(crate) fn deletion(dot: Dot<Identity>) -> Self {
        Self { heads: SmallVec::from_iter([dot]), ..Self::default() }
    }

    /// That all writes of the key which this one knows of are gone, and itself.
    pub(crate) fn gone(dot: &Dot<Identity>) -> Self {
        Self { past: SmallVec::from_iter([(dot.writer, dot.counter)]), ..Self::default() }
    }

    pub(crate) fn heads(&self) -> &[Dot<Identity>] {
        &self.heads
    }

    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    /// How long it lives still, in milliseconds.
    pub(crate) fn expires_in(&self, now: Instant) -> Option<u64> {
        self.expires.map(|at| u64::try_from(at.since(now).as_millis()).unwrap_or(u64::MAX - 1))
    }

    /// Whether nothing at all is known.
    pub(crate) fn is_nothing(&self) -> bool {
        self.heads.is_empty() && self.content.is_empty()
    }

    /// Whether the application sees it.
    pub(crate) fn is_visible(&self) -> bool {
        self.content.is_written()
    }

    /// Whether only that it was deleted is left of it.
    pub(crate) fn is_deletion(&self) -> bool {
        self.content.is_empty()
    }

    /// The writes that it shows: its heads, and those of which there is something in its content.
    pub(crate) fn dots(&self) -> SmallVec<[Dot<Identity>; 2]> {
        let mut dots: SmallVec<[Dot<Identity>; 2]> = SmallVec::from_slice(&self.heads);
        self.content.dots(&mut |writer, counter| dots.push(Dot::new(*writer, counter)));
        dots
    }

    /// Whether one member wrote all that it shows.
    pub(crate) fn is_of(&self, id: NodeId) -> bool {
        self.dots().iter().all(|dot| dot.writer.id == id)
    }

    /// Whether it shows a write of a writer from `first` on and before `end`.
    pub(crate) fn shows_any(&self, writer: Identity, first: u64, end: u64) -> bool {
        if first >= end {
            return false;
        }
        let is_in = |of: &Identity, counter: u64| *of == writer && (first..end).contains(&counter);
        let mut shows = self.heads.iter().any(|head| is_in(&head.writer, head.counter));
        self.content.dots(&mut |of, counter| shows |= is_in(of, counter));
        shows
    }

    /// Whether it knows of a write of its key.
    pub(crate) fn covers(&self, dot: &Dot<Identity>) -> bool {
        self.known(dot.writer) >= dot.counter
    }

    fn known(&self, writer: Identity) -> u64 {
        let heads = self.heads.iter().filter(|head| head.writer == writer).map(|head| head.counter);
        let past = self.past.iter().filter(|(of, _)| *of == writer).map(|(_, counter)| *counter);
        heads.chain(past).max().unwrap_or(0)
    }

    /// Of each writer all writes of the key that it knows of, as if they were all that the writer wrote.
    fn context(&self) -> Context<Identity> {
        let mut context = Context::new();
        self.heads.iter().for_each(|head| context.insert_run(head.writer, 1, head.counter));
        self.past.iter().for_each(|(writer, counter)| context.insert_run(*writer, 1, *counter));
        context
    }

    /// Notes a write that it knows of and does not show.
    pub(crate) fn outlived(&mut self, dot: &Dot<Identity>) {
        match self.past.binary_search_by_key(&dot.writer, |(writer, _)| *writer) {
            Ok(at) => self.past[at].1 = self.past[at].1.max(dot.counter),
            Err(at) => self.past.insert(at, (dot.writer, dot.counter)),
        }
    }

    /// Of each writer the last write that it knows of and does not show.
    pub(crate) fn past(&self) -> impl Iterator<Item = Dot<Identity>> {
        self.past.iter().map(|(writer, counter)| Dot::new(*writer, *counter))
    }

    /// Leaves out what follows from the heads, and what everybody has seen the last of.
    pub(crate) fn prune(&mut self, is_stable: impl Fn(&Dot<Identity>) -> bool) {
        let heads = &self.heads;
        self.past
            .retain(|(writer, counter)| !heads.iter().any(|head| head.writer == *writer && head.counter >= *counter));
        if !self.past.is_empty() && !self.heads.is_empty() && self.heads.iter().all(is_stable) {
            self.past.clear();
        }
    }

    /// Changes the content, as a write of `me` after so many others; what `change` returns, and how many they are then.
    /// None if no counters are left.
    pub(crate) fn write<R>(
        &mut self,
        me: Identity,
        last: u64,
        change: impl FnOnce(&mut Content, &mut Pen<'_>) -> R,
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

    /// Takes over what another replica knows. `seen` is what was seen here of all keys.
    pub(crate) fn join(&mut self, seen: &Context<Identity>, other: &Self) {
        let theirs = other.context();
        if other.heads.is_empty() || other.heads.iter().any(|head| !seen.contains(head)) {
            self.content.join(seen, &other.content, &theirs);
        } else {
            // What others have written since knows of all this: what of it is new here either lives on with that, and comes
            // with it, or does not.
            let mut seen = seen.clone();
            other.content.dots(&mut |writer, counter| seen.insert_run(*writer, counter, counter));
            self.content.join(&seen, &other.content, &theirs);
        }
        let mut before = core::mem::take(&mut self.heads);
        let is_new = |head: &&Dot<Identity>| !seen.contains(head) && !before.contains(head);
        let new: SmallVec<[Dot<Identity>; 1]> = other.heads.iter().filter(is_new).copied().collect();
        let mut outlived: SmallVec<[Dot<Identity>; 2]> = SmallVec::new();
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

    /// The stamps of its register.
    pub(crate) fn stamps(&self) -> impl Iterator<Item = Stamp> {
        self.content.siblings().into_iter().flat_map(Register::values).map(|(_, stamp, _)| stamp)
    }

    /// The dot, the stamp and the value, or that there is none, if that says all: there is one head, nothing before it
    /// that would have to be told, and at most a register with one value.
    pub(crate) fn as_plain(&self) -> Option<Plain<'_>> {
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
impl Codec for Item {
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

fn read_dot(from: &mut Reader<'_>) -> Result<Dot<Identity>, DecodeError> {
    let (writer, counter) = (Identity::decode(from)?, u64::decode(from)?);
    if counter == 0 { Err(DecodeError::OutOfRange) } else { Ok(Dot::new(writer, counter)) }
}

/// The write, and stamp and value if it set one.
pub(crate) type Plain<'a> = (Dot<Identity>, Option<(Stamp, &'a Blob)>);

/// An item as it is kept: a register that was written once takes a quarter of the room.
#[derive(Debug)]
pub(crate) enum Held {
    Plain { dot: Dot<Identity>, stamp: Stamp, value: Blob },
    Rich(Box<Item>),
}

impl Held {
    pub(crate) fn new(item: Item) -> Self {
        match item.as_plain() {
            Some((dot, Some((stamp, value)))) if item.expires.is_none() => {
                Self::Plain { dot, stamp, value: value.clone() }
            }
            _ => Self::Rich(Box::new(item)),
        }
    }

    pub(crate) fn open(&self) -> Item {
        match self {
            Self::Plain { dot, stamp, value } => Item::value(*dot, *stamp, value.clone()),
            Self::Rich(item) => Item::clone(item),
        }
    }

    pub(crate) fn heads(&self) -> &[Dot<Identity>] {
        match self {
            Self::Plain { dot, .. } => core::slice::from_ref(dot),
            Self::Rich(item) => item.heads(),
        }
    }

    /// The writes that it shows.
    pub(crate) fn dots(&self) -> SmallVec<[Dot<Identity>; 2]> {
        match self {
            Self::Plain { dot, .. } => SmallVec::from_slice(core::slice::from_ref(dot)),
            Self::Rich(item) => item.dots(),
        }
    }

    pub(crate) fn is_visible(&self) -> bool {
        match self {
            Self::Plain { .. } => true,
            Self::Rich(item) => item.is_visible(),
        }
    }

    /// The value of a register that is shown, and which write set it.
    pub(crate) fn value(&self, own: bool) -> Option<(&Dot<Identity>, &Blob)> {
        match self {
            Self::Plain { dot, value, .. } => Some((dot, value)),
            Self::Rich(item) => winner(item.content.siblings()?, own),
        }
    }
}
