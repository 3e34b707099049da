//! What every adapter of [`gossip_core`] has to do, as tests over real sockets.
//!
//! An adapter says by [`Adapter`] how one of its nodes is started, joined and stopped, and names that in one line of a test
//! file of its own, `tests/conformance.rs`:
//!
//! ```
//! # use std::future::Future;
//! # use std::io;
//! # use std::net::SocketAddr;
//! # use gossip_conformance::{Adapter, Start};
//! # use gossip_handle::{Handle, JoinFailure};
//! # #[derive(Debug)]
//! # struct MyNode;
//! #[derive(Debug)]
//! struct Mine;
//!
//! impl Adapter for Mine {
//!     type Peer = SocketAddr;
//!     type Place = SocketAddr;
//!     type Node = MyNode;
//!     type Error = io::Error;
//!
//!     fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
//!         // On the adapter's runtime, with whatever runs the nodes' tasks meanwhile.
//!         # drop(future); unimplemented!()
//!     }
//!
//!     async fn start(&self, start: Start<'_, SocketAddr>) -> Result<MyNode, io::Error> {
//!         // Of `start.name` and `start.generation`, with `start.config`, listening at `start.at`.
//!         # _ = start; unimplemented!()
//!     }
//!
//!     async fn join(&self, node: &MyNode, contact: &SocketAddr) -> Result<usize, JoinFailure> {
//!         self.handle(node).join(*contact).await
//!     }
//! #   fn handle<'n>(&self, _: &'n MyNode) -> &'n Handle<SocketAddr> { unimplemented!() }
//! #   fn place(&self, _: &MyNode) -> SocketAddr { unimplemented!() }
//! #   async fn shutdown(&self, _: MyNode) {}
//! #   async fn abort(&self, _: MyNode) {}
//!     // And `handle`, `place`, `shutdown`, `abort`, of a line each.
//! }
//!
//! gossip_conformance::behaviours!(Mine);
//! // Only if it speaks UDP, with the frames of `gossip_handle::frame` over TCP at the same port:
//! gossip_conformance::udp_behaviours!(Mine);
//! # fn main() {}
//! ```
//!
//! What runs the node of [`gossip_udp`] says even less: see [`Bind`].
//!
//! Each behaviour becomes one test, named after it. All of them wait for events and for conditions, against one deadline; where it
//! passes they say which behaviour of which adapter failed, at which node, and what that node saw.
//!
//! # Faults
//! The behaviours in [`udp`] run behind a [`relay::Relay`], a process of the user that stands between the nodes and delays,
//! drops, repeats and reorders what they say to each other, by a seed. An adapter over something else leaves them out, and brings
//! the faults of its own network.
//!
//! # Two adapters in one cluster
//! [`Mixed`] is an adapter of two that share addresses and runs every second node on the other: all behaviours hold for it, too.

mod adapter;
pub mod behaviour;
mod lab;
mod mixed;
pub mod relay;
pub mod udp;
mod udp_adapter;

pub use adapter::{Adapter, Start};
pub use mixed::{Either, Mixed};
pub use udp_adapter::{Bind, Udp};

/// A test for each behaviour that every adapter has.
#[macro_export]
macro_rules! behaviours {
    ($adapter:expr) => {
        $crate::tests_of! { $crate::behaviour, $adapter =>
            members_that_join_through_one_know_each_other,
            a_crash_is_seen_as_down,
            a_shutdown_is_seen_as_left_and_never_as_down,
            a_crashed_member_comes_back_at_its_place_with_a_higher_generation,
            a_payload_of_1_byte_is_delivered_once,
            a_payload_of_1_kib_is_delivered_once,
            a_payload_of_100_kib_is_delivered_once,
            a_payload_of_1_mb_is_delivered_once,
            keys_are_set_read_and_deleted_by_all,
            who_publishes_too_fast_is_told_to_wait_and_nothing_is_lost,
            who_sends_to_a_full_inbox_waits_and_nothing_is_lost,
            a_slow_consumer_is_told_how_much_it_missed,
            a_shutdown_in_the_middle_of_traffic_ends_everything_that_waits,
            a_place_that_is_taken_is_refused_and_named,
            garbage_on_connections_disturbs_nobody,
            connections_that_never_speak_nor_read_disturb_nobody,
            sixty_four_nodes_live_in_one_process,
        }
    };
}

/// A test for each behaviour of adapters over UDP.
#[macro_export]
macro_rules! udp_behaviours {
    ($adapter:expr) => {
        $crate::tests_of! { $crate::udp, $adapter =>
            keys_are_set_read_and_deleted_under_loss,
            a_message_is_delivered_once_under_loss_and_repetition,
            who_is_cut_off_is_seen_as_down_and_comes_back_by_itself,
            a_contact_that_is_not_there_fails_the_join_and_nothing_else,
            garbage_in_datagrams_is_dropped_and_counted,
            a_peer_that_never_reads_is_disconnected_and_holds_nobody_up,
        }
    };
}

/// A test for each of these functions of one adapter.
#[doc(hidden)]
#[macro_export]
macro_rules! tests_of {
    ($at:path, $adapter:expr => $($name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                use $at as behaviours;
                behaviours::$name(&$adapter);
            }
        )*
    };
}
