//! What concurrent changes come to, value by value.

#![cfg(feature = "values")]

use gossip_crdt::{
    AddWinsSet, Causal, Counter, DisableWinsFlag, EnableWinsFlag, Max, Min, OrMap, Register, RemoveWinsSet, Sketch,
    Stamp, Value,
};

type Writer = u64;

const FIRST: Writer = 1;
const ANN: Writer = 2;
const BOB: Writer = 3;

/// Two replicas of what one has written.
fn two<V: Value<Writer>>(write: impl FnOnce(&mut V, &mut gossip_crdt::Pen<'_, Writer>)) -> [Causal<Writer, V>; 2] {
    let mut here = Causal::new();
    here.write(FIRST, write);
    [here.clone(), here]
}

/// Both know what the other knows.
fn meet<V: Value<Writer>>([a, b]: &mut [Causal<Writer, V>; 2]) {
    let (to_b, to_a) = (a.delta(b.context()), b.delta(a.context()));
    a.join(&to_a);
    b.join(&to_b);
    assert_eq!(a, b);
}

fn stamp(ms: u64) -> Stamp {
    Stamp::from_u64(ms << 16)
}

#[test]
fn concurrent_values_of_a_register_are_kept_until_one_who_knows_them_writes() {
    let mut both = two::<Register<_, String>>(|register, pen| register.set(pen, stamp(5), "old".into()));
    both[0].write(ANN, |register, pen| register.set(pen, stamp(6), "left".into()));
    both[1].write(BOB, |register, pen| register.set(pen, stamp(7), "right".into()));
    meet(&mut both);
    let values: Vec<_> = both[0].value().values().map(|(_, _, value)| value.as_str()).collect();
    assert_eq!(values, ["left", "right"]);
    assert_eq!(both[0].value().latest().map(String::as_str), Some("right"));
    // With a clock that is far behind.
    both[0].write(ANN, |register, pen| register.set(pen, stamp(1), "new".into()));
    meet(&mut both);
    assert_eq!(both[1].value().values().count(), 1);
    assert_eq!(both[1].value().latest().map(String::as_str), Some("new"));
}

#[test]
fn a_value_that_was_overwritten_does_not_come_back_with_an_old_message() {
    let mut both = two::<Register<_, u64>>(|register, pen| register.set(pen, stamp(5), 1));
    let old = both[0].clone();
    both[0].write(ANN, |register, pen| register.reset(pen));
    both[0].join(&old);
    assert!(both[0].value().is_empty());
    meet(&mut both);
    assert!(both[1].value().is_empty());
}

#[test]
fn a_reset_takes_away_what_it_has_seen_and_nothing_else() {
    let mut both = two::<Counter<_>>(|counter, pen| counter.add(pen, 5));
    both[0].write(ANN, |counter, pen| counter.reset(pen));
    // The first writer counts on, and knows nothing of the reset.
    both[1].write(FIRST, |counter, pen| counter.add(pen, 3));
    both[1].write(BOB, |counter, pen| counter.add(pen, -1));
    meet(&mut both);
    assert_eq!(both[0].value().get(), 2);
    both[1].write(BOB, |counter, pen| counter.reset(pen));
    both[0].write(ANN, |counter, pen| counter.reset(pen));
    meet(&mut both);
    assert_eq!(both[0].value().get(), 0);
}

#[test]
fn a_counter_stops_at_its_bounds() {
    let mut counter = Causal::<Writer, Counter<_>>::new();
    for _ in 0..4 {
        counter.write(ANN, |counter, pen| counter.add(pen, i64::MIN));
    }
    assert_eq!(counter.value().get(), -i128::from(u64::MAX));
}

#[test]
fn of_adding_and_removing_at_the_same_time_wins_what_the_name_says() {
    let mut both = two::<AddWinsSet<_, u64>>(|set, pen| set.add(pen, 1));
    both[0].write(ANN, |set, _| assert!(set.remove(&1)));
    both[1].write(BOB, |set, pen| set.add(pen, 1));
    meet(&mut both);
    assert!(both[0].value().contains(&1));

    let mut both = two::<RemoveWinsSet<_, u64>>(|set, pen| set.add(pen, 1));
    both[0].write(ANN, |set, pen| assert!(set.remove(pen, 1)));
    both[1].write(BOB, |set, pen| set.add(pen, 1));
    meet(&mut both);
    assert!(!both[0].value().contains(&1) && both[0].value().iter().next().is_none());
    both[0].write(ANN, |set, pen| set.add(pen, 1));
    meet(&mut both);
    assert!(both[1].value().contains(&1));
}

#[test]
fn of_turning_on_and_off_at_the_same_time_wins_what_the_name_says() {
    let mut both = two::<EnableWinsFlag<_>>(|flag, pen| flag.enable(pen));
    both[0].write(ANN, |flag, _| flag.disable());
    assert!(!both[0].value().is_enabled());
    both[1].write(BOB, |flag, pen| flag.enable(pen));
    meet(&mut both);
    assert!(both[0].value().is_enabled());

    let mut both = two::<DisableWinsFlag<_>>(|flag, pen| flag.disable(pen));
    both[0].write(ANN, |flag, _| flag.enable());
    assert!(both[0].value().is_enabled());
    both[1].write(BOB, |flag, pen| flag.disable(pen));
    meet(&mut both);
    assert!(!both[0].value().is_enabled());
    assert!(DisableWinsFlag::<Writer>::default().is_enabled() && !EnableWinsFlag::<Writer>::default().is_enabled());
}

#[test]
fn the_extreme_value_wins() {
    let mut both = two::<Max<_, u64>>(|max, pen| assert!(max.set(pen, 5)));
    both[0].write(ANN, |max, pen| assert!(max.set(pen, 9)));
    both[1].write(BOB, |max, pen| assert!(max.set(pen, 7) && !max.set(pen, 6)));
    meet(&mut both);
    assert_eq!(both[1].value().get(), Some(&9));

    let mut both = two::<Min<_, u64>>(|min, pen| assert!(min.set(pen, 5)));
    both[0].write(ANN, |min, pen| assert!(!min.set(pen, 9) && min.set(pen, 4)));
    both[1].write(BOB, |min, pen| assert!(min.set(pen, 3)));
    meet(&mut both);
    assert_eq!(both[0].value().get(), Some(&3));
}

#[test]
fn a_key_that_is_written_and_removed_keeps_what_was_written_then() {
    type Inner = OrMap<Writer, String, Counter<Writer>>;
    let key = || String::from("key");
    let mut both = two::<OrMap<_, String, Inner>>(|map, pen| {
        map.update(pen, key(), |inner, pen| inner.update(pen, key(), |counter, pen| counter.add(pen, 5)));
    });
    both[0].write(ANN, |map, pen| assert!(map.remove(pen, &key())));
    assert!(both[0].value().get(&key()).is_none() && both[0].value().iter().next().is_none());
    both[1].write(FIRST, |map, pen| {
        map.update(pen, key(), |inner, pen| inner.update(pen, key(), |counter, pen| counter.add(pen, 2)));
    });
    meet(&mut both);
    let inner = both[0].value().get(&key()).and_then(|inner| inner.get(&key()));
    assert_eq!(inner.map(Counter::get), Some(2));
}

#[test]
fn a_sketch_forgets_what_was_recorded_before_its_reset() {
    let mut both = two::<Sketch<_>>(|sketch, pen| sketch.record(pen, 1_000_000, 50));
    both[0].write(ANN, |sketch, pen| sketch.reset(pen));
    both[1].write(FIRST, |sketch, pen| sketch.record(pen, 10, 3));
    meet(&mut both);
    assert_eq!((both[0].value().count(), both[0].value().quantile(1_000_000)), (3, Some(10)));
}
