//! How much may be on its way to neighbours unacknowledged: as much as makes this node's uplink a little late at most (as LEDBAT,
//! RFC 6817 §2.4), so that the tree's adverts and probes never wait behind messages for long. What has to wait waits here,
//! where it can still be left out.

use core::time::Duration;

use super::history::Place;
use super::links::{MAX_LINKS, Slot, Slots};
use crate::time::Instant;

/// How much later than on an idle way an acknowledgement may come.
const TARGET: Duration = Duration::from_millis(25);
/// In bytes of messages.
const FIRST: u32 = 128 << 10;
const LEAST: u32 = 32 << 10;
const MOST: u32 = 16 << 20;
/// The size is adjusted so often.
const SPAN: Duration = Duration::from_millis(25);
/// How long the shortest round trip seen holds: half of it at least.
const BASE: Duration = Duration::from_secs(10);

/// What is measured of one way.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// What is on it.
    on_way: u32,
    /// The message whose round trip is measured, and when it was written.
    timed: Option<(Place, Instant)>,
    /// The shortest round trip of the last while, and of that before.
    base: [Duration; 2],
}

const UNKNOWN: Way = Way { on_way: 0, timed: None, base: [Duration::MAX; 2] };

#[derive(Debug)]
pub(super) struct Window {
    limit: u32,
    on_way: u32,
    ways: [Way; MAX_LINKS],
    /// Who has to wait.
    waiting: Slots,
    /// Since when delays are looked at, the shortest of them, the most that was on its way, and whether anything had to wait.
    span: Instant,
    late: Option<Duration>,
    most: u32,
    was_full: bool,
    base_since: Instant,
    /// Whether the last measurement was late.
    is_late: bool,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            limit: FIRST,
            on_way: 0,
            ways: [UNKNOWN; MAX_LINKS],
            waiting: Slots::default(),
            span: Instant::ZERO,
            late: None,
            most: 0,
            was_full: false,
            base_since: Instant::ZERO,
            is_late: false,
        }
    }

    /// Whether more goes to neighbours than the uplink bears.
    pub(super) fn is_late(&self) -> bool {
        self.is_late
    }

    /// Whether one more message may go to a neighbour; if not it is remembered.
    pub(super) fn has_room(&mut self, slot: Slot) -> bool {
        // One that does not answer must not keep the others waiting.
        let room = self.on_way < self.limit && self.ways[usize::from(slot)].on_way < self.limit / 2;
        if !room {
            self.waiting.insert(slot);
            self.was_full = true;
        }
        room
    }

    /// Those that had to wait, once there is room.
    pub(super) fn take_waiting(&mut self) -> Slots {
        if self.on_way < self.limit { core::mem::take(&mut self.waiting) } else { Slots::default() }
    }

    pub(super) fn wrote(&mut self, now: Instant, place: Place, slot: Slot, bytes: u32) {
        self.on_way += bytes;
        self.most = self.most.max(self.on_way);
        let way = &mut self.ways[usize::from(slot)];
        way.on_way += bytes;
        way.timed = way.timed.or(Some((place, now)));
    }

    fn left(&mut self, slot: Slot, bytes: u32) {
        self.on_way -= bytes;
        self.ways[usize::from(slot)].on_way -= bytes;
    }

    /// A message is not expected to be acknowledged any more.
    pub(super) fn gave_up(&mut self, place: Place, slot: Slot, bytes: u32) {
        self.left(slot, bytes);
        self.ways[usize::from(slot)].timed.take_if(|(timed, _)| *timed == place);
    }

    pub(super) fn forget(&mut self, slot: Slot) {
        self.ways[usize::from(slot)] = UNKNOWN;
        self.waiting.remove(slot);
    }

    /// A message was acknowledged, by a way that was so short before; its round trip, if it was measured.
    pub(super) fn acknowledged(
        &mut self,
        now: Instant,
        place: Place,
        slot: Slot,
        bytes: u32,
        shortest: Duration,
    ) -> Option<Duration> {
        self.left(slot, bytes);
        let (_, at) = self.ways[usize::from(slot)].timed.take_if(|(timed, _)| *timed == place)?;
        let took = now.since(at);
        if now > self.base_since + BASE {
            self.ways.iter_mut().for_each(|way| way.base = [Duration::MAX, way.base[0]]);
            self.base_since = now;
        }
        let base = &mut self.ways[usize::from(slot)].base;
        if *base == [Duration::MAX; 2] {
            base[0] = shortest;
        }
        base[0] = base[0].min(took);
        // The queue of this node makes all late, that of a neighbour its own acknowledgements alone.
        let late = took - base[0].min(base[1]);
        self.late = Some(self.late.map_or(late, |before| before.min(late)));
        if now >= self.span + SPAN {
            self.adjust(now);
        }
        Some(took)
    }

    fn adjust(&mut self, now: Instant) {
        let late = self.late.take().unwrap_or_default().min(TARGET * 2);
        let (target, late) = (TARGET.as_micros() as u64, late.as_micros() as u64);
        self.is_late = late > target && self.most > LEAST;
        if late > target {
            self.limit = ((u64::from(self.limit.min(self.most)) * target / late) as u32).max(LEAST);
        } else if self.was_full {
            let more = u64::from(self.limit) * (target - late) / target;
            self.limit = self.limit.saturating_add(more as u32).min(MOST);
        }
        (self.span, self.most, self.was_full) = (now, self.on_way, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_millis(20);

    /// Messages of 300 bytes along `ways`, one each in turn, over an uplink of `rate` bytes per millisecond; the queue that it
    /// ends with, in milliseconds. A way that is late acknowledges so much later.
    fn settle(window: &mut Window, rate: u64, ways: &[Duration]) -> u64 {
        let (mut free, mut acks) = (0, alloc::collections::BTreeSet::<(u64, Place, Slot, Duration)>::new());
        let mut place = 0;
        for now in 0..20_000_u64 {
            while let Some((at, of, slot, way)) = acks.first().copied().filter(|(at, ..)| *at <= now * 1000) {
                acks.remove(&(at, of, slot, way));
                window.acknowledged(Instant::from_micros(at), of, slot, 300, way);
            }
            for slot in 0..ways.len() as Slot {
                while window.has_room(slot) && place < (now + 1) * 20 {
                    place += 1;
                    window.wrote(Instant::from_micros(now * 1000), place, slot, 300);
                    free = free.max(now * 1000) + 300_000 / rate;
                    let way = ways[usize::from(slot)];
                    acks.insert((free + way.as_micros() as u64, place, slot, IDLE));
                }
            }
        }
        free.saturating_sub(20_000_000) / 1000
    }

    #[test]
    fn the_queue_of_an_uplink_stays_short() {
        let mut window = Window::new();
        let queue = settle(&mut window, 1250, &[IDLE; 4]);
        assert!((5..60).contains(&queue), "{queue} ms");
    }

    #[test]
    fn an_uplink_that_bears_everything_is_not_held_up() {
        let mut window = Window::new();
        assert_eq!(settle(&mut window, 12_500, &[IDLE; 4]), 0);
        assert!(window.has_room(0));
    }

    #[test]
    fn a_neighbour_that_answers_late_alone_does_not_make_the_window_smaller() {
        let mut window = Window::new();
        settle(&mut window, 12_500, &[IDLE, IDLE, IDLE * 8]);
        assert!(window.limit >= FIRST, "{}", window.limit);
    }

    #[test]
    fn a_neighbour_that_never_answers_keeps_nobody_waiting() {
        let mut window = Window::new();
        let now = Instant::from_micros(1);
        let mut places = 1..10_000;
        while window.has_room(7) {
            window.wrote(now, places.next().expect("a limit"), 7, 300);
        }
        assert!(window.has_room(1));
        places.for_each(|place| {
            window.wrote(now, place, 1, 300);
            window.acknowledged(now + IDLE, place, 1, 300, IDLE);
        });
        assert!(window.has_room(1));
    }
}
