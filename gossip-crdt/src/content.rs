//! A value of any kind, and of several at once.

use core::fmt::Debug;

use gossip_collections::SmallVec;

use crate::codec::{Codec, DecodeError, MAX_DEPTH, Reader};
use crate::context::Context;
#[cfg(feature = "values")]
use crate::counter::Counter;
use crate::dot::{Pen, Writer};
#[cfg(feature = "values")]
use crate::extremum::{Max, Min};
#[cfg(feature = "values")]
use crate::flag::{DisableWinsFlag, EnableWinsFlag};
#[cfg(feature = "values")]
use crate::map::OrMap;
use crate::register::Register;
#[cfg(feature = "values")]
use crate::set::{AddWinsSet, RemoveWinsSet};
#[cfg(feature = "values")]
use crate::sketch::Sketch;
use crate::value::Value;

macro_rules! kinds {
    ($($(#[$doc:meta])* $([$when:meta])? $kind:ident($value:ty) = $tag:literal, $open:ident;)*) => {
        /// A value of one of the kinds that there are.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Typed<W: Writer, T: Ord> {
            $($(#[$doc])* $(#[$when])? $kind($value),)*
        }

        impl<W: Writer, T: Clone + Codec + Debug + Ord> Typed<W, T> {
            fn tag(&self) -> u8 {
                match self {
                    $($(#[$when])? Self::$kind(_) => $tag,)*
                }
            }

            fn new(tag: u8) -> Option<Self> {
                match tag {
                    $($(#[$when])? $tag => Some(Self::$kind(<$value>::default())),)*
                    _ => None,
                }
            }

            fn join(&mut self, seen: &Context<W>, other: &Self, theirs: &Context<W>) {
                match (self, other) {
                    $($(#[$when])? (Self::$kind(here), Self::$kind(there)) => here.join(seen, there, theirs),)*
                    #[cfg(feature = "values")]
                    _ => (),
                }
            }

            fn delta(&self, known: &Context<W>) -> Self {
                match self {
                    $($(#[$when])? Self::$kind(value) => Self::$kind(value.delta(known)),)*
                }
            }

            fn dots<'a>(&'a self, show: &mut dyn FnMut(&'a W, u64)) {
                match self {
                    $($(#[$when])? Self::$kind(value) => value.dots(show),)*
                }
            }

            fn reset(&mut self, pen: &mut Pen<'_, W>) {
                match self {
                    $($(#[$when])? Self::$kind(value) => value.reset(pen),)*
                }
            }

            fn is_empty(&self) -> bool {
                match self {
                    $($(#[$when])? Self::$kind(value) => value.is_empty(),)*
                }
            }

            /// Whether there is anything of it that was not removed.
            pub fn is_written(&self) -> bool {
                match self {
                    $($(#[$when])? Self::$kind(value) => value.is_written(),)*
                }
            }

            fn encode(&self, to: &mut dyn FnMut(&[u8])) {
                to(&[self.tag()]);
                match self {
                    $($(#[$when])? Self::$kind(value) => value.encode(to),)*
                }
            }

            fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match from.bytes(1)? {
                    $($(#[$when])? [$tag] => <$value>::decode(from).map(Self::$kind),)*
                    _ => Err(DecodeError::OutOfRange),
                }
            }
        }

        impl<W: Writer, T: Clone + Codec + Debug + Ord> Content<W, T> {
            $($(#[$doc])* ///
            /// To change; an empty one if there is none yet.
            $(#[$when])?
            pub fn $open(&mut self) -> &mut $value {
                match self.open($tag) {
                    Typed::$kind(value) => value,
                    #[cfg(feature = "values")]
                    _ => unreachable!("what a tag opens is of its kind"),
                }
            })*
        }
    };
}

kinds! {
    /// A register, which keeps all values that were written at the same time.
    Register(Register<W, T>) = 1, register;
    /// A counter, up and down.
    [cfg(feature = "values")] Counter(Counter<W>) = 2, counter;
    /// A set in which an element that is added and removed at the same time is there.
    [cfg(feature = "values")] Set(AddWinsSet<W, T>) = 3, set;
    /// A set in which such an element is not there.
    [cfg(feature = "values")] StrictSet(RemoveWinsSet<W, T>) = 4, strict_set;
    /// A map, of values of all these kinds.
    [cfg(feature = "values")] Map(OrMap<W, T, Content<W, T>>) = 5, map;
    /// A flag that is set when it is set and cleared at the same time.
    [cfg(feature = "values")] Flag(EnableWinsFlag<W>) = 6, flag;
    /// A flag that is then clear.
    [cfg(feature = "values")] StrictFlag(DisableWinsFlag<W>) = 7, strict_flag;
    /// The highest number.
    [cfg(feature = "values")] Max(Max<W, i64>) = 8, max;
    /// The lowest number.
    [cfg(feature = "values")] Min(Min<W, i64>) = 9, min;
    /// The quantiles of numbers.
    [cfg(feature = "values")] Sketch(Sketch<W>) = 10, sketch;
}

/// Values of any kind in one place: of each kind that was written, one. It is more than one kind only if replicas that did not
/// know of each other used it in different ways.
#[derive(Clone, Debug, PartialEq)]
pub struct Content<W: Writer, T: Ord> {
    /// Ascending by tag, none empty.
    kinds: SmallVec<[Typed<W, T>; 1]>,
}

impl<W: Writer, T: Ord> Default for Content<W, T> {
    fn default() -> Self {
        Self { kinds: SmallVec::new() }
    }
}

impl<W: Writer, T: Clone + Codec + Debug + Ord> From<Register<W, T>> for Content<W, T> {
    fn from(register: Register<W, T>) -> Self {
        Self { kinds: SmallVec::from_iter([Typed::Register(register)]) }
    }
}

impl<W: Writer, T: Clone + Codec + Debug + Ord> Content<W, T> {
    /// The values, of each kind one at most.
    pub fn kinds(&self) -> impl Iterator<Item = &Typed<W, T>> {
        self.kinds.iter().filter(|typed| typed.is_written())
    }

    /// The values of its register that were written at the same time, by dot.
    #[cfg_attr(not(feature = "values"), expect(clippy::unnecessary_find_map, reason = "there are other kinds with it"))]
    pub fn siblings(&self) -> Option<&Register<W, T>> {
        self.kinds.iter().find_map(|typed| match typed {
            Typed::Register(register) => Some(register),
            #[cfg(feature = "values")]
            _ => None,
        })
    }

    /// The one register that it is, if it is nothing else.
    pub fn as_register(&self) -> Option<&Register<W, T>> {
        self.siblings().filter(|_| self.kinds.len() == 1)
    }

    /// How many maps stand in each other.
    pub fn depth(&self) -> u8 {
        let inner = self.kinds.iter().map(|typed| match typed {
            #[cfg(feature = "values")]
            Typed::Map(map) => 1 + map.iter().map(|(_, content)| content.depth()).max().unwrap_or(0),
            _ => 0,
        });
        inner.max().unwrap_or(0)
    }

    /// Whether others can read it: see [`MAX_DEPTH`].
    pub fn is_too_deep(&self) -> bool {
        self.depth() > MAX_DEPTH
    }

    /// Removes what became empty.
    pub fn tidy(&mut self) {
        self.kinds.retain(|typed| !typed.is_empty());
    }

    fn find(&self, tag: u8) -> Result<usize, usize> {
        self.kinds.binary_search_by_key(&tag, Typed::tag)
    }

    fn open(&mut self, tag: u8) -> &mut Typed<W, T> {
        let at = self.find(tag).unwrap_or_else(|at| {
            self.kinds.insert(at, Typed::new(tag).expect("only known kinds are opened"));
            at
        });
        &mut self.kinds[at]
    }
}

impl<W: Writer, T: Clone + Codec + Debug + Ord> Value<W> for Content<W, T> {
    fn join(&mut self, seen: &Context<W>, other: &Self, theirs: &Context<W>) {
        for there in &other.kinds {
            self.open(there.tag());
        }
        for here in &mut self.kinds {
            let nothing = Typed::new(here.tag()).expect("it is of a kind");
            let there = other.kinds.iter().find(|there| there.tag() == here.tag());
            here.join(seen, there.unwrap_or(&nothing), theirs);
        }
        self.tidy();
    }

    fn delta(&self, known: &Context<W>) -> Self {
        let mut delta = Self { kinds: self.kinds.iter().map(|typed| typed.delta(known)).collect() };
        delta.tidy();
        delta
    }

    fn dots<'a>(&'a self, show: &mut dyn FnMut(&'a W, u64)) {
        self.kinds.iter().for_each(|typed| typed.dots(show));
    }

    fn reset(&mut self, pen: &mut Pen<'_, W>) {
        self.kinds.iter_mut().for_each(|typed| typed.reset(pen));
        self.tidy();
    }

    fn is_written(&self) -> bool {
        self.kinds.iter().any(Typed::is_written)
    }

    fn is_empty(&self) -> bool {
        self.kinds.iter().all(Typed::is_empty)
    }
}

/// The number of kinds, then of each, ascending: its tag and its value. None is empty.
impl<W: Writer, T: Clone + Codec + Debug + Ord> Codec for Content<W, T> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        (self.kinds.len() as u64).encode(to);
        self.kinds.iter().for_each(|typed| typed.encode(to));
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut kinds: SmallVec<[Typed<W, T>; 1]> = SmallVec::new();
        for _ in 0..u64::decode(from)? {
            let typed = Typed::decode(from)?;
            if typed.is_empty() || kinds.last().is_some_and(|last| last.tag() >= typed.tag()) {
                return Err(DecodeError::NonCanonical);
            }
            kinds.push(typed);
        }
        Ok(Self { kinds })
    }
}

#[cfg(all(test, feature = "values"))]
mod tests {
    use super::*;
    use crate::dot::Dot;

    type Any = Content<u64, u64>;

    fn written(writer: u64, change: impl FnOnce(&mut Any, &mut Pen<'_, u64>)) -> (Any, Context<u64>) {
        let (mut content, mut context) = (Any::default(), Context::new());
        change(&mut content, &mut Pen::new(writer, &mut context).unwrap());
        (content, context)
    }

    #[test]
    fn what_was_used_as_two_kinds_at_the_same_time_is_both() {
        let (mut a, seen) = written(1, |content, pen| content.counter().add(pen, 5));
        let (b, theirs) = written(2, |content, pen| content.set().add(pen, 7));
        a.join(&seen, &b, &theirs);
        assert_eq!((a.counter().get(), a.set().contains(&7), a.kinds().count()), (5, true, 2));
        assert_eq!(Any::from_bytes(&a.to_bytes()), Ok(a));
    }

    #[test]
    fn a_delta_brings_what_is_not_known_and_no_more() {
        let (mut all, mut context) = written(1, |content, pen| (0..100).for_each(|n| content.set().add(pen, n)));
        let (known, before) = (context.clone(), all.clone());
        all.set().add(&mut Pen::new(1, &mut context).unwrap(), 100);
        let delta = all.delta(&known);
        assert_eq!(delta.clone().set().iter().count(), 1);
        let (mut there, mut news) = (before, Context::new());
        delta.dots(&mut |writer, counter| _ = news.insert(&Dot::new(*writer, counter)));
        there.join(&known, &delta, &news);
        assert_eq!(there, all);
    }

    #[test]
    fn an_empty_kind_is_not_one_way_to_write_nothing() {
        assert_eq!(Any::from_bytes(&[1, 3, 0]), Err(DecodeError::NonCanonical));
    }
}
