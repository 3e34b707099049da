//! Where members are in a space in which distance is round trip: Vivaldi (Dabek et al., SIGCOMM 2004) in three dimensions
//! with a height (§5.4). Integers alone, so that the same packets give the same places everywhere.

use core::num::NonZeroU8;
use core::time::Duration;

use super::Membership;
use super::table::{ME, MemberIndex};
use crate::peer::Peer;
use crate::protocol::{Cx, Source};
use crate::wire::membership::{Coordinate, Ping};

/// Nanoseconds of a unit on an axis of [`Coordinate::position`].
const AXIS: i64 = 16_000;
/// Nanoseconds of a unit of the square of [`Coordinate::height`].
const HEIGHT: u64 = 8_000;
/// Errors and weights are shares of this.
const ONE: i64 = 1 << 16;
/// Of an error as it travels.
const ERROR: i64 = 255;
/// One by this part of the way a sample moves a place at most: Vivaldi's c_c (§2.5), larger than there since what moves it is
/// smoothed already.
const MOVE: i64 = 2;
/// The same of the error: c_e.
const LEARN: i64 = 4;
/// No sample counts as further off than this, in nanoseconds: one measurement moves a place by half of it at most.
const MAX_OFF: i64 = 50_000_000;
/// One answer to a promised ping of so many tells where this node is: with those to random pings, one of four of all.
const TELL_EVERY: u32 = 16;
/// A beginner, who was moved less often than this, tells it with each answer.
const BEGINNER: u8 = 64;
/// No round trip is shorter or longer than this, in nanoseconds.
const RTT: (i64, i64) = (1_000, 2_000_000_000);
/// The height of a beginner.
const FIRST_HEIGHT: i64 = 1_000_000;
/// From nothing no height grows.
const MIN_HEIGHT: i64 = HEIGHT as i64;
const MAX_HEIGHT: i64 = 255 * 255 * HEIGHT as i64;
/// So much of a place is given up at each sample, so that all together do not drift away.
const GRAVITY: i64 = 4096;

/// A member's place, as it travels. Eight bytes, also where it may be unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    position: [i16; 3],
    height: u8,
    error: NonZeroU8,
}

const _: () = assert!(size_of::<Option<Place>>() == 8);

impl Place {
    fn of(coordinate: Coordinate) -> Self {
        let Coordinate { position, height, error } = coordinate;
        Self { position, height, error: NonZeroU8::new(error).unwrap_or(NonZeroU8::MIN) }
    }

    fn nanos(self) -> [i64; 3] {
        self.position.map(|axis| i64::from(axis) * AXIS)
    }

    fn height(self) -> i64 {
        i64::from(self.height).pow(2) * HEIGHT as i64
    }

    /// The estimated round trip between two places.
    pub(super) fn round_trip(self, other: Self) -> Duration {
        let nanos = length(between(self.nanos(), other.nanos())) + self.height() + other.height();
        Duration::from_nanos(nanos.unsigned_abs())
    }
}

/// This node's own place, finer than it travels.
#[derive(Debug)]
pub(super) struct Coordinates {
    /// In nanoseconds.
    at: [i64; 3],
    height: i64,
    error: i64,
    /// How often it was moved, as far as that counts.
    moves: u8,
    /// Whose round trip was measured last: the next coordinate of it counts.
    measured: Option<MemberIndex>,
}

impl Coordinates {
    pub(super) fn new() -> Self {
        Self { at: [0; 3], height: FIRST_HEIGHT, error: ONE, moves: 0, measured: None }
    }

    /// Whether the answer to this ping tells where this node is: whom it is promised hears of it again soon, who comes at
    /// random does not.
    pub(super) fn is_told(&self, ping: Ping) -> bool {
        ping.promise == 0 || ping.probe.number % TELL_EVERY == 0 || self.moves < BEGINNER
    }

    /// The round trip to that member was measured just now.
    pub(super) fn measured(&mut self, index: MemberIndex) {
        self.measured = Some(index);
    }

    /// Moves towards where the round trip to another says that this node is, the further the surer the other is of its
    /// place (§2.4). `way` says into which direction two that are at one place part.
    fn sample(&mut self, other: Place, rtt: Duration, way: u32) {
        let rtt = i64::try_from(rtt.as_nanos()).unwrap_or(RTT.1).clamp(RTT.0, RTT.1);
        let mut apart = between(self.at, other.nanos());
        let mut distance = length(apart);
        let off = rtt - (distance + self.height + other.height());
        let wrong = (off.abs() * ONE / rtt).min(ONE);
        // Who is where it cannot be is not as sure of it as it says.
        let theirs = (i64::from(other.error.get()) * ONE / ERROR).max(wrong / 2);
        self.moves = self.moves.saturating_add(1);
        let weight = self.error * ONE / (self.error + theirs);
        self.error += (wrong - self.error) * weight / ONE / LEARN;
        self.error = self.error.clamp(ONE / ERROR, ONE);
        if distance < AXIS {
            apart = [0, 10, 20].map(|shift| (i64::from(way >> shift & 0x3ff) - 0x200) * AXIS);
            distance = length(apart).max(1);
        }
        let step = off.clamp(-MAX_OFF, MAX_OFF) * weight / ONE / MOVE;
        let heights = self.height + other.height();
        for (axis, apart) in self.at.iter_mut().zip(apart) {
            *axis += step * apart / (distance + heights);
            *axis = (*axis - *axis / GRAVITY).clamp(i64::from(i16::MIN) * AXIS, i64::from(i16::MAX) * AXIS);
        }
        self.height = (self.height + step * heights / (distance + heights)).clamp(MIN_HEIGHT, MAX_HEIGHT);
    }

    /// What this node tells of its place.
    pub(super) fn coordinate(&self) -> Coordinate {
        let Place { position, height, error } = self.place();
        Coordinate { position, height, error: error.get() }
    }

    fn place(&self) -> Place {
        Place {
            // Within its range: so is what it is rounded from.
            position: self.at.map(|axis| ((axis + AXIS / 2).div_euclid(AXIS)).min(i64::from(i16::MAX)) as i16),
            height: ((self.height as u64 * 4 / HEIGHT).isqrt().div_ceil(2)).min(255) as u8,
            error: NonZeroU8::new((self.error * ERROR / ONE).min(ERROR) as u8).unwrap_or(NonZeroU8::MIN),
        }
    }
}

fn between(a: [i64; 3], b: [i64; 3]) -> [i64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// Of a vector between two places, which are bounded, so that its square does not overflow.
fn length(vector: [i64; 3]) -> i64 {
    vector.iter().map(|axis| axis.unsigned_abs().pow(2)).sum::<u64>().isqrt() as i64
}

impl<P: Peer> Membership<P> {
    /// A member tells where it is. Only what rides on the answer to a ping of this node moves this node.
    pub(super) fn handle_coordinate(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, coordinate: Coordinate) {
        let Some(index) = from.row.filter(|index| cx.table.is_live_at(*index, from.addr)) else { return };
        let place = Place::of(coordinate);
        let notes = cx.table.notes_mut(index);
        notes.place = Some(place);
        let measured = self.coordinates.measured.take_if(|measured| *measured == index);
        if let Some(rtt) = notes.rtt.smoothed().filter(|_| measured.is_some()) {
            let way = cx.table.row(index).short ^ cx.table.row(ME).short;
            self.coordinates.sample(place, rtt, way);
            cx.table.notes_mut(ME).place = Some(self.coordinates.place());
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const MS: u64 = 1_000_000;

    fn sample(own: &mut Coordinates, other: Place, ms: u64) {
        own.sample(other, Duration::from_millis(ms), 0x1234_5678);
    }

    fn place(position: [i16; 3], height: u8, error: u8) -> Place {
        Place::of(Coordinate { position, height, error })
    }

    #[test]
    fn three_that_measure_each_other_find_places_that_explain_it() {
        let rtt = [[0, 20, 50], [20, 0, 40], [50, 40, 0]];
        let mut nodes: Vec<Coordinates> = (0..3).map(|_| Coordinates::new()).collect();
        for round in 0..300_u32 {
            for a in 0..3 {
                let b = (a + 1 + round as usize % 2) % 3;
                let other = nodes[b].place();
                nodes[a].sample(other, Duration::from_millis(rtt[a][b]), 0x9e37_79b9_u32.rotate_left(a as u32));
            }
        }
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let estimate = nodes[a].place().round_trip(nodes[b].place()).as_micros() as i64;
            assert!((estimate - rtt[a][b] as i64 * 1000).abs() < 2000, "{a} to {b}: {estimate} µs");
        }
    }

    #[test]
    fn a_round_trip_is_distance_and_heights() {
        // 300 and 400 units of 16 µs are 500 of them: 8 ms; heights of 10² and 20² units of 8 µs: 4 ms.
        let (a, b) = (place([300, 0, -5], 10, 1), place([0, 400, -5], 20, 1));
        assert_eq!(a.round_trip(b), Duration::from_millis(12));
        assert_eq!(b.round_trip(a), a.round_trip(b));
    }

    #[test]
    fn the_farthest_places_do_not_overflow_and_nobody_leaves_the_space() {
        let far = place([i16::MIN; 3], 255, 0);
        let mut own = Coordinates::new();
        for way in 0..2000 {
            own.sample(far, Duration::MAX, way);
        }
        assert!(own.place().round_trip(far) < Duration::from_secs(3));
        for _ in 0..2000 {
            own.sample(place([i16::MAX; 3], 0, 1), Duration::ZERO, 7);
        }
        assert!(own.place().round_trip(place([i16::MAX; 3], 0, 1)) < Duration::from_millis(10));
    }

    #[test]
    fn a_liar_moves_who_is_sure_of_its_place_by_little_and_nobody_by_more_than_the_step() {
        let mut sure = Coordinates::new();
        (0..100).for_each(|_| sample(&mut sure, place([625, 0, 0], 1, 26), 10));
        let before = sure.at;
        sample(&mut sure, place([i16::MAX; 3], 255, 0), 1);
        assert!(length(between(sure.at, before)) < 3 * MS as i64, "{:?}", sure.at);
        let mut new = Coordinates::new();
        sample(&mut new, place([i16::MAX; 3], 255, 0), 1);
        assert!(length(new.at) <= MAX_OFF / MOVE, "{:?}", new.at);
    }

    #[test]
    fn two_at_one_place_part() {
        let mut own = Coordinates::new();
        (0..50).for_each(|_| sample(&mut own, place([0; 3], 0, 26), 30));
        let estimate = own.place().round_trip(place([0; 3], 0, 26));
        assert!((25..35).contains(&estimate.as_millis()), "{estimate:?}");
    }

    #[test]
    fn a_place_travels_to_the_nearest_unit() {
        let own =
            Coordinates { at: [-8_001, 24_001, 0], height: 8_000 * 9 + 100, error: ONE / 2, moves: 0, measured: None };
        assert_eq!(own.coordinate(), Coordinate { position: [-1, 2, 0], height: 3, error: 127 });
    }

    #[test]
    fn one_answer_of_four_tells_a_place_if_one_ping_of_five_is_random() {
        let probe = |number| crate::wire::membership::Probe { number, fingerprint: 0 };
        let mut own = Coordinates::new();
        assert!(own.is_told(Ping { probe: probe(1), promise: 1 }), "a beginner");
        own.moves = BEGINNER;
        let told = (0..1600).filter(|n| own.is_told(Ping { probe: probe(*n), promise: u16::from(n % 5 > 0) }));
        assert_eq!(told.count(), 400);
    }
}
