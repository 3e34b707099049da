//! The laws of replicated values, for each of them: joins commute, associate and may be repeated; a delta does what the whole
//! does; nothing comes back; and what a value says is what the writes say by their causal order.

#![cfg(feature = "values")]

use gossip_crdt::{
    AddWinsSet, Causal, Codec, Content, Context, Counter, DisableWinsFlag, Dot, EnableWinsFlag, Max, Min, OrMap, Pen,
    Register, RemoveWinsSet, Sketch, Stamp, Value,
};
use proptest::prelude::*;

/// A value with writes that a test chooses by two small numbers.
trait Tried: Value<u64> {
    fn change(&mut self, pen: &mut Pen<'_, u64>, what: u8, with: u64);
}

impl Tried for Register<u64, u64> {
    fn change(&mut self, pen: &mut Pen<'_, u64>, _: u8, with: u64) {
        self.set(pen, Stamp::from_u64(with % 3), with);
    }
}

impl Tried for Content<u64, u64> {
    fn change(&mut self, pen: &mut Pen<'_, u64>, what: u8, with: u64) {
        match with % 5 {
            0 => self.register().change(pen, what, with / 5),
            1 => self.counter().change(pen, what, with / 5),
            2 => self.set().change(pen, what, with / 5),
            3 => self.strict_flag().change(pen, what, with / 5),
            _ => self.map().update(pen, with / 5, |inner, pen| inner.set().change(pen, what, with / 5)),
        }
        self.tidy();
    }
}

impl Tried for Max<u64, u64> {
    fn change(&mut self, pen: &mut Pen<'_, u64>, _: u8, with: u64) {
        self.set(pen, with);
    }
}

impl Tried for Min<u64, u64> {
    fn change(&mut self, pen: &mut Pen<'_, u64>, _: u8, with: u64) {
        self.set(pen, with);
    }
}

impl Tried for Counter<u64> {
    fn change(&mut self, pen: &mut Pen<'_, u64>, what: u8, with: u64) {
        self.add(pen, if what % 2 == 0 { with as i64 } else { -(with as i64) });
    }
}

impl Tried for Sketch<u64> {
    fn change(&mut self, pen: &mut Pen<'_, u64>, _: u8, with: u64) {
        self.record(pen, with * 100, 1);
    }
}

impl Tried for AddWinsSet<u64, u64> {
    fn change(&mut self, pen: &mut Pen<'_, u64>, what: u8, with: u64) {
        if what % 2 == 0 { self.add(pen, with) } else { _ = self.remove(&with) }
    }
}

impl Tried for RemoveWinsSet<u64, u64> {
    fn change(&mut self, pen: &mut Pen<'_, u64>, what: u8, with: u64) {
        if what % 2 == 0 { self.add(pen, with) } else { _ = self.remove(pen, with) }
    }
}

impl Tried for EnableWinsFlag<u64> {
    fn change(&mut self, pen: &mut Pen<'_, u64>, what: u8, _: u64) {
        if what % 2 == 0 { self.enable(pen) } else { self.disable() }
    }
}

impl Tried for DisableWinsFlag<u64> {
    fn change(&mut self, pen: &mut Pen<'_, u64>, what: u8, _: u64) {
        if what % 2 == 0 { self.enable() } else { self.disable(pen) }
    }
}

impl<V: Tried> Tried for OrMap<u64, u64, V> {
    fn change(&mut self, pen: &mut Pen<'_, u64>, what: u8, with: u64) {
        match what % 4 {
            0 => _ = self.remove(pen, &(with % 3)),
            _ => self.update(pen, with % 3, |value, pen| value.change(pen, what / 4, with / 3)),
        }
    }
}

/// What happens to three replicas.
#[derive(Clone, Debug)]
enum Step {
    Write {
        at: usize,
        what: u8,
        with: u64,
    },
    Reset {
        at: usize,
    },
    /// The whole, or a delta, from one to another; maybe a copy of it goes to all later.
    Send {
        from: usize,
        to: usize,
        whole: bool,
        late: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3_usize, any::<u8>(), 0..9_u64).prop_map(|(at, what, with)| Step::Write { at, what, with }),
        1 => (0..3_usize).prop_map(|at| Step::Reset { at }),
        4 => (0..3_usize, 0..3_usize, any::<bool>(), any::<bool>())
            .prop_map(|(from, to, whole, late)| Step::Send { from, to, whole, late }),
    ];
    prop::collection::vec(step, 0..40)
}

fn run<V: Tried>(steps: &[Step]) -> [Causal<u64, V>; 3] {
    let mut replicas: [Causal<u64, V>; 3] = core::array::from_fn(|_| Causal::new());
    let mut late = Vec::new();
    for step in steps {
        match *step {
            Step::Write { at, what, with } => {
                replicas[at].write(at as u64, |value, pen| value.change(pen, what, with));
            }
            Step::Reset { at } => _ = replicas[at].write(at as u64, |value, pen| value.reset(pen)),
            Step::Send { from, to, whole, late: is_late } => {
                let sent = if whole { replicas[from].clone() } else { replicas[from].delta(replicas[to].context()) };
                if is_late {
                    late.push(sent.clone());
                } else {
                    replicas[to].join(&sent);
                }
            }
        }
    }
    for (at, sent) in late.iter().rev().enumerate() {
        replicas[at % 3].join(sent);
    }
    replicas
}

fn joined<V: Value<u64>>(a: &Causal<u64, V>, b: &Causal<u64, V>) -> Causal<u64, V> {
    let mut joined = a.clone();
    joined.join(b);
    joined
}

fn check<V: Tried>(steps: &[Step]) -> Result<(), TestCaseError> {
    let [a, b, c] = &run::<V>(steps);
    prop_assert_eq!(joined(a, b), joined(b, a), "commutative");
    prop_assert_eq!(joined(&joined(a, b), c), joined(a, &joined(b, c)), "associative");
    prop_assert_eq!(&joined(a, a), a, "idempotent");
    prop_assert_eq!(joined(&joined(a, b), b), joined(a, b), "idempotent");
    prop_assert!(joined(a, b).context().covers(a.context()), "monotone");
    for (from, to) in [(a, b), (b, c), (c, a)] {
        let delta = from.delta(to.context());
        prop_assert_eq!(joined(to, &delta), joined(to, from), "a delta is as good as the whole");
        prop_assert!(delta.value().size() <= from.value().size());
        // What is known is not sent.
        let mut all_new = true;
        delta.value().dots(&mut |writer, counter| all_new &= !to.context().contains(&Dot::new(*writer, counter)));
        prop_assert!(all_new);
    }
    prop_assert!(a.value().covered_by(a.context()));
    prop_assert!(a.value().is_empty() || !a.value().covered_by(&Context::new()));
    for replica in [a, b, c] {
        let bytes = replica.to_bytes();
        prop_assert_eq!(replica.size(), bytes.len());
        prop_assert_eq!(&Causal::from_bytes(&bytes), &Ok(replica.clone()), "read as it was written");
        // Whatever can be read is written the same.
        for (at, damage) in bytes.iter().enumerate() {
            let mut damaged = bytes.clone();
            damaged[at] = damage.wrapping_add(1 + at as u8 % 3);
            if let Ok(read) = Causal::<u64, V>::from_bytes(&damaged) {
                prop_assert_eq!(read.to_bytes(), damaged, "one encoding");
            }
            prop_assert!(Causal::<u64, V>::from_bytes(&bytes[..at]).is_err(), "a part is no value");
        }
    }
    let all = joined(&joined(a, b), c);
    let nothing_new = joined(&all, &a.delta(&Context::new()));
    prop_assert_eq!(nothing_new, all, "what was overwritten does not come back");
    Ok(())
}

macro_rules! laws {
    ($($name:ident: $value:ty),* $(,)?) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
            $(#[test]
            fn $name(steps in steps()) {
                check::<$value>(&steps)?;
            })*
        }
    };
}

laws! {
    a_register_keeps_the_laws: Register<u64, u64>,
    a_maximum_keeps_the_laws: Max<u64, u64>,
    a_minimum_keeps_the_laws: Min<u64, u64>,
    a_counter_keeps_the_laws: Counter<u64>,
    a_sketch_keeps_the_laws: Sketch<u64>,
    an_add_wins_set_keeps_the_laws: AddWinsSet<u64, u64>,
    a_remove_wins_set_keeps_the_laws: RemoveWinsSet<u64, u64>,
    an_enable_wins_flag_keeps_the_laws: EnableWinsFlag<u64>,
    a_disable_wins_flag_keeps_the_laws: DisableWinsFlag<u64>,
    values_of_several_kinds_in_one_place_keep_the_laws: Content<u64, u64>,
    a_map_of_registers_keeps_the_laws: OrMap<u64, u64, Register<u64, u64>>,
    a_map_of_counters_keeps_the_laws: OrMap<u64, u64, Counter<u64>>,
    a_map_of_maps_of_sets_keeps_the_laws: OrMap<u64, u64, OrMap<u64, u64, AddWinsSet<u64, u64>>>,
}
