//! What the benchmarks and the allocation test measure: a node that knows a cluster, with the packets that others would
//! send it, and a packet of each kind. Everything is made from fixed numbers, so that two runs measure the same work.

pub mod known;
#[cfg(feature = "peers")]
pub mod peer_foca;
pub mod samples;
pub mod sets;

use std::net::{Ipv4Addr, SocketAddr};

use gossip_core::{Identity, NodeId};

/// The sizes of cluster that are measured.
pub const SIZES: [usize; 3] = [64, 1000, 4000];

/// A generation as an agent without a disk has it: Unix milliseconds.
const GENERATION: u64 = 1_700_000_000_000;

/// The `at`th member: a random id, started at a moment of its own.
pub fn identity(at: usize) -> Identity {
    let [high, low] = [mix(2 * at as u64), mix(2 * at as u64 + 1)];
    let id = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    Identity::new(NodeId::from_bytes(id), GENERATION + at as u64)
}

/// Where the `at`th member is reached.
pub fn addr(at: usize) -> SocketAddr {
    let [_, _, high, low] = (at as u32).to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(10, 0, high, low), 7946))
}

/// Numbers below `bound` in an order without pattern: whom a packet is about or comes from.
pub fn scattered(bound: usize) -> impl Iterator<Item = usize> {
    (0..).map(move |at| ((u128::from(mix(at)) * bound as u128) >> 64) as usize)
}

/// SplitMix64.
fn mix(at: u64) -> u64 {
    let state = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
