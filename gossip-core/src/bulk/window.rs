//! How many parts may be asked of a partner at a time: as many as its queue holds a few milliseconds of (LEDBAT, RFC 6817), so that
//! what is urgent does not wait behind them. Loss does not count unless there is very much of it.

use core::time::Duration;

use crate::time::Instant;

/// The delay that a partner's queue may have, in units of 64 microseconds: 10 ms. (RFC 6817 §2.5 allows 100; several hops
/// add up.)
const TARGET: i32 = 10_000 / 64;
/// Windows are counted in so many pieces of a part.
const PIECES: u32 = 64;
const FIRST: u32 = 4 * PIECES;
const LEAST: u32 = PIECES;
const MOST: u32 = 128 * PIECES;
/// How long the shortest delay seen holds: half of it at least.
const BASE: Duration = Duration::from_secs(10);
/// Of so many parts.
const LOT: u8 = 32;

#[derive(Debug)]
pub(super) struct Window {
    size: u32,
    /// It doubles each round trip until the queue shows.
    slow_start: bool,
    /// What delays are counted from: clocks differ.
    reference: Option<u16>,
    /// The shortest delay of the last while, and of that before.
    base: [i32; 2],
    base_since: Instant,
    /// Parts that came and that were lost, of the last lot.
    came: u8,
    lost: u8,
    /// When it was last made much smaller.
    cut: Instant,
}

/// An instant as it stands in a part.
pub(super) fn stamp(now: Instant) -> u16 {
    (now.as_micros() / 64) as u16
}

impl Window {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            size: FIRST,
            slow_start: true,
            reference: None,
            base: [i32::MAX; 2],
            base_since: now,
            came: 0,
            lost: 0,
            cut: now,
        }
    }

    /// How many parts.
    pub(super) fn parts(&self) -> usize {
        (self.size / PIECES) as usize
    }

    /// A part came that was sent at a time of the partner's clock; the way there and back takes about `rtt`.
    pub(super) fn came(&mut self, now: Instant, sent: u16, rtt: Duration) {
        self.count(now, false);
        let delay = stamp(now).wrapping_sub(sent);
        let reference = *self.reference.get_or_insert(delay);
        let delay = i32::from(delay.wrapping_sub(reference) as i16);
        if now > self.base_since + BASE {
            self.base = [i32::MAX, self.base[0]];
            self.base_since = now;
        }
        self.base[0] = self.base[0].min(delay);
        let queue = delay - self.base[0].min(self.base[1]);
        if self.slow_start && queue < TARGET / 2 {
            self.size = (self.size + PIECES).min(MOST);
            return;
        }
        self.slow_start = false;
        if queue > 2 * TARGET && now > self.cut + rtt {
            self.cut = now;
            self.size = (self.size * 3 / 4).max(LEAST);
            return;
        }
        // A window's worth of parts makes it grow by one part at most.
        let off = ((TARGET - queue) * PIECES as i32 / TARGET).max(-(PIECES as i32));
        let step = off * PIECES as i32 / self.size.max(PIECES) as i32;
        self.size = self.size.saturating_add_signed(step).clamp(LEAST, MOST);
    }

    pub(super) fn lost(&mut self, now: Instant) {
        self.count(now, true);
    }

    fn count(&mut self, now: Instant, lost: bool) {
        self.came += u8::from(!lost);
        self.lost += u8::from(lost);
        if self.came + self.lost < LOT {
            return;
        }
        if self.lost > LOT / 4 {
            // A queue overflows somewhere.
            self.slow_start = false;
            self.cut = now;
            self.size = (self.size / 2).max(LEAST);
        }
        (self.came, self.lost) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(50);

    /// Parts by a way whose queue is as long as the window demands, drained at a rate per round trip.
    fn settle(window: &mut Window, rate: usize, rounds: u64) -> i32 {
        let mut queue = 0;
        for round in 0..rounds {
            for _ in 0..window.parts() {
                let now = Instant::from_micros(100_000 * (round + 1));
                let late = 1000 + queue as u64 * 50_000 / rate as u64;
                window.came(now, stamp(Instant::from_micros(now.as_micros() - late)), RTT);
            }
            queue = (queue + window.parts()).saturating_sub(rate).min(window.parts());
        }
        (queue * 50_000 / rate / 1000) as i32
    }

    #[test]
    fn the_window_follows_what_the_way_carries_and_its_queue_stays_short() {
        for rate in [8, 40] {
            let mut window = Window::new(Instant::ZERO);
            let queue = settle(&mut window, rate, 300);
            assert!((rate * 3 / 4..rate * 2).contains(&window.parts()), "{} of {rate}", window.parts());
            assert!(queue <= 45, "{queue} ms");
        }
    }

    #[test]
    fn a_little_loss_does_not_count_and_much_of_it_does() {
        for (one_in, shrinks) in [(10, false), (3, true)] {
            let mut window = Window::new(Instant::ZERO);
            for at in 0..300 {
                let now = Instant::from_micros(1000 * at + 100_000);
                match at % one_in {
                    0 => window.lost(now),
                    _ => window.came(now, stamp(Instant::from_micros(1000 * at)), RTT),
                }
            }
            assert_eq!(window.parts() < 16, shrinks, "{one_in}: {}", window.parts());
        }
    }
}
