//! The journal in a redb file: a B-tree that is copied on write, so that a crash leaves the old tree or the new one.
//!
//! Each batch is one transaction with one fsync. Before a file is used, a copy in memory is checked down to the last page
//! and read: what is damaged is refused, and nobody has touched it.

use std::fs;
use std::io::ErrorKind;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use redb::{Builder, Database, ReadableTable as _, TableDefinition};

use super::journal::{Batch, Journal};
use super::mark::{self, Mark};
use super::memory::Memory;
use super::{atomic, cannot};
use crate::exit::Failure;

const FILE: &str = "journal.redb";
const MARK: &str = "journal.mark";

/// By number, consecutive: the generation, 8 bytes, then the writes.
const BATCHES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("batches");

/// Pages in memory, in bytes: enough for the path to the newest batch.
const CACHE: usize = 1 << 20;
/// Covered batches are removed together with a new one when there are so many, or so many bytes since the last time:
/// rarely enough that few commits are longer for it.
const REMOVE_COUNT: u64 = 256;
const REMOVE_BYTES: usize = 1 << 20;

/// What the file held when it was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The number of the first batch; 0: there is none.
    pub(super) first: u64,
    pub(super) batches: Vec<Batch>,
}

impl Found {
    fn last(&self) -> u64 {
        self.first + (self.batches.len() as u64).saturating_sub(1)
    }
}

#[derive(Debug)]
pub(super) struct RedbJournal {
    file: PathBuf,
    /// None after an error: redb then wants to be opened again.
    db: Option<Database>,
    mark: Mark,
    first: u64,
    last: u64,
    /// Since batches were removed.
    bytes: usize,
}

impl RedbJournal {
    /// Opens the journal of a folder, or makes one, and reads it.
    pub(super) fn open(folder: &Path) -> Result<(Self, Found), Failure> {
        let (file, mark_file) = (folder.join(FILE), folder.join(MARK));
        let marked = match read(&mark_file)? {
            None => None,
            Some(bytes) => Some(mark::decode(&bytes).ok_or_else(|| damaged(&mark_file, "it holds no number"))?),
        };
        let found = match read(&file)? {
            Some(bytes) => check(bytes).map_err(|reason| damaged(&file, &reason))?,
            None if marked.is_some() => return Err(missing(&file, &mark_file)),
            None => create(folder).map(|()| Found::default())?,
        };
        let last = found.last();
        if let Some(marked) = marked.filter(|marked| *marked > last) {
            return Err(damaged(&file, &format!("it ends with batch {last}, but batch {marked} was written")));
        }
        let mark = Mark::open(folder, MARK, last).map_err(|error| cannot("open", &mark_file, &error))?;
        let db = builder().open(&file).map_err(|error| damaged(&file, &error.to_string()))?;
        let bytes = found.batches.iter().map(|batch| batch.writes.len()).sum();
        Ok((Self { file, db: Some(db), mark, first: found.first, last, bytes }, found))
    }

    fn try_append(&mut self, batches: &[Batch], covered: u64) -> Result<u64, Refused> {
        if self.db.is_none() {
            self.reopen()?;
        }
        let Some(db) = &self.db else { return Ok(self.last) };
        let (mut last, mut bytes, mut first) = (self.last, self.bytes, self.first);
        let transaction = db.begin_write()?;
        {
            let mut table = transaction.open_table(BATCHES)?;
            for batch in batches {
                last += 1;
                let mut value = Vec::with_capacity(8 + batch.writes.len());
                value.extend_from_slice(&batch.generation.to_be_bytes());
                value.extend_from_slice(&batch.writes);
                table.insert(last, value.as_slice())?;
                bytes += value.len();
            }
            first = first.max(1);
            let enough = bytes >= REMOVE_BYTES || covered.saturating_sub(first) >= REMOVE_COUNT;
            // The newest batch stays, for its number.
            if enough && covered >= first && covered < last {
                table.retain_in(..=covered, |_, _| false)?;
                (first, bytes) = (covered + 1, 0);
            }
        }
        transaction.commit()?;
        (self.first, self.last, self.bytes) = (first, last, bytes);
        self.mark.set(last)?;
        Ok(last)
    }

    /// The last transaction may have reached the disk or not.
    fn reopen(&mut self) -> Result<(), Refused> {
        let db = builder().open(&self.file)?;
        let transaction = db.begin_read()?;
        let table = transaction.open_table(BATCHES)?;
        self.first = table.first()?.map_or(0, |(number, _)| number.value());
        self.last = table.last()?.map_or(0, |(number, _)| number.value());
        drop((table, transaction));
        self.db = Some(db);
        Ok(())
    }
}

impl Journal for RedbJournal {
    fn append(&mut self, batches: &[Batch], covered: u64) -> Result<u64, Failure> {
        // A failed assertion in redb must cost this write, not the agent.
        let appended = panic::catch_unwind(AssertUnwindSafe(|| self.try_append(batches, covered)));
        let error = match appended {
            Ok(Ok(last)) => return Ok(last),
            Ok(Err(refused)) => refused.into_io(),
            Err(_) => std::io::Error::other("an internal check failed"),
        };
        self.db = None;
        Err(cannot("write", &self.file, &error))
    }
}

/// What redb says, in a box: its errors are large.
#[derive(Debug)]
struct Refused(Box<redb::Error>);

impl<E: Into<redb::Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()))
    }
}

impl Refused {
    fn into_io(self) -> std::io::Error {
        match *self.0 {
            redb::Error::Io(error) => error,
            error => std::io::Error::other(error),
        }
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    // The newer of the two formats of redb 2 is the one that redb 3 and 4 read.
    builder.set_cache_size(CACHE).create_with_file_format_v3(true);
    builder
}

fn read(file: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot("read", file, &error)),
    }
}

/// Makes an empty journal under another name first: half a file must not look like a damaged one.
fn create(folder: &Path) -> Result<(), Failure> {
    let temporary = folder.join(format!("{FILE}.new"));
    let make = || -> Result<(), Refused> {
        // What a crash left of an earlier attempt.
        if temporary.exists() {
            fs::remove_file(&temporary)?;
        }
        let db = builder().create(&temporary)?;
        let transaction = db.begin_write()?;
        transaction.open_table(BATCHES)?;
        transaction.commit()?;
        drop(db);
        atomic::rename(folder, &temporary, FILE)?;
        Ok(())
    };
    make().map_err(|refused| cannot("write", &temporary, &refused.into_io()))
}

/// Reads all batches from a copy of the file; nothing of the file may be damaged.
fn check(bytes: Vec<u8>) -> Result<Found, String> {
    if bytes.is_empty() {
        return Err("it is empty".into());
    }
    quietly(|| {
        let mut db = builder().create_with_backend(Memory::new(bytes))?;
        if !db.check_integrity()? {
            return Err(redb::Error::Corrupted("its checksums do not fit".into()).into());
        }
        let transaction = db.begin_read()?;
        let table = transaction.open_table(BATCHES)?;
        let mut found = Found::default();
        for entry in table.iter()? {
            let (number, value) = entry?;
            let number = number.value();
            let follows = found.batches.is_empty() || number == found.last() + 1;
            let Some((generation, writes)) = value.value().split_first_chunk::<8>().filter(|_| follows) else {
                let reason = format!("batch {number} is cut short or out of turn");
                return Err(redb::Error::Corrupted(reason).into());
            };
            if found.batches.is_empty() {
                found.first = number;
            }
            let generation = u64::from_be_bytes(*generation);
            found.batches.push(Batch { generation, writes: writes.to_vec() });
        }
        Ok(found)
    })
}

/// Runs what may fail an assertion inside redb, which trusts what it reads of its own headers, without a word on standard
/// error.
fn quietly<T>(f: impl FnOnce() -> Result<T, Refused>) -> Result<T, String> {
    // The hook belongs to the whole process.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    panic::set_hook(hook);
    drop(guard);
    match result {
        Ok(result) => result.map_err(|Refused(error)| error.to_string()),
        Err(_) => Err("its headers contradict each other".into()),
    }
}

/// What to say of batches that the node refuses.
pub(super) fn refused(folder: &Path, reason: &str) -> Failure {
    damaged(&folder.join(FILE), reason)
}

fn damaged(file: &Path, reason: &str) -> Failure {
    Failure::failed(format!("{} is damaged: {reason}", file.display())).hint(HINT)
}

fn missing(file: &Path, mark: &Path) -> Failure {
    Failure::failed(format!("{} is missing, but {} is there", file.display(), mark.display())).hint(HINT)
}

const HINT: &str = "restore the whole folder from a backup; or move journal.redb and journal.mark away: the agent then \
                    starts without its writes since the last state.bin, and learns from the members it joins those that \
                    they have";

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(number: u64) -> Batch {
        Batch { generation: number / 3, writes: number.to_string().repeat(20).into_bytes() }
    }

    /// A folder whose journal holds these batches, closed in order.
    fn folder_with(batches: u64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = RedbJournal::open(folder.path()).unwrap();
        for number in 1..=batches {
            assert_eq!(journal.append(&[batch(number)], 0), Ok(number));
        }
        folder
    }

    #[test]
    fn batches_come_back_in_order_life_after_life() {
        let folder = folder_with(3);
        let (mut journal, found) = RedbJournal::open(folder.path()).unwrap();
        assert_eq!(found, Found { first: 1, batches: (1..=3).map(batch).collect() });
        assert_eq!(journal.append(&[batch(4), batch(5)], 0), Ok(5));
        drop(journal);
        assert_eq!(RedbJournal::open(folder.path()).unwrap().1.batches, (1..=5).map(batch).collect::<Vec<_>>());
    }

    #[test]
    fn covered_batches_are_removed_in_lots_and_the_newest_stays() {
        let folder = folder_with(1);
        let (mut journal, _) = RedbJournal::open(folder.path()).unwrap();
        for number in 2..=REMOVE_COUNT + 1 {
            journal.append(&[batch(number)], number - 1).unwrap();
        }
        assert_eq!(journal.first, 1);
        journal.append(&[batch(0)], REMOVE_COUNT + 1).unwrap();
        drop(journal);
        let (_, found) = RedbJournal::open(folder.path()).unwrap();
        assert_eq!(found, Found { first: REMOVE_COUNT + 2, batches: vec![batch(0)] });
    }

    #[test]
    fn a_file_that_was_never_closed_is_opened_as_it_is() {
        let folder = folder_with(5);
        let (mut journal, _) = RedbJournal::open(folder.path()).unwrap();
        journal.append(&[batch(6)], 0).unwrap();
        // As a kill leaves it: copied while it is open.
        let copy = tempfile::tempdir().unwrap();
        for name in [FILE, MARK] {
            fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
        }
        assert_eq!(RedbJournal::open(copy.path()).unwrap().1.batches, (1..=6).map(batch).collect::<Vec<_>>());
    }

    /// Opens a journal whose file was changed: all batches are there, or it is refused by name and nobody touched it.
    fn all_or_refused(folder: &Path, batches: u64, what: &str) -> bool {
        let file = folder.join(FILE);
        let bytes = fs::read(&file).unwrap();
        match RedbJournal::open(folder) {
            Ok((_, found)) => {
                assert_eq!(found.batches, (1..=batches).map(batch).collect::<Vec<_>>(), "lost something: {what}");
                true
            }
            Err(failure) => {
                assert!(failure.message.contains(&file.display().to_string()), "{what}: {}", failure.message);
                assert!(failure.message.contains("damaged") && failure.hint.is_some(), "{what}: {}", failure.message);
                assert!(fs::read(&file).unwrap() == bytes, "the evidence was changed: {what}");
                false
            }
        }
    }

    #[test]
    fn damage_anywhere_is_refused_or_harmless_and_never_loses_a_batch() {
        let folder = folder_with(30);
        let killed = tempfile::tempdir().unwrap();
        let (journal, _) = RedbJournal::open(folder.path()).unwrap();
        fs::copy(folder.path().join(FILE), killed.path().join(FILE)).unwrap();
        fs::copy(folder.path().join(MARK), killed.path().join(MARK)).unwrap();
        drop(journal);
        for (folder, step) in [(folder.path(), 1), (killed.path(), 7)] {
            let file = folder.join(FILE);
            let good = fs::read(&file).unwrap();
            // Every byte of the headers, and some of each page that is in use.
            let pages = (0..good.len()).step_by(4096).filter(|at| good[*at..*at + 4096].iter().any(|byte| *byte != 0));
            let within = pages.step_by(step).flat_map(|at| [at, at + 5, at + 40, at + 700]);
            let mut refused = 0;
            for at in (0..320).step_by(step).chain(within) {
                let mut bad = good.clone();
                bad[at] ^= 0x10;
                // What is found complete in memory need not be opened: that takes several trips to the disk.
                if check(bad.clone()).is_ok_and(|found| found.batches.iter().cloned().eq((1..=30).map(batch))) {
                    continue;
                }
                fs::write(&file, &bad).unwrap();
                refused += u32::from(!all_or_refused(folder, 30, &format!("byte {at} flipped")));
            }
            assert!(refused > 5, "{refused}");
            for len in [0, 1, 8, 100, 4096, good.len() / 2, good.len() - 1] {
                fs::write(&file, &good[..len]).unwrap();
                assert!(!all_or_refused(folder, 30, &format!("cut at {len}")) || len == good.len() - 1);
            }
            fs::write(&file, b"garbage").unwrap();
            assert!(!all_or_refused(folder, 30, "garbage"));
            fs::write(&file, &good).unwrap();
            assert!(all_or_refused(folder, 30, "nothing"));
        }
    }

    #[test]
    fn a_journal_older_than_its_mark_is_refused() {
        let folder = folder_with(3);
        let old = fs::read(folder.path().join(FILE)).unwrap();
        let (mut journal, _) = RedbJournal::open(folder.path()).unwrap();
        journal.append(&[batch(4)], 0).unwrap();
        drop(journal);
        fs::write(folder.path().join(FILE), old).unwrap();
        let failure = RedbJournal::open(folder.path()).unwrap_err();
        assert!(failure.message.contains("ends with batch 3, but batch 4 was written"), "{}", failure.message);
    }

    #[test]
    fn a_journal_that_is_gone_is_missed_by_its_mark() {
        let folder = folder_with(1);
        fs::remove_file(folder.path().join(FILE)).unwrap();
        assert!(RedbJournal::open(folder.path()).unwrap_err().message.contains("journal.redb is missing"));
        fs::remove_file(folder.path().join(MARK)).unwrap();
        assert_eq!(RedbJournal::open(folder.path()).unwrap().1, Found::default());
    }

    #[test]
    fn a_damaged_mark_is_refused_by_file() {
        let folder = folder_with(1);
        fs::write(folder.path().join(MARK), b"x").unwrap();
        let failure = RedbJournal::open(folder.path()).unwrap_err();
        assert!(failure.message.contains("journal.mark is damaged"), "{}", failure.message);
    }

    #[test]
    fn what_a_crash_left_while_the_journal_was_made_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("journal.redb.new"), b"half").unwrap();
        assert_eq!(RedbJournal::open(folder.path()).unwrap().1, Found::default());
        assert!(!folder.path().join("journal.redb.new").exists());
    }

    #[test]
    fn a_journal_opens_its_file_again_after_an_error() {
        let folder = folder_with(2);
        let (mut journal, _) = RedbJournal::open(folder.path()).unwrap();
        journal.db = None;
        let (file, away) = (folder.path().join(FILE), folder.path().join("away"));
        fs::rename(&file, &away).unwrap();
        let failure = journal.append(&[batch(3)], 0).unwrap_err();
        assert!(failure.message.contains(&file.display().to_string()), "{}", failure.message);
        fs::rename(&away, &file).unwrap();
        assert_eq!(journal.append(&[batch(3)], 0), Ok(3));
        drop(journal);
        assert_eq!(RedbJournal::open(folder.path()).unwrap().1.batches, (1..=3).map(batch).collect::<Vec<_>>());
    }
}
