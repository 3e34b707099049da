//! What waits in a node's socket while the process is stopped or reads late.

use std::collections::VecDeque;
use std::time::Duration;

use gossip_core::Instant;

/// What a socket keeps of packets that nobody reads; what comes then is dropped.
const SOCKET_BYTES: usize = 4_000_000;

/// Packets in the order of their arrival, each with the earliest instant at which it may be read.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    waiting: VecDeque<Packet>,
    bytes: usize,
    delay: Duration,
}

/// A packet that has arrived.
#[derive(Debug, PartialEq)]
pub(super) struct Packet {
    readable: Instant,
    pub(super) from: usize,
    pub(super) bytes: Vec<u8>,
}

impl Inbox {
    /// Whether a packet that arrives now is read at once.
    pub(super) fn is_prompt(&self) -> bool {
        self.waiting.is_empty() && self.delay.is_zero()
    }

    /// Keeps a packet; answers when it may be read, or gives it back if the socket is full.
    pub(super) fn push(&mut self, now: Instant, from: usize, bytes: Vec<u8>) -> Result<Instant, Vec<u8>> {
        if self.bytes + bytes.len() > SOCKET_BYTES {
            return Err(bytes);
        }
        // A socket gives its packets in the order of their arrival.
        let readable = (now + self.delay).max(self.waiting.back().map_or(now, |last| last.readable));
        self.bytes += bytes.len();
        self.waiting.push_back(Packet { readable, from, bytes });
        Ok(readable)
    }

    /// The next packet that may be read.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Packet> {
        self.waiting.front().filter(|packet| packet.readable <= now)?;
        let packet = self.waiting.pop_front()?;
        self.bytes -= packet.bytes.len();
        Some(packet)
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.bytes = 0;
    }

    /// From now on what arrives is read that much later.
    pub(super) fn slow_down(&mut self, delay: Duration) {
        self.delay += delay;
    }

    /// No longer; whoever has caught up reads at once what waited.
    pub(super) fn speed_up(&mut self, delay: Duration, now: Instant) {
        self.delay = self.delay.saturating_sub(delay);
        if self.delay.is_zero() {
            self.waiting.iter_mut().for_each(|packet| packet.readable = packet.readable.min(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: u64) -> Instant {
        Instant::from_micros(second * 1_000_000)
    }

    fn read(inbox: &mut Inbox, at: u64) -> Vec<usize> {
        std::iter::from_fn(|| inbox.pop(second(at))).map(|packet| packet.from).collect()
    }

    #[test]
    fn what_is_late_comes_in_order_and_not_before_its_time() {
        let mut inbox = Inbox::default();
        inbox.slow_down(Duration::from_secs(5));
        assert_eq!(inbox.push(second(1), 7, vec![0]), Ok(second(6)));
        assert_eq!(inbox.push(second(2), 8, vec![0]), Ok(second(7)));
        assert_eq!((read(&mut inbox, 5), read(&mut inbox, 6), read(&mut inbox, 9)), (vec![], vec![7], vec![8]));
    }

    #[test]
    fn nothing_overtakes_what_waits() {
        let mut inbox = Inbox::default();
        inbox.slow_down(Duration::from_secs(5));
        inbox.push(second(1), 7, vec![0]).unwrap();
        inbox.slow_down(Duration::from_secs(1));
        inbox.speed_up(Duration::from_secs(5), second(2));
        assert_eq!(inbox.push(second(2), 8, vec![0]), Ok(second(6)), "its own delay alone would end at 3 s");
        assert!(!inbox.is_prompt());
    }

    #[test]
    fn who_is_late_no_more_reads_all_at_once() {
        let mut inbox = Inbox::default();
        inbox.slow_down(Duration::from_secs(5));
        inbox.push(second(1), 7, vec![0]).unwrap();
        inbox.speed_up(Duration::from_secs(5), second(2));
        assert_eq!(read(&mut inbox, 2), [7]);
        assert!(inbox.is_prompt());
    }

    #[test]
    fn a_full_socket_drops_what_comes_and_keeps_what_it_has() {
        let mut inbox = Inbox::default();
        for _ in 0..4000 {
            assert!(inbox.push(second(1), 7, vec![0; 1000]).is_ok());
        }
        assert_eq!(inbox.push(second(1), 8, vec![1]), Err(vec![1]));
        assert_eq!(inbox.pop(second(1)).map(|packet| packet.from), Some(7));
        assert!(inbox.push(second(1), 8, vec![1]).is_ok());
    }
}
