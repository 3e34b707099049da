//! The folder in which a member outlives its process: who it is, which life this is, its keys and its member list.
//!
//! ```text
//! lock           held by the running agent; its process id
//! identity.json  name, id and the generation of the newest life, written before that life begins
//! state.bin      the node's snapshot: the map, own keys included, and the member list; checksummed
//! journal.redb   the local writes since the last snapshot at least, each on disk before it was answered
//! journal.mark   how far the journal had come
//! ```
//! Files but the last two are replaced as a whole (temporary file, fsync, rename), so a crash leaves the old one or the
//! new one.

mod atomic;
mod identity;
mod journal;
mod mark;
mod memory;
mod redb_journal;

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use gossip_core::{Identity, NodeId};
use rustix::fs::{FlockOperation, flock, statvfs};

pub(crate) use journal::{Batch, Journal};

use crate::exit::Failure;
use identity::Record;
use redb_journal::RedbJournal;

const LOCK: &str = "lock";
const IDENTITY: &str = "identity.json";
const STATE: &str = "state.bin";

/// Writes are refused when the disk has less room than this, in bytes: before it is really full, so that what is refused
/// is refused as a whole.
const RESERVE: u64 = 1 << 20;

/// An open data folder; no other agent can open it as long as this lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    folder: PathBuf,
    /// The one in the identity file.
    generation: AtomicU64,
    _lock: File,
}

/// What the folder holds for the life that begins now.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) name: String,
    pub(crate) identity: Identity,
    /// The newest snapshot, if there is one.
    pub(crate) state: Option<Vec<u8>>,
    /// Whether there was a snapshot once, and it is gone.
    pub(crate) state_missing: bool,
    /// What was written after it, in this order.
    pub(crate) batches: Vec<Batch>,
    /// Where this life's writes go.
    pub(crate) journal: Box<dyn Journal>,
}

impl DataDir {
    /// Opens the folder, which is made if it does not exist, and begins a new life in it: its generation is higher than
    /// all before and on disk when this returns. `name` is what the user said; a new folder without one takes
    /// `otherwise`.
    pub(crate) fn open(
        folder: &Path,
        name: Option<&str>,
        otherwise: impl FnOnce() -> String,
        now_ms: u64,
    ) -> Result<(Self, Start), Failure> {
        fs::create_dir_all(folder).map_err(|error| cannot("make the data folder", folder, &error))?;
        let dir = Self { _lock: lock(folder)?, folder: folder.to_path_buf(), generation: AtomicU64::new(0) };
        let (identity, state) = (dir.read(IDENTITY)?, dir.read(STATE)?);
        if identity.is_none() && state.is_some() {
            return Err(dir.identity_missing());
        }
        let last = identity.map(|bytes| dir.last_life(&bytes, name)).transpose()?;
        let (journal, found) = RedbJournal::open(folder)?;
        let record = match last {
            Some(last) => dir.next_life(last, found.batches.iter().map(|batch| batch.generation).max(), now_ms)?,
            None if !found.batches.is_empty() => return Err(dir.identity_missing()),
            None => Record { name: name.map_or_else(otherwise, ToString::to_string), generation: now_ms.max(1) },
        };
        dir.write(IDENTITY, &record.encode())?;
        dir.generation.store(record.generation, Ordering::Relaxed);
        // The journal forgets its first batches when a snapshot holds them.
        let state_missing = state.is_none() && found.first > 1;
        let identity = Identity::new(NodeId::from_name(&record.name), record.generation);
        let (name, batches) = (record.name, found.batches);
        Ok((dir, Start { name, identity, state, state_missing, batches, journal: Box::new(journal) }))
    }

    /// Replaces the snapshot, and the generation if it has grown while the node ran.
    pub(crate) fn save(&self, name: &str, generation: u64, state: &[u8]) -> Result<(), Failure> {
        if self.generation.load(Ordering::Relaxed) != generation {
            self.write(IDENTITY, &Record { name: name.to_string(), generation }.encode())?;
            self.generation.store(generation, Ordering::Relaxed);
        }
        self.write(STATE, state)
    }

    /// Whether there is room for writes.
    pub(crate) fn check_room(&self) -> Result<(), Failure> {
        // A file system that does not say how large it is, or does not answer, shows at the write itself.
        let Ok(disk) = statvfs(&self.folder) else { return Ok(()) };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if disk.f_blocks == 0 || free >= RESERVE {
            return Ok(());
        }
        let (folder, free) = (self.folder.display(), free / 1024);
        Err(Failure::failed(format!(
            "the disk of {folder} is full: {free} KiB are free, and {} are kept",
            RESERVE / 1024
        )))
    }

    /// The size of its files.
    pub(crate) fn bytes(&self) -> u64 {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }

    /// What to say if the node refuses what the journal holds.
    pub(crate) fn damaged_journal(&self, reason: impl std::fmt::Display) -> Failure {
        redb_journal::refused(&self.folder, &reason.to_string())
    }

    /// What to say if the node refuses the snapshot.
    pub(crate) fn damaged_state(&self, reason: impl std::fmt::Display) -> Failure {
        let file = self.folder.join(STATE);
        Failure::failed(format!("{} is damaged: {reason}", file.display())).hint(
            "restore it from a backup; or move it away: the agent then starts without its own keys and learns the rest \
             from the members it joins",
        )
    }

    fn last_life(&self, bytes: &[u8], name: Option<&str>) -> Result<Record, Failure> {
        let file = self.folder.join(IDENTITY);
        let last = Record::decode(bytes).map_err(|reason| {
            Failure::failed(format!("{} is damaged: {reason}", file.display())).hint(
                "restore it from a backup; or move the whole folder away: the agent then starts as a new member, without \
                 the keys that were its own",
            )
        })?;
        if let Some(name) = name.filter(|name| *name != last.name) {
            let folder = self.folder.display();
            return Err(Failure::input(format!(
                "the data folder {folder} belongs to `{}`, not to `{name}`",
                last.name
            ))
            .hint("leave --name out, or give each member a folder of its own"));
        }
        Ok(last)
    }

    /// The generation may have grown while the last life ran, and its writes say so before the identity file does.
    fn next_life(&self, last: Record, written: Option<u64>, now_ms: u64) -> Result<Record, Failure> {
        let newest = last.generation.max(written.unwrap_or(0));
        // Also above the clock: should the folder be lost one day, a fresh start by the clock alone is still newer.
        let generation = newest.checked_add(1).map(|next| next.max(now_ms)).ok_or_else(|| {
            let file = self.folder.join(IDENTITY);
            Failure::failed(format!("{} is damaged: its generation cannot grow any more", file.display()))
                .hint("move the whole folder away: the agent then starts as a new member")
        })?;
        Ok(Record { generation, ..last })
    }

    fn identity_missing(&self) -> Failure {
        let identity = self.folder.join(IDENTITY);
        Failure::failed(format!("{} is missing, but what such a member wrote is there", identity.display()))
            .hint("restore it from a backup; or move the whole folder away: the agent then starts as a new member")
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let file = self.folder.join(name);
        match fs::read(&file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(cannot("read", &file, &error)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        atomic::write(&self.folder, name, bytes).map_err(|error| cannot("write", &self.folder.join(name), &error))
    }
}

fn lock(folder: &Path) -> Result<File, Failure> {
    let path = folder.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| cannot("open", &path, &error))?;
    if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(cannot("lock", &path, &error.into()));
        }
        let mut holder = String::new();
        // The holder's number is a courtesy; without it the message still says enough.
        let _ = file.read_to_string(&mut holder);
        let holder = holder.trim();
        let process = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
        return Err(Failure::failed(format!("another agent{process} uses the data folder {}", folder.display()))
            .hint("stop it, or give each agent a folder of its own with --data-dir"));
    }
    let id = std::process::id().to_string();
    file.set_len(0).and_then(|()| file.write_all(id.as_bytes())).map_err(|error| cannot("write", &path, &error))?;
    Ok(file)
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot {what} {}: {error}", path.display()))
        .hint("the data folder must be a folder that the agent may write to")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path, name: Option<&str>) -> Result<(DataDir, Start), Failure> {
        DataDir::open(folder, name, || "generated".into(), 1000)
    }

    #[test]
    fn each_life_has_a_higher_generation_even_if_the_clock_stands_or_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut last = 0;
        for now_ms in [1000, 1000, 5, 7000] {
            let (_dir, start) = DataDir::open(folder.path(), Some("a"), String::new, now_ms).unwrap();
            assert!(start.identity.generation > last, "{} after {last}", start.identity.generation);
            last = start.identity.generation;
        }
        assert_eq!(last, 7000);
    }

    #[test]
    fn a_generation_that_grew_while_the_node_ran_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, _) = open(folder.path(), Some("a")).unwrap();
        dir.save("a", 9000, b"state").unwrap();
        drop(dir);
        let (_dir, start) = open(folder.path(), None).unwrap();
        assert_eq!((start.identity.generation, start.state.as_deref()), (9001, Some(&b"state"[..])));
    }

    #[test]
    fn a_generation_that_only_the_journal_knows_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (_dir, mut start) = open(folder.path(), Some("a")).unwrap();
        start.journal.append(&[Batch { generation: 9000, writes: vec![] }], 0).unwrap();
        drop((_dir, start));
        assert_eq!(open(folder.path(), None).unwrap().1.identity.generation, 9001);
    }

    #[test]
    fn a_journal_without_an_identity_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (_dir, mut start) = open(folder.path(), Some("a")).unwrap();
        start.journal.append(&[Batch { generation: 1, writes: vec![] }], 0).unwrap();
        drop((_dir, start));
        fs::remove_file(folder.path().join(IDENTITY)).unwrap();
        assert!(open(folder.path(), None).unwrap_err().message.contains("identity.json is missing"));
    }

    #[test]
    fn a_name_stays_and_a_different_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(open(folder.path(), None).unwrap().1.name, "generated");
        assert_eq!(DataDir::open(folder.path(), None, || "other".into(), 1000).unwrap().1.name, "generated");
        assert!(open(folder.path(), Some("b")).unwrap_err().message.contains("belongs to `generated`"));
    }

    #[test]
    fn a_second_agent_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path(), None).unwrap();
        let failure = open(folder.path(), None).unwrap_err();
        assert!(failure.message.contains(&format!("process {}", std::process::id())), "{}", failure.message);
        drop(first);
        assert!(open(folder.path(), None).is_ok());
    }

    #[test]
    fn a_damaged_identity_is_refused_by_file_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), Some("a")).unwrap());
        let file = folder.path().join(IDENTITY);
        let good = fs::read_to_string(&file).unwrap();
        for bad in ["", "{", &good[..good.len() / 2], &good.replace("1000", "1001"), &good.replace("\"a\"", "\"b\"")] {
            fs::write(&file, bad).unwrap();
            let failure = open(folder.path(), Some("a")).unwrap_err();
            assert!(failure.message.contains(&file.display().to_string()), "{}", failure.message);
            assert!(failure.hint.is_some());
            assert_eq!(fs::read_to_string(&file).unwrap(), bad);
        }
    }

    #[test]
    fn a_state_without_an_identity_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(STATE), b"x").unwrap();
        assert!(open(folder.path(), None).unwrap_err().message.contains("is missing"));
    }

    #[test]
    fn a_missing_state_is_noticed_once_the_journal_relied_on_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!open(folder.path(), None).unwrap().1.state_missing);
        let (_dir, mut start) = open(folder.path(), None).unwrap();
        assert!(!start.state_missing, "nothing was written");
        let large = Batch { generation: 1, writes: vec![0; 1 << 20] };
        let last = start.journal.append(&[large.clone(), large.clone()], 0).unwrap();
        start.journal.append(&[large], last).unwrap();
        drop((_dir, start));
        assert!(open(folder.path(), None).unwrap().1.state_missing);
    }

    #[test]
    fn a_folder_that_is_a_file_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(open(file.path(), None).unwrap_err().message.contains("cannot make the data folder"));
    }
}
