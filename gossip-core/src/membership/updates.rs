//! The updates that wait to be spread: the one sent least often goes first. Every change is in constant time, and
//! memory is bounded by the table.

use alloc::vec::Vec;

use super::table::{self, MemberIndex};

/// No update is sent more often than this.
pub(super) const MAX_TRANSMISSIONS: u8 = 32;

const NONE: u32 = u32::MAX;
const LEVELS: usize = MAX_TRANSMISSIONS as usize;

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: u32,
    next: u32,
    /// How often it was sent; [`MAX_TRANSMISSIONS`]: it does not wait.
    sent: u8,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    head: u32,
    tail: u32,
    len: u32,
}

/// One list of waiting members for each number of transmissions.
#[derive(Debug)]
pub(super) struct UpdateQueue {
    links: Vec<Link>,
    levels: [Level; LEVELS],
    len: usize,
    /// The most that ever waited.
    peak: usize,
}

/// Walks over the updates for one packet, so that none is put into it twice.
#[derive(Debug)]
pub(super) struct Cursor {
    level: usize,
    left: [u32; LEVELS],
}

impl UpdateQueue {
    pub(super) fn new() -> Self {
        Self { links: Vec::new(), levels: [Level { head: NONE, tail: NONE, len: 0 }; LEVELS], len: 0, peak: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn peak(&self) -> usize {
        self.peak
    }

    pub(super) fn contains(&self, index: MemberIndex) -> bool {
        self.links.get(index.0 as usize).is_some_and(|link| link.sent < MAX_TRANSMISSIONS)
    }

    /// Makes the member's row an update that was never sent.
    pub(super) fn put(&mut self, index: MemberIndex) {
        let absent = Link { previous: NONE, next: NONE, sent: MAX_TRANSMISSIONS };
        while self.links.len() <= index.0 as usize {
            table::push(&mut self.links, absent);
        }
        self.remove(index);
        self.append(index.0, 0);
    }

    pub(super) fn remove(&mut self, index: MemberIndex) {
        if !self.contains(index) {
            return;
        }
        let link = self.links[index.0 as usize];
        match link.previous {
            NONE => self.levels[usize::from(link.sent)].head = link.next,
            previous => self.links[previous as usize].next = link.next,
        }
        match link.next {
            NONE => self.levels[usize::from(link.sent)].tail = link.previous,
            next => self.links[next as usize].previous = link.previous,
        }
        self.links[index.0 as usize].sent = MAX_TRANSMISSIONS;
        self.levels[usize::from(link.sent)].len -= 1;
        self.len -= 1;
    }

    /// A walk over what waits now, the least sent first.
    pub(super) fn cursor(&self) -> Cursor {
        Cursor { level: 0, left: self.levels.map(|level| level.len) }
    }

    /// The next update of the walk. It must be reported as [`Self::sent`] before the one after it is asked for.
    pub(super) fn next(&self, cursor: &mut Cursor) -> Option<MemberIndex> {
        while *cursor.left.get(cursor.level)? == 0 {
            cursor.level += 1;
        }
        cursor.left[cursor.level] -= 1;
        Some(MemberIndex(self.levels[cursor.level].head))
    }

    /// The update was sent once more; after `limit` times it is done.
    pub(super) fn sent(&mut self, index: MemberIndex, limit: u8) {
        let sent = self.links[index.0 as usize].sent + 1;
        self.remove(index);
        if sent < limit.min(MAX_TRANSMISSIONS) {
            self.append(index.0, sent);
        }
    }

    fn append(&mut self, at: u32, sent: u8) {
        let level = &mut self.levels[usize::from(sent)];
        let previous = core::mem::replace(&mut level.tail, at);
        if previous == NONE {
            level.head = at;
        } else {
            self.links[previous as usize].next = at;
        }
        level.len += 1;
        self.len += 1;
        self.peak = self.peak.max(self.len);
        self.links[at as usize] = Link { previous, next: NONE, sent };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(queue: &mut UpdateQueue, room: usize, limit: u8) -> Vec<u32> {
        let mut cursor = queue.cursor();
        let mut sent = Vec::new();
        while sent.len() < room {
            let Some(index) = queue.next(&mut cursor) else { break };
            queue.sent(index, limit);
            sent.push(index.0);
        }
        sent
    }

    #[test]
    fn the_least_sent_goes_first() {
        let mut queue = UpdateQueue::new();
        (1..=3).for_each(|at| queue.put(MemberIndex(at)));
        assert_eq!(packet(&mut queue, 2, 9), [1, 2]);
        queue.put(MemberIndex(4));
        assert_eq!(packet(&mut queue, 3, 9), [3, 4, 1]);
    }

    #[test]
    fn an_update_is_never_twice_in_one_packet() {
        let mut queue = UpdateQueue::new();
        queue.put(MemberIndex(1));
        assert_eq!(packet(&mut queue, 10, 9), [1]);
    }

    #[test]
    fn an_update_is_done_after_its_transmissions() {
        let mut queue = UpdateQueue::new();
        queue.put(MemberIndex(1));
        for _ in 0..3 {
            assert_eq!(packet(&mut queue, 10, 3), [1]);
        }
        assert_eq!((packet(&mut queue, 10, 3), queue.len()), (Vec::new(), 0));
    }

    #[test]
    fn a_member_waits_once_however_often_it_is_put() {
        let mut queue = UpdateQueue::new();
        for _ in 0..5 {
            queue.put(MemberIndex(7));
        }
        assert_eq!(queue.len(), 1);
        queue.remove(MemberIndex(7));
        assert_eq!((queue.len(), queue.contains(MemberIndex(7))), (0, false));
    }
}
