//! Files that are replaced as a whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Replaces `folder/name`: after a crash there is the old content or the new one.
pub(super) fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{name}.new"));
    let mut file = File::create(&temporary)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    if let Err(error) = written {
        // On a full disk half a file must not keep the room that others need.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    rename(folder, &temporary, name)
}

/// Puts a file that is on disk in the place of `folder/name`.
pub(super) fn rename(folder: &Path, file: &Path, name: &str) -> io::Result<()> {
    fs::rename(file, folder.join(name))?;
    // The rename itself is on disk only when the folder is.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "f", b"old").unwrap();
        write(folder.path(), "f", b"new").unwrap();
        assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_cannot_finish_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "f", b"old").unwrap();
        fs::create_dir(folder.path().join("f.new")).unwrap();
        assert!(write(folder.path(), "f", b"new").is_err());
        assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"old");
    }
}
