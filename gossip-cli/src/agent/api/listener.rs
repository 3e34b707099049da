//! The Unix socket: made for its owner alone, removed at the end.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};

use super::State;
use super::guard::Guard;
use super::server::{Accept, Server};
use crate::exit::Failure;
use crate::socket;

/// A socket that nobody is served at yet.
pub(in crate::agent) struct Listener {
    listener: UnixListener,
    file: SocketFile,
}

impl Listener {
    /// Makes the socket; only its owner may use it. One that a dead agent left behind is replaced.
    pub(in crate::agent) fn bind(path: &Path) -> Result<Self, Failure> {
        make_private_folder(path)?;
        remove_stale(path)?;
        let listener = bind_privately(path).map_err(|error| cannot("listen at", path, &error))?;
        let metadata = fs::symlink_metadata(path).map_err(|error| cannot("read", path, &error))?;
        Ok(Self { listener, file: SocketFile { path: path.to_path_buf(), mark: mark(&metadata) } })
    }

    /// Starts answering.
    pub(in crate::agent) fn serve(self, state: Arc<State>) -> Server {
        Server::start(self.listener, self.file, Guard::Owner, state)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        Self::accept(self).await.map(|(stream, _)| stream)
    }
}

/// Between making a socket and changing its mode others could connect. So it is made in a folder that only its owner may
/// enter, and moved when its mode is right.
fn bind_privately(path: &Path) -> io::Result<UnixListener> {
    let folder = path.with_file_name(format!(".g{}", std::process::id()));
    fs::DirBuilder::new().mode(0o700).create(&folder)?;
    let made = folder.join("s");
    let bound = UnixListener::bind(&made).and_then(|listener| {
        fs::set_permissions(&made, fs::Permissions::from_mode(0o600))?;
        fs::rename(&made, path)?;
        Ok(listener)
    });
    if bound.is_err() {
        // It may not exist; what matters is the first error.
        let _ = fs::remove_file(&made);
    }
    fs::remove_dir(&folder)?;
    bound
}

/// The default socket may live in the temporary folder, which everybody can write to: its own folder there must belong
/// to this user and be closed to others.
fn make_private_folder(path: &Path) -> Result<(), Failure> {
    let Some(folder) = path.parent().filter(|_| path == socket::path(None)) else { return Ok(()) };
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(cannot("make", folder, &error)),
    }
    let metadata = fs::symlink_metadata(folder).map_err(|error| cannot("read", folder, &error))?;
    let mine = metadata.uid() == rustix::process::getuid().as_raw();
    if !metadata.is_dir() || !mine || metadata.mode() & 0o022 != 0 {
        return Err(Failure::failed(format!(
            "others can write to {}: not a safe place for a socket",
            folder.display()
        ))
        .hint("name another place with --socket"));
    }
    Ok(())
}

fn remove_stale(path: &Path) -> Result<(), Failure> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(cannot("read", path, &error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(Failure::input(format!("{} exists and is no socket", path.display()))
            .hint("name another place with --socket"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(Failure::failed(format!("another agent listens at {}", path.display()))
            .hint("give each agent a socket of its own: --socket PATH")),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| cannot("remove the stale", path, &error))
        }
        Err(error) => Err(cannot("connect to", path, &error)),
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot {what} {}: {error}", path.display()))
        .hint("--socket names a path for the socket, shorter than 108 bytes, in a folder that the agent may write to")
}

/// Removes the socket's file at the end, unless somebody else has put another one in its place.
struct SocketFile {
    path: PathBuf,
    mark: Mark,
}

/// What tells one file from another that took its place: the inode, and since numbers are used again, its last change.
type Mark = (u64, i64, i64);

fn mark(metadata: &fs::Metadata) -> Mark {
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|metadata| mark(&metadata) == self.mark) {
            // Nothing can be done about it; the next agent finds it stale.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let _listener = Listener::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_second_agent_at_one_socket_is_refused_and_a_stale_one_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let Listener { listener, file } = Listener::bind(&path).unwrap();
        assert!(Listener::bind(&path).err().unwrap().message.contains("another agent"));
        drop(listener);
        assert!(path.exists());
        let second = Listener::bind(&path).unwrap();
        drop(file);
        assert!(path.exists(), "the first one's end must not remove the second one's socket");
        drop(second);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Listener::bind(file.path()).is_err());
        assert!(file.path().exists());
    }
}
