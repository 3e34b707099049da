//! What an adapter counts beside the node: connections, and what was lost on the way to a socket.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What an adapter counted since its node was started. All but `connections` only grow.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct TransportStats {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The same while they are counted, by all tasks of one adapter; from [`crate::Driver::transport`].
        #[derive(Debug, Default)]
        #[allow(missing_docs, reason = "as in `TransportStats`")]
        pub struct TransportCounters {
            $(pub $name: Counter,)*
        }

        impl TransportCounters {
            /// The counts at this moment.
            pub fn read(&self) -> TransportStats {
                TransportStats { $($name: self.$name.0.load(Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Datagrams that the system refused to send.
    datagrams_unsent,
    /// Errors of the socket while it was read.
    receive_errors,
    /// Connections that are open now, those included that have not said who they are.
    connections,
    /// Connections taken.
    accepted,
    /// Connections that this node opened.
    dialed,
    /// Connections that this node could not open in time, or at all.
    dial_failed,
    /// Connections closed because their other end did not begin as a gossip stream does, or not in time.
    handshake_failed,
    /// Connections closed because too many others had not said who they are, later than this one.
    closed_pending,
    /// Connections refused because as many as may be were open.
    refused_full,
    /// Connections refused because as many as may be were open to the same IP address.
    refused_host,
    /// Connections refused because no live member is known at the address.
    refused_stranger,
    /// Connections that the system could not hand over: mostly too many open files.
    accept_errors,
    /// Connections closed because a frame was longer, or shorter, than any may be.
    closed_frame_length,
    /// Connections closed because a frame was begun and not ended in time.
    closed_frame_timeout,
    /// Connections closed because what came was no packet of this cluster.
    closed_garbage,
    /// Connections closed because the other end did not read.
    closed_not_reading,
    /// Connections closed because nothing was said over them for long.
    closed_idle,
    /// How often reading was put off because a peer, or all of them, sent faster than they may.
    throttled,
    /// Packets dropped because they named another sender than whose connection they came by.
    wrong_sender,
    /// Datagrams left out because too many waited for the same peer.
    datagrams_unqueued,
    /// Frames left out because too many waited for the same peer, or for all.
    frames_unqueued,
    /// Frames left over when their connection ended.
    frames_unsent,
}

/// A count that many tasks change.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn count(&self) {
        self.add(1);
    }

    /// Adds so many.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Relaxed);
    }

    /// Takes one away, of what is open or waits now.
    pub fn take(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    /// How many there are.
    pub fn now(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
