//! What a write changed does what all that its writer knew of the key does, wherever what it is based on is known.

#![cfg(all(feature = "fast", feature = "values"))]

use std::collections::BTreeSet;

use gossip_crdt::{Change, Codec, Content, Context, Dot, Keyed, Pen, Stamp};
use proptest::prelude::*;

type Key = Keyed<u64, u64, u64>;

#[derive(Clone, Debug)]
enum Step {
    Write {
        at: usize,
        what: u8,
        with: u64,
    },
    /// One of the writes that there are arrives.
    Bring {
        to: usize,
        which: prop::sample::Index,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_usize, 0..8_u8, 0..4_u64).prop_map(|(at, what, with)| Step::Write { at, what, with }),
        (0..3_usize, any::<prop::sample::Index>()).prop_map(|(to, which)| Step::Bring { to, which }),
    ]
}

/// A key as a replica has it, and what it has seen.
#[derive(Clone, Default)]
struct Replica {
    key: Key,
    seen: Context<u64>,
}

impl Replica {
    fn write(&mut self, writer: u64, what: u8, with: u64) -> Write {
        let (before, last) = (self.key.clone(), self.seen.last(&writer));
        let change = |content: &mut Content<u64, u64>, pen: &mut Pen<'_, u64>| match what {
            0 | 1 => content.set().add(pen, with),
            2 => _ = content.set().remove(&with),
            3 => content.counter().add(pen, with as i64),
            4 => content.register().set(pen, Stamp::from_u64(with), with),
            5 => content.map().update(pen, with, |inner, pen| inner.set().add(pen, with)),
            6 => _ = content.map().remove(pen, &with),
            _ => content.strict_set().add(pen, with),
        };
        let (_, counter) = self.key.write(writer, last, change).expect("counters are left");
        self.seen.insert_run(writer, last + 1, counter);
        let dots = |key: &Key| key.dots().into_iter().collect::<BTreeSet<_>>();
        let base = before.heads().iter().copied().collect();
        let removed = &dots(&before) - &dots(&self.key);
        let head = Dot::new(writer, counter);
        let change = Change::new(&self.key, head, last + 1, &base, &removed).expect("it is the head");
        Write { whole: self.key.clone(), change }
    }

    fn join(&mut self, other: &Key) {
        for dot in other.dots().into_iter().filter(|dot| self.key.covers(dot)) {
            self.seen.insert(&dot);
        }
        self.key.join(&self.seen, other);
        self.key.dots().iter().for_each(|dot| _ = self.seen.insert(dot));
    }
}

/// A write as it travels.
struct Write {
    whole: Key,
    change: Change<u64, u64>,
}

proptest! {
    #[test]
    fn a_change_is_as_good_as_the_whole(steps in prop::collection::vec(step(), 1..60)) {
        let (mut replicas, mut writes) = ([(); 3].map(|()| Replica::default()), Vec::new());
        for step in steps {
            match step {
                Step::Write { at, what, with } => writes.push(replicas[at].write(at as u64, what, with)),
                Step::Bring { to, which } if !writes.is_empty() => {
                    let write: &Write = which.get(&writes);
                    let change = Change::from_bytes(&write.change.to_bytes()).expect("it is read as it was written");
                    let mut by_change = replicas[to].clone();
                    replicas[to].join(&write.whole);
                    if let Some(whole) = change.complete(&by_change.key) {
                        by_change.join(&whole);
                        prop_assert_eq!(by_change.key.heads(), replicas[to].key.heads());
                        prop_assert_eq!(by_change.key.content(), replicas[to].key.content());
                    }
                }
                Step::Bring { .. } => (),
            }
        }
    }
}
