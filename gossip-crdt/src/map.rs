//! A map of values, which may be maps.

use core::fmt::Debug;
use core::marker::PhantomData;

use gossip_collections::BTreeMap;

use crate::codec::{Codec, DecodeError, Reader, read_map, write_map};
use crate::context::Context;
use crate::dot::{Pen, Writer};
use crate::value::Value;

/// An observed-remove map: a key that is written and removed at the same time is there, with what was written then and
/// nothing of what was there before. A key is there as long as anything of its value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrMap<W: Writer, K: Ord, V> {
    /// Also those of which only what a removed value keeps is left.
    values: BTreeMap<K, V>,
    writer: PhantomData<W>,
}

impl<W: Writer, K: Clone + Ord, V: Value<W>> OrMap<W, K, V> {
    /// Writes a key: `change` is given its value, an empty one if there is none, and what to write with.
    pub fn update<R>(&mut self, pen: &mut Pen<'_, W>, key: K, change: impl FnOnce(&mut V, &mut Pen<'_, W>) -> R) -> R {
        let mut value = self.values.remove(&key).unwrap_or_default();
        let result = change(&mut value, pen);
        if !value.is_empty() {
            self.values.insert(key, value);
        }
        result
    }

    /// Removes a key, as far as it was written before. Whether it was there.
    pub fn remove(&mut self, pen: &mut Pen<'_, W>, key: &K) -> bool {
        let Some(value) = self.values.get_mut(key) else { return false };
        let was_there = value.is_written();
        value.reset(pen);
        if value.is_empty() {
            self.values.remove(key);
        }
        was_there
    }

    /// The value of a key that is there.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).filter(|value| value.is_written())
    }

    /// The keys that are there with their values, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.values.iter().filter(|(_, value)| value.is_written())
    }
}

impl<W: Writer, K: Ord, V> Default for OrMap<W, K, V> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), writer: PhantomData }
    }
}

impl<W: Writer, K: Clone + Codec + Debug + Ord, V: Value<W>> Value<W> for OrMap<W, K, V> {
    fn join(&mut self, seen: &Context<W>, other: &Self, theirs: &Context<W>) {
        let nothing = V::default();
        for (key, value) in &mut self.values {
            value.join(seen, other.values.get(key).unwrap_or(&nothing), theirs);
        }
        for (key, value) in &other.values {
            if !self.values.contains_key(key) {
                let mut taken = V::default();
                taken.join(seen, value, theirs);
                self.values.insert(key.clone(), taken);
            }
        }
        self.values.retain(|_, value| !value.is_empty());
    }

    fn delta(&self, known: &Context<W>) -> Self {
        let deltas = self.values.iter().map(|(key, value)| (key.clone(), value.delta(known)));
        Self { values: deltas.filter(|(_, value)| !value.is_empty()).collect(), writer: PhantomData }
    }

    fn dots<'a>(&'a self, show: &mut dyn FnMut(&'a W, u64)) {
        self.values.values().for_each(|value| value.dots(show));
    }

    fn reset(&mut self, pen: &mut Pen<'_, W>) {
        self.values.values_mut().for_each(|value| value.reset(pen));
        self.values.retain(|_, value| !value.is_empty());
    }

    fn is_written(&self) -> bool {
        self.values.values().any(Value::is_written)
    }
}

impl<W: Writer, K: Codec + Ord, V: Value<W>> Codec for OrMap<W, K, V> {
    fn encode(&self, to: &mut dyn FnMut(&[u8])) {
        write_map(&self.values, to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let values = read_map(from, |from| {
            let value = from.deeper(V::decode)?;
            if value.is_empty() { Err(DecodeError::NonCanonical) } else { Ok(value) }
        })?;
        Ok(Self { values, writer: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map of maps of maps.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Nest(OrMap<u64, u64, Nest>);

    impl Value<u64> for Nest {
        fn join(&mut self, seen: &Context<u64>, other: &Self, theirs: &Context<u64>) {
            self.0.join(seen, &other.0, theirs);
        }

        fn delta(&self, known: &Context<u64>) -> Self {
            Self(self.0.delta(known))
        }

        fn dots<'a>(&'a self, show: &mut dyn FnMut(&'a u64, u64)) {
            self.0.dots(show);
        }

        fn reset(&mut self, pen: &mut Pen<'_, u64>) {
            self.0.reset(pen);
        }

        fn is_empty(&self) -> bool {
            false
        }
    }

    impl Codec for Nest {
        fn encode(&self, to: &mut dyn FnMut(&[u8])) {
            self.0.encode(to);
        }

        fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
            OrMap::decode(from).map(Self)
        }
    }

    fn nest(depth: u8) -> Nest {
        let mut nest = Nest::default();
        if depth > 1 {
            nest.0.values.insert(0, self::nest(depth - 1));
        }
        nest
    }

    #[test]
    fn maps_too_deep_in_each_other_are_refused_and_exhaust_no_stack() {
        use crate::codec::MAX_DEPTH;
        let deepest = nest(MAX_DEPTH + 1);
        assert_eq!(Nest::from_bytes(&deepest.to_bytes()), Ok(deepest));
        assert_eq!(Nest::from_bytes(&nest(MAX_DEPTH + 2).to_bytes()), Err(DecodeError::TooDeep));
        assert_eq!(Nest::from_bytes(&[1; 1 << 20]), Err(DecodeError::TooDeep));
    }
}
