//! A [`gossip_core`] node over UDP and TCP: all but the runtime.
//!
//! Applications use an adapter, such as `gossip-adapter-tokio-udp` or `gossip-adapter-async-std`, which gives them what is here under its own
//! name. An adapter is an implementation of [`runtime::Runtime`], and calls [`bind`]; the same code then moves the same bytes on
//! each runtime. This crate moves bytes and nothing else, too: retries, limits and deadlines are in the core.
//!
//! # Tasks
//! One task per node waits for the socket, for one timer and for the handles. With a stream lane there is one more, which
//! takes and opens connections, and one for each connection; the node's task waits for none of them: what finds no room is left
//! out and counted.
//!
//! # The stream lane
//! What is large goes over TCP, at the same port number, unless `config.transport.stream` is none: [`StreamOptions`] are its
//! times and limits, [`Handle::transport`] its counters. A peer that cannot be reached so gets datagrams.
//!
//! # Addresses
//! A node bound to an IPv4 address speaks IPv4, one bound to an IPv6 address speaks IPv6, one bound to `[::]` speaks
//! both. IPv4-mapped addresses stay inside this crate: the node sees and advertises plain IPv4. What is bound to all
//! addresses must be told by [`Options::advertise`] which of them the others reach it at; on a machine with several
//! addresses packets should leave from that one, since members believe an address only if packets come from it. The
//! interface of link-local IPv6 addresses is taken from the bound or the advertised one, or from [`Options::scope_id`].
//!
//! # System calls
//! [`quinn_udp`] receives: many datagrams in one call (`recvmmsg`, GRO) where the system can, one at a time elsewhere;
//! and it forbids fragmentation, so that `transport.datagram_mtu` is what travels. Its
//! batches to send (GSO) all go to one address, though, while a gossip node tells many peers one thing each; and of an
//! ICMP error it says who sent it, not which peer it is about. So on Linux [`rustix`] does these two: `sendmmsg`, and
//! the socket's error queue. Segments that the system joined (GRO) are taken apart again before the node sees them.
//!
//! # Errors of the network
//! None is fatal. A datagram that cannot be sent, and an ICMP error on Linux, becomes a hint to the node
//! (`handle_unreachable`), which finds out for itself, and is counted. A full send buffer makes the task wait a millisecond: what is
//! waiting by then is one batch; everything else has not been built yet.
//!
//! [`rustix`]: https://docs.rs/rustix

mod address;
mod bind;
#[cfg(test)]
mod blocking;
mod error;
mod inbox;
mod limit;
mod node;
mod options;
mod outbox;
#[cfg_attr(target_os = "linux", path = "platform_linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "platform_other.rs")]
mod platform;
mod running;
pub mod runtime;
mod shards;
mod signal;
mod socket;
mod stream;
mod task;

/// The example in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use bind::bind;
pub use error::BindError;
pub use gossip_handle::{Events, Handle, JoinFailure, TransportStats};
pub use node::UdpNode;
pub use options::Options;
pub use stream::StreamOptions;
