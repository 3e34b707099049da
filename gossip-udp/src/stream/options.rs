//! How the stream lane behaves.

use std::time::Duration;

/// Times and limits of the TCP connections of a node. Start from the default and change what you must.
///
/// Whether there is a stream lane, and how long a frame may be, says `transport.stream` of the node's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamOptions {
    /// How long a connection may take to open. Then the peer gets datagrams for a while. Default 3 s.
    pub dial_timeout: Duration,
    /// How long the other end may take to say who it is. Default 3 s.
    pub handshake_timeout: Duration,
    /// How long a frame may take from its first byte to its last. Default 10 s.
    pub frame_timeout: Duration,
    /// How long the other end may take to read a frame. Then the connection is closed and what waits for it is dropped,
    /// so that a peer that never reads holds neither memory nor others up. Default 10 s.
    pub write_timeout: Duration,
    /// After how long without a byte in either direction a connection is closed. Default 60 s.
    pub idle_timeout: Duration,
    /// How many connections may wait to hear who the other end is. At the limit the one that waits longest is closed: a
    /// peer says so with its first packet, who says nothing cannot keep it out. Default 64.
    pub max_pending: usize,
    /// How many connections opened by others may be in use. At the limit further ones are refused. Default 256.
    pub max_accepted: usize,
    /// How many connections this node may have opened. At the limit other peers get datagrams. Default 256.
    pub max_dialed: usize,
    /// How many connections of either kind may be in use with one IP address. At the limit further ones are refused.
    /// Default 64, so that as many members of one machine may be peers.
    pub max_per_host: usize,
    /// How much is read from one IP address, in bytes per second averaged over a second; what comes faster waits in the
    /// network. Default 32 MiB.
    pub bytes_per_second_per_host: u64,
    /// How much is read from all. Default 128 MiB.
    pub bytes_per_second: u64,
    /// How many bytes of frames may wait for one peer. At the limit the newest are left out. Default 1 MiB.
    pub queue_bytes_per_peer: usize,
    /// How many bytes of frames may wait for all peers. At the limit the newest are left out. Default 16 MiB.
    pub queue_bytes: usize,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            dial_timeout: Duration::from_secs(3),
            handshake_timeout: Duration::from_secs(3),
            frame_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            max_pending: 64,
            max_accepted: 256,
            max_dialed: 256,
            max_per_host: 64,
            bytes_per_second_per_host: 32 << 20,
            bytes_per_second: 128 << 20,
            queue_bytes_per_peer: 1 << 20,
            queue_bytes: 16 << 20,
        }
    }
}
