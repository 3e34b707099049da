//! How far the journal had come: written after each batch, without waiting for the disk, so it never says too much. A
//! journal that ends before its mark has lost something, which its own checks might take for the torn end that a crash
//! leaves behind.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::atomic;

/// The file, open: the number of the newest batch and the same number with every bit flipped.
#[derive(Debug)]
pub(super) struct Mark(File);

impl Mark {
    /// Opens the file, which is made if it does not exist, at what was read from it before.
    pub(super) fn open(folder: &Path, name: &str, number: u64) -> io::Result<Self> {
        let path = folder.join(name);
        if !path.exists() {
            atomic::write(folder, name, &encode(number))?;
        }
        OpenOptions::new().write(true).open(path).map(Self)
    }

    /// Moves it on. In the page cache it survives the process; a power failure may bring back an older one.
    pub(super) fn set(&self, number: u64) -> io::Result<()> {
        self.0.write_all_at(&encode(number), 0)
    }
}

/// The number in a file, if it is one.
pub(super) fn decode(bytes: &[u8]) -> Option<u64> {
    let (number, inverse) = bytes.split_first_chunk::<8>()?;
    let number = u64::from_be_bytes(*number);
    (inverse == (!number).to_be_bytes()).then_some(number)
}

fn encode(number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[8..].copy_from_slice(&(!number).to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_set() {
        let folder = tempfile::tempdir().unwrap();
        let mark = Mark::open(folder.path(), "m", 7).unwrap();
        let read = || decode(&std::fs::read(folder.path().join("m")).unwrap());
        assert_eq!(read(), Some(7));
        mark.set(u64::MAX).unwrap();
        assert_eq!(read(), Some(u64::MAX));
    }

    #[test]
    fn any_other_bytes_are_no_mark() {
        let good = encode(9);
        assert_eq!(decode(&good), Some(9));
        for at in 0..good.len() {
            let mut bad = good;
            bad[at] ^= 1;
            assert_eq!((decode(&bad), decode(&good[..at])), (None, None), "byte {at}");
        }
    }
}
