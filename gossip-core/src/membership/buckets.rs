//! The member table in buckets by position: sums over the live members, by which two tables are compared, and the rows
//! of each, so that a part of the table is found without a walk over all.

use alloc::boxed::Box;

use gossip_collections::SmallVec;

use super::row::NONE;
use super::table::{MemberIndex, Table, row_of};
use crate::peer::Peer;

/// The binary logarithm of the number of buckets that the table keeps sums of. A digest may fold them.
pub(crate) const LOG_BUCKETS: u8 = 8;

/// A sum over the live members of one bucket, and the first of its rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    /// The lower half: a digest has three bytes of it.
    sum: u32,
    head: u32,
}

/// No member yet.
pub(super) fn empty() -> Box<[Bucket; 1 << LOG_BUCKETS]> {
    Box::new([Bucket { sum: 0, head: NONE }; 1 << LOG_BUCKETS])
}

impl<P: Peer> Table<P> {
    /// The sums of 2^`log` buckets, three bytes each.
    pub(super) fn bucket_sums(&self, log: u8) -> impl Iterator<Item = [u8; 3]> + '_ {
        self.buckets.chunks(1 << (LOG_BUCKETS - log.min(LOG_BUCKETS))).map(|chunk| {
            let sum = chunk.iter().fold(0_u32, |sum, bucket| sum.wrapping_add(bucket.sum));
            let [_, a, b, c] = sum.to_be_bytes();
            [a, b, c]
        })
    }

    /// The live members whose position is in a range, ascending from `from` on, one bucket's worth at least and no
    /// more than about `most`; and the last position that the answer covers.
    pub(super) fn range(&self, first: u32, last: u32, most: usize) -> (SmallVec<[MemberIndex; 64]>, u32) {
        let mut found = SmallVec::new();
        let mut bucket = first >> (32 - LOG_BUCKETS);
        loop {
            let before = found.len();
            let mut at = self.buckets[bucket as usize].head;
            while at != NONE {
                let row = row_of(&self.rows, at);
                if row.status.is_live() && (first..=last).contains(&row.position) {
                    found.push(MemberIndex(at));
                }
                at = row.next_in_bucket;
            }
            found[before..].sort_unstable_by_key(|index| self.position(*index));
            let covered = (bucket << (32 - LOG_BUCKETS)) | (u32::MAX >> LOG_BUCKETS);
            if covered >= last {
                return (found, last);
            }
            if found.len() >= most {
                return (found, covered);
            }
            bucket += 1;
        }
    }

    /// Enters a row into its bucket's list; not into the sums.
    pub(super) fn link_bucket(&mut self, at: u32) {
        let bucket = self.bucket(at);
        let head = core::mem::replace(&mut self.buckets[bucket].head, at);
        self.row_mut(MemberIndex(at)).next_in_bucket = head;
        if head != NONE {
            self.row_mut(MemberIndex(head)).previous_in_bucket = at;
        }
    }

    pub(super) fn unlink_bucket(&mut self, at: u32) {
        let bucket = self.bucket(at);
        let row = self.row(MemberIndex(at));
        let (previous, next) = (row.previous_in_bucket, row.next_in_bucket);
        if previous == NONE {
            self.buckets[bucket].head = next;
        } else {
            self.row_mut(MemberIndex(previous)).next_in_bucket = next;
        }
        if next != NONE {
            self.row_mut(MemberIndex(next)).previous_in_bucket = previous;
        }
    }

    /// Adds a row to the sums.
    pub(super) fn add_to_sums(&mut self, at: u32) {
        let (bucket, amount) = (self.bucket(at), self.amount(at));
        self.buckets[bucket].sum = self.buckets[bucket].sum.wrapping_add(amount as u32);
        self.fingerprint = self.fingerprint.wrapping_add(amount);
    }

    /// Takes a row out of the sums.
    pub(super) fn take_from_sums(&mut self, at: u32) {
        let (bucket, amount) = (self.bucket(at), self.amount(at));
        self.buckets[bucket].sum = self.buckets[bucket].sum.wrapping_sub(amount as u32);
        self.fingerprint = self.fingerprint.wrapping_sub(amount);
    }

    fn bucket(&self, at: u32) -> usize {
        (self.row(MemberIndex(at)).position >> (32 - LOG_BUCKETS)) as usize
    }

    /// What the row adds to the sums: members that are not live add nothing, so that tables that forgot them at
    /// different times agree.
    fn amount(&self, at: u32) -> u64 {
        let row = self.row(MemberIndex(at));
        if row.status.is_live() { self.key.member(row.member, row.incarnation) } else { 0 }
    }
}
