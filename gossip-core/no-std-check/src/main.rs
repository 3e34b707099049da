//! Two nodes meet without the standard library. It fails to build as soon as anything that the core depends on brings
//! the standard library in, since then there are two panic handlers. Its exit code is 0 if the nodes found each other.
#![no_std]
#![no_main]

extern crate gossip_crdt as _;
extern crate gossip_reconcile as _;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use gossip_core::kv::Scope;
use gossip_core::{Config, Identity, Instant, Lane, Node, NodeId, Transmit};

const HEAP: usize = 4 << 20;

/// Hands out one piece of memory after the other, and takes none back.
struct Bump {
    memory: UnsafeCell<[u8; HEAP]>,
    used: AtomicUsize,
}

// SAFETY: every byte is handed out once; the counter alone is shared.
unsafe impl Sync for Bump {}

// SAFETY: the piece lies within the memory, fits the layout, and belongs to nobody else.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.memory.get() as usize;
        let place = |used: usize| (base + used).next_multiple_of(layout.align()) - base;
        let fits = |used: usize| place(used).checked_add(layout.size()).filter(|end| *end <= HEAP);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(used) => (base + place(used)) as *mut u8,
            Err(_) => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static MEMORY: Bump = Bump { memory: UnsafeCell::new([0; HEAP]), used: AtomicUsize::new(0) };

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: it takes nothing and does not return.
    unsafe { abort() }
}

/// What the compiled `core` and `alloc` refer to in case of an unwinding, which this program is built without.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

// The C library starts the program; the core does not need it.
#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

/// The entry point that the C library calls.
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    if two_nodes_meet() == Some(()) { 0 } else { 1 }
}

fn two_nodes_meet() -> Option<()> {
    let node = |name, at| {
        Node::new(Identity::new(NodeId::from_name(name), 1), at, Config::lan(), [at as u8; 32], Instant::ZERO)
    };
    let mut nodes = [node("a", 1_u64).ok()?, node("b", 2).ok()?];
    nodes[1].join(Instant::ZERO, 1).ok()?;
    nodes[0].kv_mut(Instant::ZERO).set(Scope::Shared, b"key", b"value").ok()?;
    nodes[0].broadcasts_mut(Instant::ZERO).send(b"topic", b"hello").ok()?;
    let mut buf = [0; 1200];
    for milliseconds in 0..10_000 {
        let now = Instant::ZERO + Duration::from_millis(milliseconds);
        for from in [0, 1] {
            nodes[from].handle_timeout(now);
            while let Some(Transmit { len, .. }) = nodes[from].poll_transmit(now, Lane::Datagram, &mut buf) {
                _ = nodes[1 - from].handle_packet(now, Lane::Datagram, &(from as u64 + 1), &mut buf[..len]);
            }
        }
        let joined = nodes.iter().all(|node| node.members().live() == 2);
        if joined && nodes[1].kv().get(Scope::Shared, b"key").is_some() {
            return Some(());
        }
    }
    None
}
