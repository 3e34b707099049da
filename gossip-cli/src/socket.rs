//! Where agent and clients meet when nobody names a socket.

use std::path::{Path, PathBuf};

/// `--socket` or `GOSSIP_SOCKET` if given, else `gossip.sock` in the user's runtime folder, else in a folder of the
/// user's own in the temporary folder.
pub(crate) fn path(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| default_path(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)))
}

fn default_path(runtime: Option<PathBuf>) -> PathBuf {
    match runtime.filter(|folder| folder.is_absolute() && folder.is_dir()) {
        Some(folder) => folder.join("gossip.sock"),
        None => private_folder(&std::env::temp_dir()).join("gossip.sock"),
    }
}

/// The temporary folder belongs to everybody, so the socket gets a folder below it that only its owner may enter.
fn private_folder(temporary: &Path) -> PathBuf {
    temporary.join(format!("gossip-{}", rustix::process::getuid().as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_path_is_taken_as_it_is() {
        assert_eq!(path(Some("x.sock".into())), Path::new("x.sock"));
    }

    #[test]
    fn without_a_runtime_folder_the_socket_is_in_a_folder_of_the_user() {
        let path = default_path(None);
        assert!(path.starts_with(std::env::temp_dir()) && path.ends_with("gossip.sock"), "{}", path.display());
        assert_ne!(path.parent(), Some(std::env::temp_dir().as_path()));
    }
}
