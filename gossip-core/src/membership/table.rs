//! The member table: rows found by id, by address and by short name in constant time, and live and down members to draw
//! from.

use alloc::boxed::Box;
use alloc::vec::Vec;

use gossip_collections::{HashTable, SmallVec};

use super::buckets::{self, Bucket, LOG_BUCKETS};
use super::notes::Notes;
use super::row::{NONE, Row};
use super::suspicion::Loss;
use super::{Claim, Record, Status};
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;
use crate::random::{MapHasher, Rng};
use crate::time::Instant;
use crate::wire::ClusterKey;

/// The place of a member's row. It is given to another member once this one is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MemberIndex(pub(super) u32);

/// This node's own row.
pub(crate) const ME: MemberIndex = MemberIndex(0);

/// So many of the last changes are remembered.
const RECENT: usize = 10;

/// Who is known. Only membership changes it.
#[derive(Debug)]
pub(crate) struct Table<P> {
    pub(super) key: ClusterKey,
    hasher: MapHasher,
    pub(super) rows: Vec<Option<Row<P>>>,
    /// Of each row, at the same place.
    notes: Vec<Notes>,
    free: Vec<u32>,
    by_id: HashTable<u32>,
    /// Live members only: an address may have belonged to others before.
    by_addr: HashTable<u32>,
    by_short: HashTable<u32>,
    live: Vec<u32>,
    down: Vec<u32>,
    pub(super) buckets: Box<[Bucket; 1 << LOG_BUCKETS]>,
    pub(super) fingerprint: u64,
    revision: u64,
    /// What membership's pings tell of the network.
    pub(crate) loss: Loss,
    /// No member is heavier; 0: all weigh the same.
    pub(super) heaviest: u16,
    /// The rows that changed last, in a ring.
    recent: [u32; RECENT],
    recent_at: usize,
}

impl<P: Peer> Table<P> {
    /// A table that holds this node alone.
    pub(crate) fn new(key: ClusterKey, rng: &mut Rng, me: Identity, addr: P) -> Self {
        let mut table = Self {
            key,
            hasher: MapHasher::new(rng),
            rows: Vec::new(),
            notes: Vec::new(),
            free: Vec::new(),
            by_id: HashTable::new(),
            by_addr: HashTable::new(),
            by_short: HashTable::new(),
            live: Vec::new(),
            down: Vec::new(),
            buckets: buckets::empty(),
            fingerprint: 0,
            revision: 0,
            loss: Loss::default(),
            heaviest: 0,
            recent: [NONE; RECENT],
            recent_at: 0,
        };
        table.insert(&Record { member: me, incarnation: 0, claim: Claim::Alive, addr, profile: 0 }, Status::Alive);
        table
    }

    /// Makes room for so many more live members, and no more than that.
    pub(super) fn reserve(&mut self, members: usize) {
        self.rows.reserve_exact(members);
        self.notes.reserve_exact(members);
        self.live.reserve_exact(members);
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.by_id.reserve(members, |at| hasher.hash_bytes(row_of(rows, *at).member.id.as_bytes()));
        self.by_short.reserve(members, |at| hasher.spread(row_of(rows, *at).short));
        self.by_addr.reserve(members, |at| hasher.hash(&row_of(rows, *at).addr));
    }

    /// Adds a member that is not in the table.
    pub(super) fn insert(&mut self, record: &Record<P>, status: Status) -> MemberIndex {
        let row = Row::new(record, status, self.key.short(record.member), self.key.position(record.member.id));
        let at = self.free.pop().unwrap_or_else(|| {
            push(&mut self.rows, None);
            push(&mut self.notes, Notes::new());
            (self.rows.len() - 1) as u32
        });
        self.rows[at as usize] = Some(row);
        self.notes[at as usize].expect_profile(record.profile);
        let (rows, hasher) = (&self.rows, &self.hasher);
        let hash = |at: &u32| hasher.hash_bytes(row_of(rows, *at).member.id.as_bytes());
        self.by_id.insert_unique(hash(&at), at, hash);
        self.link_bucket(at);
        self.link(at);
        self.note_recent(at);
        MemberIndex(at)
    }

    /// Changes what a member's fellow members compare and look it up by.
    pub(super) fn update(&mut self, index: MemberIndex, record: &Record<P>, status: Status) {
        self.unlink(index.0);
        if self.row(index).member.generation != record.member.generation {
            if index == ME {
                // Nobody knows this node under its new name yet.
                self.rows.iter_mut().flatten().for_each(|row| row.knows_me = false);
            } else {
                self.row_mut(index).knows_me = false;
                self.notes_mut(index).drop_profile();
            }
        }
        let known = self.row(index);
        let short = if known.member == record.member { known.short } else { self.key.short(record.member) };
        let row = self.row_mut(index);
        row.short = short;
        row.member = record.member;
        row.incarnation = record.incarnation;
        row.status = status;
        row.addr = record.addr.clone();
        let notes = self.notes_mut(index);
        notes.expect_profile(record.profile);
        if status.is_live() {
            notes.clear_verdict();
        }
        self.link(index.0);
        self.note_recent(index.0);
    }

    fn note_recent(&mut self, at: u32) {
        self.recent[self.recent_at] = at;
        self.recent_at = (self.recent_at + 1) % RECENT;
    }

    /// A live member does not answer, or does again: nothing that others compare.
    pub(super) fn set_doubt(&mut self, index: MemberIndex, doubt: bool) {
        let row = self.row_mut(index);
        if row.status.is_live() {
            row.status = if doubt { Status::Suspect } else { Status::Alive };
            self.revision += 1;
        }
    }

    /// Forgets a member.
    pub(super) fn remove(&mut self, index: MemberIndex) {
        self.unlink(index.0);
        self.unlink_bucket(index.0);
        let hash = self.hasher.hash_bytes(self.row(index).member.id.as_bytes());
        if let Ok(entry) = self.by_id.find_entry(hash, |at| *at == index.0) {
            entry.remove();
        }
        self.rows[index.0 as usize] = None;
        self.notes[index.0 as usize] = Notes::new();
        self.free.push(index.0);
    }

    /// A member has left, for tests of those who only read the table.
    #[cfg(all(test, feature = "broadcast"))]
    pub(crate) fn bury(&mut self, id: NodeId) {
        if let Some(index) = self.find(id) {
            let record = self.record(index);
            self.update(index, &record, Status::Left);
        }
    }

    /// For what others do not compare.
    pub(super) fn row_mut(&mut self, index: MemberIndex) -> &mut Row<P> {
        self.rows[index.0 as usize].as_mut().expect("an index in use belongs to a row")
    }

    pub(super) fn notes_mut(&mut self, index: MemberIndex) -> &mut Notes {
        &mut self.notes[index.0 as usize]
    }

    /// Counts a change that no sum covers.
    pub(super) fn touch(&mut self) {
        self.revision += 1;
    }

    pub(crate) fn row(&self, index: MemberIndex) -> &Row<P> {
        row_of(&self.rows, index.0)
    }

    /// The row, if the index is still in use.
    pub(super) fn get(&self, index: MemberIndex) -> Option<&Row<P>> {
        self.rows.get(index.0 as usize)?.as_ref()
    }

    /// What is noted of a member; of an index that is not in use any more, nothing.
    pub(super) fn notes(&self, index: MemberIndex) -> &Notes {
        &self.notes[index.0 as usize]
    }

    /// The row as a record. That this node suspects the member is its own affair.
    pub(crate) fn record(&self, index: MemberIndex) -> Record<P> {
        let (row, notes) = (self.row(index), self.notes(index));
        let claim = match row.status {
            Status::Alive | Status::Suspect => Claim::Alive,
            Status::Down => Claim::Down { by: notes.verdict().map_or(row.member.id, |verdict| verdict.by) },
            Status::Left => Claim::Left,
        };
        Record {
            member: row.member,
            incarnation: row.incarnation,
            claim,
            addr: row.addr.clone(),
            profile: notes.profile_version(),
        }
    }

    pub(crate) fn find(&self, id: NodeId) -> Option<MemberIndex> {
        let found =
            self.by_id.find(self.hasher.hash_bytes(id.as_bytes()), |at| row_of(&self.rows, *at).member.id == id);
        found.map(|at| MemberIndex(*at))
    }

    /// The live member at an address.
    pub(crate) fn find_addr(&self, addr: &P) -> Option<MemberIndex> {
        let found = self.by_addr.find(self.hasher.hash(addr), |at| row_of(&self.rows, *at).addr == *addr);
        found.map(|at| MemberIndex(*at))
    }

    /// Whether the row is still that of a live member at this address.
    pub(crate) fn is_live_at(&self, index: MemberIndex, addr: &P) -> bool {
        self.get(index).is_some_and(|row| row.status.is_live() && row.addr == *addr)
    }

    /// This node's short name, unless it has a new generation that the table does not know yet.
    pub(crate) fn own_short(&self, me: Identity) -> Option<u32> {
        let row = self.row(ME);
        (row.member == me).then_some(row.short)
    }

    /// The member of a short name. Where two share one, the one at this address.
    pub(crate) fn find_short(&self, short: u32, addr: &P) -> Option<MemberIndex> {
        let hash = self.hasher.spread(short);
        let named = |at: &u32| row_of(&self.rows, *at).short == short;
        let at_addr = |at: &u32| named(at) && row_of(&self.rows, *at).addr == *addr;
        let found = self.by_short.find(hash, at_addr).or_else(|| self.by_short.find(hash, named));
        found.map(|at| MemberIndex(*at))
    }

    /// The member of a short name, unless two share it.
    #[cfg(feature = "broadcast")]
    pub(crate) fn find_only_short(&self, short: u32) -> Option<MemberIndex> {
        let hash = self.hasher.spread(short);
        let mut named = self.by_short.iter_hash(hash).filter(|at| row_of(&self.rows, **at).short == short);
        named.next().filter(|_| named.next().is_none()).map(|at| MemberIndex(*at))
    }

    /// The live member of a short name, unless two share it.
    #[cfg(feature = "broadcast")]
    pub(crate) fn find_live_short(&self, short: u32) -> Option<MemberIndex> {
        self.find_only_short(short).filter(|index| self.row(*index).status.is_live())
    }

    /// Another protocol has asked this member under this node's full name, and was answered: it knows the name.
    #[cfg(feature = "broadcast")]
    pub(crate) fn has_answered(&mut self, index: MemberIndex) {
        self.row_mut(index).knows_me = true;
    }

    /// Whether the row is still that of this life of this member.
    #[cfg(feature = "broadcast")]
    pub(crate) fn is_member(&self, index: MemberIndex, member: Identity) -> bool {
        self.get(index).is_some_and(|row| row.status.is_live() && row.member == member)
    }

    /// All rows, this node's first.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row<P>> {
        self.rows.iter().flatten()
    }

    /// The members of [`Self::rows`].
    pub(super) fn indices(&self) -> impl Iterator<Item = MemberIndex> + use<'_, P> {
        (0..self.rows.len() as u32).map(MemberIndex).filter(|index| self.get(*index).is_some())
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len() - self.free.len()
    }

    /// The most members that it ever held: places are used again before there are more of them.
    pub(super) fn peak(&self) -> usize {
        self.rows.len()
    }

    /// Members that are down.
    pub(super) fn down(&self) -> &[u32] {
        &self.down
    }

    /// Live members, this node included.
    pub(crate) fn live(&self) -> &[u32] {
        &self.live
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn fingerprint(&self) -> u32 {
        self.fingerprint as u32
    }

    /// The live members that changed last, each once, the newest first.
    pub(super) fn newest(&self) -> SmallVec<[MemberIndex; 4]> {
        let mut newest = SmallVec::new();
        for back in 1..=RECENT {
            let index = MemberIndex(self.recent[(self.recent_at + RECENT - back) % RECENT]);
            if !newest.contains(&index) && self.get(index).is_some_and(|row| row.status.is_live()) {
                newest.push(index);
            }
        }
        newest
    }

    pub(super) fn position(&self, index: MemberIndex) -> u32 {
        self.row(index).position
    }

    /// How many members that are down were held down at that time or after it.
    pub(super) fn fallen_since(&self, since: Instant) -> usize {
        let fell = |at: &&u32| self.notes(MemberIndex(**at)).verdict().is_some_and(|verdict| verdict.at >= since);
        self.down.iter().filter(fell).count()
    }

    /// Enters a row into the sums, the indices and the list to draw from.
    fn link(&mut self, at: u32) {
        self.revision += 1;
        self.add_to_sums(at);
        let (rows, hasher) = (&self.rows, &self.hasher);
        let row = row_of(rows, at);
        let hash = |at: &u32| hasher.spread(row_of(rows, *at).short);
        self.by_short.insert_unique(hash(&at), at, hash);
        let list = match row.status {
            Status::Alive | Status::Suspect => {
                self.by_addr.insert_unique(hasher.hash(&row.addr), at, |at| hasher.hash(&row_of(rows, *at).addr));
                &mut self.live
            }
            Status::Down => &mut self.down,
            Status::Left => return,
        };
        let place = list.len() as u32;
        push(list, at);
        self.notes_mut(MemberIndex(at)).drawn_at = place;
    }

    /// Takes a row out of all that [`Self::link`] entered it into.
    fn unlink(&mut self, at: u32) {
        self.take_from_sums(at);
        let row = row_of(&self.rows, at);
        let hash = self.hasher.spread(row.short);
        if let Ok(entry) = self.by_short.find_entry(hash, |other| *other == at) {
            entry.remove();
        }
        let list = match row.status {
            Status::Alive | Status::Suspect => {
                if let Ok(entry) = self.by_addr.find_entry(self.hasher.hash(&row.addr), |other| *other == at) {
                    entry.remove();
                }
                &mut self.live
            }
            Status::Down => &mut self.down,
            Status::Left => return,
        };
        let place = self.notes[at as usize].drawn_at as usize;
        list.swap_remove(place);
        if let Some(moved) = list.get(place).copied() {
            self.notes_mut(MemberIndex(moved)).drawn_at = place as u32;
        }
    }
}

#[cfg_attr(not(feature = "fast"), inline(never))]
pub(super) fn row_of<P>(rows: &[Option<Row<P>>], at: u32) -> &Row<P> {
    rows[at as usize].as_ref().expect("an index in use belongs to a row")
}

/// Adds to a list that may be as long as the table. It grows by an eighth: doubled, half of it might never be used.
pub(super) fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 8 + 16);
    }
    list.push(item);
}
