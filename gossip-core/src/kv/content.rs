//! What a key holds.

use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;

use gossip_crdt::{
    AddWinsSet, Codec, Context, Counter, DecodeError, DisableWinsFlag, Dot, EnableWinsFlag, MAX_DEPTH, Max, Min, OrMap,
    Reader, Register, RemoveWinsSet, Sketch, Value,
};
use smallvec::SmallVec;

use super::Pen;
use crate::identity::Identity;

/// Bytes that are shared, not copied.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob(Arc<[u8]>);

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl Codec for Blob {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        (self.0.len() as u64).encode(to);
        to(&self.0);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = usize::try_from(u64::decode(from)?).map_err(|_| DecodeError::Truncated)?;
        from.bytes(len).map(Self::from)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident($value:ty) = $tag:literal, $open:ident;)*) => {
        /// A value of one of the kinds that there are.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Typed {
            $($(#[$doc])* $kind($value),)*
        }

        impl Typed {
            fn tag(&self) -> u8 {
                match self {
                    $(Self::$kind(_) => $tag,)*
                }
            }

            fn new(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(Self::$kind(<$value>::default())),)*
                    _ => None,
                }
            }

            fn join(&mut self, seen: &Context<Identity>, other: &Self, theirs: &Context<Identity>) {
                match (self, other) {
                    $((Self::$kind(here), Self::$kind(there)) => here.join(seen, there, theirs),)*
                    _ => (),
                }
            }

            fn delta(&self, known: &Context<Identity>) -> Self {
                match self {
                    $(Self::$kind(value) => Self::$kind(value.delta(known)),)*
                }
            }

            fn dots<'a>(&'a self, show: &mut dyn FnMut(&'a Identity, u64)) {
                match self {
                    $(Self::$kind(value) => value.dots(show),)*
                }
            }

            fn reset(&mut self, pen: &mut Pen<'_>) {
                match self {
                    $(Self::$kind(value) => value.reset(pen),)*
                }
            }

            fn is_empty(&self) -> bool {
                match self {
                    $(Self::$kind(value) => value.is_empty(),)*
                }
            }

            /// Whether there is anything of it that was not removed.
            pub fn is_written(&self) -> bool {
                match self {
                    $(Self::$kind(value) => value.is_written(),)*
                }
            }

            fn encode(&self, to: &mut dyn FnMut(&[u8])) {
                to(&[self.tag()]);
                match self {
                    $(Self::$kind(value) => value.encode(to),)*
                }
            }

            fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match from.bytes(1)? {
                    $([$tag] => <$value>::decode(from).map(Self::$kind),)*
                    _ => Err(DecodeError::OutOfRange),
                }
            }
        }

        impl Content {
            $($(#[$doc])* ///
            /// To change; an empty one if there is none yet.
            pub fn $open(&mut self) -> &mut $value {
                match self.open($tag) {
                    Typed::$kind(value) => value,
                    _ => unreachable!("what a tag opens is of its kind"),
                }
            })*
        }
    };
}

kinds! {
    /// A register, which keeps all values that were written at the same time.
    Register(Register<Identity, Blob>) = 1, register;
    /// A counter, up and down.
    Counter(Counter<Identity>) = 2, counter;
    /// A set in which an element that is added and removed at the same time is there.
    Set(AddWinsSet<Identity, Blob>) = 3, set;
    /// A set in which such an element is not there.
    StrictSet(RemoveWinsSet<Identity, Blob>) = 4, strict_set;
    /// A map, of values of all these kinds.
    Map(OrMap<Identity, Blob, Content>) = 5, map;
    /// A flag that is set when it is set and cleared at the same time.
    Flag(EnableWinsFlag<Identity>) = 6, flag;
    /// A flag that is then clear.
    StrictFlag(DisableWinsFlag<Identity>) = 7, strict_flag;
    /// The highest number.
    Max(Max<Identity, i64>) = 8, max;
    /// The lowest number.
    Min(Min<Identity, i64>) = 9, min;
    /// The quantiles of numbers.
    Sketch(Sketch<Identity>) = 10, sketch;
}

/// What a key holds: of each kind of value that was written, one. It is more than one kind only if members that did not
/// know of each other used a key in different ways.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// Ascending by tag, none empty.
    kinds: SmallVec<[Typed; 1]>,
}

impl Content {
    /// A register that was written once.
    pub(crate) fn written(register: Register<Identity, Blob>) -> Self {
        Self { kinds: SmallVec::from_iter([Typed::Register(register)]) }
    }

    /// The values, of each kind one at most.
    pub fn kinds(&self) -> impl Iterator<Item = &Typed> {
        self.kinds.iter().filter(|typed| typed.is_written())
    }

    /// The values of its register that were written at the same time, by dot.
    pub(crate) fn siblings(&self) -> Option<&Register<Identity, Blob>> {
        self.kinds.iter().find_map(|typed| match typed {
            Typed::Register(register) => Some(register),
            _ => None,
        })
    }

    /// The one register that it is, if it is nothing else.
    pub(crate) fn as_register(&self) -> Option<&Register<Identity, Blob>> {
        self.siblings().filter(|_| self.kinds.len() == 1)
    }

    /// How many maps stand in each other.
    pub(crate) fn depth(&self) -> u8 {
        let inner = self.kinds.iter().map(|typed| match typed {
            Typed::Map(map) => 1 + map.iter().map(|(_, content)| content.depth()).max().unwrap_or(0),
            _ => 0,
        });
        inner.max().unwrap_or(0)
    }

    /// Whether others can read it: see [`MAX_DEPTH`].
    pub(crate) fn is_too_deep(&self) -> bool {
        self.depth() > MAX_DEPTH
    }

    /// Removes what became empty.
    pub(crate) fn tidy(&mut self) {
        self.kinds.retain(|typed| !typed.is_empty());
    }

    fn find(&self, tag: u8) -> Result<usize, usize> {
        self.kinds.binary_search_by_key(&tag, Typed::tag)
    }

    fn open(&mut self, tag: u8) -> &mut Typed {
        let at = self.find(tag).unwrap_or_else(|at| {
            self.kinds.insert(at, Typed::new(tag).expect("only known kinds are opened"));
            at
        });
        &mut self.kinds[at]
    }
}

impl Value<Identity> for Content {
    fn join(&mut self, seen: &Context<Identity>, other: &Self, theirs: &Context<Identity>) {
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

    fn delta(&self, known: &Context<Identity>) -> Self {
        let mut delta = Self { kinds: self.kinds.iter().map(|typed| typed.delta(known)).collect() };
        delta.tidy();
        delta
    }

    fn dots<'a>(&'a self, show: &mut dyn FnMut(&'a Identity, u64)) {
        self.kinds.iter().for_each(|typed| typed.dots(show));
    }

    fn reset(&mut self, pen: &mut Pen<'_>) {
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
impl Codec for Content {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        (self.kinds.len() as u64).encode(to);
        self.kinds.iter().for_each(|typed| typed.encode(to));
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut kinds: SmallVec<[Typed; 1]> = SmallVec::new();
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

/// Of values written at the same time the one that is shown: of a key that one member owns its owner's last, else that of the
/// latest stamp.
pub(crate) fn winner(register: &Register<Identity, Blob>, own: bool) -> Option<(&Dot<Identity>, &Blob)> {
    let rank = |dot: &Dot<Identity>, stamp: u64| if own { (0, *dot) } else { (stamp, *dot) };
    let best = register.values().max_by_key(|(dot, stamp, _)| rank(dot, stamp.to_u64()));
    best.map(|(dot, _, value)| (dot, value))
}
