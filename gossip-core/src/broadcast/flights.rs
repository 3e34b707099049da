//! Messages that were received or sent a short while ago: which neighbours have them, and for which they wait.

use core::cmp::Reverse;
use core::time::Duration;

use alloc::collections::BinaryHeap;

use gossip_collections::VecDeque;

use super::history::Place;
use super::links::{MAX_LINKS, Slot, Slots};
use super::outbox::Passage;
use super::window::Window;
use crate::stats::Fill;
use crate::time::{Instant, earliest};
use crate::wire::broadcast::ShortId;

/// At most so many messages are on their way at a time; of older ones acknowledgements are not waited for any more.
const MAX_FLIGHTS: usize = 8192;
/// And for so long.
const FLIGHT: Duration = Duration::from_secs(5);
/// Where so many messages came within so long, acknowledgements wait for each other.
const BUSY: usize = 4;
const BUSY_FOR: Duration = Duration::from_millis(20);

/// A message that was received or sent a short while ago.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) short: ShortId,
    pub(super) since: Instant,
    /// Which neighbours have it, as far as this node knows.
    pub(super) have: Slots,
    /// Which it was pushed to and have not acknowledged it.
    pub(super) pending: Slots,
    /// For which it waits to be written.
    pub(super) queued: Slots,
    /// What it weighs, and in which windows it does.
    weight: u32,
    on_way: Slots,
    /// For whom it had to wait.
    pub(super) late: Slots,
    /// Those of them whose acknowledgement was due before it was.
    pub(super) overdue: Slots,
    /// Whether it is still to be announced.
    pub(super) announces: bool,
    pub(super) tries: [u8; MAX_LINKS],
    /// How often it was grafted.
    pub(super) grafts: [u8; MAX_LINKS],
}

impl Flight {
    /// Whether it still waits to be written.
    pub(super) fn is_queued(&self) -> bool {
        self.queued != Slots::default()
    }
}

#[derive(Debug)]
pub(super) struct Flights {
    /// In the order of their places, without gaps.
    flights: VecDeque<Flight>,
    first: Place,
    /// Links for which acknowledgements are collected, and until when.
    pub(super) collecting: Slots,
    pub(super) collected_at: Option<Instant>,
    pub(super) due: BinaryHeap<Reverse<(Instant, Place, Slot)>>,
    pub(super) window: Window,
    /// The most there ever were.
    peak: usize,
}

impl Flights {
    pub(super) fn new() -> Self {
        Self {
            flights: VecDeque::new(),
            first: 0,
            collecting: Slots::default(),
            collected_at: None,
            due: BinaryHeap::new(),
            window: Window::new(),
            peak: 0,
        }
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Flight> {
        self.flights.get_mut(usize::try_from(place.checked_sub(self.first)?).ok()?)
    }

    pub(super) fn begin(&mut self, now: Instant, place: Place, short: ShortId, weight: usize, have: Slots) {
        while self.flights.front().is_some_and(|f| now > f.since + FLIGHT) || self.flights.len() >= MAX_FLIGHTS {
            if let Some(old) = self.flights.pop_front() {
                old.on_way.iter().for_each(|slot| self.window.gave_up(self.first, slot, old.weight));
            }
            self.first += 1;
        }
        if self.flights.is_empty() {
            self.first = place;
        }
        debug_assert_eq!(place, self.first + self.flights.len() as u64, "places follow each other");
        self.flights.push_back(Flight {
            short,
            since: now,
            have,
            pending: Slots::default(),
            queued: Slots::default(),
            weight: weight as u32,
            on_way: Slots::default(),
            late: Slots::default(),
            overdue: Slots::default(),
            announces: true,
            tries: [0; MAX_LINKS],
            grafts: [0; MAX_LINKS],
        });
        self.peak = self.peak.max(self.flights.len());
    }

    pub(super) fn fill(&self) -> Fill {
        Fill { peak: self.peak, limit: MAX_FLIGHTS }
    }

    /// Whether messages come so fast that acknowledgements are better collected.
    pub(super) fn is_busy(&self, now: Instant) -> bool {
        let before = self.flights.len().checked_sub(BUSY);
        before.and_then(|at| self.flights.get(at)).is_some_and(|flight| now < flight.since + BUSY_FOR)
    }

    /// The newest first, down to those that are older than `age`.
    pub(super) fn recent(&self, now: Instant, age: Duration) -> impl Iterator<Item = (Place, &Flight)> {
        let newest = (self.first..self.first + self.flights.len() as u64).rev().zip(self.flights.iter().rev());
        newest.take_while(move |(_, flight)| now < flight.since + age)
    }

    /// What waits for a neighbour goes through here; `due` is when an acknowledgement is.
    pub(super) fn passage(&mut self, now: Instant, slot: Slot, due: Instant) -> ToLink<'_> {
        ToLink { flights: self, now, slot, due }
    }

    /// A message was acknowledged by a neighbour, whose way was so short before; how long it took, if that was measured.
    pub(super) fn land(&mut self, now: Instant, place: Place, slot: Slot, shortest: Duration) -> Option<Duration> {
        let flight = self.flights.get_mut(usize::try_from(place.checked_sub(self.first)?).ok()?)?;
        if !flight.on_way.contains(slot) {
            return None;
        }
        flight.on_way.remove(slot);
        self.window.acknowledged(now, place, slot, flight.weight, shortest)
    }

    /// An acknowledgement is not waited for any more.
    pub(super) fn give_up(&mut self, place: Place, slot: Slot) {
        let Some(flight) = self.get_mut(place).filter(|flight| flight.on_way.contains(slot)) else { return };
        flight.on_way.remove(slot);
        let weight = flight.weight;
        self.window.gave_up(place, slot, weight);
    }

    /// What waits for a neighbour is sent then at the latest.
    pub(super) fn collect(&mut self, slot: Slot, at: Instant) {
        self.collecting.insert(slot);
        self.collected_at = Some(self.collected_at.map_or(at, |due| due.min(at)));
    }

    /// The newest first.
    pub(super) fn newest_mut(&mut self) -> impl Iterator<Item = (Place, &mut Flight)> {
        (self.first..self.first + self.flights.len() as u64).rev().zip(self.flights.iter_mut().rev())
    }

    /// The place is given to another neighbour.
    pub(super) fn forget_link(&mut self, slot: Slot) {
        for (place, flight) in (self.first..).zip(&mut self.flights) {
            if flight.on_way.contains(slot) {
                self.window.gave_up(place, slot, flight.weight);
            }
            for slots in [
                &mut flight.have,
                &mut flight.pending,
                &mut flight.queued,
                &mut flight.overdue,
                &mut flight.on_way,
                &mut flight.late,
            ] {
                slots.remove(slot);
            }
            flight.tries[usize::from(slot)] = 0;
            flight.grafts[usize::from(slot)] = 0;
        }
        self.window.forget(slot);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        earliest([self.due.peek().map(|Reverse((due, ..))| *due), self.collected_at])
    }
}

/// What goes to one neighbour.
pub(super) struct ToLink<'a> {
    flights: &'a mut Flights,
    now: Instant,
    slot: Slot,
    due: Instant,
}

impl Passage for ToLink<'_> {
    fn has_room(&mut self) -> bool {
        self.flights.window.has_room(self.slot)
    }

    fn is_needed(&mut self, place: Place) -> bool {
        let slot = self.slot;
        let Some(flight) = self.flights.get_mut(place) else { return true };
        let needed = !flight.have.contains(slot);
        if !needed {
            flight.pending.remove(slot);
            flight.queued.remove(slot);
            flight.overdue.remove(slot);
            self.flights.give_up(place, slot);
        }
        needed
    }

    fn written(&mut self, place: Place) {
        let (now, slot) = (self.now, self.slot);
        let Some(flight) = self.flights.get_mut(place) else { return };
        flight.queued.remove(slot);
        if now > flight.since {
            flight.late.insert(slot);
        }
        let overdue = flight.overdue.contains(slot);
        flight.overdue.remove(slot);
        let (weight, counted) = (flight.weight, flight.on_way.contains(slot));
        flight.on_way.insert(slot);
        if !counted {
            self.flights.window.wrote(now, place, slot, weight);
        }
        if overdue {
            self.flights.due.push(Reverse((self.due, place, slot)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_micros(1_000_000);
    const WAY: Duration = Duration::from_millis(20);

    fn flying(count: u64) -> Flights {
        let mut flights = Flights::new();
        for place in 0..count {
            flights.begin(NOW, place, ShortId(place as u32), 1000, Slots::default());
        }
        flights
    }

    #[test]
    fn what_a_neighbour_has_from_another_is_not_sent_to_it() {
        let mut flights = flying(1);
        flights.get_mut(0).expect("a flight").have.insert(2);
        assert!(!flights.passage(NOW, 2, NOW).is_needed(0));
        assert!(flights.passage(NOW, 3, NOW).is_needed(0));
    }

    #[test]
    fn what_is_acknowledged_given_up_or_on_a_link_that_is_gone_makes_room() {
        let mut flights = flying(1000);
        let fill = |flights: &mut Flights| {
            let mut passage = flights.passage(NOW, 1, NOW);
            (0..1000)
                .take_while(|place| {
                    passage.has_room() && {
                        passage.written(*place);
                        true
                    }
                })
                .count() as u64
        };
        let most = fill(&mut flights);
        assert!((1..1000).contains(&most));
        flights.land(NOW + WAY, 0, 1, WAY);
        assert!(flights.window.has_room(1));
        (1..most).for_each(|place| flights.give_up(place, 1));
        assert!(fill(&mut flights) >= most);
        flights.forget_link(1);
        assert!(fill(&mut flights) >= most);
    }
}
