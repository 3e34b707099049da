//! A copy of a file in memory, for redb to work on: what it repairs or breaks there leaves the file alone.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

#[derive(Debug)]
pub(super) struct Memory(Mutex<Vec<u8>>);

impl Memory {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(Mutex::new(bytes))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for Memory {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len() as u64)
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.lock().get(range(offset, len)?).map(<[u8]>::to_vec).ok_or(ErrorKind::UnexpectedEof.into())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| ErrorKind::OutOfMemory)?;
        self.lock().resize(len, 0);
        Ok(())
    }

    fn sync_data(&self, _eventual: bool) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut bytes = self.lock();
        let to = bytes.get_mut(range(offset, data.len())?).ok_or(ErrorKind::UnexpectedEof)?;
        to.copy_from_slice(data);
        Ok(())
    }
}

fn range(offset: u64, len: usize) -> io::Result<Range<usize>> {
    let from = usize::try_from(offset).map_err(|_| ErrorKind::UnexpectedEof)?;
    Ok(from..from.checked_add(len).ok_or(ErrorKind::UnexpectedEof)?)
}
