//! Gossip nodes on a Cortex-M3 without an operating system: two meet and share a key, then thirty more join. Told is how
//! long that took by a virtual clock, and what the program and a node's memory came to.
#![no_std]
#![no_main]

extern crate alloc;

mod cluster;
mod memory;

use core::time::Duration;

use cortex_m_rt::{ExceptionFrame, entry, exception};
use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::hprintln;
use gossip_core::Node;
use gossip_core::kv::Scope;
use panic_semihosting as _;

use cluster::{Cluster, MEMBERS};

const KEY: &[u8] = b"greeting";

/// What a node that knows all members may take of the heap, in bytes.
const HEAP_MAX: usize = 24_000;

#[entry]
fn main() -> ! {
    memory::init();
    let mut cluster = Cluster::new();
    cluster.start();
    cluster.start();
    let met = cluster.run_until(&|node| node.members().live() == 2).expect("two nodes meet");
    hprintln!("2 nodes know each other after {} ms", millis(met));

    let set = cluster.with(0, |node, now| node.kv_mut(now).set(Scope::Shared, KEY, b"hello").is_ok());
    assert!(set, "there is room for a key");
    let read = cluster.run_until(&reads).expect("the other one reads the key");
    hprintln!("one sets a key, the other reads it after {} ms", millis(read));
    hprintln!("heap of a node that knows 2 members: {} bytes at most", peak(2));

    (2..MEMBERS).for_each(|_| cluster.start());
    let met = cluster.run_until(&|node| node.members().live() == MEMBERS && reads(node)).expect("all nodes meet");
    hprintln!("{} nodes know each other and the key after {} ms", MEMBERS, millis(met));
    // Pings, digests and comparisons have their turns, too.
    _ = cluster.run_until(&|_| false);
    let heap = peak(MEMBERS);
    hprintln!("heap of a node that knows {} members: {} bytes at most", MEMBERS, heap);
    assert!(heap <= HEAP_MAX, "a node takes more than that");

    let (text, constants) = memory::program();
    hprintln!("program: {} bytes, of which {} are constants", text + constants, constants);
    loop {
        debug::exit(EXIT_SUCCESS);
    }
}

/// Where a panic ends that aborts at once.
#[exception]
#[allow(unsafe_code, reason = "the handler's signature")]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    hprintln!("failed: what should be printed next was not reached");
    loop {
        debug::exit(EXIT_FAILURE);
    }
}

fn reads(node: &Node<u64>) -> bool {
    node.kv().get(Scope::Shared, KEY).is_some_and(|entry| entry.value == b"hello")
}

/// In a number that takes no long division to print.
fn millis(time: Duration) -> u32 {
    time.as_millis() as u32
}

/// Of the node that takes most.
fn peak(nodes: usize) -> usize {
    (0..nodes).map(memory::peak).max().unwrap_or_default()
}
