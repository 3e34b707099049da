//! Why a node could not be started.

use std::net::SocketAddr;
use std::{error, fmt, io};

use gossip_core::{ConfigError, SnapshotError};

/// Why an adapter's `bind` failed; nothing was started.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// The configuration cannot work.
    Config(ConfigError),
    /// The snapshot was refused.
    Snapshot(SnapshotError),
    /// Bound to all addresses, so the others must be told which one reaches the node.
    AdvertiseNeeded {
        /// The address asked for.
        bind: SocketAddr,
    },
    /// Nobody can reach a node at the advertised address.
    AdvertiseInvalid {
        /// The address to be advertised.
        advertise: SocketAddr,
    },
    /// The operating system refused the socket.
    Socket {
        /// The address asked for.
        bind: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The operating system refused the listener of the stream lane, at the address of the socket.
    Listener {
        /// The address asked for.
        bind: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing to run the node: the tokio adapter was not called from within a tokio runtime, or the system has no thread
    /// to give.
    NoRuntime {
        /// What is missing.
        source: io::Error,
    },
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Snapshot(error) => write!(f, "cannot restore the snapshot: {error}"),
            Self::AdvertiseNeeded { bind } => {
                write!(f, "cannot bind {bind} alone: set `advertise` to the address at which others reach this node")
            }
            Self::AdvertiseInvalid { advertise } => {
                write!(f, "cannot advertise {advertise}: nobody can send there; name one address of this machine")
            }
            Self::Socket { bind, source } => {
                write!(f, "cannot bind {bind}: {source}{}", hint(source))
            }
            Self::Listener { bind, source } => {
                write!(f, "cannot listen at TCP {bind} for the stream lane: {source}{}", hint(source))?;
                f.write_str(if source.kind() == io::ErrorKind::AddrInUse {
                    ", or do without a stream lane"
                } else {
                    ""
                })
            }
            Self::NoRuntime { source } => write!(f, "there is nothing to run the node: {source}"),
        }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another process has this port: choose another, or 0 for any",
        io::ErrorKind::AddrNotAvailable => "; the address is not one of this machine",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges",
        _ => "",
    }
}

impl error::Error for BindError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Snapshot(error) => Some(error),
            Self::Socket { source, .. } | Self::Listener { source, .. } | Self::NoRuntime { source } => Some(source),
            Self::AdvertiseNeeded { .. } | Self::AdvertiseInvalid { .. } => None,
        }
    }
}
